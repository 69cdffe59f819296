package analyzer

import (
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// blindness is when the capture of each node lost packets.
type blindness map[blindKey][]span

type blindKey struct{ domain, node string }

type span struct{ from, to time.Time }

const (
	maxBlindNodes = 10_000
	maxBlindSpans = 256
	// nearby joins spans that follow each other: drops are told each second.
	nearby = 5 * time.Second
)

// add notes drops: those of the capture, and of packets lost between agent
// and collector. What other stages drop on purpose hides nothing of a call.
func (b blindness) add(d *record.Drop) {
	if d.Stage != "capture" && d.Stage != "link" {
		return
	}
	k := blindKey{d.Domain, d.Node}
	spans, known := b[k]
	if !known && len(b) >= maxBlindNodes {
		return
	}
	if n := len(spans); n > 0 && !d.FromTime.After(spans[n-1].to.Add(nearby)) && !d.ToTime.Before(spans[n-1].from) {
		last := &spans[n-1]
		if d.FromTime.Before(last.from) {
			last.from = d.FromTime
		}
		if d.ToTime.After(last.to) {
			last.to = d.ToTime
		}
		return
	}
	if len(spans) >= maxBlindSpans {
		spans = slices.Delete(spans, 0, 1)
	}
	b[k] = append(spans, span{d.FromTime, d.ToTime})
}

// during reports whether a node that saw the call lost packets in its time.
func (b blindness) during(r *record.Call, lastSeen time.Time) bool {
	end := lastSeen
	if r.EndTime != nil {
		end = *r.EndTime
	}
	for _, node := range r.Nodes {
		for _, s := range b[blindKey{r.Domain, node}] {
			if !s.to.Before(r.FirstSeen) && !s.from.After(end) {
				return true
			}
		}
	}
	return false
}

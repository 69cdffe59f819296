package analyzer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/record"
)

// coverage is which hosts' media an agent was seen to see. It forgets those
// of which it heard longest ago.
type coverage struct {
	now, old map[coverKey]struct{}
}

type coverKey struct {
	domain string
	host   netip.Addr
}

const maxCovered = 250_000 // hosts in each half

func newCoverage() coverage { return coverage{map[coverKey]struct{}{}, map[coverKey]struct{}{}} }

func (c *coverage) add(domain string, host netip.Addr) {
	k := coverKey{domain, host}
	if _, ok := c.now[k]; ok {
		return
	}
	if len(c.now) >= maxCovered {
		c.now, c.old = c.old, c.now
		clear(c.now)
	}
	c.now[k] = struct{}{}
}

func (c *coverage) has(domain string, host netip.Addr) bool {
	k := coverKey{domain, host}
	if _, ok := c.now[k]; ok {
		return true
	}
	_, ok := c.old[k]
	return ok
}

// mediaSeen says which directions were seen. Nothing seen is "none" only
// where an agent is known to cover the addresses that media would have gone
// to, and not where another leg has it.
func (a *Analyzer) mediaSeen(r *record.Call, c *dialog.Call, m *callMedia, leg *dialog.Leg, seen [2]bool, flags map[string]bool) {
	switch {
	case seen[dialog.A] && seen[dialog.B]:
		r.MediaSeen = "both"
	case seen[dialog.A]:
		r.MediaSeen = "a"
	case seen[dialog.B]:
		r.MediaSeen = "b"
	default:
		covered := [2]bool{}
		for _, ep := range c.Endpoints {
			if (leg == nil || ep.Leg == nil || ep.Leg == leg) && !ep.NAT && a.covered.has(c.Domain(), ep.Addr.Addr()) {
				covered[ep.Owner] = true
			}
		}
		r.MediaSeen = "unknown"
		if covered[dialog.A] && covered[dialog.B] && !m.elsewhere {
			r.MediaSeen = "none"
			if r.State == record.Answered && r.DurationMs != nil && *r.DurationMs > soon.Seconds()*1000 {
				flags["no_media"] = true
			}
		}
	}
}

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

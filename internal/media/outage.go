package media

import (
	"time"

	"github.com/earshot-voip/earshot/internal/emodel"
)

// Outages tells what the outages of a stream cost, in order of time. An outage
// is time at R 0, and a burst of loss besides: it spoils the media around it,
// so that it costs no less than ITU-T G.107 takes for that much loss in one
// Interval that is sound else. So a longer outage never costs less than a shorter
// one, nor one of whole seconds less than a burst of loss just below. Outages that
// begin within an Interval after the first one are one burst. The zero value
// has seen none.
type Outages struct {
	to      time.Time // end of the latest
	until   time.Time // of the Interval that the latest burst is taken for
	missing float64   // packets in it
}

// Excess is what outages cost beyond that R is 0 and MOS 1 in them: points
// times packets. It can be negative, where a longer outage has less of it.
type Excess struct{ R, MOS float64 }

// Add sums up.
func (e *Excess) Add(o Excess) { e.R, e.MOS = e.R+o.R, e.MOS+o.MOS }

// Add takes an outage of a codec's packets, or the next part of one, and
// returns what it changes.
func (o *Outages) Add(s Speech, ptimeMs float64, from, to time.Time, missing float64) Excess {
	if ptimeMs <= 0 {
		ptimeMs = UsualPtimeMs
	}
	codec, ok := s.codec(&Counts{Expected: 1}, 0)
	if !ok || !from.Before(to) {
		return Excess{}
	}
	if !from.Before(o.until) && !from.Equal(o.to) {
		*o = Outages{until: from.Add(Interval)}
	}
	o.to = to
	of := Interval.Seconds() * 1000 / ptimeMs
	before := beyond(codec, o.missing, of)
	if to.After(o.until) { // what lies behind costs its time alone
		missing *= max(0, float64(o.until.Sub(from))) / float64(to.Sub(from))
	}
	o.missing += missing
	after := beyond(codec, o.missing, of)
	return Excess{after.R - before.R, after.MOS - before.MOS}
}

// beyond is what a burst of missing packets in an interval costs more than the
// time that they stand for. Beyond half of an interval there is nothing more
// that a burst could spoil, and the burst ratio comes to nothing.
func beyond(codec emodel.Codec, missing, of float64) Excess {
	burst := min(missing, of/2)
	ceiling := codec.Ceiling()
	cost := min(emodel.RCosts(codec, 100*burst/of, burst*(1-burst/of), 0).Loss, ceiling)
	best, left := codec.Scale.MOS(ceiling), codec.Scale.MOS(ceiling-cost)
	return Excess{R: max(0, cost*of-ceiling*missing), MOS: max(0, (best-left)*of-(best-1)*missing)}
}

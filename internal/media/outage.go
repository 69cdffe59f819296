package media

import (
	"time"

	"github.com/earshot-voip/earshot/internal/emodel"
)

// Outages tells what outages spoil beside the time that they take, in order of
// time. An outage is a burst of loss: what was heard around it counts for less,
// as ITU-T G.107 has it for as much loss in an Interval. Time is taken in blocks
// of one Interval from where an outage begins; what it has beyond a block, and
// the next one behind it, begin another. So a longer outage never costs less than a
// shorter one, nor one more than none, nor one of a second less than a burst of
// loss that is no outage. The zero value has seen none.
type Outages struct {
	until   time.Time // end of the block
	missing float64   // packets in it
}

// Spoilt is what was heard, in packets, and counts as if it had not been: for R
// and, whose scale is another one, for MOS.
type Spoilt struct{ R, MOS float64 }

// Add sums up.
func (s *Spoilt) Add(o Spoilt) { s.R, s.MOS = s.R+o.R, s.MOS+o.MOS }

// Add takes an outage of a codec's packets, or the next part of one.
func (o *Outages) Add(s Speech, ptimeMs float64, from, to time.Time, missing float64) Spoilt {
	codec, ok := s.codec(&Counts{Expected: 1}, 0)
	if !ok || !from.Before(to) {
		return Spoilt{}
	}
	of, rate := perInterval(ptimeMs), missing/float64(to.Sub(from))
	var sum Spoilt
	for from.Before(to) {
		if !from.Before(o.until) {
			from = from.Add(to.Sub(from) / Interval * Interval) // of whole blocks nothing is heard
			*o = Outages{until: from.Add(Interval)}
		}
		end := to
		if o.until.Before(to) {
			end = o.until
		}
		before := spoils(codec, o.missing, of)
		o.missing += rate * float64(end.Sub(from))
		after := spoils(codec, o.missing, of)
		sum.Add(Spoilt{after.R - before.R, after.MOS - before.MOS})
		from = end
	}
	return sum
}

// spoils is how much of an interval a burst of missing packets spoils beside
// them. Beyond half of it the burst ratio of G.107 comes to nothing, and there is
// no more that a burst could spoil.
func spoils(codec emodel.Codec, missing, of float64) Spoilt {
	burst := min(missing, of/2)
	ceiling := codec.Ceiling()
	if ceiling <= 0 {
		return Spoilt{}
	}
	cost := min(emodel.RCosts(codec, 100*burst/of, burst*(1-burst/of), 0).Loss, ceiling)
	best, left := codec.Scale.MOS(ceiling), codec.Scale.MOS(ceiling-cost)
	return Spoilt{R: max(0, cost/ceiling*of-missing), MOS: max(0, (best-left)/max(best-1, 1e-9)*of-missing)}
}

// Spoil has outages count, of which `missing` packets are in q as time at R 0
// and MOS 1: those of which sequence numbers tell, and silence.
func (q *Quality) Spoil(lost, silent Spoilt, missing float64) {
	heard := q.weight - missing
	if q.Samples == 0 || heard <= 0 {
		return
	}
	if all := lost.R + silent.R; all > 0 {
		taken := q.sumR * min(1, all/heard)
		q.sumR -= taken
		// Where both are in one block, the one that came later may have made less of it.
		ofLoss := taken * min(max(lost.R/all, 0), 1)
		q.sums.Loss += ofLoss
		q.sums.Silence += taken - ofLoss
	}
	if all := lost.MOS + silent.MOS; all > 0 {
		q.sumMOS -= (q.sumMOS - q.weight) * min(1, all/heard)
	}
}

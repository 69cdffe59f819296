package media

import (
	"math"
	"slices"
	"time"
)

// judgeable is how much media an interval needs for its score to count as the
// worst or best of a stream: of three packets one lost is no 33 %.
const judgeable = time.Second

// Costs are R points by what took them.
type Costs struct{ Codec, Loss, Discard, Silence float64 }

// Scored is one interval as Quality takes it.
type Scored struct {
	Score
	Time     time.Time // start of the interval
	LossPct  float64
	JitterMs *float64
	RTTMs    *float64
	DelayMs  *float64 // from mouth to ear; nil where it is not known
	// Ran is for how long its stream ran until the end of the interval, less the
	// time in which it was silent; 0 where it is not known.
	Ran time.Duration
}

// Extreme is what the worst or the best interval looked like.
type Extreme struct {
	R, MOS   float64
	Time     time.Time // start of the interval
	LossPct  float64
	JitterMs *float64
	RTTMs    *float64
}

// Quality adds up the scores of the intervals of one stream, or of several
// that make up one direction of a call. Scales are kept apart: what it says is
// of the scale that most of the packets have. The zero value has none.
type Quality struct {
	scored
	rest []*scored // of the other scales: a call has more than one only when its codec changes
}

// scored adds up the scores on one scale.
type scored struct {
	Samples uint32  // intervals with a score
	Worst   Extreme // of the intervals with a second of media; of all while there is none
	Best    Extreme // of the same
	Codec   Score   // with the lowest Ceiling; Configured where any is

	weight, sumR, sumMOS     float64
	sumCeiling               float64
	sums                     Costs   // times weight
	sumCost, sumDrop, weighs float64 // R and MOS that delay cost, in the intervals whose delay is known
	length                   time.Duration
	media                    time.Duration // that counts
	judged                   bool          // Worst and Best come from intervals long enough
}

// Add takes in one interval of a stream, or of silence. Its packets are its
// weight, as far as the stream has run for the media that they make with those
// before. An interval of which nothing came is a part of a longer outage, and
// counts for the worst however short.
func (q *Quality) Add(s Scored, r *Report) {
	length := r.Length()
	w := float64(r.Delta.Expected)
	if r.Delta.Packets > 0 && s.Ran > 0 {
		w = min(w, max(0, float64(s.Ran+r.packet()+lateStart-q.took())/float64(r.packet())))
	}
	e := Extreme{s.R, s.MOS, s.Time, s.LossPct, s.JitterMs, s.RTTMs}
	one := scored{
		Samples: 1, Worst: e, Best: e, Codec: s.Score, weight: w, sumR: s.R * w, sumMOS: s.MOS * w, sumCeiling: s.Ceiling * w,
		length: length, media: time.Duration(w * float64(r.packet())), judged: length >= judgeable || r.Delta.Packets == 0,
		sums: Costs{Codec: s.CodecCost * w, Loss: s.LossCost * w, Discard: s.DiscardCost * w},
	}
	if s.Silent {
		one.sums.Loss, one.sums.Silence = 0, one.sums.Loss
	}
	if s.DelayMs != nil {
		rcq, cq, _ := s.Conversational(*s.DelayMs)
		one.sumCost, one.sumDrop, one.weighs = (s.R-rcq)*w, (s.MOS-cq)*w, w
	}
	q.Merge(&Quality{scored: one})
}

// UsualPtimeMs is taken for the packet time where nothing tells it (RFC 3551,
// section 4.2).
const UsualPtimeMs = 20

// lateStart is how late the first packets may be without being fewer: a second of
// them stands for a second although the first one came late.
const lateStart = 200 * time.Millisecond

// Length is how much media the interval had: what its packets stand for by
// their timestamps, and no more than the time that they came in.
func (r *Report) Length() time.Duration {
	packet := r.packet()
	length := time.Duration(r.Delta.Expected) * packet
	if r.Delta.Packets > 0 {
		from, to := r.Start, r.Start.Add(Interval)
		if r.First.After(from) {
			from = r.First
		}
		if r.Last.Before(to) {
			to = r.Last
		}
		length = min(length, max(0, to.Sub(from))+packet+lateStart)
	}
	return length
}

func (r *Report) packet() time.Duration {
	ptime := r.PtimeMs
	if ptime <= 0 {
		ptime = UsualPtimeMs
	}
	return max(1, time.Duration(ptime*float64(time.Millisecond)))
}

// took is how much media counts, on all scales.
func (q *Quality) took() time.Duration {
	sum := q.media
	for _, o := range q.rest {
		sum += o.media
	}
	return sum
}

// Enough reports whether there was enough media to say anything: a second.
func (q *Quality) Enough() bool {
	length := q.length
	for _, o := range q.rest {
		length += o.length
	}
	return q.Samples > 0 && length >= judgeable
}

// Mixed reports whether some of it is on other scales, of which nothing is said.
func (q *Quality) Mixed() bool { return len(q.rest) > 0 }

// Merge takes in what another stream of the same direction had.
func (q *Quality) Merge(o *Quality) {
	q.take(&o.scored)
	for _, from := range o.rest {
		q.take(from)
	}
	for i, other := range q.rest {
		if other.weight > q.weight {
			q.scored, *q.rest[i] = *other, q.scored
		}
	}
}

func (q *Quality) take(from *scored) {
	if from.Samples == 0 {
		return
	}
	if q.Samples == 0 || q.Codec.Scale == from.Codec.Scale {
		q.merge(from)
		return
	}
	for i, to := range q.rest {
		if to.Codec.Scale == from.Codec.Scale {
			own := *to // may be another stream's, too
			own.merge(from)
			q.rest[i] = &own
			return
		}
	}
	own := *from
	q.rest = append(slices.Clip(q.rest), &own)
}

func (q *scored) merge(o *scored) {
	first := q.Samples == 0 || o.judged && !q.judged
	if first || o.judged == q.judged {
		if first || o.Worst.R < q.Worst.R {
			q.Worst = o.Worst
		}
		if first || o.Best.R > q.Best.R {
			q.Best = o.Best
		}
	}
	configured := q.Codec.Configured || o.Codec.Configured
	if q.Samples == 0 || o.Codec.Ceiling < q.Codec.Ceiling {
		q.Codec = o.Codec
	}
	q.Codec.Configured = configured
	q.judged = q.judged || o.judged
	q.Samples += o.Samples
	q.length += o.length
	q.media += o.media
	q.weight += o.weight
	q.sumR += o.sumR
	q.sumMOS += o.sumMOS
	q.sumCeiling += o.sumCeiling
	q.sums.Codec += o.sums.Codec
	q.sums.Loss += o.sums.Loss
	q.sums.Discard += o.sums.Discard
	q.sums.Silence += o.sums.Silence
	q.sumCost += o.sumCost
	q.sumDrop += o.sumDrop
	q.weighs += o.weighs
}

// R is the mean of the intervals' R, weighted by their packets; valid iff
// Samples is not 0.
func (q *scored) R() float64 { return q.sumR / q.weight }

// MOS is the mean of the intervals' MOS, weighted by their packets; valid iff
// Samples is not 0.
func (q *scored) MOS() float64 { return q.sumMOS / q.weight }

// Ceiling is the mean of the best R that each interval's codec and mode allow,
// weighted alike: R is never above it. Valid iff Samples is not 0.
func (q *scored) Ceiling() float64 { return q.sumCeiling / q.weight }

// Costs are the R points that each impairment took, weighted as R is: R is
// Ceiling less Loss, Discard and Silence. Valid iff Samples is not 0.
func (q *scored) Costs() Costs {
	c := q.sums
	return Costs{Codec: c.Codec / q.weight, Loss: c.Loss / q.weight, Discard: c.Discard / q.weight, Silence: c.Silence / q.weight}
}

// MOSRange is the lowest and the highest MOS: of the intervals that were long
// enough to count as extremes, and of a mean, in which the short ones are too.
func (q *scored) MOSRange(mean float64) (lowest, highest float64) {
	return min(q.Worst.MOS, mean), max(q.Best.MOS, mean)
}

// Fits reports whether a score of the totals, on a scale and with a ceiling, is
// of the codec and mode that the intervals had: from the totals of packets that
// differ none can be told.
func (q *scored) Fits(scale string, ceiling float64) bool {
	return scale == q.Codec.Scale && math.Abs(ceiling-q.Ceiling()) <= 1
}

// DelayCost is what delay cost on average, in points of R and of MOS, over the
// intervals whose delay is known; ok is false where none is. Conversational
// quality is listening quality less this.
func (q *scored) DelayCost() (r, mos float64, ok bool) {
	if q.weighs == 0 {
		return 0, 0, false
	}
	return q.sumCost / q.weighs, q.sumDrop / q.weighs, true
}

// MOSCQ is MOS less what delay cost; ok is false where no delay is known.
func (q *scored) MOSCQ() (mos float64, ok bool) {
	_, drop, ok := q.DelayCost()
	return max(1, q.MOS()-drop), ok
}

// WorseThan compares two directions: by MOS on one scale; scales do not
// compare, so there by what is missing to the best that each codec allows.
func (q *Quality) WorseThan(o *Quality) bool {
	if q.Codec.Scale == o.Codec.Scale {
		return q.MOS() < o.MOS()
	}
	return q.Ceiling()-q.R() > o.Ceiling()-o.R()
}

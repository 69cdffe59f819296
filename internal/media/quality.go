package media

import (
	"time"

	"github.com/earshot-voip/earshot/internal/emodel"
)

// Score is the listening quality of one interval of one stream by the
// E-model, and why it is what it is. There is none for a codec without
// impairment factors.
type Score struct {
	R, MOS     float64 // R-LQ, and MOS-LQ clamped to 1..4.5
	Ceiling    float64 // the best R that the codec allows
	CodecCost  float64 // R points that the codec costs without loss
	LossCost   float64 // R points that loss costs
	Scale      string  // NB, WB, FB
	Model      string  // G.107 ...
	Status     string  // std, derived, or assumed where a factor is in no standard
	PLCAssumed bool    // the factors take a loss concealment for granted that nobody sees
}

// Speech is what a score needs to know of a codec.
type Speech struct {
	Encoding string // encoding name of the rtpmap
	Fmtp     string
	NoPLC    bool // score G.711 without loss concealment
}

// ScoreOf scores an interval: by the share of its expected packets that was
// lost, spread at random, and by the codec's factors (ITU-T G.107, G.113).
func ScoreOf(s Speech, r *Report) (Score, bool) {
	if s.Encoding == "" || r.Delta.Expected == 0 {
		return Score{}, false
	}
	bytes := 0
	if speech := r.Delta.Packets - r.Delta.Events - r.Delta.CN; speech > 0 {
		bytes = int(r.Delta.Bytes / speech)
	}
	codec, ok := emodel.Lookup(emodel.Format{Encoding: s.Encoding, Fmtp: s.Fmtp, PayloadBytes: bytes, NoPLC: s.NoPLC})
	if !ok {
		return Score{}, false
	}
	cost := emodel.RCosts(codec, LossPct(r.Delta.Lost, r.Delta.Expected), 1, 0)
	rating := emodel.BaseR - cost.Codec - cost.Loss
	status := "assumed"
	if codec.Status() <= emodel.Derived {
		status = codec.Status().String()
	}
	return Score{
		R: rating, MOS: emodel.ClampedMOS(rating), Ceiling: codec.Ceiling(), CodecCost: cost.Codec, LossCost: cost.Loss,
		Scale: codec.Scale.String(), Model: codec.Scale.Model(), Status: status, PLCAssumed: codec.PLCAssumed,
	}, true
}

// SimpleMOS is the simplified model that other tools show, clamped to 1..4.5;
// latency and jitter in ms.
func SimpleMOS(latency, jitter, lossPct float64) float64 {
	_, mos := emodel.Simple(latency, jitter, lossPct)
	return min(max(mos, 1), 4.5)
}

// LossPct is lost of expected packets in percent; 0 when none were expected.
func LossPct(lost, expected uint64) float64 {
	if expected == 0 {
		return 0
	}
	return 100 * float64(lost) / float64(expected)
}

// judgeable is how much media an interval needs for its score to count as the
// worst or best of a stream: of three packets one lost is no 33 %.
const judgeable = time.Second

// Scored is one interval as Quality keeps its worst.
type Scored struct {
	Score
	Time     time.Time // start of the interval
	LossPct  float64
	JitterMs *float64
	RTTMs    *float64
}

// Quality adds up the scores of the intervals of one stream, or of several
// that make up one direction of a call. The zero value has none.
type Quality struct {
	Samples uint32 // intervals with a score
	Worst   Scored // of the intervals with a second of media; of all while there is none
	Best    Score
	Codec   Score // with the lowest Ceiling

	weight, sumR, sumMOS float64
	judged               bool // Worst and Best come from intervals long enough
}

// Add takes in one interval. Its packets are its weight.
func (q *Quality) Add(s Scored, r *Report) {
	length := Interval
	if r.PtimeMs > 0 {
		length = time.Duration(float64(r.Delta.Expected) * r.PtimeMs * float64(time.Millisecond))
	}
	w := float64(r.Delta.Expected)
	q.Merge(&Quality{
		Samples: 1, Worst: s, Best: s.Score, Codec: s.Score, weight: w, sumR: s.R * w, sumMOS: s.MOS * w, judged: length >= judgeable,
	})
}

// Merge takes in what another stream of the same direction had.
func (q *Quality) Merge(o *Quality) {
	if o.Samples == 0 {
		return
	}
	first := q.Samples == 0 || o.judged && !q.judged
	if first || o.judged == q.judged {
		if first || o.Worst.R < q.Worst.R {
			q.Worst = o.Worst
		}
		if first || o.Best.R > q.Best.R {
			q.Best = o.Best
		}
	}
	if q.Samples == 0 || o.Codec.Ceiling < q.Codec.Ceiling {
		q.Codec = o.Codec
	}
	q.judged = q.judged || o.judged
	q.Samples += o.Samples
	q.weight += o.weight
	q.sumR += o.sumR
	q.sumMOS += o.sumMOS
}

// R is the mean of the intervals' R, weighted by their packets; valid iff
// Samples is not 0.
func (q *Quality) R() float64 { return q.sumR / q.weight }

// MOS is the mean of the intervals' MOS, weighted by their packets; valid iff
// Samples is not 0.
func (q *Quality) MOS() float64 { return q.sumMOS / q.weight }

package media

import (
	"math"

	"github.com/earshot-voip/earshot/internal/emodel"
)

// closed are the counters at the end of a stream. RFC 3611 appendix A.2 counts
// a run of losses when the next one begins: the last one is added here, and the
// one before the first, which there was not, is taken away.
func (b BurstGap) closed() BurstGap {
	if b.C13+b.C14 == 0 {
		return b
	}
	b.C13 = max(b.C13, 1) - 1
	if b.Lost > 1 {
		b.C13++
	} else {
		b.C14++
	}
	return b
}

// SinceBurst is how many numbers lie behind the last burst: two missing ones at
// least, with less than 16 heard between them. ok is false where there was
// none.
func (b BurstGap) SinceBurst() (n uint64, ok bool) {
	switch {
	case b.Lost > 1:
		return b.Packets, true
	case b.C13 > 1:
		return b.After + b.Packets, true
	}
	return 0, false
}

// Remembered is how a listener remembers a stream at its end: R on the codec's
// scale, and MOS, both without delay.
type Remembered struct {
	R, MOS  float64
	Scale   string  // NB, WB, FB
	Ceiling float64 // the best R that the codec allows
}

// Perceptual scores a whole stream by emodel.PerceptualR, as the adaptive buffer
// plays it. c, h and b count the whole stream; ptimeMs is 0 where it is not
// known. There is none where Score has none, and none of a lossy stream whose
// packet time is not known or whose b does not tell of the loss.
func Perceptual(s Speech, c *Counts, h *Heard, b BurstGap, ptimeMs float64) (Remembered, bool) {
	codec, ok := s.codec(c, ptimeMs)
	if !ok {
		return Remembered{}, false
	}
	r := 0.
	m, missing := b.closed().Metrics(ptimeMs)
	switch {
	case missing && ptimeMs > 0:
		since, _ := b.SinceBurst()
		r = emodel.PerceptualR(codec, emodel.BurstLoss{
			BurstDensityPct: m.BurstDensityPct, GapDensityPct: m.GapDensityPct,
			BurstS: m.BurstMs / 1000, GapS: m.GapMs / 1000, SinceS: float64(since) * ptimeMs / 1000,
		})
	case !missing && c.Lost == 0 && h.Discarded[Adaptive] == 0:
		r = codec.Ceiling()
	default:
		return Remembered{}, false
	}
	if math.IsNaN(r) || math.IsInf(r, 0) { // counters that no stream has
		return Remembered{}, false
	}
	return Remembered{r, codec.Scale.MOS(r), codec.Scale.String(), codec.Ceiling()}, true
}

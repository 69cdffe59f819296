package emodel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

var (
	handG711 = Codec{Name: "G.711 with concealment", Ie: 0, Bpl: 25.1}
	handG729 = Codec{Name: "G.729A", Ie: 11, Bpl: 19}
)

// TestPerceptualByHand: with b = 5 ln 2 s and g = 15 ln 2 s both exponentials
// are 1/2. G.711 (Ie 0, Bpl 25.1) at a density of 25.1 % has Ie,eff 95/2 = 47.5,
// in gaps without loss 0:
//
//	I1 = 47.5 (1 - 1/2) / (1 - 1/4) = 31.6667, I2 = I1 / 2 = 15.8333
//	Iav = [3.46574 47.5 - 5 (47.5 - 15.8333) / 2 + 15 31.6667 / 2] / 13.86294
//	    = (164.6225 - 79.1667 + 237.5) / 13.86294 = 23.2963
//	at once behind the burst: 23.2963 + 0.7 (31.6667 - 23.2963) = 29.1556
//	30 ln 2 s later: 23.2963 + 0.35 8.3703 = 26.2260; long after it: Iav
//
// G.729A (11, 19) at 19 % has 11 + 84/2 = 53, in gaps of 1 % 11 + 84/20 = 15.2:
//
//	I1 = (53/2 + 15.2/4) / (3/4) = 40.4, I2 = 15.2 + 25.2/2 = 27.8
//	Iav = [3.46574 53 + 10.39721 15.2 - 5 25.2/2 + 15 25.2/2] / 13.86294
//	    = (183.6841 + 158.0376 - 63 + 189) / 13.86294 = 33.7390
//	at once behind the burst: 33.7390 + 0.7 6.6610 = 38.4017
func TestPerceptualByHand(t *testing.T) {
	for _, c := range []struct {
		codec Codec
		loss  BurstLoss
		want  float64 // Ie,end
	}{
		{handG711, BurstLoss{25.1, 0, 5 * math.Ln2, 15 * math.Ln2, 0}, 29.1556},
		{handG711, BurstLoss{25.1, 0, 5 * math.Ln2, 15 * math.Ln2, 30 * math.Ln2}, 26.2260},
		{handG711, BurstLoss{25.1, 0, 5 * math.Ln2, 15 * math.Ln2, 3600}, 23.2963},
		{handG729, BurstLoss{19, 1, 5 * math.Ln2, 15 * math.Ln2, 0}, 38.4017},
		// No burst at all: what its gap alone costs, 95 5/(5 + 25.1).
		{handG711, BurstLoss{100, 5, 0, 60, 0}, 15.7807},
		// Nothing but one burst, of 5 %: the same.
		{handG711, BurstLoss{5, 0, 60, 0, 0}, 15.7807},
	} {
		if got := BaseR - PerceptualR(c.codec, c.loss); math.Abs(got-c.want) > 0.0001 {
			t.Errorf("%s, %+v: Ie,end is %.4f, want %.4f", c.codec.Name, c.loss, got, c.want)
		}
	}
}

// drawLoss draws loss whose bursts are denser than its gaps.
func drawLoss(t *rapid.T) BurstLoss {
	gap, burst := ordered(t, "densities", 0, 100)
	return BurstLoss{
		burst, gap, rapid.Float64Range(0.01, 100).Draw(t, "burst"), rapid.Float64Range(0.01, 1000).Draw(t, "gap"),
		rapid.Float64Range(0, 1000).Draw(t, "since"),
	}
}

// TestPerceptualWithoutLoss: it is the plain R of every codec.
func TestPerceptualWithoutLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, l := rapid.SampledFrom(Codecs()).Draw(t, "codec"), drawLoss(t)
		l.BurstDensityPct, l.GapDensityPct = 0, 0
		if got := PerceptualR(c, l); math.Abs(got-R(c, 0, 1, 0)) > slack {
			t.Fatalf("%v, want %v", got, R(c, 0, 1, 0))
		}
	})
}

// TestPerceptualOrder: denser bursts, denser gaps, longer bursts, shorter gaps
// and a later end of the last burst never raise it, and it lies between what
// its burst and its gap have as random loss.
func TestPerceptualOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, l := rapid.SampledFrom(Codecs()).Draw(t, "codec"), drawLoss(t)
		plain := PerceptualR(c, l)
		if least, most := R(c, l.BurstDensityPct, 1, 0), R(c, l.GapDensityPct, 1, 0); plain < least-slack || plain > most+slack {
			t.Fatalf("%v is not between %v and %v", plain, least, most)
		}
		more := rapid.Float64Range(0, 1).Draw(t, "more")
		for what, worse := range map[string]BurstLoss{
			"denser bursts": {l.BurstDensityPct + more*(100-l.BurstDensityPct), l.GapDensityPct, l.BurstS, l.GapS, l.SinceS},
			"denser gaps":   {l.BurstDensityPct, l.GapDensityPct + more*(l.BurstDensityPct-l.GapDensityPct), l.BurstS, l.GapS, l.SinceS},
			"longer bursts": {l.BurstDensityPct, l.GapDensityPct, l.BurstS * (1 + more), l.GapS, l.SinceS},
			"shorter gaps":  {l.BurstDensityPct, l.GapDensityPct, l.BurstS, l.GapS * (1 - more/2), l.SinceS},
			"later burst":   {l.BurstDensityPct, l.GapDensityPct, l.BurstS, l.GapS, l.SinceS * (1 - more)},
		} {
			if got := PerceptualR(c, worse); got > plain+slack {
				t.Fatalf("%s raise it from %v to %v", what, plain, got)
			}
		}
	})
}

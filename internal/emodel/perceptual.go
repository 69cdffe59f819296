package emodel

import "math"

// BurstLoss is how the loss of a stream lies in time, in the sense of RFC 3611
// section 4.7.2: bursts of much loss, gaps of little between them.
type BurstLoss struct {
	BurstDensityPct, GapDensityPct float64 // share of packets that is missing within them
	BurstS, GapS                   float64 // mean lengths, s; not both 0
	SinceS                         float64 // from the end of the last burst to the end of the stream, s
}

// How a listener follows a change of quality (Clark's extension of the
// E-model, ETSI TS 101 329-5 annex E): time constants in s, and the weight of
// the last burst.
const (
	worsens = 5.  // good to bad
	mends   = 15. // bad to good: slower
	forgets = 30.
	recency = 0.7
)

// PerceptualR is R as a listener judges a call at its end, without delay: bad
// times are felt at once and forgiven slowly, and of two equal bursts the later
// one weighs more. Burst and gap have each the impairment that their density
// would have as random loss (BurstR 1):
//
//	I1    = Ieb - (Ieb - I2) e^(-b/5)     felt at the end of a burst
//	I2    = Ieg + (I1 - Ieg) e^(-g/15)    felt at the end of a gap
//	Iav   = [b Ieb + g Ieg - 5 (Ieb - I2) (1 - e^(-b/5)) + 15 (I1 - Ieg) (1 - e^(-g/15))] / (b + g)
//	Ie,end = Iav + 0.7 (I1 - Iav) e^(-y/30)
//
// The first two are solved for I1. Without loss it is c.Ceiling().
func PerceptualR(c Codec, l BurstLoss) float64 {
	burst, gap := c.ieEff(l.BurstDensityPct, 1), c.ieEff(l.GapDensityPct, 1)
	rise, fall := -math.Expm1(-l.BurstS/worsens), -math.Expm1(-l.GapS/mends)
	// 1 - e^(-b/5) e^(-g/15), written so that short bursts lose no digits.
	felt := (burst*rise + (1-rise)*gap*fall) / (rise + fall - rise*fall)
	left := gap + (felt-gap)*(1-fall)
	mean := (l.BurstS*burst + l.GapS*gap - worsens*(burst-left)*rise + mends*(felt-gap)*fall) / (l.BurstS + l.GapS)
	return c.Scale.Base() - mean - recency*(felt-mean)*math.Exp(-l.SinceS/forgets)
}

package emodel

// BaseR is R with every parameter of G.107 at its default: no loss, no delay,
// no echo, a codec without impairment. It is Defaults().R(), and takes in the
// 0.149 points of Idle; models that leave those out begin at 93.35, those of
// Ro alone at 94.77.
const BaseR = 93.206207723276

// R is what a passive probe can know of the model of c's scale (G.107, G.107.1,
// G.107.2): the base, the codec with its loss of ppl percent and burst ratio
// burstR, and the absolute delay ta in ms. Everything acoustic stays at its
// default and the connection is taken to be free of echo.
//
// With ta 0 it is listening quality (R-LQ, MOS-LQ). Conversational quality
// needs the one-way delay, which a probe has only from RTCP: without it there
// is no R-CQ, rather than one with a delay of 0. R is not clamped; c.Scale.MOS
// is its score.
func R(c Codec, ppl, burstR, ta float64) float64 {
	return c.Scale.Base() - c.Scale.idd(ta) - c.ieEff(ppl, burstR)
}

// Ceiling is the best R that c allows: no loss and no delay.
func (c Codec) Ceiling() float64 { return c.Scale.Base() - c.Ie }

// Costs are the R points that each impairment takes from the base of the
// codec's scale.
type Costs struct {
	Codec float64 // Ie: the codec without loss
	Loss  float64 // what loss adds to it
	Delay float64 // Idd
}

// RCosts breaks R down: c.Scale.Base() minus the three is R.
func RCosts(c Codec, ppl, burstR, ta float64) Costs {
	return Costs{Codec: c.Ie, Loss: c.ieEff(ppl, burstR) - c.Ie, Delay: c.Scale.idd(ta)}
}

// burstyAt is the burst ratio that BplBursty is taken to have been measured at:
// bursts of twice the length that random loss has. No source tells the true one.
const burstyAt = 2

// burst gives the Bpl and the burst ratio that stand for loss of burst ratio
// burstR. Where a codec has a Bpl of bursty loss, that Bpl holds the burstiness,
// and with the burst ratio in the formula it would count twice. So up to burstyAt
// Bpl passes over evenly from random to bursty with a ratio of 1, and the ratio
// begins to count from there on, where the measurement ends. Neither has a step,
// and R falls all the way. (Bpl of random loss with the measured ratio throughout
// would leave the measurement unused: for narrowband Opus in
// VBR no ratio however large brings 5 % loss down to what was measured.)
func (c Codec) burst(burstR float64) (bpl, ratio float64) {
	if c.BplBursty <= 0 || c.BplBursty >= c.Bpl {
		return c.Bpl, burstR
	}
	share := (min(max(burstR, 1), burstyAt) - 1) / (burstyAt - 1)
	return c.Bpl + share*(c.BplBursty-c.Bpl), max(burstR/burstyAt, 1)
}

// ieEff is the equipment impairment of c with its loss. No burstR has a lower
// one than a lesser burstR, whatever BplBursty is.
func (c Codec) ieEff(ppl, burstR float64) float64 {
	bpl, ratio := c.burst(burstR)
	return ieEff(c.Scale.ieLimit(), c.Ie, bpl, ppl, ratio)
}

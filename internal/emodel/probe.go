package emodel

// BaseR is R with every parameter of G.107 at its default: no loss, no delay,
// no echo, a codec without impairment. It is Defaults().R(), and takes in the
// 0.149 points of Idle; models that leave those out begin at 93.35, those of
// Ro alone at 94.77.
const BaseR = 93.206207723276

// R is what a passive probe can know of G.107, G.107.1 or G.107.2, whichever
// is the codec's: the base of the scale, the codec with its
// loss of ppl percent and burst ratio burstR, and the absolute delay ta in
// ms. Everything acoustic stays at its default and the connection is taken
// to be free of echo.
//
// With ta 0 it is listening quality (R-LQ, MOS-LQ). Conversational quality
// needs the one-way delay, which a probe has only from RTCP: without it there
// is no R-CQ, rather than one with a delay of 0. R is not clamped.
func R(c Codec, ppl, burstR, ta float64) float64 {
	return c.Scale.Base() - c.Scale.idd(ta) - c.ieEff(ppl, burstR)
}

// Ceiling is the best R that c allows: no loss and no delay.
func (c Codec) Ceiling() float64 { return c.Scale.Base() - c.Ie }

// Costs are the R points that each impairment takes from the base of the scale.
type Costs struct {
	Codec float64 // Ie: the codec without loss
	Loss  float64 // what loss adds to it
	Delay float64 // Idd
}

// RCosts breaks R down: the base of the codec's scale minus the three is R.
func RCosts(c Codec, ppl, burstR, ta float64) Costs {
	return Costs{Codec: c.Ie, Loss: c.ieEff(ppl, burstR) - c.Ie, Delay: c.Scale.idd(ta)}
}

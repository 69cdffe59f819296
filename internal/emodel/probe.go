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

// burstyFrom is the burst ratio from which upwards loss is bursty enough for
// BplBursty. Between 1, which is random, and here Bpl passes over into it
// evenly: a step would let the least change of BurstR move R by many points.
const burstyFrom = 1.2

// ieEff is the equipment impairment of c with its loss. No burstR has a lower
// one than a lesser burstR, whatever BplBursty is.
func (c Codec) ieEff(ppl, burstR float64) float64 {
	bpl := c.Bpl
	if c.BplBursty > 0 && c.BplBursty < c.Bpl {
		share := (min(max(burstR, 1), burstyFrom) - 1) / (burstyFrom - 1)
		bpl += share * (c.BplBursty - c.Bpl)
	}
	return ieEff(c.Scale.ieLimit(), c.Ie, bpl, ppl, burstR)
}

package emodel

// Base is R on the scale with every parameter at its default: no loss, no
// delay, a codec without impairment. That of the wideband and fullband models
// is the top of their scale (G.107.1, G.107.2).
func (s Scale) Base() float64 {
	switch s {
	case WB:
		return 129
	case FB:
		return 148
	default:
		return BaseR
	}
}

// MOS turns an R on the scale into a mean opinion score within 1 to 4.5: the
// cubic of G.107 Annex B over R / 1.29 on the wideband scale (G.107.1) and over
// R / 1.48 on the fullband one (G.107.2).
func (s Scale) MOS(r float64) float64 {
	switch s {
	case WB:
		r /= 1.29
	case FB:
		r /= 1.48
	case NB:
	}
	return ClampedMOS(r)
}

// idd is the delay impairment on the scale. G.107.2 stretches that of G.107 by
// its range; G.107.1 takes it as it is.
func (s Scale) idd(ta float64) float64 {
	if s == FB {
		return 1.48 * Idd(ta)
	}
	return Idd(ta)
}

// worst is what no speech at all costs beside a codec's Ie: 95 in the
// narrowband and wideband models, 132 in the fullband one.
func (s Scale) worst() float64 {
	if s == FB {
		return 132
	}
	return 95
}

// ieEff is the equipment impairment of c with ppl percent of its packets lost
// in bursts of ratio burstR. Where the robustness to bursts is published apart
// (Opus), burstR fades from the one to the other: the bursts of the study are
// about twice as long as random ones.
func (c Codec) ieEff(ppl, burstR float64) float64 {
	if ppl <= 0 {
		return c.Ie
	}
	burstR = max(burstR, 1)
	bpl := c.Bpl
	if c.BplBursty > 0 {
		bpl += (min(c.BplBursty, c.Bpl) - c.Bpl) * min(burstR-1, 1)
		burstR = 1 // it is in Bpl already; the ratio would take it for the better
	}
	return c.Ie + max(0, c.Scale.worst()-c.Ie)*ppl/(ppl/burstR+bpl)
}

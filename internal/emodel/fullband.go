package emodel

// The fullband E-model, G.107.2, with every parameter but loss, delay and
// codec at its default:
//
//	R = 148 - 1.48 Idd - (Ie + (132-Ie) Ppl / (Ppl/BurstR + Bpl))
//	MOS = cubic(R / 1.48)
const (
	baseFB    = 148
	stretchFB = 1.48
	ieLimitFB = 132
)

// The factors that other tools (rtpengine, wire-avs) give to Opus and EVS alike
// on the fullband scale, whatever the bit rate.
var (
	opusUnknown = Codec{
		Name: "Opus", Scale: FB, Ie: 10.2, Bpl: 4.3,
		IeStatus: Assumed, BplStatus: Assumed, Source: fromTools,
	}
	evs = Codec{
		Name: "EVS", Scale: FB, Ie: 10.2, Bpl: 4.3,
		IeStatus: Assumed, BplStatus: Assumed, Source: fromTools,
	}
)

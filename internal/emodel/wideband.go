package emodel

// The wideband E-model, G.107.1, with every parameter but loss, delay and
// codec at its default:
//
//	R = 129 - Idd - (Ie + (95-Ie) Ppl / (Ppl/BurstR + Bpl))
//	MOS = cubic(R / 1.29)
const (
	baseWB    = 129
	stretchWB = 1.29
)

// wbConcealment is the Bpl on the wideband scale of codecs whose decoders
// replace lost frames: the lower half of what is told of G.722.2, 4.3 to 5.
const wbConcealment = 4.5

// The wideband codecs of G.113 with its Amendment 1 and Appendix IV. Their Ie
// are those of G.113 as remembered, and differ from the ones of narrowband: on
// this scale G.711 itself has 36.
var (
	// G.722 conceals nothing by itself: its Bpl is that of a receiver with
	// the concealment of G.722 Appendix III or IV.
	g722 = Codec{
		Name: "G.722", Kbps: 64, Scale: WB, Ie: 13, Bpl: 7,
		IeStatus: Verify, BplStatus: Verify, Source: fromMemory, PLCAssumed: true,
	}
	g7221x24 = Codec{
		Name: "G.722.1 24", Kbps: 24, Scale: WB, Ie: 19, Bpl: noConcealment,
		IeStatus: Verify, BplStatus: Assumed, Source: fromMemory,
	}
	g7221x32 = Codec{
		Name: "G.722.1 32", Kbps: 32, Scale: WB, Ie: 13, Bpl: noConcealment,
		IeStatus: Verify, BplStatus: Assumed, Source: fromMemory,
	}
)

// amrWB are the modes of AMR-WB (G.722.2) by their number. That 23.85 has a
// higher Ie than 23.05 is no slip: it spends the difference on the gain of its
// highest band.
var amrWB = [9]Codec{
	amrWBMode("AMR-WB 6.60", 6.6, 41),
	amrWBMode("AMR-WB 8.85", 8.85, 26),
	amrWBMode("AMR-WB 12.65", 12.65, 13),
	amrWBMode("AMR-WB 14.25", 14.25, 10),
	amrWBMode("AMR-WB 15.85", 15.85, 7),
	amrWBMode("AMR-WB 18.25", 18.25, 5),
	amrWBMode("AMR-WB 19.85", 19.85, 4),
	amrWBMode("AMR-WB 23.05", 23.05, 1),
	amrWBMode("AMR-WB 23.85", 23.85, 8),
}

func amrWBMode(name string, kbps, ie float64) Codec {
	return Codec{
		Name: name, Kbps: kbps, Scale: WB, Ie: ie, Bpl: wbConcealment,
		IeStatus: Verify, BplStatus: Verify, Source: fromMemory,
	}
}

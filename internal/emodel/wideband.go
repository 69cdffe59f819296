package emodel

import "strconv"

// The wideband codecs of G.113 and its amendments, on the scale of G.107.1.
// Their factors were not found in any text at hand, so a score by them is
// marked as assumed.
var (
	g722x64  = wb("G.722 64", 64, 13, 7)
	g722x56  = wb("G.722 56", 56, 20, 7)
	g722x48  = wb("G.722 48", 48, 31, 7)
	g7221x24 = wb("G.722.1 24", 24, 19, 7)
	g7221x32 = wb("G.722.1 32", 32, 13, 7)

	wideband = []Codec{g722x64, g722x56, g722x48, g7221x24, g7221x32}
)

// amrWB are the modes of AMR-WB (G.722.2) by their number, RFC 4867.
var amrWB = [9]Codec{
	wb("AMR-WB 6.6", 6.6, 41, 4.5), wb("AMR-WB 8.85", 8.85, 26, 4.5), wb("AMR-WB 12.65", 12.65, 13, 4.5),
	wb("AMR-WB 14.25", 14.25, 10, 4.5), wb("AMR-WB 15.85", 15.85, 7, 4.5), wb("AMR-WB 18.25", 18.25, 5, 4.5),
	wb("AMR-WB 19.85", 19.85, 4, 4.5), wb("AMR-WB 23.05", 23.05, 1, 4.5), wb("AMR-WB 23.85", 23.85, 8, 4.5),
}

func wb(name string, kbps, ie, bpl float64) Codec {
	return Codec{Name: name, Kbps: kbps, Scale: WB, Ie: ie, Bpl: bpl, IeStatus: Verify, BplStatus: Verify, Source: "G.113, unconfirmed"}
}

// amrWBBits are the speech bits of a frame by mode (RFC 4867 3.6, table 1a).
var amrWBBits = [9]int{132, 177, 253, 285, 317, 365, 397, 461, 477}

// amrWBMode tells the mode as amrMode does; where nothing tells, it assumes
// 12.65, the highest that networks use everywhere.
func amrWBMode(f Format) Codec {
	for mode, bits := range amrWBBits {
		if f.PayloadBytes == (4+6+bits+7)/8 || f.PayloadBytes == 2+(bits+7)/8 {
			return amrWB[mode]
		}
	}
	if mode, err := strconv.Atoi(parameter(f.Fmtp, "mode-set")); err == nil && mode >= 0 && mode < len(amrWB) {
		return amrWB[mode]
	}
	return amrWB[2]
}

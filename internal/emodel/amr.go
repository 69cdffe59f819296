package emodel

import (
	"math"
	"strconv"
)

// Speech bits of a frame of 20 ms by mode (RFC 4867 3.6, tables 1 and 2 of
// TS 26.101 and TS 26.201).
var (
	amrBits   = [...]int{95, 103, 118, 134, 148, 159, 204, 244}
	amrWBBits = [...]int{132, 177, 253, 285, 317, 365, 397, 461, 477}
)

// amrMode tells the mode by the size of a packet, else by a mode-set that
// leaves no choice, else assumes the highest: AMR adapts, and an unrestricted
// sender begins there.
func amrMode(f Format) Codec {
	if mode, ok := frameMode(f, amrBits[:]); ok {
		return amr[mode]
	}
	c := amr[7]
	c.IeStatus = Assumed
	return c
}

// amrWBModeOf is amrMode for AMR-WB. What it assumes is 12.65, the highest of
// the mode sets that all networks share (TS 26.103): the higher ones are an
// operator's choice.
func amrWBModeOf(f Format) Codec {
	if mode, ok := frameMode(f, amrWBBits[:]); ok {
		return amrWB[mode]
	}
	c := amrWB[2]
	c.IeStatus = Assumed
	return c
}

// frameMode finds the mode by the size of a packet of frames that are all of
// one mode, as many as its packet time has, else by a mode-set of a single one.
//
// The size is, bandwidth-efficient (RFC 4867 4.3), 4 bits of mode request and
// for each frame 6 of table of contents and the speech; octet-aligned (4.4) a
// byte, and for each frame a byte and the speech. With one frame no size of the
// one is that of another mode in the other, so the fmtp need not be known; with
// more, octet-align decides between them. The mean of packets that differ, as
// with discontinuous transmission or changing modes, is the size of none.
func frameMode(f Format, bits []int) (int, bool) {
	frames := 1
	if n := math.Round(f.PtimeMs / 20); n > 1 && n <= 12 {
		frames = int(n)
	}
	efficient := func(bits int) int { return (4 + frames*(6+bits) + 7) / 8 }
	aligned := func(bits int) int { return 1 + frames*(1+(bits+7)/8) }
	sizes := [...]func(int) int{efficient, aligned}
	if parameter(f.Fmtp, "octet-align") == "1" {
		sizes = [...]func(int) int{aligned, efficient}
	}
	for _, size := range sizes {
		for mode, n := range bits {
			if f.PayloadBytes == size(n) && !f.PayloadMixed {
				return mode, true
			}
		}
	}
	mode, err := strconv.Atoi(parameter(f.Fmtp, "mode-set"))
	return mode, err == nil && mode >= 0 && mode < len(bits)
}

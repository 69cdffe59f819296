package signal

// muSquares and aSquares are the squares of the 16-bit samples that the codes
// of ITU-T G.711 stand for.
var muSquares, aSquares = squares(muLaw), squares(aLaw)

func squares(decode func(byte) int32) (out [256]uint32) {
	for code := range out {
		v := decode(byte(code))
		out[code] = uint32(v * v)
	}
	return out
}

// muLaw is the sample of a code of ITU-T G.711 table 2, in 16 bits.
func muLaw(code byte) int32 {
	u := ^code
	v := (int32(u&0x0f)<<3+0x84)<<(u>>4&7) - 0x84
	if u&0x80 != 0 {
		return -v
	}
	return v
}

// aLaw is the sample of a code of ITU-T G.711 table 1, in 16 bits. Its even
// bits are sent inverted.
func aLaw(code byte) int32 {
	a := code ^ 0x55
	v := int32(a&0x0f)<<4 + 8
	if segment := a >> 4 & 7; segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if a&0x80 == 0 {
		return -v
	}
	return v
}

// companded adds up a payload's squares, and looks for flat tops: loud is the
// code of the highest sample without its sign.
func companded(table *[256]uint32, loud byte, payload []byte) (energy uint64, clipped bool) {
	run, longest, sign := 0, 0, byte(0)
	for _, code := range payload {
		energy += uint64(table[code])
		if code&0x7f != loud {
			run = 0
			continue
		}
		if run > 0 && code&0x80 != sign {
			run = 0
		}
		sign = code & 0x80
		run++
		longest = max(longest, run)
	}
	return energy, longest >= flatTop
}

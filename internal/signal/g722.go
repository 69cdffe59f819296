package signal

// band is the decoder of the lower sub-band of ITU-T G.722 at 64 kbit/s, 0 to
// 4 kHz: blocks 2L, 3L, 4 and 5L of its section 3, by their names. The upper
// band is left out: of the long-term spectrum of speech (ITU-T P.50) less than
// a hundredth of the power lies above 4 kHz, which is 0.04 dB, and a line that
// carries nothing below carries nothing above.
type band struct {
	s, sz int32    // the predicted sample, and what the zeros give of it
	a     [2]int32 // poles
	b     [6]int32 // zeros
	r     [2]int32 // twice the reconstructed samples before, the latest first
	p     [2]int32 // the same without the poles
	d     [6]int32 // twice the quantised differences before, the latest first
	nb    int32    // logarithm of the scale factor
	det   int32    // scale factor
}

func newBand() *band { return &band{det: 32} }

// energy adds up the squares of the samples of a payload, scaled to 16 bits:
// those of the band have 15.
func (x *band) energy(payload []byte) uint64 {
	var sum uint64
	for _, octet := range payload {
		v := int64(x.next(octet & 0x3f)) // the upper two bits are the upper band's
		sum += uint64(v * v)
	}
	return 4 * sum
}

// next decodes one code of six bits.
func (x *band) next(code byte) int32 {
	// Block 5L: INVQBL, RECONS, LIMIT. What is heard has all six bits.
	out := min(max(x.s+x.det*inverse6[code&0x3f]>>15, -16384), 16383)

	// Blocks 2L and 3L: INVQAL, LOGSCL, SCALEL. What adapts has four of them.
	four := code >> 2 & 0x0f
	d := x.det * inverse4[four] >> 15
	x.nb = min(max(x.nb*127>>7+logScale[four], 0), 18432)
	x.det = exponents[x.nb>>6&31] << 1 >> (9 - x.nb>>11) << 2 // << 1: the shift of the standard may be one to the left

	x.adapt(d)
	return out
}

// adapt is block 4: the predictor follows the difference d.
func (x *band) adapt(d int32) {
	r, p := saturate(x.s+d), saturate(x.sz+d) // RECONS, PARREC

	// UPPOL2
	pole := saturate(x.a[0] << 2)
	if negative(p) == negative(x.p[0]) {
		pole = min(-pole, 32767)
	}
	a2 := pole>>7 + x.a[1]*32512>>15
	if negative(p) == negative(x.p[1]) {
		a2 += 128
	} else {
		a2 -= 128
	}
	a2 = min(max(a2, -12288), 12288)

	// UPPOL1
	a1 := x.a[0] * 32640 >> 15
	if negative(p) == negative(x.p[0]) {
		a1 += 192
	} else {
		a1 -= 192
	}
	limit := 15360 - a2
	a1 = min(max(a1, -limit), limit)

	// UPZERO, DELAYA and FILTEZ in one way through the zeros, which their leak
	// keeps within 16 bits.
	step := int32(128)
	if d == 0 {
		step = 0
	}
	var zeros int32
	latest := saturate(2 * d)
	for i, before := range x.d {
		opposed := (before ^ d) >> 31 // -1 where their signs differ, else 0
		b := x.b[i]*32640>>15 + (step ^ opposed) - opposed
		x.b[i], x.d[i] = b, latest
		zeros += b * latest >> 15
		latest = before
	}
	x.sz = saturate(zeros)

	// DELAYA, FILTEP, PREDIC
	x.a = [2]int32{a1, a2}
	x.p = [2]int32{p, x.p[0]}
	x.r = [2]int32{saturate(2 * r), x.r[0]}
	poles := saturate(a1*x.r[0]>>15 + a2*x.r[1]>>15)
	x.s = saturate(poles + x.sz)
}

func negative(v int32) bool { return v < 0 }

func saturate(v int32) int32 { return min(max(v, -32768), 32767) }

// The tables of ITU-T G.722 section 3: QM4 and QM6 (inverse quantisers of the
// lower band), ILB (the exponent of the scale factor) and WL by way of RL42.
var (
	inverse4 = [16]int32{
		0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
		20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
	}
	inverse6 = [64]int32{
		-136, -136, -136, -136, -24808, -21904, -19008, -16704,
		-14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576,
		-3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192,
		10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032,
		1688, 1360, 1040, 728, 432, 136, -432, -136,
	}
	logScale = [16]int32{
		-60, 3042, 1198, 538, 334, 172, 58, -30,
		3042, 1198, 538, 334, 172, 58, -30, -60,
	}
	exponents = [32]int32{
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383,
		2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371,
		3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
)

// Package emodel is the E-model: from loss, delay and a codec to the rating
// factor R and the mean opinion score. It is arithmetic without state.
//
// It holds the narrowband model of ITU-T G.107 in full, the short form that a
// passive probe can fill in (R and its parts) of the narrowband, wideband
// (G.107.1) and fullband (G.107.2) models, the codec table of G.113 Appendix I
// and later with the standing of each value, and the simplified model that
// other tools use. Each model has a scale of its own for R, and R of two scales
// do not compare; their MOS are each within their own band's listening context.
package emodel

import "math"

// Params are the input of G.107: the transmission parameters of its Table 2.
// Defaults gives every one its default value; the zero value means nothing.
type Params struct {
	SLR  float64 // send loudness rating, dB
	RLR  float64 // receive loudness rating, dB
	STMR float64 // sidetone masking rating, dB
	LSTR float64 // listener sidetone rating, dB; STMR + Dr
	Ds   float64 // D-value of the telephone at the send side, dB
	Dr   float64 // D-value at the receive side, dB; no formula takes it but that of LSTR
	TELR float64 // talker echo loudness rating, dB
	WEPL float64 // weighted echo path loss, dB
	T    float64 // mean one-way delay of the echo path, ms
	Tr   float64 // round-trip delay in a 4-wire loop, ms
	Ta   float64 // absolute delay, mouth to ear, in echo-free connections, ms
	Qdu  float64 // quantization distortion units
	Ie   float64 // equipment impairment factor, of the codec
	Bpl  float64 // packet-loss robustness factor, of the codec
	Ppl  float64 // random packet-loss probability, percent
	// BurstR is the mean length of observed bursts of loss over the mean
	// length expected of random loss; 1 is random.
	BurstR float64
	Nc     float64 // circuit noise at the 0 dBr point, dBm0p
	Nfor   float64 // noise floor at the receive side, dBmp
	Ps     float64 // room noise at the send side, dB(A)
	Pr     float64 // room noise at the receive side, dB(A)
	// A is the advantage of access: 5 for mobility in a building, 10 in a
	// vehicle, 20 where only several satellite hops reach.
	A float64

	// How much users mind delay: 1 and 100 ms by default; 0.55 and 120 ms
	// for low, 0.4 and 150 ms for very low sensitivity (G.107, 2015).
	DelaySensitivity float64 // sT
	MinDelay         float64 // mT, the least delay that is perceived, ms
}

// Defaults are the default values of G.107 Table 2: R is 93.2.
func Defaults() Params {
	return Params{
		SLR: 8, RLR: 2, STMR: 15, LSTR: 18, Ds: 3, Dr: 3, TELR: 65, WEPL: 110,
		Qdu: 1, Bpl: 4.3, BurstR: 1, Nc: -70, Nfor: -64, Ps: 35, Pr: 35,
		DelaySensitivity: 1, MinDelay: 100,
	}
}

// Terms are the intermediate values of G.107, by its names:
//
//	R = Ro - Is - Id - IeEff + A
type Terms struct {
	Ro    float64 // basic signal-to-noise ratio, 7.2
	Iolr  float64 // too low an overall loudness rating
	Ist   float64 // sidetone that is not optimal
	Iq    float64 // quantizing distortion
	Is    float64 // simultaneous impairment: Iolr + Ist + Iq, 7.3
	Idte  float64 // talker echo
	Idle  float64 // listener echo
	Idd   float64 // too long an absolute delay
	Id    float64 // delay impairment: Idte + Idle + Idd, 7.4
	IeEff float64 // equipment impairment with its packet loss, 7.5
	R     float64 // the rating factor
}

// R is the rating factor of p, G.107 equation 7-1. It is not clamped: MOS
// takes any value.
func (p Params) R() float64 { return p.Terms().R }

// Terms computes R and all that leads to it.
func (p Params) Terms() Terms {
	var t Terms

	// 7.2: noise, as powers added at the 0 dBr point.
	olr := p.SLR + p.RLR
	nos := p.Ps - p.SLR - p.Ds - 100 + 0.004*sq(p.Ps-olr-p.Ds-14)
	pre := p.Pr + 10*math.Log10(1+pow10((10-p.LSTR)/10))
	nor := p.RLR - 121 + pre + 0.008*sq(pre-35)
	nfo := p.Nfor + p.RLR
	no := 10 * math.Log10(pow10(p.Nc/10)+pow10(nos/10)+pow10(nor/10)+pow10(nfo/10))
	t.Ro = 15 - 1.5*(p.SLR+no)

	// 7.3
	x := (olr + 0.2*(64+no-p.RLR)) / 8
	t.Iolr = 20 * (math.Pow(1+math.Pow(x, 8), 1./8) - x)
	t.Ist = ist(-10 * math.Log10(pow10(-p.STMR/10)+math.Exp(-p.T/4)*pow10(-p.TELR/10)))
	q := 37 - 15*math.Log10(p.Qdu)
	g := 1.07 + 0.258*q + 0.0602*q*q
	y := (t.Ro-100)/15 + 46/8.4 - g/9
	z := 46./30 - g/40
	t.Iq = 15 * math.Log10(1+pow10(y)+pow10(z))
	t.Is = t.Iolr + t.Ist + t.Iq

	// 7.4
	t.Idte = p.idte(t.Ist, no)
	rle := 10.5 * (p.WEPL + 7) * math.Pow(p.Tr+1, -1./4)
	d := (t.Ro - rle) / 2
	t.Idle = d + math.Sqrt(d*d+169)
	t.Idd = IddSensitive(p.Ta, p.DelaySensitivity, p.MinDelay)
	t.Id = t.Idte + t.Idle + t.Idd

	// 7.5
	t.IeEff = IeEff(p.Ie, p.Bpl, p.Ppl, p.BurstR)

	t.R = t.Ro - t.Is - t.Id - t.IeEff + p.A
	return t
}

// ist is the sidetone term of 7.3, s its STMRo.
func ist(s float64) float64 {
	return 12*math.Pow(1+math.Pow((s-13)/6, 8), 1./8) -
		28*math.Pow(1+math.Pow((s+1)/19.4, 35), 1./35) -
		13*math.Pow(1+math.Pow((s-3)/33, 13), 1./13) + 29
}

// idte is the talker echo term of 7.4.
func (p Params) idte(ist, no float64) float64 {
	if p.T < 1 {
		return 0
	}
	terv := p.TELR - 40*math.Log10((1+p.T/10)/(1+p.T/150)) + 6*math.Exp(-0.3*p.T*p.T)
	if p.STMR < 9 {
		terv += ist / 2 // strong sidetone masks echo
	}
	roe := -1.5 * (no - p.RLR)
	re := 80 + 2.5*(terv-14)
	d := (roe - re) / 2
	idte := (d + math.Sqrt(d*d+100) - 1) * (1 - math.Exp(-p.T))
	if p.STMR > 20 {
		idte = math.Hypot(idte, ist)
	}
	return idte
}

// Idd is the impairment by the absolute delay ta, in ms, at default delay
// sensitivity: 0 up to 100 ms, then R points (G.107 7.4).
func Idd(ta float64) float64 { return IddSensitive(ta, 1, 100) }

// IddSensitive is Idd for other delay sensitivities: see Params.
func IddSensitive(ta, sT, mT float64) float64 {
	if ta <= mT {
		return 0
	}
	x := math.Log2(ta / mT)
	n := 6 * sT
	return 25 * (math.Pow(1+math.Pow(x, n), 1/n) - 3*math.Pow(1+math.Pow(x/3, n), 1/n) + 2)
}

// IeEff is the equipment impairment of a codec that loses ppl percent of its
// packets: from ie without loss towards 95 (G.107 equation 7-29). burstR
// below 1, loss more evenly spaced than random, counts as 1; ppl below 0 as
// 0.
func IeEff(ie, bpl, ppl, burstR float64) float64 { return ieEff(NB.ieLimit(), ie, bpl, ppl, burstR) }

// ieEff is IeEff towards another limit than 95. An ie that is beyond the limit
// by itself gets no better by loss.
func ieEff(limit, ie, bpl, ppl, burstR float64) float64 {
	if ppl <= 0 {
		return ie
	}
	return ie + max(limit-ie, 0)*ppl/(ppl/max(burstR, 1)+bpl)
}

func sq(x float64) float64 { return x * x }

func pow10(x float64) float64 { return math.Pow(10, x) }

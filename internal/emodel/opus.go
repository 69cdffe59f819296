package emodel

import "strings"

// opusRow are the factors of Opus at one bit rate: Ie, and Bpl at random and at
// bursty loss.
type opusRow struct{ kbps, ie, bpl, bursty float64 }

// opusTable are the rows of one audio bandwidth and rate control, by rising
// bit rate.
type opusTable struct {
	name      string
	bandwidth opusBandwidth
	cbr       bool
	scale     Scale
	rows      []opusRow
}

// opusTables are measurements from research (M. Alahmadi, P. Pocta, H. Melvin,
// "An Adaptive Bitrate Switching Algorithm for Speech Applications in Context of
// WebRTC", ACM TOMM 17(4), 2021, and the table published with it): no
// recommendation has factors of Opus. It was made for G.107, G.107.1 and G.107.2:
// so narrowband is on NB, wideband on WB, and super-wideband on FB.
//
// The published table is asked with a loss pattern, random or bursty, and answers
// with one Bpl; it has no burst ratio. So a pattern's Bpl already holds how bursty
// the pattern was, and stands with BurstR 1: see [Codec.burst]. It does not say
// which burst ratio its bursty pattern had: so Bpl is assumed, whatever stands in
// the row.
//
// That CBR at 25 kbit/s has a lower Ie than at 28 is no slip of ours.
var opusTables = [...]opusTable{
	{"Opus NB VBR", opusNB, false, NB, []opusRow{
		{6, 23.00, 24.6, 15.4}, {7, 21.26, 22.5, 14.4}, {8, 16.02, 20.3, 13.5}, {9, 11.74, 18.9, 12.4},
	}},
	{"Opus NB CBR", opusNB, true, NB, []opusRow{
		{6, 46.27, 8.9, 5.7},
		{7, 31.73, 18.2, 11.8},
		{8, 19.25, 15.1, 10.1},
		{9, 13.21, 17.2, 11.4},
		{10, 6.20, 15.3, 10.5},
		{11, 2.03, 16.0, 10.7},
	}},
	{"Opus WB VBR", opusWB, false, WB, []opusRow{
		{11, 28.41, 23.9, 20.1}, {12, 23.30, 22.2, 18.9}, {13, 19.96, 19.5, 16.9},
	}},
	{"Opus WB CBR", opusWB, true, WB, []opusRow{
		{12, 29.76, 24.8, 20.8}, {13, 26.16, 23.0, 19.4}, {14, 20.77, 17.6, 15.8}, {15, 18.06, 18.7, 16.1},
	}},
	{"Opus SWB VBR", opusSWB, false, FB, []opusRow{
		{14, 38.06, 16.5, 9.1},
		{15, 34.12, 15.0, 7.9},
		{16, 30.16, 11.8, 10.1},
		{19, 23.81, 10.7, 8.9},
		{22, 20.22, 10.5, 8.6},
		{25, 20.21, 11.3, 9.2},
		{28, 18.48, 10.6, 8.9},
		{31, 16.83, 10.4, 8.8},
		{34, 14.76, 10.1, 8.5},
		{37, 12.08, 10.4, 8.3},
		{40, 10.67, 9.8, 8.0},
	}},
	{"Opus SWB CBR", opusSWB, true, FB, []opusRow{
		{16, 36.88, 13.3, 10.8},
		{19, 29.58, 10.7, 8.9},
		{22, 23.38, 10.0, 8.5},
		{25, 22.64, 10.6, 8.7},
		{28, 23.65, 11.7, 10.0},
		{31, 21.74, 11.5, 9.6},
		{34, 20.62, 11.8, 9.7},
		{37, 16.23, 10.6, 9.0},
		{40, 15.90, 11.4, 9.4},
	}},
}

// codec is the codec of a row, or of what lies between two.
func (t *opusTable) codec(r opusRow, s Status) Codec {
	return Codec{
		Name: t.name, Kbps: r.kbps, Scale: t.scale, Ie: r.ie, Bpl: r.bpl, BplBursty: r.bursty,
		IeStatus: s, BplStatus: Assumed, Source: fromOpus,
	}
}

// opusMargin is how far above a table, in kbit/s, its last row stands in: rates
// are means over an interval, and waver.
const opusMargin = 1

// at finds the factors at a bit rate: those of a row, or on the line between
// two. Below the table they are its first row's, and above, as far as
// opusMargin, its last one's; inside is false then.
func (t *opusTable) at(kbps float64) (r opusRow, inside, ok bool) {
	first, last := t.rows[0], t.rows[len(t.rows)-1]
	switch {
	case !(kbps > 0 && kbps <= last.kbps+opusMargin): // nor NaN
		return opusRow{}, false, false
	case kbps < first.kbps:
		r = first
	case kbps > last.kbps:
		r = last
	default:
		inside = true
		i := 1
		for kbps > t.rows[i].kbps {
			i++
		}
		a, b := t.rows[i-1], t.rows[i]
		share := (kbps - a.kbps) / (b.kbps - a.kbps)
		between := func(x, y float64) float64 { return x*(1-share) + y*share } // exact at both ends
		r = opusRow{ie: between(a.ie, b.ie), bpl: between(a.bpl, b.bpl), bursty: between(a.bursty, b.bursty)}
	}
	r.kbps = kbps
	return r, inside, true
}

// opusBandwidth is the audio bandwidth that a packet of Opus is coded in.
type opusBandwidth uint8

const (
	opusNB opusBandwidth = iota
	opusMB
	opusWB
	opusSWB
	opusFB
)

// opusTOC reads the bandwidth out of the first byte of a packet (RFC 6716 3.1):
//
//	 0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+
//	| config  |s| c |
//	+-+-+-+-+-+-+-+-+
//
// config 0 to 11 is SILK, 12 to 15 hybrid, 16 to 31 CELT (table 2).
func opusTOC(b uint8) opusBandwidth {
	switch config := b >> 3; {
	case config < 4:
		return opusNB
	case config < 8:
		return opusMB
	case config < 12:
		return opusWB
	case config < 14:
		return opusSWB
	case config < 16:
		return opusFB
	case config < 20:
		return opusNB
	case config < 24:
		return opusWB
	case config < 28:
		return opusSWB
	default:
		return opusFB
	}
}

// opus scores by bandwidth and bit rate where there is a row for them. Rate
// control is variable unless the fmtp asks for a constant one (cbr=1, RFC 7587
// 6.1); above its table the other one's stands in. Whatever is in no table,
// mediumband and fullband with it, and all Opus under SRTP, is taken for fullband
// with the factors of other tools (Ie 10.2, Bpl 4.3), marked assumed.
//
// Those score better without loss than the first row of any table. A bit rate
// below the tables is therefore given their first row, marked assumed: a lower
// one would score higher than it. Above them they stand: a higher MOS than that of
// the last row without loss, and a lower one with it, for no table has a Bpl as
// low as 4.3. So from the last row upwards more bits may cost points under loss,
// and mediumband may score above wideband: both are the lack of a measurement,
// not a finding.
func opus(f Format) Codec {
	kbps := f.kbps()
	if f.FirstByteKnown && kbps > 0 {
		bandwidth, cbr := opusTOC(f.FirstByte), strings.TrimSpace(parameter(f.Fmtp, "cbr")) == "1"
		for _, own := range [...]bool{true, false} {
			for i := range opusTables {
				t := &opusTables[i]
				if t.bandwidth != bandwidth || (t.cbr == cbr) != own {
					continue
				}
				if r, inside, ok := t.at(kbps); ok {
					if own && inside {
						return t.codec(r, Derived)
					}
					return t.codec(r, Assumed)
				}
			}
		}
	}
	c := opusUnknown
	c.Kbps = kbps
	return c
}

package emodel

import (
	"strconv"
	"strings"
)

// Format is what signalling and the packets tell of a codec.
type Format struct {
	Encoding string // encoding name of the rtpmap, in any case: "PCMU", "G729"
	Fmtp     string // parameters of the fmtp line: "annexb=no", "mode-set=7;octet-align=1"
	// PayloadBytes is the RTP payload size that most packets have, 0 where it
	// is not known. It tells the mode of G.723.1, iLBC and AMR.
	PayloadBytes int
	// PtimeMs is the media time of a packet, ms, 0 where it is not known: with
	// the size it gives the bit rate of Opus.
	PtimeMs float64
	// Head is the first byte of the payload: the mode of Opus and EVS; valid iff
	// HasHead.
	Head    uint8
	HasHead bool
	// NoPLC scores G.711 as if its receiver concealed no loss (Bpl 4.3, not
	// 25.1). Nothing on the wire tells; it is configuration's.
	NoPLC bool
}

// Lookup finds the codec of a format, on the scale that it belongs to. It is
// false for codecs that no model has an Ie for (Speex, L16 ...): they have no
// R, and are never given that of another. Where the format leaves open which
// mode is used, the one assumed has IeStatus Assumed.
func Lookup(f Format) (Codec, bool) {
	switch strings.ToUpper(f.Encoding) {
	case "PCMU", "PCMA":
		if f.NoPLC {
			return g711, true
		}
		return g711PLC, true
	case "G729", "G729A", "G729B", "G729AB":
		// Annex B, which is VAD, is used unless annexb=no says otherwise
		// (RFC 4856, audio/G729). The name does not tell G.729 from G.729A:
		// their bit streams are the same.
		if strings.EqualFold(parameter(f.Fmtp, "annexb"), "no") {
			return g729, true
		}
		return g729aVAD, true
	case "G723":
		return g723(f), true
	case "GSM":
		return gsmFR, true
	case "GSM-HR-08":
		return gsmHR, true
	case "GSM-EFR":
		return gsmEFR, true
	case "AMR":
		return amrMode(f), true
	case "G726-40", "AAL2-G726-40":
		return g726x40, true
	case "G726-32", "AAL2-G726-32", "G721":
		return g726x32, true
	case "G726-24", "AAL2-G726-24":
		return g726x24, true
	case "G726-16", "AAL2-G726-16":
		return g726x16, true
	case "G728":
		return g728x16, true
	case "ILBC":
		return ilbc(f), true
	case "EVRC", "EVRC0":
		return is127, true
	case "G722":
		return g722x64, true
	case "G7221":
		if parameter(f.Fmtp, "bitrate") == "32000" {
			return g7221x32, true
		}
		return g7221x24, true
	case "AMR-WB":
		return amrWBMode(f), true
	case "EVS":
		return evs, true
	case "OPUS":
		return opus(f), true
	}
	return Codec{}, false
}

// parameter finds the value of a parameter of an fmtp line, "" where it is
// absent.
func parameter(fmtp, name string) string {
	for field := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// g723 tells the rate by the size of a frame: 24 bytes at 6.3 kbit/s, 20 at
// 5.3 (RFC 3551 4.5.3), one to several a packet; else by the bitrate that
// RFC 4856 allows in the fmtp.
func g723(f Format) Codec {
	at63, at53 := f.PayloadBytes > 0 && f.PayloadBytes%24 == 0, f.PayloadBytes > 0 && f.PayloadBytes%20 == 0
	bitrate := parameter(f.Fmtp, "bitrate")
	switch {
	case at63 && !at53:
		return g723MPMLQ
	case at53 && !at63:
		return g723ACELP
	case bitrate == "6.3":
		return g723MPMLQ
	case bitrate == "5.3":
		return g723ACELP
	}
	c := g723MPMLQ
	c.IeStatus = Assumed
	return c
}

// ilbc tells the mode by the size of a frame: 38 bytes for 20 ms, 50 for 30 ms
// (RFC 3952 section 3); else by the fmtp, where 30 ms is what its absence means.
func ilbc(f Format) Codec {
	at20, at30 := f.PayloadBytes > 0 && f.PayloadBytes%38 == 0, f.PayloadBytes > 0 && f.PayloadBytes%50 == 0
	switch {
	case at20 && !at30:
		return ilbc20
	case at30 && !at20:
		return ilbc30
	case parameter(f.Fmtp, "mode") == "20":
		return ilbc20
	}
	return ilbc30
}

// amrBits are the speech bits of a frame by mode (RFC 4867 3.6, table 1).
var amrBits = [8]int{95, 103, 118, 134, 148, 159, 204, 244}

// amrMode tells the mode by the size of a packet of one frame, else by a
// mode-set that leaves no choice, else assumes the highest: AMR adapts, and
// an unrestricted sender begins there.
//
// The size is, bandwidth-efficient (RFC 4867 4.3), 4 bits of mode request, 6
// of table of contents and the speech; octet-aligned (4.4) a byte, a byte and
// the speech. No size of the one is that of another mode in the other, so the
// fmtp need not be known.
func amrMode(f Format) Codec {
	for mode, bits := range amrBits {
		if f.PayloadBytes == (4+6+bits+7)/8 || f.PayloadBytes == 2+(bits+7)/8 {
			return amr[mode]
		}
	}
	if mode, err := strconv.Atoi(parameter(f.Fmtp, "mode-set")); err == nil && mode >= 0 && mode < len(amr) {
		return amr[mode]
	}
	c := amr[7]
	c.IeStatus = Assumed
	return c
}

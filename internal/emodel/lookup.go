package emodel

import (
	"math"
	"strconv"
	"strings"
)

// Format is what signalling and the packets tell of a codec.
type Format struct {
	Encoding string // encoding name of the rtpmap, in any case: "PCMU", "G729"
	Fmtp     string // parameters of the fmtp line: "annexb=no", "mode-set=7;octet-align=1"
	// PayloadBytes is the mean RTP payload size, 0 where it is not known. It
	// tells the mode of G.723.1, iLBC, AMR, AMR-WB and EVS, and with PtimeMs the
	// bit rate.
	PayloadBytes int
	// PayloadMixed is set where the packets are known to differ in size: then
	// PayloadBytes may be the size of none, and tells the bit rate only.
	PayloadMixed bool
	PtimeMs      float64 // time that a packet covers, ms; 0 where it is not known
	// FirstByte is the first byte of the RTP payload, valid iff FirstByteKnown.
	// In Opus it tells the audio bandwidth, in EVS the mode of a packet with a
	// header. In AMR and AMR-WB it begins with
	// the mode that the sender asks of the other side, not its own: their mode
	// is told by the size.
	FirstByte      uint8
	FirstByteKnown bool
	// NoPLC scores G.711 as if its receiver concealed no loss (Bpl 4.3, not
	// 25.1). Nothing on the wire tells; it is configuration's.
	NoPLC bool
}

// kbps is the bit rate of the payload in kbit/s, 0 where it is not known.
func (f Format) kbps() float64 {
	if f.PayloadBytes <= 0 || !(f.PtimeMs > 0) {
		return 0
	}
	return float64(f.PayloadBytes) * 8 / f.PtimeMs
}

// frames reports whether every packet has whole frames of so many bytes.
func (f Format) frames(bytes int) bool {
	return !f.PayloadMixed && f.PayloadBytes > 0 && f.PayloadBytes%bytes == 0
}

// Lookup finds the codec of a format, on the scale of its audio bandwidth. It
// is false for codecs that have no Ie anywhere (Speex, unknown ones): they have
// no R, and are never given that of another. Where the format leaves open which
// mode is used, the one taken has IeStatus Assumed.
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
		return g722, true
	case "G7221":
		return g7221(f)
	case "AMR-WB":
		return amrWBModeOf(f), true
	case "EVS":
		return evsModeOf(f), true
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
	at63, at53 := f.frames(24), f.frames(20)
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
	at20, at30 := f.frames(38), f.frames(50)
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

// g7221 tells the rate by the bitrate of the fmtp, which RFC 5577 demands, else
// by that of the packets, else assumes the lower. It is false for the other
// rates: 48 kbit/s only Annex C has, which is super-wideband and without an Ie.
func g7221(f Format) (Codec, bool) {
	bitrate, status := parameter(f.Fmtp, "bitrate"), Verify
	if bitrate == "" {
		if kbps := f.kbps(); kbps > 0 {
			bitrate = strconv.Itoa(int(math.Round(kbps)) * 1000)
		} else {
			bitrate, status = "24000", Assumed
		}
	}
	var c Codec
	switch bitrate {
	case "24000":
		c = g7221x24
	case "32000":
		c = g7221x32
	default:
		return Codec{}, false
	}
	c.IeStatus = status
	return c, true
}

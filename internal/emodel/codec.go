package emodel

// Status is the standing of a value: how far it may be relied upon. Higher is
// less.
type Status uint8

const (
	Std     Status = iota // in a published standard (G.113 Appendix I and later)
	Derived               // computed from published data
	Assumed               // no value is published, or which of several holds is not known
	Verify                // told, but not found in any text at hand
)

func (s Status) String() string {
	switch s {
	case Std:
		return "std"
	case Derived:
		return "derived"
	case Assumed:
		return "assumed"
	default:
		return "verify"
	}
}

// Codec is what the E-model knows of a codec in one of its modes.
type Codec struct {
	Name      string
	Kbps      float64 // bit rate of the speech, kbit/s
	Scale     Scale
	Ie        float64 // equipment impairment factor without loss, on Scale
	Bpl       float64 // packet-loss robustness factor, random loss
	BplBursty float64 // takes the place of Bpl where loss is bursty: see burst; 0 where there is none
	IeStatus  Status
	BplStatus Status // of BplBursty too
	Source    string // where Ie comes from, and Bpl unless it is assumed: "G.113 App. I"
	// PLCAssumed is set where Bpl takes for granted a packet-loss concealment
	// that is the receiver's own choice and that no probe sees.
	PLCAssumed bool
	Configured bool // the factors are those of an Override
}

// Status is the standing of what comes of c: that of its weaker value.
func (c Codec) Status() Status { return max(c.IeStatus, c.BplStatus) }

// Bpl where none is published.
const (
	// noConcealment is the Bpl of G.711 without concealment, which is also
	// the default of G.107: for waveform codecs whose decoders conceal
	// nothing by themselves.
	noConcealment = 4.3
	// celpConcealment is for codecs whose decoders replace lost frames: the
	// published one of GSM-EFR, which others (OPAL) give to all of them.
	celpConcealment = 10
)

// Sources of the factors.
const (
	fromG113    = "G.113 App. I"
	fromTelenor = "Telenor planning table"
	fromMemory  = "unconfirmed" // told of G.113 and its amendments, found in no text at hand
	fromOpus    = "Opus E-model (Alahmadi)"
	fromTools   = "rtpengine, wire-avs"
)

// The narrowband codecs of G.113 Appendix I and what came after.
var (
	g711     = Codec{Name: "G.711", Kbps: 64, Ie: 0, Bpl: noConcealment, Source: fromG113}
	g711PLC  = Codec{Name: "G.711 PLC", Kbps: 64, Ie: 0, Bpl: 25.1, PLCAssumed: true, Source: fromG113}
	g729     = Codec{Name: "G.729", Kbps: 8, Ie: 10, Bpl: 19, BplStatus: Assumed, Source: fromG113}
	g729aVAD = Codec{Name: "G.729A+VAD", Kbps: 8, Ie: 11, Bpl: 19, Source: fromG113}

	g723MPMLQ = Codec{Name: "G.723.1 6.3", Kbps: 6.3, Ie: 15, Bpl: 16.1, Source: fromG113}
	g723ACELP = Codec{Name: "G.723.1 5.3", Kbps: 5.3, Ie: 19, Bpl: 16.1, BplStatus: Assumed, Source: fromG113}

	gsmFR  = Codec{Name: "GSM-FR", Kbps: 13, Ie: 20, Bpl: celpConcealment, BplStatus: Assumed, Source: fromG113}
	gsmHR  = Codec{Name: "GSM-HR", Kbps: 5.6, Ie: 23, Bpl: celpConcealment, BplStatus: Assumed, Source: fromG113}
	gsmEFR = Codec{Name: "GSM-EFR", Kbps: 12.2, Ie: 5, Bpl: 10, Source: fromG113}

	g726x40 = Codec{Name: "G.726-40", Kbps: 40, Ie: 2, Bpl: noConcealment, BplStatus: Assumed, Source: fromG113}
	g726x32 = Codec{Name: "G.726-32", Kbps: 32, Ie: 7, Bpl: noConcealment, BplStatus: Assumed, Source: fromG113}
	g726x24 = Codec{Name: "G.726-24", Kbps: 24, Ie: 25, Bpl: noConcealment, BplStatus: Assumed, Source: fromG113}
	g726x16 = Codec{Name: "G.726-16", Kbps: 16, Ie: 50, Bpl: noConcealment, BplStatus: Assumed, Source: fromG113}

	g728x16 = Codec{Name: "G.728", Kbps: 16, Ie: 7, Bpl: noConcealment, BplStatus: Assumed, Source: fromG113}
	g728x12 = Codec{Name: "G.728 12.8", Kbps: 12.8, Ie: 20, Bpl: noConcealment, BplStatus: Assumed, Source: fromG113}

	is54   = Codec{Name: "IS-54", Kbps: 8, Ie: 20, Bpl: celpConcealment, BplStatus: Assumed, Source: fromG113}
	is641  = Codec{Name: "IS-641", Kbps: 7.4, Ie: 10, Bpl: celpConcealment, BplStatus: Assumed, Source: fromG113}
	is96a  = Codec{Name: "IS-96a", Kbps: 8, Ie: 21, Bpl: celpConcealment, BplStatus: Assumed, Source: fromG113}
	is127  = Codec{Name: "IS-127", Kbps: 8, Ie: 6, Bpl: celpConcealment, BplStatus: Assumed, Source: fromG113}
	pdc    = Codec{Name: "PDC", Kbps: 6.7, Ie: 24, Bpl: celpConcealment, BplStatus: Assumed, Source: fromG113}
	ilbc30 = Codec{Name: "iLBC 30 ms", Kbps: 13.33, Ie: 12, Bpl: 32, IeStatus: Verify, BplStatus: Verify, Source: fromMemory}
	ilbc20 = Codec{Name: "iLBC 20 ms", Kbps: 15.2, Ie: 10, Bpl: 32, IeStatus: Verify, BplStatus: Verify, Source: fromMemory}
)

// amr are the modes of AMR by their number (RFC 4867): 12.2 is GSM-EFR; the
// Ie of the others are derived from the delays that a published planning
// table tolerates with each, by inverting Idd.
var amr = [8]Codec{
	{Name: "AMR 4.75", Kbps: 4.75, Ie: 21.3, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed, Source: fromTelenor},
	{Name: "AMR 5.15", Kbps: 5.15, Ie: 19.4, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed, Source: fromTelenor},
	{Name: "AMR 5.9", Kbps: 5.9, Ie: 16.4, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed, Source: fromTelenor},
	{Name: "AMR 6.7", Kbps: 6.7, Ie: 13.6, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed, Source: fromTelenor},
	{Name: "AMR 7.4", Kbps: 7.4, Ie: 11.5, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed, Source: fromTelenor},
	{Name: "AMR 7.95", Kbps: 7.95, Ie: 10, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed, Source: fromTelenor},
	{Name: "AMR 10.2", Kbps: 10.2, Ie: 6, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed, Source: fromTelenor},
	{Name: "AMR 12.2", Kbps: 12.2, Ie: 5, Bpl: 10, Source: fromG113},
}

// Codecs returns the whole table, of all scales.
func Codecs() []Codec {
	all := []Codec{
		g711, g711PLC, g729, g729aVAD, g723MPMLQ, g723ACELP, gsmFR, gsmHR, gsmEFR,
		g726x40, g726x32, g726x24, g726x16, g728x16, g728x12,
		is54, is641, is96a, is127, pdc, ilbc30, ilbc20,
		g722, g7221x24, g7221x32, opusUnknown,
	}
	all = append(all, amr[:]...)
	all = append(all, amrWB[:]...)
	all = append(all, evsCodecs()...)
	return append(all, opusRows()...)
}

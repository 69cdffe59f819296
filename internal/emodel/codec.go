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

// Scale is the scale that an R is on. R of different scales do not compare.
type Scale uint8

const (
	NB Scale = iota // narrowband, 0 to 100, G.107
	WB              // wideband, 0 to 129, G.107.1
	FB              // fullband, 0 to 148, G.107.2
)

func (s Scale) String() string {
	switch s {
	case WB:
		return "WB"
	case FB:
		return "FB"
	default:
		return "NB"
	}
}

// Model is the recommendation that the scale belongs to.
func (s Scale) Model() string {
	switch s {
	case WB:
		return "G.107.1"
	case FB:
		return "G.107.2"
	default:
		return "G.107"
	}
}

// Codec is what the E-model knows of a codec in one of its modes.
type Codec struct {
	Name      string
	Kbps      float64 // bit rate of the speech, kbit/s
	Scale     Scale
	Ie        float64 // equipment impairment factor without loss
	Bpl       float64 // packet-loss robustness factor, random loss
	BplBursty float64 // of bursty loss, where it is published apart; else 0, and BurstR does it
	Source    string  // where Ie and Bpl come from
	IeStatus  Status
	BplStatus Status
	// PLCAssumed is set where Bpl takes for granted a packet-loss concealment
	// that is the receiver's own choice and that no probe sees.
	PLCAssumed bool
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

// The narrowband codecs of G.113 Appendix I and what came after.
var (
	g711     = Codec{Name: "G.711", Source: "G.113 App. I", Kbps: 64, Ie: 0, Bpl: noConcealment}
	g711PLC  = Codec{Name: "G.711 PLC", Source: "G.113 App. I", Kbps: 64, Ie: 0, Bpl: 25.1, PLCAssumed: true}
	g729     = Codec{Name: "G.729", Source: "G.113 App. I", Kbps: 8, Ie: 10, Bpl: 19, BplStatus: Assumed}
	g729aVAD = Codec{Name: "G.729A+VAD", Source: "G.113 App. I", Kbps: 8, Ie: 11, Bpl: 19}

	g723MPMLQ = Codec{Name: "G.723.1 6.3", Source: "G.113 App. I", Kbps: 6.3, Ie: 15, Bpl: 16.1}
	g723ACELP = Codec{Name: "G.723.1 5.3", Source: "G.113 App. I", Kbps: 5.3, Ie: 19, Bpl: 16.1, BplStatus: Assumed}

	gsmFR  = Codec{Name: "GSM-FR", Source: "G.113 App. I; Bpl OPAL", Kbps: 13, Ie: 20, Bpl: celpConcealment, BplStatus: Assumed}
	gsmHR  = Codec{Name: "GSM-HR", Source: "G.113 App. I; Bpl OPAL", Kbps: 5.6, Ie: 23, Bpl: celpConcealment, BplStatus: Assumed}
	gsmEFR = Codec{Name: "GSM-EFR", Source: "G.113 App. I", Kbps: 12.2, Ie: 5, Bpl: 10}

	g726x40 = Codec{Name: "G.726-40", Source: "G.113 App. I", Kbps: 40, Ie: 2, Bpl: noConcealment, BplStatus: Assumed}
	g726x32 = Codec{Name: "G.726-32", Source: "G.113 App. I", Kbps: 32, Ie: 7, Bpl: noConcealment, BplStatus: Assumed}
	g726x24 = Codec{Name: "G.726-24", Source: "G.113 App. I", Kbps: 24, Ie: 25, Bpl: noConcealment, BplStatus: Assumed}
	g726x16 = Codec{Name: "G.726-16", Source: "G.113 App. I", Kbps: 16, Ie: 50, Bpl: noConcealment, BplStatus: Assumed}

	g728x16 = Codec{Name: "G.728", Source: "G.113 App. I", Kbps: 16, Ie: 7, Bpl: noConcealment, BplStatus: Assumed}
	g728x12 = Codec{Name: "G.728 12.8", Source: "G.113 App. I", Kbps: 12.8, Ie: 20, Bpl: noConcealment, BplStatus: Assumed}

	is54   = Codec{Name: "IS-54", Source: "G.113 App. I", Kbps: 8, Ie: 20, Bpl: celpConcealment, BplStatus: Assumed}
	is641  = Codec{Name: "IS-641", Source: "G.113 App. I", Kbps: 7.4, Ie: 10, Bpl: celpConcealment, BplStatus: Assumed}
	is96a  = Codec{Name: "IS-96a", Source: "G.113 App. I", Kbps: 8, Ie: 21, Bpl: celpConcealment, BplStatus: Assumed}
	is127  = Codec{Name: "IS-127", Source: "G.113 App. I", Kbps: 8, Ie: 6, Bpl: celpConcealment, BplStatus: Assumed}
	pdc    = Codec{Name: "PDC", Source: "G.113 App. I", Kbps: 6.7, Ie: 24, Bpl: celpConcealment, BplStatus: Assumed}
	ilbc30 = Codec{Name: "iLBC 30 ms", Source: "unconfirmed", Kbps: 13.33, Ie: 12, Bpl: 32, IeStatus: Verify, BplStatus: Verify}
	ilbc20 = Codec{Name: "iLBC 20 ms", Source: "unconfirmed", Kbps: 15.2, Ie: 10, Bpl: 32, IeStatus: Verify, BplStatus: Verify}
)

// amr are the modes of AMR by their number (RFC 4867): 12.2 is GSM-EFR; the
// Ie of the others are derived from the delays that a published planning
// table tolerates with each, by inverting Idd.
var amr = [8]Codec{
	{Name: "AMR 4.75", Source: "delay planning table, by Idd", Kbps: 4.75, Ie: 21.3, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed},
	{Name: "AMR 5.15", Source: "delay planning table, by Idd", Kbps: 5.15, Ie: 19.4, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed},
	{Name: "AMR 5.9", Source: "delay planning table, by Idd", Kbps: 5.9, Ie: 16.4, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed},
	{Name: "AMR 6.7", Source: "delay planning table, by Idd", Kbps: 6.7, Ie: 13.6, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed},
	{Name: "AMR 7.4", Source: "delay planning table, by Idd", Kbps: 7.4, Ie: 11.5, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed},
	{Name: "AMR 7.95", Source: "delay planning table, by Idd", Kbps: 7.95, Ie: 10, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed},
	{Name: "AMR 10.2", Source: "delay planning table, by Idd", Kbps: 10.2, Ie: 6, Bpl: celpConcealment, IeStatus: Derived, BplStatus: Assumed},
	{Name: "AMR 12.2", Source: "G.113 App. I, as GSM-EFR", Kbps: 12.2, Ie: 5, Bpl: 10},
}

// Codecs returns the whole table.
func Codecs() []Codec {
	all := []Codec{
		g711, g711PLC, g729, g729aVAD, g723MPMLQ, g723ACELP, gsmFR, gsmHR, gsmEFR,
		g726x40, g726x32, g726x24, g726x16, g728x16, g728x12,
		is54, is641, is96a, is127, pdc, ilbc30, ilbc20,
	}
	all = append(all, amr[:]...)
	all = append(all, wideband...)
	all = append(all, amrWB[:]...)
	all = append(all, fullband, evs)
	for _, t := range opusTables {
		all = append(all, t...)
	}
	return all
}

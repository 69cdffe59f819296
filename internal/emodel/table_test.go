package emodel

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func tableOf(t *testing.T, overrides ...Override) *Table {
	t.Helper()
	table, err := NewTable(overrides)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestTableLookup(t *testing.T) {
	table := tableOf(t,
		Override{Encoding: "speex", Scale: "WB", Ie: 20, Bpl: 6, Status: "verify", Source: "own tests"},
		Override{Encoding: "PCMU", Scale: "narrowband", Ie: 1, Bpl: 12},
	)
	f := func(table *Table, format Format, want Codec) {
		t.Helper()
		if c, ok := table.Lookup(format); ok != (want.Name != "") || c != want {
			t.Errorf("%+v: %+v, %v; want %+v", format, c, ok, want)
		}
	}
	speex := Codec{Name: "speex", Scale: WB, Ie: 20, Bpl: 6, IeStatus: Verify, BplStatus: Verify, Source: "own tests", Configured: true}
	f(table, Format{Encoding: "SPEEX"}, speex)
	speex.Kbps = 24
	f(table, Format{Encoding: "Speex", PayloadBytes: 60, PtimeMs: 20}, speex)
	ours := Codec{Name: "PCMU", Ie: 1, Bpl: 12, IeStatus: Assumed, BplStatus: Assumed, Source: "configuration", Configured: true}
	f(table, Format{Encoding: "pcmu", NoPLC: true}, ours)
	f(table, Format{Encoding: "PCMA"}, g711PLC)
	f(table, Format{Encoding: "unknown"}, Codec{})

	f(nil, Format{Encoding: "PCMU"}, g711PLC)
	f(nil, Format{Encoding: "speex"}, Codec{})
	f(&Table{}, Format{Encoding: "PCMU"}, g711PLC)
}

// TestTableConditions: the row with the most conditions that hold is taken.
func TestTableConditions(t *testing.T) {
	row := func(ie float64, encoding, mode, fmtp string, from float64) Override {
		return Override{Encoding: encoding, Mode: mode, Fmtp: fmtp, FromKbps: from, Scale: "NB", Ie: ie, Bpl: 10, Status: "standard"}
	}
	table := tableOf(t,
		row(1, "AMR", "", "", 0), row(2, "AMR", "amr 4.75", "", 0), row(3, "AMR", "AMR 4.75", "octet-align=1", 0),
		row(4, "G729", "", "AnnexB=NO", 0),
		row(5, "SPEEX", "", "", 0), row(6, "SPEEX", "", "", 8), row(7, "SPEEX", "", "", 20), row(8, "SPEEX", "", "mode=1", 0),
	)
	f := func(format Format, ie float64, status Status) {
		t.Helper()
		if c, _ := table.Lookup(format); c.Ie != ie || c.Status() != status || c.Configured != (ie < 10) {
			t.Errorf("%+v: %+v, want Ie %v, %v", format, c, ie, status)
		}
	}
	f(Format{Encoding: "amr", PayloadBytes: 32}, 1, Std)
	f(Format{Encoding: "amr"}, 1, Std)
	f(Format{Encoding: "amr", PayloadBytes: 14}, 2, Std)
	f(Format{Encoding: "amr", PayloadBytes: 14, Fmtp: "mode-set=0; octet-align=1"}, 3, Std)
	f(Format{Encoding: "amr", PayloadBytes: 32, Fmtp: "octet-align=1"}, 1, Std)
	f(Format{Encoding: "G729", Fmtp: "annexb=no"}, 4, Std)
	f(Format{Encoding: "G729"}, 11, Std)
	f(Format{Encoding: "SPEEX"}, 5, Std)
	f(Format{Encoding: "SPEEX", PayloadBytes: 15, PtimeMs: 20}, 5, Std)
	f(Format{Encoding: "SPEEX", PayloadBytes: 20, PtimeMs: 20}, 6, Std)
	f(Format{Encoding: "SPEEX", PayloadBytes: 60, PtimeMs: 20}, 7, Std)
	f(Format{Encoding: "SPEEX", PayloadBytes: 5, PtimeMs: 20, Fmtp: "mode=1"}, 8, Std)

	// A mode that is taken for granted makes no value a sure one.
	table = tableOf(t, row(1, "AMR", "AMR 12.2", "", 0))
	f(Format{Encoding: "AMR", PayloadBytes: 32}, 1, Std)
	f(Format{Encoding: "AMR"}, 1, Assumed)
}

func TestTableRefuses(t *testing.T) {
	good := Override{Encoding: "SPEEX", Scale: "NB", Ie: 20, Bpl: 6, Status: "std"}
	f := func(change func(*Override), want string) {
		t.Helper()
		o := good
		change(&o)
		table, err := NewTable([]Override{o})
		if err == nil || table != nil {
			t.Errorf("%+v is taken", o)
			return
		}
		if got := err.Error(); got != "codec 1: "+want {
			t.Errorf("error %q, want %q", got, want)
		}
	}
	f(func(o *Override) { o.Encoding = " " }, "encoding is empty; want the encoding name of the rtpmap, such as SPEEX")
	f(func(o *Override) { o.Scale = "SWB" }, `scale is "SWB"; want narrowband, wideband or fullband`)
	f(func(o *Override) { o.Scale = "" }, `scale is ""; want narrowband, wideband or fullband`)
	f(func(o *Override) { o.Ie = -1 }, "ie is -1; want 0 to 93, the base of narrowband")
	f(func(o *Override) { o.Ie = 94 }, "ie is 94; want 0 to 93, the base of narrowband")
	f(func(o *Override) { o.Scale, o.Ie = "WB", 130 }, "ie is 130; want 0 to 129, the base of wideband")
	f(func(o *Override) { o.Scale, o.Ie = "fullband", 149 }, "ie is 149; want 0 to 148, the base of fullband")
	f(func(o *Override) { o.Ie = math.NaN() }, "ie is NaN; want 0 to 93, the base of narrowband")
	const bpl = "; want a number above 0, such as 4.3 for a codec without concealment"
	f(func(o *Override) { o.Bpl = 0 }, "bpl is 0"+bpl)
	f(func(o *Override) { o.Bpl = math.Inf(1) }, "bpl is +Inf"+bpl)
	f(func(o *Override) { o.Bpl = math.NaN() }, "bpl is NaN"+bpl)
	f(func(o *Override) { o.BplBursty = 7 }, "bpl_bursty is 7; want a number above 0, and no more than bpl (6)")
	f(func(o *Override) { o.Status = "sure" }, `status is "sure"; want standard, derived, assumed or verify`)
	f(func(o *Override) { o.Mode = "x" }, `mode is "x"; SPEEX has no modes built in: remove it, and use fmtp or from_kbps`)
	f(func(o *Override) { o.Encoding, o.Mode = "G723", "7" }, `mode is "7"; want one of G723's: G.723.1 6.3, G.723.1 5.3`)
	f(func(o *Override) { o.Fmtp = "cbr" }, `fmtp is "cbr"; want parameters and their values, such as annexb=no`)
	f(func(o *Override) { o.FromKbps = -2 }, "from_kbps is -2; want a bit rate in kbit/s, such as 12.2")

	twice := good
	twice.Encoding, twice.Fmtp, twice.Where = "speex", " ; ", func(key string) string { return "file:7 " + key }
	if _, err := NewTable([]Override{good, twice}); err == nil || err.Error() != "file:7 encoding: speex stands twice with the same conditions; remove one of the two" {
		t.Errorf("twice: %v", err)
	}
	if _, err := NewTable([]Override{{Encoding: "a"}, {Encoding: "b"}}); err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "codec 2") {
		t.Errorf("not every error is told: %v", err)
	}
	tableOf(t, Override{Encoding: "A", Scale: "FB", Ie: 148, Bpl: 0.1}, Override{Encoding: "B", Scale: "WB", Bpl: 1})
}

// formats draws formats that every encoding may have, and some that none has.
func formats(t *rapid.T) Format {
	names := []string{"SPEEX"}
	for _, e := range encodings {
		names = append(names, e.names...)
	}
	f := Format{Encoding: rapid.SampledFrom(names).Draw(t, "encoding"), NoPLC: rapid.Bool().Draw(t, "noPLC")}
	f.Fmtp = rapid.SampledFrom([]string{"", "annexb=no", "cbr=1", "octet-align=1", "mode-set=2", "bitrate=24000", "evs-mode-switch=1", "hf-only=1"}).Draw(t, "fmtp")
	f.PayloadBytes, f.PtimeMs = rapid.IntRange(0, 330).Draw(t, "bytes"), rapid.SampledFrom([]float64{0, 20, 40}).Draw(t, "ptime")
	f.FirstByte, f.FirstByteKnown, f.PayloadMixed = rapid.Uint8().Draw(t, "first"), rapid.Bool().Draw(t, "known"), rapid.Bool().Draw(t, "mixed")
	return f
}

// TestRowsAreWhatLookupFinds: what Lookup finds is a row of its encoding, and the
// rows as overrides find it again.
func TestRowsAreWhatLookupFinds(t *testing.T) {
	_, builtIn := (*Table)(nil).Rows()
	again := tableOf(t, builtIn...)
	if overrides, rest := again.Rows(); len(overrides) != len(builtIn) || len(rest) != 0 {
		t.Errorf("%d overrides and %d rows of %d", len(overrides), len(rest), len(builtIn))
	}
	rapid.Check(t, func(t *rapid.T) {
		f := formats(t)
		c, ok := Lookup(f)
		modes := modesOf(f.Encoding)
		if ok && !slices.ContainsFunc(modes, func(m Codec) bool { return m.Name == c.Name }) {
			t.Fatalf("%+v is no codec of %s", c, f.Encoding)
		}
		o, too := again.Lookup(f)
		if too != ok || ok && (o.Name != c.Name || o.Scale != c.Scale || !o.Configured || o.Status() < Assumed && o.Status() < c.Status()) {
			t.Fatalf("%+v: %+v, %v; as an override %+v, %v", f, c, ok, o, too)
		}
		if ok && c.Source != fromOpus && (o.Ie != c.Ie || o.Bpl != c.Bpl) {
			t.Fatalf("%+v: %+v, as an override %+v", f, c, o)
		}
	})
}

func TestRowsOfOverrides(t *testing.T) {
	all, _ := (*Table)(nil).Rows()
	if len(all) != 0 {
		t.Errorf("overrides of nothing: %v", all)
	}
	table := tableOf(t,
		Override{Encoding: "pcmu", Scale: "NB", Bpl: 20},
		Override{Encoding: "AMR", Mode: "AMR 4.75", Scale: "NB", Ie: 20, Bpl: 10},
		Override{Encoding: "G729", Fmtp: "annexb=no", Scale: "NB", Ie: 9, Bpl: 19},
	)
	overrides, builtIn := table.Rows()
	if len(overrides) != 3 || overrides[0].Scale != "narrowband" || overrides[0].Status != "assumed" || overrides[0].Source != "configuration" {
		t.Errorf("overrides: %+v", overrides)
	}
	has := func(encoding, mode string) bool {
		return slices.ContainsFunc(builtIn, func(o Override) bool { return o.Encoding == encoding && o.Mode == mode })
	}
	if has("PCMU", "G.711") || has("PCMU", "G.711 PLC") || has("AMR", "AMR 4.75") || !has("AMR", "AMR 12.2") || !has("G729", "G.729") || !has("PCMA", "G.711") {
		t.Errorf("built in: %+v", builtIn)
	}
}

package emodel

import (
	"math"
	"strings"
	"testing"
)

func TestTableLookup(t *testing.T) {
	table, err := NewTable([]Override{
		{Encoding: "speex", Scale: "WB", Ie: 20, Bpl: 6, Status: "verify", Source: "own tests"},
		{Encoding: "PCMU", Name: "G.711 ours", Scale: "nb", Ie: 1, Bpl: 12},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(table *Table, format Format, want Codec) {
		t.Helper()
		if c, ok := table.Lookup(format); ok != (want.Name != "") || c != want {
			t.Errorf("%+v: %+v, %v; want %+v", format, c, ok, want)
		}
	}
	speex := Codec{Name: "speex", Scale: WB, Ie: 20, Bpl: 6, IeStatus: Verify, BplStatus: Verify, Source: "own tests"}
	f(table, Format{Encoding: "SPEEX"}, speex)
	speex.Kbps = 24
	f(table, Format{Encoding: "Speex", PayloadBytes: 60, PtimeMs: 20}, speex)
	ours := Codec{Name: "G.711 ours", Ie: 1, Bpl: 12, IeStatus: Assumed, BplStatus: Assumed, Source: "configuration"}
	f(table, Format{Encoding: "pcmu", NoPLC: true}, ours)
	f(table, Format{Encoding: "PCMA"}, g711PLC)
	f(table, Format{Encoding: "unknown"}, Codec{})

	f(nil, Format{Encoding: "PCMU"}, g711PLC)
	f(nil, Format{Encoding: "speex"}, Codec{})
	f(&Table{}, Format{Encoding: "PCMU"}, g711PLC)
}

func TestTableRefuses(t *testing.T) {
	good := Override{Encoding: "SPEEX", Scale: "NB", Ie: 20, Bpl: 6, Status: "std"}
	f := func(change func(*Override), want ...string) {
		t.Helper()
		o := good
		change(&o)
		table, err := NewTable([]Override{o})
		if err == nil || table != nil {
			t.Errorf("%+v is taken", o)
			return
		}
		for _, w := range append(want, "codec 1") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q lacks %q", err, w)
			}
		}
	}
	f(func(o *Override) { o.Encoding = " " }, "encoding is empty", "rtpmap")
	f(func(o *Override) { o.Scale = "SWB" }, `"SPEEX"`, `scale "SWB"`, "NB, WB or FB")
	f(func(o *Override) { o.Scale = "" }, `scale ""`)
	f(func(o *Override) { o.Ie = -1 }, "ie -1", "0 to 93", "NB")
	f(func(o *Override) { o.Ie = 94 }, "ie 94", "0 to 93", "NB")
	f(func(o *Override) { o.Scale, o.Ie = "WB", 130 }, "ie 130", "0 to 129", "WB")
	f(func(o *Override) { o.Scale, o.Ie = "FB", 149 }, "ie 149", "0 to 148", "FB")
	f(func(o *Override) { o.Ie = math.NaN() }, "ie NaN")
	f(func(o *Override) { o.Bpl = 0 }, "bpl 0", "above 0")
	f(func(o *Override) { o.Bpl = math.Inf(1) }, "bpl +Inf")
	f(func(o *Override) { o.Bpl = math.NaN() }, "bpl NaN")
	f(func(o *Override) { o.Status = "sure" }, `status "sure"`, "std, derived, assumed or verify")

	twice := good
	twice.Encoding = "speex"
	if _, err := NewTable([]Override{good, twice}); err == nil || !strings.Contains(err.Error(), `codec 2 (encoding "speex"): the encoding stands twice`) {
		t.Errorf("twice: %v", err)
	}
	if _, err := NewTable([]Override{{Encoding: "a"}, {Encoding: "b"}}); err == nil || !strings.Contains(err.Error(), "codec 2") {
		t.Errorf("not every error is told: %v", err)
	}
	if _, err := NewTable([]Override{{Encoding: "A", Scale: "FB", Ie: 148, Bpl: 0.1}, {Encoding: "B", Scale: "WB", Bpl: 1}}); err != nil {
		t.Error(err)
	}
}

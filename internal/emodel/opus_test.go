package emodel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// First bytes of Opus packets, by config (RFC 6716 table 2).
const (
	tocSilkNB    = 1 << 3
	tocSilkMB    = 5 << 3
	tocSilkWB    = 9 << 3
	tocHybridSWB = 13 << 3
	tocHybridFB  = 15 << 3
	tocCeltNB    = 19<<3 | 7 // the low three bits say nothing of bandwidth
	tocCeltWB    = 23 << 3
	tocCeltSWB   = 27 << 3
	tocCeltFB    = 31 << 3
)

func TestOpus(t *testing.T) {
	f := func(toc uint8, fmtp string, bytes int, ptime float64, name string, scale Scale, ie, bpl, bursty float64, status Status) {
		t.Helper()
		c, ok := Lookup(Format{Encoding: "opus", Fmtp: fmtp, PayloadBytes: bytes, PtimeMs: ptime, FirstByte: toc, FirstByteKnown: true})
		if !ok || c.Name != name || c.Scale != scale || c.IeStatus != status || c.BplStatus != Assumed ||
			math.Abs(c.Ie-ie) > slack || math.Abs(c.Bpl-bpl) > slack || math.Abs(c.BplBursty-bursty) > slack {
			t.Errorf("config %d, %d bytes in %v ms, %q: %+v", toc>>3, bytes, ptime, fmtp, c)
		}
	}
	const cbr = "minptime=10; cbr=1"

	// Rows.
	f(tocSilkNB, "", 20, 20, "Opus NB VBR", NB, 16.02, 20.3, 13.5, Derived)
	f(tocCeltNB, "cbr=0", 15, 20, "Opus NB VBR", NB, 23, 24.6, 15.4, Derived)
	f(tocSilkNB, cbr, 20, 20, "Opus NB CBR", NB, 19.25, 15.1, 10.1, Derived)
	f(tocSilkWB, "", 30, 20, "Opus WB VBR", WB, 23.30, 22.2, 18.9, Derived)
	f(tocCeltWB, cbr, 35, 20, "Opus WB CBR", WB, 20.77, 17.6, 15.8, Derived)
	f(tocHybridSWB, "useinbandfec=1", 55, 20, "Opus SWB VBR", FB, 20.22, 10.5, 8.6, Derived)
	f(tocCeltSWB, "", 300, 60, "Opus SWB VBR", FB, 10.67, 9.8, 8, Derived)

	// Between rows: 23.5 is halfway from 22 to 25; 9 from 8 to 10.
	f(tocHybridSWB, "", 47, 16, "Opus SWB VBR", FB, 20.215, 10.9, 8.9, Derived)
	f(tocSilkNB, cbr, 45, 40, "Opus NB CBR", NB, 12.725, 15.2, 10.3, Derived)

	// A kbit/s past the ends the last row, assumed.
	f(tocSilkNB, "", 25, 40, "Opus NB VBR", NB, 23, 24.6, 15.4, Assumed)
	f(tocSilkWB, "", 35, 20, "Opus WB VBR", WB, 19.96, 19.5, 16.9, Assumed)
	f(tocHybridSWB, "", 205, 40, "Opus SWB VBR", FB, 10.67, 9.8, 8, Assumed)

	// The other rate control's table, assumed.
	f(tocSilkNB, "", 55, 40, "Opus NB CBR", NB, 2.03, 16, 10.7, Assumed)
	f(tocSilkWB, cbr, 25, 20, "Opus WB VBR", WB, 28.41, 23.9, 20.1, Assumed)
	f(tocHybridSWB, cbr, 55, 20, "Opus SWB VBR", FB, 20.22, 10.5, 8.6, Assumed)

	// In no table.
	f(tocSilkWB, "", 60, 20, "Opus", FB, 10.2, 4.3, 0, Assumed)
	f(tocSilkNB, "", 10, 20, "Opus", FB, 10.2, 4.3, 0, Assumed)
	f(tocHybridSWB, "", 160, 20, "Opus", FB, 10.2, 4.3, 0, Assumed)
	f(tocSilkMB, "", 25, 20, "Opus", FB, 10.2, 4.3, 0, Assumed)
	f(tocHybridFB, "", 60, 20, "Opus", FB, 10.2, 4.3, 0, Assumed)
	f(tocCeltFB, "", 80, 20, "Opus", FB, 10.2, 4.3, 0, Assumed)
	f(tocSilkNB, "", 20, 0, "Opus", FB, 10.2, 4.3, 0, Assumed)
	f(tocSilkNB, "", 0, 20, "Opus", FB, 10.2, 4.3, 0, Assumed)

	// Without the bandwidth the rate tells nothing.
	if c, ok := Lookup(Format{Encoding: "OPUS", PayloadBytes: 20, PtimeMs: 20, FirstByte: tocSilkNB}); !ok || c.Name != "Opus" || c.Kbps != 8 {
		t.Errorf("bandwidth unknown: %+v, %v", c, ok)
	}
}

// TestOpusRows finds every row by its own bit rate, at a packet time that makes
// whole bytes of it.
func TestOpusRows(t *testing.T) {
	toc := map[opusBandwidth]uint8{opusNB: tocSilkNB, opusWB: tocSilkWB, opusSWB: tocHybridSWB}
	for _, table := range opusTables {
		fmtp := ""
		if table.cbr {
			fmtp = "cbr=1"
		}
		for i, row := range table.rows {
			if i > 0 && row.kbps <= table.rows[i-1].kbps {
				t.Errorf("%s: %v kbit/s is not in order", table.name, row.kbps)
			}
			c, _ := Lookup(Format{
				Encoding: "opus", Fmtp: fmtp, PayloadBytes: int(row.kbps * 5), PtimeMs: 40,
				FirstByte: toc[table.bandwidth], FirstByteKnown: true,
			})
			if c != table.codec(row, Derived) {
				t.Errorf("%s %v kbit/s: %+v", table.name, row.kbps, c)
			}
		}
	}
}

// TestOpusNeverRaises: whatever a packet tells, there is a codec, and what is
// worse is no better with it.
func TestOpusNeverRaises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Format{Encoding: "opus", FirstByte: rapid.Uint8().Draw(t, "toc"), FirstByteKnown: rapid.Bool().Draw(t, "known")}
		f.PayloadBytes = rapid.IntRange(-1, 300).Draw(t, "bytes")
		f.PtimeMs = rapid.SampledFrom([]float64{-1, 0, 2.5, 10, 20, 40, 60, math.NaN(), math.Inf(1)}).Draw(t, "ptime")
		f.Fmtp = rapid.SampledFrom([]string{"", "cbr=1"}).Draw(t, "fmtp")
		c, ok := Lookup(f)
		if !ok || !(c.Ie >= 0 && c.Ie < 50 && c.Bpl > 4 && c.Bpl < 30) {
			t.Fatalf("%+v: %+v, %v", f, c, ok)
		}
		ppl1, ppl2 := ordered(t, "ppl", 0, 100)
		burst1, burst2 := ordered(t, "burstR", 0.5, 3)
		if good, bad := R(c, ppl1, burst1, 0), R(c, ppl2, burst2, 0); bad > good+slack {
			t.Fatalf("R rises from %v to %v", good, bad)
		}
	})
}

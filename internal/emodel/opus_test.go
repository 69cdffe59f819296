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

	f(tocSilkNB, cbr, 15, 20, "Opus NB CBR", NB, 46.27, 8.9, 5.7, Derived)
	f(tocHybridSWB, cbr, 55, 20, "Opus SWB CBR", FB, 23.38, 10, 8.5, Derived)

	// Between rows: 23.5 is halfway from 22 to 25; 8.5 from 8 to 9.
	f(tocHybridSWB, "", 47, 16, "Opus SWB VBR", FB, 20.215, 10.9, 8.9, Derived)
	f(tocSilkNB, cbr, 85, 80, "Opus NB CBR", NB, 16.23, 16.15, 10.75, Derived)

	// Below the table its first row, assumed: no less bit rate has a higher score.
	f(tocSilkNB, "", 25, 40, "Opus NB VBR", NB, 23, 24.6, 15.4, Assumed)
	f(tocSilkNB, "", 10, 20, "Opus NB VBR", NB, 23, 24.6, 15.4, Assumed)
	f(tocSilkWB, cbr, 25, 20, "Opus WB CBR", WB, 29.76, 24.8, 20.8, Assumed)
	f(tocHybridSWB, "", 20, 20, "Opus SWB VBR", FB, 38.06, 16.5, 9.1, Assumed)

	// A kbit/s above it the last row, assumed.
	f(tocSilkWB, "", 35, 20, "Opus WB VBR", WB, 19.96, 19.5, 16.9, Assumed)
	f(tocHybridSWB, "", 205, 40, "Opus SWB VBR", FB, 10.67, 9.8, 8, Assumed)

	// The other rate control's table, assumed.
	f(tocSilkNB, "", 55, 40, "Opus NB CBR", NB, 2.03, 16, 10.7, Assumed)
	f(tocSilkWB, "", 75, 40, "Opus WB CBR", WB, 18.06, 18.7, 16.1, Assumed)

	// In no table.
	f(tocSilkWB, "", 60, 20, "Opus", FB, 10.2, 4.3, 0, Assumed)
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

// TestOpusBelowTheTables: less than the least bit rate that was measured scores
// no higher than it, whatever the loss; with the factors for what is in no table
// it would.
func TestOpusBelowTheTables(t *testing.T) {
	toc := map[opusBandwidth]uint8{opusNB: tocSilkNB, opusWB: tocSilkWB, opusSWB: tocHybridSWB}
	rapid.Check(t, func(t *rapid.T) {
		table := rapid.SampledFrom(opusTables[:]).Draw(t, "table")
		fmtp := ""
		if table.cbr {
			fmtp = "cbr=1"
		}
		first := table.codec(table.rows[0], Derived)
		c, _ := Lookup(Format{
			Encoding: "opus", Fmtp: fmtp, PayloadBytes: rapid.IntRange(1, int(first.Kbps*5)-1).Draw(t, "bytes"), PtimeMs: 40,
			FirstByte: toc[table.bandwidth], FirstByteKnown: true,
		})
		ppl, burst := rapid.Float64Range(0, 100).Draw(t, "ppl"), rapid.Float64Range(1, 20).Draw(t, "burstR")
		if low, high := R(c, ppl, burst, 0), R(first, ppl, burst, 0); c.Scale != first.Scale || low > high+slack || c.IeStatus != Assumed {
			t.Fatalf("%+v: R %v, and %v at %v kbit/s", c, low, high, first.Kbps)
		}
	})
}

// TestOpusBurstsCountOnce: the burst ratio at which bursty loss is taken to have
// been measured gives that Bpl with a ratio of 1, and in narrowband VBR random
// Bpl would not come down to it with any ratio.
func TestOpusBurstsCountOnce(t *testing.T) {
	for i := range opusTables {
		table := &opusTables[i]
		for _, row := range table.rows {
			c := table.codec(row, Derived)
			bursty := Codec{Scale: c.Scale, Ie: c.Ie, Bpl: c.BplBursty}
			if got, want := R(c, 5, burstyAt, 0), R(bursty, 5, 1, 0); math.Abs(got-want) > slack {
				t.Errorf("%s %v kbit/s: R %v in bursts, want %v", c.Name, c.Kbps, got, want)
			}
			random := Codec{Scale: c.Scale, Ie: c.Ie, Bpl: c.Bpl}
			if table.bandwidth == opusNB && !table.cbr && R(random, 5, 1e9, 0) <= R(bursty, 5, 1, 0) {
				t.Errorf("%s %v kbit/s: a ratio alone would do", c.Name, c.Kbps)
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

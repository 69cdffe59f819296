package emodel

import (
	"strings"
	"testing"
)

func TestEVS(t *testing.T) {
	f := func(fmtp string, ptime float64, size, first int, want string) {
		t.Helper()
		format := Format{Encoding: "EVS", Fmtp: fmtp, PtimeMs: ptime, PayloadBytes: size}
		if first >= 0 {
			format.FirstByte, format.FirstByteKnown = uint8(first), true
		}
		c, ok := Lookup(format)
		scale, ie, bpl := FB, 10.2, 4.3
		for i := range evsIO {
			if evsIO[i].Name == want {
				scale, ie, bpl = WB, amrWB[i].Ie, amrWB[i].Bpl
			}
		}
		if !ok || c.Name != want || c.Scale != scale || c.Ie != ie || c.Bpl != bpl || c.Status() < Assumed {
			t.Errorf("%q, %v ms, %d bytes, first %#x: %+v, want %s", fmtp, ptime, size, first, c, want)
		}
	}
	const unknown, request, headers = -1, 0x90, "hf-only=1"

	// Compact: the sizes of table A.1, whatever their first byte is.
	for size, want := range map[int]string{
		7: "EVS 2.8", 18: "EVS 7.2", 20: "EVS 8.0", 24: "EVS 9.6", 33: "EVS 13.2", 41: "EVS 16.4",
		61: "EVS 24.4", 80: "EVS 32", 120: "EVS 48", 160: "EVS 64", 240: "EVS 96", 320: "EVS 128",
		17: "EVS IO 6.60", 23: "EVS IO 8.85", 32: "EVS IO 12.65", 36: "EVS IO 14.25", 40: "EVS IO 15.85",
		46: "EVS IO 18.25", 50: "EVS IO 19.85", 58: "EVS IO 23.05", 60: "EVS IO 23.85",
	} {
		for _, first := range []int{unknown, 0, 0x04, 0x7f} {
			f("", 20, size, first, want)
			f("hf-only=0; dtx=1", 0, size, first, want)
		}
	}
	f("", 20, 33, 0xff, "EVS 13.2")
	f("", 20, 7, request, "EVS") // comfort noise of an IO mode
	f("", 20, 6, 0, "EVS")       // that of a primary one

	// Header-full: the table of contents, where the size is its mode's.
	f("", 20, 34, 0x04, "EVS 13.2")
	f("", 20, 62, 0x06, "EVS 24.4")
	f("", 20, 34, 0x32, "EVS IO 12.65") // 33 bytes are compact's: one more of zeros
	f("", 20, 59, 0x37, "EVS IO 23.05")
	f("", 20, 34, 0x05, "EVS")
	f("", 20, 34, unknown, "EVS")
	f("", 40, 68, 0x44, "EVS 13.2")
	f(headers, 20, 33, 0x32, "EVS IO 12.65")
	f(headers, 20, 34, 0x32, "EVS IO 12.65")
	f(headers, 20, 41, 0x04, "EVS")
	f(headers, 20, 7, 0x0c, "EVS") // comfort noise

	// Behind a mode request: by size.
	f("", 20, 35, request, "EVS 13.2")
	f("", 20, 63, request, "EVS 24.4")
	f("", 20, 21, request, "EVS 7.2") // 20 bytes are compact's
	f("", 20, 34, request, "EVS IO 12.65")
	f("", 40, 1+2*34, request, "EVS 13.2")
	f(headers, 20, 20, request, "EVS 7.2")
	f("", 20, 300, request, "EVS")

	// By the fmtp alone.
	f("br=13.2; bw=swb", 0, 0, unknown, "EVS 13.2")
	f("br=5.9-24.4", 0, 0, unknown, "EVS")
	f("br=5.9", 0, 0, unknown, "EVS") // is 2.8, 7.2 and 8 in turn
	f("evs-mode-switch=1; mode-set=8", 0, 0, unknown, "EVS IO 23.85")
	f("evs-mode-switch=1", 0, 0, unknown, "EVS IO 12.65")
	f("evs-mode-switch=1", 20, 33, unknown, "EVS 13.2") // it has switched
}

// TestEVSOfMixedSizes: comfort noise among frames of 13.2 kbit/s makes a mean of
// 32 bytes, which is that of AMR-WB IO 12.65 and on another scale.
func TestEVSOfMixedSizes(t *testing.T) {
	f := Format{Encoding: "EVS", PtimeMs: 20, PayloadBytes: 32, PayloadMixed: true, FirstByte: 0x32, FirstByteKnown: true}
	if c, _ := Lookup(f); c.Name != "EVS" || c.Scale != FB || c.Kbps != 12.8 {
		t.Errorf("compact: %+v", c)
	}
	f.Fmtp = "hf-only=1"
	if c, _ := Lookup(f); c.Name != "EVS IO 12.65" {
		t.Errorf("header-full: %+v", c)
	}
	f.FirstByte = 0x90
	if c, _ := Lookup(f); c.Name != "EVS" {
		t.Errorf("behind a mode request: %+v", c)
	}
}

// TestEVSCompactSizesAreDistinct holds what evsSizes relies upon.
func TestEVSCompactSizesAreDistinct(t *testing.T) {
	if want := 1 + len(evsPrimary) + len(evsIO); len(evsSizes) != want {
		t.Errorf("%d sizes, want %d", len(evsSizes), want)
	}
	for i, c := range evsPrimary[1:] { // 2.8 kbit/s is a name: its frames are of 20 ms and 56 bits
		if got := float64(evsBytes[i+1]) * 8 / 20; got != c.Kbps {
			t.Errorf("%s has %v kbit/s", c.Name, got)
		}
	}
}

// FuzzLookup: whatever signalling and packets tell, a codec keeps within its
// scale, and its ceiling is no less than its R.
func FuzzLookup(f *testing.F) {
	f.Add("EVS", "hf-only=1; br=13.2", 34, 20., uint8(0x32), true, false)
	f.Add("opus", "cbr=1", 60, 20., uint8(0x78), true, true)
	f.Add("AMR", "mode-set=7;octet-align=1", 32, 20., uint8(0xf0), true, false)
	f.Fuzz(func(t *testing.T, encoding, fmtp string, bytes int, ptime float64, first uint8, known, mixed bool) {
		c, ok := Lookup(Format{
			Encoding: encoding, Fmtp: fmtp, PayloadBytes: bytes, PtimeMs: ptime, FirstByte: first, FirstByteKnown: known, PayloadMixed: mixed,
		})
		if !ok {
			return
		}
		if !(c.Ie >= 0 && c.Ie <= c.Scale.Base() && c.Bpl > 0) || strings.TrimSpace(c.Name) == "" || R(c, 3, 2, 50) > c.Ceiling() {
			t.Errorf("%+v", c)
		}
	})
}

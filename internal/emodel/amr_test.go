package emodel

import "testing"

// TestFrameSizes: a packet of any mode and either packing tells its mode, with
// the fmtp where it has several frames.
func TestFrameSizes(t *testing.T) {
	f := func(encoding, fmtp string, ptime float64, size int, want string) {
		t.Helper()
		if c, ok := Lookup(Format{Encoding: encoding, Fmtp: fmtp, PtimeMs: ptime, PayloadBytes: size}); !ok || c.Name != want {
			t.Errorf("%s %q, %v ms, %d bytes is %q, want %q", encoding, fmtp, ptime, size, c.Name, want)
		}
	}
	for _, codec := range []struct {
		encoding string
		bits     []int
		modes    []Codec
	}{{"AMR", amrBits[:], amr[:]}, {"AMR-WB", amrWBBits[:], amrWB[:]}} {
		for mode, bits := range codec.bits {
			name := codec.modes[mode].Name
			for _, ptime := range []float64{0, 20} {
				f(codec.encoding, "", ptime, (10+bits+7)/8, name)
				f(codec.encoding, "", ptime, 2+(bits+7)/8, name)
			}
			for n := 2; n <= 12; n++ {
				f(codec.encoding, "", float64(20*n), (4+n*(6+bits)+7)/8, name)
				f(codec.encoding, "octet-align=1", float64(20*n), 1+n*(1+(bits+7)/8), name)
			}
		}
	}
}

// TestSizesOfOneFrameAreDistinct holds what frameMode relies upon.
func TestSizesOfOneFrameAreDistinct(t *testing.T) {
	for _, all := range [][]int{amrBits[:], amrWBBits[:]} {
		mode := map[int]int{}
		for m, bits := range all {
			for _, size := range []int{(10 + bits + 7) / 8, 2 + (bits+7)/8} {
				if other, taken := mode[size]; taken && other != m {
					t.Errorf("%d bytes are mode %d and mode %d", size, other, m)
				}
				mode[size] = m
			}
		}
	}
}

func TestAMRWBFactors(t *testing.T) {
	for i, want := range []struct {
		bytes int
		ie, r float64
	}{{18, 41, 88}, {24, 26, 103}, {33, 13, 116}, {37, 10, 119}, {41, 7, 122}, {47, 5, 124}, {51, 4, 125}, {59, 1, 128}, {61, 8, 121}} {
		c, ok := Lookup(Format{Encoding: "AMR-WB", PayloadBytes: want.bytes})
		if !ok || c.Ie != want.ie || c.Bpl != 4.5 || c.Scale != WB || c.Ceiling() != want.r || c.IeStatus != Verify {
			t.Errorf("mode %d: %+v, want %+v", i, c, want)
		}
	}
	if c, _ := Lookup(Format{Encoding: "AMR-WB"}); c.IeStatus != Assumed {
		t.Errorf("unknown mode: %+v", c)
	}
}

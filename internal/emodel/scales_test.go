package emodel

import "testing"

func TestWidebandMOS(t *testing.T) {
	for r, want := range map[float64]string{129: "4.500", 120: "4.406", 110: "4.207", 100: "3.927", 93: "3.694", 80: "3.204", 60: "2.393"} {
		printed(t, "MOS of wideband R", WB.MOS(r), want)
	}
	printed(t, "base", WB.Base(), "129")
	printed(t, "G.722 at 64 kbit/s", g722x64.Ceiling(), "116")
}

func TestFullbandMOS(t *testing.T) {
	for r, want := range map[float64]string{148: "4.500", 137.8: "4.408", 120: "4.064", 100: "3.481"} {
		printed(t, "MOS of fullband R", FB.MOS(r), want)
	}
}

// TestFullband has the vectors of Ie 10.2, Bpl 4.3. Where 1/6 is computed in
// integers, as one program did, the delay terms are powers of 0: Ta 200 and 400
// show it.
func TestFullband(t *testing.T) {
	for _, v := range []struct {
		ppl, ta float64
		r, mos  string
	}{
		{0, 0, "137.80", "4.408"}, {1, 0, "114.82", "3.929"}, {5, 0, "72.32", "2.515"}, {0, 200, "133.29", "4.341"}, {0, 400, "102.18", "3.552"},
	} {
		r := R(fullband, v.ppl, 1, v.ta)
		printed(t, "R", r, v.r)
		printed(t, "MOS", FB.MOS(r), v.mos)
	}
}

// TestOpusBursts: bursts cost what the study measured with them, and never
// less than random loss.
func TestOpusBursts(t *testing.T) {
	c, _ := Lookup(opusAt(13, 28))
	printed(t, "random", R(c, 5, 1, 0), "93.14")
	printed(t, "bursty", R(c, 5, 2, 0), "88.69")
}

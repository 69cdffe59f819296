package media

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// pcmu20 is G.711 with concealment: Ie 0, Bpl 25.1.
var pcmu20 = Speech{Encoding: "PCMU", Buffer: Adaptive}

// heardMissed plays a string of numbers into the counters: '.' is heard, 'x'
// missing.
func heardMissed(b *BurstGap, c *Counts, pattern string) {
	for _, r := range pattern {
		c.Expected++
		if r == 'x' {
			c.Lost++
			b.missed()
		} else {
			c.Packets++
			c.Bytes += 160
			b.heard(1)
		}
	}
}

func dots(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '.'
	}
	return string(b)
}

// TestPerceptualByHand: 100 numbers heard, a burst (missing, heard, missing),
// 20 heard, one missing alone, 30 heard, one missing alone, 16 heard; 20 ms
// each. The burst is 3 numbers, 60 ms, of density 2/3; the gap 166 heard and 2
// missing, and the number that begins the burst: 3380 ms, of density 2/168.
// Behind the burst lie 20 + 1 + 30 + 1 + 16 numbers: 1360 ms.
//
//	Ieb = 95 66.667 / (66.667 + 25.1) = 69.0156
//	Ieg = 95 1.1905 / (1.1905 + 25.1) = 4.3018
//	e^(-b/5) = 0.988072, e^(-g/15) = 0.798250, e^(-y/30) = 0.955680
//	I1  = (69.0156 0.011928 + 0.988072 4.3018 0.201750) / (1 - 0.788728) = 7.9555
//	I2  = 4.3018 + 3.6537 0.798250 = 7.2183
//	Iav = [0.06 69.0156 + 3.38 4.3018 - 5 61.7973 0.011928 + 15 3.6537 0.201750] / 3.44 = 7.5733
//	Ie,end = 7.5733 + 0.7 0.3822 0.955680 = 7.8290, R = 93.2062 - 7.8290 = 85.3772
func TestPerceptualByHand(t *testing.T) {
	var b BurstGap
	var c Counts
	heardMissed(&b, &c, dots(100)+"x.x"+dots(20)+"x"+dots(30)+"x"+dots(16))
	if n, ok := b.SinceBurst(); !ok || n != 68 {
		t.Errorf("%d numbers behind the burst, want 68", n)
	}
	is, ok := Perceptual(pcmu20, &c, &Heard{}, b, 20)
	r := is.R
	if !ok || math.Abs(r-85.3772) > 0.0005 {
		t.Errorf("R is %g, want 85.3772", r)
	}
	if want := 1 + 0.035*r + r*(r-60)*(100-r)*7e-6; math.Abs(is.MOS-want) > 1e-9 || is.Scale != "NB" {
		t.Errorf("MOS is %g on %s, want %g on NB", is.MOS, is.Scale, want)
	}
}

func TestSinceBurst(t *testing.T) {
	for pattern, want := range map[string]int{
		dots(40):                                                  -1,
		dots(40) + "x" + dots(40):                                 -1, // alone
		dots(40) + "xx":                                           0,
		dots(40) + "xx" + dots(7):                                 7,
		dots(40) + "x" + dots(15) + "x" + "..":                    2,
		dots(40) + "x" + dots(16) + "x" + "..":                    -1, // both alone
		dots(40) + "xx" + dots(20) + "x" + dots(5):                26,
		dots(40) + "xx" + dots(20) + "x" + dots(25) + "x" + "..":  49,
		dots(40) + "xx" + dots(20) + "xx" + dots(25) + "x" + "..": 28,
		"." + "x" + dots(20) + "xx" + dots(20):                    20,
	} {
		var b BurstGap
		heardMissed(&b, &Counts{}, pattern)
		n, ok := b.SinceBurst()
		if got := int(n); !ok && want != -1 || ok && got != want {
			t.Errorf("%s: %d numbers behind the burst (%v), want %d", pattern, n, ok, want)
		}
		if !ok && b.After != 0 {
			t.Errorf("%s: %d numbers behind no burst", pattern, b.After)
		}
	}
}

// TestPerceptualNeedsEvidence: it is no score where there is none, nor where
// nobody counted how the loss lies.
func TestPerceptualNeedsEvidence(t *testing.T) {
	clean, lossy := Counts{Packets: 100, Bytes: 16000, Expected: 100}, Counts{Packets: 99, Bytes: 15840, Expected: 100, Lost: 1}
	var alone BurstGap
	heardMissed(&alone, &Counts{}, dots(50)+"x"+dots(49))
	for _, c := range []struct {
		name   string
		speech Speech
		counts Counts
		late   uint64
		gap    BurstGap
		ptime  float64
		ok     bool
	}{
		{"without loss", pcmu20, clean, 0, BurstGap{}, 20, true},
		{"without loss, packet time unknown", pcmu20, clean, 0, BurstGap{}, 0, true},
		{"with loss", pcmu20, lossy, 0, alone, 20, true},
		{"with loss, packet time unknown", pcmu20, lossy, 0, alone, 0, false},
		{"an agent that counts no bursts", pcmu20, lossy, 0, BurstGap{}, 20, false},
		{"late ones that nobody counted", pcmu20, clean, 3, BurstGap{}, 20, false},
		{"no factors", Speech{Encoding: "X-UNHEARD-OF"}, clean, 0, BurstGap{}, 20, false},
		{"no codec", Speech{}, clean, 0, BurstGap{}, 20, false},
		{"no packets", pcmu20, Counts{}, 0, BurstGap{}, 20, false},
		{"counters that no stream has", pcmu20, lossy, 0, BurstGap{C13: 1 << 63, C33: 1 << 63, Packets: 1 << 63}, 1e300, false},
	} {
		if _, ok := Perceptual(c.speech, &c.counts, &Heard{Discarded: [Buffers]uint64{Adaptive: c.late}}, c.gap, c.ptime); ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
		}
	}
}

// played is R of 20 ms packets of G.711 through a whole meter; missing says
// which are.
func played(t testing.TB, n int, missing func(i int) bool) (perceptual, plain float64) {
	t.Helper()
	f := newFeed()
	for i := range n {
		if !missing(i) {
			f.at(float64(20*i), 0, uint16(i), uint32(i)*160)
		}
	}
	h, last := f.sum(t)
	is, ok := Perceptual(pcmu20, &last.Total, &h, last.BurstGap, last.PtimeMs)
	score, scored := ScoreCounts(pcmu20, &last.Total, &h, last.PtimeMs, Adaptive)
	if !ok || !scored {
		t.Fatalf("no score of %+v", last)
	}
	return is.R, score.R
}

// TestPerceptualOfStreams: of streams that a meter measured, without loss it is
// the plain R; the later a burst the lower; the longer a burst, and the more
// packets of the rest are missing, the lower.
func TestPerceptualOfStreams(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(500, 3000).Draw(rt, "n")
		if r, plain := played(t, n, func(int) bool { return false }); r != plain {
			rt.Fatalf("without loss %g, the plain R is %g", r, plain)
		}
		length := rapid.IntRange(2, 60).Draw(rt, "length")
		every := rapid.IntRange(20, 200).Draw(rt, "alone")
		burst := func(at, length, every int) float64 {
			// Those missing alone keep 16 away from the burst on both sides.
			r, _ := played(t, n, func(i int) bool {
				return i >= at && i < at+length || every > 0 && i%every == every-1 && i < n-17 && (i < at-17 || i >= at+length+17)
			})
			return r
		}
		early := rapid.IntRange(20, n-200).Draw(rt, "early")
		later := rapid.IntRange(early+1, n-length-20).Draw(rt, "late")
		first, last := burst(early, length, 0), burst(later, length, 0)
		if last >= first {
			rt.Fatalf("a burst of %d at %d of %d: %g, at %d: %g", length, early, n, first, later, last)
		}
		if longer := burst(early, length+rapid.IntRange(1, 60).Draw(rt, "longer"), 0); longer >= first {
			rt.Fatalf("a burst of %d at %d of %d: %g, a longer one: %g", length, early, n, first, longer)
		}
		if more := burst(early, length, every); more >= first {
			rt.Fatalf("a burst of %d at %d of %d: %g, and one of %d missing: %g", length, early, n, first, every, more)
		}
	})
}

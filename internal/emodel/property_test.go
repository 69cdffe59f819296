package emodel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// ordered draws two numbers of a range, the lesser first.
func ordered(t *rapid.T, what string, lo, hi float64) (a, b float64) {
	a, b = rapid.Float64Range(lo, hi).Draw(t, what), rapid.Float64Range(lo, hi).Draw(t, what)
	return min(a, b), max(a, b)
}

// slack is what rounding may make of two values that are equal in the reals.
const slack = 1e-9

// overridden draws a codec that configuration may give.
func overridden(t *rapid.T) Codec {
	scale := rapid.SampledFrom([]Scale{NB, WB, FB}).Draw(t, "scale")
	o := Override{Encoding: "X", Scale: scale.String(), Ie: rapid.Float64Range(0, scale.Base()).Draw(t, "ie")}
	o.Bpl = rapid.Float64Range(0.01, 1000).Draw(t, "bpl")
	o.BplBursty = rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(t, "bursty") * o.Bpl
	table, err := NewTable([]Override{o})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := table.Lookup(Format{Encoding: "x"})
	return c
}

// TestWorseNeverRaises: more loss, more absolute delay (without echo) or
// burstier loss raises neither R nor the MOS that is stored, for no codec and
// on no scale; alone as well as together.
func TestWorseNeverRaises(t *testing.T) {
	codecs := Codecs()
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(codecs).Draw(t, "codec")
		if rapid.Bool().Draw(t, "overridden") {
			c = overridden(t)
		}
		ppl1, ppl2 := ordered(t, "ppl", 0, 100)
		burst1, burst2 := ordered(t, "burstR", 0.1, 50)
		ta1, ta2 := ordered(t, "ta", 0, 5000)
		good, bad := R(c, ppl1, burst1, ta1), R(c, ppl2, burst2, ta2)
		if bad > good+slack {
			t.Fatalf("R rises from %v to %v", good, bad)
		}
		if good > c.Ceiling()+slack {
			t.Fatalf("R %v is above its ceiling %v", good, c.Ceiling())
		}
		mosGood, mosBad := c.Scale.MOS(good), c.Scale.MOS(bad)
		if mosBad > mosGood+slack {
			t.Fatalf("MOS rises from %v to %v", mosGood, mosBad)
		}
		for _, alone := range []float64{R(c, ppl2, burst1, ta1), R(c, ppl1, burst2, ta1), R(c, ppl1, burst1, ta2)} {
			if alone > good+slack || c.Scale.MOS(alone) > mosGood+slack {
				t.Fatalf("R goes from %v to %v, MOS from %v to %v", good, alone, mosGood, c.Scale.MOS(alone))
			}
		}
		if c.Scale != NB || c.BplBursty > 0 {
			return // of which there is no full model here
		}

		p := Defaults()
		p.Ie, p.Bpl = c.Ie, c.Bpl
		worse := p
		p.Ppl, p.BurstR, p.Ta = ppl1, burst1, ta1
		worse.Ppl, worse.BurstR, worse.Ta = ppl2, burst2, ta2
		if p.R() < worse.R()-slack {
			t.Fatalf("full model: R rises from %v to %v", p.R(), worse.R())
		}
		if d := p.R() - good; math.Abs(d) > slack {
			t.Fatalf("the short form is %v off the full one", d)
		}
	})
}

func TestTermsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Defaults()
		p.T = rapid.Float64Range(0, 500).Draw(t, "T")
		p.Ta = rapid.Float64Range(0, 500).Draw(t, "Ta")
		p.Tr = rapid.Float64Range(0, 1000).Draw(t, "Tr")
		p.TELR = rapid.Float64Range(5, 65).Draw(t, "TELR")
		p.WEPL = rapid.Float64Range(5, 110).Draw(t, "WEPL")
		p.STMR = rapid.Float64Range(7, 25).Draw(t, "STMR")
		p.Qdu = rapid.Float64Range(1, 14).Draw(t, "qdu")
		p.Ppl = rapid.Float64Range(0, 20).Draw(t, "Ppl")
		p.A = rapid.Float64Range(0, 20).Draw(t, "A")
		x := p.Terms()
		for name, d := range map[string]float64{
			"R":  x.Ro - x.Is - x.Id - x.IeEff + p.A - x.R,
			"Is": x.Iolr + x.Ist + x.Iq - x.Is,
			"Id": x.Idte + x.Idle + x.Idd - x.Id,
		} {
			if !(math.Abs(d) < slack) {
				t.Fatalf("the terms of %s are %v off (%+v)", name, d, x)
			}
		}
	})
}

func TestCostsAddUp(t *testing.T) {
	codecs := Codecs()
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(codecs).Draw(t, "codec")
		ppl := rapid.Float64Range(0, 100).Draw(t, "ppl")
		burst := rapid.Float64Range(1, 20).Draw(t, "burstR")
		ta := rapid.Float64Range(0, 2000).Draw(t, "ta")
		x := RCosts(c, ppl, burst, ta)
		if d := c.Scale.Base() - x.Codec - x.Loss - x.Delay - R(c, ppl, burst, ta); math.Abs(d) > slack {
			t.Fatalf("costs are %v off", d)
		}
		if x.Codec < 0 || x.Loss < 0 || x.Delay < 0 {
			t.Fatalf("negative cost: %+v", x)
		}
	})
}

// exactAbove is the R from which upwards no two have the same MOS; 6.515 as
// it is printed.
const exactAbove = 6.5154

func TestMOSInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.Float64Range(exactAbove, 100).Draw(t, "r")
		if back := RFromMOS(MOS(r)); math.Abs(back-r) > 1e-5 {
			t.Fatalf("R %v has MOS %v, and that R %v", r, MOS(r), back)
		}
		m := rapid.Float64Range(1, 4.5).Draw(t, "m")
		if back := MOS(RFromMOS(m)); math.Abs(back-m) > 1e-9 {
			t.Fatalf("MOS %v has R %v, and that MOS %v", m, RFromMOS(m), back)
		}
	})
}

func TestMOSBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.Float64().Draw(t, "r")
		if m := ClampedMOS(r); m < 1 || m > 4.5 {
			t.Fatalf("ClampedMOS(%v) = %v", r, m)
		}
		for _, s := range []Scale{NB, WB, FB} {
			if m := s.MOS(r); !(m >= 1 && m <= 4.5) {
				t.Fatalf("%v: MOS(%v) = %v", s, r, m)
			}
		}
		if r2 := RFromMOS(rapid.Float64().Draw(t, "m")); !(r2 > 6.5 && r2 <= 100+slack) {
			t.Fatalf("RFromMOS = %v", r2)
		}
	})
	if MOS(4.2) >= 1 {
		t.Error("MOS is clamped: the vectors below 1 are of the bare cubic")
	}
}

// TestAnyFactorsNeverRaise is TestWorseNeverRaises for what configuration may
// make of a codec: any Ie of the scale, above what loss goes towards too, and
// a BplBursty on either side of Bpl.
func TestAnyFactorsNeverRaise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Codec{Scale: rapid.SampledFrom([]Scale{NB, WB, FB}).Draw(t, "scale")}
		c.Ie = rapid.Float64Range(0, c.Scale.Base()).Draw(t, "ie")
		c.Bpl = rapid.Float64Range(0.01, 100).Draw(t, "bpl")
		c.BplBursty = rapid.Float64Range(0, 100).Draw(t, "bursty")
		ppl1, ppl2 := ordered(t, "ppl", 0, 100)
		burst1, burst2 := ordered(t, "burstR", 0.5, 3)
		if good, bad := R(c, ppl1, burst1, 0), R(c, ppl2, burst2, 0); bad > good+slack || c.Scale.MOS(bad) > c.Scale.MOS(good)+slack {
			t.Fatalf("R rises from %v to %v", good, bad)
		}
	})
}

package emodel

import (
	"math"
	"testing"
)

// TestEchoBranches computes Idte by hand where sidetone matters: G.107 7.4
// changes TERV below STMR 9 and Idte above 20.
func TestEchoBranches(t *testing.T) {
	p := Defaults()
	p.T, p.TELR = 100, 45
	idte := func(stmr, lstr float64) (Terms, float64) {
		p.STMR, p.LSTR = stmr, lstr
		x := p.Terms()
		// Roe from Ro: both have the same No.
		no := (15-x.Ro)/1.5 - p.SLR
		terv := p.TELR - 40*math.Log10(11./(1+100./150))
		if stmr < 9 {
			terv += x.Ist / 2
		}
		roe, re := -1.5*(no-p.RLR), 80+2.5*(terv-14)
		return x, (roe-re)/2 + math.Sqrt((roe-re)*(roe-re)/4+100) - 1
	}
	if x, want := idte(15, 18); math.Abs(x.Idte-want) > slack {
		t.Errorf("STMR 15: Idte = %v, want %v", x.Idte, want)
	}
	if x, want := idte(7, 10); math.Abs(x.Idte-want) > slack || x.Ist < 1 {
		t.Errorf("STMR 7: Idte = %v, want %v; Ist %v", x.Idte, want, x.Ist)
	}
	if x, want := idte(25, 28); math.Abs(x.Idte-math.Sqrt(want*want+x.Ist*x.Ist)) > slack || x.Ist < 0.01 {
		t.Errorf("STMR 25: Idte = %v, want %v with Ist %v", x.Idte, want, x.Ist)
	}
	p.T = 0.5
	if x := p.Terms(); x.Idte != 0 {
		t.Errorf("T 0.5 ms: Idte = %v, want 0", x.Idte)
	}
}

func TestDelaySensitivity(t *testing.T) {
	for _, v := range []struct{ ta, sT, mT float64 }{{200, .55, 120}, {300, .4, 150}, {400, .55, 120}} {
		if low, full := IddSensitive(v.ta, v.sT, v.mT), Idd(v.ta); !(low < full) {
			t.Errorf("Idd(%v) at sensitivity %v from %v ms = %v, not below %v", v.ta, v.sT, v.mT, low, full)
		}
	}
	if d := IddSensitive(120, .55, 120); d != 0 {
		t.Errorf("Idd at mT = %v, want 0", d)
	}
}

func TestIeEffBounds(t *testing.T) {
	if got := IeEff(10, 19, -1, 1); got != 10 {
		t.Errorf("negative loss: %v, want Ie", got)
	}
	if a, b := IeEff(10, 19, 5, 0.3), IeEff(10, 19, 5, 1); a != b {
		t.Errorf("burstR below 1: %v, want that of 1, %v", a, b)
	}
	if got := IeEff(0, 4.3, 100, 1e9); got > 95*100/4.3+1 || math.IsNaN(got) {
		t.Errorf("extreme burst: %v", got)
	}
}

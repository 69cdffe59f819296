package emodel

import (
	"math"
	"testing"
)

func TestScaleMOSVectors(t *testing.T) {
	for _, v := range []struct {
		s   Scale
		r   float64
		mos string
	}{
		{NB, 100, "4.500"},
		{NB, 60, "3.100"},
		{NB, 4.2, "1.000"}, // clamped: 0.990 by the bare cubic
		{WB, 129, "4.500"},
		{WB, 120, "4.406"},
		{WB, 110, "4.207"},
		{WB, 100, "3.927"},
		{WB, 93, "3.694"},
		{WB, 80, "3.204"},
		{WB, 60, "2.393"},
		{WB, 5, "1.000"},
		{WB, -10, "1.000"},
		{FB, 148, "4.500"},
		{FB, 137.8, "4.408"},
		{FB, 120, "4.064"},
		{FB, 100, "3.481"},
		{FB, 5, "1.000"},
		{FB, 200, "4.500"},
	} {
		printed(t, v.s.String()+" MOS", v.s.MOS(v.r), v.mos)
	}
	for s, want := range map[Scale]float64{NB: BaseR, WB: 129, FB: 148} {
		if s.Base() != want {
			t.Errorf("%v: base %v, want %v", s, s.Base(), want)
		}
	}
}

func TestFullbandVectors(t *testing.T) {
	for _, v := range []struct {
		ppl, ta float64
		r, mos  string
	}{
		{0, 0, "137.8", "4.408"},
		{1, 0, "114.82", "3.929"},
		{5, 0, "72.32", "2.515"},
		{0, 200, "133.29", "4.341"},
		{0, 400, "102.18", "3.552"},
	} {
		r := R(evs, v.ppl, 1, v.ta)
		printed(t, "FB R", r, v.r)
		printed(t, "FB MOS", FB.MOS(r), v.mos)
	}
}

// TestWidebandByHand has AMR-WB 12.65 (Ie 13, Bpl 4.5) worked out by hand.
func TestWidebandByHand(t *testing.T) {
	for _, v := range []struct {
		ppl, burstR, ta float64
		r               string
	}{
		{0, 1, 0, "116"},
		{1, 1, 0, "101.0909"}, // 116 - 82/5.5
		{5, 2, 0, "57.4286"},  // 116 - 410/7
		{0, 1, 400, "91.93"},  // 116 - Idd, not stretched on this scale
	} {
		printed(t, "WB R", R(amrWB[2], v.ppl, v.burstR, v.ta), v.r)
	}
}

// TestIddExponentIsNoInteger is for the bug of another implementation, whose
// 1/6 was integer arithmetic: with pow(x, 0) there is no Idd at any delay.
func TestIddExponentIsNoInteger(t *testing.T) {
	for _, c := range []Codec{g711PLC, amrWB[2], evs} {
		if d := RCosts(c, 0, 1, 400).Delay; d < 24 {
			t.Errorf("%v: 400 ms cost %v", c.Scale, d)
		}
	}
	printed(t, "FB Idd", RCosts(evs, 0, 1, 400).Delay, "35.62")
}

// TestBurstyBpl: up to a burst ratio of 2 Bpl alone holds the burstiness, from
// there on the ratio in the formula, and no step lies between.
func TestBurstyBpl(t *testing.T) {
	c := Codec{Scale: NB, Ie: 10, Bpl: 20, BplBursty: 10}
	for _, v := range []struct{ burstR, bpl, ratio float64 }{{0.5, 20, 1}, {1, 20, 1}, {1.25, 17.5, 1}, {1.5, 15, 1}, {2, 10, 1}, {3, 10, 1.5}, {8, 10, 4}} {
		want := BaseR - IeEff(10, v.bpl, 5, v.ratio)
		if got := R(c, 5, v.burstR, 0); math.Abs(got-want) > slack {
			t.Errorf("BurstR %v: R = %v, want %v of Bpl %v", v.burstR, got, want, v.bpl)
		}
	}
	c.BplBursty = 30
	if got, want := R(c, 5, 2, 0), BaseR-IeEff(10, 20, 5, 2); math.Abs(got-want) > slack {
		t.Errorf("a BplBursty above Bpl: R = %v, want %v of Bpl", got, want)
	}
}

package emodel

import (
	"math"
	"testing"
)

func TestDefaultsR(t *testing.T) {
	if r := Defaults().R(); math.Abs(r-93.206207723276) > 5e-13 {
		t.Errorf("R at defaults = %.12f, want 93.206207723276", r)
	}
}

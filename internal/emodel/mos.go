package emodel

import "math"

// MOS turns a narrowband R into a mean opinion score (G.107 Annex B): 1 at
// and below R 0, 4.5 at and above R 100. The cubic between dips below 1 where
// R is under 6.5; ClampedMOS is what belongs into a record.
func MOS(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return cubic(r)
}

// ClampedMOS is MOS within 1 to 4.5, for records of narrowband.
func ClampedMOS(r float64) float64 { return max(1, MOS(r)) }

func cubic(r float64) float64 { return 1 + 0.035*r + r*(r-60)*(100-r)*7e-6 }

// RFromMOS is the inverse of MOS for 1 <= m <= 4.5 (G.107 Annex B, equation
// B-6), exact from R 6.515 upwards: below, two R have the same MOS. An m
// outside counts as the nearer end.
func RFromMOS(m float64) float64 {
	m = min(max(m, 1), 4.5)
	h := math.Atan2(15*math.Sqrt(-903522+1113960*m-202500*m*m), 18566-6750*m) / 3
	return 20. / 3 * (8 - math.Sqrt(226)*math.Cos(h+math.Pi/3))
}

// GoodOrBetter is the percentage of users that would call r good or better
// (G.107 Annex B).
func GoodOrBetter(r float64) float64 { return 100 * normal((r-60)/16) }

// PoorOrWorse is the percentage of users that would call r poor or worse
// (G.107 Annex B).
func PoorOrWorse(r float64) float64 { return 100 * normal((45-r)/16) }

// normal is the cumulative distribution function of the normal distribution.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

package emodel

// Scale is the scale that an R is on. R of different scales do not compare.
type Scale uint8

const (
	NB Scale = iota // narrowband, 0 to 100, G.107
	WB              // wideband, 0 to 129, G.107.1
	FB              // fullband, 0 to 148, G.107.2
)

func (s Scale) String() string {
	switch s {
	case WB:
		return "WB"
	case FB:
		return "FB"
	default:
		return "NB"
	}
}

// Model is the recommendation that the scale belongs to.
func (s Scale) Model() string {
	switch s {
	case WB:
		return "G.107.1"
	case FB:
		return "G.107.2"
	default:
		return "G.107"
	}
}

// Base is R on the scale with every parameter at its default: BaseR, 129, 148.
func (s Scale) Base() float64 {
	switch s {
	case WB:
		return baseWB
	case FB:
		return baseFB
	default:
		return BaseR
	}
}

// MOS turns an R of the scale into the mean opinion score that records store,
// 1 to 4.5.
func (s Scale) MOS(r float64) float64 {
	switch s {
	case WB:
		r /= stretchWB
	case FB:
		r /= stretchFB
	case NB:
	}
	return ClampedMOS(r)
}

// ieLimit is what Ie,eff goes towards as loss grows.
func (s Scale) ieLimit() float64 {
	if s == FB {
		return ieLimitFB
	}
	return 95 // G.107 equation 7-29, and G.107.1 alike
}

// idd is Idd in R points of the scale.
func (s Scale) idd(ta float64) float64 {
	if s == FB {
		return stretchFB * Idd(ta)
	}
	return Idd(ta)
}

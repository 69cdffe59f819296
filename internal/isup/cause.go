package isup

// Coding is the standard that a cause value is of (Q.850 2.2.2).
type Coding uint8

// The codings.
const (
	CodingITU      Coding = 0 // Q.850
	CodingISO      Coding = 1
	CodingNational Coding = 2 // in ANSI networks T1.113
	CodingNetwork  Coding = 3 // of the network that Location names
)

// Cause is why a call was released. The zero one is none: nothing ends with
// value 0.
type Cause struct {
	Coding   Coding
	Location uint8 // where it comes from (Q.850 2.2.3)
	Value    uint8 // 7 bits
}

// parseCause reads cause indicators (Q.763 3.12, Q.850 2.2):
//
//	 8     7   6     5     4   3   2   1
//	ext | coding | spare |   location
//	ext |   cause value
//	diagnostics
//
// Where the first extension bit is clear a recommendation stands between.
func parseCause(b []byte) Cause {
	if len(b) < 2 {
		return Cause{}
	}
	value := 1
	if b[0]&0x80 == 0 {
		value++
	}
	if value >= len(b) {
		return Cause{}
	}
	c := Cause{Coding(b[0] >> 5 & 3), b[0] & 0x0f, b[value] & 0x7f}
	if c.Value == 0 {
		return Cause{}
	}
	return c
}

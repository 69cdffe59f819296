package link

import (
	"net/netip"
	"testing"
)

// TestBox: the box is where one leg came to and the other one begins, whichever of
// them the clocks of two nodes say was first.
func TestBox(t *testing.T) {
	for _, c := range []struct {
		name     string
		in, out  [2]int
		outBegan float64
		want     netip.Addr
	}{
		{"by one clock", [2]int{1, 9}, [2]int{9, 2}, 0.02, host(9)},
		{"by clocks that differ", [2]int{1, 9}, [2]int{9, 2}, -0.48, host(9)},
		{"an address on each side", [2]int{1, 8}, [2]int{9, 2}, 0.02, host(9)},
		{"two targets of one host", [2]int{1, 8}, [2]int{1, 2}, 0.02, netip.Addr{}},
	} {
		b := newBench()
		in := b.between(c.in[0], c.in[1], "in", 0, &told{})
		out := b.between(c.out[0], c.out[1], "out", c.outBegan, &told{}, "X-CID: in")
		b.final(out, 2, 200)
		if len(b.links) != 1 || b.links[0].Box != c.want || !out.with(in) {
			t.Errorf("%s: %+v", c.name, b.links)
		}
	}
}

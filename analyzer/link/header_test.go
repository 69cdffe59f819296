package link

import "testing"

// TestDirection: a header is read in the messages that go its way, whether it is the
// same in both legs or names the other one.
func TestDirection(t *testing.T) {
	for _, c := range []struct {
		rule             Rule
		invite, response []string // headers of the leg that comes in
		linked           bool
	}{
		{Rule{Name: "X-Leg", CallID: true}, []string{"X-Leg: out"}, nil, true},
		{Rule{Name: "X-Leg", CallID: true}, nil, []string{"X-Leg: out"}, false},
		{Rule{Name: "X-Leg", CallID: true, Direction: Responses}, nil, []string{"X-Leg: out"}, true},
		{Rule{Name: "X-Leg", CallID: true, Direction: Responses}, []string{"X-Leg: out"}, nil, false},
		{Rule{Name: "X-Leg", CallID: true, Direction: Both}, []string{"X-Leg: out"}, nil, true},
		{Rule{Name: "X-Leg", CallID: true, Direction: Both}, nil, []string{"X-Leg: out"}, true},
		{Rule{Name: "X-Call", Direction: Responses}, []string{"X-Call: 7"}, nil, false},
		{Rule{Name: "X-Call", Direction: Responses}, nil, []string{"X-Call: 7"}, true},
		{Rule{Name: "X-Call", Direction: Both}, nil, []string{"X-Call: 7"}, true},
	} {
		b := newBench(func(o *Options) { o.Headers = []Rule{c.rule} })
		in := b.between(1, 2, "in", 0, &told{}, c.invite...)
		out := b.between(2, 3, "out", 0.1, &told{}, c.invite...)
		b.final(out, 1, 200, c.response...)
		b.final(in, 1.1, 200, c.response...)
		if got := in.with(out); got != c.linked {
			t.Errorf("%s, Call-ID %v, direction %d, in INVITE %v, in 2xx %v: linked is %v", c.rule.Name, c.rule.CallID, c.rule.Direction, c.invite, c.response, got)
		}
	}
}

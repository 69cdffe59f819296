package link

import (
	"fmt"
	"testing"
	"time"
)

// TestNamed: whoever knows a Call-ID can name it. It counts where the INVITE comes
// from the box that the other leg went to, or where who was asked agrees.
func TestNamed(t *testing.T) {
	for _, c := range []struct {
		name     string
		header   string
		from, to int
		status   uint16
		want     string
	}{
		{"the box goes on, and is refused", "X-CID: a", 2, 3, 486, "b>a header/X-CID a 2"},
		{"a box with an address on each side", "X-CID: a", 7, 3, 200, "b>a header/X-CID a 2"},
		{"a stranger is refused", "X-CID: a", 66, 3, 403, "b>a header/X-CID likely 0.50"},
		{"a stranger at the box is refused", "X-CID: a", 66, 2, 403, "b>a header/X-CID likely 0.50"},
		{"no such dialog", "X-CID: a", 66, 2, 481, ""},
		{"Replaces", "Replaces: a;to-tag=1;from-tag=2", 66, 2, 200, "b>a dialog/Replaces a 2"},
		{"Replaces, the tags either way round", "Replaces: a;from-tag=1;to-tag=2;early-only", 66, 2, 200, "b>a dialog/Replaces a 2"},
		{"Replaces is refused", "Replaces: a;to-tag=1;from-tag=2", 66, 2, 603, "b>a dialog/Replaces likely 0.50"},
		{"Replaces of no such dialog", "Replaces: a;to-tag=1;from-tag=2", 66, 2, 481, ""},
		{"Replaces with other tags is refused", "Replaces: a;to-tag=1;from-tag=7", 66, 2, 486, ""},
		{"Replaces with other tags", "Replaces: a;to-tag=1;from-tag=7", 66, 2, 200, "b>a dialog/Replaces likely 0.50"},
		{"Replaces without tags", "Replaces: a", 66, 2, 486, ""},
		{"Join with one tag", "Join: a;to-tag=1", 66, 2, 403, ""},
	} {
		b := newBench()
		b.final(b.between(1, 2, "a", 0, &told{}), 1, 200)
		b.final(b.between(c.from, c.to, "b", 2, &told{}, c.header), 3, c.status)
		if got := b.says(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	// The leg that is named may be seen later.
	for _, status := range []uint16{200, 486} {
		b := newBench()
		l := b.between(2, 3, "b", 0.1, &told{}, "X-CID: a", "Replaces: c;to-tag=1;from-tag=2")
		b.between(1, 2, "a", 0, &told{})
		b.want(t, "b>a header/X-CID a 2")
		b.final(b.between(4, 5, "c", 0.2, &told{}), 1, 200)
		b.final(l, 2, status)
		b.want(t, map[uint16]string{200: "b>a header/X-CID a 2; c>b dialog/Replaces a 3", 486: "b>a header/X-CID a 2; c>b dialog/Replaces likely 0.50"}[status])
	}
}

// TestMentions: Call-IDs that are never seen are remembered up to a bound, and all
// are forgotten with the legs that name them.
func TestMentions(t *testing.T) {
	b := newBench()
	var legs []*Leg
	for i := range 20 {
		var headers []string
		for k := range 40 {
			headers = append(headers, fmt.Sprintf("X-CID: nobody%d-%d", i, k))
		}
		legs = append(legs, b.invite(fmt.Sprint("leg", i), float64(i), headers...))
	}
	if len(b.mentions) != 20*maxMentionsOf || b.waiting != len(b.mentions) || b.Counters.Refused != 20*(40-maxMentionsOf) {
		t.Errorf("%d Call-IDs are waited for (%d), %d refused", len(b.mentions), b.waiting, b.Counters.Refused)
	}
	b.invite("nobody0-0", 30)
	for _, l := range legs {
		b.forget(l)
	}
	if len(b.mentions) != 0 || b.waiting != 0 {
		t.Errorf("%d Call-IDs are still waited for (%d)", len(b.mentions), b.waiting)
	}
}

// TestConstantName: a box that always names one Call-ID.
func TestConstantName(t *testing.T) {
	b := newBench(func(o *Options) { o.Remember = time.Hour })
	for i := range 60 {
		l := b.between(1, 2, fmt.Sprint("call", i), float64(45*i), &told{}, "X-CID: call0")
		b.final(l, float64(45*i+20), 200)
		l.source.(*told).End = at(float64(45*i + 20))
		b.Written(l, at(float64(45*i+20)))
		b.Advance(at(float64(45 * i)))
	}
	if n := b.Find("default", []byte("call0")).Legs(); n > maxConstant+1 || b.Counters.Common == 0 {
		t.Errorf("the first call has %d legs: %+v", n, b.Counters)
	}
}

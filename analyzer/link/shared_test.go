package link

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestPlaceholders: what boxes write that have no value identifies nobody.
func TestPlaceholders(t *testing.T) {
	for _, v := range []string{
		"", `""`, "0", `"0"`, "none", "None", "null", "(null)", "nil", "N/A", "unknown", `"undefined"`, "<>", "< >", "0x0", "0x00000000",
		"--", "{00000000-0000-0000-0000-000000000000}", "'none'",
	} {
		b := newBench()
		b.invite("a", 0, "X-Genesys-CallUUID: "+v)
		b.invite("b", 1, "X-Genesys-CallUUID: "+v)
		if b.want(t, ""); t.Failed() {
			t.Fatalf("value %s", v)
		}
	}
	b := newBench()
	b.invite("a", 0, "X-Genesys-CallUUID: 0x01")
	b.invite("b", 1, "X-Genesys-CallUUID: 0x01")
	b.want(t, "b>a header/X-Genesys-CallUUID a 2")
}

// TestGroup: a box rings a hundred phones for one call, each behind two proxies, and
// all have its header. A leg is one however many hops its INVITE was seen at.
func TestGroup(t *testing.T) {
	for _, header := range []string{"X-CID: a", "Cisco-Guid: 1-2-3-4"} {
		b := newBench()
		b.between(1, 2, "a", 0, &told{Caller: "100", Callee: "200"}, header)
		for i := range 100 {
			id, when, f := fmt.Sprint("phone", i), float64(i)*0.1, &told{Caller: "100", Callee: fmt.Sprint(300 + i)}
			l := b.between(2, 8, id, when+0.02, f, header)
			m := message("INVITE sip:bob@example.com SIP/2.0", id, "Via: SIP/2.0/UDP y;branch=z9hG4bK2", header)
			b.Invite(l, m, host(8), host(9), at(when+0.03))
			b.Invite(l, m, host(9), host(100+i), at(when+0.04))
			b.final(l, when+1, 486)
		}
		if n := b.Find("default", []byte("a")).Legs(); n != 101 || len(b.links) != 100 || b.Counters.Common+b.Counters.Refused > 0 {
			t.Errorf("%s: %d legs, %d links: %+v", header, n, len(b.links), b.Counters)
		}
	}
}

// TestGroupAlone: a box rings fifty phones, and the leg of the caller is not seen.
func TestGroupAlone(t *testing.T) {
	b := newBench()
	var legs []*Leg
	for i := range 50 {
		f := &told{Caller: "100", Callee: fmt.Sprint(300 + i), End: at(5), Status: 487}
		if i == 20 {
			f = &told{Caller: "100", Callee: "320", Answer: at(5)}
		}
		legs = append(legs, b.between(2, 100+i, fmt.Sprint("phone", i), float64(i)*0.01, f, "Cisco-Guid: 1-2-3-4"))
	}
	for _, l := range legs {
		if len(l.evidence.sharings) > 2 {
			t.Fatalf("%s waits for %d legs", l.CallID, len(l.evidence.sharings))
		}
	}
	for _, l := range legs {
		b.settleShared(l, at(6))
	}
	if n := legs[20].Legs(); n != 50 {
		t.Errorf("%d legs", n)
	}
}

// TestConstantHeader: a box that fills a header with a constant does so however far
// its calls are apart, and through whatever they go.
func TestConstantHeader(t *testing.T) {
	const header = "Cisco-Guid: always"
	for _, c := range []struct {
		name string
		play func(b *bench, i int) []*Leg
	}{
		{"between the same hosts", func(b *bench, i int) []*Leg {
			return []*Leg{b.between(1, 2, fmt.Sprint(i), float64(20*i), &told{Caller: fmt.Sprint(100 + i)}, header)}
		}},
		{"through a proxy that is seen on both sides", func(b *bench, i int) []*Leg {
			l := b.between(1, 8, fmt.Sprint(i), float64(20*i), &told{Caller: fmt.Sprint(100 + i)}, header)
			b.Invite(l, message("INVITE sip:bob@example.com SIP/2.0", l.CallID, "Via: SIP/2.0/UDP y;branch=z9hG4bK2", header), host(8), host(2), l.Began)
			return []*Leg{l}
		}},
		{"unlike phones, one after the other", func(b *bench, i int) []*Leg {
			return []*Leg{b.between(10+i, 110+i, fmt.Sprint(i), float64(20*i), &told{Caller: fmt.Sprint(100 + i)}, header)}
		}},
		{"unlike phones of one box", func(b *bench, i int) []*Leg {
			return []*Leg{b.between(10+i, 2, fmt.Sprint(i), float64(i), &told{Caller: fmt.Sprint(100 + i)}, header)}
		}},
		{"one number of one box", func(b *bench, i int) []*Leg {
			return []*Leg{b.between(1, 110+i, fmt.Sprint(i), float64(i)*0.5, &told{Caller: "100"}, header)}
		}},
		{"unlike phones, all at once", func(b *bench, i int) []*Leg {
			return []*Leg{b.between(10+i, 110+i, fmt.Sprint(i), float64(i), &told{Caller: fmt.Sprint(100 + i), Callee: fmt.Sprint(200 + i)}, header)}
		}},
	} {
		b := newBench(func(o *Options) { o.Remember = time.Hour })
		var legs []*Leg
		for i := range 60 {
			for _, l := range c.play(b, i) {
				legs = append(legs, l)
				l.source.(*told).Answer, l.source.(*told).End = l.Began.Add(time.Second), l.Began.Add(10*time.Second)
			}
		}
		for _, l := range legs {
			b.Written(l, l.Began.Add(100*time.Second))
		}
		for _, k := range b.links {
			if k.Merged {
				t.Fatalf("%s: %s", c.name, b.says())
			}
		}
		if b.Counters.Common == 0 {
			t.Errorf("%s: none is a constant", c.name)
		}
	}
	// A box that passes it on has the right legs, as long as there is but one call.
	b := newBench()
	for i := range 3 {
		f := told{Caller: fmt.Sprint(100 + i), Callee: "200", Answer: at(float64(10*i) + 1), End: at(float64(10*i) + 9)}
		in, out := f, f
		b.between(1, 2, fmt.Sprint("in", i), float64(10*i), &in, header)
		b.between(2, 3, fmt.Sprint("out", i), float64(10*i)+0.1, &out, header)
	}
	b.want(t, "out0>in0 header/Cisco-Guid in0 2; in1>out0 header/Cisco-Guid likely 0.50; out1>in1 header/Cisco-Guid likely 0.50; in2>out1 header/Cisco-Guid likely 0.50; out2>in2 header/Cisco-Guid likely 0.50")
}

// TestSharedHeader: two legs of one call, by the hosts that they go between.
func TestSharedHeader(t *testing.T) {
	for _, c := range []struct {
		name         string
		one, two     [2]int
		onef, twof   told
		apart        float64
		want, ending string
	}{
		{"through a box", [2]int{1, 2}, [2]int{2, 3}, told{}, told{}, 1, "b>a header/Cisco-Guid a 2", ""},
		{"through a box that keeps the caller waiting", [2]int{1, 2}, [2]int{2, 3}, told{}, told{}, 100, "b>a header/Cisco-Guid a 2", ""},
		{"long after the call was over", [2]int{1, 2}, [2]int{2, 3}, told{End: at(5)}, told{}, 100, "b>a header/Cisco-Guid likely 0.50", ""},
		{"through a box with an address on each side", [2]int{1, 2}, [2]int{4, 3}, told{}, told{}, 1, "", "b>a header/Cisco-Guid a 2"},
		{"another call elsewhere", [2]int{1, 2}, [2]int{4, 3}, told{Caller: "100"}, told{Caller: "101"}, 30, "b>a header/Cisco-Guid likely 0.50", ""},
		{"a group", [2]int{1, 2}, [2]int{1, 3}, told{Caller: "100"}, told{Caller: "100"}, 0.1, "", "b>a header/Cisco-Guid a 2"},
		{"a group of which one answered", [2]int{1, 2}, [2]int{1, 3}, told{Caller: "100", End: at(3)}, told{Caller: "100", Answer: at(2)}, 0.1, "", "b>a header/Cisco-Guid a 2"},
		{"two calls of one number at one time", [2]int{1, 2}, [2]int{1, 3}, told{Caller: "100", Answer: at(1)}, told{Caller: "100", Answer: at(2)}, 0.1, "", "b>a header/Cisco-Guid likely 0.50"},
		{"a call of the same number beside another", [2]int{1, 2}, [2]int{1, 3}, told{Caller: "100", Answer: at(1)}, told{Caller: "100"}, 2, "b>a header/Cisco-Guid likely 0.50", ""},
		{"the next target, since the first one was busy", [2]int{1, 2}, [2]int{1, 3}, told{Caller: "100", End: at(1)}, told{Caller: "100"}, 2, "b>a header/Cisco-Guid a 2", ""},
		{"the next call of one phone", [2]int{1, 2}, [2]int{1, 3}, told{Caller: "100", Answer: at(1), End: at(5)}, told{Caller: "100"}, 20, "b>a header/Cisco-Guid likely 0.50", ""},
		{"two calls of one box", [2]int{1, 2}, [2]int{1, 3}, told{Caller: "100"}, told{Caller: "101"}, 0.1, "b>a header/Cisco-Guid likely 0.50", ""},
		{"it tries again", [2]int{1, 2}, [2]int{1, 2}, told{Caller: "100", End: at(1)}, told{Caller: "100"}, 2, "b>a header/Cisco-Guid likely 0.50", ""},
	} {
		b := newBench()
		x := b.between(c.one[0], c.one[1], "a", 0, &c.onef, "Cisco-Guid: 7")
		b.between(c.two[0], c.two[1], "b", c.apart, &c.twof, "Cisco-Guid: 7")
		if got := b.says(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		b.links = nil
		b.settleShared(x, at(200))
		if got := b.says(); got != c.ending {
			t.Errorf("%s: in the end %q, want %q", c.name, got, c.ending)
		}
	}
}

// TestSessionID: both halves are of one call, be they in an INVITE or in its answer;
// and who calls two parties gives the one the half with which the other answered.
func TestSessionID(t *testing.T) {
	const x, y, z, null = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2", "a55a9de7794ba387653f2099600ef247", "00000000000000000000000000000000"
	id := func(local, remote string) string { return "Session-ID: " + local + ";remote=" + remote }
	for _, c := range []struct {
		name          string
		one, two      [2]int
		first, answer string
		second, last  string
		want          string
	}{
		{"the box has a half of its own", [2]int{1, 2}, [2]int{2, 3}, id(x, null), "", id(y, x), "", "b>a header/Session-ID a 2"},
		{"the callee's half comes back", [2]int{1, 2}, [2]int{2, 3}, id(x, null), id(y, x), id(z, null), id(y, z), "b>a header/Session-ID a 2"},
		{"two parties are called", [2]int{2, 1}, [2]int{2, 3}, id(x, null), id(y, x), id(y, null), "", "b>a header/Session-ID a 2"},
		{"one who always answers so is called by two", [2]int{1, 2}, [2]int{4, 2}, id(x, null), id(y, x), id(z, null), id(y, z), "b>a header/Session-ID likely 0.50"},
		{"two calls", [2]int{1, 2}, [2]int{2, 3}, id(x, null), id(y, x), id(z, null), id(strings.Repeat("7", 32), z), ""},
	} {
		b := newBench()
		a := b.between(c.one[0], c.one[1], "a", 0, &told{}, c.first)
		b.final(a, 1, 200, c.answer)
		b.final(b.between(c.two[0], c.two[1], "b", 1.2, &told{}, c.second), 3, 200, c.last)
		if got := b.says(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

package link

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// TestNumbers: a call through a box, beside what looks like it.
func TestNumbers(t *testing.T) {
	alice, box, bob := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("203.0.113.1")
	in := Facts{Caller: "+12025550142", Callee: "+442079460123", Target: "+442079460123", Src: alice, Dst: box, Start: at(0), Answer: at(5), End: at(60)}
	out := Facts{Caller: "02025550142", Callee: "02079460123", Target: "79460123", Src: box, Dst: bob, Start: at(0.03), Answer: at(4.98), End: at(60.01)}
	change := func(f Facts, how func(*Facts)) Facts { how(&f); return f }
	for _, c := range []struct {
		name string
		legs []Facts
		want string
	}{
		{"a call through a box", []Facts{in, out}, "b>a numbers a 2"},
		{"no box", []Facts{in, change(out, func(f *Facts) { f.Src = bob })}, "b>a numbers likely 0.80"},
		{"other numbers", []Facts{in, change(out, func(f *Facts) { f.Caller, f.Callee, f.Target = "1000000", "2000000", "2000000" })}, ""},
		{"the caller is another one", []Facts{in, change(out, func(f *Facts) { f.Caller = "anonymous" })}, "b>a numbers likely 0.80"},
		{"a minute later", []Facts{in, change(out, func(f *Facts) { f.Start = at(20) })}, ""},
		{"answered behind the box after it had", []Facts{in, change(out, func(f *Facts) { f.Answer = at(5.3) })}, "b>a numbers likely 0.75"},
		{"answered by the box alone", []Facts{in, change(out, func(f *Facts) { f.Answer, f.Status = time.Time{}, 486 })}, "b>a numbers likely 0.70"},
		{"busy", []Facts{change(in, func(f *Facts) { f.Answer, f.End, f.Status = time.Time{}, at(2), 486 }), change(out, func(f *Facts) { f.Answer, f.End, f.Status = time.Time{}, at(1.99), 486 })}, "b>a numbers a 2"},
		{"two calls of one host", []Facts{in, change(in, func(f *Facts) { f.Start = at(1.5) })}, ""},
		{"two calls that fit alike", []Facts{in, change(in, func(f *Facts) { f.Src = bob }), change(out, func(f *Facts) { f.Dst = alice })}, "c>b numbers likely 0.47"},
		{"From is anonymous, P-Asserted-Identity and ISUP are not", []Facts{
			change(in, func(f *Facts) { f.Caller, f.Calling = "anonymous", "+12025550142" }), change(out, func(f *Facts) { f.Src = box }),
		}, "b>a numbers a 2"},
		{"two callers who are anonymous", []Facts{
			change(in, func(f *Facts) { f.Caller, f.Calling = "anonymous", "+12025550142" }), change(out, func(f *Facts) { f.Caller, f.Calling, f.Src = "anonymous", "2025550177", bob }),
		}, ""},
		{"the number of an anonymous caller stays inside the network", []Facts{
			change(in, func(f *Facts) { f.Caller, f.Calling = "anonymous", "+12025550142" }), change(out, func(f *Facts) { f.Caller = "anonymous" }),
		}, "b>a numbers a 2"},
		{"two anonymous callers from one box to one number", []Facts{
			change(out, func(f *Facts) { f.Caller, f.Calling = "anonymous", "+12025550142" }),
			change(out, func(f *Facts) {
				f.Caller, f.Calling, f.Dst, f.Answer, f.End, f.Status, f.Elsewhere = "anonymous", "+12025550177", alice, time.Time{}, at(5), 487, true
			}),
		}, ""},
		{"a routing number goes in, the number called is in ISUP", []Facts{
			change(in, func(f *Facts) { f.Callee, f.Target, f.Called = "1D047", "1D047", "+442079460123" }), out,
		}, "b>a numbers a 2"},
		{"the number called is in ISUP of the second leg", []Facts{
			in, change(out, func(f *Facts) { f.Callee, f.Target, f.Called = "9990001111", "9990001111", "2079460123" }),
		}, "b>a numbers a 2"},
		{"To, Request-URI and ISUP have three numbers", []Facts{
			in, change(out, func(f *Facts) { f.Callee, f.Called = "5550000", "5550001" }),
		}, "b>a numbers a 2"},
		{"a group that rang", []Facts{out, change(out, func(f *Facts) {
			f.Callee, f.Target, f.Answer, f.End, f.Status, f.Elsewhere = "300", "300", time.Time{}, at(5), 487, true
		})}, "b>a numbers a 2"},
		{"two targets that both answered are no forks of one call", []Facts{in, out, change(out, func(f *Facts) { f.Dst, f.Start = host(3), at(0.09) })}, "b>a numbers likely 0.47; c>a numbers likely 0.47"},
		{"what one node saw before the call came is not of it", []Facts{
			change(out, func(f *Facts) { f.Dst, f.Node, f.Start = host(3), "tap", at(-0.05) }), change(in, func(f *Facts) { f.Node = "tap" }), change(out, func(f *Facts) { f.Node = "tap" }),
		}, "c>b numbers b 2"},
		{"two nodes' clocks may differ by that", []Facts{change(out, func(f *Facts) { f.Node, f.Start = "one", at(-0.05) }), change(in, func(f *Facts) { f.Node = "two" })}, "b>a numbers a 2"},
		{"anonymous callers are many", []Facts{
			change(in, func(f *Facts) { f.Caller = "anonymous" }), change(out, func(f *Facts) { f.Caller, f.Answer, f.End = "anonymous", at(4.4), at(60.5) }),
		}, "b>a numbers likely 0.74"},
		{"the box follows a redirection", []Facts{
			in, change(out, func(f *Facts) { f.Answer, f.End, f.Status = time.Time{}, at(0.1), 302 }),
			change(out, func(f *Facts) { f.Callee, f.Target, f.Diverted, f.Start = "5550000", "5550000", "02079460123", at(0.2) }),
		}, "b>a numbers likely 0.70; c>a numbers a 2"},
	} {
		b := newBench()
		var legs []*Leg
		for i := range c.legs {
			l := b.Leg("default", string(rune('a'+i)), c.legs[i].Start, (*told)(&c.legs[i]))
			b.Invite(l, message("INVITE sip:x@example.com SIP/2.0", l.CallID), c.legs[i].Src, c.legs[i].Dst, l.Began)
			legs = append(legs, l)
		}
		for _, l := range legs {
			b.Written(l, at(75))
		}
		if got := b.says(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestRingGroup: a box rings five extensions for one caller: they are of one call,
// also where nothing shows from which it came, and where another group rings.
func TestRingGroup(t *testing.T) {
	for _, c := range []struct {
		name   string
		in     bool
		groups int
		merged int
	}{
		{"with the leg that came in", true, 1, 4},
		{"without it", false, 1, 4},
		{"and another group, of one caller, answered at one time", false, 2, 0},
	} {
		b := newBench()
		var legs []*Leg
		if c.in {
			legs = append(legs, b.between(1, 2, "in", 0, &told{Caller: "5551234", Callee: "600", Answer: at(2.03), End: at(10)}))
		}
		for i := range 5 * c.groups {
			f := &told{Caller: "5551234", Callee: fmt.Sprint(601 + i), End: at(2.06), Status: 487, Elsewhere: true}
			if i%5 == 4 {
				f = &told{Caller: f.Caller, Callee: f.Callee, Answer: at(2.02), End: at(10.01)}
			}
			legs = append(legs, b.between(2, 11+i, fmt.Sprint("out", i), 0.02+0.002*float64(i), f))
		}
		for _, when := range []float64{2.1, 11} {
			for _, l := range legs {
				if l.source != nil && !l.source.(*told).End.After(at(when)) {
					b.Written(l, at(when))
				}
			}
		}
		merged := 0
		for _, k := range b.links {
			if k.Merged {
				merged++
			}
		}
		if merged != c.merged {
			t.Errorf("%s: %d are merged, want %d: %s", c.name, merged, c.merged, b.says())
		}
	}
}

package link

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/sip"
)

var began = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }

// told is a Source that tests fill.
type told Facts

func (f *told) Facts() Facts { return Facts(*f) }

func (f *told) Dialog(tag, other string) bool { return tag+other == "12" || tag+other == "21" }

// bench is a Table under test.
type bench struct {
	*Table
	links []Link
}

func newBench(change ...func(*Options)) *bench {
	b := &bench{}
	opt := Defaults()
	for _, c := range change {
		c(&opt)
	}
	b.Table = New(opt, func(l Link) { b.links = append(b.links, l) })
	return b
}

// leg begins a leg of which only its Call-ID counts.
func (b *bench) leg(id string, when float64) *Leg {
	return b.Leg("default", id, at(when), &told{Start: at(when)})
}

// host is one of the hosts that calls go between here.
func host(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }

// invite begins a leg by an INVITE with headers: the first from a phone to a box,
// the others from the box on.
func (b *bench) invite(id string, when float64, headers ...string) *Leg {
	from, to := 1, 9
	if len(b.legs) > 0 {
		from, to = 9, 20+len(b.legs)
	}
	return b.between(from, to, id, when, &told{}, headers...)
}

// between begins a leg from one host to another.
func (b *bench) between(from, to int, id string, when float64, f *told, headers ...string) *Leg {
	f.Start, f.Src, f.Dst = at(when), host(from), host(to)
	l := b.Leg("default", id, f.Start, f)
	b.Invite(l, message("INVITE sip:bob@example.com SIP/2.0", id, headers...), f.Src, f.Dst, f.Start)
	return l
}

// final plays the final response to the INVITE of a leg, and writes it.
func (b *bench) final(l *Leg, when float64, status uint16, headers ...string) {
	f := l.source.(*told)
	if f.Status = status; status < 300 {
		f.Answer = at(when)
		b.Answered(l, message("SIP/2.0 200 OK", l.CallID, headers...), f.Answer)
		return
	}
	f.End = at(when)
	b.Written(l, f.End)
}

func message(start, id string, headers ...string) *sip.Message {
	var m sip.Message
	raw := start + "\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: " + id +
		"\r\nCSeq: 1 INVITE\r\n" + strings.Join(append(headers, "Content-Length: 0"), "\r\n") + "\r\n\r\n"
	if !m.Parse([]byte(raw)) {
		panic(raw)
	}
	return &m
}

// says is the links in short: leg, other, method, session, legs, merged or not.
func (b *bench) says() string {
	var out []string
	for _, l := range b.links {
		s := fmt.Sprintf("%s>%s %s", l.Leg.CallID, l.Other.CallID, l.Method)
		if l.Detail != "" {
			s += "/" + l.Detail
		}
		if l.Merged {
			s += fmt.Sprintf(" %s %d", l.SessionID, l.Legs)
		} else {
			s += fmt.Sprintf(" likely %.2f", l.Confidence)
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func (b *bench) want(t *testing.T, links string) {
	t.Helper()
	if got := b.says(); got != links {
		t.Errorf("links\n  %s\nwant\n  %s", got, links)
	}
}

func TestHeaders(t *testing.T) {
	const id = "ab30317f1a784dc48ff824d0d3715d86"
	for _, c := range []struct{ name, first, second, want string }{
		{"Session-ID", "Session-ID: " + id + ";remote=00000000000000000000000000000000", "Session-ID: " + strings.ToUpper(id) + ";remote=47755a9de7794ba387653f2099600ef2", "b>a header/Session-ID a 2"},
		{"the nil UUID", "Session-ID: 00000000000000000000000000000000", "Session-ID: 00000000000000000000000000000000", ""},
		{"another one", "Session-ID: " + id, "Session-ID: 47755a9de7794ba387653f2099600ef2", ""},
		{"icid", `P-Charging-Vector: icid-value="AyretyU0dm+6O2IrT5tAFrbHLso";orig-ioi=a`, "P-Charging-Vector: icid-value=AyretyU0dm+6O2IrT5tAFrbHLso; orig-ioi=b", "b>a header/P-Charging-Vector a 2"},
		{"the first leg's Call-ID", "", "X-CID: a", "b>a header/X-CID a 2"},
		{"the second leg's Call-ID", "X-CID: b", "", "b>a header/X-CID a 2"},
		{"its own Call-ID", "X-CID: a", "X-CID: b", ""},
		{"Replaces", "", "Replaces: a;to-tag=1;from-tag=2", "b>a dialog/Replaces a 2"},
		{"Join", "", "Join: a;to-tag=1;from-tag=2", "b>a dialog/Join a 2"},
		{"Target-Dialog", "", "Target-Dialog: a;local-tag=1;remote-tag=2", "b>a dialog/Target-Dialog a 2"},
		{"two of them", "Cisco-Guid: 1-2-3-4", "Cisco-Guid: 1-2-3-4\r\nX-CID: a", "b>a header/X-CID a 2; b>a header/Cisco-Guid a 2"},
		{"a header of nobody's", "X-Trunk: 4", "X-Trunk: 4", ""},
		{"by configuration", "X-Site: call=17;x", "X-Site: y;call=17", "b>a header/X-Site a 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(func(o *Options) {
				o.Headers = append(o.Headers, Rule{Name: "X-Site", Match: regexp.MustCompile(`call=\d+`)})
			})
			for i, h := range []string{c.first, c.second} {
				var headers []string
				if h != "" {
					headers = []string{h}
				}
				b.final(b.invite(string(rune('a'+i)), float64(i), headers...), float64(i)+0.5, 200)
			}
			b.want(t, c.want)
		})
	}
}

// TestDomains: customers use each other's Call-IDs, numbers and headers.
func TestDomains(t *testing.T) {
	b := newBench()
	x, y := b.Leg("one", "a", at(0), &told{Start: at(0)}), b.Leg("two", "a", at(1), &told{Start: at(1)})
	b.Invite(x, message("INVITE sip:bob@example.com SIP/2.0", "a", "Cisco-Guid: 7"), netip.Addr{}, netip.Addr{}, at(0))
	b.Invite(y, message("INVITE sip:bob@example.com SIP/2.0", "a", "Cisco-Guid: 7", "X-CID: a"), netip.Addr{}, netip.Addr{}, at(1))
	host := netip.MustParseAddr("10.0.0.1")
	for _, l := range []*Leg{x, y} {
		b.Stream(l, Stream{SSRC: 7, Src: host, Dst: host.Next(), First: at(1)})
		b.Written(l, at(1))
	}
	b.want(t, "")
	if x == y || x.SessionID() != "a" || y.SessionID() != "a" {
		t.Error("two domains have one leg")
	}
}

// TestLate: a leg whose row is written cannot have it changed: a row of its own
// tells where it belongs. Once forgotten it is linked no more.
func TestLate(t *testing.T) {
	b := newBench()
	a := b.invite("a", 10, "Cisco-Guid: 1")
	b.invite("b", 11, "Cisco-Guid: 1")
	b.Written(a, at(20))
	b.Written(b.Find("default", []byte("b")), at(20))
	b.want(t, "b>a header/Cisco-Guid a 2")
	b.links = nil
	b.final(b.invite("earlier", 9, "X-CID: b"), 10, 200) // seen late
	b.want(t, "b>earlier header/X-CID earlier 3; a>b session earlier 3")
	b.Advance(at(20).Add(b.opt.Remember))
	if b.Len() != 1 {
		t.Fatalf("%d legs are left", b.Len())
	}
	b.links = nil
	b.invite("later", 30, "X-CID: b", "Cisco-Guid: 1")
	b.want(t, "")
}

// TestPair: both legs announce one pair of addresses; private ones are the same at
// many customers.
func TestPair(t *testing.T) {
	ip := netip.MustParseAddr
	for _, c := range []struct {
		name                   string
		src1, dst1, src2, dst2 string
		a, b, want             string
	}{
		{"public addresses", "198.51.100.1", "192.0.2.1", "192.0.2.2", "203.0.113.1", "198.51.100.1", "203.0.113.1", "b>a media a 2"},
		{"through a box", "198.51.100.1", "192.0.2.1", "192.0.2.1", "203.0.113.1", "192.168.1.10", "192.168.1.20", "b>a media a 2"},
		{"two customers", "198.51.100.1", "192.0.2.1", "198.51.100.2", "192.0.2.2", "192.168.1.10", "192.168.1.20", "b>a media likely 0.50"},
		{"two hosts with containers", "10.2.0.1", "10.3.0.1", "10.2.0.2", "10.3.0.2", "172.17.0.2", "172.17.0.2", "b>a media likely 0.50"},
		{"shared address space", "198.51.100.1", "192.0.2.1", "198.51.100.2", "192.0.2.2", "100.64.0.1", "169.254.0.1", "b>a media likely 0.50"},
		{"unique local addresses", "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "fd00::1", "fd00::2", "b>a media likely 0.50"},
		{"one of them is public", "198.51.100.1", "192.0.2.1", "198.51.100.2", "192.0.2.2", "192.168.1.10", "203.0.113.9", "b>a media a 2"},
		{"all in one network", "10.2.0.1", "10.3.0.1", "10.3.0.2", "10.2.0.2", "10.2.0.1", "10.2.0.2", "b>a media a 2"},
	} {
		b := newBench()
		var legs []*Leg
		for i, ends := range [][2]string{{c.src1, c.dst1}, {c.src2, c.dst2}} {
			f := &told{Start: at(float64(i)), Src: ip(ends[0]), Dst: ip(ends[1])}
			l := b.Leg("default", string(rune('a'+i)), f.Start, f)
			b.Invite(l, message("INVITE sip:bob@example.com SIP/2.0", l.CallID), f.Src, f.Dst, f.Start)
			legs = append(legs, l)
		}
		b.Pair(legs[1], legs[0], ip(c.a), ip(c.b), at(2))
		if got := b.says(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestStream(t *testing.T) {
	const phone, box, peer, outside, ptime = 1, 2, 3, 4, 20 * time.Millisecond
	for _, c := range []struct {
		name     string
		in, out  Stream
		want     string
		sameSSRC bool
	}{
		{"through a box", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1)}, Stream{Src: host(box), Dst: host(peer), FromCaller: true, First: at(1.02)}, "b>a ssrc a 2", true},
		{"through a box with two addresses", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1)}, Stream{Src: host(outside), Dst: host(peer), FromCaller: true, First: at(1.02)}, "b>a ssrc likely 0.50", true},
		{"through a box with two addresses, by sequence numbers", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1), Seq: 40000, Ptime: ptime}, Stream{Src: host(outside), Dst: host(peer), FromCaller: true, First: at(1.12), Seq: 40005, Ptime: ptime}, "b>a ssrc likely 0.67", true},
		{"two senders that begin with 1", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1), Seq: 1, Ptime: ptime}, Stream{Src: host(outside), Dst: host(peer), FromCaller: true, First: at(1.02), Seq: 1, Ptime: ptime}, "b>a ssrc likely 0.50", true},
		{"through a box, other sequence numbers", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1), Seq: 7, Ptime: ptime}, Stream{Src: host(box), Dst: host(peer), FromCaller: true, First: at(1.02), Seq: 4000, Ptime: ptime}, "b>a ssrc likely 0.50", true},
		{"later, by sequence numbers", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1), Seq: 65530, Ptime: ptime}, Stream{Src: host(box), Dst: host(peer), FromCaller: true, First: at(2), Seq: 44, Ptime: ptime}, "b>a ssrc a 2", true},
		{"later", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1)}, Stream{Src: host(box), Dst: host(peer), FromCaller: true, First: at(2)}, "b>a ssrc likely 0.70", true},
		{"much later", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1)}, Stream{Src: host(box), Dst: host(peer), FromCaller: true, First: at(9)}, "", true},
		{"back where it came from", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1)}, Stream{Src: host(box), Dst: host(phone), FromCaller: true, First: at(1)}, "", true},
		{"the other direction", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1)}, Stream{Src: host(box), Dst: host(peer), First: at(1)}, "", true},
		{"two calls of a load generator", Stream{Src: host(phone), Dst: host(peer), First: at(1)}, Stream{Src: host(phone), Dst: host(peer), First: at(1)}, "", true},
		{"another SSRC", Stream{Src: host(phone), Dst: host(box), FromCaller: true, First: at(1)}, Stream{Src: host(box), Dst: host(peer), FromCaller: true, First: at(1)}, "", false},
	} {
		b := newBench()
		c.in.SSRC, c.out.SSRC = 7, 7
		if !c.sameSSRC {
			c.out.SSRC = 8
		}
		x, y := b.leg("a", 0), b.leg("b", 0.1)
		b.Stream(x, c.in)
		b.Stream(y, c.out)
		b.Written(x, at(2))
		b.Written(y, at(2))
		if got := b.says(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		b.forget(x)
		b.forget(y)
		if len(b.streams)+len(b.legs)+len(b.keys) > 0 {
			t.Errorf("%s: something is left of forgotten legs", c.name)
		}
	}
}

// TestOneSSRC: a load generator gives all its streams one SSRC, and a proxy sends
// them through a relay: each call has both parts of its own streams.
func TestOneSSRC(t *testing.T) {
	b := newBench()
	var legs []*Leg
	for i := range 10 {
		l := b.leg(fmt.Sprint(i), float64(i)*0.02)
		for _, ab := range [][2]int{{1, 2}, {2, 3}} {
			b.Stream(l, Stream{SSRC: 7, Src: host(ab[0]), Dst: host(ab[1]), FromCaller: true, First: at(1 + float64(i)*0.02)})
			b.Stream(l, Stream{SSRC: 7, Src: host(ab[1]), Dst: host(ab[0]), First: at(1 + float64(i)*0.02)})
		}
		legs = append(legs, l)
	}
	for _, l := range legs {
		b.Written(l, at(9))
	}
	b.want(t, "")
	// Through a B2BUA each has one part, and none can be told from the next.
	b = newBench()
	legs = nil
	for i := range 10 {
		for n, ab := range [][2]int{{1, 2}, {2, 3}} {
			l := b.leg(fmt.Sprint(i, n), float64(i)*0.02)
			b.Stream(l, Stream{SSRC: 7, Src: host(ab[0]), Dst: host(ab[1]), FromCaller: true, First: at(1 + float64(i)*0.02)})
			legs = append(legs, l)
		}
	}
	for _, l := range legs {
		b.Written(l, at(9))
	}
	for _, k := range b.links {
		if k.Merged {
			t.Errorf("%s is merged with %s", k.Leg.CallID, k.Other.CallID)
		}
	}
}

// TestConstantSSRC: an announcement gives every call one SSRC and the same sequence
// numbers, and a box passes it on 60 ms later. Where a caller's leg is not seen, nor
// may it be taken for another's.
func TestConstantSSRC(t *testing.T) {
	const ptime = 20 * time.Millisecond
	for _, c := range []struct {
		name   string
		unseen string
		seq    uint16 // of what the box passes on
	}{
		{"all legs are seen", "", 4},
		{"the box begins with the first packet", "", 1},
		{"the first caller is not seen", "in0", 4},
		{"the second caller is not seen", "in1", 4},
	} {
		b := newBench()
		for i := range 2 {
			when := 0.06 * float64(i)
			in, out := fmt.Sprint("in", i), fmt.Sprint("out", i)
			if in != c.unseen {
				b.Stream(b.between(10+i, 2, in, when, &told{}), Stream{SSRC: 7, Src: host(2), Dst: host(10 + i), First: at(when + 0.31), Seq: c.seq, Ptime: ptime})
			}
			b.Stream(b.between(2, 3, out, when+0.02, &told{}), Stream{SSRC: 7, Src: host(3), Dst: host(2), First: at(when + 0.25), Seq: 1, Ptime: ptime})
		}
		for _, id := range []string{"out0", "in0", "out1", "in1"} {
			if l := b.Find("default", []byte(id)); l != nil {
				b.Written(l, at(9))
			}
		}
		for _, k := range b.links {
			if k.Merged && k.Leg.CallID[len(k.Leg.CallID)-1] != k.Other.CallID[len(k.Other.CallID)-1] {
				t.Errorf("%s: %s", c.name, b.says())
			}
		}
	}
}

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

// TestEvidenceAddsUp: two weak kinds of evidence are a strong one.
func TestEvidenceAddsUp(t *testing.T) {
	b := newBench()
	x, y := b.leg("a", 0), b.leg("b", 1)
	b.link(x, y, Numbers, "", 0.7, at(1))
	b.link(y, x, SSRC, "", 0.7, at(2))
	b.link(y, x, SSRC, "", 0.7, at(3))
	b.want(t, "b>a numbers likely 0.70; b>a ssrc a 2")
	// What is no surer than even is a constant or a crowd, and adds nothing.
	b = newBench()
	x, y = b.leg("a", 0), b.leg("b", 1)
	b.link(x, y, Numbers, "", 0.75, at(1))
	b.link(y, x, SSRC, "", 0.5, at(2))
	b.link(y, x, Header, "X", 0.5, at(3))
	b.want(t, "b>a numbers likely 0.75; b>a ssrc likely 0.75; b>a header/X likely 0.75")
}

// TestSessions: whatever is linked and whenever rows are written, a session has
// the name of its earliest leg, and what was said of each leg, last of all, is
// true.
func TestSessions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench()
		n := rapid.IntRange(1, 12).Draw(t, "legs")
		var legs []*Leg
		row := make([]string, n) // session_id of the row of calls, as far as it is written
		group := make([]int, n)
		for i := range n {
			legs = append(legs, b.leg(fmt.Sprint("leg", i), float64(rapid.IntRange(0, 5).Draw(t, "began"))))
			group[i] = i
		}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			i, j := rapid.IntRange(0, n-1).Draw(t, "i"), rapid.IntRange(0, n-1).Draw(t, "j")
			if rapid.Bool().Draw(t, "written") {
				if row[i] == "" {
					b.Written(legs[i], at(10))
					row[i] = legs[i].SessionID()
				}
				continue
			}
			b.link(legs[i], legs[j], Header, "X", certain, at(11))
			from, to := group[i], group[j]
			for k := range group {
				if group[k] == from {
					group[k] = to
				}
			}
		}
		for i, l := range legs {
			var same []*Leg
			for j := range legs {
				if group[j] == group[i] {
					same = append(same, legs[j])
				}
			}
			first := slices.MinFunc(same, func(x, y *Leg) int {
				if later(x, y) {
					return 1
				}
				return -1
			})
			if l.SessionID() != first.CallID || l.Legs() != len(same) {
				t.Fatalf("%s has session %s of %d legs, want %s of %d", l.CallID, l.SessionID(), l.Legs(), first.CallID, len(same))
			}
			if row[i] == "" {
				row[i] = l.SessionID() // as it is written now
			}
			said, most := row[i], 0
			for _, k := range b.links {
				if k.Leg == l && k.Merged && k.Legs >= most {
					said, most = k.SessionID, k.Legs
				}
			}
			if said != first.CallID {
				t.Fatalf("%s: the rows say session %s, want %s: %s", l.CallID, said, first.CallID, b.says())
			}
		}
	})
}

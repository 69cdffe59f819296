package link

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

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

package topology

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

// BenchmarkMessage is of the message that costs most: an INVITE with a
// Record-Route, among 50,000 hosts.
func BenchmarkMessage(b *testing.B) {
	tb := New(Defaults(), func(*Host) {})
	var m sip.Message
	m.Parse([]byte(forwardedInvite))
	ps := make([]packet.Packet, 50_000)
	for i := range ps {
		ps[i] = packet.Packet{Domain: "default", Src: port(box), Dst: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)}
		tb.Message(&ps[i], &m, t0)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		tb.Message(&ps[i%len(ps)], &m, t0)
		i += 7919
	}
}

// BenchmarkMessageInDialog is of a message as most are: a BYE.
func BenchmarkMessageInDialog(b *testing.B) {
	tb := New(Defaults(), func(*Host) {})
	var m sip.Message
	m.Parse([]byte(strings.NewReplacer("INVITE", "BYE", "Record-Route: <sip:192.0.2.10;lr>\r\n", "").Replace(forwardedInvite)))
	p := &packet.Packet{Domain: "default", Src: port(box), Dst: port(bob)}
	b.ReportAllocs()
	for b.Loop() {
		tb.Message(p, &m, t0)
	}
}

// BenchmarkStream is of a stream that is relayed.
func BenchmarkStream(b *testing.B) {
	tb := New(Defaults(), func(*Host) {})
	b.ReportAllocs()
	in := Stream{Domain: "default", Src: port(alice), Dst: port(box), First: t0}
	out := Stream{Domain: "default", Src: port(box), Dst: port(bob), First: t0}
	for b.Loop() {
		tb.Stream(&in, t0)
		tb.Stream(&out, t0)
		in.SSRC++
		out.SSRC++
	}
}

// BenchmarkSweep is of 10,000 hosts that did something within a minute.
func BenchmarkSweep(b *testing.B) {
	s := newStage(Defaults())
	for i := range 10_000 {
		s.send(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), box, "INVITE", 1)
	}
	for h := s.front; h != nil; h = h.behind {
		h.told = placeOf(h.Class())
	}
	now := t0
	s.Advance(now)
	for b.Loop() {
		for h := s.front; h != nil; h = h.behind {
			h.unswept = true
		}
		now = now.Add(time.Minute)
		s.written = now
		s.Advance(now)
	}
}

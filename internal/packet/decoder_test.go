package packet

import (
	"net/netip"
	"testing"
	"time"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Layers are built front to back: each function wraps the bytes that it is given.

func udpSegment(src, dst uint16, payload []byte) []byte {
	b := be.AppendUint16(nil, src)
	b = be.AppendUint16(b, dst)
	b = be.AppendUint16(b, uint16(8+len(payload)))
	b = be.AppendUint16(b, 0)
	return append(b, payload...)
}

func ip4(proto uint8, src, dst string, payload []byte) []byte {
	return ip4Fragment(proto, src, dst, 0, 0, payload)
}

// ip4Fragment has flags and offset as they stand in the header.
func ip4Fragment(proto uint8, src, dst string, id, flags uint16, payload []byte) []byte {
	b := []byte{0x45, 46 << 2}
	b = be.AppendUint16(b, uint16(20+len(payload)))
	b = be.AppendUint16(b, id)
	b = be.AppendUint16(b, flags)
	b = append(b, 61, proto, 0, 0)
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	b = append(append(b, s[:]...), d[:]...)
	return append(b, payload...)
}

func ip6(next uint8, src, dst string, payload []byte) []byte {
	b := []byte{0x6b, 0x80, 0, 0} // traffic class 0xb8: DSCP 46
	b = be.AppendUint16(b, uint16(len(payload)))
	b = append(b, next, 61)
	s, d := netip.MustParseAddr(src).As16(), netip.MustParseAddr(dst).As16()
	b = append(append(b, s[:]...), d[:]...)
	return append(b, payload...)
}

func ether(t uint16, payload []byte) []byte {
	b := make([]byte, 12, 14+len(payload))
	b = be.AppendUint16(b, t)
	return append(b, payload...)
}

func tag(id, next uint16, payload []byte) []byte {
	b := be.AppendUint16(nil, id)
	b = be.AppendUint16(b, next)
	return append(b, payload...)
}

func frame(l LinkType, b []byte) *Frame {
	return &Frame{Time: epoch, Link: l, WireLen: len(b), Data: b}
}

// one decodes a frame that has to give exactly one Packet.
func one(t *testing.T, d *Decoder, f *Frame) Packet {
	t.Helper()
	ps := d.Decode(f)
	if len(ps) != 1 {
		t.Fatalf("got %d packets, want 1; %+v", len(ps), d.Stats())
	}
	return ps[0]
}

// balanced checks that each frame stands in exactly one place.
func balanced(t failer, d *Decoder) {
	t.Helper()
	s := d.Stats()
	if s.Frames != s.Decoded+s.Held+s.Control+s.Undecoded.Total() {
		t.Fatalf("frames %d != decoded %d + held %d + control %d + undecoded %d",
			s.Frames, s.Decoded, s.Held, s.Control, s.Undecoded.Total())
	}
}

const (
	a4, b4 = "10.1.2.3", "192.0.2.9"
	a6, b6 = "2001:db8::1", "2001:db8::2"
)

func TestLinkLayers(t *testing.T) {
	u := udpSegment(5060, 5062, []byte("hello"))
	v4, v6 := ip4(protoUDP, a4, b4, u), ip6(protoUDP, a6, b6, u)
	sll := func(proto uint16, p []byte) []byte { return append(be.AppendUint16(make([]byte, 14), proto), p...) }
	sll2 := func(proto uint16, p []byte) []byte {
		return append(append(be.AppendUint16(nil, proto), make([]byte, 18)...), p...)
	}
	null := func(family ...byte) []byte { return family }
	for _, c := range []struct {
		name string
		link LinkType
		data []byte
		vlan uint16
	}{
		{"ethernet ipv4", LinkEthernet, ether(etherIPv4, v4), 0},
		{"ethernet ipv6", LinkEthernet, ether(etherIPv6, v6), 0},
		{"padding", LinkEthernet, append(ether(etherIPv4, v4), make([]byte, 13)...), 0},
		{"padding ipv6", LinkEthernet, append(ether(etherIPv6, v6), 1, 2, 3, 4), 0},
		{"802.1Q", LinkEthernet, ether(etherVLAN, tag(0xe064, etherIPv4, v4)), 100},
		{"priority tag", LinkEthernet, ether(etherVLAN, tag(0xe000, etherIPv4, v4)), 0},
		{"QinQ", LinkEthernet, ether(etherQinQ, tag(7, etherVLAN, tag(8, etherIPv6, v6))), 7},
		{"QinQ 0x9100", LinkEthernet, ether(etherQinQOld, tag(7, etherVLAN, tag(8, etherIPv4, v4))), 7},
		{"priority tag before a VLAN", LinkEthernet, ether(etherVLAN, tag(0, etherVLAN, tag(8, etherIPv4, v4))), 8},
		{"sll", LinkSLL, sll(etherIPv4, v4), 0},
		{"sll vlan", LinkSLL, sll(etherVLAN, tag(9, etherIPv4, v4)), 9},
		{"sll2", LinkSLL2, sll2(etherIPv6, v6), 0},
		{"null little-endian", LinkNull, append(null(2, 0, 0, 0), v4...), 0},
		{"null big-endian", LinkNull, append(null(0, 0, 0, 2), v4...), 0},
		{"null 24", LinkNull, append(null(24, 0, 0, 0), v6...), 0},
		{"null 28", LinkNull, append(null(28, 0, 0, 0), v6...), 0},
		{"null 30", LinkNull, append(null(0, 0, 0, 30), v6...), 0},
		{"null 10", LinkNull, append(null(10, 0, 0, 0), v6...), 0},
		{"loop", LinkLoop, append(null(0, 0, 0, 24), v6...), 0},
		{"raw ipv4", LinkRaw, v4, 0},
		{"raw ipv6", LinkRaw, v6, 0},
		{"raw 12", LinkRaw12, v4, 0},
		{"raw 14", LinkRaw14, v6, 0},
		{"ipv4", LinkIPv4, v4, 0},
		{"ipv6", LinkIPv6, v6, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder(Options{})
			p := one(t, d, frame(c.link, c.data))
			want := Packet{
				Time: epoch, Transport: UDP, TTL: 61, DSCP: 46, VLAN: c.vlan, WireLen: len(c.data),
				Src: netip.MustParseAddrPort(a4 + ":5060"), Dst: netip.MustParseAddrPort(b4 + ":5062"),
			}
			if p.Src.Addr().Is6() {
				want.Src, want.Dst = netip.MustParseAddrPort("["+a6+"]:5060"), netip.MustParseAddrPort("["+b6+"]:5062")
			}
			if string(p.Payload) != "hello" {
				t.Errorf("payload %q", p.Payload)
			}
			p.Payload = nil
			if !equal(p, want) {
				t.Errorf("got  %+v\nwant %+v", p, want)
			}
			balanced(t, d)
		})
	}
}

// equal compares all but the byte fields.
func equal(a, b Packet) bool {
	return a.Time.Equal(b.Time) && a.Src == b.Src && a.Dst == b.Dst && a.Transport == b.Transport && a.Kind == b.Kind &&
		a.TTL == b.TTL && a.DSCP == b.DSCP && a.VLAN == b.VLAN && a.WireLen == b.WireLen
}

func TestDecodeUDPAllocatesNothing(t *testing.T) {
	d := NewDecoder(Options{})
	f4 := frame(LinkEthernet, ether(etherIPv4, ip4(protoUDP, a4, b4, udpSegment(1, 2, make([]byte, 172)))))
	f6 := frame(LinkEthernet, ether(etherIPv6, ip6(protoUDP, a6, b6, udpSegment(1, 2, make([]byte, 172)))))
	if n := testing.AllocsPerRun(10000, func() { d.Decode(f4); d.Decode(f6) }); n != 0 {
		t.Errorf("%v allocations a frame, want 0", n)
	}
}

func BenchmarkDecodeUDP(b *testing.B) {
	f := frame(LinkEthernet, ether(etherIPv4, ip4(protoUDP, a4, b4, udpSegment(1, 2, make([]byte, 172)))))
	d := NewDecoder(Options{})
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(f)
	}
}

func BenchmarkDecodeUDP6(b *testing.B) {
	f := frame(LinkEthernet, ether(etherIPv6, ip6(protoUDP, a6, b6, udpSegment(1, 2, make([]byte, 172)))))
	d := NewDecoder(Options{})
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(f)
	}
}

func BenchmarkDecodeTCP(b *testing.B) {
	k := newConn()
	d := NewDecoder(Options{})
	d.Decode(k.syn())
	m := request(1, 300)
	f := k.at(0, m)
	seq := f.Data[14+20+4:]
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(f)
		be.PutUint32(seq, be.Uint32(seq)+uint32(len(m)))
	}
	if s := d.Stats(); s.Packets != s.Frames-1 {
		b.Fatalf("%+v", s)
	}
}

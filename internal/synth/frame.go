package synth

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// mtu is the largest IP packet of the wire that the tap listens on; larger
// datagrams travel in fragments, as INVITEs with long SDP do every day.
const mtu = 1500

// tcpSegment is the part of a TCP header that changes.
type tcpSegment struct {
	seq, ack uint32
	flags    uint8 // RFC 9293 3.1: FIN 1, SYN 2, PSH 8, ACK 16
}

const (
	tcpFIN = 1
	tcpSYN = 2
	tcpPSH = 8
	tcpACK = 16
)

// frameBuilder renders emissions into Ethernet frames in a buffer of its own.
type frameBuilder struct {
	segment, frame []byte
}

// build yields the frame of e, or its fragments; false when yield said so.
func (b *frameBuilder) build(e *emission, at time.Time, payload []byte, yield func(packet.Frame) bool) bool {
	b.segment = appendSegment(b.segment[:0], e, payload)
	headerLen := 20
	if e.src.Addr().Is6() {
		headerLen = 40
	}
	rest := b.segment
	if headerLen+len(rest) <= mtu {
		return yield(b.packet(e, at, rest, 0, false, false))
	}
	for offset := 0; len(rest) > 0; {
		n := min(len(rest), (mtu-headerLen-8)&^7) // 8: the IPv6 fragment header
		if !yield(b.packet(e, at, rest[:n], offset, len(rest) > n, true)) {
			return false
		}
		rest, offset = rest[n:], offset+n
	}
	return true
}

// packet wraps part of an IP payload in IP and Ethernet.
func (b *frameBuilder) packet(e *emission, at time.Time, part []byte, offset int, more, fragment bool) packet.Frame {
	f := append(b.frame[:0], 0x02, 0x00)
	f = appendStation(f, e.dst.Addr())
	f = append(f, 0x02, 0x00)
	f = appendStation(f, e.src.Addr())
	if e.src.Addr().Is4() {
		f = append(f, 0x08, 0x00)
		f = appendIPv4(f, e, len(part), offset, more)
	} else {
		f = append(f, 0x86, 0xdd)
		f = appendIPv6(f, e, len(part), offset, more, fragment)
	}
	f = append(f, part...)
	wire := len(f)
	for len(f) < 60 { // the least that Ethernet carries, without its checksum
		f = append(f, 0)
		wire = len(f)
	}
	b.frame = f
	return packet.Frame{Time: at, Link: packet.LinkEthernet, WireLen: wire, Data: f}
}

// appendStation appends the last four bytes of a made-up MAC address: stable
// for an address.
func appendStation(f []byte, a netip.Addr) []byte {
	if a.Is4() {
		b := a.As4()
		return append(f, b[:]...)
	}
	b := a.As16()
	return append(f, b[12:]...)
}

func appendIPv4(f []byte, e *emission, n, offset int, more bool) []byte {
	at := len(f)
	flags := uint16(offset / 8)
	if more {
		flags |= 0x2000
	}
	f = append(f, 0x45, e.dscp<<2)
	f = binary.BigEndian.AppendUint16(f, uint16(20+n))
	f = binary.BigEndian.AppendUint16(f, e.ipID)
	f = binary.BigEndian.AppendUint16(f, flags)
	f = append(f, e.ttl, byte(e.transport), 0, 0)
	src, dst := e.src.Addr().As4(), e.dst.Addr().As4()
	f = append(f, src[:]...)
	f = append(f, dst[:]...)
	binary.BigEndian.PutUint16(f[at+10:], ^fold(sum(0, f[at:])))
	return f
}

func appendIPv6(f []byte, e *emission, n, offset int, more, fragment bool) []byte {
	next := byte(e.transport)
	if fragment {
		next, n = 44, n+8
	}
	f = append(f, 0x60|e.dscp>>2, e.dscp<<6, 0, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(n))
	f = append(f, next, e.ttl)
	src, dst := e.src.Addr().As16(), e.dst.Addr().As16()
	f = append(f, src[:]...)
	f = append(f, dst[:]...)
	if fragment { // RFC 8200 4.5
		m := uint16(offset)
		if more {
			m |= 1
		}
		f = append(f, byte(e.transport), 0)
		f = binary.BigEndian.AppendUint16(f, m)
		f = binary.BigEndian.AppendUint32(f, uint32(e.ipID))
	}
	return f
}

// appendSegment appends the UDP datagram, TCP segment or SCTP packet with its checksum.
func appendSegment(s []byte, e *emission, payload []byte) []byte {
	if e.transport == packet.SCTP {
		return appendSCTP(s, e, payload)
	}
	s = binary.BigEndian.AppendUint16(s, e.src.Port())
	s = binary.BigEndian.AppendUint16(s, e.dst.Port())
	check := 6
	if e.transport == packet.TCP {
		check = 16
		s = binary.BigEndian.AppendUint32(s, e.tcp.seq)
		s = binary.BigEndian.AppendUint32(s, e.tcp.ack)
		s = append(s, 0x50, e.tcp.flags, 0xff, 0xff, 0, 0, 0, 0)
	} else {
		s = binary.BigEndian.AppendUint16(s, uint16(8+len(payload)))
		s = append(s, 0, 0)
	}
	s = append(s, payload...)
	// The pseudo-header of RFC 768 and RFC 8200 8.1 adds up to the same for
	// both families: addresses, protocol, length.
	total := uint64(e.transport) + uint64(len(s))
	if e.src.Addr().Is4() {
		src, dst := e.src.Addr().As4(), e.dst.Addr().As4()
		total = sum(sum(total, src[:]), dst[:])
	} else {
		src, dst := e.src.Addr().As16(), e.dst.Addr().As16()
		total = sum(sum(total, src[:]), dst[:])
	}
	sum16 := ^fold(sum(total, s))
	if sum16 == 0 && e.transport == packet.UDP {
		sum16 = 0xffff // zero would say that there is no checksum
	}
	binary.BigEndian.PutUint16(s[check:], sum16)
	return s
}

// sum adds b to a ones' complement sum (RFC 1071), four bytes at a time.
func sum(total uint64, b []byte) uint64 {
	for ; len(b) >= 4; b = b[4:] {
		total += uint64(binary.BigEndian.Uint32(b))
	}
	if len(b) >= 2 {
		total += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		total += uint64(b[0]) << 8
	}
	return total
}

func fold(total uint64) uint16 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}

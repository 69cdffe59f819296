package recorder

import (
	"encoding/binary"
	"net/netip"

	"github.com/earshot-voip/earshot/internal/packet"
)

// framer makes frames of records, as they may have been on the wire: Ethernet
// with made-up stations, the VLAN tag, IP and UDP headers with the lengths that
// they had, and as much of the payload as was kept. SIP over TCP becomes a
// segment a message, of a connection whose numbers are made up, so that each
// follows the last one. What travelled in TLS, WebSocket or SCTP is written as
// UDP: a reader would look for those protocols around it in vain.
type framer struct {
	buf  []byte
	sent map[flow]uint32 // bytes of each direction in TCP
}

const (
	mostOfIP = 1<<16 - 1
	tcpBytes = 20
	udpBytes = 8
)

func (m *framer) frame(f *flow, e *entry) packet.Frame {
	tcp := f.transport == packet.TCP
	proto, header := uint8(packet.UDP), udpBytes
	if tcp {
		proto, header = uint8(packet.TCP), tcpBytes
	}
	v4 := f.v4()
	ip := 40
	if v4 {
		ip = 20
	}
	length := min(e.length, mostOfIP-ip-header) // what was in fragments may not fit a whole packet
	data := e.data[:min(len(e.data), length)]
	b := append(m.buf[:0], 0x02, 0x00)
	b = appendStation(b, f.dst.Addr())
	b = append(b, 0x02, 0x00)
	b = appendStation(b, f.src.Addr())
	if f.vlan != 0 {
		b = append(b, 0x81, 0x00)
		b = binary.BigEndian.AppendUint16(b, f.vlan)
	}
	if v4 {
		b = append(b, 0x08, 0x00)
		b = appendIPv4(b, f, e, proto, header+length)
	} else {
		b = append(b, 0x86, 0xdd)
		b = appendIPv6(b, f, e, proto, header+length)
	}
	segment := len(b)
	b = binary.BigEndian.AppendUint16(b, f.src.Port())
	b = binary.BigEndian.AppendUint16(b, f.dst.Port())
	if tcp {
		b = m.appendTCP(b, f, length)
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(header+length))
		b = append(b, 0, 0)
	}
	payload := len(b)
	b = append(b, data...)
	if e.kind == rtp && len(data) < length && len(data) > 0 {
		// Without its last byte nobody knows how long the padding is: TShark would
		// not count the packet.
		b[payload] &^= 0x20
	}
	sum := b[segment+6:]
	if tcp {
		sum = b[segment+16:]
	}
	switch {
	case len(data) == length:
		binary.BigEndian.PutUint16(sum, checksum(f, proto, b[segment:]))
	case !v4:
		// Nobody can check it, but 0 would be an error (RFC 8200 section 8.1).
		binary.BigEndian.PutUint16(sum, 0xffff)
	}
	m.buf = b
	return packet.Frame{Time: at(e.time), Link: packet.LinkEthernet, Data: b, WireLen: len(b) - len(data) + length}
}

func (f *flow) v4() bool { return f.src.Addr().Is4() && f.dst.Addr().Is4() }

// appendTCP appends the header from the sequence number on (RFC 9293 section
// 3.1): PSH and ACK.
func (m *framer) appendTCP(b []byte, f *flow, length int) []byte {
	if m.sent == nil {
		m.sent = map[flow]uint32{}
	}
	back := flow{f.dst, f.src, f.transport, f.vlan}
	b = binary.BigEndian.AppendUint32(b, 1+m.sent[*f])
	b = binary.BigEndian.AppendUint32(b, 1+m.sent[back])
	m.sent[*f] += uint32(length)
	return append(b, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0)
}

// appendStation appends the last four bytes of a made-up MAC address: the same
// for the same host.
func appendStation(b []byte, a netip.Addr) []byte {
	ip := a.As16()
	return append(b, ip[12:]...)
}

func appendIPv4(b []byte, f *flow, e *entry, proto uint8, length int) []byte {
	head := len(b)
	b = append(b, 0x45, e.dscp<<2)
	b = binary.BigEndian.AppendUint16(b, uint16(20+length))
	b = binary.BigEndian.AppendUint16(b, e.ipID)
	b = append(b, 0, 0, e.ttl, proto, 0, 0)
	src, dst := f.src.Addr().As4(), f.dst.Addr().As4()
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	binary.BigEndian.PutUint16(b[head+10:], ^fold(sum(0, b[head:])))
	return b
}

func appendIPv6(b []byte, f *flow, e *entry, proto uint8, length int) []byte {
	b = append(b, 0x60|e.dscp>>2, e.dscp<<6, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, proto, e.ttl)
	src, dst := f.src.Addr().As16(), f.dst.Addr().As16()
	b = append(b, src[:]...)
	return append(b, dst[:]...)
}

// checksum is that of a whole segment, with the pseudo-header of RFC 768 and
// RFC 8200 section 8.1, which add up to the same.
func checksum(f *flow, proto uint8, segment []byte) uint16 {
	total := uint64(proto) + uint64(len(segment))
	src, dst := f.src.Addr().As16(), f.dst.Addr().As16()
	if f.v4() {
		total = sum(sum(total, src[12:]), dst[12:])
	} else {
		total = sum(sum(total, src[:]), dst[:])
	}
	c := ^fold(sum(total, segment))
	if c == 0 {
		return 0xffff // 0 would say that there is none
	}
	return c
}

// sum adds b to a ones' complement sum (RFC 1071).
func sum(total uint64, b []byte) uint64 {
	for ; len(b) >= 2; b = b[2:] {
		total += uint64(binary.BigEndian.Uint16(b))
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

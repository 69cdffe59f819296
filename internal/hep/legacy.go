package hep

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// HEP1 and HEP2 are a C struct, the addresses, for HEP2 a time header, and SIP
// up to the end of the datagram:
//
//	 0         1        2        3          4       6       8
//	+---------+--------+--------+----------+-------+-------+-----------+
//	| version | length | family | protocol | sport | dport | addresses |
//	+---------+--------+--------+----------+-------+-------+-----------+
//
// Ports and addresses are in network byte order. Length is 8 and the
// addresses: 16 for IPv4, 40 for IPv6. It says which of both it is, since
// AF_INET6 is another number on every system.
const (
	legacyHeaderLen = 8
	legacyLen4      = legacyHeaderLen + 2*4
	legacyLen6      = legacyHeaderLen + 2*16
)

// decodeLegacy reads a HEP1 or HEP2 datagram.
func (d *Decoder) decodeLegacy(b []byte, p *packet.Packet) error {
	if len(b) < legacyHeaderLen {
		return ErrShort
	}
	x := &d.Extra
	x.Version, x.Family, x.Protocol = b[0], b[2], b[3]
	n := int(b[1])
	switch {
	case n != legacyLen4 && n != legacyLen6:
		return ErrLength
	case len(b) < n:
		return ErrShort
	case (x.Family == familyIPv4) != (n == legacyLen4):
		return ErrAddress
	}
	sport, dport := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	half := (n - legacyHeaderLen) / 2
	src, _ := address(b[legacyHeaderLen : legacyHeaderLen+half])
	dst, _ := address(b[legacyHeaderLen+half : n])
	p.Src, p.Dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	p.Transport = transport(x.Protocol)
	p.Kind = packet.KindSIP
	rest := b[n:]
	if x.Version == 2 {
		if len(rest) < timeHeaderLen {
			return ErrShort
		}
		p.Time, p.AgentID = timeHeader(rest)
		rest = rest[min(len(rest), timeHeaderSize(rest)):]
	}
	p.Payload = rest
	return nil
}

const (
	timeHeaderLen    = 10 // u32 seconds, u32 microseconds, u16 capture id
	timeHeaderPadded = 12 // as a C compiler lays the struct out
)

// timeHeader reads the time and the capture id of HEP2.
//
// The header is a C struct that agents copy as it lies in their memory, so
// its byte order is theirs; current Kamailio writes the time little-endian
// everywhere. Some readers take it for big-endian, and whoever made an agent
// to please those writes it so. What makes a plausible date with fewer than a
// million microseconds is right; little-endian if both do. If neither does,
// the time is zero and the id is read little-endian.
func timeHeader(b []byte) (time.Time, uint32) {
	le, be := binary.LittleEndian, binary.BigEndian
	if plausible(le.Uint32(b), le.Uint32(b[4:])) {
		return unixMicro(le.Uint32(b), le.Uint32(b[4:])), uint32(le.Uint16(b[8:]))
	}
	if plausible(be.Uint32(b), be.Uint32(b[4:])) {
		return unixMicro(be.Uint32(b), be.Uint32(b[4:])), uint32(be.Uint16(b[8:]))
	}
	return time.Time{}, uint32(le.Uint16(b[8:]))
}

// plausible tells whether a HEP2 agent can have meant this time: HEP is of
// 2008, and 2100 is far enough.
func plausible(seconds, micros uint32) bool {
	const y2008, y2100 = 1199145600, 4102444800
	return seconds >= y2008 && seconds < y2100 && micros < 1e6
}

// timeHeaderSize tells where the SIP text begins: behind 12 bytes where the
// struct was copied whole, behind 10 where it was packed. The two bytes of
// padding are mostly zero, but an agent that fills the struct on its stack
// sends what was there before.
func timeHeaderSize(b []byte) int {
	switch {
	case len(b) < timeHeaderPadded:
		return timeHeaderLen
	case b[10] == 0 && b[11] == 0:
		return timeHeaderPadded
	case beginsSIP(b[timeHeaderLen:]):
		return timeHeaderLen
	case beginsSIP(b[timeHeaderPadded:]):
		return timeHeaderPadded
	case isPrintable(b[10]) && isPrintable(b[11]):
		return timeHeaderLen // a method of somebody's own, or a keep-alive
	}
	return timeHeaderPadded
}

// beginsSIP tells whether b begins with SIP/ or a method in use and a space.
func beginsSIP(b []byte) bool {
	for i, c := range b[:min(len(b), 10)] {
		if c != ' ' && c != '/' {
			continue
		}
		switch string(b[:i]) {
		case "SIP":
			return c == '/'
		case "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "SUBSCRIBE",
			"NOTIFY", "PUBLISH", "INFO", "REFER", "MESSAGE", "UPDATE":
			return c == ' '
		}
		return false
	}
	return false
}

func isPrintable(c byte) bool {
	return c >= 0x20 && c < 0x7f || c == '\r' || c == '\n'
}

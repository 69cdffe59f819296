// Package packet defines Packet, the value that travels through Earshot, and
// the way from a captured frame to it: link layers, tunnels, IP,
// defragmentation, UDP, TCP and the framing of SIP in TCP.
package packet

import (
	"net/netip"
	"time"
)

// Kind says what a Payload is. Its values are the payload protocol types of
// HEP chunk 0x000b, so that a Kind needs no translation on the wire.
type Kind uint8

const (
	KindUnknown  Kind = 0
	KindSIP      Kind = 1
	KindRTP      Kind = 4  // one RTP packet, header and payload
	KindRTCP     Kind = 5  // RTCP as JSON, the form nearly every HEP emitter sends
	KindRTPStat  Kind = 32 // quality of RTP as another emitter measured it, JSON
	KindReport   Kind = 34 // a stream's interval report, JSON (media.Report); other emitters' JSON has other keys
	KindXRReport Kind = 35 // quality that an endpoint told, JSON or vq-rtcpxr text
	KindQoS      Kind = 38 // quality that an SBC told, JSON
	KindLog      Kind = 100
	// KindDrop is Earshot's own: where a stage of the monitor was blind, JSON
	// (record.Drop). It lies in the range that no HEP emitter uses.
	KindDrop Kind = 240
	// KindTick is Earshot's own: no payload, only Time. It moves the clock of
	// a stage that has no traffic.
	KindTick Kind = 241
)

// Transport is the IP protocol number below the payload.
type Transport uint8

const (
	TransportUnknown Transport = 0
	TCP              Transport = 6
	UDP              Transport = 17
	SCTP             Transport = 132
	// TLS and WS are not protocol numbers: SIP in TLS and in WebSocket travel
	// in TCP. The values lie in the range that IANA reserves for experiments
	// and are written as TCP on the wire.
	TLS Transport = 253
	WS  Transport = 254
)

func (t Transport) String() string {
	switch t {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case SCTP:
		return "sctp"
	case TLS:
		return "tls"
	case WS:
		return "ws"
	default:
		return ""
	}
}

// Packet is one unit of payload with where and when it was seen. It is a
// value: copying it copies everything but Payload and CorrelationID, which
// alias the buffer of whoever returned the Packet and are valid until that
// source's next call. Clone to keep it. Nobody writes through it.
type Packet struct {
	Time      time.Time      // UTC, when the capture point saw it
	Src, Dst  netip.AddrPort // addresses unmapped: IPv4 is never ::ffff:a.b.c.d
	Transport Transport
	Kind      Kind
	TTL       uint8  // IPv4 TTL or IPv6 hop limit; 0 when not known (HEP)
	DSCP      uint8  // 0..63; valid iff TTL is not 0
	VLAN      uint16 // outer 802.1Q id of the innermost Ethernet frame; 0 is untagged
	Cut       uint16 // bytes that the datagram has behind Payload, which the capture cut off
	IPID      uint16 // identification in the IPv4 header of a datagram; 0 of IPv6 and TCP, and where not known (HEP)
	WireLen   int    // bytes of the frame on the wire, 0 when not known

	AgentID uint32 // HEP chunk 0x000c
	Node    string // name of the capture agent, HEP chunk 0x0013
	Domain  string // capture domain; "" means "default"

	// CorrelationID is HEP chunk 0x0011: the Call-ID that the emitter tied
	// this packet to; nil when it told none.
	CorrelationID []byte
	Payload       []byte
}

// Clone returns a copy of p that owns its bytes.
func (p Packet) Clone() Packet {
	p.Payload = append([]byte(nil), p.Payload...)
	if p.CorrelationID != nil {
		p.CorrelationID = append([]byte(nil), p.CorrelationID...)
	}
	return p
}

// LinkType is the link-layer header type of a capture (the LINKTYPE_ values
// of pcap-linktype(7)).
type LinkType uint16

const (
	LinkNull     LinkType = 0 // BSD loopback, address family in the byte order of the capturing host
	LinkEthernet LinkType = 1
	LinkPPP      LinkType = 9
	LinkRaw12    LinkType = 12 // raw IP, as some systems number it
	LinkRaw14    LinkType = 14
	LinkPPPHDLC  LinkType = 50  // PPP in HDLC-like framing
	LinkPPPoE    LinkType = 51  // a PPPoE header first
	LinkRaw      LinkType = 101 // raw IP, version in the first nibble
	LinkCHDLC    LinkType = 104 // Cisco HDLC
	LinkLoop     LinkType = 108 // OpenBSD loopback, address family big-endian
	LinkSLL      LinkType = 113 // Linux cooked capture v1
	LinkMPLS     LinkType = 219 // a label stack first
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkSLL2     LinkType = 276 // Linux cooked capture v2
)

// Frame is one captured link-layer frame. Data is borrowed: it is valid until
// the next call to the source that returned the Frame.
type Frame struct {
	Time    time.Time // UTC
	Link    LinkType
	WireLen int // length on the wire; larger than len(Data) when the capture cut it
	Data    []byte
}

package packet

import "iter"

// Reason says why a frame gave no Packet. The set is closed: it becomes the
// label of a counter and the key of the summary's "undecoded".
type Reason uint8

const (
	ReasonLinkType          Reason = iota // a link layer that is not decoded
	ReasonTruncated                       // the capture cut the frame inside a header or a fragment
	ReasonMalformed                       // a length or version field that contradicts the bytes
	ReasonLLC                             // IEEE 802.3 length frame, not an EtherType
	ReasonARP                             // ARP and RARP
	ReasonUnknownEtherType                // LLDP, MACsec, EAPOL ...
	ReasonNonIP                           // an address family or a cooked protocol that is not IP
	ReasonMPLS                            // a label stack with neither IP nor Ethernet below it
	ReasonPPPoE                           // PPPoE discovery
	ReasonPPP                             // a PPP protocol that is neither IP nor MPLS: LCP, IPCP, CHAP ...
	ReasonICMP                            // ICMP and ICMPv6
	ReasonIGMP                            //
	ReasonSCTP                            // user messages of SCTP that are not SIP
	ReasonSCTPIncomplete                  // a fragment of a user message whose rest did not come
	ReasonESP                             // encrypted
	ReasonGRE                             // GRE with a source route, or with what is neither IP, MPLS, PPP, Ethernet nor ERSPAN
	ReasonGTPU                            // GTP-U that carries no IP: echo, error indication, end marker ...
	ReasonTunnelDepth                     // more tunnels inside one another than Options.Depth
	ReasonIPProtocol                      // any other IP protocol
	ReasonFragmentExpired                 // its datagram was not whole within Options.FragmentTimeout
	ReasonFragmentEvicted                 // its datagram made room for newer ones
	ReasonFragmentOverlap                 // contradicts the fragments held (RFC 5722)
	ReasonFragmentDuplicate               // repeats bytes that are held
	ReasonTCPNotSIP                       // a stream of something else
	ReasonTLS                             // a stream of TLS whose secrets are not known
	ReasonTLSCipher                       // a stream of TLS of a version or cipher suite that is not read
	ReasonWebSocket                       // a stream or message of WebSocket that is not SIP
	ReasonWebSocketDeflate                // a message of WebSocket compressed by permessage-deflate (RFC 7692)
	ReasonTCPSTUN                         // a stream of STUN, TURN or ICE (RFC 8489 section 6.2.2, RFC 6544)
	ReasonTCPGap                          // bytes next to bytes that were never captured
	ReasonTCPResync                       // bytes of a SIP or HEP stream between two messages
	ReasonTCPBudget                       // its stream outgrew Options.StreamBytes or was evicted
	ReasonTCPIncomplete                   // its stream ended within a message
	reasons
)

var reasonNames = [reasons]string{
	ReasonLinkType:          "link_type",
	ReasonTruncated:         "truncated",
	ReasonMalformed:         "malformed",
	ReasonLLC:               "llc",
	ReasonARP:               "arp",
	ReasonUnknownEtherType:  "unknown_ethertype",
	ReasonNonIP:             "non_ip",
	ReasonMPLS:              "mpls",
	ReasonPPPoE:             "pppoe",
	ReasonPPP:               "ppp",
	ReasonICMP:              "icmp",
	ReasonIGMP:              "igmp",
	ReasonSCTP:              "sctp",
	ReasonSCTPIncomplete:    "sctp_incomplete",
	ReasonESP:               "esp",
	ReasonGRE:               "gre",
	ReasonGTPU:              "gtpu",
	ReasonTunnelDepth:       "tunnel_depth",
	ReasonIPProtocol:        "ip_protocol",
	ReasonFragmentExpired:   "fragment_expired",
	ReasonFragmentEvicted:   "fragment_evicted",
	ReasonFragmentOverlap:   "fragment_overlap",
	ReasonFragmentDuplicate: "fragment_duplicate",
	ReasonTCPNotSIP:         "tcp_not_sip",
	ReasonTLS:               "tls",
	ReasonTLSCipher:         "tls_cipher",
	ReasonWebSocket:         "websocket",
	ReasonWebSocketDeflate:  "websocket_deflate",
	ReasonTCPSTUN:           "tcp_stun",
	ReasonTCPGap:            "tcp_gap",
	ReasonTCPResync:         "tcp_resync",
	ReasonTCPBudget:         "tcp_budget",
	ReasonTCPIncomplete:     "tcp_incomplete",
}

// String gives the reason as it stands in metrics and in the summary.
func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return ""
}

// Undecoded counts frames by Reason.
type Undecoded [reasons]uint64

// All yields every reason, in a fixed order, with its count, zeros included.
func (u *Undecoded) All() iter.Seq2[Reason, uint64] {
	return func(yield func(Reason, uint64) bool) {
		for r, n := range u {
			if !yield(Reason(r), n) {
				return
			}
		}
	}
}

// Total is the sum over all reasons.
func (u *Undecoded) Total() uint64 {
	var sum uint64
	for _, n := range u {
		sum += n
	}
	return sum
}

// Stats is what a Decoder did. Each frame stands in exactly one place:
//
//	Frames = Decoded + Held + Control + the sum of Undecoded
//
// Held is a level and moves to Decoded or Undecoded later; all other numbers
// of frames only grow.
type Stats struct {
	Frames  uint64 // frames given to Decode
	Bytes   uint64 // captured bytes of them
	Packets uint64 // Packets returned

	Decoded   uint64    // frames of which a Packet came, fragments and segments included
	Held      uint64    // frames waiting for the rest of their datagram or message
	Control   uint64    // of TCP and SCTP, without bytes of a message: SYN, ACK, FIN, SACK, repeats, handshakes, pings, CRLF keep-alives
	Undecoded Undecoded // frames of which no Packet came

	Cut           uint64 // Packets whose payload is shorter than it was on the wire: the capture cut it, or its TCP stream broke
	TCPGaps       uint64 // holes in TCP streams that were given up
	TCPEvicted    uint64 // TCP streams and SCTP associations removed before their time, because a table was full
	TCPStreams    uint64 // TCP streams (one a direction) in the table now
	FragmentsHeld uint64 // datagrams under reassembly now
}

package packet

import "net/netip"

// IP protocol numbers.
const (
	protoHopByHop    = 0
	protoICMP        = 1
	protoIGMP        = 2
	protoIPv4        = 4
	protoTCP         = 6
	protoUDP         = 17
	protoIPv6        = 41
	protoRouting     = 43
	protoFragment    = 44
	protoGRE         = 47
	protoESP         = 50
	protoAH          = 51
	protoICMPv6      = 58
	protoDestination = 60
	protoSCTP        = 132
	protoMobility    = 135
	protoMPLS        = 137
	protoHIP         = 139
	protoShim6       = 140

	// maxHeaders bounds the headers between IP and the transport; RFC 8200
	// has six kinds, each of which a sane packet holds once or twice.
	maxHeaders = 16
)

// ipv4 decodes from the IPv4 header on (RFC 791).
func (d *Decoder) ipv4(b []byte) {
	if len(b) < 20 {
		d.short()
		return
	}
	header := int(b[0]&0x0f) * 4
	if b[0]>>4 != 4 || header < 20 {
		d.count(ReasonMalformed)
		return
	}
	if len(b) < header {
		d.short()
		return
	}
	// A total length of 0 is segmentation offload: the capture saw more than
	// 16 bits can say (BIG TCP), and the frame has no padding.
	if total := int(be.Uint16(b[2:])); total != 0 {
		if total < header {
			d.count(ReasonMalformed)
			return
		}
		b = d.clip(b, total)
	}
	d.at.ip = b
	// More Fragments and the offset; Don't Fragment tells nothing here.
	if flags := be.Uint16(b[6:]); flags&0x3fff != 0 {
		d.fragment(fragmentKey{
			id:      uint32(be.Uint16(b[4:])),
			proto:   b[9],
			version: 4,
		}, b[9], int(flags&0x1fff)*8, flags&0x2000 != 0, b[header:])
		return
	}
	if b[9] == protoUDP {
		d.udp(b[header:])
		return
	}
	d.transport(b[9], b[header:])
}

// clip ends b where IP ends, which cuts padding off, or notes what is missing
// of it: the capture cut the frame, or a switch did before it mirrored it.
func (d *Decoder) clip(b []byte, total int) []byte {
	if total <= len(b) {
		d.at.cut = false
		d.at.missing = 0
		return b[:total]
	}
	d.at.missing = total - len(b)
	return b
}

// ipv6 decodes from the IPv6 header on (RFC 8200).
func (d *Decoder) ipv6(b []byte) {
	if len(b) < 40 {
		d.short()
		return
	}
	if b[0]>>4 != 6 {
		d.count(ReasonMalformed)
		return
	}
	next := b[6]
	payload := int(be.Uint16(b[4:]))
	if payload == 0 && next == protoHopByHop {
		payload = jumboLength(b[40:])
	}
	// Still 0 and yet a next header: segmentation offload, as in ipv4.
	if payload != 0 || next == 59 {
		b = d.clip(b, 40+payload)
	}
	d.at.ip = b
	d.transport(next, b[40:])
}

// jumboLength finds the length of a jumbogram in a hop-by-hop header
// (RFC 2675), 0 when there is none.
func jumboLength(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	options := b[2:min(len(b), (int(b[1])+1)*8)]
	for len(options) > 0 {
		kind := options[0]
		if kind == 0 { // Pad1 has no length
			options = options[1:]
			continue
		}
		if len(options) < 2 || len(options) < 2+int(options[1]) {
			return 0
		}
		if kind == 0xc2 && options[1] == 4 {
			return int(be.Uint32(options[2:]))
		}
		options = options[2+int(options[1]):]
	}
	return 0
}

// transport decodes what follows an IP header: IPv6 extension headers, then
// the transport, or a tunnel, in which d.at.ip becomes the inner header.
func (d *Decoder) transport(proto uint8, b []byte) {
	v6 := d.at.ip[0]>>4 == 6
	for range maxHeaders {
		length := 0
		switch proto {
		case protoUDP:
			d.udp(b)
			return
		case protoTCP:
			d.tcp(b)
			return
		case protoSCTP:
			d.sctp(b)
			return
		case protoIPv4: // RFC 2003, RFC 2473
			if d.enter(protoIPv4, 0) {
				d.ipv4(b)
			}
			return
		case protoIPv6: // RFC 4213, RFC 2473
			if d.enter(protoIPv6, 0) {
				d.ipv6(b)
			}
			return
		case protoGRE:
			d.gre(b)
			return
		case protoMPLS: // RFC 4023
			d.mpls(b)
			return
		case protoHopByHop, protoRouting, protoDestination, protoMobility, protoHIP, protoShim6:
			if !v6 {
				d.count(ReasonIPProtocol)
				return
			}
			if len(b) >= 8 {
				length = (int(b[1]) + 1) * 8
			}
		case protoAH: // RFC 4302: in 4 byte units, minus 2
			if len(b) >= 8 {
				length = (int(b[1]) + 2) * 4
			}
		case protoFragment:
			if !v6 {
				d.count(ReasonIPProtocol)
				return
			}
			if len(b) < 8 {
				d.short()
				return
			}
			// An atomic fragment is a whole datagram and has nothing to wait for (RFC 6946).
			if offset := be.Uint16(b[2:]); offset&0xfff9 != 0 {
				d.fragment(fragmentKey{id: be.Uint32(b[4:]), version: 6},
					b[0], int(offset&0xfff8), offset&1 != 0, b[8:])
				return
			}
			length = 8
		default:
			d.count(protocolReason(proto))
			return
		}
		if length == 0 || length > len(b) {
			d.short()
			return
		}
		proto, b = b[0], b[length:]
	}
	d.count(ReasonMalformed)
}

func protocolReason(proto uint8) Reason {
	switch proto {
	case protoICMP, protoICMPv6:
		return ReasonICMP
	case protoIGMP:
		return ReasonIGMP
	case protoESP:
		return ReasonESP
	}
	return ReasonIPProtocol
}

// addresses returns source and destination of an IP header, unmapped.
func addresses(ip []byte) (src, dst netip.Addr) {
	if ip[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
	}
	return netip.AddrFrom16([16]byte(ip[8:24])).Unmap(), netip.AddrFrom16([16]byte(ip[24:40])).Unmap()
}

// rawAddresses returns source and destination of an IP header as they stand
// there, for the key of a table: an IPv4 address in the first 4 bytes.
func rawAddresses(ip []byte) (src, dst [16]byte) {
	if ip[0]>>4 == 4 {
		copy(src[:], ip[12:16])
		copy(dst[:], ip[16:20])
		return src, dst
	}
	return [16]byte(ip[8:24]), [16]byte(ip[24:40])
}

// hop returns the TTL or hop limit and the DSCP of an IP header.
func hop(ip []byte) (ttl, dscp uint8) {
	if ip[0]>>4 == 4 {
		return ip[8], ip[1] >> 2
	}
	return ip[7], uint8(be.Uint16(ip)>>6) & 0x3f
}

package packet

import "net/netip"

// UDP ports of tunnels (IANA; 8472 is what Linux took before there was one).
const (
	portVXLAN      = 4789
	portVXLANLinux = 8472
	portGENEVE     = 6081
	portGTPU       = 2152
	portTeredo     = 3544
)

// udp decodes a datagram (RFC 768) and gives it as one Packet.
func (d *Decoder) udp(b []byte) {
	if len(b) < 8 {
		d.short()
		return
	}
	// A length of 0 is a jumbogram (RFC 2675) or segmentation offload.
	if length := int(be.Uint16(b[4:])); length != 0 {
		switch {
		case length < 8 || length > len(b)+d.at.missing:
			d.count(ReasonMalformed)
			return
		case length <= len(b):
			b = b[:length]
			d.at.missing = 0
		}
	}
	src, dst := be.Uint16(b), be.Uint16(b[2:])
	switch dst {
	case portVXLAN, portVXLANLinux, portGENEVE, portGTPU, portTeredo:
		if r, ok := tunnel(dst, b[8:]); ok {
			d.count(r)
			return
		}
	}
	if src == portTeredo {
		if r, ok := tunnel(src, b[8:]); ok {
			d.count(r)
			return
		}
	}
	if d.at.missing > 0 {
		d.stats.Cut++
	}
	d.stats.Decoded += uint64(d.at.frames)

	p := d.slot()
	srcAddr, dstAddr := addresses(d.at.ip)
	p.Time = d.at.time
	p.Src = netip.AddrPortFrom(srcAddr, src)
	p.Dst = netip.AddrPortFrom(dstAddr, dst)
	p.Transport = UDP
	p.TTL, p.DSCP = hop(d.at.ip)
	p.VLAN = d.at.vlan
	p.WireLen = d.at.wireLen
	p.Payload = b[8:]
}

// tunnel tells whether the payload on a tunnel's port is that tunnel. The port
// alone is no proof: RTP takes any even port, these among them. Its first byte
// is 0x80 or 0x90 as a rule, that of SIP a letter; no header here has those.
func tunnel(port uint16, b []byte) (Reason, bool) {
	if len(b) < 8 {
		return 0, false
	}
	switch port {
	case portVXLAN, portVXLANLinux: // RFC 7348 section 5: the I flag; GBP and GPE have more; a reserved byte
		return ReasonVXLAN, b[0]&0x48 == 0x08 && b[7] == 0
	case portGENEVE: // RFC 8926 section 3.4: version 0, an EtherType, a reserved byte
		return ReasonGENEVE, b[0]>>6 == 0 && be.Uint16(b[2:]) > maxLength8023 && b[7] == 0
	case portGTPU: // TS 29.281 section 5.1: version 1, protocol type 1
		return ReasonGTPU, b[0]>>4 == 3
	case portTeredo: // RFC 4380 section 5.1.1: IPv6, after optional indicators 0x0000 and 0x0001
		return ReasonTeredo, b[0]>>4 == 6 && len(b) >= 40 && int(be.Uint16(b[4:])) == len(b)-40 || b[0] == 0 && b[1] <= 1
	}
	return 0, false
}

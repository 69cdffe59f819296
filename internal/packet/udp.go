package packet

import "net/netip"

// udp decodes a datagram (RFC 768) and gives it as one Packet, if it is
// no tunnel.
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
		default:
			d.at.missing = length - len(b)
		}
	}
	src, dst := be.Uint16(b), be.Uint16(b[2:])
	if OnTunnelPort(src, dst) && d.udpTunnel(src, dst, b[8:]) {
		return
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
	if d.at.ip[0]>>4 == 4 {
		p.IPID = be.Uint16(d.at.ip[4:])
	}
	p.VLAN = d.at.vlan
	p.Cut = uint16(d.at.missing)
	p.WireLen = d.at.wireLen
	p.Payload = b[8:]
}

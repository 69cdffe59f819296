package packet

import "net/netip"

// plainUDP decodes the frame that nearly all traffic of a VoIP network is made
// of: untagged Ethernet, IPv4 without options or fragments, and UDP to no tunnel's
// port, whole or cut within its payload. It returns false for every other one,
// which the layers then decode one by one, with the same result for these
// (TestFastPath). 27 ns against 33 to 38 when it was written.
func (d *Decoder) plainUDP(f *Frame) bool {
	const ip, udp, payload = 14, 14 + 20, 14 + 20 + 8
	b := f.Data
	if len(b) < payload {
		return false
	}
	h := (*[payload]byte)(b)
	if h[12] != etherIPv4>>8 || h[13] != etherIPv4&0xff || h[ip] != 0x45 || h[ip+9] != protoUDP || (h[ip+6]&0x3f)|h[ip+7] != 0 {
		return false
	}
	total := int(h[ip+2])<<8 | int(h[ip+3])
	length := int(h[udp+4])<<8 | int(h[udp+5])
	if length < 8 || length > total-20 {
		return false
	}
	src := uint16(h[udp])<<8 | uint16(h[udp+1])
	dst := uint16(h[udp+2])<<8 | uint16(h[udp+3])
	if OnTunnelPort(src, dst) {
		return false
	}
	d.stats.Decoded++
	p := d.slot()
	end := udp + length
	if end > len(b) { // live capture keeps no more of RTP than is metered
		p.Cut = uint16(end - len(b))
		d.stats.Cut++
		end = len(b)
	}
	p.Time = f.Time
	p.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(h[ip+12:])), src)
	p.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(h[ip+16:])), dst)
	p.Transport = UDP
	p.TTL, p.DSCP = h[ip+8], h[ip+1]>>2
	p.IPID = uint16(h[ip+4])<<8 | uint16(h[ip+5])
	p.WireLen = f.WireLen
	p.Payload = b[payload:end]
	return true
}

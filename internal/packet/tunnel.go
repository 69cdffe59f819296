package packet

// A tunnel is whatever carries packets of its own inside a packet or frame. How
// many of them are opened inside one another is bounded by Options.Depth.
//
// Two customers may use the same private addresses in two tunnels, and their
// bytes must not be joined. So each tunnel that is entered goes into
// origin.tunnel, which stands in the keys of fragments and TCP streams beside
// the VLAN: what names the tunnel on the wire (VNI, key, TEID, label, session),
// its end points and the VLAN it came in. A tunnel has one name a direction,
// and so have these keys.

// enter notes that the datagram at hand lies in a tunnel: proto is the number
// by which the layer below announces it (an EtherType, IP protocol or UDP
// port), id what names it among its kind. It returns false when this is one
// tunnel too many.
func (d *Decoder) enter(proto uint16, id uint32) bool {
	if d.at.depth >= d.opt.Depth {
		d.count(ReasonTunnelDepth)
		return false
	}
	d.at.depth++
	h := mix(d.at.tunnel, uint64(proto)<<48|uint64(d.at.vlan)<<32|uint64(id))
	if ip := d.at.ip; len(ip) > 0 {
		if ip[0]>>4 == 4 {
			h = mix(h, be.Uint64(ip[12:]))
		} else {
			for at := 8; at < 40; at += 8 {
				h = mix(h, be.Uint64(ip[at:]))
			}
		}
	}
	d.at.tunnel = h
	return true
}

// mix adds v to a hash. It is a bijection of v, so that two tunnels which
// differ in one number never have the same hash.
func mix(h, v uint64) uint64 {
	h = (h ^ v) * 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	return h ^ h>>32
}

// carried decodes what a tunnel carries: an EtherType and what follows it, or
// after etherTEB a whole frame. A frame within begins the VLAN anew: its tags
// are the customer's, those outside only lead to the tunnel.
func (d *Decoder) carried(t uint16, b []byte) {
	if t == etherTEB {
		d.at.vlan = 0
		d.ethernet(b)
		return
	}
	d.etherType(t, b)
}

// looksLike tells whether b may be what the EtherType t says: nothing that is
// there contradicts. It is what proves a tunnel whose own header proves little.
func looksLike(t uint16, b []byte) bool {
	if t == etherTEB {
		if len(b) < 14 {
			return true
		}
		t, b = be.Uint16(b[12:]), b[14:]
	}
	switch t {
	case etherIPv4:
		return len(b) == 0 || b[0]>>4 == 4 && b[0]&0x0f >= 5
	case etherIPv6:
		return len(b) == 0 || b[0]>>4 == 6
	case etherARP, etherRARP, etherVLAN, etherQinQ, etherQinQOld, etherMPLS, etherMPLSMulticast, etherPPPoEDiscovery, etherPPPoESession:
		return true
	}
	return false
}

// ipVersion gives the EtherType of an IP header by its first nibble, 0 when it
// is none. An empty b has nothing to say, and is found too short as IPv4.
func ipVersion(b []byte) uint16 {
	if len(b) == 0 {
		return etherIPv4
	}
	switch b[0] >> 4 {
	case 4:
		return etherIPv4
	case 6:
		return etherIPv6
	}
	return 0
}

// ipLength gives the length that an IP header says, 0 when it does not.
func ipLength(b []byte) int {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && b[0]&0x0f >= 5:
		return int(be.Uint16(b[2:]))
	case len(b) >= 40 && b[0]>>4 == 6:
		return 40 + int(be.Uint16(b[4:]))
	}
	return 0
}

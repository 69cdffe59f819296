package packet

// UDP ports of tunnels (IANA; 8472 is what Linux took for VXLAN before there was one).
const (
	portVXLAN      = 4789
	portVXLANLinux = 8472
	portVXLANGPE   = 4790
	portGENEVE     = 6081
	portGTPU       = 2152
	portTeredo     = 3544
	portMPLS       = 6635 // RFC 7510
	portTZSP       = 37008
	portHPERM      = 7932
)

// OnTunnelPort tells whether a datagram may be a tunnel, by its ports. A Teredo
// server answers from its port; all others have a port to send to only.
func OnTunnelPort(src, dst uint16) bool {
	switch dst {
	case portVXLAN, portVXLANLinux, portVXLANGPE, portGENEVE, portGTPU, portTeredo, portMPLS, portTZSP, portHPERM:
		return true
	}
	return src == portTeredo
}

// capsule is what a tunnel's header says.
type capsule struct {
	id      uint32 // VNI, TEID, label or VLAN
	carries uint16 // EtherType of data, etherTEB for a frame; 0 when it is nothing that is decoded
	data    []byte
}

// udpTunnel decodes the payload of a datagram on the port of a tunnel, if it is
// that tunnel. The port alone is no proof: RTP takes any even port, these among
// them. Its first byte is 0x80 or 0x90 as a rule, that of SIP a letter; no
// header here begins so, and where one is too weak a proof what it carries has
// to look like it. A datagram of which this is not true is plain UDP.
func (d *Decoder) udpTunnel(src, dst uint16, b []byte) bool {
	if len(b) < 8 {
		return false
	}
	var c capsule
	ok, port := false, dst
	whole := len(b) + d.at.missing
	switch dst {
	case portVXLAN, portVXLANLinux, portVXLANGPE:
		c, ok = vxlan(b)
	case portGENEVE:
		c, ok = geneve(b)
	case portGTPU:
		c, ok = gtpu(b, whole)
	case portMPLS:
		c, ok = mplsInUDP(b, whole)
	case portTZSP:
		c, ok = tzsp(b)
	case portHPERM:
		c, ok = hpERM(b, whole)
	}
	if !ok && (dst == portTeredo || src == portTeredo) {
		c, ok = teredo(b, whole)
		port = portTeredo
	}
	switch {
	case !ok:
		return false
	case c.carries == 0:
		d.count(ReasonGTPU) // no other tunnel has messages of its own that are told by their header
	case d.enter(port, c.id):
		d.carried(c.carries, c.data)
	}
	return true
}

// vxlan reads a header of RFC 7348 section 5: the I flag, a VNI, and zeros else.
// Two drafts use some of them: group policy, which switches of several vendors
// have, sets the G flag, perhaps D and A, and a group; the generic protocol
// extension sets the P flag, and the fourth byte tells what is carried.
func vxlan(b []byte) (capsule, bool) {
	const flagG, flagI, flagP, flagD, flagA = 0x8000, 0x0800, 0x0400, 0x0040, 0x0008
	c := capsule{be.Uint32(b[4:]) >> 8, etherTEB, b[8:]}
	flags := be.Uint16(b)
	switch {
	case b[7] != 0:
		return c, false
	case be.Uint32(b) == flagI<<16:
		return c, true
	case flags&^(flagD|flagA) == flagG|flagI:
		// It is the header of RTP with 8 contributing sources, too.
		return c, len(c.data) > 14 && looksLike(etherTEB, c.data)
	case flags&0xf8ff != flagI || flags&flagP == 0:
		return c, false
	}
	switch b[3] {
	case 1:
		c.carries = etherIPv4
	case 2:
		c.carries = etherIPv6
	case 3:
		c.carries = etherTEB
	case 5:
		c.carries = etherMPLS
	default:
		return c, false
	}
	return c, looksLike(c.carries, c.data)
}

// geneve reads a header of RFC 8926 section 3.4: version 0, options in units of
// 4 bytes, an EtherType, a VNI, and zeros else.
func geneve(b []byte) (capsule, bool) {
	header := 8 + int(b[0]&0x3f)*4
	c := capsule{be.Uint32(b[4:]) >> 8, be.Uint16(b[2:]), b[min(header, len(b)):]}
	ok := b[0]>>6 == 0 && b[1]&0x3f == 0 && b[7] == 0
	return c, ok && (c.carries == etherTEB || looksLike(c.carries, c.data))
}

// gtpu reads a header of 3GPP TS 29.281 section 5.1: version 1, protocol type 1,
// a length that counts what follows the first 8 bytes. Only a G-PDU carries
// packets of users; all else is signalling between gateways.
func gtpu(b []byte, whole int) (capsule, bool) {
	const gpdu = 255
	c := capsule{id: be.Uint32(b[4:])}
	if b[0]&0xf0 != 0x30 || 8+int(be.Uint16(b[2:])) != whole {
		return c, false
	}
	if b[1] != gpdu {
		return c, true
	}
	flags := b[0]
	b = b[8:]
	if flags&0x07 != 0 { // E, S or PN: sequence number, N-PDU number, next extension header, all or none
		next := byte(0)
		if len(b) >= 4 {
			next = b[3]
		}
		b = b[min(4, len(b)):]
		// Section 5.2.1: a length in units of 4 bytes, and the type of the next at the end.
		for flags&0x04 != 0 && next != 0 && len(b) > 0 {
			n := int(b[0]) * 4
			if n == 0 {
				return c, false
			}
			if n > len(b) {
				b = nil
				break
			}
			next, b = b[n-1], b[n:]
		}
	}
	c.carries, c.data = ipVersion(b), b
	return c, true
}

// teredo reads RFC 4380 section 5.1.1: authentication, then origin, each
// optional, then IPv6. One of its addresses is of Teredo's prefix, or
// link-local while the client looks for its server.
func teredo(b []byte, whole int) (capsule, bool) {
	missing := whole - len(b)
	if b[0] == 0 && b[1] == 1 && len(b) >= 4 {
		header := 4 + int(b[2]) + int(b[3]) + 8 + 1 // client id, authentication value, nonce, confirmation
		if header > len(b) {
			return capsule{}, false
		}
		b = b[header:]
	}
	if len(b) >= 8 && b[0] == 0 && b[1] == 0 {
		b = b[8:]
	}
	length := ipLength(b)
	if length < 40 || b[0]>>4 != 6 || length > len(b)+missing {
		return capsule{}, false
	}
	known := func(addr []byte) bool {
		return be.Uint32(addr) == 0x20010000 || be.Uint16(addr)&0xffc0 == 0xfe80
	}
	return capsule{carries: etherIPv6, data: b}, known(b[8:]) || known(b[24:])
}

// mplsInUDP reads RFC 7510: a label stack and no header of its own, so that the
// length of IP is the proof, and in a pseudowire the EtherType, too.
func mplsInUDP(b []byte, whole int) (capsule, bool) {
	label, payload, ok := labelStack(b)
	if !ok {
		return capsule{}, false
	}
	t, data := labelled(payload)
	rest := len(data) + whole - len(b)
	switch t {
	case etherIPv4, etherIPv6:
		ok = len(data) > 0 && ipLength(data) == rest
	case etherTEB:
		ok = framesIP(data, rest)
	default:
		ok = false
	}
	return capsule{label, t, data}, ok
}

// tzsp reads the TaZmen Sniffer Protocol, in which access points and routers
// mirror: version 1, a received or sent packet, what it is, tags up to an end.
func tzsp(b []byte) (capsule, bool) {
	const padding, end, ethernet = 0, 1, 1
	if b[0] != 1 || b[1] > 1 || be.Uint16(b[2:]) != ethernet {
		return capsule{}, false
	}
	b = b[4:]
	for len(b) > 0 && b[0] != end {
		n := 1
		if b[0] != padding && len(b) > 1 {
			n = 2 + int(b[1])
		}
		b = b[min(n, len(b)):]
	}
	if len(b) == 0 {
		return capsule{}, false
	}
	return capsule{0, etherTEB, b[1:]}, true
}

// hpERM reads the header of remote mirroring that switches of HP have, which no
// document describes but for a VLAN in the ninth byte and on. So the frame
// behind it is the proof.
func hpERM(b []byte, whole int) (capsule, bool) {
	const header = 12
	if len(b) < header {
		return capsule{}, false
	}
	return capsule{be.Uint32(b[8:]) >> 8 & 0x0fff, etherTEB, b[header:]}, framesIP(b[header:], whole-header)
}

// framesIP tells whether b, of which there was more on the wire, is an Ethernet
// frame with a whole IP packet in it, perhaps behind VLAN tags.
func framesIP(b []byte, whole int) bool {
	at := 12
	for range maxTags {
		if len(b) < at+2 {
			return false
		}
		t := be.Uint16(b[at:])
		at += 2
		switch t {
		case etherIPv4, etherIPv6:
			n := ipLength(b[at:])
			return n > 0 && n <= whole-at && looksLike(t, b[at:])
		case etherVLAN, etherQinQ, etherQinQOld:
			at += 2
		default:
			return false
		}
	}
	return false
}

package packet

// PPP protocol numbers (IANA).
const (
	pppIPv4          = 0x0021
	pppIPv6          = 0x0057
	pppMPLS          = 0x0281
	pppMPLSMulticast = 0x0283
)

// pppoe decodes a PPPoE frame (RFC 2516 section 4): version and type 1, code 0
// for a session, its id, and a length, which IP tells again.
func (d *Decoder) pppoe(b []byte) {
	if len(b) < 6 {
		d.short()
		return
	}
	if b[0] != 0x11 || b[1] != 0 {
		d.count(ReasonPPPoE)
		return
	}
	if d.enter(etherPPPoESession, uint32(be.Uint16(b[2:]))) {
		d.ppp(b[6:])
	}
}

// ppp decodes a PPP frame (RFC 1661). Address and control may be left out
// (section 6.6), and so may the first byte of the protocol if it is 0
// (section 6.5), since the last one is odd.
func (d *Decoder) ppp(b []byte) {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b = b[2:]
	}
	var proto uint16
	switch {
	case len(b) >= 2 && b[0]&1 == 0:
		proto, b = be.Uint16(b), b[2:]
	case len(b) >= 2:
		proto, b = uint16(b[0]), b[1:]
	default:
		d.short()
		return
	}
	switch proto {
	case pppIPv4:
		d.ipv4(b)
	case pppIPv6:
		d.ipv6(b)
	case pppMPLS, pppMPLSMulticast:
		d.mpls(b)
	default:
		d.count(ReasonPPP)
	}
}

// hdlc decodes a serial line: PPP in HDLC-like framing (RFC 1662), or Cisco's
// framing (RFC 1547 section 4.3.1) with an EtherType after an address of its own.
func (d *Decoder) hdlc(b []byte) {
	switch {
	case len(b) < 4:
		d.short()
	case b[0] == 0x0f || b[0] == 0x8f:
		d.etherType(be.Uint16(b[2:]), b[4:])
	default:
		d.ppp(b)
	}
}

package packet

import "encoding/binary"

// EtherTypes (IEEE 802 numbers).
const (
	etherIPv4           = 0x0800
	etherARP            = 0x0806
	etherRARP           = 0x8035
	etherVLAN           = 0x8100 // 802.1Q
	etherQinQ           = 0x88a8 // 802.1ad
	etherQinQOld        = 0x9100 // before 802.1ad
	etherIPv6           = 0x86dd
	etherMPLS           = 0x8847
	etherMPLSMulticast  = 0x8848
	etherPPPoEDiscovery = 0x8863
	etherPPPoESession   = 0x8864

	// maxLength8023 is the largest value that the field has as a length.
	maxLength8023 = 1500
	// maxTags bounds the VLAN tags of one frame.
	maxTags = 8
)

var be = binary.BigEndian

// ethernet decodes a frame without preamble; a frame check sequence at its end
// is cut off by the length of IP.
func (d *Decoder) ethernet(b []byte) {
	if len(b) < 14 {
		d.short()
		return
	}
	if be.Uint16(b[12:]) == etherIPv4 {
		d.ipv4(b[14:])
		return
	}
	d.etherType(be.Uint16(b[12:]), b[14:])
}

// etherType decodes what follows an EtherType field.
func (d *Decoder) etherType(t uint16, b []byte) {
	for range maxTags {
		switch t {
		case etherIPv4:
			d.ipv4(b)
			return
		case etherIPv6:
			d.ipv6(b)
			return
		case etherVLAN, etherQinQ, etherQinQOld:
			if len(b) < 4 {
				d.short()
				return
			}
			// A tag with id 0 gives a priority only and is no VLAN.
			if d.at.vlan == 0 {
				d.at.vlan = be.Uint16(b) & 0x0fff
			}
			t, b = be.Uint16(b[2:]), b[4:]
			continue
		case etherARP, etherRARP:
			d.count(ReasonARP)
		case etherMPLS, etherMPLSMulticast:
			d.mpls(b)
		case etherPPPoESession:
			d.pppoe(b)
		case etherPPPoEDiscovery:
			d.count(ReasonPPPoE)
		default:
			if t <= maxLength8023 {
				d.count(ReasonLLC)
			} else {
				d.count(ReasonUnknownEtherType)
			}
		}
		return
	}
	d.count(ReasonMalformed)
}

// link decodes every link layer but Ethernet.
func (d *Decoder) link(l LinkType, b []byte) {
	switch l {
	case LinkSLL:
		// packet type, ARPHRD_ type, address length, address (8), protocol
		if len(b) < 16 {
			d.short()
			return
		}
		d.cooked(be.Uint16(b[2:]), be.Uint16(b[14:]), b[16:])
	case LinkSLL2:
		// protocol, reserved, interface index, ARPHRD_ type, packet type, address length, address (8)
		if len(b) < 20 {
			d.short()
			return
		}
		d.cooked(be.Uint16(b[8:]), be.Uint16(b), b[20:])
	case LinkNull, LinkLoop:
		if len(b) < 4 {
			d.short()
			return
		}
		d.loopback(be.Uint32(b), b[4:])
	case LinkRaw, LinkRaw12, LinkRaw14:
		d.rawIP(b)
	case LinkIPv4:
		d.ipv4(b)
	case LinkIPv6:
		d.ipv6(b)
	case LinkPPP, LinkPPPHDLC, LinkCHDLC:
		d.hdlc(b)
	case LinkPPPoE:
		d.pppoe(b)
	case LinkMPLS:
		d.mpls(b)
	default:
		d.count(ReasonLinkType)
	}
}

// arphrdNetlink is the type of a cooked frame whose protocol field is a
// netlink family.
const arphrdNetlink = 824

// cooked decodes what follows a Linux cooked header. The protocol field is an
// EtherType, or one of Linux's own numbers (802.3 without LLC, 802.2, CAN).
func (d *Decoder) cooked(arphrd, protocol uint16, b []byte) {
	switch {
	case arphrd == arphrdNetlink:
		d.count(ReasonNonIP)
	case protocol == 1 || protocol == 4:
		d.count(ReasonLLC)
	case protocol <= maxLength8023:
		d.count(ReasonNonIP)
	default:
		d.etherType(protocol, b)
	}
}

// loopback decodes the BSD header: an address family in the byte order of the
// host that captured, so that both have to be tried. AF_INET is 2 everywhere;
// AF_INET6 is 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS, 10 on Linux.
func (d *Decoder) loopback(family uint32, b []byte) {
	if family > 0xffff {
		family = family>>24 | family>>8&0xff00
	}
	switch family {
	case 2:
		d.ipv4(b)
	case 10, 24, 28, 30:
		d.ipv6(b)
	default:
		d.count(ReasonNonIP)
	}
}

// rawIP decodes IP of either version.
func (d *Decoder) rawIP(b []byte) {
	if len(b) == 0 {
		d.short()
		return
	}
	switch b[0] >> 4 {
	case 4:
		d.ipv4(b)
	case 6:
		d.ipv6(b)
	default:
		d.count(ReasonNonIP)
	}
}

package packet

// Protocol types of GRE that Ethernet does not have.
const (
	etherTEB     = 0x6558 // transparent Ethernet bridging: a whole frame (RFC 1701)
	grePPP       = 0x880b // RFC 2637
	greERSPAN    = 0x88be // types I and II
	greERSPANIII = 0x22eb
)

// Flags and version of GRE.
const (
	greChecksum    = 0x8000
	greRouting     = 0x4000
	greKey         = 0x2000
	greSequence    = 0x1000
	greAcknowledge = 0x0080 // of version 1 only
	greVersion     = 0x0007
)

// gre decodes GRE (RFC 2784, with key and sequence number of RFC 2890) and
// version 1 of it, which PPTP has (RFC 2637). Source routes (RFC 1701) are
// refused, as RFC 2784 section 2.3 asks of receivers.
func (d *Decoder) gre(b []byte) {
	if len(b) < 4 {
		d.short()
		return
	}
	flags, proto := be.Uint16(b), be.Uint16(b[2:])
	if flags&greRouting != 0 || flags&greVersion > 1 {
		d.count(ReasonGRE)
		return
	}
	header, key := 4, 0
	for _, flag := range [...]uint16{greChecksum, greKey, greSequence, greAcknowledge} {
		if flags&flag == 0 || flag == greAcknowledge && flags&greVersion == 0 {
			continue
		}
		if flag == greKey {
			key = header
		}
		header += 4
	}
	if len(b) < header {
		d.short()
		return
	}
	var id uint32
	if key != 0 {
		id = be.Uint32(b[key:])
	}
	if b = b[header:]; flags&greVersion == 1 {
		if proto != grePPP || flags&greSequence == 0 { // without one it only acknowledges
			d.count(ReasonGRE)
			return
		}
		id &= 0xffff // the call id; the length of the payload is before it
	}
	switch proto {
	case etherTEB, etherIPv4, etherIPv6, etherMPLS, etherMPLSMulticast:
		if d.enter(protoGRE, id) {
			d.carried(proto, b)
		}
	case grePPP:
		if d.enter(protoGRE, id) {
			d.ppp(b)
		}
	case greERSPAN:
		if flags&greSequence != 0 {
			d.erspan(1, b)
		} else if d.enter(greERSPAN, 0) { // type I has no header
			d.carried(etherTEB, b)
		}
	case greERSPANIII:
		d.erspan(2, b)
	default:
		d.count(ReasonGRE)
	}
}

// erspan decodes what a switch mirrors (draft-foschiano-erspan), type II, which
// calls itself version 1, and type III:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-------+-----------------------+-----+---+-+-------------------+
//	|  Ver  |          VLAN         | COS |En |T|    Session ID     |
//	+-------+-----------------------+-----+---+-+-------------------+
//	| II: reserved (12), index (20)      III: timestamp (32)        |
//	+-------------------------------+-+---------+-----------+-+---+-+
//	| III:      group tag           |P|   FT    |   Hw ID   |D|Gra|O|
//	+-------------------------------+-+---------+-----------+-+---+-+
//
// The VLAN is that in which the switch saw the frame; the tag itself is often
// gone from it.
func (d *Decoder) erspan(version uint8, b []byte) {
	header := 8
	if version == 2 {
		header = 12
	}
	if len(b) < header {
		d.short()
		return
	}
	carried := uint16(etherTEB)
	if version == 2 {
		switch be.Uint16(b[10:]) >> 10 & 0x1f {
		case 0:
		case 2:
			carried = ipVersion(b[header:])
		default: // 802.11
			d.count(ReasonGRE)
			return
		}
		if b[11]&1 != 0 { // O: a sub-header of the platform's own
			header += 8
		}
	}
	session := be.Uint16(b[2:])
	switch {
	case b[0]>>4 != version:
		d.count(ReasonGRE)
		return
	case len(b) < header:
		d.short()
		return
	case !d.enter(greERSPAN, uint32(session&0x03ff)):
		return
	}
	if session&0x0400 != 0 { // T: the switch cut the frame
		d.at.cut = true
	}
	vlan := be.Uint16(b) & 0x0fff
	if b = b[header:]; carried == etherTEB {
		d.at.vlan = vlan
		d.ethernet(b)
		return
	}
	d.etherType(carried, b)
}

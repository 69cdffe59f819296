package packet

const (
	// labelELI announces an entropy label (RFC 6790).
	labelELI = 7
	// controlWord is the length of what may stand before a frame in a pseudowire.
	controlWord = 4
)

// mpls decodes a label stack (RFC 3032 section 2.1) and what it carries. The
// label at its bottom names the customer; those above lead to the router that
// knows him, and change from hop to hop.
func (d *Decoder) mpls(b []byte) {
	label, b, ok := labelStack(b)
	if !ok {
		d.short()
		return
	}
	switch t, inner := labelled(b); {
	case t == 0 && len(b) <= controlWord+14: // too short to have an EtherType
		d.short()
	case t == 0:
		d.count(ReasonMPLS)
	case d.enter(etherMPLS, label):
		d.carried(t, inner)
	}
}

// labelStack reads labels up to the bottom of the stack, which is false when
// it is not there. The label that it returns is the last one that is not there
// for entropy: that one differs even between the fragments of a datagram.
func labelStack(b []byte) (label uint32, payload []byte, bottom bool) {
	entropy := false
	for len(b) >= 4 {
		entry := be.Uint32(b)
		b = b[4:]
		switch l := entry >> 12; {
		case l == labelELI:
			entropy = true
		case entropy:
			entropy = false
		default:
			label = l
		}
		if entry&0x100 != 0 {
			return label, b, true
		}
	}
	return 0, nil, false
}

// labelled tells what lies below a label stack, which nothing there says: IP by
// the first nibble, where a pseudowire has 0 in its control word (RFC 4385
// section 3) and 1 in what is not data (RFC 5586). A pseudowire of Ethernet
// without a control word begins with any address; its EtherType tells it.
func labelled(b []byte) (etherType uint16, payload []byte) {
	if len(b) == 0 {
		return etherIPv4, b // too short for anything
	}
	frame := len(b) > 14 && looksLike(etherTEB, b)
	switch t := ipVersion(b); {
	case t != 0 && !(frame && (ipLength(b) == 0 || ipLength(b) > len(b))):
		return t, b
	case b[0]>>4 == 0 && len(b) >= controlWord && looksLike(etherTEB, b[controlWord:]):
		return etherTEB, b[controlWord:]
	case frame:
		return etherTEB, b
	}
	return 0, nil
}

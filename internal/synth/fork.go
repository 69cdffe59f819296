package synth

import "strconv"

// open sends the first INVITE to the first proxy only, which says 100.
func (d *dialog) open(mods ...mod) *msg {
	m := d.build(d.a, "INVITE", append([]mod{withSDP(d.a.sdp(d.codecs...))}, mods...)...)
	m.by, m.peer = d.a, d.path[0]
	d.s.put(m)
	d.trying(m)
	return m
}

// branchTo forwards an open INVITE from the first proxy to d's callee, as one
// branch of a fork.
func (d *dialog) branchTo(open *msg) *msg {
	m := open.through(d.path[0])
	m.start = "INVITE " + d.b.contactURI() + " SIP/2.0"
	m.dialog, m.by, m.peer = d, d.path[0], d.b
	d.s.put(m)
	return m
}

// hop sends the ACK or CANCEL that belongs to an INVITE of one hop, on that
// hop. final is what is acknowledged; nil for CANCEL.
func (d *dialog) hop(inv *msg, method string, final *msg, mods ...mod) *msg {
	m := &msg{method: method, start: method + " " + inv.uri() + " SIP/2.0", dialog: d, by: inv.by, peer: inv.peer, transport: inv.transport}
	toHeader := inv.get("To")
	if final != nil {
		toHeader = final.get("To")
	}
	m.head = []field{
		{"Via", inv.get("Via")},
		{"Max-Forwards", "70"},
		{"From", inv.get("From")},
		{"To", toHeader},
		{"Call-ID", d.callID},
		{"CSeq", strconv.Itoa(inv.cseq()) + " " + method},
	}
	for _, f := range mods {
		f(m)
	}
	d.s.put(m)
	return m
}

// lose ends a branch that another one beat: CANCEL 200 487 ACK, on its hop.
func (d *dialog) lose(branch *msg) *msg {
	cancel := d.hop(branch, "CANCEL", nil, with("Reason", `SIP;cause=200;text="Call completed elsewhere"`))
	d.s.put(d.answer(cancel, 200))
	final := d.answer(branch, 487)
	d.s.put(final)
	d.hop(branch, "ACK", final)
	return final
}

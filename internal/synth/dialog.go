package synth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// dialog is a call between a, who invites, and b, as both write it down.
type dialog struct {
	s                    *script
	a, b                 *party
	callee               *party                   // whom To names, when that is not b
	edit                 func(m *msg, hop *party) // what a proxy changes beside the routing headers
	path                 []*party                 // proxies between them that the tap sees, from a to b
	callID               string
	fromTag, toTag       string
	cseqA, cseqB         int
	transport            packet.Transport
	codecs               []codec
	invited              *msg // the latest INVITE of a, as sent
	senderA, senderB     *sender
	compact, recordRoute bool
	sends                session
	credentials          string // Authorization or Proxy-Authorization of a's requests
}

// call makes a dialog that has not begun.
func (s *script) call(a, b *party) *dialog {
	return &dialog{
		s: s, a: a, b: b, callID: s.hex(16) + "@" + a.sip.Addr().String(), fromTag: s.hex(5), toTag: s.hex(5),
		cseqA: 100 + s.rng.IntN(900), cseqB: s.rng.IntN(100), transport: packet.UDP, codecs: []codec{pcmu, telephoneEvent},
		senderA: s.newSender(a), senderB: s.newSender(b), recordRoute: true,
	}
}

// fork is the same INVITE as another branch answers it: another To tag.
func (d *dialog) fork(b *party) *dialog {
	f := *d
	f.b, f.toTag, f.senderB = b, d.s.hex(5), d.s.newSender(b)
	return &f
}

const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, SUBSCRIBE, MESSAGE"

// request makes and sends a request within the dialog, or one that begins it.
func (d *dialog) request(by *party, method string, mods ...mod) *msg {
	return d.send(d.build(by, method, mods...))
}

// build makes a request without sending it.
func (d *dialog) build(by *party, method string, mods ...mod) *msg {
	peer, fromTag, toTag, cseq := d.b, d.fromTag, d.toTag, &d.cseqA
	if by == d.b {
		peer, fromTag, toTag, cseq = d.a, d.toTag, d.fromTag, &d.cseqB
	}
	initial := method == "INVITE" && d.invited == nil
	uri := peer.contactURI()
	if initial {
		uri, toTag = d.called(peer).uri(), ""
	}
	*cseq++
	m := &msg{
		method: method, start: method + " " + uri + " SIP/2.0", dialog: d, by: by, peer: peer,
		transport: d.transport, compact: d.compact,
	}
	m.head = []field{
		{"Via", by.via(d.transport, d.branch(by))},
		{"Max-Forwards", "70"},
	}
	if !initial && d.recordRoute {
		for _, p := range d.hops(by)[1 : len(d.path)+1] {
			m.head = append(m.head, field{"Route", "<sip:" + p.sip.String() + ";lr>"})
		}
	}
	m.head = append(m.head,
		field{"From", tagged(d.called(by).name(), fromTag, by.old)},
		field{"To", tagged(d.called(peer).name(), toTag, peer.old)},
		field{"Call-ID", d.callID},
		field{"CSeq", strconv.Itoa(*cseq) + " " + method})
	switch method {
	case "INVITE", "UPDATE", "SUBSCRIBE", "REFER", "NOTIFY", "REGISTER":
		m.head = append(m.head, field{"Contact", "<" + by.contactURI() + ">"}, field{"Allow", allow})
	}
	if by.agent != "" {
		m.head = append(m.head, field{"User-Agent", by.agent})
	}
	if method == "INVITE" {
		m.head = append(m.head, field{"Supported", "replaces, 100rel, timer"})
	}
	if d.credentials != "" && by == d.a {
		name, value, _ := strings.Cut(d.credentials, ": ")
		m.head = append(m.head, field{name, value})
	}
	for _, f := range mods {
		f(m)
	}
	if method == "INVITE" && by == d.a {
		d.invited = m
	}
	return m
}

// called is the identity of p in From and To.
func (d *dialog) called(p *party) *party {
	if p == d.b && d.callee != nil {
		return d.callee
	}
	return p
}

func tagged(name, tag string, old bool) string {
	if tag == "" || old {
		return name
	}
	return name + ";tag=" + tag
}

// branch is a new transaction's; an RFC 2543 peer has none.
func (d *dialog) branch(by *party) string {
	if by.old {
		return ""
	}
	return "z9hG4bK" + d.s.hex(8)
}

// hops are the parties on the way from `by` to its peer, both included.
func (d *dialog) hops(by *party) []*party {
	way := append(append([]*party{d.a}, d.path...), d.b)
	if by == d.b {
		slices.Reverse(way)
	}
	return way
}

// send sends m from its maker through the proxies to its target, and returns
// it as it arrived there.
func (d *dialog) send(m *msg) *msg {
	way := d.hops(m.by)
	for i, hop := range way[:len(way)-1] {
		if i > 0 {
			if m.status == 0 {
				m = m.through(hop)
			} else {
				m = m.back()
			}
			if d.edit != nil {
				d.edit(m, hop)
			}
		}
		m.by, m.peer = hop, way[i+1]
		d.s.put(m)
	}
	return m
}

// through is the request as proxy p forwards it, in a new transaction. CANCEL
// and the ACK to a failure share their INVITE's: see hop.
func (m *msg) through(p *party) *msg {
	up := m
	m = m.clone()
	m.up = up
	if m.get("Route") != "" {
		m.drop("Route")
	}
	for i := range m.head {
		if m.head[i].name == "Via" {
			m.head[i].value = answeredVia(m.head[i].value, up.by.sip)
			break
		}
	}
	hops, _ := strconv.Atoi(m.get("Max-Forwards"))
	m.set("Max-Forwards", strconv.Itoa(hops-1))
	if m.dialog.recordRoute && m.method == "INVITE" && !strings.Contains(m.get("To"), ";tag=") {
		m.push("Record-Route", "<sip:"+p.sip.String()+";lr>")
	}
	m.push("Via", p.via(m.transport, m.dialog.branch(p)))
	return m
}

// drop removes the first header of that name.
func (m *msg) drop(name string) {
	if i := slices.IndexFunc(m.head, func(f field) bool { return f.name == name }); i >= 0 {
		m.head = slices.Delete(m.head, i, i+1)
	}
}

// back is the response as the proxy whose Via is on top sends it on.
func (m *msg) back() *msg {
	up := m
	m = m.clone()
	m.up = up
	m.drop("Via")
	return m
}

// reply answers a request as it arrived at its target, and sends the answer
// all the way back.
func (d *dialog) reply(req *msg, status int, mods ...mod) *msg {
	m := d.send(d.answer(req, status, mods...))
	if status >= 200 && status < 300 && req.sdp != nil && m.sdp != nil {
		d.sends.agree(m.first().at, req.sdp, m.sdp)
	}
	if status >= 200 && status < 300 && req.method == "REFER" {
		d.sends.part(m.first().at)
	}
	return m
}

// answer makes a response without sending it.
func (d *dialog) answer(req *msg, status int, mods ...mod) *msg {
	by := req.peer
	m := &msg{method: req.method, status: status, dialog: d, by: by, peer: req.by, transport: req.transport, compact: d.compact}
	m.start = fmt.Sprintf("SIP/2.0 %d %s", status, reasons[status])
	top := true
	for _, f := range req.head {
		switch f.name {
		case "Via":
			if top {
				f.value, top = answeredVia(f.value, req.by.sip), false
			}
			m.head = append(m.head, f)
		case "Record-Route":
			if status > 100 && status < 300 {
				m.head = append(m.head, f)
			}
		case "From", "Call-ID", "CSeq":
			m.head = append(m.head, f)
		case "To":
			if status > 100 && !strings.Contains(f.value, ";tag=") {
				f.value += ";tag=" + d.toTag
			}
			m.head = append(m.head, f)
		}
	}
	if req.method == "INVITE" && status > 100 && status < 300 || req.method == "UPDATE" && status == 200 {
		m.head = append(m.head, field{"Contact", "<" + by.contactURI() + ">"}, field{"Allow", allow})
	}
	if by.agent != "" {
		m.head = append(m.head, field{"Server", by.agent})
	}
	for _, f := range mods {
		f(m)
	}
	return m
}

// ack acknowledges a final response to an INVITE of `req`. For a 2xx it is a
// transaction of its own (RFC 3261 13.2.2.4), else part of the INVITE's (17.1.1.3).
func (d *dialog) ack(req, final *msg, mods ...mod) *msg {
	req = req.first()
	by := req.by
	cseq := &d.cseqA
	if by == d.b {
		cseq = &d.cseqB
	}
	kept := *cseq
	m := d.build(by, "ACK")
	*cseq = kept
	m.set("CSeq", strconv.Itoa(req.cseq())+" ACK")
	m.set("To", final.get("To"))
	if final.status >= 300 {
		m.set("Via", req.get("Via"))
		m.start = "ACK " + req.uri() + " SIP/2.0"
	}
	for _, f := range mods {
		f(m)
	}
	return d.send(m)
}

// cancel cancels an INVITE that has no final response (RFC 3261 9.1).
func (d *dialog) cancel(req *msg, mods ...mod) *msg {
	req = req.first()
	kept := d.cseqA
	m := d.build(d.a, "CANCEL")
	d.cseqA = kept
	m.drop("Route")
	m.set("Via", req.get("Via"))
	m.set("To", req.get("To"))
	m.set("CSeq", strconv.Itoa(req.cseq())+" CANCEL")
	m.start = "CANCEL " + req.uri() + " SIP/2.0"
	for _, f := range mods {
		f(m)
	}
	return d.send(m)
}

// invite sends the first INVITE, or the next one after a challenge, with an
// offer.
func (d *dialog) invite(mods ...mod) *msg {
	return d.request(d.a, "INVITE", append([]mod{withSDP(d.a.sdp(d.codecs...))}, mods...)...)
}

// retry begins the INVITE anew in the same call: same From tag, no To tag,
// CSeq + 1 (RFC 3261 8.1.3.5).
func (d *dialog) retry(mods ...mod) *msg {
	d.invited = nil
	return d.invite(mods...)
}

// trying is the 100 of the hop that took the request first.
func (d *dialog) trying(inv *msg) *msg {
	m := d.answer(inv.first(), 100)
	m.by, m.peer = inv.first().peer, inv.first().by
	d.s.put(m)
	return m
}

// ring is the 100 of an INVITE and, 200 ms later, its 180, which it returns.
func (d *dialog) ring(inv *msg) *msg {
	d.trying(inv)
	d.s.wait(200 * time.Millisecond)
	return d.reply(inv, 180)
}

// setup is how a call came about.
type setup struct{ invite, ringing, ok, ack *msg }

// connect sets the call up as most do: INVITE, 100, 180, 200, ACK.
func (d *dialog) connect(mods ...mod) setup {
	var c setup
	c.invite = d.invite(mods...)
	d.trying(c.invite)
	d.s.wait(240 * time.Millisecond)
	c.ringing = d.reply(c.invite, 180)
	d.s.wait(1800 * time.Millisecond)
	c.ok = d.reply(c.invite, 200, withSDP(d.b.sdp(d.codecs...)))
	d.s.wait(10 * time.Millisecond)
	c.ack = d.ack(c.invite, c.ok)
	return c
}

// refuse ends an INVITE with a final failure and its ACK.
func (d *dialog) refuse(inv *msg, status int, mods ...mod) *msg {
	final := d.reply(inv, status, mods...)
	d.ack(inv, final)
	return final
}

// hangup ends the call: BYE and its 200.
func (d *dialog) hangup(by *party, mods ...mod) *msg {
	bye := d.request(by, "BYE", mods...)
	d.reply(bye, 200)
	return bye
}

// ended hangs up by the caller and states the answered row.
func (d *dialog) ended(c setup, flags ...string) {
	bye := d.hangup(d.a)
	d.s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", flags: flags})
}

// reinvite changes the session: INVITE, 200, ACK, each with SDP.
func (d *dialog) reinvite(by *party, offer, answer *sdp) setup {
	var c setup
	c.invite = d.request(by, "INVITE", withSDP(offer))
	d.s.wait(30 * time.Millisecond)
	c.ok = d.reply(c.invite, 200, withSDP(answer))
	c.ack = d.ack(c.invite, c.ok)
	return c
}

package synth

import (
	"fmt"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// bridge is a back-to-back user agent: what comes on leg `in` goes out on leg
// `out`, media through it.
func (s *script) bridge(in, out *dialog) {
	inv := in.invite()
	in.trying(inv)
	outInv := out.invite()
	out.trying(outInv)
	s.wait(250 * time.Millisecond)
	outRinging := out.reply(outInv, 180)
	ringing := in.reply(inv, 180)
	s.wait(1500 * time.Millisecond)
	outOK := out.reply(outInv, 200, withSDP(out.b.sdp(out.codecs...)))
	out.ack(outInv, outOK)
	ok := in.reply(inv, 200, withSDP(in.b.sdp(in.codecs...)))
	in.ack(inv, ok)
	s.wait(20 * time.Millisecond)
	const length = 3 * time.Second
	in.speak(length)
	s.wait(time.Millisecond)
	out.speak(length)
	s.wait(length + 30*time.Millisecond)
	bye := in.hangup(in.a)
	outBye := out.hangup(out.a)
	s.row(in, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller"})
	s.row(out, record.Answered, row{start: outInv, ring: outRinging, answer: outOK, end: outBye, by: "caller", session: in})
}

// b2bua: two Call-IDs, same numbers, media through it. Two rows, one
// session_id.
func b2bua(s *script) {
	s.bridge(s.call(s.alice, s.front(s.bob, s.sbc)), s.call(s.front(s.alice, s.sbc), s.bob))
}

// sameCallIDB2BUA: an SBC keeps the Call-ID on both legs, tags differ. Two
// rows, one session_id.
func sameCallIDB2BUA(s *script) {
	in, out := s.call(s.alice, s.front(s.bob, s.sbc)), s.call(s.front(s.alice, s.sbc), s.bob)
	out.callID = in.callID
	s.bridge(in, out)
}

// notify tells how the transfer goes (RFC 3515 2.4.4).
func (d *dialog) notify(by *party, status int, state string) {
	m := d.request(by, "NOTIFY", with("Event", "refer"), with("Subscription-State", state),
		withBody("message/sipfrag;version=2.0", fmt.Sprintf("SIP/2.0 %d %s\r\n", status, reasons[status])))
	d.reply(m, 200)
}

// refer asks alice to call another target, and alice agrees.
func (d *dialog) refer(target string) *msg {
	m := d.request(d.b, "REFER", with("Refer-To", "<"+target+">"), with("Referred-By", "<"+d.b.uri()+">"))
	d.reply(m, 202)
	d.notify(d.a, 100, "active;expires=60")
	return m
}

// blindTransfer: REFER 202, NOTIFY, new INVITE. Two rows, linked by
// session_id; flag transferred.
func blindTransfer(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(2 * time.Second)
	d.refer(s.carol.uri())
	moved := s.call(s.alice, s.carol)
	n := moved.connect(with("Referred-By", "<"+s.bob.uri()+">"))
	d.notify(s.alice, 200, "terminated;reason=noresource")
	bye := d.hangup(s.bob)
	moved.talk(3 * time.Second)
	movedBye := moved.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "callee", flags: []string{"transferred"}})
	s.row(moved, record.Answered, row{start: n.invite, ring: n.ringing, answer: n.ok, end: movedBye, by: "caller", session: d})
}

// attendedTransfer: bob holds alice, consults carol, and has alice replace
// him in that call by INVITE with Replaces (RFC 3891). Linked by session_id.
func attendedTransfer(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(2 * time.Second)
	d.reinvite(s.bob, s.bob.sdp(d.codecs...).direction("sendonly"), s.alice.sdp(d.codecs...).direction("recvonly"))
	consult := s.call(s.bob, s.carol)
	k := consult.connect()
	consult.talk(2 * time.Second)
	replaces := fmt.Sprintf("%s;to-tag=%s;from-tag=%s", consult.callID, consult.toTag, consult.fromTag)
	d.refer(fmt.Sprintf("%s?Replaces=%s%%40%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", s.carol.uri(),
		consult.callID[:32], consult.callID[33:], consult.toTag, consult.fromTag))
	moved := s.call(s.alice, s.carol)
	inv := moved.invite(with("Replaces", replaces), with("Require", "replaces"), with("Referred-By", "<"+s.bob.uri()+">"))
	ok := moved.reply(inv, 200, withSDP(s.carol.sdp(moved.codecs...)))
	moved.ack(inv, ok)
	consultBye := consult.hangup(s.carol)
	d.notify(s.alice, 200, "terminated;reason=noresource")
	bye := d.hangup(s.bob)
	moved.talk(3 * time.Second)
	movedBye := moved.hangup(s.carol)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "callee", flags: []string{"on_hold", "transferred"}})
	s.row(consult, record.Answered, row{start: k.invite, ring: k.ringing, answer: k.ok, end: consultBye, by: "callee", session: d})
	s.row(moved, record.Answered, row{start: inv, answer: ok, end: movedBye, by: "callee", session: d})
}

// callIDReused: a second INVITE with the same Call-ID and another From tag
// after the BYE. Two rows.
func callIDReused(s *script) {
	var callID string
	for range 2 {
		d := s.call(s.alice, s.bob)
		if callID == "" {
			callID = d.callID
		}
		d.callID = callID
		c := d.connect()
		d.talk(2 * time.Second)
		d.ended(c)
		s.wait(3 * time.Second)
	}
}

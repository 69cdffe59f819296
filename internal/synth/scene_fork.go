package synth

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// forkedOneAnswer: a proxy forks, two 180 with different To tags come back,
// one phone gives up, the other one answers. One row with the answering
// to_tag, two attempts.
func forkedOneAnswer(s *script) {
	d := s.call(s.alice, s.bob)
	d.path = []*party{s.proxy}
	inv := d.open()
	other := d.fork(s.carol)
	other.callee = s.bob
	toBob, toCarol := d.branchTo(inv), other.branchTo(inv)
	s.wait(200 * time.Millisecond)
	ringing := d.reply(toBob, 180)
	s.wait(60 * time.Millisecond)
	other.reply(toCarol, 180)
	s.wait(1500 * time.Millisecond)
	gone := other.answer(toCarol, 480)
	s.put(gone)
	other.hop(toCarol, "ACK", gone)
	s.wait(1500 * time.Millisecond)
	ok := d.reply(toBob, 200, withSDP(s.bob.sdp(d.codecs...)))
	d.ack(inv, ok)
	d.talk(4 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller", attempts: count(2)})
}

// forkedTwoAnswers: two 200 with different To tags; the caller ACKs both and
// BYEs one. Two rows with one call_id.
func forkedTwoAnswers(s *script) {
	d := s.call(s.alice, s.bob)
	d.path = []*party{s.proxy}
	inv := d.open()
	other := d.fork(s.carol)
	other.callee = s.bob
	toBob, toCarol := d.branchTo(inv), other.branchTo(inv)
	s.wait(200 * time.Millisecond)
	ringing := d.reply(toBob, 180)
	otherRinging := other.reply(toCarol, 180)
	s.wait(1500 * time.Millisecond)
	ok := d.reply(toBob, 200, withSDP(s.bob.sdp(d.codecs...)))
	otherOK := other.reply(toCarol, 200, withSDP(s.carol.sdp(d.codecs...)))
	d.ack(inv, ok)
	other.ack(inv, otherOK)
	otherBye := other.hangup(s.alice)
	d.cseqA = other.cseqA
	d.talk(4 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller"})
	s.row(other, record.Answered, row{start: inv, ring: otherRinging, answer: otherOK, end: otherBye, by: "caller"})
}

// parallelRing487: the losers of a proxy's fork are cancelled with
// Reason: SIP;cause=200: attempts, no rows. Then a B2BUA rings a group with
// Call-IDs of their own: rows, the loser's cancelled by the network, flag
// answered_elsewhere.
func parallelRing487(s *script) {
	d := s.call(s.alice, s.bob)
	d.path = []*party{s.proxy}
	inv := d.open()
	toBob := d.branchTo(inv)
	var losers []*dialog
	var branches []*msg
	for _, p := range []*party{s.carol, s.dave} {
		l := d.fork(p)
		l.callee = s.bob
		losers, branches = append(losers, l), append(branches, l.branchTo(inv))
	}
	s.wait(200 * time.Millisecond)
	ringing := d.reply(toBob, 180)
	for i, l := range losers {
		l.reply(branches[i], 180)
	}
	s.wait(1500 * time.Millisecond)
	ok := d.reply(toBob, 200, withSDP(s.bob.sdp(d.codecs...)))
	for i, l := range losers {
		l.lose(branches[i])
	}
	d.ack(inv, ok)
	d.talk(3 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller", attempts: count(3)})

	s.wait(2 * time.Second)
	winner, loser := s.call(s.front(s.alice, s.sbc), s.bob), s.call(s.front(s.alice, s.sbc), s.carol)
	won, lost := winner.invite(), loser.invite()
	s.wait(200 * time.Millisecond)
	wonRinging, lostRinging := winner.reply(won, 180), loser.reply(lost, 180)
	s.wait(1500 * time.Millisecond)
	wonOK := winner.reply(won, 200, withSDP(s.bob.sdp(winner.codecs...)))
	winner.ack(won, wonOK)
	cancel := loser.cancel(lost, with("Reason", `SIP;cause=200;text="Call completed elsewhere"`))
	loser.reply(cancel, 200)
	final := loser.refuse(lost, 487)
	winner.talk(3 * time.Second)
	wonBye := winner.hangup(s.bob)
	s.row(winner, record.Answered, row{start: won, ring: wonRinging, answer: wonOK, end: wonBye, by: "callee"})
	s.row(loser, record.Cancelled, row{
		start: lost, ring: lostRinging, end: final, final: final, by: "network", sip: cause(200),
		flags: []string{"answered_elsewhere"}, session: winner,
	})
}

// serialFork: 503 from carrier A, 200 from carrier B, one Call-ID. One
// answered row; two attempts, A with its 503.
func serialFork(s *script) {
	carrierA := s.party(s.bob.user, "", "203.0.113.81", "Sonus SBC 5400")
	carrierB := s.party(s.bob.user, "", "203.0.113.82", "AudioCodes Mediant 9000")
	d := s.call(s.alice, carrierA)
	d.path, d.callee = []*party{s.proxy}, s.bob
	inv := d.open()
	branch := d.branchTo(inv)
	s.put(d.answer(branch, 100))
	s.wait(400 * time.Millisecond)
	failed := d.answer(branch, 503, with("Retry-After", "120"))
	s.put(failed)
	d.hop(branch, "ACK", failed)
	d = d.fork(carrierB)
	branch = d.branchTo(inv)
	s.put(d.answer(branch, 100))
	s.wait(300 * time.Millisecond)
	ringing := d.reply(branch, 180)
	s.wait(1500 * time.Millisecond)
	ok := d.reply(branch, 200, withSDP(carrierB.sdp(d.codecs...)))
	d.ack(inv, ok)
	d.talk(4 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller", attempts: count(2)})
}

// proxyHops: the same INVITE at two interfaces of a proxy, with one Via more.
// One row, messages keep both hops.
func proxyHops(s *script) {
	d := s.call(s.alice, s.bob)
	d.path = []*party{s.proxy}
	c := d.connect()
	d.talk(4 * time.Second)
	bye := d.hangup(s.bob)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "callee", retransmissions: count(0)})
}

// proxyWithMediaRelay: Kamailio and rtpengine on one box: one Call-ID, two
// SDP versions, the same audio in and out. One row; a_ and b_ from the side
// nearest the receiver, never added up.
func proxyWithMediaRelay(s *script) {
	d := s.call(s.alice, s.bob)
	d.path = []*party{s.proxy}
	// rtpengine shows each side a port of its own.
	toAlice, toBob := s.front(s.alice, s.proxy).rtp, s.front(s.bob, s.proxy).rtp
	relay := func(body string, from, to netip.AddrPort) string {
		body = strings.ReplaceAll(body, "c=IN IP4 "+from.Addr().String(), "c=IN IP4 "+to.Addr().String())
		return strings.ReplaceAll(body, fmt.Sprintf("m=audio %d ", from.Port()), fmt.Sprintf("m=audio %d ", to.Port()))
	}
	d.edit = func(m *msg, _ *party) {
		m.body = relay(relay(m.body, s.alice.rtp, toBob), s.bob.rtp, toAlice)
	}
	c := d.connect()
	s.wait(20 * time.Millisecond)
	const length = 4 * time.Second
	begin := s.now
	for _, side := range []struct {
		name     string
		sender   *sender
		from, to [2]netip.AddrPort
	}{
		{"a", d.senderA, [2]netip.AddrPort{s.alice.rtp, toAlice}, [2]netip.AddrPort{toBob, s.bob.rtp}},
		{"b", d.senderB, [2]netip.AddrPort{s.bob.rtp, toBob}, [2]netip.AddrPort{toAlice, s.alice.rtp}},
	} {
		out := *side.sender // the same numbers, half a millisecond later
		s.at(begin)
		s.stream(d, side.name, side.sender, side.from[0], side.from[1], audio(pcmu, length))
		s.at(begin + 500)
		out.began = false
		s.stream(d, side.name, &out, side.to[0], side.to[1], audio(pcmu, length))
	}
	s.wait(length + 50*time.Millisecond)
	d.ended(c)
}

// spiral: the same INVITE passes a proxy twice, with another Request-URI the
// second time. One row.
func spiral(s *script) {
	app := s.party("app", "", "192.0.2.50", "feature-server/2.1")
	d := s.call(s.alice, s.bob)
	d.path = []*party{s.proxy, app, s.proxy}
	d.edit = func(m *msg, hop *party) {
		if hop == app && m.method == "INVITE" && m.status == 0 {
			to("sip:+442079460199@example.com")(m)
		}
	}
	c := d.connect()
	d.talk(3 * time.Second)
	d.ended(c)
}

// mirroredTwice: the same packets twice from the switch. One row,
// drops.mirrored counts the SIP copies; RTP copies are duplicates, for
// nothing in them tells who made them.
func mirroredTwice(s *script) {
	s.mirrored = true
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(3 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", retransmissions: count(0)})
}

package synth

import (
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// lostAck: the 200 is sent 11 times within 64 T1, the ACK never comes, BYE by
// the callee. Answered, retransmissions 10, flag ack_missing.
func lostAck(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	ringing := d.ring(inv)
	s.wait(time.Second)
	ok := d.reply(inv, 200, withSDP(s.bob.sdp(d.codecs...)))
	d.speak(4 * time.Second)
	n := s.times(ok, 4*time.Second)
	bye := d.hangup(s.bob)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "callee", retransmissions: count(n), flags: []string{"ack_missing"}})
}

// lostByeAnswer: BYE repeated, no 200. end_time of the first BYE,
// disconnect_ms NULL.
func lostByeAnswer(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(3 * time.Second)
	bye := d.request(s.alice, "BYE")
	n := s.times(bye, 4*time.Second)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", retransmissions: count(n)})
	s.pings(60 * time.Second)
}

// bye481: BYE answered 481. Ended at the BYE.
func bye481(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(3 * time.Second)
	bye := d.request(s.alice, "BYE")
	d.reply(bye, 481)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller"})
}

// byeCrossing: both send BYE. hangup_by of the earlier one.
func byeCrossing(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(3 * time.Second)
	byBob := d.request(s.bob, "BYE")
	byAlice := d.request(s.alice, "BYE")
	d.reply(byAlice, 200)
	d.reply(byBob, 200)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: byBob, by: "callee"})
}

// noBye: media stops, nothing more. The first call ended with its last media,
// once 60 s have passed without media and signalling: hangup_by NULL, flag
// no_bye. The second, without any media coverage, is open.
func noBye(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(5 * time.Second)
	blind := s.call(s.dave, s.carol)
	b := blind.connect()
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, endsWithMedia: true, flags: []string{"no_bye"}})
	s.row(blind, record.Open, row{start: b.invite, ring: b.ringing, answer: b.ok})
	s.pings(240 * time.Second)
}

// outOfOrder: the 180 was captured 3 ms before the INVITE, within the skew
// window. As if in order.
func outOfOrder(s *script) {
	d := s.call(s.alice, s.bob)
	s.wait(100 * time.Millisecond)
	inv := d.invite()
	s.at(inv.at - 3000)
	d.reply(inv, 180)
	s.at(inv.at + 1_500_000)
	ok := d.reply(inv, 200, withSDP(s.bob.sdp(d.codecs...)))
	d.ack(inv, ok)
	d.talk(3 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: inv, answer: ok, end: bye, by: "caller"})
}

// midCallStart: the capture begins in the call: in-dialog messages and BYE
// only. One row, flag truncated, start_time NULL, quality of what was seen.
// Who called whom cannot be seen, so hangup_by is NULL too.
func midCallStart(s *script) {
	d := s.call(s.alice, s.bob)
	d.connect()
	d.speak(8 * time.Second)
	s.wait(4 * time.Second)
	s.r.from = s.now
	s.wait(500 * time.Millisecond)
	d.reinvite(s.alice, s.alice.sdp(d.codecs...), s.bob.sdp(d.codecs...)) // a session refresh
	s.wait(3500 * time.Millisecond)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{end: bye, flags: []string{"truncated"}})
}

// midCallEnd: the capture ends in the call. State open.
func midCallEnd(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.speak(8 * time.Second)
	s.wait(5 * time.Second)
	s.r.until = s.now
	s.wait(4 * time.Second)
	d.hangup(s.alice)
	s.row(d, record.Open, row{start: c.invite, ring: c.ringing, answer: c.ok})
}

// transportSwitch: INVITE over UDP, BYE over TCP. One row.
func transportSwitch(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(3 * time.Second)
	d.transport = packet.TCP
	d.ended(c)
}

package synth

import (
	"net/netip"
	"time"
)

// spoken is a call of 20 s in which the caller sends these parts and the
// callee talks all the time.
func (s *script) spoken(d *dialog, c setup, parts []part, flags ...string) (a, b *flow) {
	const length = 20 * time.Second
	s.wait(20 * time.Millisecond)
	if len(parts) > 0 {
		a = s.stream(d, "a", d.senderA, s.alice.rtp, s.bob.rtp, parts...)
	}
	b = s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, length))
	s.reports(a, b, next(s.alice.rtp), next(s.bob.rtp), length)
	s.wait(length + 30*time.Millisecond)
	d.ended(c, flags...)
	return a, b
}

// mediaStopsEarly: the caller's media stops 10 s before the BYE. No sequence
// number is missing, and yet half of the call is lost.
func mediaStopsEarly(s *script) {
	d := s.call(s.alice, s.bob)
	s.spoken(d, d.connect(), []part{audio(pcmu, 10*time.Second)})
}

// oneWayMedia: the caller sends nothing at all, and reports what it hears.
// Flag one_way_audio.
func oneWayMedia(s *script) {
	d := s.call(s.alice, s.bob)
	s.spoken(d, d.connect(), nil, "one_way_audio")
}

// mediaHole: the network loses five seconds of the caller's media.
func mediaHole(s *script) {
	d := s.call(s.alice, s.bob)
	s.spoken(d, d.connect(), []part{
		audio(pcmu, 8*time.Second), {kind: pausePart, silence: 5 * time.Second, missing: 250}, audio(pcmu, 7*time.Second),
	})
}

// mediaPause: the caller's sender hangs for five seconds and goes on where it
// was: nothing was said to be silent.
func mediaPause(s *script) {
	d := s.call(s.alice, s.bob)
	s.spoken(d, d.connect(), []part{
		audio(pcmu, 8*time.Second), {kind: pausePart, silence: 5 * time.Second, stopped: true}, audio(pcmu, 7*time.Second),
	})
}

// lateTalk: the caller's media begins six seconds after the answer.
func lateTalk(s *script) {
	d := s.call(s.alice, s.bob)
	s.spoken(d, d.connect(), []part{{kind: pausePart, silence: 6 * time.Second, marked: true}, audio(pcmu, 14*time.Second)})
}

// impairedTalk is a call whose media passes a network.
func impairedTalk(i Impairment) func(*script) {
	return func(s *script) {
		d := s.call(s.alice, s.bob)
		a, b := s.spoken(d, d.connect(), []part{audio(pcmu, 20*time.Second)})
		a.impaired, b.impaired = i, i
	}
}

var stranger = netip.MustParseAddrPort("198.51.100.99:40000")

// rtpFromStranger: the caller's media comes from a host that neither SDP nor
// signalling named.
func rtpFromStranger(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	s.wait(20 * time.Millisecond)
	const length = 20 * time.Second
	a := s.stream(d, "a", d.senderA, stranger, s.bob.rtp, audio(pcmu, length)).matched("nat")
	b := s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, length))
	s.reports(a, b, next(s.alice.rtp), next(s.bob.rtp), length)
	s.rtcp[len(s.rtcp)-2].src = next(stranger) // the callee's go where SDP says
	s.wait(length + 30*time.Millisecond)
	d.ended(c, "source_mismatch")
}

// foreignStream: somebody sends a stream of his own to the caller's port while
// the callee's arrives there. Flag foreign_stream; it is nobody's in the call.
func foreignStream(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	s.wait(6 * time.Second)
	s.stream(d, "b", s.newSender(s.dave), stranger, s.alice.rtp, audio(pcmu, 3*time.Second)).matched("nat")
	s.wait(-6 * time.Second)
	s.spoken(d, c, []part{audio(pcmu, 20*time.Second)}, "foreign_stream")
}

// ssrcChange: the caller's SSRC changes after 15 s, as where a gateway puts
// another source in.
func ssrcChange(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	s.wait(15*time.Second + 20*time.Millisecond)
	s.stream(d, "a", s.newSender(s.alice), s.alice.rtp, s.bob.rtp, audio(pcmu, 5*time.Second))
	s.wait(-15*time.Second - 20*time.Millisecond)
	s.spoken(d, c, []part{audio(pcmu, 15*time.Second)}, "ssrc_change")
}

// dtx: the caller's phone sends nothing while its user is silent. Sequence
// numbers stand, the timestamp goes on; the marker of a talkspurt may be
// missing.
func dtx(marked bool) func(*script) {
	return func(s *script) {
		d := s.call(s.alice, s.bob)
		pause := part{kind: pausePart, silence: 3 * time.Second, marked: marked}
		s.spoken(d, d.connect(), []part{
			audio(pcmu, 4*time.Second), pause, audio(pcmu, 4*time.Second), pause, audio(pcmu, 6*time.Second),
		})
	}
}

// clockDrift: the caller's clock is 500 ppm fast.
func clockDrift(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	s.wait(20 * time.Millisecond)
	const length = 21 * time.Second
	a := s.stream(d, "a", d.senderA, s.alice.rtp, s.bob.rtp, audio(pcmu, length))
	a.impaired.DriftPpm = 500
	b := s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, length))
	s.reports(a, b, next(s.alice.rtp), next(s.bob.rtp), length)
	s.wait(length)
	d.ended(c)
}

// timestampJumps: the caller's timestamp is set anew again and again, by less
// than ten seconds, as where a gateway puts announcements in; its sequence
// numbers go on, and so does the time.
func timestampJumps(s *script) {
	d := s.call(s.alice, s.bob)
	var parts []part
	for _, ms := range []int32{-9000, 7500, 300, -250, 1000, -4000, 120, -3000, 5000} {
		parts = append(parts, audio(pcmu, 2*time.Second), part{kind: pausePart, jump: uint32(8 * ms)})
	}
	s.spoken(d, d.connect(), append(parts, audio(pcmu, 2*time.Second)))
}

// sequenceRestart: the caller's sequence numbers and timestamp start anew in
// the middle, as where another box takes over with the same SSRC.
func sequenceRestart(s *script) {
	d := s.call(s.alice, s.bob)
	s.spoken(d, d.connect(), []part{
		audio(pcmu, 10*time.Second), {kind: pausePart, jump: 1 << 30, restart: 20_000}, audio(pcmu, 10*time.Second),
	})
}

// timestampRestart: the caller's timestamp starts anew in the middle; its
// sequence numbers go on, and so does the time.
func timestampRestart(s *script) {
	d := s.call(s.alice, s.bob)
	s.spoken(d, d.connect(), []part{
		audio(pcmu, 10*time.Second), {kind: pausePart, jump: 1 << 30}, audio(pcmu, 10*time.Second),
	})
}

package synth

import "time"

// spoke is a call of 20 s in which each side sends these parts, in the codecs
// that are announced.
func (s *script) spoke(codecs []codec, a, b []part, flags ...string) {
	d := s.call(s.alice, s.bob)
	d.codecs = codecs
	c := d.connect()
	const length = 20 * time.Second
	s.wait(20 * time.Millisecond)
	fa := s.stream(d, "a", d.senderA, s.alice.rtp, s.bob.rtp, a...)
	fb := s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, b...)
	s.reports(fa, fb, next(s.alice.rtp), next(s.bob.rtp), length)
	s.wait(length + 30*time.Millisecond)
	d.ended(c, flags...)
}

// silentAudio: the caller's packets come on time and carry nothing, as where
// a microphone is dead. Flag silent_audio, where the sound is decoded.
func silentAudio(c codec) func(*script) {
	return func(s *script) {
		s.spoke([]codec{c, pcmu}, []part{heard(c, 20*time.Second, hush)}, []part{heard(pcmu, 20*time.Second, tone(300, -26))})
	}
}

// toneLevel: a tone at -20 dBov with pauses in mu-law from the caller, one at
// -40 dBov in A-law from the callee.
func toneLevel(s *script) {
	s.spoke([]codec{pcmu, pcma}, []part{
		heard(pcmu, 8*time.Second, tone(1004, -20)), heard(pcmu, 5*time.Second, hush), heard(pcmu, 7*time.Second, tone(1004, -20)),
	}, []part{heard(pcma, 20*time.Second, tone(404, -40))})
}

// clippedAudio: a quarter of what the caller sends is 12 dB too loud for its
// codec; the callee is as loud as can be without.
func clippedAudio(s *script) {
	s.spoke([]codec{pcma}, []part{
		heard(pcma, 15*time.Second, tone(440, -20)), heard(pcma, 5*time.Second, tone(440, 9)),
	}, []part{heard(pcma, 20*time.Second, tone(440, -4))})
}

// silentOnHold: the callee holds for most of the call, and the caller's
// silence is all of that time and little more. No flag silent_audio.
func silentOnHold(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	const talk, hold = 2 * time.Second, 16 * time.Second
	s.wait(20 * time.Millisecond)
	s.stream(d, "a", d.senderA, s.alice.rtp, s.bob.rtp, heard(pcmu, talk+hold+talk, hush))
	s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, heard(pcmu, talk, tone(300, -26)))
	s.wait(talk)
	d.reinvite(s.bob, s.bob.sdp(d.codecs...).direction("sendonly"), s.alice.sdp(d.codecs...).direction("recvonly"))
	s.wait(hold)
	d.reinvite(s.bob, s.bob.sdp(d.codecs...), s.alice.sdp(d.codecs...))
	s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, heard(pcmu, talk, tone(300, -26)))
	s.wait(talk)
	d.ended(c, "on_hold")
}

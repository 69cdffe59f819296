package synth

import (
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// refused is a call that rings, or not, and ends with a final failure. The
// ACK to it is no second call.
func refused(status int, state record.State, rings bool, mods ...mod) func(*script) {
	return func(s *script) {
		d := s.call(s.alice, s.bob)
		inv := d.invite()
		d.trying(inv)
		s.wait(150 * time.Millisecond)
		w := row{start: inv, invites: count(1)}
		if rings {
			w.ring = d.reply(inv, 180)
			s.wait(2 * time.Second)
		}
		w.final = d.refuse(inv, status, mods...)
		w.end = w.final
		s.row(d, state, w)
		s.pings(60 * time.Second)
	}
}

// times sends m again after each of the waits that RFC 3261's timers give:
// T1 doubling, up to most, as long as the time since the first one is below
// 64 T1 = 32 s.
func (s *script) times(m *msg, most time.Duration) (repeats int) {
	const t1 = 500 * time.Millisecond
	begin := m.at
	at, gap := time.Duration(0), t1
	for at+gap < 64*t1 {
		at += gap
		gap = min(2*gap, most)
		s.at(begin + inMicros(at))
		s.again(m)
		repeats++
	}
	s.at(begin + inMicros(64*t1))
	return repeats
}

// noAnswerAtAll: INVITE sent 7 times over UDP (Timer A doubles), nothing
// back. State timeout, retransmissions 6, end_time = first INVITE + 64 T1.
func noAnswerAtAll(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	n := s.times(inv, time.Hour)
	s.row(d, record.Timeout, row{start: inv, endAt: inv.at + inMicros(32*time.Second), retransmissions: count(n), invites: count(1)})
	s.pings(60 * time.Second)
}

// tryingOnly: 100, then nothing. State timeout at Timer C, 180 s after the
// last provisional.
func tryingOnly(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	trying := d.trying(inv)
	s.row(d, record.Timeout, row{start: inv, endAt: trying.at + inMicros(180*time.Second)})
	s.pings(260 * time.Second)
}

// cancelled: CANCEL 200, 487, ACK. State cancelled by the caller, end_time of
// the 487.
func cancelled(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	ringing := d.ring(inv)
	s.wait(4 * time.Second)
	cancel := d.cancel(inv)
	d.reply(cancel, 200)
	final := d.refuse(inv, 487)
	s.row(d, record.Cancelled, row{start: inv, ring: ringing, end: final, final: final, by: "caller"})
	s.pings(60 * time.Second)
}

// cancelRace: CANCEL crosses the 200; the caller ACKs and BYEs. Answered,
// duration near 0, flag cancel_race.
func cancelRace(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	ringing := d.ring(inv)
	s.wait(3 * time.Second)
	cancel := d.cancel(inv)
	ok := d.reply(inv, 200, withSDP(s.bob.sdp(d.codecs...)))
	d.reply(cancel, 200)
	d.ack(inv, ok)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller", flags: []string{"cancel_race"}})
	s.pings(60 * time.Second)
}

// cancelUnfinished: CANCEL 200, no 487 seen. Cancelled, final_status NULL,
// end_time of the CANCEL.
func cancelUnfinished(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	ringing := d.ring(inv)
	s.wait(3 * time.Second)
	cancel := d.cancel(inv)
	d.reply(cancel, 200)
	s.row(d, record.Cancelled, row{start: inv, ring: ringing, end: cancel, by: "caller"})
	s.pings(260 * time.Second)
}

// announcementThen4xx: 183 with media, then 404. Rejected, early media metered.
func announcementThen4xx(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	d.trying(inv)
	s.wait(200 * time.Millisecond)
	progress := d.reply(inv, 183, withSDP(s.bob.sdp(d.codecs...)))
	s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, 5*time.Second))
	s.wait(5 * time.Second)
	final := d.refuse(inv, 404, with("Reason", `Q.850;cause=1;text="Unallocated (unassigned) number"`))
	s.row(d, record.Rejected, row{start: inv, ring: progress, end: final, final: final, q850: cause(1), flags: []string{"early_media"}})
	s.pings(60 * time.Second)
}

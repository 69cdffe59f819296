package synth

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// Bridges are the ways in which a load goes through a back-to-back user agent,
// by what its second leg has in common with the first one beside numbers and
// time: a header that names the first leg, the SSRCs of its media, nothing.
func Bridges() []string { return []string{"header", "media", "numbers"} }

func checkBridge(how string) error {
	if how != "" && !slices.Contains(Bridges(), how) {
		return fmt.Errorf("bridge %q is not known: give %s", how, strings.Join(Bridges(), ", "))
	}
	return nil
}

// boxes are how many back-to-back user agents a load has.
const boxes = 4

// bridged is a call of a load through a box: two legs with Call-IDs of their
// own. Of ten calls eight are answered, one finds its callee busy, one is given
// up.
func (l *arrivals) bridged(s *script, a, b *party, slot int) {
	box := l.network(0, byte(100+slot%boxes))
	sbc := s.party("sbc", "", box.String(), "Oracle SBC")
	front := func(p *party, side int) *party {
		f := s.front(p, sbc)
		// Ports to each of many addresses: a box has more than one on the media side.
		f.rtp = netip.AddrPortFrom(box, uint16(10000+4*(slot/boxes)+2*side))
		return f
	}
	in, out := s.call(a, front(b, 0)), s.call(front(a, 1), b)
	in.codecs = []codec{l.codec, telephoneEvent}
	out.codecs = in.codecs
	random := func(from, to time.Duration) time.Duration { return from + time.Duration(s.rng.Int64N(int64(to-from))) }

	inv := in.invite()
	in.trying(inv)
	s.wait(random(2*time.Millisecond, 60*time.Millisecond))
	var mods []mod
	if l.options.Bridge == "header" {
		mods = append(mods, with("X-CID", in.callID))
	}
	outInv := out.invite(mods...)
	out.trying(outInv)
	s.wait(random(80*time.Millisecond, 600*time.Millisecond))
	end := s.rng.IntN(10)
	if end == 0 {
		outFinal := out.refuse(outInv, 486)
		final := in.refuse(inv, 486)
		s.row(in, record.Busy, row{start: inv, end: final, final: final})
		s.row(out, record.Busy, row{start: outInv, end: outFinal, final: outFinal, session: in})
		return
	}
	outRinging := out.reply(outInv, 180)
	ringing := in.reply(inv, 180)
	s.wait(random(300*time.Millisecond, 4*time.Second))
	if end == 1 {
		in.reply(in.cancel(inv), 200)
		out.reply(out.cancel(outInv), 200)
		outFinal := out.refuse(outInv, 487)
		final := in.refuse(inv, 487)
		s.row(in, record.Cancelled, row{start: inv, ring: ringing, end: final, final: final, by: "caller"})
		s.row(out, record.Cancelled, row{start: outInv, ring: outRinging, end: outFinal, final: outFinal, by: "caller", session: in})
		return
	}
	outOK := out.reply(outInv, 200, withSDP(out.b.sdp(out.codecs...)))
	out.ack(outInv, outOK)
	ok := in.reply(inv, 200, withSDP(in.b.sdp(in.codecs...)))
	in.ack(inv, ok)
	s.wait(10 * time.Millisecond)
	if length := time.Duration(l.options.Seconds * float64(time.Second)).Truncate(l.codec.ptime); length > 0 {
		if l.options.Bridge == "media" { // as they came in
			*out.senderA, *out.senderB = *in.senderA, *in.senderB
		}
		through(in, out, length)
		s.wait(length + 20*time.Millisecond)
	}
	by, caller := in.a, "caller"
	outBy := out.a
	if s.rng.IntN(2) == 0 {
		by, caller, outBy = in.b, "callee", out.b
	}
	bye, outBye := in.hangup(by), out.hangup(outBy)
	s.row(in, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: caller})
	s.row(out, record.Answered, row{start: outInv, ring: outRinging, answer: outOK, end: outBye, by: caller, session: in})
}

// through lets both sides speak from the clock on, which moves by the millisecond
// that the box takes: the caller is heard on leg `in` first, the callee on leg `out`.
func through(in, out *dialog, length time.Duration) {
	s := in.s
	inA := s.stream(in, "a", in.senderA, in.a.rtp, in.b.rtp, audio(in.codecs[0], length))
	outB := s.stream(out, "b", out.senderB, out.b.rtp, out.a.rtp, audio(out.codecs[0], length))
	s.wait(time.Millisecond)
	outA := s.stream(out, "a", out.senderA, out.a.rtp, out.b.rtp, audio(out.codecs[0], length))
	inB := s.stream(in, "b", in.senderB, in.b.rtp, in.a.rtp, audio(in.codecs[0], length))
	outA.behindBox, inB.behindBox = true, true
	s.reports(inA, inB, next(in.a.rtp), next(in.b.rtp), length)
	s.reports(outA, outB, next(out.a.rtp), next(out.b.rtp), length)
}

package synth

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// holdResume: re-INVITE sendonly, later sendrecv; then the callee holds in the
// old way, c=0.0.0.0 and inactive. Flag on_hold; the silence is neither loss
// nor one_way_audio.
func holdResume(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(2 * time.Second)
	d.reinvite(s.alice, s.alice.sdp(d.codecs...).direction("sendonly"), s.bob.sdp(d.codecs...).direction("recvonly"))
	s.wait(4 * time.Second)
	d.reinvite(s.alice, s.alice.sdp(d.codecs...), s.bob.sdp(d.codecs...))
	d.talk(2 * time.Second)
	held := s.bob.sdp(d.codecs...).direction("inactive")
	held.conn = netip.IPv4Unspecified()
	d.reinvite(s.bob, held, s.alice.sdp(d.codecs...).direction("inactive"))
	s.wait(3 * time.Second)
	d.reinvite(s.bob, s.bob.sdp(d.codecs...), s.alice.sdp(d.codecs...))
	d.talk(2 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", invites: count(5), flags: []string{"on_hold"}})
}

// movedMedia: re-INVITE with another port of one side, then with another
// address of the other. One call, several streams a direction.
func movedMedia(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(2 * time.Second)
	s.alice.rtp = s.front(s.alice, s.alice).rtp
	d.senderA = s.newSender(s.alice)
	d.reinvite(s.alice, s.alice.sdp(d.codecs...), s.bob.sdp(d.codecs...))
	d.talk(2 * time.Second)
	s.bob.rtp = netip.MustParseAddrPort("203.0.113.44:20040")
	d.senderB = s.newSender(s.bob)
	d.reinvite(s.bob, s.bob.sdp(d.codecs...), s.alice.sdp(d.codecs...))
	d.talk(2 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", invites: count(3)})
}

// glare: crossing re-INVITEs, each answered 491, and a retry of each side
// (RFC 3261 14.1). invites counts all, no failure.
func glare(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.speak(8 * time.Second)
	s.wait(2 * time.Second)
	byAlice := d.request(s.alice, "INVITE", withSDP(s.alice.sdp(d.codecs...)))
	byBob := d.request(s.bob, "INVITE", withSDP(s.bob.sdp(d.codecs...)))
	crossed := d.reply(byAlice, 491)
	crossedToo := d.reply(byBob, 491)
	d.ack(byAlice, crossed)
	d.ack(byBob, crossedToo)
	s.wait(1200 * time.Millisecond) // bob waits 0 to 2 s, alice, who owns the Call-ID, 2.1 to 4 s
	d.reinvite(s.bob, s.bob.sdp(d.codecs...), s.alice.sdp(d.codecs...))
	s.wait(1500 * time.Millisecond)
	d.reinvite(s.alice, s.alice.sdp(d.codecs...), s.bob.sdp(d.codecs...))
	s.wait(3500 * time.Millisecond)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", invites: count(5)})
}

// slow is G.729 with 60 ms in a packet: for calls that must last long and
// stay small.
var slow = codec{name: "G729", pt: 18, rtpmap: "G729/8000", clock: 8000, ptime: 60 * time.Millisecond, size: 60, fmtp: "annexb=no"}

// sessionTimer: 422 with Min-SE, refreshing UPDATEs, then silence (RFC 4028).
// The first call has media: it ended with the last of it. The second has
// none: it ended at the last refresh + 90 s. hangup_by network, flag no_bye.
func sessionTimer(s *script) {
	begin := s.now
	for _, media := range []bool{true, false} {
		s.at(begin)
		d := s.call(s.alice, s.bob)
		if !media {
			d = s.call(s.dave, s.carol)
		}
		d.codecs = []codec{slow, telephoneEvent}
		first := d.invite(with("Session-Expires", "60"), with("Min-SE", "60"))
		small := d.reply(first, 422, with("Min-SE", "90"), s.otherTag())
		d.ack(first, small)
		inv := d.retry(with("Session-Expires", "90;refresher=uac"), with("Min-SE", "90"))
		ringing := d.ring(inv)
		s.wait(time.Second)
		timer := []mod{with("Require", "timer"), with("Session-Expires", "90;refresher=uac")}
		ok := d.reply(inv, 200, append(timer, withSDP(d.b.sdp(d.codecs...)))...)
		d.ack(inv, ok)
		w := row{start: first, ring: ringing, answer: ok, by: "network", flags: []string{"no_bye"}, endsWithMedia: media}
		if media {
			s.wait(20 * time.Millisecond)
			d.speak(102 * time.Second)
		}
		for range 2 {
			s.wait(45 * time.Second)
			update := d.request(d.a, "UPDATE", with("Session-Expires", "90;refresher=uac"), with("Min-SE", "90"))
			refreshed := d.reply(update, 200, timer...)
			if !media {
				w.endAt = refreshed.at + inMicros(90*time.Second)
			}
		}
		s.row(d, record.Answered, w)
	}
	s.pings(400 * time.Second)
}

// codecChange: the payload type changes in mid-stream, both in SDP. Flag
// codec_change.
func codecChange(s *script) {
	d := s.call(s.alice, s.bob)
	d.codecs = []codec{pcmu, g729, telephoneEvent}
	c := d.connect()
	s.wait(20 * time.Millisecond)
	a := s.stream(d, "a", d.senderA, s.alice.rtp, s.bob.rtp, audio(pcmu, 4*time.Second), audio(g729, 6*time.Second))
	b := s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, 10*time.Second))
	s.reports(a, b, next(s.alice.rtp), next(s.bob.rtp), 10*time.Second)
	s.wait(10 * time.Second)
	d.ended(c, "codec_change")
}

// faxed is p's SDP for T.38 over UDPTL.
func (p *party) faxed() *sdp {
	x := p.sdp()
	x.media = []mediaLine{{kind: "image", port: p.rtp.Port(), proto: "udptl", format: "t38", attrs: []string{
		"T38FaxVersion:0", "T38MaxBitRate:14400", "T38FaxRateManagement:transferredTCF", "T38FaxMaxBuffer:260",
		"T38FaxMaxDatagram:180", "T38FaxUdpEC:t38UDPRedundancy",
	}}}
	return x
}

// t38: re-INVITE to image udptl. Flag t38, no voice MOS for that time.
func t38(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(3 * time.Second)
	d.reinvite(s.bob, s.bob.faxed(), s.alice.faxed())
	for i := range 150 { // T.38 9.1: number, primary packet, no redundancy
		from, to := s.alice.rtp, s.bob.rtp
		body := []byte{0, byte(i), 1, 0x06, 0, 0} // T30 indicator: V.21 preamble and the like
		if i%3 == 0 {
			from, to = to, from
			body[3] = 0x02
		}
		s.datagram(emission{src: from, dst: to, dscp: 46, callID: d.callID, payload: body})
		s.wait(30 * time.Millisecond)
	}
	d.ended(c, "t38")
}

// video: m=audio and m=video. Streams of both, voice MOS from audio only. The
// network loses 800 ms of the caller's picture, and the callee's camera hangs
// twice: once for 600 ms, and once too short for a freeze.
func video(s *script) {
	d := s.call(s.alice, s.bob)
	lens := map[*party]netip.AddrPort{s.alice: next(next(s.alice.rtp)), s.bob: next(next(s.bob.rtp))}
	both := func(p *party) *sdp {
		x := p.sdp(d.codecs...)
		x.media = append(x.media, mediaLine{kind: "video", port: lens[p].Port(), proto: "RTP/AVP", codecs: []codec{vp8}, dir: "sendrecv"})
		return x
	}
	inv := d.request(s.alice, "INVITE", withSDP(both(s.alice)))
	ringing := d.ring(inv)
	s.wait(time.Second)
	ok := d.reply(inv, 200, withSDP(both(s.bob)))
	d.ack(inv, ok)
	const length = 4 * time.Second
	s.wait(20 * time.Millisecond)
	d.speak(length)
	frames := func(n int) part { return part{kind: videoPart, codec: vp8, packets: n, perFrame: 2} }
	hang := func(ms time.Duration) part { return part{kind: pausePart, silence: ms * time.Millisecond} }
	a := s.stream(d, "a", s.newSender(s.alice), lens[s.alice], lens[s.bob],
		frames(20), part{kind: pausePart, silence: 800 * time.Millisecond, missing: 16}, frames(12))
	b := s.stream(d, "b", s.newSender(s.bob), lens[s.bob], lens[s.alice], frames(15), hang(600), frames(10), hang(150), frames(7))
	s.reports(a, b, next(lens[s.alice]), next(lens[s.bob]), length)
	s.wait(length + 30*time.Millisecond)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller", flags: []string{"video"}})
}

// failedReinvite: re-INVITE answered 488. The call goes on with the old media.
func failedReinvite(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(2 * time.Second)
	offer := s.alice.sdp(g722, telephoneEvent)
	offer.media[0].port += 10
	inv := d.request(s.alice, "INVITE", withSDP(offer))
	d.refuse(inv, 488)
	d.talk(3 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", invites: count(2)})
}

// holdMusic: on hold, media from a third host. on_hold; the music is a stream
// of the call, not an intruder.
func holdMusic(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(2 * time.Second)
	music := s.party("music", "", "192.0.2.77", "Asterisk PBX 20.5.0")
	offer := s.bob.sdp(d.codecs...).direction("sendonly")
	offer.conn, offer.media[0].port = music.rtp.Addr(), music.rtp.Port()
	d.reinvite(s.bob, offer, s.alice.sdp(d.codecs...).direction("recvonly"))
	s.stream(d, "b", s.newSender(music), music.rtp, s.alice.rtp, audio(pcmu, 4*time.Second))
	s.wait(4 * time.Second)
	d.reinvite(s.bob, s.bob.sdp(d.codecs...), s.alice.sdp(d.codecs...))
	d.talk(2 * time.Second)
	d.ended(c, "on_hold")
}

// directMedia: after the answer a re-INVITE moves the media past the
// monitored box. media_seen of what was covered; no silence alarm for what
// nobody could see.
func directMedia(s *script) {
	phone, box := s.bob, s.front(s.bob, s.sbc)
	d := s.call(s.alice, box)
	c := d.connect()
	d.talk(3 * time.Second)
	box.told = phone.rtp
	d.reinvite(box, box.sdp(d.codecs...), s.alice.sdp(d.codecs...))
	s.wait(12 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", mediaSeen: "both", unseen: true})
	s.pings(30 * time.Second)
}

// dtmfRTP: RFC 4733 events within the audio stream, and comfort noise.
// Counted; digits are not stored.
func dtmfRTP(s *script) {
	d := s.call(s.alice, s.bob)
	d.codecs = []codec{pcmu, comfortNoise, telephoneEvent}
	c := d.connect()
	s.wait(20 * time.Millisecond)
	pause := audio(pcmu, 300*time.Millisecond)
	a := s.stream(d, "a", d.senderA, s.alice.rtp, s.bob.rtp, audio(pcmu, time.Second),
		digit(4), pause, digit(2), pause, digit(2), pause, digit(11), audio(pcmu, time.Second))
	b := s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, time.Second), noise(800*time.Millisecond),
		audio(pcmu, time.Second), noise(400*time.Millisecond), audio(pcmu, 500*time.Millisecond))
	length := 4 * time.Second
	s.reports(a, b, next(s.alice.rtp), next(s.bob.rtp), length)
	s.wait(length)
	d.ended(c, "dtmf")
}

// dtmfInfo: digits in INFO. Counted; scrubbed from messages.
func dtmfInfo(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.speak(4 * time.Second)
	s.wait(time.Second)
	for _, key := range []string{"4", "2", "2", "#"} {
		info := d.request(s.alice, "INFO", withBody("application/dtmf-relay", fmt.Sprintf("Signal=%s\r\nDuration=160\r\n", key)))
		d.reply(info, 200)
		s.wait(400 * time.Millisecond)
	}
	s.wait(1500 * time.Millisecond)
	d.ended(c, "dtmf")
}

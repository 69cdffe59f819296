package synth

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// answered: INVITE 100 180 200 ACK BYE 200. One row with ring, answer and end
// times; hangup_by is who sent BYE.
func answered(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	d.talk(6 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", challenges: count(0), mediaSeen: "both"})
}

// answeredNoRinging: INVITE 200 ACK BYE. ring_time and pdd_ms are NULL, srd_ms
// and setup_ms go to the 200.
func answeredNoRinging(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	s.wait(90 * time.Millisecond)
	ok := d.reply(inv, 200, withSDP(s.bob.sdp(d.codecs...)))
	d.ack(inv, ok)
	d.talk(4 * time.Second)
	bye := d.hangup(s.bob)
	s.row(d, record.Answered, row{start: inv, answer: ok, end: bye, by: "callee"})
}

// earlyMedia: 183 with SDP, media, 180, 200. Flag early_media; that media is
// metered and not in duration_ms; ring_time is the 180.
func earlyMedia(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	d.trying(inv)
	s.wait(300 * time.Millisecond)
	d.reply(inv, 183, withSDP(s.bob.sdp(d.codecs...)))
	s.wait(20 * time.Millisecond)
	// A gateway sends from the 183 to the BYE as one stream.
	s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, 7*time.Second))
	s.wait(time.Second)
	ringing := d.reply(inv, 180)
	s.wait(2 * time.Second)
	ok := d.reply(inv, 200, withSDP(s.bob.sdp(d.codecs...)))
	d.ack(inv, ok)
	s.stream(d, "a", d.senderA, s.alice.rtp, s.bob.rtp, audio(pcmu, 4*time.Second))
	s.wait(4 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller", flags: []string{"early_media"}})
}

// challenge is what the server asks (RFC 3261 22, RFC 8760).
func challenge(nonce string, stale bool) string {
	c := fmt.Sprintf(`Digest realm="example.com", nonce="%s", algorithm=MD5, qop="auth"`, nonce)
	if stale {
		c += ", stale=true"
	}
	return c
}

// digest answers a challenge as user 12025550142 with the password "secret".
func (s *script) digest(nonce, uri string) string {
	sum := func(parts ...string) string {
		h := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h[:])
	}
	cnonce := s.hex(4)
	response := sum(sum("12025550142", "example.com", "secret"), nonce, "00000001", cnonce, "auth", sum("INVITE", uri))
	return fmt.Sprintf(`Digest username="12025550142", realm="example.com", nonce="%s", uri="%s", response="%s", algorithm=MD5, cnonce="%s", qop=auth, nc=00000001`,
		nonce, uri, response, cnonce)
}

// otherTag gives a response a To tag of its own: the server that challenges
// is not the one that answers.
func (s *script) otherTag() mod {
	tag := s.hex(5)
	return func(m *msg) {
		name, _, _ := strings.Cut(m.get("To"), ";tag=")
		m.set("To", name+";tag="+tag)
	}
}

// challenged: 407, then INVITE with credentials. One row, challenges 1,
// start_time and pdd_ms from the first INVITE.
func challenged(s *script) { s.challengedTimes(1) }

// staleNonce: two challenges, then success. One row, challenges 2.
func staleNonce(s *script) { s.challengedTimes(2) }

func (s *script) challengedTimes(n int) {
	d := s.call(s.alice, s.bob)
	first := d.invite()
	inv := first
	for i := range n {
		nonce := s.hex(12)
		refused := d.reply(inv, 407, with("Proxy-Authenticate", challenge(nonce, i > 0)), s.otherTag())
		d.ack(inv, refused)
		d.credentials = "Proxy-Authorization: " + s.digest(nonce, s.bob.uri())
		inv = d.retry()
	}
	d.credentials = ""
	d.trying(inv)
	s.wait(300 * time.Millisecond)
	ringing := d.reply(inv, 180)
	s.wait(1500 * time.Millisecond)
	ok := d.reply(inv, 200, withSDP(s.bob.sdp(d.codecs...)))
	d.ack(inv, ok)
	d.talk(4 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: first, ring: ringing, answer: ok, end: bye, by: "caller", challenges: count(n)})
}

// challengeUnanswered: 401 or 407 and nothing more, one call each. State
// unauthenticated, final_status 401 and 407.
func challengeUnanswered(s *script) {
	for _, status := range []int{407, 401} {
		d := s.call(s.alice, s.bob)
		inv := d.invite()
		name := "Proxy-Authenticate"
		if status == 401 {
			name = "WWW-Authenticate"
		}
		refused := d.refuse(inv, status, with(name, challenge(s.hex(12), false)))
		s.row(d, record.Unauthenticated, row{start: inv, end: refused, final: refused, challenges: count(1)})
		s.wait(time.Second)
	}
	s.pings(60 * time.Second)
}

// redirected: 302, new INVITE with the same Call-ID to another target: one
// row, one more attempt. A second call whose 302 nobody follows: redirected.
func redirected(s *script) {
	moved := fmt.Sprintf("<%s>", s.carol.contactURI())
	d := s.call(s.alice, s.bob)
	first := d.invite()
	d.refuse(first, 302, with("Contact", moved), s.otherTag())
	d.callee, d.b, d.senderB = s.bob, s.carol, s.newSender(s.carol)
	inv := d.retry(to(s.carol.contactURI()), with("Diversion", fmt.Sprintf("<%s>;reason=unconditional;counter=1", s.bob.uri())))
	ringing := d.ring(inv)
	s.wait(time.Second)
	ok := d.reply(inv, 200, withSDP(s.carol.sdp(d.codecs...)))
	d.ack(inv, ok)
	d.talk(3 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: first, ring: ringing, answer: ok, end: bye, by: "caller", attempts: count(2), diverted: s.bob.user})

	left := s.call(s.dave, s.bob)
	inv = left.invite()
	gone := left.refuse(inv, 302, with("Contact", moved))
	s.row(left, record.Redirected, row{start: inv, end: gone, final: gone})
	s.pings(60 * time.Second)
}

// delayedOffer: INVITE without SDP, offer in the 200, answer in the ACK.
func delayedOffer(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.request(s.alice, "INVITE")
	ringing := d.ring(inv)
	s.wait(time.Second)
	ok := d.reply(inv, 200, withSDP(s.bob.sdp(pcmu, pcma, telephoneEvent)))
	d.ack(inv, ok, withSDP(s.alice.sdp(d.codecs...)))
	d.talk(4 * time.Second)
	bye := d.hangup(s.bob)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "callee"})
}

// prack sends the PRACK for a reliable provisional and its 200 (RFC 3262).
func (d *dialog) prack(inv, provisional *msg, mods ...mod) *msg {
	rack := fmt.Sprintf("%s %d INVITE", provisional.get("RSeq"), inv.cseq())
	m := d.request(d.a, "PRACK", append([]mod{with("RAck", rack)}, mods...)...)
	d.reply(m, 200)
	return m
}

func reliable(rseq int) mod {
	return func(m *msg) {
		with("Require", "100rel")(m)
		with("RSeq", fmt.Sprint(rseq))(m)
	}
}

// pracked: 183 that requires 100rel with the offer, PRACK with the answer,
// 200 without SDP. PRACK is signalling of the call; its SDP is honoured.
func pracked(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.request(s.alice, "INVITE")
	d.trying(inv)
	s.wait(250 * time.Millisecond)
	progress := d.reply(inv, 183, reliable(1), withSDP(s.bob.sdp(d.codecs...)))
	d.prack(inv, progress, withSDP(s.alice.sdp(d.codecs...)))
	s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, 1200*time.Millisecond))
	s.wait(500 * time.Millisecond)
	ringing := d.reply(inv, 180, reliable(2))
	d.prack(inv, ringing)
	s.wait(700 * time.Millisecond)
	ok := d.reply(inv, 200)
	d.ack(inv, ok)
	d.talk(4 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller", flags: []string{"early_media"}})
}

// updateBeforeAnswer: UPDATE with new SDP while the call rings: the media
// moves (RFC 3311).
func updateBeforeAnswer(s *script) {
	d := s.call(s.alice, s.bob)
	inv := d.invite()
	d.trying(inv)
	s.wait(200 * time.Millisecond)
	progress := d.reply(inv, 183, reliable(1), withSDP(s.bob.sdp(d.codecs...)))
	d.prack(inv, progress)
	s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, time.Second))
	s.wait(time.Second)
	s.alice.rtp = s.front(s.alice, s.alice).rtp
	update := d.request(s.alice, "UPDATE", withSDP(s.alice.sdp(d.codecs...)))
	d.reply(update, 200, withSDP(s.bob.sdp(d.codecs...)))
	s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, time.Second))
	ringing := d.reply(inv, 180)
	s.wait(time.Second)
	ok := d.reply(inv, 200)
	d.ack(inv, ok)
	d.talk(4 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: inv, ring: ringing, answer: ok, end: bye, by: "caller", flags: []string{"early_media"}})
}

// emergency: urn:service:sos; and 112 and 911, which are emergencies by
// configuration only, so that their rows promise no flag here.
func emergency(s *script) {
	for _, urgent := range []*party{
		{urn: "urn:service:sos"},
		{user: "112", host: "example.com"},
		{user: "911", host: "example.com"},
	} {
		d := s.call(s.alice, s.bob)
		d.callee = urgent
		c := d.connect()
		d.talk(2 * time.Second)
		bye := d.hangup(s.bob)
		w := row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "callee"}
		if urgent.urn != "" {
			w.flags = []string{"emergency"}
		}
		s.row(d, record.Answered, w)
		s.wait(time.Second)
	}
}

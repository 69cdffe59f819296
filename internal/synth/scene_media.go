package synth

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// offered sets a call up with the given SDP of both sides and no ringing
// beside the 180.
func (d *dialog) offered(offer, answer *sdp) setup {
	var c setup
	c.invite = d.request(d.a, "INVITE", withSDP(offer))
	d.trying(c.invite)
	d.s.wait(200 * time.Millisecond)
	c.ringing = d.reply(c.invite, 180)
	d.s.wait(1200 * time.Millisecond)
	c.ok = d.reply(c.invite, 200, withSDP(answer))
	c.ack = d.ack(c.invite, c.ok)
	return c
}

// rtcpMux: RTCP on the RTP port (RFC 5761). Attributed to the call.
func rtcpMux(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.offered(s.alice.sdp(d.codecs...).attr("rtcp-mux"), s.bob.sdp(d.codecs...).attr("rtcp-mux"))
	s.wait(20 * time.Millisecond)
	s.muxed(d, s.alice.rtp, s.bob.rtp, 7*time.Second)
	d.ended(c)
}

// muxed is media and RTCP of both sides between two addresses, waited for.
func (s *script) muxed(d *dialog, at, bt netip.AddrPort, length time.Duration) (a, b *flow) {
	a = s.stream(d, "a", d.senderA, at, bt, audio(d.codecs[0], length))
	b = s.stream(d, "b", d.senderB, bt, at, audio(d.codecs[0], length))
	s.reports(a, b, at, bt, length)
	s.wait(length + 30*time.Millisecond)
	return a, b
}

// rtcpAttribute: a=rtcp names another port, once with an address (RFC 3605).
func rtcpAttribute(s *script) {
	d := s.call(s.alice, s.bob)
	portA, portB := netip.AddrPortFrom(s.alice.rtp.Addr(), 53020), netip.MustParseAddrPort("203.0.113.45:53040")
	c := d.offered(s.alice.sdp(d.codecs...).attr("rtcp:53020"),
		s.bob.sdp(d.codecs...).attr(fmt.Sprintf("rtcp:%d %s", portB.Port(), address(portB.Addr()))))
	s.wait(20 * time.Millisecond)
	const length = 7 * time.Second
	a := s.stream(d, "a", d.senderA, s.alice.rtp, s.bob.rtp, audio(pcmu, length))
	b := s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, length))
	s.reports(a, b, portA, portB, length)
	s.wait(length)
	d.ended(c)
}

// secured is p's SDP with another profile.
func (p *party) secured(d *dialog, proto string, attrs ...string) *sdp {
	x := p.sdp(d.codecs...).attr(attrs...)
	x.media[0].proto = proto
	return x
}

// srtpSDES: RTP/SAVP with a=crypto (RFC 4568). Flag srtp, metered from the
// clear headers; the keys are scrubbed from messages.
func srtpSDES(s *script) {
	d := s.call(s.alice, s.bob)
	d.senderA.srtp, d.senderB.srtp = true, true
	key := func() string {
		return "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + base64.StdEncoding.EncodeToString([]byte(s.hex(15)))
	}
	c := d.offered(s.alice.secured(d, "RTP/SAVP", key()), s.bob.secured(d, "RTP/SAVP", key()))
	d.talk(6 * time.Second)
	d.ended(c, "srtp")
}

// fingerprint is a certificate's (RFC 8122 5).
func (s *script) fingerprint() string {
	var pairs []string
	for range 32 {
		pairs = append(pairs, strings.ToUpper(s.hex(1)))
	}
	return "fingerprint:sha-256 " + strings.Join(pairs, ":")
}

// srtpDTLS: UDP/TLS/RTP/SAVPF, a DTLS handshake on the media port, then SRTP.
func srtpDTLS(s *script) {
	d := s.call(s.alice, s.bob)
	d.senderA.srtp, d.senderB.srtp = true, true
	const proto = "UDP/TLS/RTP/SAVPF"
	c := d.offered(s.alice.secured(d, proto, s.fingerprint(), "setup:actpass", "rtcp-mux"),
		s.bob.secured(d, proto, s.fingerprint(), "setup:active", "rtcp-mux"))
	s.handshake(d, s.bob.rtp, s.alice.rtp)
	s.muxed(d, s.alice.rtp, s.bob.rtp, 6*time.Second)
	d.ended(c, "srtp")
}

// sharedMediaPort: three overlapping calls to one callee port, with one SSRC.
// Each stream belongs to the call whose other end it comes from; one more
// stream comes from an address that nobody told, and belongs to none.
func sharedMediaPort(s *script) {
	erin := s.party("+12025550133", "Erin Evans", "198.51.100.24", "snomD785/10.1.101.11")
	callers := []*party{s.alice, s.dave, erin}
	ssrc, ssrcB := s.rng.Uint32(), s.rng.Uint32()
	const length = 4 * time.Second
	var calls []*dialog
	var setups []setup
	for _, p := range callers {
		d := s.call(p, s.bob)
		d.senderA.ssrc, d.senderB.ssrc = ssrc, ssrcB
		calls, setups = append(calls, d), append(setups, d.connect())
		s.wait(20 * time.Millisecond)
		a := s.stream(d, "a", d.senderA, p.rtp, s.bob.rtp, audio(pcmu, length))
		b := s.stream(d, "b", d.senderB, s.bob.rtp, p.rtp, audio(pcmu, length))
		_, _ = a, b
		s.wait(200 * time.Millisecond)
	}
	stray := s.newSender(s.alice)
	stray.ssrc = ssrc
	s.stream(nil, "", stray, netip.MustParseAddrPort("198.51.100.99:40000"), s.bob.rtp, audio(pcmu, 2*time.Second)).matched("none")
	s.wait(length)
	for i, d := range calls {
		d.ended(setups[i])
	}
}

// natPrivateSDP: SDP says 10.x, RTP comes from the public address of the
// signalling. match nat.
func natPrivateSDP(s *script) {
	s.alice.contact, s.alice.told = netip.MustParseAddrPort("10.0.0.5:5060"), netip.MustParseAddrPort("10.0.0.5:11780")
	s.alice.rtp = netip.MustParseAddrPort("198.51.100.20:61780")
	s.natted("nat", "nat")
}

// natSymmetric: RTP arrives from another port than SDP said, answers go back
// to it. match symmetric.
func natSymmetric(s *script) {
	s.alice.told = s.alice.rtp
	s.alice.rtp = netip.AddrPortFrom(s.alice.rtp.Addr(), 40321)
	s.natted("symmetric")
}

// cgnat: signalling and media come from different public addresses, SDP tells
// one of the carrier's own (RFC 6598). match nat.
func cgnat(s *script) {
	s.alice.contact, s.alice.told = netip.MustParseAddrPort("100.64.0.9:5060"), netip.MustParseAddrPort("100.64.0.9:12000")
	s.alice.rtp = netip.MustParseAddrPort("198.51.100.77:23456")
	s.natted("nat", "nat")
}

// natted is a call whose caller's media does not come from where SDP says.
// The callee waits for it and answers to where it came from.
func (s *script) natted(match string, flags ...string) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	const length = 6 * time.Second
	s.wait(20 * time.Millisecond)
	a := s.stream(d, "a", d.senderA, s.alice.rtp, s.bob.rtp, audio(pcmu, length)).matched(match)
	s.wait(45 * time.Millisecond)
	b := s.stream(d, "b", d.senderB, s.bob.rtp, s.alice.rtp, audio(pcmu, length-100*time.Millisecond)).matched("")
	s.reports(a, b, next(s.alice.rtp), next(s.bob.rtp), length)
	s.wait(length)
	d.ended(c, flags...)
}

func candidate(n int, kind string, at netip.AddrPort, related string) string {
	priority := map[string]int{"host": 2130706431, "srflx": 1694498815, "relay": 16777215}[kind]
	line := fmt.Sprintf("candidate:%d 1 UDP %d %s %d typ %s", n, priority, at.Addr(), at.Port(), kind)
	if related != "" {
		line += " " + related
	}
	return line
}

// ice: candidates, STUN checks, media on a reflexive address (RFC 8445).
// Matched by the checked pair.
func ice(s *script) {
	host := netip.MustParseAddrPort("10.0.0.5:50020")
	reflexive := netip.MustParseAddrPort("198.51.100.20:41000")
	s.alice.contact, s.alice.told, s.alice.rtp = netip.MustParseAddrPort("10.0.0.5:5060"), host, reflexive
	d := s.call(s.alice, s.bob)
	a, b := s.iceEnd(reflexive), s.iceEnd(s.bob.rtp)
	offer := s.alice.sdp(d.codecs...).attr("ice-ufrag:"+a.ufrag, "ice-pwd:"+a.pwd, candidate(1, "host", host, ""),
		candidate(2, "srflx", reflexive, "raddr 10.0.0.5 rport 50020"), "rtcp-mux")
	answer := s.bob.sdp(d.codecs...).attr("ice-ufrag:"+b.ufrag, "ice-pwd:"+b.pwd, candidate(1, "host", s.bob.rtp, ""), "rtcp-mux")
	c := d.offered(offer, answer)
	s.checks(d, a, b)
	fa, fb := s.muxed(d, reflexive, s.bob.rtp, 6*time.Second)
	fa.matched("ice")
	fb.matched("ice")
	d.ended(c)
}

// bundleTURN: WebRTC through a gateway: BUNDLE, rtcp-mux, DTLS-SRTP, media
// through a TURN relay. One stream a SSRC, matched by the relayed pair. The
// tap sits between relay and gateway.
func bundleTURN(s *script) {
	relayed := netip.MustParseAddrPort("192.0.2.90:50123")
	s.alice.user, s.alice.agent, s.alice.rtp = "web-4711", "SIP.js/0.21.2", relayed
	s.alice.host = "webrtc.example.com"
	d := s.call(s.alice, s.bob)
	d.codecs = []codec{opus, pcmu, {name: telephoneEvent.name, pt: 126, rtpmap: telephoneEvent.rtpmap, clock: 8000, fmtp: "0-15"}}
	d.senderA.srtp, d.senderB.srtp = true, true
	camA, camB := s.newSender(s.alice), s.newSender(s.bob)
	camA.srtp, camB.srtp = true, true
	a, b := s.iceEnd(relayed), s.iceEnd(s.bob.rtp)
	describe := func(p *party, end iceEnd, setup string, voice, cam *sender, lines ...string) *sdp {
		x := p.secured(d, "UDP/TLS/RTP/SAVPF")
		x.attrs = append(x.attrs, "group:BUNDLE 0 1", "msid-semantic: WMS s")
		x.media = append(x.media, mediaLine{kind: "video", port: x.media[0].port, proto: x.media[0].proto, codecs: []codec{vp8}, dir: "sendrecv"})
		for i, snd := range []*sender{voice, cam} {
			m := &x.media[i]
			m.attrs = append(m.attrs, fmt.Sprintf("mid:%d", i), "rtcp-mux", "ice-ufrag:"+end.ufrag, "ice-pwd:"+end.pwd,
				s.fingerprint(), "setup:"+setup, fmt.Sprintf("ssrc:%d cname:%s", snd.ssrc, snd.cname))
			m.attrs = append(m.attrs, lines...)
		}
		return x
	}
	c := d.offered(
		describe(s.alice, a, "actpass", d.senderA, camA, candidate(1, "host", netip.MustParseAddrPort("10.0.0.5:50200"), ""),
			candidate(2, "srflx", netip.MustParseAddrPort("198.51.100.20:50200"), "raddr 10.0.0.5 rport 50200"),
			candidate(3, "relay", relayed, "raddr 198.51.100.20 rport 50200")),
		describe(s.bob, b, "active", d.senderB, camB, candidate(1, "host", s.bob.rtp, "")))
	s.checks(d, a, b)
	s.handshake(d, s.bob.rtp, relayed)
	const length = 4 * time.Second
	frames := part{kind: videoPart, codec: vp8, packets: int(length / vp8.ptime), perFrame: 2}
	va := s.stream(d, "a", camA, relayed, s.bob.rtp, frames).matched("ice")
	vb := s.stream(d, "b", camB, s.bob.rtp, relayed, frames).matched("ice")
	s.reports(va, vb, relayed, s.bob.rtp, length)
	fa, fb := s.muxed(d, relayed, s.bob.rtp, length)
	fa.matched("ice")
	fb.matched("ice")
	d.ended(c, "srtp", "video")
}

// signallingOnly: no agent sees media. media_seen unknown, all media fields
// NULL, nothing is called silent.
func signallingOnly(s *script) {
	d := s.call(s.alice, s.bob)
	c := d.connect()
	s.wait(8 * time.Second)
	bye := d.hangup(s.alice)
	s.row(d, record.Answered, row{start: c.invite, ring: c.ringing, answer: c.ok, end: bye, by: "caller", mediaSeen: "unknown"})
}

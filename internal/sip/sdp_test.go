package sip

import (
	"net/netip"
	"strings"
	"testing"
)

func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// webOffer is of a browser, shortened.
var webOffer = crlf(`v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=ice-lite
a=fingerprint:sha-256 AA:BB
a=setup:actpass
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 110
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1467250027 1 udp 2122260223 192.0.2.10 46243 typ host generation 0
a=candidate:1853887674 1 udp 1518280447 203.0.113.7 36768 typ srflx raddr 192.0.2.10 rport 46243 generation 0
a=candidate:4 1 udp 1 2f1c0d6e-0000.local 5000 typ host
a=ice-ufrag:abcd
a=ice-pwd:efghijklmnop
a=mid:0
a=label:main
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:110 telephone-event/48000
a=maxptime:60
a=ssrc:3735928559 cname:x7f
a=ssrc:3735928559 msid:a b
a=ssrc:1 cname:y
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP6 ::
a=mid:1
a=inactive
a=rtpmap:96 VP8/90000
`)

var faxAnswer = crlf(`v=0
o=gw 1 2 IN IP4 gw.example.com
s=fax
c=IN IP4 224.2.1.1/127/3
t=0 0
m=audio 0 RTP/AVP 8
m=image 40000 udptl t38
c=IN IP4 192.0.2.99
a=T38FaxVersion:0
m=audio 49170/2 RTP/SAVP 31 18
a=rtpmap:31 LPC
a=rtcp:49180
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc
a=ptime:20.0
`)

func TestSDPOffer(t *testing.T) {
	var s SDP
	s.Parse([]byte(offer))
	if s.Defects != 0 || len(s.Media) != 1 || s.Addr != netip.MustParseAddr("192.0.2.33") {
		t.Fatalf("%v, %d media, %v", s.Defects, len(s.Media), s.Addr)
	}
	if o := s.Origin; string(o.Username) != "alice" || string(o.SessionID) != "2890844526" ||
		string(o.Version) != "2890844526" || o.Addr != s.Addr || string(s.SessionName) != "-" {
		t.Errorf("origin %q", o)
	}
	m := &s.Media[0]
	if string(m.Type) != "audio" || string(m.Proto) != "RTP/AVP" || m.PortCount != 1 || m.Direction != SendRecv || m.Ptime != 20 {
		t.Errorf("%s %s count %d %v ptime %d", m.Type, m.Proto, m.PortCount, m.Direction, m.Ptime)
	}
	if m.RTP() != netip.MustParseAddrPort("192.0.2.33:49170") || m.RTCP() != netip.MustParseAddrPort("192.0.2.33:49171") ||
		!m.RTCPAddr.IsValid() || m.RTCPMux || m.Crypto || m.ICE || m.Held() {
		t.Errorf("RTP %v, RTCP %v", m.RTP(), m.RTCP())
	}
	var got strings.Builder
	for _, f := range m.Formats {
		got.Write(f.Codec)
		got.WriteString("|")
		got.Write(f.Fmtp)
		got.WriteString(" ")
	}
	if want := "PCMU| PCMA| G722| G729|annexb=no opus|useinbandfec=1 telephone-event|0-16 "; got.String() != want {
		t.Errorf("formats %q, want %q", got.String(), want)
	}
	if f := m.Formats[4]; f.PayloadType != 96 || f.ClockRate != 48000 || f.Channels != 2 || !f.Mapped {
		t.Errorf("opus: %+v", f)
	}
}

func TestSDPWeb(t *testing.T) {
	var s SDP
	s.Parse([]byte(webOffer))
	if s.Defects != 0 || len(s.Media) != 2 || !s.ICELite || len(s.Bundles) != 1 || string(s.Bundles[0]) != "0 1" {
		t.Fatalf("%v, %d media, bundles %q", s.Defects, len(s.Media), s.Bundles)
	}
	audio, video := &s.Media[0], &s.Media[1]
	if !audio.RTCPMux || !audio.ICE || !audio.Crypto || audio.Direction != SendOnly || !audio.Held() || audio.Maxptime != 60 ||
		string(audio.Mid) != "0" || string(audio.Label) != "main" || string(audio.Setup) != "actpass" {
		t.Errorf("audio %+v", audio)
	}
	if string(video.Fingerprint) != "sha-256 AA:BB" || video.Direction != Inactive || video.Addr != netip.IPv6Unspecified() {
		t.Errorf("video %+v", video)
	}
	if len(audio.Candidates) != 3 {
		t.Fatalf("%d candidates", len(audio.Candidates))
	}
	c := audio.Candidates[1]
	if c.Component != 1 || string(c.Transport) != "udp" || string(c.Type) != "srflx" ||
		c.Addr != netip.MustParseAddrPort("203.0.113.7:36768") || c.RelAddr != netip.MustParseAddrPort("192.0.2.10:46243") {
		t.Errorf("candidate %+v", c)
	}
	if c := audio.Candidates[2]; c.Addr.IsValid() || c.Addr.Port() != 5000 || c.RelAddr.IsValid() {
		t.Errorf("mDNS candidate %+v", c)
	}
	if len(audio.SSRCs) != 2 || audio.SSRCs[0].ID != 0xdeadbeef || string(audio.SSRCs[0].CName) != "x7f" {
		t.Errorf("sources %+v", audio.SSRCs)
	}
	if f := audio.Formats[2]; string(f.Codec) != "G722" || f.ClockRate != 8000 || f.Mapped {
		t.Errorf("static G722: %+v", f)
	}
	// The same view, used again for less, keeps nothing.
	s.Parse([]byte(offer))
	if m := &s.Media[0]; len(s.Media) != 1 || s.ICELite || len(s.Bundles) != 0 || len(m.Candidates)+len(m.SSRCs) != 0 ||
		m.Fingerprint != nil || m.Direction != SendRecv || m.RTCPMux {
		t.Errorf("after reuse: %+v", m)
	}
}

func TestSDPFax(t *testing.T) {
	var s SDP
	s.Parse([]byte(faxAnswer))
	if s.Defects != SDPNoClockRate || len(s.Media) != 3 || s.Addr != netip.MustParseAddr("224.2.1.1") || s.Origin.Addr.IsValid() {
		t.Fatalf("%v, %d media, %v", s.Defects, len(s.Media), s.Addr)
	}
	rejected, fax, secure := &s.Media[0], &s.Media[1], &s.Media[2]
	if rejected.Port != 0 || rejected.Addr != s.Addr {
		t.Errorf("rejected %+v", rejected)
	}
	if string(fax.Formats[0].Text) != "t38" || fax.Formats[0].PayloadType != -1 || fax.Addr != netip.MustParseAddr("192.0.2.99") {
		t.Errorf("fax %+v", fax)
	}
	if !secure.Crypto || len(secure.CryptoLines) != 1 || secure.PortCount != 2 || secure.Ptime != 20 ||
		secure.RTCP() != netip.MustParseAddrPort("224.2.1.1:49180") {
		t.Errorf("secure %+v", secure)
	}
	// A rtpmap that names another codec than the static one must not take its clock.
	if f := secure.Formats[0]; string(f.Codec) != "LPC" || f.ClockRate != 0 {
		t.Errorf("mapped 31: %+v", f)
	}
}

func TestSDPDirectionAndHold(t *testing.T) {
	const base = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
	f := func(text string, direction Direction, held bool) {
		t.Helper()
		var s SDP
		s.Parse([]byte(text))
		if m := &s.Media[0]; m.Direction != direction || m.Held() != held || s.Defects != 0 {
			t.Errorf("%v, held %v, %v; want %v, %v", m.Direction, m.Held(), s.Defects, direction, held)
		}
	}
	f(base+"m=audio 4000 RTP/AVP 0\n", SendRecv, false)
	f(base+"a=inactive\nm=audio 4000 RTP/AVP 0\n", Inactive, true)
	f(base+"a=inactive\nm=audio 4000 RTP/AVP 0\na=recvonly\n", RecvOnly, false)
	f(base+"m=audio 4000 RTP/AVP 0\na=sendonly\n", SendOnly, true)
	f(base+"m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n", SendRecv, true)
}

func TestSDPBounds(t *testing.T) {
	const base = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
	f := func(name, text string) {
		t.Helper()
		var s SDP
		b := []byte(text)
		s.Parse(b)
		if s.Defects != SDPTooMany {
			t.Errorf("%s: %v, want sdp_too_many", name, s.Defects)
		}
		checkSDPViews(t, b, &s)
	}
	medium := base + "m=audio 4000 RTP/AVP 0\n"
	f("media", base+strings.Repeat("m=audio 4000 RTP/AVP 0\n", MaxMedia+1))
	f("formats", base+"m=audio 4000 RTP/AVP"+strings.Repeat(" 0", MaxFormats+1)+"\n")
	f("candidates", medium+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\n", MaxCandidates+1))
	f("crypto", medium+strings.Repeat("a=crypto:1 x inline:y\n", maxLines+1))
	f("groups", base+strings.Repeat("a=group:BUNDLE 0\n", maxLines+1)+"m=audio 4000 RTP/AVP 0\n")
	var sources strings.Builder
	for i := range MaxSSRCs + 1 {
		sources.WriteString("a=ssrc:1" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + " cname:x\n")
	}
	f("sources", medium+sources.String())
}

func TestTransport(t *testing.T) {
	var s SDP
	s.Parse([]byte("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\na=group:BUNDLE b c\na=group:BUNDLE d\n" +
		"m=audio 4000 RTP/AVP 0\na=mid:a\nm=audio 0 RTP/AVP 0\na=mid:b\nm=audio 4004 RTP/AVP 0\na=mid:c\nm=video 4006 RTP/AVP 96\na=mid:d\nm=video 4008 RTP/AVP 96\n"))
	for i, want := range []int{0, 2, 2, 3, 4} { // the first of b and c is not accepted
		if got := s.Transport(i); got != &s.Media[want] {
			t.Errorf("section %d uses port %d, want that of section %d", i, got.Port, want)
		}
	}
}

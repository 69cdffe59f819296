package sip

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
)

// invite is what a desk phone sends through one proxy: 785 bytes, no body.
const invite = "INVITE sip:+15551230002@sip.example.net:5060;transport=udp SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK776asdhds.1;received=198.51.100.7\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.33:5062;branch=z9hG4bK-524287-1---d2c8a8d1ad8e1d3a;rport=5062\r\n" +
	"Max-Forwards: 69\r\n" +
	"Record-Route: <sip:198.51.100.7;lr;ftag=1928301774>\r\n" +
	"From: \"Alice, at work\" <sip:+15551230001@sip.example.net;user=phone>;tag=1928301774\r\n" +
	"To: <sip:+15551230002@sip.example.net;user=phone>\r\n" +
	"Call-ID: a84b4c76e66710-23bd4@192.0.2.33\r\n" +
	"CSeq: 314159 INVITE\r\n" +
	"Contact: <sip:alice@192.0.2.33:5062;transport=udp>\r\n" +
	"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE\r\n" +
	"Supported: replaces, timer, 100rel\r\n" +
	"Session-Expires: 1800;refresher=uac\r\n" +
	"User-Agent: Desk Phone 12.3.4 (build 5678)\r\n" +
	"P-Asserted-Identity: <sip:+15551230001@sip.example.net>\r\n"

const inviteAlone = invite + "Content-Length: 0\r\n\r\n"

// inviteOffer is the same with a session description.
var inviteOffer = invite + "Content-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(offer)) + "\r\n\r\n" + offer

const offer = "v=0\r\n" +
	"o=alice 2890844526 2890844526 IN IP4 192.0.2.33\r\n" +
	"s=-\r\n" +
	"c=IN IP4 192.0.2.33\r\n" +
	"t=0 0\r\n" +
	"m=audio 49170 RTP/AVP 0 8 9 18 96 101\r\n" +
	"a=rtpmap:0 PCMU/8000\r\n" +
	"a=rtpmap:8 PCMA/8000\r\n" +
	"a=rtpmap:9 G722/8000\r\n" +
	"a=rtpmap:18 G729/8000\r\n" +
	"a=fmtp:18 annexb=no\r\n" +
	"a=rtpmap:96 opus/48000/2\r\n" +
	"a=fmtp:96 useinbandfec=1\r\n" +
	"a=rtpmap:101 telephone-event/8000\r\n" +
	"a=fmtp:101 0-16\r\n" +
	"a=ptime:20\r\n" +
	"a=sendrecv\r\n" +
	"a=rtcp:49171 IN IP4 192.0.2.33\r\n"

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{"invite": inviteAlone, "offer": inviteOffer} {
		b.Run(name, func(b *testing.B) {
			payload := []byte(text)
			var m Message
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				m.Parse(payload)
			}
		})
	}
}

// BenchmarkFloor only finds the lines of the same message: what no parser can go below.
func BenchmarkFloor(b *testing.B) {
	payload := []byte(inviteAlone)
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		for rest := payload; len(rest) > 0; {
			_, rest, _ = bytes.Cut(rest, newline)
		}
	}
}

// BenchmarkHostile is what a datagram of 64 KiB can cost that was made to be costly: ns a byte are what to look at.
func BenchmarkHostile(b *testing.B) {
	fill := func(unit string) string { return strings.Repeat(unit, 60000/len(unit)) }
	for name, text := range map[string]string{
		"folds":     invite + "Subject:\r\n" + fill(" \n"),
		"commas":    invite + "Via: " + fill("<\",;"),
		"quotes":    invite + "Contact: " + fill("\"\\\","),
		"params":    invite + "Contact: <sip:a@b>" + fill(";"),
		"multipart": invite + "Content-Type: multipart/mixed\r\n\r\n" + fill("--\n"),
		"media":     invite + "Content-Type: application/sdp\r\n\r\n" + fill("m=a 1 b 1\n"),
		"rtpmap":    invite + "Content-Type: application/sdp\r\n\r\nm=a 1 b" + strings.Repeat(" 1", 80) + "\n" + fill("a=rtpmap:2 a\n"),
	} {
		b.Run(name, func(b *testing.B) {
			payload := []byte(text)
			var m Message
			var s SDP
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				allDefects(&m, &s, payload)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	payload := []byte(inviteAlone)
	var m Message
	m.Parse(payload)
	b.ReportAllocs()
	for b.Loop() {
		m.Check()
	}
}

func BenchmarkSDP(b *testing.B) {
	payload := []byte(offer)
	var s SDP
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		s.Parse(payload)
	}
}

func BenchmarkIsSIP(b *testing.B) {
	for name, text := range map[string]string{"sip": inviteAlone, "rtp": "\x80\x00\x12\x34abcdefghijklmnop"} {
		b.Run(name, func(b *testing.B) {
			payload := []byte(text)
			for b.Loop() {
				IsSIP(payload)
			}
		})
	}
}

// TestNoAllocation holds Parse, Check, the accessors and a warm SDP to no allocation at all.
func TestNoAllocation(t *testing.T) {
	payload := []byte(inviteOffer)
	var m Message
	var s SDP
	sum := 0
	f := func(name string, run func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
	f("Parse", func() { m.Parse(payload) })
	f("Check", func() { m.Check() })
	f("SDP", func() { s.Parse(m.SDP()) })
	f("IsSIP", func() { IsSIP(payload) })
	f("accessors", func() {
		sum += len(m.CallID()) + len(m.CSeqMethod()) + len(m.From().Tag) + len(m.To().Tag) + len(m.Contact().URI.Host)
		sum += len(m.Via().Branch) + len(m.GetName("user-agent")) + len(m.Body()) + len(m.Get(HeaderAllow))
	})
	f("iterators", func() {
		for v := range m.Values(HeaderAllow) {
			sum += len(v)
		}
		for v := range m.Vias() {
			sum += len(v.Branch)
		}
		for a := range m.Addresses(HeaderRecordRoute) {
			sum += len(a.URI.Host)
		}
		for n, v := range m.Fields() {
			sum += len(n) + len(v)
		}
	})
	if m.Defects != 0 || s.Defects != 0 || sum == 0 {
		t.Errorf("defects %v, %v: the sample must be a good message", m.Defects, s.Defects)
	}
}

package analyzer

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/earshot-voip/earshot/internal/media"
)

// TestTie: one call, and a stream between two addresses.
func TestTie(t *testing.T) {
	for _, c := range []struct {
		name     string
		src, dst netip.AddrPort
		match    string
		side     string
	}{
		{"both ends", aliceRTP, bobRTP, "sdp", "a"},
		{"and back", bobRTP, aliceRTP, "sdp", "b"},
		{"the sender's host, another port", addr("198.51.100.1:4444"), bobRTP, "symmetric", "a"},
		{"back to another port", bobRTP, addr("198.51.100.1:4444"), "symmetric", "b"},
		{"to what was told, from a stranger", addr("192.0.2.99:1000"), bobRTP, "nat", "a"},
		{"from what was told, to a stranger", bobRTP, addr("192.0.2.99:1000"), "nat", "b"},
		{"two strangers", addr("192.0.2.99:1000"), addr("192.0.2.98:1000"), "none", ""},
		{"right hosts, wrong ports", addr("198.51.100.1:1"), addr("203.0.113.1:1"), "none", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed()
			d := newDialled("one")
			f.connect(0, d)
			k := newTalk(c.src, c.dst, 7, 1)
			f.report(5.2, k, k.next(200, 0))
			f.bye(6, d)
			f.report(6.1, k, k.final())
			f.end()
			s := f.stream(t, 7)
			if s.Match != c.match {
				t.Errorf("match is %s, want %s", s.Match, c.match)
			}
			if c.side == "" {
				if s.CallID != nil || s.Direction != nil || f.call(t, "one").MediaSeen == "a" {
					t.Errorf("it is of call %v", s.CallID)
				}
				return
			}
			if s.Direction == nil || *s.Direction != c.side {
				t.Errorf("direction is %v, want %s", s.Direction, c.side)
			}
			if got := f.call(t, "one").MediaSeen; got != c.side {
				t.Errorf("media_seen is %s, want %s", got, c.side)
			}
		})
	}
}

// TestTieBehindNAT: SDP tells a private address, media comes from the host of
// the signalling.
func TestTieBehindNAT(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	d.aRTP = "10.0.0.5:4000"
	f.connect(0, d)
	k := newTalk(addr("198.51.100.1:61000"), bobRTP, 7, 1)
	f.report(5.2, k, k.next(200, 0))
	f.end()
	if s := f.stream(t, 7); s.Match != "nat" || *s.Direction != "a" {
		t.Errorf("match is %s", s.Match)
	}
}

// TestStrangerIsNoNAT: media of a host that nobody named shows NAT only where
// its end told a private address.
func TestStrangerIsNoNAT(t *testing.T) {
	for told, want := range map[string]bool{"198.51.100.1:4000": false, "10.0.0.5:4000": true, "100.64.0.9:4000": true} {
		f := newFeed()
		d := newDialled("one")
		d.aRTP = told
		f.connect(0, d)
		k := newTalk(addr("192.0.2.99:61000"), bobRTP, 7, 1)
		f.report(5.2, k, k.next(200, 0))
		f.bye(6, d)
		f.report(6.1, k, k.final())
		f.end()
		r := f.call(t, "one")
		if got := slices.Contains(r.Flags, "nat"); got != want || !slices.Contains(r.Flags, "source_mismatch") {
			t.Errorf("the caller told %s: flags %v", told, r.Flags)
		}
	}
}

func TestTieInTime(t *testing.T) {
	f := func(name string, first float64, want string) {
		t.Helper()
		x := newFeed()
		d := newDialled("one")
		x.connect(10, d)
		k := newTalk(aliceRTP, bobRTP, 7, first)
		x.report(15.2, k, k.next(100, 0))
		x.end()
		if s := x.stream(t, 7); s.Match != want {
			t.Errorf("%s: match is %s, want %s", name, s.Match, want)
		}
	}
	f("after the answer", 11, "sdp")
	f("media overtook the answer", 9, "sdp")
	f("long before the call", 2, "none")
}

// TestReportBeforeSDP: media that is told before its SDP waits for it, with
// its intervals.
func TestReportBeforeSDP(t *testing.T) {
	f := newFeed()
	k := newTalk(aliceRTP, bobRTP, 7, 0)
	f.report(5.1, k, k.next(200, 0))
	if len(f.intervals) != 0 {
		t.Error("an interval was written before its call was known")
	}
	d := newDialled("one")
	f.connect(4, d)
	f.report(10.1, k, k.next(250, 0))
	f.end()
	if own := f.heard(7); len(own) != 2 || own[0].CallID == nil || *own[0].CallID != "one" {
		t.Errorf("%d intervals, the first of %v", len(own), own[0].CallID)
	}
	if s := f.stream(t, 7); s.Match != "sdp" || s.Packets != 450 {
		t.Errorf("match is %s, %d packets", s.Match, s.Packets)
	}
}

// TestSharedPort: many calls to one port of the callee. Each stream is of the
// call whose other end it comes from; one from a stranger is nobody's.
func TestSharedPort(t *testing.T) {
	f := newFeed()
	const calls = 3 * maxBinds
	var all []*dialled
	for i := range calls {
		d := newDialled(fmt.Sprintf("call-%d", i))
		d.aRTP = fmt.Sprintf("198.51.100.1:%d", 10_000+2*i)
		f.connect(float64(i)/1000, d)
		all = append(all, d)
	}
	for i, d := range all {
		up, down := newTalk(addr(d.aRTP), bobRTP, uint32(1000+i), 1), newTalk(bobRTP, addr(d.aRTP), uint32(5000+i), 1)
		f.report(5.2, up, up.next(200, 0))
		f.report(5.2, down, down.next(200, 0))
	}
	stray := newTalk(addr("192.0.2.99:1"), bobRTP, 9999, 1)
	f.report(5.3, stray, stray.next(200, 0))
	for _, d := range all {
		f.bye(6, d)
	}
	f.end()
	for i, d := range all {
		for direction, ssrc := range map[string]uint32{"a": uint32(1000 + i), "b": uint32(5000 + i)} {
			if s := f.stream(t, ssrc); s.CallID == nil || *s.CallID != d.id || *s.Direction != direction || s.Match != "sdp" {
				t.Fatalf("stream %d is of %v, match %s; want %s", ssrc, s.CallID, s.Match, d.id)
			}
		}
		if r := f.call(t, d.id); r.MediaSeen != "both" || *r.A.Packets != 200 {
			t.Errorf("call %s: media_seen %s", d.id, r.MediaSeen)
		}
	}
	if s := f.stream(t, 9999); s.CallID != nil || s.Match != "none" {
		t.Errorf("the stray stream is of call %v", s.CallID)
	}
	if f.Counters.BindsRefused == 0 {
		t.Error("no bind was refused")
	}
	if len(f.binds) != 0 || len(f.rtcpAddr) != 0 || len(f.Analyzer.calls) != 0 {
		t.Errorf("%d, %d and %d entries left when all is over", len(f.binds), len(f.rtcpAddr), len(f.Analyzer.calls))
	}
}

// TestPortsUsedAgain: the next call on the same ports has its own media.
func TestPortsUsedAgain(t *testing.T) {
	f := newFeed()
	one, two := newDialled("one"), newDialled("two")
	f.connect(0, one)
	k := newTalk(aliceRTP, bobRTP, 7, 1)
	f.report(5.2, k, k.next(200, 0))
	f.bye(6, one)
	f.report(6.1, k, k.final())
	f.connect(8, two)
	next := newTalk(aliceRTP, bobRTP, 8, 9)
	f.report(15.2, next, next.next(300, 0))
	f.bye(16, two)
	f.end()
	if s := f.stream(t, 7); *s.CallID != "one" {
		t.Errorf("the first stream is of %s", *s.CallID)
	}
	if s := f.stream(t, 8); *s.CallID != "two" {
		t.Errorf("the second stream is of %s", *s.CallID)
	}
}

func TestDomainsApart(t *testing.T) {
	f := newFeed()
	f.connect(0, newDialled("one"))
	f.domain = "other"
	k := newTalk(aliceRTP, bobRTP, 7, 1)
	f.report(5.2, k, k.next(200, 0))
	f.end()
	if s := f.stream(t, 7); s.Match != "none" || s.Domain != "other" {
		t.Errorf("match is %s in domain %s", s.Match, s.Domain)
	}
}

// TestBundle: audio and video on one address are told apart by payload type
// (RFC 9143).
func TestBundle(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	body := func(told, port string) string {
		return sdp(told) + "m=video " + port + " RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
	}
	f.sip(0, d.a, d.b, "INVITE sip:bob@example.com SIP/2.0", d.id, "A/", 1, "INVITE", body(d.aRTP, "4000"))
	f.sip(0.5, d.b, d.a, "SIP/2.0 200 OK", d.id, "A/B", 1, "INVITE", body(d.bRTP, "6000"))
	voice, picture := newTalk(aliceRTP, bobRTP, 1, 1), newTalk(aliceRTP, bobRTP, 2, 1)
	picture.pt = 96
	for i := range 2 {
		f.report(5.2+5*float64(i), voice, voice.next(200, 0))
		r := picture.next(80, 0)
		r.Jitter = []media.Jitter{{ClockRate: 90000, Sum: 1, N: 1, Max: 1}}
		f.report(5.2+5*float64(i), picture, r)
	}
	f.end()
	if s := f.stream(t, 1); *s.Media != "audio" || *s.Codec != "PCMU" {
		t.Errorf("the voice is %s %s", *s.Media, *s.Codec)
	}
	if s := f.stream(t, 2); *s.Media != "video" || *s.Codec != "VP8" || s.MosLQ != nil {
		t.Errorf("the picture is %s %s", *s.Media, *s.Codec)
	}
	r := f.call(t, "one")
	if *r.A.Packets != 400 || *r.A.Codec != "PCMU" {
		t.Errorf("a has %d packets of %s, want those of the voice", *r.A.Packets, *r.A.Codec)
	}
}

// TestRTCPAddressChanges: SDP that moves RTCP leaves nothing behind.
func TestRTCPAddressChanges(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	for i := range 20 {
		d.cseq++
		f.sip(1+float64(i), d.a, d.b, "INVITE sip:bob@example.com SIP/2.0", d.id, "A/B", d.cseq, "INVITE", sdp(fmt.Sprintf("%s a=rtcp:%d", aliceRTP, 7000+i)))
		f.sip(1.5+float64(i), d.b, d.a, "SIP/2.0 200 OK", d.id, "A/B", d.cseq, "INVITE", sdp(d.bRTP))
	}
	f.bye(30, d)
	f.end()
	if len(f.rtcpAddr) != 0 || len(f.binds) != 0 {
		t.Errorf("%d RTCP and %d media addresses left", len(f.rtcpAddr), len(f.binds))
	}
}

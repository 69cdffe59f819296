package analyzer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

var boxSIP = addr("192.0.2.30:5060")

// dial places a call with more headers in its INVITE.
func (f *feed) dial(when float64, id string, headers ...string) {
	f.dialOn(when, aliceSIP, bobSIP, id, headers...)
}

func (f *feed) dialOn(when float64, src, dst netip.AddrPort, id string, headers ...string) {
	f.packet(when, packet.KindSIP, src, dst, fmt.Appendf(nil, "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK%s\r\nFrom: <sip:alice@example.com>;tag=A%s\r\n"+
		"To: <sip:bob@example.com>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n%sContent-Length: 0\r\n\r\n", id, id, id, strings.Join(append(headers, ""), "\r\n")))
}

// TestLateLeg: a leg that comes when the row of the first one is written joins its
// session by a row of links, and one that began before gives its name to both.
func TestLateLeg(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	f.bye(10, d)
	f.Observe(tickAt(50 * time.Second))
	if len(f.calls) != 1 || f.calls[0].SessionID != "one" {
		t.Fatalf("%d rows", len(f.calls))
	}
	f.dialOn(55, bobSIP, boxSIP, "two", "X-CID: one")
	f.dialOn(56, boxSIP, aliceSIP, "three", "X-CID: two")
	f.end()
	for _, id := range []string{"two", "three"} {
		if got := f.call(t, id).SessionID; got != "one" {
			t.Errorf("session_id of %s is %s", id, got)
		}
	}
	if len(f.links) != 2 || f.links[0].CallID != "two" || f.links[0].LinkedCallID != "one" || !f.links[0].Merged || f.links[1].Legs != 3 {
		t.Errorf("%d links: %+v", len(f.links), f.links)
	}
}

// TestReplaces: an INVITE with Replaces joins the dialog that it names by both of its
// tags; one with other tags, which is refused, joins none.
func TestReplaces(t *testing.T) {
	for _, c := range []struct{ header, answer, want string }{
		{"Replaces: one;to-tag=Bone;from-tag=Aone", "200 OK", "one"},
		{"Replaces: one;to-tag=Aone;from-tag=Bone", "200 OK", "one"},
		{"Replaces: one;to-tag=wrong;from-tag=Aone", "200 OK", "two"},
		{"Replaces: one;to-tag=Bone;from-tag=Aone", "481 Call/Transaction Does Not Exist", "two"},
		{"Replaces: one;to-tag=Bone;from-tag=Aone", "603 Decline", "two"},
	} {
		f := newFeed()
		f.connect(0, newDialled("one"))
		f.dialOn(2, boxSIP, bobSIP, "two", c.header)
		f.packet(2.1, packet.KindSIP, bobSIP, boxSIP, fmt.Appendf(nil, "SIP/2.0 %s\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKtwo\r\nFrom: <sip:alice@example.com>;tag=Atwo\r\n"+
			"To: <sip:bob@example.com>;tag=Btwo\r\nCall-ID: two\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", c.answer))
		f.end()
		if got := f.call(t, "two").SessionID; got != c.want {
			t.Errorf("%s, answered %s: session_id %s, want %s", c.header, c.answer, got, c.want)
		}
	}
}

// TestLinksOff: then every call stands alone.
func TestLinksOff(t *testing.T) {
	f := newFeed(func(o *Options) { o.Link.Off = true })
	f.dial(0, "one", "Cisco-Guid: 7")
	f.dial(1, "two", "X-CID: one", "Cisco-Guid: 7")
	f.end()
	if f.call(t, "two").SessionID != "two" || len(f.links) > 0 {
		t.Errorf("session_id %s, %d links", f.call(t, "two").SessionID, len(f.links))
	}
}

// TestSameMedia: a box that lets media pass by has both legs announce the same
// addresses; a phone that uses its ports again has another call.
func TestSameMedia(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(*feed)
		want string
	}{
		{"both are set up together", func(f *feed) {
			one, two := newDialled("one"), newDialled("two")
			one.b, two.a = boxSIP, boxSIP
			f.invite(0, one)
			f.invite(0.1, two)
			f.answer(1, two)
			f.answer(1.1, one)
			f.bye(9, one)
			f.bye(9.1, two)
		}, "one"},
		{"media is let pass by in the end", func(f *feed) {
			one, two := newDialled("one"), newDialled("two")
			one.b, one.bRTP, two.a, two.aRTP = boxSIP, "192.0.2.30:8000", boxSIP, "192.0.2.30:8002"
			f.invite(0, one)
			f.invite(0.1, two)
			f.answer(1, two)
			f.answer(1.1, one)
			one.bRTP, two.aRTP = two.bRTP, one.aRTP
			for _, d := range []*dialled{one, two} {
				d.cseq++
				f.sip(2, d.a, d.b, "INVITE sip:bob@example.com SIP/2.0", d.id, "A/B", d.cseq, "INVITE", sdp(d.aRTP))
				f.answer(2.1, d)
			}
			f.bye(9, one)
			f.bye(9.1, two)
		}, "one"},
		{"a load generator rings two at a time", func(f *feed) {
			one, two := newDialled("one"), newDialled("two")
			f.invite(0, one)
			f.invite(0.1, two)
			f.answer(1, one)
			f.answer(1.1, two)
			f.bye(9, one)
			f.bye(9.1, two)
		}, "two"},
		{"the first one is up", func(f *feed) {
			one, two := newDialled("one"), newDialled("two")
			f.connect(0, one)
			f.connect(5, two)
			f.bye(9, one)
			f.bye(9.1, two)
		}, "two"},
		{"the first one was refused", func(f *feed) {
			one, two := newDialled("one"), newDialled("two")
			f.invite(0, one)
			f.sip(1, one.b, one.a, "SIP/2.0 183 Session Progress", one.id, "A/B", one.cseq, "INVITE", sdp(one.bRTP))
			f.sip(2, one.b, one.a, "SIP/2.0 486 Busy Here", one.id, "A/B", one.cseq, "INVITE", "")
			f.connect(2.5, two)
			f.bye(9, two)
		}, "two"},
	} {
		f := newFeed()
		c.play(f)
		f.end()
		if got := f.call(t, "two").SessionID; got != c.want {
			t.Errorf("%s: session_id %s, want %s", c.name, got, c.want)
		}
		if media := slices.ContainsFunc(f.links, func(l *record.Link) bool { return l.Method == "media" }); media != (c.want == "one") {
			t.Errorf("%s: linked by media: %v", c.name, media)
		}
	}
}

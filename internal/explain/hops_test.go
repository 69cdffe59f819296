package explain

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/record"
)

var edge = netip.MustParseAddr("203.0.113.77")

// hop is a transaction from one host to another that began at a time.
func hop(n uint8, branch, parent string, from, to netip.Addr, at, finalMs float64, status uint16) *record.Hop {
	h := &record.Hop{
		Domain: "default", FirstSeen: after(at), CallID: "a84b4c76@192.0.2.1", FromTag: "f", CSeq: 1, Hop: n, Branch: branch, Node: "sbc1",
		SrcIP: from, SrcPort: 5060, DstIP: to, DstPort: 5060, Transport: "udp", StartTime: after(at), FinalMs: new(finalMs), Status: new(status),
	}
	if parent != "" {
		h.ParentBranch, h.Clocks = new(parent), new("same")
	}
	return h
}

// message is a text of the call, of the transaction of a hop.
func message(h *record.Hop, status uint16, lines ...string) *record.Message {
	m := &record.Message{
		Domain: "default", CallID: h.CallID, Kind: "sip", Method: "INVITE", CSeq: new(h.CSeq), Branch: h.Branch, SrcIP: h.SrcIP, DstIP: h.DstIP,
		Raw: strings.Join(lines, "\r\n"),
	}
	if status > 0 {
		m.Status, m.SrcIP, m.DstIP = new(status), h.DstIP, h.SrcIP
	}
	return m
}

// proxied is a call through a proxy that tries a carrier, then a relay that
// another node sees, and behind it a hop that nobody sees.
func proxied() *Rows {
	rows := &Rows{Calls: []*record.Call{answered(60)}}
	own := hop(0, "1", "", alice, relay, 0, 2030, 200)
	own.RingMs, own.Retransmissions = new(1520.), 2
	failed := hop(1, "2", "1", relay, bob, 0.0123, 400, 503)
	failed.ForwardMs, failed.ForwardWaitMs, failed.BeyondMs = new(12.3), new(0.), new(400.)
	tried := hop(1, "3", "1", relay, edge, 0.42, 1604, 200)
	tried.ForwardMs, tried.ForwardWaitMs, tried.ReturnMs, tried.ReturnWaitMs, tried.PassedMs = new(420.), new(400.), new(6.), new(0.), new(426.)
	tried.RingMs = new(1100.)
	far := hop(3, "5", "3", bob, alice, 7.5, 1500, 200)
	far.Node, far.Clocks, far.PassedMs, far.BeyondMs = "far", new("corrected"), new(104.), new(1500.)
	far.ForwardMs, far.ReturnMs, far.ClockOffsetMs, far.ClockErrorMs = new(52.), new(52.), new(7028.), new(52.)
	rows.Hops = []*record.Hop{far, tried, own, failed}
	sdp := []string{
		"Content-Type: application/sdp", "Content-Length: 250", "", "v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4000 RTP/AVP 8 0",
		"a=rtpmap:8 PCMA/8000", "a=sendrecv", "m=video 4002 RTP/AVP 96", "a=rtpmap:96 VP8/90000", "a=sendrecv", "",
	}
	long := "Identity: " + strings.Repeat("eyJhbGciOiJFUzI1NiJ9", 10)
	before := append([]string{
		"INVITE sip:bob@example.net SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=1", "Max-Forwards: 70", "f: <sip:alice@example.org>;tag=f", "To: <sip:bob@example.net>",
		"Supported: timer", "P-Asserted-Identity: <sip:alice@example.org>", "Subject: a very\r\n long one", long + "A",
	}, sdp...)
	after := append([]string{
		"INVITE sip:bob@203.0.113.77 SIP/2.0", "Via: SIP/2.0/UDP 203.0.113.9;branch=3", "Via: SIP/2.0/UDP 192.0.2.1;branch=1", "Record-Route: <sip:203.0.113.9;lr>", "Max-Forwards: 69",
		"From: <sip:+15551234@example.org>;tag=f", "To: <sip:bob@example.net>", "Supported: timer", "X-Trunk: 7\x1b[2J", "Subject: a very long one", long + "B",
	}, strings.Split(strings.NewReplacer("4 192.0.2.1", "4 203.0.113.9", "audio 4000 RTP/AVP 8 0", "audio 30000 RTP/AVP 8", "VP8/90000\na=sendrecv", "VP8/90000\na=inactive").
		Replace(strings.Join(sdp, "\n")), "\n")...)
	answer := append([]string{"SIP/2.0 200 OK", "Via: SIP/2.0/UDP 203.0.113.9;branch=3", "Via: SIP/2.0/UDP 192.0.2.1;branch=1", "To: <sip:bob@example.net>;tag=t;x=1"}, sdp...)
	passed := append([]string{"SIP/2.0 200 OK", "Via: SIP/2.0/UDP 192.0.2.1;branch=1", "To: <sip:bob@example.net>;tag=t;x=1"}, sdp...)
	rows.Messages = []*record.Message{message(own, 0, before...), message(failed, 0, before...), message(tried, 0, after...), message(tried, 200, answer...), message(own, 200, passed...)}
	return rows
}

func TestWhoTookTheTime(t *testing.T) {
	f := func(change func(own, out *record.Hop), want string) {
		t.Helper()
		own, out := hop(0, "1", "", alice, relay, 0, 2030, 200), hop(1, "2", "1", relay, bob, 0.004, 2024, 200)
		out.ForwardMs, out.ForwardWaitMs, out.ReturnMs, out.ReturnWaitMs, out.PassedMs, out.BeyondMs = new(4.), new(0.), new(2.), new(0.), new(6.), new(2024.)
		change(own, out)
		text := Text(&Rows{Calls: []*record.Call{answered(60)}, Hops: []*record.Hop{own, out}})
		if !strings.Contains(text, "\n  "+want+"\n") {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	f(func(_, _ *record.Hop) {}, "203.0.113.9 took 4.0 ms to pass the INVITE on, 2.0 ms to pass the 200 back; behind it 2.0 s.")
	f(func(_, out *record.Hop) { out.BeyondMs, *out.ForwardMs = nil, 0.01 }, "203.0.113.9 took less than 0.1 ms to pass the INVITE on, 2.0 ms to pass the 200 back.")
	f(func(_, out *record.Hop) { out.ForwardMs, out.ReturnMs, out.Clocks = nil, nil, new("different") },
		"203.0.113.9 took 6.0 ms to pass the INVITE on and the 200 back, both together: its two sides were seen by nodes with clocks of their own; behind it 2.0 s.")
	f(func(_, out *record.Hop) {
		out.Clocks, out.ClockErrorMs, out.ForwardMs, out.ReturnMs, out.PassedMs = new("corrected"), new(3.), new(3.), new(403.), new(406.)
	}, "203.0.113.9 took 3.0 ms to pass the INVITE on, 403 ms to pass the 200 back, each to within 3.0 ms; behind it 2.0 s.")
	f(func(own, out *record.Hop) {
		*own.Status, out.Status, out.FinalMs, out.BeyondMs, out.ReturnMs, out.PassedMs = 408, nil, nil, nil, nil, nil
	}, "The 408 to 192.0.2.1 is of 203.0.113.9 itself, or of a branch that was not seen.")
	f(func(_, out *record.Hop) { out.ForwardMs, out.ReturnMs, out.PassedMs = nil, nil, nil },
		"203.0.113.9 took an unknown time to pass the INVITE on; behind it came 200 after 2.0 s, which is not what it passed back.")
	f(func(_, out *record.Hop) { out.Hop = 2 },
		"The way from 203.0.113.9 to 203.0.113.9, 1 hop not seen, took 4.0 ms to pass the INVITE on, 2.0 ms to pass the 200 back; behind it 2.0 s.")
	f(func(_, out *record.Hop) { *out.Status, *out.ReturnMs, *out.ReturnWaitMs = 486, 4003, 4000 },
		"203.0.113.9 took 4.0 ms to pass the INVITE on, 3.0 ms to pass the 486 back (beside 4.0 s in which it waited for other branches); behind it 2.0 s.")
	f(func(_, _ *record.Hop) {}, "Unknown: the messages are not stored, or no longer.")
}

func TestDiff(t *testing.T) {
	f := func(before, after, want string) {
		t.Helper()
		lines, routed := diff(read(before), read(after))
		got := strings.Join(lines, "\n")
		if len(routed) > 0 {
			got += "\nbeside " + strings.Join(routed, " ")
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q to %q (-want +got):\n%s", before, after, d)
		}
	}
	const start = "INVITE sip:b SIP/2.0\n"
	f("", "", "")
	f(start+"A: 1\n\n", start+"A: 1\n\n", "")
	f(start+"t: x\r\nk: y\r\n\r\n", start+"To:x\nSUPPORTED:  y\n\n", "")
	f(start+"A: 1\nA: 2\n\n", start+"A: 2\nA: 1\n\n", "(A: another order)")
	f(start+"A: 1\nA: 1\nB: 3\n\n", start+"A: 1\nC: 4\nA: 5\nA: 6\n\n", "- A: 1\n+ A: 5\n+ A: 6\n- B: 3\n+ C: 4")
	f(start+"v: 1\nMax-Forwards: 70\n\n", start+"v: 2\nv: 1\nMax-Forwards: 69\nRecord-Route: x\n\n", "\nbeside Max-Forwards Record-Route v")
	f(start+"A: 1\n\nhello", start+"A: 1\n\nhello you", "(the body has 9 bytes, had 5)")
	f(start+"\nv=0\nm=a\na=1\n", start+"\nv=0\nm=a\na=2\n", "  m=a\n- a=1\n+ a=2")
	f(start+"\nv=0\nm=a\na=1\nm=b\na=1\n", start+"\nv=0\nm=a\na=1\nm=b\n", "  m=b\n- a=1")
	f(start+"\nv=0\nm=a 1\na=1\n", start+"\nv=0\nm=a 2\n", "- m=a 1\n- a=1\n+ m=a 2")
	f("A", "B", "- A\n+ B")
	f(strings.Repeat("x", 200)+"A", strings.Repeat("x", 200)+"B", fmt.Sprintf("- …%sA\n+ …%sB", strings.Repeat("x", 30), strings.Repeat("x", 30)))
}

// TestChangesAreBounded: whoever sends a message does not choose how much is
// told of it.
func TestChangesAreBounded(t *testing.T) {
	rows := proxied()
	var b strings.Builder
	b.WriteString("INVITE sip:b SIP/2.0\r\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "X-%d: %s\r\n", i, strings.Repeat("y", 1000))
	}
	b.WriteString("\r\nv=0\r\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "a=%d\r\n", i)
	}
	rows.Messages[2].Raw = b.String()
	for i := range 1000 {
		rows.Hops = append(rows.Hops, hop(1, fmt.Sprint("f", i), "1", relay, bob, 0.5, 1, 404))
	}
	if text := Text(rows); strings.Count(text, "\n") > 200 || !strings.Contains(text, "and 984 more") || !strings.Contains(text, "more lines") {
		t.Errorf("%d lines:\n%s", strings.Count(text, "\n"), text)
	}
}

// FuzzDiff: no text breaks it, and a text is the same as itself.
func FuzzDiff(f *testing.F) {
	for _, m := range proxied().Messages {
		f.Add(m.Raw, "")
		f.Add(proxied().Messages[0].Raw, m.Raw)
	}
	f.Add(" \n x\n:\n\n", "\n\n\nv=0\n\xff")
	f.Fuzz(func(t *testing.T, before, after string) {
		lines, _ := diff(read(before), read(after))
		for _, l := range lines {
			if strings.ContainsAny(l, "\n\r\x1b\x00") {
				t.Errorf("%q is no line for a terminal", l)
			}
		}
		if lines, routed := diff(read(before), read(before)); len(lines)+len(routed) > 0 {
			t.Errorf("%q differs from itself: %q %q", before, lines, routed)
		}
	})
}

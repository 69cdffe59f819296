package analyzer

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// began is second 0 of every test; intervals are aligned to it.
var began = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// Where the two ends of the calls here are, unless a test says otherwise.
var (
	aliceSIP, bobSIP = addr("198.51.100.1:5060"), addr("203.0.113.1:5060")
	aliceRTP, bobRTP = addr("198.51.100.1:4000"), addr("203.0.113.1:6000")
)

// feed gives an Analyzer packets and keeps its rows.
type feed struct {
	*Analyzer
	node, domain string
	caller       string // users and a header of the requests that it makes
	callee       string
	header       string
	queue        func(*packet.Packet) // takes packets in place of the Analyzer; nil while that does
	calls        []*record.Call
	streams      []*record.Stream
	intervals    []*record.Interval
	toldRows     []*record.Report
	links        []*record.Link
	hosts        []*record.Host
	messages     int
}

func newFeed(change ...func(*Options)) *feed {
	f := &feed{node: "tap", domain: "default", caller: "alice", callee: "bob"}
	o := Defaults()
	for _, c := range change {
		c(&o)
	}
	f.Analyzer = New(o, func(row any) {
		switch r := row.(type) {
		case *record.Call:
			f.calls = append(f.calls, r)
		case *record.Stream:
			f.streams = append(f.streams, r)
		case *record.Interval:
			f.intervals = append(f.intervals, r)
		case *record.Report:
			f.toldRows = append(f.toldRows, r)
		case *record.Link:
			f.links = append(f.links, r)
		case *record.Host:
			f.hosts = append(f.hosts, r)
		case *record.Message:
			f.messages++
		}
	})
	return f
}

func (f *feed) packet(when float64, kind packet.Kind, src, dst netip.AddrPort, payload []byte) {
	p := &packet.Packet{Time: at(when), Src: src, Dst: dst, Transport: packet.UDP, Kind: kind, Node: f.node, Domain: f.domain, Payload: payload}
	if f.queue != nil {
		f.queue(p)
		return
	}
	f.Observe(p)
}

// dialled is one call between two ends.
type dialled struct {
	id         string         // Call-ID; what stands behind a # tells its tags and branches from those of another dialog
	a, b       netip.AddrPort // signalling
	aRTP, bRTP string         // as SDP tells them: "host:port" and more lines after a space each
	cseq       int
}

func newDialled(id string) *dialled {
	return &dialled{id: id, a: aliceSIP, b: bobSIP, aRTP: aliceRTP.String(), bRTP: bobRTP.String()}
}

// sdp is a description with one audio line at an address; attributes follow
// it, divided by spaces; ~ is a space in one.
func sdp(told string) string {
	host, attributes := told, ""
	for i, c := range told {
		if c == ' ' {
			host = told[:i]
			for _, l := range splitSpaces(told[i+1:]) {
				attributes += strings.ReplaceAll(l, "~", " ") + "\r\n"
			}
			break
		}
	}
	ap := addr(host)
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 97 101\r\na=rtpmap:101 telephone-event/8000\r\n%s",
		ap.Addr(), ap.Addr(), ap.Port(), attributes)
}

func splitSpaces(s string) []string {
	var out []string
	start := 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ' ' {
			if i > start {
				out = append(out, s[start:i])
			}
			start = i + 1
		}
	}
	return out
}

func (f *feed) sip(when float64, src, dst netip.AddrPort, start, id, tags string, cseq int, method, body string) {
	fromTag, toTag := "A"+id, ""
	callID, _, _ := strings.Cut(id, "#")
	switch tags {
	case "A/B":
		toTag = ";tag=B" + id
	case "A/C":
		toTag = ";tag=C" + id
	}
	ct := ""
	if body != "" {
		ct = "Content-Type: application/sdp\r\n"
	}
	f.packet(when, packet.KindSIP, src, dst, fmt.Appendf(nil, "%s\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK%s%d%s\r\nFrom: <sip:%s@example.com>;tag=%s\r\nTo: <sip:%s@example.com>%s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\n%s%sContent-Length: %d\r\n\r\n%s", start, id, cseq, method, f.caller, fromTag, f.callee, toTag, callID, cseq, method, f.header, ct, len(body), body))
}

func (f *feed) invite(when float64, d *dialled) {
	d.cseq++
	f.sip(when, d.a, d.b, "INVITE sip:"+f.callee+"@example.com SIP/2.0", d.id, "A/", d.cseq, "INVITE", sdp(d.aRTP))
}

// answer plays the 200 and its ACK.
func (f *feed) answer(when float64, d *dialled) {
	f.sip(when, d.b, d.a, "SIP/2.0 200 OK", d.id, "A/B", d.cseq, "INVITE", sdp(d.bRTP))
	f.sip(when+0.01, d.a, d.b, "ACK sip:"+f.callee+"@example.com SIP/2.0", d.id, "A/B", d.cseq, "ACK", "")
}

func (f *feed) connect(when float64, d *dialled) {
	f.invite(when, d)
	f.answer(when+0.5, d)
}

func (f *feed) bye(when float64, d *dialled) {
	d.cseq++
	f.sip(when, d.a, d.b, "BYE sip:"+f.callee+"@example.com SIP/2.0", d.id, "A/B", d.cseq, "BYE", "")
	f.sip(when+0.01, d.b, d.a, "SIP/2.0 200 OK", d.id, "A/B", d.cseq, "BYE", "")
}

// talk makes the reports of one stream.
type talk struct {
	src, dst netip.AddrPort
	ssrc     uint32
	pt       uint8
	first    time.Time
	index    int
	loss     float64 // of metered: share of packets that is lost at random
	codec    string  // of metered: OPUS, AMR; "" is by its payload type
	size     int     // bytes of its packets
	head     byte    // the first of them
	total    media.Counts
	jitter   media.Jitter
}

func newTalk(src, dst netip.AddrPort, ssrc uint32, first float64) *talk {
	return &talk{src: src, dst: dst, ssrc: ssrc, first: at(first)}
}

// next is the report of the next interval: n packets, and so many lost.
func (k *talk) next(n, lost uint64) media.Report {
	start := k.first.Truncate(media.Interval).Add(time.Duration(k.index) * media.Interval)
	k.index++
	delta := media.Counts{Packets: n, Bytes: 160 * n, Expected: n + lost, Lost: lost}
	k.total.Add(delta)
	j := media.Jitter{ClockRate: 8000, Sum: float64(n) * float64(k.index), N: n, Max: float64(k.index), Last: 1}
	k.jitter.ClockRate, k.jitter.Sum, k.jitter.N, k.jitter.Max = 8000, k.jitter.Sum+j.Sum, k.jitter.N+n, max(k.jitter.Max, j.Max)
	last := start.Add(4900 * time.Millisecond)
	if last.Before(k.first) {
		last = k.first
	}
	return media.Report{
		SSRC: k.ssrc, Start: start, First: k.first, Last: last, Delta: delta, Total: k.total, PayloadType: k.pt, PtimeMs: 20,
		PayloadTypes: []media.PayloadCount{{PT: k.pt, N: n}}, Jitter: []media.Jitter{j}, TotalJitter: []media.Jitter{k.jitter},
	}
}

// final ends a stream.
func (k *talk) final() media.Report {
	return media.Report{
		SSRC: k.ssrc, Start: k.first.Truncate(media.Interval).Add(time.Duration(k.index) * media.Interval), First: k.first,
		Last: k.first, Total: k.total, Final: true, PayloadType: k.pt,
	}
}

func (f *feed) report(when float64, k *talk, r media.Report) {
	f.packet(when, packet.KindReport, k.src, k.dst, r.AppendJSON(nil))
}

// rtcp is what a reporter says of the streams it receives, and of those it
// sends.
func (f *feed) rtcp(when float64, src, dst netip.AddrPort, own, about uint32, lost int32, highest uint32) {
	r := media.RTCP{
		Senders: []media.SenderReport{{SSRC: own, Packets: 1000}},
		Blocks:  []media.ReportBlock{{Reporter: own, SSRC: about, Lost: lost, Highest: highest, Jitter: 8}},
	}
	f.packet(when, packet.KindRTCP, src, dst, media.AppendRTCPJSON(nil, &r))
}

// end closes the input.
func (f *feed) end() { f.Close() }

func (f *feed) stream(t *testing.T, ssrc uint32) *record.Stream {
	t.Helper()
	var found *record.Stream
	for _, s := range f.streams {
		if s.SSRC == ssrc {
			if found != nil {
				t.Fatalf("two rows of stream %d", ssrc)
			}
			found = s
		}
	}
	if found == nil {
		t.Fatalf("no row of stream %d", ssrc)
	}
	return found
}

// heard are the intervals of a stream that had packets.
func (f *feed) heard(ssrc uint32) []*record.Interval {
	var out []*record.Interval
	for _, r := range f.intervals {
		if r.SSRC == ssrc && r.Packets > 0 {
			out = append(out, r)
		}
	}
	return out
}

func (f *feed) call(t *testing.T, id string) *record.Call {
	t.Helper()
	for _, c := range f.calls {
		if c.CallID == id {
			return c
		}
	}
	t.Fatalf("no row of call %s", id)
	return nil
}

// tickAt is the collector's clock.
func tickAt(after time.Duration) *packet.Packet {
	return &packet.Packet{Time: began.Add(after), Kind: packet.KindTick}
}

package thin

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

var (
	began = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	phone = netip.MustParseAddrPort("198.51.100.1:5060")
	proxy = netip.MustParseAddrPort("192.0.2.1:5060")
)

func request(method, callID, uri, from, to string) string {
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\nFrom: <%s>;tag=1\r\nTo: <%s>\r\n"+
		"Call-ID: %s\r\nCSeq: 1 %s\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", method, uri, from, to, callID, method)
}

// response answers a request.
func response(request string) string {
	_, headers, _ := strings.Cut(request, "\r\n")
	return "SIP/2.0 200 OK\r\n" + headers
}

func take(f *Filter, src, dst netip.AddrPort, payload string) (Reason, string) {
	p := packet.Packet{Time: began, Src: src, Dst: dst, Kind: packet.KindSIP, Payload: []byte(payload)}
	var m sip.Message
	if !m.Parse(p.Payload) {
		return f.Message(&p, nil), string(p.Payload)
	}
	return f.Message(&p, &m), string(p.Payload)
}

func TestNothingToDo(t *testing.T) {
	if f := New(Options{Keep: 3, Key: []byte("unused")}); f != nil {
		t.Errorf("there is a filter: %+v", f)
	}
}

func TestMessage(t *testing.T) {
	invite := request("INVITE", "a", "sip:300@example.com", "sip:100@example.com", "sip:200@example.com")
	for _, c := range []struct {
		name    string
		opt     Options
		message string
		want    Reason
	}{
		{"method", Options{Methods: []string{"OPTIONS", "INVITE"}}, invite, Method},
		{"response", Options{Methods: []string{"INVITE"}}, response(invite), Method},
		{"other method", Options{Methods: []string{"ACK", "invite"}}, invite, Kept},
		{"source", Options{Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}, invite, Address},
		{"destination", Options{Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}, invite, Address},
		{"other address", Options{Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/32")}}, invite, Kept},
		{"caller", Options{Users: []*regexp.Regexp{regexp.MustCompile("^1")}}, invite, User},
		{"callee", Options{Users: []*regexp.Regexp{regexp.MustCompile("^9"), regexp.MustCompile("^200$")}}, response(invite), User},
		{"Request-URI", Options{Users: []*regexp.Regexp{regexp.MustCompile("^3")}}, invite, User},
		{"no user", Options{Users: []*regexp.Regexp{regexp.MustCompile("example")}}, invite, Kept},
		{"no call", Options{Sample: 1}, strings.Replace(invite, "Call-ID: a\r\n", "", 1), Kept},
		{"unreadable", Options{Methods: []string{"INVITE"}, Users: []*regexp.Regexp{regexp.MustCompile(".")}, Sample: 1}, "\x00", Kept},
		{"unreadable, to be masked", Options{Mask: MaskStar}, "\x00", Unmaskable},
		{"headers beyond the index", Options{Mask: MaskStar}, strings.Replace(invite, "Max-", strings.Repeat("X: 1\r\n", 200)+"Max-", 1), Unmaskable},
	} {
		f := New(c.opt)
		got, payload := take(f, phone, proxy, c.message)
		if got != c.want || f.Counters.By[c.want] != 1 || payload != c.message {
			t.Errorf("%s: %q, want %q; counters %+v", c.name, got, c.want, f.Counters)
		}
	}
}

// TestUserOfACall: what the Request-URI of an INVITE leaves out is the call,
// with responses and reports, and no other call.
func TestUserOfACall(t *testing.T) {
	f := New(Options{Users: []*regexp.Regexp{regexp.MustCompile("^300$")}})
	invite := request("INVITE", "a", "sip:300@example.com", "sip:100@example.com", "sip:200@example.com")
	bye := request("BYE", "a", "sip:100@198.51.100.1", "sip:200@example.com", "sip:100@example.com")
	other := request("INVITE", "b", "sip:200@example.com", "sip:100@example.com", "sip:200@example.com")
	report := func(call string) Reason {
		return f.Packet(&packet.Packet{Kind: packet.KindReport, CorrelationID: []byte(call)})
	}
	if r := report("a"); r != Kept {
		t.Errorf("report before the call: %s", r)
	}
	for _, m := range []string{invite, response(invite), bye, response(bye)} {
		if r, _ := take(f, phone, proxy, m); r != User {
			t.Errorf("%q for %.20q", r, m)
		}
	}
	if r, _ := take(f, phone, proxy, other); r != Kept || report("a") != User || report("b") != Kept || report("") != Kept {
		t.Errorf("other call: %q; reports %q, %q and %q", r, report("a"), report("b"), report(""))
	}
}

func TestPacket(t *testing.T) {
	f := New(Options{Mask: MaskStar, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	for kind, want := range map[packet.Kind]Reason{
		packet.KindReport: Kept, packet.KindRTCP: Unmaskable /* it is binary */, packet.KindRTPStat: Kept,
		packet.KindXRReport: Unmaskable, packet.KindQoS: Unmaskable, packet.KindLog: Unmaskable,
	} {
		if r := f.Packet(&packet.Packet{Src: phone, Dst: phone, Kind: kind}); r != want {
			t.Errorf("kind %d: %q, want %q", kind, r, want)
		}
		if r := f.Packet(&packet.Packet{Src: phone, Dst: proxy, Kind: kind}); r != Address {
			t.Errorf("kind %d: %q, want an address", kind, r)
		}
	}
}

func TestRTCP(t *testing.T) {
	f := New(Options{Mask: MaskStar, Keep: 3})
	const in = `{"ssrc":12345,"sdes_information":[{"type":1,"text":"12345@10.0.0.1"},{"type":1,"text":"10.0.0.1"},{"type":4,"text" : "+49 30 12345"},{"type":1,"text":"`
	p := packet.Packet{Kind: packet.KindRTCP, Payload: []byte(in)}
	const want = `{"ssrc":12345,"sdes_information":[{"type":1,"text":"**345@10.0.0.1"},{"type":1,"text":"10.0.0.1"},{"type":4,"text" : "+** ** **345"},{"type":1,"text":"`
	if r := f.Packet(&p); r != Kept || string(p.Payload) != want || f.Counters.Masked != 1 {
		t.Errorf("%q: %s, %+v", r, p.Payload, f.Counters)
	}
}

// TestSample has calls whose hash sha256sum tells. With any other hash two
// versions of an agent would sample different calls.
func TestSample(t *testing.T) {
	for _, c := range []struct {
		call  string
		first int // the first percentage at which it is kept
	}{
		{"a", 80},                           // 0xca978112 of 2^32 is 79.1 percent
		{"843817637684230@998sdasdh09", 77}, // 0xc398d515 is 76.4 percent
	} {
		for percent := 1; percent < 100; percent++ {
			r, _ := take(New(Options{Sample: percent}), phone, proxy, request("OPTIONS", c.call, "sip:a@b", "sip:a@b", "sip:a@b"))
			if (r == Kept) != (percent >= c.first) {
				t.Fatalf("%s at %d percent: %q", c.call, percent, r)
			}
		}
	}
}

// TestSampleOfMany keeps the share that it was told, and says of reports
// without a call that it does not know.
func TestSampleOfMany(t *testing.T) {
	f := New(Options{Sample: 10})
	for i := range 10_000 {
		f.Packet(&packet.Packet{Kind: packet.KindReport, CorrelationID: fmt.Appendf(nil, "call-%d", i)})
	}
	if n := f.Counters.By[Kept]; n < 900 || n > 1100 {
		t.Errorf("%d of 10,000 calls are kept, want 1,000", n)
	}
	if r := f.Packet(&packet.Packet{Kind: packet.KindReport}); r != Kept || f.Counters.CallUnknown != 1 {
		t.Errorf("of no call: %q, %+v", r, f.Counters)
	}
}

// TestSampleIsOfCalls: messages of a call, its RTCP and its reports have one
// fate, at every agent, whatever came before.
func TestSampleIsOfCalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		percent := rapid.IntRange(1, 99).Draw(t, "percent")
		calls := rapid.SliceOfN(rapid.StringMatching(`[!-9;-~]{1,40}`), 1, 5).Draw(t, "calls")
		agents := [...]*Filter{New(Options{Sample: percent}), New(Options{Sample: percent, Mask: MaskHash, SDPOnly: true})}
		fate := map[string]Reason{}
		for range rapid.IntRange(1, 60).Draw(t, "packets") {
			call := rapid.SampledFrom(calls).Draw(t, "call")
			f := agents[rapid.IntRange(0, 1).Draw(t, "agent")]
			var r Reason
			switch message := request(rapid.SampledFrom([]string{"INVITE", "ACK", "BYE", "REFER"}).Draw(t, "method"), call, "sip:1@a", "sip:1@a", "sip:2@a"); rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				r, _ = take(f, phone, proxy, message)
			case 1:
				r, _ = take(f, proxy, phone, response(message))
			case 2:
				r = f.Packet(&packet.Packet{Kind: packet.KindRTCP, CorrelationID: []byte(call), Payload: []byte("{}")})
			default:
				r = f.Packet(&packet.Packet{Kind: packet.KindReport, CorrelationID: []byte(call)})
			}
			if before, ok := fate[call]; ok && before != r || r != Kept && r != Sample {
				t.Fatalf("call %q: %q and %q", call, before, r)
			}
			fate[call] = r
		}
	})
}

func TestCallsAreBounded(t *testing.T) {
	c := newCalls(10)
	for i := range uint64(1000) {
		if c.add(i); len(c.young)+len(c.old) > 20 || !c.has(i) {
			t.Fatalf("call %d: %d and %d", i, len(c.young), len(c.old))
		}
		if !c.has(0) {
			t.Fatalf("call 0, which is asked for all the time, is forgotten at %d", i)
		}
	}
	if c.has(500) {
		t.Error("call 500 is remembered")
	}
}

// TestAllocations: a filter that is there costs none either.
func TestAllocations(t *testing.T) {
	b := []byte(request("INVITE", "a", "sip:+4930123456@example.com", "sip:+4930123456@example.com", "sip:+4930654321@example.com"))
	f := New(Options{
		Methods: []string{"OPTIONS"}, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Users: []*regexp.Regexp{regexp.MustCompile("^99")},
		Sample: 99, Rate: 1e6, Mask: MaskHash, Key: []byte("0123456789abcdef"), Keep: 3,
	})
	var m sip.Message
	if n := testing.AllocsPerRun(100, func() {
		p := packet.Packet{Time: began, Src: phone, Dst: proxy, Payload: b}
		m.Parse(b)
		if f.Message(&p, &m) != Kept || &p.Payload[0] == &b[0] {
			t.Fatal("not masked")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

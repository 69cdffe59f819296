package packet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// conn makes the frames of one direction of a TCP connection.
type conn struct {
	src, dst uint16
	isn      uint32
	t        time.Time
}

func (c *conn) frame(seq uint32, flags byte, data string) *Frame {
	b := be.AppendUint16(nil, c.src)
	b = be.AppendUint16(b, c.dst)
	b = be.AppendUint32(b, seq)
	b = be.AppendUint32(b, 0)
	b = append(b, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, data...)
	f := frame(LinkEthernet, ether(etherIPv4, ip4(protoTCP, a4, b4, b)))
	c.t = c.t.Add(time.Millisecond)
	f.Time = c.t
	return f
}

// at is a segment whose data begins at offset of the stream.
func (c *conn) at(offset int, data string) *Frame {
	return c.frame(c.isn+1+uint32(offset), 0x18, data)
}

func (c *conn) syn() *Frame           { return c.frame(c.isn, flagSYN, "") }
func (c *conn) fin(offset int) *Frame { return c.frame(c.isn+1+uint32(offset), 0x10|flagFIN, "") }

func newConn() *conn { return &conn{src: 5070, dst: 5060, isn: 1000, t: epoch} }

// request makes a message of n body bytes.
func request(i, n int) string {
	return fmt.Sprintf("INVITE sip:b@example.com SIP/2.0\r\nCall-ID: %d\r\nContent-Length: %d\r\n\r\n%s", i, n, strings.Repeat("v", n))
}

// payloads decodes frames, and Flush if asked, and returns copies of the payloads.
func payloads(d *Decoder, flush bool, frames ...*Frame) (got []string) {
	for _, f := range frames {
		for _, p := range d.Decode(f) {
			got = append(got, string(p.Payload))
		}
	}
	if flush {
		for _, p := range d.Flush() {
			got = append(got, string(p.Payload))
		}
	}
	return got
}

func checkPayloads(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSIPOverTCP(t *testing.T) {
	m1, m2, m3 := request(1, 0), request(2, 100), request(3, 7)
	reply := "SIP/2.0 200 OK\r\nl: 3\r\n\r\nabc"
	for _, c := range []struct {
		name  string
		parts []string // consecutive segments
		want  []string
	}{
		{"one", []string{m1}, []string{m1}},
		{"several in a segment", []string{m1 + m2 + reply}, []string{m1, m2, reply}},
		{"split everywhere", strings.Split(m2, ""), []string{m2}},
		{"split in the body", []string{m2[:len(m2)-50], m2[len(m2)-50:] + m1[:10], m1[10:]}, []string{m2, m1}},
		{"keep-alives", []string{"\r\n\r\n", "\r\n", m1, "\r\n\r\n" + m3}, []string{m1, m3}},
		{"compact", []string{reply + reply}, []string{reply, reply}},
		{"folded length", []string{"BYE sip:a SIP/2.0\r\nContent-Length:\r\n  2\r\n\r\nok" + m1}, []string{"BYE sip:a SIP/2.0\r\nContent-Length:\r\n  2\r\n\r\nok", m1}},
		{"space before the colon", []string{"BYE sip:a SIP/2.0\r\ncontent-length \t: 2\r\n\r\nok" + m1}, []string{"BYE sip:a SIP/2.0\r\ncontent-length \t: 2\r\n\r\nok", m1}},
		{"bare LF", []string{"BYE sip:a SIP/2.0\nl: 2\n\nok" + m1}, []string{"BYE sip:a SIP/2.0\nl: 2\n\nok", m1}},
		{"no length", []string{"BYE sip:a SIP/2.0\r\nCall-ID: l: 5\r\n\r\n" + m1}, []string{"BYE sip:a SIP/2.0\r\nCall-ID: l: 5\r\n\r\n", m1}},
		{"a length that is no number", []string{"BYE sip:a SIP/2.0\r\nl: -5\r\n\r\n" + m1}, []string{"BYE sip:a SIP/2.0\r\nl: -5\r\n\r\n", m1}},
		{"too short a length", []string{"BYE sip:a SIP/2.0\r\nl: 2\r\n\r\nlonger body\r\n" + m1}, []string{"BYE sip:a SIP/2.0\r\nl: 2\r\n\r\nlo", m1}},
		{"beyond the budget", []string{"BYE sip:a SIP/2.0\r\nl: 99999999999999999999\r\n\r\n", m1}, []string{"BYE sip:a SIP/2.0\r\nl: 99999999999999999999\r\n\r\n", m1}},
		{"proxy protocol", []string{"PROXY TCP4 10.0.0.1 10.0.0.2 5 6\r\n" + m1}, []string{m1}},
		{"unknown method, odd URI", []string{"FOO-1 x y  SIP/7.0 \r\n\r\n"}, []string{"FOO-1 x y  SIP/7.0 \r\n\r\n"}},
		{"within the headers of a message", []string{m1[20:] + m2 + m3}, []string{m2, m3}},
		{"within a body", []string{m2[len(m2)-50:], m3}, []string{m3}},
		{"body cut by the end", []string{m1, m2[:len(m2)-1]}, []string{m1, m2[:len(m2)-1]}},
		{"headers cut by the end", []string{m1, m2[:20]}, []string{m1}},
	} {
		for _, joined := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " joined ", joined), func(t *testing.T) {
				k := newConn()
				d := NewDecoder(Options{})
				var frames []*Frame
				if !joined {
					frames = append(frames, k.syn())
				}
				at := 0
				for _, p := range c.parts {
					frames = append(frames, k.at(at, p), k.at(at, p)) // each one twice
					at += len(p)
				}
				checkPayloads(t, payloads(d, true, frames...), c.want...)
				balanced(t, d)
				if s := d.Stats(); s.Held != 0 || s.TCPStreams != 0 || d.streamBytes != 0 {
					t.Errorf("held after Flush: %+v, %d bytes", s, d.streamBytes)
				}
			})
		}
	}
}

func TestTCPPacketFields(t *testing.T) {
	k, d := newConn(), NewDecoder(Options{})
	m := request(1, 10)
	d.Decode(k.syn())
	d.Decode(k.at(0, m[:30]))
	f := k.at(30, m[30:])
	p := one(t, d, f)
	if !p.Time.Equal(f.Time) || p.Transport != TCP || p.Kind != KindSIP || p.TTL != 61 || p.DSCP != 46 ||
		p.Src.String() != a4+":5070" || p.Dst.String() != b4+":5060" {
		t.Errorf("%+v", p)
	}
}

// TestGapIsGivenUp loses a segment for good: the messages after it come after
// GapWait, by the next frame of any kind or by Advance.
func TestGapIsGivenUp(t *testing.T) {
	// A start line is found again only where a line begins.
	m1, m2, m3 := request(1, 50)+"\r\n", request(2, 50), request(3, 0)
	text := m1 + m2 + m3
	lost := len(m1) + len(m2) - 20 // within the body of m2, up to the end of it
	k, d := newConn(), NewDecoder(Options{})
	checkPayloads(t, payloads(d, false, k.syn(), k.at(0, text[:lost]), k.at(len(m1)+len(m2), m3)), request(1, 50))
	if ps := d.Advance(k.t.Add(time.Second)); len(ps) != 0 {
		t.Errorf("given up after a second: %q", ps[0].Payload)
	}
	var got []string
	for _, p := range d.Advance(k.t.Add(3 * time.Second)) {
		got = append(got, string(p.Payload))
	}
	checkPayloads(t, got, text[len(m1):lost], m3) // headers and half a body, then the next
	balanced(t, d)
	if s := d.Stats(); s.TCPGaps != 1 || s.Cut != 1 || s.Held != 0 {
		t.Errorf("%+v", s)
	}

	// The same with headers that are not whole.
	k, d = newConn(), NewDecoder(Options{})
	frames := []*Frame{k.syn(), k.at(0, m1[:40]), k.at(60, m1[60:]+m2)}
	k.t = k.t.Add(10 * time.Second)
	frames = append(frames, k.at(len(m1)+len(m2), m3))
	checkPayloads(t, payloads(d, false, frames...), m2, m3)
	balanced(t, d)
	if u := d.Undecoded(); u[ReasonTCPGap] != 1 {
		t.Errorf("%v", u)
	}
}

// TestSnapLength cuts each segment: the stream breaks and begins anew at once.
func TestSnapLength(t *testing.T) {
	k, d := newConn(), NewDecoder(Options{})
	m := request(1, 500)
	var got []string
	for i := range 3 {
		f := k.at(i*len(m), m)
		f.Data = f.Data[:len(f.Data)-100]
		for _, p := range d.Decode(f) {
			got = append(got, string(p.Payload))
		}
	}
	checkPayloads(t, got, m[:len(m)-100], m[:len(m)-100], m[:len(m)-100])
	balanced(t, d)
	if s := d.Stats(); s.Cut != 3 {
		t.Errorf("%+v", s)
	}
}

func TestForeignStreams(t *testing.T) {
	for _, c := range []struct {
		name string
		data []string
		want Reason
	}{
		{"tls", []string{"\x16\x03\x01\x02\x00\x01\x00", "more"}, ReasonTLS},
		{"tls, joined", []string{"\x17\x03\x03\x02\x00\x01\x00", "more"}, ReasonTLS},
		{"stun", []string{"\x00\x01\x00\x00\x21\x12\xa4\x42transaction.", "more"}, ReasonTCPSTUN},
		{"ice", []string{"\x00\x14\x00\x01\x00\x00\x21\x12\xa4\x42transaction.", "more"}, ReasonTCPSTUN},
		{"http", slices.Repeat([]string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, 20), ReasonTCPNotSIP},
		{"binary", slices.Repeat([]string{"\x00\x01\x02\x03\xff"}, 20), ReasonTCPNotSIP},
		{"text without lines", slices.Repeat([]string{"word "}, 3000), ReasonTCPNotSIP},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, d := newConn(), NewDecoder(Options{})
			var frames []*Frame
			at := 0
			for _, s := range c.data {
				frames = append(frames, k.at(at, s))
				at += len(s)
			}
			frames = append(frames, k.fin(at))
			checkPayloads(t, payloads(d, false, frames...))
			balanced(t, d)
			s := d.Stats()
			if s.Undecoded[c.want] != uint64(len(c.data)) || s.Control != 1 {
				t.Errorf("%+v", s)
			}
			if d.streamBytes != 0 {
				t.Errorf("%d bytes held", d.streamBytes)
			}
		})
	}
}

// TestForeignStreamReturns has SIP on a connection that looked like something
// else for long.
func TestForeignStreamReturns(t *testing.T) {
	k, d := newConn(), NewDecoder(Options{})
	var frames []*Frame
	for i := range 20 {
		frames = append(frames, k.at(i*5, "\x00\x01\x02\x03\xff"))
	}
	m1, m2 := request(1, 10), request(2, 10)
	frames = append(frames, k.at(100, m1+m2[:9]), k.at(100+len(m1)+9, m2[9:]))
	checkPayloads(t, payloads(d, false, frames...), m1, m2)
	balanced(t, d)
}

func TestCloseAndReuse(t *testing.T) {
	m1, m2 := request(1, 10), request(2, 10)
	k, d := newConn(), NewDecoder(Options{})
	frames := []*Frame{
		k.syn(), k.at(0, m1), k.fin(len(m1)),
		k.at(0, m1), k.fin(len(m1)), // sent again: not a second message
	}
	k.isn = 77777
	frames = append(frames, k.syn(), k.syn(), k.at(0, m2), k.frame(k.isn+1+uint32(len(m2)), flagRST, ""))
	k.isn = 1 << 31 // the SYN was missed
	frames = append(frames, k.at(0, m1))
	checkPayloads(t, payloads(d, false, frames...), m1, m2, m1)
	balanced(t, d)

	// The FIN comes before the data that it follows.
	k, d = newConn(), NewDecoder(Options{})
	checkPayloads(t, payloads(d, false, k.syn(), k.fin(len(m1)), k.at(20, m1[20:]), k.at(0, m1[:20])), m1)
	if s := d.Stats(); s.Held != 0 {
		t.Errorf("%+v", s)
	}
}

// TestLateSYN has the capture show data before the SYN.
func TestLateSYN(t *testing.T) {
	k, d := newConn(), NewDecoder(Options{})
	m := request(1, 100)
	checkPayloads(t, payloads(d, false, k.at(0, m[:50]), k.syn(), k.at(50, m[50:])), m)
}

func TestHEPOverTCP(t *testing.T) {
	hep := func(n int) string {
		return "HEP3" + string(be.AppendUint16(nil, uint16(n))) + strings.Repeat("x", n-6)
	}
	k, d := newConn(), NewDecoder(Options{})
	k.dst = 9060
	text := hep(20) + hep(6) + "garbage" + hep(65535) + "HEP3\x00\x05" + hep(30)
	var frames []*Frame
	for at := 0; at < len(text); at += 1000 {
		frames = append(frames, k.at(at, text[at:min(len(text), at+1000)]))
	}
	checkPayloads(t, payloads(d, false, frames...), hep(20), hep(6), hep(65535), hep(30))
	balanced(t, d)
	if p := one(t, d, k.at(len(text), hep(9))); p.Kind != KindUnknown || p.Transport != TCP {
		t.Errorf("%+v", p)
	}
}

func TestStreamBudgets(t *testing.T) {
	// A header section that never ends.
	k, d := newConn(), NewDecoder(Options{StreamBytes: 10000})
	k.src = 1
	first := "INVITE sip:a SIP/2.0\r\n"
	frames := []*Frame{k.syn(), k.at(0, first)}
	line := "X: " + strings.Repeat("y", 495) + "\r\n"
	for i := range 100 {
		frames = append(frames, k.at(len(first)+i*len(line), line))
	}
	m := request(1, 0)
	frames = append(frames, k.at(len(first)+100*len(line), m))
	checkPayloads(t, payloads(d, false, frames...), m)
	balanced(t, d)
	if u := d.Undecoded(); u[ReasonTCPBudget] < 20 || d.streamBytes > 10000 {
		t.Errorf("%v, %d bytes held", u, d.streamBytes)
	}

	// A flood of connections does not push out the one that speaks SIP.
	d = NewDecoder(Options{Streams: 100})
	sip := newConn()
	got := payloads(d, false, sip.syn(), sip.at(0, m+m[:10]))
	for i := range 5000 {
		flood := conn{src: uint16(10000 + i), dst: 5060, isn: 5, t: sip.t}
		got = append(got, payloads(d, false, flood.syn(), flood.at(0, "INVITE sip:"))...)
	}
	got = append(got, payloads(d, false, sip.at(len(m)+10, m[10:]))...)
	checkPayloads(t, got, m, m)
	balanced(t, d)
	if s := d.Stats(); s.TCPStreams != 100 || s.TCPEvicted != 4901 {
		t.Errorf("%+v", s)
	}

	// All streams together hold no more than they may.
	d = NewDecoder(Options{AllStreamBytes: 50000})
	for i := range 1000 {
		c := conn{src: uint16(10000 + i), dst: 5060, isn: 5, t: epoch}
		payloads(d, false, c.syn(), c.at(0, request(1, 900)[:900]))
		if d.streamBytes > 50000 {
			t.Fatalf("%d bytes held", d.streamBytes)
		}
	}
	balanced(t, d)
}

func TestStreamsExpire(t *testing.T) {
	k, d := newConn(), NewDecoder(Options{})
	d.Decode(k.syn())
	d.Decode(k.at(0, request(1, 100)[:100]))
	d.Advance(k.t.Add(11 * time.Minute))
	if s := d.Stats(); s.TCPStreams != 0 || s.Held != 0 {
		t.Errorf("%+v", s)
	}
	balanced(t, d)
}

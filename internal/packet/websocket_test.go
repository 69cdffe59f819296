package packet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	clientHandshake = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, SIP\r\nSec-WebSocket-Version: 13\r\n\r\n"
	serverHandshake = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

// webFrame makes a frame of RFC 6455; the first byte has FIN, RSV and opcode.
func webFrame(first byte, mask, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = be.AppendUint16(append(b, 126), uint16(n))
	default:
		b = be.AppendUint64(append(b, 127), uint64(n))
	}
	if mask == "" {
		return string(b) + payload
	}
	b[1] |= bitMask
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i&3])
	}
	return string(b)
}

func TestSIPOverWebSocket(t *testing.T) {
	m1, m2, long := request(1, 0), request(2, 100), request(3, 70000)
	text := func(m string) string { return webFrame(bitFIN|opText, "", m) }
	masked := func(m string) string { return webFrame(bitFIN|opText, "\x12\x34\xab\xcd", m) }
	pieces := func(m, between string) string { // three fragments
		return webFrame(opText, "abcd", m[:5]) + between + webFrame(opContinuation, "", m[5:50]) + between + webFrame(bitFIN|opContinuation, "dcba", m[50:])
	}
	ping, pong, closing := webFrame(bitFIN|9, "1234", "are you there"), webFrame(bitFIN|opPong, "", ""), webFrame(bitFIN|opClose, "1234", "\x03\xe8")
	noLength := "BYE sip:a SIP/2.0\r\nCall-ID: x\r\n\r\nbody"
	for _, c := range []struct {
		name  string
		parts []string // consecutive segments
		want  []string
	}{
		{"server", []string{serverHandshake, text(m1), text(m2)}, []string{m1, m2}},
		{"client", []string{clientHandshake, masked(m1), masked(m2)}, []string{m1, m2}},
		{"handshake with the first frame", []string{clientHandshake + masked(m1)}, []string{m1}},
		{"handshake in pieces", []string{clientHandshake[:3], clientHandshake[3:100], clientHandshake[100:] + masked(m1)[:1], masked(m1)[1:]}, []string{m1}},
		{"joined", []string{masked(m1), masked(m2)}, []string{m1, m2}},
		{"joined, unmasked", []string{text(m1), text(m2)}, []string{m1, m2}},
		{"joined within a frame", []string{masked(m1)[20:], masked(m2)}, []string{m2}},
		{"binary", []string{serverHandshake, webFrame(bitFIN|opBinary, "", m1)}, []string{m1}},
		{"many in a segment", []string{serverHandshake + text(m1) + text(m2) + text(m1)}, []string{m1, m2, m1}},
		{"64 bit length", []string{clientHandshake, masked(long)[:30000], masked(long)[30000:60000], masked(long)[60000:]}, []string{long}},
		{"fragments", []string{clientHandshake, pieces(m2, ""), pieces(m2, "")}, []string{m2, m2}},
		{"control between fragments", []string{clientHandshake, pieces(m2, ping+pong)}, []string{m2}},
		{"split everywhere", append([]string{clientHandshake}, strings.Split(pieces(m2, ping)+masked(m1), "")...), []string{m2, m1}},
		{"keep-alives", []string{clientHandshake, ping, masked("\r\n\r\n"), masked("\r\n") + masked(m1), closing}, []string{m1}},
		{"without Content-Length", []string{serverHandshake, text(noLength) + text(m1)}, []string{noLength, m1}},
		{"text that is no SIP", []string{clientHandshake, masked(`{"a":1}`), masked(m1)}, []string{m1}},
		{"compressed", []string{clientHandshake, webFrame(bitFIN|bitRSV1|opText, "abcd", "zzzz"), masked(m1)}, []string{m1}},
		{"compressed fragments", []string{clientHandshake, webFrame(bitRSV1|opText, "", "zz") + webFrame(bitFIN|opContinuation, "", "INVITE sip:a SIP/2.0\r\n\r\n"), masked(m1)}, []string{m1}},
		{"a frame of 2^63 bytes", []string{clientHandshake, "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00abcd" + m2, masked(m1)}, []string{m1}},
		{"a frame beyond the budget", []string{clientHandshake, "\x82\xff\x00\x00\x00\x00\x10\x00\x00\x00abcd" + m2, masked(m1)}, []string{m1}},
		{"a continuation of nothing", []string{clientHandshake, webFrame(bitFIN|opContinuation, "", m1), masked(m2)}, []string{m2}},
		{"a reserved opcode", []string{clientHandshake, webFrame(bitFIN|5, "", m1), masked(m2)}, []string{m2}},
		{"cut by the end", []string{clientHandshake, masked(m2)[:len(masked(m2))-7]}, []string{m2[:len(m2)-7]}},
		{"headers cut by the end", []string{clientHandshake, masked(m2)[:30]}, nil},
	} {
		for _, joined := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " joined ", joined), func(t *testing.T) {
				k, d := newConn(), NewDecoder(Options{})
				var frames []*Frame
				if !joined {
					frames = append(frames, k.syn())
				}
				at := 0
				for _, p := range c.parts {
					frames = append(frames, k.at(at, p))
					at += len(p)
				}
				checkPayloads(t, payloads(d, true, frames...), c.want...)
				balanced(t, d)
				if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 || s.Undecoded[ReasonMalformed] != 0 {
					t.Errorf("held after Flush: %+v, %d bytes", s, d.streamBytes)
				}
			})
		}
	}
}

// TestWebSocketCounters: each frame of the capture stands where it belongs.
func TestWebSocketCounters(t *testing.T) {
	masked := func(first byte, m string) string { return webFrame(first, "wxyz", m) }
	k, d := newConn(), NewDecoder(Options{})
	at := 0
	send := func(text string) []Packet {
		ps := d.Decode(k.at(at, text))
		at += len(text)
		return ps
	}
	d.Decode(k.syn())
	send(clientHandshake)
	send(masked(bitFIN|9, ""))
	send(masked(bitFIN|opText, "\r\n\r\n"))
	send(masked(bitFIN|bitRSV1|opText, "deflated"))
	send(masked(bitFIN|opText, "[]"))
	ps := send(masked(bitFIN|opText, request(1, 10)))
	if len(ps) != 1 || ps[0].Transport != WS || ps[0].Kind != KindSIP {
		t.Fatalf("%+v", ps)
	}
	balanced(t, d)
	if s := d.Stats(); s.Decoded != 1 || s.Control != 4 || s.Undecoded[ReasonWebSocketDeflate] != 1 || s.Undecoded[ReasonWebSocket] != 1 {
		t.Errorf("%+v", s)
	}
}

// TestForeignWebSocket is a connection that carries something else: it is left
// soon, and holds nothing.
func TestForeignWebSocket(t *testing.T) {
	k, d := newConn(), NewDecoder(Options{})
	handshake := strings.Replace(clientHandshake, "chat, SIP", "mqtt", 1)
	frames := []*Frame{k.syn(), k.at(0, handshake)}
	at := len(handshake)
	for range 10 {
		f := webFrame(bitFIN|opBinary, "wxyz", "\x10\x20mqtt")
		frames = append(frames, k.at(at, f))
		at += len(f)
	}
	checkPayloads(t, payloads(d, false, frames...))
	balanced(t, d)
	if s := d.Stats(); s.Undecoded[ReasonWebSocket] != 10 || d.streamBytes != 0 {
		t.Errorf("%+v", s)
	}
}

// TestWebSocketGap loses a segment: frames are found again where a segment
// begins with one that begins a message.
func TestWebSocketGap(t *testing.T) {
	m := request(1, 100)
	f := webFrame(bitFIN|opText, "wxyz", m)
	k, d := newConn(), NewDecoder(Options{})
	at := func(i int, text string) *Frame { return k.at(len(clientHandshake)+i*len(f), text) }
	frames := []*Frame{k.syn(), k.at(0, clientHandshake), at(0, f), at(1, f[:60]), at(2, f[30:]), at(3, f), at(4, f)}
	frames[4] = k.at(len(clientHandshake)+2*len(f)+30, f[30:])
	checkPayloads(t, payloads(d, true, frames...), m, m, m)
	balanced(t, d)
	if s := d.Stats(); s.TCPGaps != 1 || s.Held != 0 {
		t.Errorf("%+v", s)
	}
}

// TestWebSocketAnyOrder: messages cut into fragments, with control frames
// between, in segments of any size and order give what was sent.
func TestWebSocketAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := &strings.Builder{}
		text.WriteString(clientHandshake)
		var want []string
		for i := range rapid.IntRange(1, 5).Draw(t, "messages") {
			m := request(i, rapid.IntRange(0, 300).Draw(t, "body"))
			want = append(want, m)
			first := byte(rapid.SampledFrom([]int{opText, opBinary}).Draw(t, "opcode"))
			for m != "" {
				n := rapid.IntRange(1, len(m)).Draw(t, "fragment")
				if n == len(m) {
					first |= bitFIN
				}
				text.WriteString(webFrame(first, rapid.SampledFrom([]string{"", "\x00\x00\x00\x00", "\xff\x81\x7e\x20"}).Draw(t, "mask"), m[:n]))
				m, first = m[n:], opContinuation
				text.WriteString(strings.Repeat(webFrame(bitFIN|9, "", "ping"), rapid.IntRange(0, 1).Draw(t, "pings")))
			}
		}
		anyOrder(t, newConn(), NewDecoder(Options{}), text.String(), want, rapid.Uint64().Draw(t, "seed"))
	})
}

// FuzzWebSocket: any bytes after the handshake are bounded, counted once, and
// give the same in any order of their segments as in order.
func FuzzWebSocket(f *testing.F) {
	f.Add([]byte(webFrame(bitFIN|opText, "abcd", request(1, 9))), uint64(1))
	f.Add([]byte(webFrame(opText, "abcd", request(1, 9)[:20])+webFrame(bitFIN|9, "", "x")+webFrame(bitFIN|opContinuation, "", request(1, 9)[20:])), uint64(2))
	f.Add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffabcd"), uint64(3))
	f.Add([]byte(webFrame(bitFIN|bitRSV1|opText, "abcd", "zz")+"\x81"), uint64(4))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		if len(text) > 8000 {
			return
		}
		run := func(shuffle bool) []string {
			k, d := newConn(), NewDecoder(Options{StreamBytes: 64 << 10})
			frames := []*Frame{k.syn(), k.at(0, clientHandshake)}
			r := rand.New(rand.NewPCG(seed, 3))
			for at := 0; at < len(text) && len(frames) < maxQueue; {
				end := min(len(text), at+1+r.IntN(200))
				frames = append(frames, k.at(len(clientHandshake)+at, string(text[at:end])))
				at = end
			}
			if shuffle {
				r.Shuffle(len(frames)-2, func(i, j int) { frames[i+2], frames[j+2] = frames[j+2], frames[i+2] })
			}
			got := payloads(d, true, frames...)
			balanced(t, d)
			if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 {
				t.Fatalf("held: %+v, %d bytes", s, d.streamBytes)
			}
			return got
		}
		if want, got := run(false), run(true); !slices.Equal(got, want) {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	})
}

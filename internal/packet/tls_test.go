package packet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/tlsview"
)

// exchange is what went over a connection, in order, as a tap sees it.
type exchange struct {
	mu    sync.Mutex
	parts []sent
	log   bytes.Buffer // key log
}

type sent struct {
	server bool
	text   string
}

// tapped notes what is written to one end of a connection.
type tapped struct {
	net.Conn
	x      *exchange
	server bool
}

func (c tapped) Write(b []byte) (int, error) {
	c.x.mu.Lock()
	c.x.parts = append(c.x.parts, sent{c.server, string(b)})
	c.x.mu.Unlock()
	return c.Conn.Write(b)
}

// pair is a TCP connection over loopback: unlike a net.Pipe, both ends may write
// at a time.
func pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err == nil {
		server, err = l.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{client, server} {
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return client, server
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"sip.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// talk has crypto/tls speak: each message goes to the server, which answers each.
func talk(t testing.TB, client, server *tls.Config, messages []string) *exchange {
	t.Helper()
	x := &exchange{}
	client.KeyLogWriter, client.ServerName, client.InsecureSkipVerify = &x.log, "sip.example.com", true
	a, b := pair(t)
	done := make(chan error, 1)
	go func() {
		s := tls.Server(tapped{b, x, true}, server)
		buf := make([]byte, 1<<16)
		for range messages {
			n, err := s.Read(buf)
			if err == nil {
				_, err = s.Write([]byte(answerTo(string(buf[:n]))))
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- s.Close()
	}()
	c := tls.Client(tapped{a, x, false}, client)
	buf := make([]byte, 1<<16)
	for _, m := range messages {
		if _, err := c.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAtLeast(c, buf, len(answerTo(m))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Read(buf); !errors.Is(err, io.EOF) {
		t.Fatalf("after the last answer: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return x
}

func answerTo(m string) string {
	return "SIP/2.0 200 OK\r\n" + strings.SplitAfterN(m, "\r\n", 3)[1] + "l: 0\r\n\r\n"
}

// frames cuts an exchange into segments of at most size bytes.
func (x *exchange) frames(size int) []*Frame {
	c, s := newConn(), &conn{src: 5060, dst: 5070, isn: 77, t: epoch}
	at := [2]int{}
	frames := []*Frame{c.syn(), x.frame(s, s.isn, flagSYN, "")}
	for i, p := range x.parts {
		k, n := c, 0
		if p.server {
			k, n = s, 1
		}
		for text := p.text; text != ""; {
			cut := min(size, len(text))
			f := x.frame(k, k.isn+1+uint32(at[n]), 0x18, text[:cut])
			f.Time = epoch.Add(time.Duration(i) * time.Millisecond)
			frames = append(frames, f)
			text, at[n] = text[cut:], at[n]+cut
		}
	}
	for n, k := range []*conn{c, s} {
		frames = append(frames, x.frame(k, k.isn+1+uint32(at[n]), 0x10|flagFIN, ""))
	}
	return frames
}

// frame is one of a connection; those of the server go back.
func (x *exchange) frame(k *conn, seq uint32, flags byte, text string) *Frame {
	f := k.frame(seq, flags, text)
	if k.src == 5060 {
		src, dst := slices.Clone(f.Data[14+12:14+16]), slices.Clone(f.Data[14+16:14+20])
		copy(f.Data[14+12:], dst)
		copy(f.Data[14+16:], src)
	}
	return f
}

func (x *exchange) keys() *tlsview.Keys {
	k := tlsview.NewKeys()
	k.Add(x.log.Bytes(), epoch)
	return k
}

// dialog is n messages, and what a tap sees of them and their answers.
func tlsDialog(n int) (messages, all []string) {
	for i := range n {
		m := request(i, 100*i)
		messages = append(messages, m)
		all = append(all, m, answerTo(m))
	}
	return messages, all
}

func TestSIPOverTLS(t *testing.T) {
	messages, want := tlsDialog(5)
	cert := certificate(t)
	one := func(version, suite uint16) func() (client, server *tls.Config) {
		return func() (client, server *tls.Config) {
			client = &tls.Config{MinVersion: version, MaxVersion: version}
			if suite != 0 {
				client.CipherSuites = []uint16{suite}
			}
			return client, &tls.Config{Certificates: []tls.Certificate{cert}}
		}
	}
	for name, configs := range map[string]func() (client, server *tls.Config){
		"1.2 AES-128-GCM":       one(tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
		"1.2 AES-256-GCM":       one(tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
		"1.2 CHACHA20-POLY1305": one(tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
		"1.3":                   one(tls.VersionTLS13, 0),
		"1.3 HelloRetryRequest": func() (client, server *tls.Config) {
			client, server = one(tls.VersionTLS13, 0)()
			client.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384}
			server.CurvePreferences = []tls.CurveID{tls.CurveP384}
			return client, server
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := configs()
			x := talk(t, client, server, messages)
			for _, size := range []int{1400, 333, 7, 1} {
				d := NewDecoder(Options{TLSKeys: x.keys()})
				var got []string
				for _, f := range x.frames(size) {
					for _, p := range d.Decode(f) {
						if p.Transport != TLS || p.Kind != KindSIP || !p.Time.Equal(f.Time) {
							t.Fatalf("%+v", p)
						}
						got = append(got, string(p.Payload))
					}
				}
				checkPayloads(t, got, want...)
				balanced(t, d)
				if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 || s.Undecoded.Total() != 0 {
					t.Errorf("segments of %d: %+v, %d bytes", size, s, d.streamBytes)
				}
			}
			// Without secrets, with those of another session, and with half of them.
			x.log.Reset()
			unreadable(t, x, nil)
			unreadable(t, x, tlsview.NewKeys())
			unreadable(t, x, hopeful())
		})
	}
}

// hopeful are keys of which none have come yet.
func hopeful() *tlsview.Keys {
	k := tlsview.NewKeys()
	tlsview.NewKeyLog("", k)
	return k
}

// unreadable: TLS without secrets is counted and nothing else.
func unreadable(t *testing.T, x *exchange, keys *tlsview.Keys) {
	t.Helper()
	d := NewDecoder(Options{TLSKeys: keys})
	checkPayloads(t, payloads(d, true, x.frames(1400)...))
	balanced(t, d)
	if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 || s.Undecoded[ReasonTLS] == 0 || s.Undecoded[ReasonTLS] != s.Undecoded.Total() {
		t.Errorf("%+v, %d bytes", s, d.streamBytes)
	}
}

// TestTLSResumption resumes a session by PSK. (For 1.2, crypto/tls writes no line
// of a resumed session; OpenSSL does, see TestTLSAgainstOpenSSL in cmd/earshot.)
func TestTLSResumption(t *testing.T) {
	messages, want := tlsDialog(2)
	cache := tls.NewLRUClientSessionCache(1)
	server := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	for range 2 {
		x := talk(t, &tls.Config{MinVersion: tls.VersionTLS13, ClientSessionCache: cache}, server, messages)
		checkPayloads(t, payloads(NewDecoder(Options{TLSKeys: x.keys()}), false, x.frames(1400)...), want...)
	}
}

// TestTLSKeysLate: secrets that come within the time give everything with its own
// time, in order; those that come later are too late, and nothing is held.
func TestTLSKeysLate(t *testing.T) {
	messages, want := tlsDialog(3)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		x := talk(t, &tls.Config{MinVersion: version, MaxVersion: version}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}}, messages)
		for _, late := range []bool{false, true} {
			keys := hopeful()
			d := NewDecoder(Options{TLSKeys: keys})
			checkPayloads(t, payloads(d, false, x.frames(1400)...))
			wait := tlsKeyWait - time.Second
			if late {
				wait += 2 * time.Second
				d.Advance(epoch.Add(wait))
				if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 || d.tlsWaiting.Len() != 0 {
					t.Errorf("held: %+v, %d bytes", s, d.streamBytes)
				}
			}
			keys.Add(x.log.Bytes(), epoch)
			var got []string
			last := epoch
			for _, p := range d.Advance(epoch.Add(wait)) {
				got = append(got, string(p.Payload))
				if p.Time.Before(last) || p.Time.After(epoch.Add(time.Second)) {
					t.Errorf("time %v after %v", p.Time, last)
				}
				last = p.Time
			}
			if late {
				checkPayloads(t, got)
			} else {
				checkPayloads(t, got, want...)
			}
			balanced(t, d)
			if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 {
				t.Errorf("held: %+v, %d bytes", s, d.streamBytes)
			}
		}
	}
}

// TestTLSGap loses one segment after the other: all that is whole behind it is read.
func TestTLSGap(t *testing.T) {
	messages, want := tlsDialog(6)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		x := talk(t, &tls.Config{MinVersion: version, MaxVersion: version}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}}, messages)
		frames := x.frames(1400)
		for lost := 2 + 8; lost < len(frames)-2; lost++ { // after the handshake
			d := NewDecoder(Options{TLSKeys: x.keys()})
			got := payloads(d, true, slices.Delete(slices.Clone(frames), lost, lost+1)...)
			if len(got) < len(want)-1 {
				t.Errorf("version %x, without frame %d: %d of %d messages", version, lost, len(got), len(want))
			}
			balanced(t, d)
		}
	}
}

// overTLS sends texts from client to server.
func overTLS(t *testing.T, texts ...string) *exchange {
	t.Helper()
	x := &exchange{}
	a, b := pair(t)
	server := tls.Server(tapped{b, x, true}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, server)
		done <- errors.Join(err, server.Close())
	}()
	client := tls.Client(tapped{a, x, false}, &tls.Config{KeyLogWriter: &x.log, InsecureSkipVerify: true})
	for _, text := range texts {
		if _, err := client.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	client.Close()
	return x
}

// TestTLSContents: CRLF is control (RFC 5626 section 3.5.1), what is no SIP is
// left soon.
func TestTLSContents(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want Reason
		none bool
	}{
		{name: "keep-alives", text: "\r\n\r\n", none: true},
		{name: "http", text: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", want: ReasonTCPNotSIP},
		{name: "mqtt", text: "\x10\x20mqtt..", want: ReasonTCPNotSIP},
		{name: "tls", text: "\x16\x03\x01\x00\x10\x01", want: ReasonTLS},
	} {
		x := overTLS(t, slices.Repeat([]string{c.text}, 20)...)
		d := NewDecoder(Options{TLSKeys: x.keys()})
		checkPayloads(t, payloads(d, true, x.frames(1400)...))
		balanced(t, d)
		u := d.Undecoded()
		if c.none && u.Total() != 0 || !c.none && (u[c.want] == 0 || u[c.want] != u.Total()) {
			t.Errorf("%s: %v", c.name, u)
		}
	}
}

// TestWebSocketOverTLS is wss: what is seen is WebSocket, the Via says WSS.
func TestWebSocketOverTLS(t *testing.T) {
	m := request(1, 50)
	x := overTLS(t, clientHandshake, webFrame(bitFIN|9, "abcd", ""), webFrame(bitFIN|opText, "abcd", m), webFrame(bitFIN|opText, "abcd", "\r\n\r\n"))
	d := NewDecoder(Options{TLSKeys: x.keys()})
	var got []Packet
	for _, f := range x.frames(1400) {
		for _, p := range d.Decode(f) {
			got = append(got, p.Clone())
		}
	}
	if len(got) != 1 || string(got[0].Payload) != m || got[0].Transport != WS {
		t.Errorf("%+v", got)
	}
	balanced(t, d)
	if u := d.Undecoded(); u.Total() != 0 {
		t.Errorf("%v", u)
	}
}

// TestTLSCipher: CBC is refused by name.
func TestTLSCipher(t *testing.T) {
	messages, _ := tlsDialog(2)
	suites := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	x := talk(t, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: suites}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, CipherSuites: suites}, messages)
	d := NewDecoder(Options{TLSKeys: x.keys()})
	checkPayloads(t, payloads(d, true, x.frames(1400)...))
	balanced(t, d)
	if u := d.Undecoded(); u[ReasonTLSCipher] == 0 || u[ReasonTLSCipher] != u.Total() {
		t.Errorf("%v", u)
	}
}

// TestTLSInTunnel: the directions of a connection have tunnels of their own name.
func TestTLSInTunnel(t *testing.T) {
	messages, want := tlsDialog(3)
	x := talk(t, &tls.Config{}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}}, messages)
	frames := x.frames(1000)
	for _, f := range frames {
		outer := ip4(protoIPv4, "192.0.2.1", "192.0.2.2", f.Data[14:])
		if be.Uint16(f.Data[34:]) == 5060 {
			outer = ip4(protoIPv4, "192.0.2.2", "192.0.2.1", f.Data[14:])
		}
		f.Data = ether(etherIPv4, outer)
		f.WireLen = len(f.Data)
	}
	d := NewDecoder(Options{TLSKeys: x.keys()})
	checkPayloads(t, payloads(d, true, frames...), want...)
	balanced(t, d)
	if len(d.tunnelled) != 0 {
		t.Errorf("%d streams are still in tunnels", len(d.tunnelled))
	}
}

// TestTLSFlood: connections whose secrets never come hold little, and little more
// once they are given up.
func TestTLSFlood(t *testing.T) {
	messages, _ := tlsDialog(3)
	x := talk(t, &tls.Config{}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}}, messages)
	d := NewDecoder(Options{TLSKeys: hopeful(), AllStreamBytes: 1 << 20})
	for i := range 2000 {
		for _, f := range x.frames(1400) {
			f = &Frame{Time: f.Time, Link: f.Link, WireLen: f.WireLen, Data: slices.Clone(f.Data)}
			be.PutUint16(f.Data[14+14:], uint16(i))
			be.PutUint16(f.Data[14+18:], uint16(i))
			d.Decode(f)
		}
		if d.streamBytes > 1<<20 {
			t.Fatalf("%d bytes held", d.streamBytes)
		}
	}
	d.Advance(epoch.Add(time.Minute))
	balanced(t, d)
	if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 {
		t.Errorf("%+v, %d bytes", s, d.streamBytes)
	}
}

// FuzzTLS changes an exchange in one place: it is bounded and counted, and what
// is given was sent.
func FuzzTLS(f *testing.F) {
	messages, want := tlsDialog(4)
	var all []*exchange
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		all = append(all, talk(f, &tls.Config{MinVersion: version, MaxVersion: version}, &tls.Config{Certificates: []tls.Certificate{certificate(f)}}, messages))
	}
	f.Add(uint64(1), uint16(5), []byte{0x17, 3, 3, 0xff, 0xff})
	f.Add(uint64(2), uint16(9), []byte{0x14, 3, 3, 0, 1, 1})
	f.Add(uint64(3), uint16(300), []byte{})
	f.Add(uint64(4), uint16(0), []byte{0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, seed uint64, at uint16, edit []byte) {
		r := mrand.New(mrand.NewPCG(seed, 5))
		x := all[seed%2]
		frames := x.frames(20 + r.IntN(1400))
		for i := range frames {
			frames[i].Data = slices.Clone(frames[i].Data)
		}
		keys := hopeful()
		if seed&2 != 0 {
			keys = x.keys()
		}
		i := int(at) % len(frames)
		switch victim := frames[i]; r.IntN(3) {
		case 0:
			copy(victim.Data[min(len(victim.Data), 54+r.IntN(64)):], edit)
		case 1:
			frames = slices.Delete(frames, i, i+1)
		case 2:
			r.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
		}
		d := NewDecoder(Options{TLSKeys: keys, AllStreamBytes: 1 << 18})
		got := []string{}
		for j, f := range frames {
			if j == len(frames)/2 {
				keys.Add(x.log.Bytes(), epoch)
			}
			got = append(got, payloads(d, false, f)...)
			balanced(t, d)
			if d.streamBytes > 1<<18 || d.streamBytes < 0 {
				t.Fatalf("%d bytes held", d.streamBytes)
			}
		}
		got = append(got, payloads(d, true)...)
		balanced(t, d)
		if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 || d.tlsWaiting.Len() != 0 {
			t.Fatalf("after Flush: %+v, %d", s, d.streamBytes)
		}
		for _, m := range got {
			if !slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(w, m) }) && len(edit) == 0 {
				t.Fatalf("%q was not sent", m)
			}
		}
	})
}

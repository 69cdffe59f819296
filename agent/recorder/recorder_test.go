package recorder

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/scrub"
	"github.com/earshot-voip/earshot/internal/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var began = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// deck is a Recorder with what feeds it.
type deck struct {
	*Recorder
	t     *testing.T
	now   time.Time
	flows map[uint32]*Flow
	stop  func()
}

func options(t *testing.T) Options {
	return Options{Dir: filepath.Join(t.TempDir(), "recorder"), Memory: 4 << 20, Span: 10 * time.Minute, Keep: 64 << 20, Scrub: scrub.All()}
}

func start(t *testing.T, o Options) *deck {
	t.Helper()
	d := &deck{Recorder: New(o, slog.New(slog.DiscardHandler)), t: t, now: began, flows: map[uint32]*Flow{}}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(context.Background()) }()
	d.stop = func() {
		d.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		d.stop = func() {}
	}
	t.Cleanup(func() { d.stop() })
	return d
}

func (d *deck) packet(src, dst string, payload []byte) *packet.Packet {
	return &packet.Packet{
		Time: d.now, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst), Transport: packet.UDP, TTL: 61, DSCP: 46, IPID: 7, Payload: payload,
	}
}

func (d *deck) sip(p *packet.Packet) {
	d.t.Helper()
	var m sip.Message
	if !m.Parse(p.Payload) {
		d.t.Fatalf("not SIP: %q", p.Payload)
	}
	d.SIP(p, &m)
}

// speech is a payload that must be nowhere.
var speech = []byte("These bytes are what somebody said.")

func (d *deck) rtp(src, dst string, ssrc uint32, seq uint16) {
	b := append([]byte{0x80, 0, byte(seq >> 8), byte(seq)}, make([]byte, 8)...)
	binary.BigEndian.PutUint32(b[4:], 160*uint32(seq))
	binary.BigEndian.PutUint32(b[8:], ssrc)
	p := d.packet(src, dst, append(b, speech...))
	var h media.RTPHeader
	if !h.Parse(p.Payload) {
		d.t.Fatal("not RTP")
	}
	if d.flows[ssrc] == nil {
		d.flows[ssrc] = &Flow{}
	}
	d.RTP(d.flows[ssrc], p, h.PayloadOffset)
}

func (d *deck) tick(by time.Duration) {
	d.now = d.now.Add(by)
	d.Advance(d.now, nil)
}

// frozen freezes and waits for what the ring has of it.
func (d *deck) freeze(q Request) (Frozen, bool) {
	d.t.Helper()
	name, done, err := d.Freeze(q)
	if err != nil {
		d.t.Fatal(err)
	}
	d.tick(0)
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		d.t.Fatal("nothing was frozen in 20 s")
	}
	return d.find(name)
}

// settle waits until Run has seen all.
func (d *deck) settle(what string, ok func() bool) {
	d.t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		d.rouse()
		time.Sleep(5 * time.Millisecond)
	}
	d.t.Fatalf("in 10 s not: %s", what)
}

func (d *deck) frames(f *Frozen) (all []packet.Packet) {
	d.t.Helper()
	in, err := capture.Open(d.Path(f))
	if err != nil {
		d.t.Fatal(err)
	}
	defer in.Close()
	decoder := packet.NewDecoder(packet.Options{})
	for {
		frame, err := in.Next()
		if err != nil {
			return all
		}
		for _, p := range decoder.Decode(&frame) {
			all = append(all, p.Clone())
		}
	}
}

const (
	alice, bob     = "198.51.100.1:5060", "203.0.113.1:5060"
	aliceRTP, bobs = "198.51.100.1:4000", "203.0.113.1:6000"
)

// text of a message; lines end as they should.
func text(lines ...string) []byte {
	head, body, _ := strings.Cut(strings.Join(lines, "\r\n")+"\r\n", "\r\n\r\n")
	return fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\n\r\n%s", strings.TrimSuffix(head, "\r\n"), len(body), body)
}

func sdp(ip string, port int) []string {
	return []string{
		"Content-Type: application/sdp", "", "v=0", "o=- 1 1 IN IP4 " + ip, "s=-", "c=IN IP4 " + ip, "t=0 0", fmt.Sprintf("m=audio %d RTP/SAVP 0 101", port),
		"a=rtpmap:101 telephone-event/8000", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20",
	}
}

func invite(id string, port int) []byte {
	return text(append([]string{
		"INVITE sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1", "From: <sip:alice@example.com>;tag=a", "To: <sip:bob@example.com>",
		"Call-ID: " + id, "CSeq: 1 INVITE", `Authorization: Digest username="alice", realm="example.com", nonce="n", uri="sip:bob@example.com", response="0123456789abcdef0123456789abcdef"`,
	}, sdp("198.51.100.1", port)...)...)
}

func reply(id, status, method string, more ...string) []byte {
	return text(append([]string{
		"SIP/2.0 " + status, "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1", "From: <sip:alice@example.com>;tag=a", "To: <sip:bob@example.com>;tag=b", "Call-ID: " + id, "CSeq: 1 " + method,
	}, more...)...)
}

func request(method, id string, more ...string) []byte {
	return text(append([]string{
		method + " sip:bob@203.0.113.1 SIP/2.0", "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK2", "From: <sip:alice@example.com>;tag=a", "To: <sip:bob@example.com>;tag=b", "Call-ID: " + id, "CSeq: 2 " + method,
	}, more...)...)
}

// call plays a call of n packets each way, but for its end.
func (d *deck) call(id string, port, n int) {
	a, b := fmt.Sprintf("198.51.100.1:%d", port), fmt.Sprintf("203.0.113.1:%d", port)
	d.sip(d.packet(alice, bob, invite(id, port)))
	d.now = d.now.Add(100 * time.Millisecond)
	d.sip(d.packet(bob, alice, reply(id, "200 OK", "INVITE", sdp("203.0.113.1", port)...)))
	for i := range n {
		d.now = d.now.Add(20 * time.Millisecond)
		d.rtp(a, b, uint32(port), uint16(i))
		d.rtp(b, a, uint32(port)+1, uint16(i))
	}
}

func (d *deck) bye(id string) {
	d.sip(d.packet(alice, bob, request("BYE", id)))
	d.sip(d.packet(bob, alice, reply(id, "200 OK", "BYE")))
}

// TestAllocations: an RTP packet costs none but its share of a chunk.
func TestAllocations(t *testing.T) {
	d := start(t, options(t))
	p := d.packet(aliceRTP, bobs, append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9}, speech...))
	var f Flow
	if n := testing.AllocsPerRun(2, func() {
		for range 1000 {
			d.RTP(&f, p, 12)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRTP(b *testing.B) {
	r := New(Options{Dir: b.TempDir(), Memory: 32 << 20, Span: time.Hour}, slog.New(slog.DiscardHandler))
	p := packet.Packet{Time: began, Src: netip.MustParseAddrPort(aliceRTP), Dst: netip.MustParseAddrPort(bobs), Transport: packet.UDP, TTL: 61, Payload: append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9}, make([]byte, 160)...)}
	flows := make([]Flow, 400)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Time = p.Time.Add(50 * time.Microsecond)
		r.RTP(&flows[i%400], &p, 12)
	}
}

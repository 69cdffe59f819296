package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// running is a Server on loopback and what it passed on.
type running struct {
	*Server
	t     *testing.T
	stop  context.CancelFunc
	done  chan error
	ended chan struct{} // closed when everything was taken from the bus

	mu  sync.Mutex
	got []packet.Packet
}

func serve(t *testing.T, change func(*Options)) *running {
	t.Helper()
	opt := Defaults()
	opt.Listen, opt.FlushEvery, opt.TickEvery, opt.Node = "127.0.0.1:0", time.Millisecond, time.Hour, "here"
	if change != nil {
		change(&opt)
	}
	road := bus.NewMemory(8)
	r := &running{Server: New(opt, road, slog.New(slog.NewTextHandler(t.Output(), nil))), t: t, done: make(chan error, 1), ended: make(chan struct{})}
	if err := r.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- r.Run(ctx) }()
	go func() {
		defer close(r.ended)
		for {
			b, err := road.Next(context.Background())
			if err != nil {
				return
			}
			r.mu.Lock()
			for i := range b.Packets {
				r.got = append(r.got, b.Packets[i].Clone())
			}
			r.mu.Unlock()
			road.Recycle(b)
		}
	}()
	t.Cleanup(r.end)
	return r
}

// end stops the server; everything it received is then passed on.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	select {
	case err, ok := <-r.done:
		if ok {
			close(r.done)
		}
		if err != nil {
			r.t.Error(err)
		}
	case <-time.After(5 * time.Second):
		r.t.Fatal("it does not end")
	}
	<-r.ended
}

// texts are the payloads of the SIP that was passed on, and drops by reason.
func (r *running) texts() (sip []string, drops map[string]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	drops = map[string]uint64{}
	for i := range r.got {
		switch p := &r.got[i]; p.Kind {
		case packet.KindSIP:
			sip = append(sip, string(p.Payload))
		case packet.KindDrop:
			d, err := packet.ParseDrop(p.Payload)
			if err != nil {
				r.t.Error(err)
			}
			drops[d.Reason] += d.Count
		case packet.KindTick:
		default:
			r.t.Errorf("passed on a packet of kind %d", p.Kind)
		}
	}
	return sip, drops
}

// await waits until so many SIP packets were passed on.
func (r *running) await(n int) {
	r.t.Helper()
	for range 500 {
		if sip, _ := r.texts(); len(sip) >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	sip, _ := r.texts()
	r.t.Fatalf("%d packets passed on, want %d", len(sip), n)
}

func (r *running) dial(network string) net.Conn {
	r.t.Helper()
	c, err := net.Dial(network, r.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func TestUDP(t *testing.T) {
	r := serve(t, nil)
	c := r.dial("udp")
	for i := range 100 {
		send(t, c, encoded(t, invite(0, fmt.Sprint("OPTIONS ", i)), hep.Options{}))
	}
	r.await(100) // without an end: nothing waits for company for ever
	send(t, c, []byte("HEP3 of nobody"))
	send(t, c, encoded(t, invite(0, "OPTIONS last"), hep.Options{}))
	r.end() // what has arrived is read
	sip, drops := r.texts()
	if len(sip) != 101 || sip[0] != "OPTIONS 0" || sip[100] != "OPTIONS last" {
		t.Errorf("%d packets: %q ... %q", len(sip), sip[0], sip[len(sip)-1])
	}
	if drops[ReasonUnread] != 1 || r.Counts.Packets.Load() != 102 {
		t.Errorf("drops %v, %d received", drops, r.Counts.Packets.Load())
	}
}

// TestUDPOverflow fills the socket's buffer before anybody reads: what found
// no room is counted and told.
func TestUDPOverflow(t *testing.T) {
	opt := Defaults()
	opt.Listen, opt.ReadBuffer, opt.Node, opt.TickEvery = "127.0.0.1:0", 64<<10, "here", time.Hour
	road := bus.NewMemory(64)
	s := New(opt, road, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sent = 1000
	for i := range sent {
		send(t, c, encoded(t, invite(0, fmt.Sprint("OPTIONS ", i, strings.Repeat(" ", 1000))), hep.Options{}))
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for s.Counts.Packets.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	// The kernel tells with a datagram how many were lost before it.
	send(t, c, encoded(t, invite(0, "OPTIONS last"), hep.Options{}))
	stop()
	var got, told uint64
	for {
		b, err := road.Next(context.Background())
		if err != nil {
			break
		}
		for i := range b.Packets {
			switch p := &b.Packets[i]; p.Kind {
			case packet.KindSIP:
				got++
			case packet.KindDrop:
				if d, err := packet.ParseDrop(p.Payload); err == nil && d.Reason == ReasonOverflow && d.Stage == "collector" {
					told += d.Count
				}
			default:
			}
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got+told != sent+1 || told == 0 || told != s.Counts.Overflow.Load() {
		t.Errorf("%d received, %d told as lost, %d counted; sent %d", got, told, s.Counts.Overflow.Load(), sent+1)
	}
}

// TestOverflowWraps follows the kernel's counter over its end.
func TestOverflowWraps(t *testing.T) {
	message := func(n uint32) []byte {
		// struct cmsghdr of 64 bits on a little-endian machine, SOL_SOCKET, SO_RXQ_OVFL
		return []byte{20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 40, 0, 0, 0, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), 0, 0, 0, 0}
	}
	if n, ok := overflowOf(message(7)); !ok || n != 7 {
		t.Skip("another layout of control messages")
	}
	var o overflowMeter
	for i, c := range []struct {
		count uint32
		grew  uint64
	}{{5, 5}, {5, 0}, {1<<32 - 1, 1<<32 - 6}, {2, 3}} {
		if got := o.see(message(c.count), noon); got != c.grew {
			t.Errorf("%d: grew %d, want %d", i, got, c.grew)
		}
	}
	for _, b := range [][]byte{nil, {1}, make([]byte, 24), bytes.Repeat([]byte{0xff}, 24), message(9)[:18]} {
		if got := o.see(b, noon); got != 0 {
			t.Errorf("% x: grew %d", b, got)
		}
	}
}

// TestTCPFrames sends frames in pieces of every size.
func TestTCPFrames(t *testing.T) {
	var stream []byte
	for i := range 20 {
		stream = append(stream, encoded(t, invite(0, fmt.Sprint("OPTIONS ", i)), hep.Options{})...)
	}
	stream = append(stream, encoded(t, invite(0, "OPTIONS large "+strings.Repeat("x", 60_000)), hep.Options{})...)
	for _, size := range []int{1, 3, 7, 100, 1000, len(stream)} {
		if size < 7 && testing.Short() {
			continue
		}
		r := serve(t, nil)
		c := r.dial("tcp")
		part := stream
		if size < 100 {
			part = stream[:2000] // ends inside a frame
		}
		for at := 0; at < len(part); at += size {
			send(t, c, part[at:min(at+size, len(part))])
		}
		c.Close()
		whole, rest := 0, part
		for len(rest) >= frameHead {
			n, err := hep.FrameLen(rest)
			if err != nil || n > len(rest) {
				break
			}
			whole, rest = whole+1, rest[n:]
		}
		r.await(whole)
		for range 100 { // the unfinished frame is counted once the connection has ended
			if r.Counts.Errors[hep.ErrShort].Load() > 0 || len(rest) == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		r.end()
		sip, drops := r.texts()
		if len(sip) != whole {
			t.Errorf("pieces of %d: %d packets, want %d", size, len(sip), whole)
		}
		if want := uint64(min(len(rest), 1)); drops[ReasonUnread] != want {
			t.Errorf("pieces of %d: drops %v, want %d", size, drops, want)
		}
	}
}

// TestTCPDoesNotWait passes a frame on although the next one is on its way.
func TestTCPDoesNotWait(t *testing.T) {
	r := serve(t, nil)
	c := r.dial("tcp")
	frame := encoded(t, invite(0, "OPTIONS 1"), hep.Options{})
	send(t, c, append(frame, frame[:20]...))
	r.await(1)
}

// TestTCPGarbage ends a connection in which no frame begins, and no other.
func TestTCPGarbage(t *testing.T) {
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "HEP4xx", "HEP3\x00\x00", "HEP3\x00\x05", "\x02\x10\x02\x11\x13\xc4\x13\xc4", "x"} {
		r := serve(t, nil)
		good, bad := r.dial("tcp"), r.dial("tcp")
		send(t, bad, encoded(t, invite(0, "OPTIONS before"), hep.Options{}))
		send(t, bad, []byte(garbage))
		if len(garbage) < frameHead {
			bad.(*net.TCPConn).CloseWrite()
		}
		bad.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := io.Copy(io.Discard, bad); n > 0 || isTimeout(err) {
			t.Errorf("%q: the connection is not closed: %v", garbage, err)
		}
		send(t, good, encoded(t, invite(0, "OPTIONS after"), hep.Options{}))
		r.await(2)
		r.end()
		if _, drops := r.texts(); drops[ReasonUnread] != 1 {
			t.Errorf("%q: drops %v", garbage, drops)
		}
	}
}

// TestTCPLimit refuses one connection more than may be, and takes it when
// another has gone.
func TestTCPLimit(t *testing.T) {
	r := serve(t, func(o *Options) { o.MaxTCP = 2 })
	first, second := r.dial("tcp"), r.dial("tcp")
	for i, c := range []net.Conn{first, second} {
		send(t, c, encoded(t, invite(0, fmt.Sprint("OPTIONS ", i)), hep.Options{}))
	}
	r.await(2)
	third := r.dial("tcp")
	third.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := third.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the third connection is not closed: %v", err)
	}
	if n := r.Counts.Connections.Load(); n != 1 {
		t.Errorf("%d refusals counted", n)
	}
	first.Close()
	for i := range 200 {
		c := r.dial("tcp")
		if _, err := c.Write(encoded(t, invite(0, "OPTIONS later"), hep.Options{})); err == nil {
			if sip, _ := r.texts(); len(sip) == 3 {
				break
			}
		}
		if i == 199 {
			t.Error("no connection is taken after one has gone")
		}
		time.Sleep(10 * time.Millisecond)
		c.Close()
	}
}

// TestTCPIdle closes a connection on which nothing comes.
func TestTCPIdle(t *testing.T) {
	r := serve(t, func(o *Options) { o.TCPIdle = 50 * time.Millisecond })
	c := r.dial("tcp")
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	r.end()
	if _, drops := r.texts(); len(drops) > 0 {
		t.Errorf("drops %v", drops)
	}
}

// TestAuthKeyOnTheWire drops, counts and tells what has not the key.
func TestAuthKeyOnTheWire(t *testing.T) {
	r := serve(t, func(o *Options) { o.AuthKey = "key" })
	for _, network := range []string{"udp", "tcp"} {
		c := r.dial(network)
		send(t, c, encoded(t, invite(0, "OPTIONS bad "+network), hep.Options{AuthKey: "guess"}))
		send(t, c, encoded(t, invite(0, "OPTIONS good "+network), hep.Options{AuthKey: "key"}))
	}
	r.await(2)
	r.end()
	if sip, drops := r.texts(); drops[ReasonAuthKey] != 2 || strings.Contains(strings.Join(sip, ""), "bad") {
		t.Errorf("%q, drops %v", sip, drops)
	}
}

func TestListenTaken(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	opt := Defaults()
	opt.Listen = l.LocalAddr().String()
	err = New(opt, bus.NewMemory(1), slog.New(slog.DiscardHandler)).Listen(t.Context())
	if err == nil || !strings.Contains(err.Error(), "listen for HEP on udp "+opt.Listen+": the port is in use by another program") {
		t.Errorf("%v", err)
	}
}

// TestSilent receives nothing when no address is given, and still ends.
func TestSilent(t *testing.T) {
	road := bus.NewMemory(4)
	s := New(Options{TickEvery: time.Millisecond}, road, slog.New(slog.DiscardHandler))
	if err := s.Listen(t.Context()); err != nil || s.Addr().IsValid() {
		t.Errorf("%v %v", s.Addr(), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b, err := road.Next(t.Context())
	if err != nil || b.Packets[0].Kind != packet.KindTick || b.Packets[0].Node != "" {
		t.Errorf("%+v, %v; want a tick", b, err)
	}
	stop()
	for err == nil {
		_, err = road.Next(t.Context())
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

package uplink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newUplink(t *testing.T, o Options) *Uplink {
	t.Helper()
	s, err := New(o, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func options(i int) *packet.Packet {
	return &packet.Packet{
		Time: time.Date(2026, 1, 5, 12, 0, i, 0, time.UTC), Kind: packet.KindSIP, Transport: packet.UDP, Payload: fmt.Append(nil, "OPTIONS ", i),
		Src: netip.MustParseAddrPort("192.0.2.1:5060"), Dst: netip.MustParseAddrPort("192.0.2.2:5060"),
	}
}

// give puts packets on the sender's input, in a batch each.
func give(t *testing.T, s *Uplink, from, to int) {
	t.Helper()
	w := bus.NewPublisher(s.Input())
	for i := from; i < to; i++ {
		if err := errors.Join(w.Add(t.Context(), options(i)), w.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

// frames reads HEP off a connection and gives number and payload until it ends.
func frames(c net.Conn, got chan<- string) {
	defer close(got)
	readFrames(c, func(sequence uint64, p *packet.Packet) { got <- fmt.Sprintf("%d %s", sequence, p.Payload) })
}

func readFrames(c net.Conn, f func(uint64, *packet.Packet)) {
	in := bufio.NewReader(c)
	var d hep.Decoder
	for {
		head, err := in.Peek(6)
		if err != nil {
			return
		}
		n, err := hep.FrameLen(head)
		if err != nil {
			return
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(in, frame); err != nil {
			return
		}
		var p packet.Packet
		if d.Decode(frame, &p) == nil {
			f(d.Extra.Sequence, &p)
		}
	}
}

// TestSendUDPRefused sends while nobody listens, then while somebody does:
// nothing is lost of what was refused.
func TestSendUDPRefused(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.LocalAddr().String()
	l.Close()
	s := newUplink(t, Options{Collectors: []string{"udp://" + addr}, Retry: time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	give(t, s, 0, 1)
	time.Sleep(20 * time.Millisecond)
	if l, err = net.ListenPacket("udp", addr); err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer l.Close()
	give(t, s, 1, 3)
	s.Input().Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	var d hep.Decoder
	buf := make([]byte, 2000)
	for want := range 3 {
		if err := l.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := l.ReadFrom(buf)
		if err != nil {
			t.Fatalf("packet %d: %v", want, err)
		}
		var p packet.Packet
		if err := d.Decode(buf[:n], &p); err != nil || string(p.Payload) != fmt.Sprint("OPTIONS ", want) || d.Extra.Sequence != uint64(want+1) {
			t.Errorf("%d %q, %v; want packet %d", d.Extra.Sequence, p.Payload, err, want)
		}
	}
	if s.Counts.Sent.Load() != 3 || s.Counts.Lost.Load() != 0 || s.Counts.Waiting.Load() != 0 {
		t.Errorf("%s, %d waiting; want 3 sent", s.Drained(), s.Counts.Waiting.Load())
	}
}

// TestSendTCPAgain loses its connection and goes on with the next collector.
func TestSendTCPAgain(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	s := newUplink(t, Options{Collectors: []string{"tcp://" + first.Addr().String(), "tcp://" + second.Addr().String()}, Retry: time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	give(t, s, 0, 1)
	c, err := first.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 100)
	go frames(c, got)
	if p := <-got; p != "1 OPTIONS 0" {
		t.Errorf("first packet %q", p)
	}
	first.Close()
	c.(*net.TCPConn).SetLinger(0) // a reset, as of a collector that was killed
	c.Close()

	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := second.Accept(); err == nil {
			accepted <- c
		}
	}()
	var next net.Conn
	for i := 1; next == nil; i++ { // until the reset is felt
		if i > 1000 {
			t.Fatal("no second connection")
		}
		give(t, s, i, i+1)
		select {
		case next = <-accepted:
		case <-time.After(5 * time.Millisecond):
		}
	}
	defer next.Close()
	got = make(chan string, 2000)
	go frames(next, got)
	give(t, s, 5000, 5001)
	s.Input().Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	var last string
	for p := range got {
		last = p
	}
	if !strings.HasSuffix(last, "OPTIONS 5000") {
		t.Errorf("last packet %q", last)
	}
}

// TestSendGivenUp ends with what it could not send when nobody answers, and
// takes what is left, so that nothing waits for it.
func TestSendGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s := newUplink(t, Options{Collectors: []string{"tcp://" + addr}, Retry: time.Millisecond})
	ctx, giveUp := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	give(t, s, 0, 10)
	giveUp()
	give(t, s, 10, 1000) // more than the input holds
	s.Input().Close()
	if err := <-done; err == nil || !strings.Contains(err.Error(), " packets were not sent") || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v", err)
	}
	if s.Counts.Lost.Load() != 1000 {
		t.Errorf("%d lost", s.Counts.Lost.Load())
	}
}

// TestSendFileGivesUp does not wait for a collector: a file can be read later.
func TestSendFileGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s := newUplink(t, Options{Collectors: []string{"tcp://" + addr}, Patient: true})
	give(t, s, 0, 1)
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v", err)
	}
}

func TestCollectorAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"udp://192.0.2.1:9060": "udp 192.0.2.1:9060",
		"tcp://collector":      "tcp collector:9060",
		"udp://[2001:db8::1]":  "udp [2001:db8::1]:9060",
		"tls://collector":      "tls collector:9061",
		"collector:9060":       "want udp://",
		"udp://":               "want udp://",
		"udp://c:9060/path":    "want udp://",
		"http://c:9060":        "want udp://",
		"tcp://user@c:9060":    "want udp://",
		"":                     "want udp://",
	} {
		c, err := parseCollector(url)
		if got := c.network + " " + c.address; err == nil && got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
	}
	if _, err := parseCollectors([]string{"tcp://c", "tcp://c"}); err == nil {
		t.Error("a collector may be there twice")
	}
}

// TestSpoolOutlivesTheProcess lets packets wait for a collector that is not
// there, ends, and sends them when another Uplink finds one: in order, with
// their own times.
func TestSpoolOutlivesTheProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	o := Options{Collectors: []string{"tcp://" + addr}, Retry: time.Millisecond, SpoolDir: t.TempDir(), SpoolBytes: 1 << 20}
	s := newUplink(t, o)
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	give(t, s, 0, 500)
	s.Input().Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s.Counts.Lost.Load() != 0 || s.Counts.Waiting.Load() != 500 {
		t.Fatalf("%s", s.Drained())
	}

	if l, err = net.Listen("tcp", addr); err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer l.Close()
	s = newUplink(t, o)
	if s.Counts.Waiting.Load() != 500 {
		t.Errorf("%d wait in the spool, want 500", s.Counts.Waiting.Load())
	}
	go func() { done <- s.Run(t.Context()) }()
	give(t, s, 500, 510)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1000)
	go frames(c, got)
	for i := range 510 {
		if p, want := <-got, fmt.Sprintf("%d OPTIONS %d", i+1, i); p != want {
			t.Fatalf("packet %q, want %q", p, want)
		}
	}
	s.Input().Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s.Counts.Sent.Load() != 510 || s.Counts.Waiting.Load() != 0 {
		t.Errorf("%s, %d waiting", s.Drained(), s.Counts.Waiting.Load())
	}
	s = newUplink(t, o)
	if s.Counts.Waiting.Load() != 0 {
		t.Errorf("%d wait in a spool that was sent", s.Counts.Waiting.Load())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

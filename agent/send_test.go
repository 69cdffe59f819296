package agent

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

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

func newSender(t *testing.T, o SendOptions) *Sender {
	t.Helper()
	s, err := NewSender(o, slog.New(slog.NewTextHandler(t.Output(), nil)))
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
func give(t *testing.T, s *Sender, from, to int) {
	t.Helper()
	w := bus.NewPublisher(s.Input())
	for i := from; i < to; i++ {
		if err := errors.Join(w.Add(t.Context(), options(i)), w.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

// frames reads HEP off a connection and gives the payloads until it ends.
func frames(c net.Conn, got chan<- string) {
	defer close(got)
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
			got <- fmt.Sprintf("%d %s", d.Extra.Sequence, p.Payload)
		}
	}
}

// TestSendUDPRefused sends while nobody listens, then while somebody does: a
// refusal tells of a datagram before and must not cost the next one.
func TestSendUDPRefused(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.LocalAddr().String()
	l.Close()
	s := newSender(t, SendOptions{Collectors: []string{"udp://" + addr}})
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	give(t, s, 0, 1)
	for s.Sent.Load() < 1 {
		time.Sleep(time.Millisecond)
	}
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
	for want := 1; want < 3; want++ {
		if err := l.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := l.ReadFrom(buf)
		if err != nil {
			t.Fatalf("packet %d: %v", want, err)
		}
		var p packet.Packet
		if err := d.Decode(buf[:n], &p); err != nil || string(p.Payload) != fmt.Sprint("OPTIONS ", want) {
			t.Errorf("%q, %v; want packet %d", p.Payload, err, want)
		}
	}
	if s.Sent.Load() != 3 || s.Failed.Load() != 1 {
		t.Errorf("%d sent, %d lost; want 3 and 1", s.Sent.Load(), s.Failed.Load())
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
	s := newSender(t, SendOptions{Collectors: []string{"tcp://" + first.Addr().String(), "tcp://" + second.Addr().String()}, Retry: time.Millisecond})
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
	s := newSender(t, SendOptions{Collectors: []string{"tcp://" + addr}, Retry: time.Millisecond})
	ctx, giveUp := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	give(t, s, 0, 10)
	giveUp()
	give(t, s, 10, 1000) // more than the input holds
	s.Input().Close()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "1000 packets were not sent") || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v", err)
	}
	if s.Failed.Load() != 1000 {
		t.Errorf("%d lost", s.Failed.Load())
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
	s := newSender(t, SendOptions{Collectors: []string{"tcp://" + addr}, GiveUp: true})
	give(t, s, 0, 1)
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v", err)
	}
}

func TestCollectorAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"udp://192.0.2.1:9060": "udp 192.0.2.1:9060",
		"tcp://collector":      "tcp collector:9060",
		"udp://[2001:db8::1]":  "udp [2001:db8::1]:9060",
		"tls://collector:9061": "is not there yet",
		"nats://bus":           "is not there yet",
		"collector:9060":       "want udp://",
		"udp://":               "want udp://",
		"udp://c:9060/path":    "want udp://",
		"http://c:9060":        "want udp://",
		"":                     "want udp://",
	} {
		network, addr, err := splitCollector(address)
		if got := network + " " + addr; err == nil && got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

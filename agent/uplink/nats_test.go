package uplink

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// jetStream starts a NATS server that keeps its files in dir.
func jetStream(t *testing.T, dir string, port int) *natsserver.Server {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// TestNATS sends while the server is there, away, and there again: everything
// arrives once, in order, with its times.
func TestNATS(t *testing.T) {
	dir := t.TempDir()
	server := jetStream(t, dir, -1)
	port := server.Addr().(*net.TCPAddr).Port
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	o := Options{Collectors: []string{url}, SpoolDir: t.TempDir(), Node: "edge 1"}
	u, stop := started(t, o)
	give(t, u, 0, 300)
	eventually(t, "300 packets are acknowledged", func() bool { return u.Counts.Sent.Load() == 300 })
	server.Shutdown()
	server.WaitForShutdown()
	give(t, u, 300, 600)
	stop() // with what is left on disk
	if n := u.Counts.Waiting.Load(); n != 300 || u.Counts.Lost.Load() != 0 {
		t.Fatalf("%s", u.Drained())
	}
	jetStream(t, dir, port)
	u, stop = started(t, o)
	give(t, u, 600, 900)
	eventually(t, "600 more", func() bool { return u.Counts.Sent.Load() == 600 && u.Counts.Waiting.Load() == 0 })
	stop()

	in, err := bus.OpenStream(t.Context(), bus.StreamOptions{URL: url, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	next := 0
	err = in.Consume(ctx, func(data []byte) error {
		var d hep.Decoder
		for len(data) > 0 {
			n, err := hep.FrameLen(data)
			if err != nil {
				return err
			}
			var p packet.Packet
			if err := d.Decode(data[:n], &p); err != nil {
				return err
			}
			want := options(next)
			if !bytes.Equal(p.Payload, want.Payload) || !p.Time.Equal(want.Time) {
				return fmt.Errorf("packet %d is %q of %v", next, p.Payload, p.Time)
			}
			data = data[n:]
			if next++; next == 900 {
				cancel()
			}
		}
		return nil
	})
	if err != nil || next != 900 {
		t.Errorf("%d of 900 packets, %v", next, err)
	}
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/earshot-voip/earshot/agent/uplink"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
)

// TestCollectorAway stops the collector under load and starts it again. Every
// packet is stored, or the drops say that it is not; over NATS every one is
// stored. EARSHOT_OUTAGE is how long it is away.
func TestCollectorAway(t *testing.T) {
	needEngine(t)
	away := 4 * time.Second
	if s := os.Getenv("EARSHOT_OUTAGE"); s != "" {
		var err error
		if away, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, scheme := range []string{"udp", "tcp", "nats"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			address, env := freePort(t), []string(nil)
			collect := func() *child {
				c := startChild(t, env, "collector", "--data", data, "--hep", address, "--http", "127.0.0.1:0")
				c.find(`(Earshot is listening)`)
				return c
			}
			to := scheme + "://" + address
			if scheme == "nats" {
				s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
				if err != nil {
					t.Fatal(err)
				}
				s.Start()
				t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
				if !s.ReadyForConnections(10 * time.Second) {
					t.Fatal("the NATS server does not start")
				}
				to = s.ClientURL()
				env = append(env, "EARSHOT_HEP_NATS="+to)
			}
			c := collect()
			u, err := uplink.New(uplink.Options{
				Collectors: []string{to}, Heartbeat: true, SpoolDir: t.TempDir(), SpoolBytes: 1 << 30, Node: "edge", Domain: "default",
				Retry: 100 * time.Millisecond,
			}, slog.New(slog.NewTextHandler(t.Output(), nil)))
			if err != nil {
				t.Fatal(err)
			}
			sent := make(chan error, 1)
			go func() { sent <- u.Run(t.Context()) }()
			stop, produced := make(chan struct{}), make(chan int, 1)
			go func() { produced <- produce(u.Input(), stop) }()

			time.Sleep(2 * time.Second)
			if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
				t.Errorf("the collector ended with status %d", code)
			}
			time.Sleep(away)
			c = collect()
			time.Sleep(2 * time.Second)
			close(stop)
			n := <-produced
			u.Input().Close()
			if err := <-sent; err != nil {
				t.Error(err)
			}
			if u.Counts.Waiting.Load() != 0 || u.Counts.Lost.Load() != 0 {
				t.Errorf("%s", u.Drained())
			}
			total := "SELECT (SELECT count() FROM messages) + (SELECT sum(count) FROM drops WHERE stage = 'link')"
			awaitNumber(t, data, 20*time.Second, total, float64(n))
			lost := askNumber(t, data, "SELECT sum(count) FROM drops WHERE stage = 'link'")
			t.Logf("%d produced in all; away for %v; %v lost on the way", n, away, lost)
			if scheme == "nats" && lost > 0 {
				t.Errorf("%v lost over NATS", lost)
			}
			if lost > 500 {
				t.Errorf("%v lost: those that were sent while nobody listened did not wait", lost)
			}
			if other := askNumber(t, data, "SELECT count() FROM drops WHERE stage != 'link'"); other > 0 {
				t.Errorf("%v: %v", other, ask(t, data, "SELECT * FROM drops"))
			}
			// Each once, with its own time.
			if x := askNumber(t, data, "SELECT count() - uniqExact(call_id) FROM messages"); x != 0 {
				t.Errorf("%v messages are there twice", x)
			}
			if x := askNumber(t, data, "SELECT count() FROM messages WHERE toUnixTimestamp64Micro(time) != toInt64(splitByChar('-', call_id)[2])"); x != 0 {
				t.Errorf("%v messages have another time than they had", x)
			}
			if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
				t.Errorf("the collector ended with status %d", code)
			}
		})
	}
}

// produce gives OPTIONS requests, 2,000 a second, until it is told to stop. A
// Call-ID says which and when.
func produce(to *bus.Memory, stop <-chan struct{}) (n int) {
	w := bus.NewPublisher(to)
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-stop:
			return n
		case <-every.C:
		}
		for range 20 {
			n++
			now := time.Now().UTC().Truncate(time.Microsecond)
			p := packet.Packet{
				Time: now, Kind: packet.KindSIP, Transport: packet.UDP, Node: "edge", Domain: "default",
				Src: netip.MustParseAddrPort("192.0.2.1:5060"), Dst: netip.MustParseAddrPort("192.0.2.2:5060"),
				Payload: fmt.Appendf(nil, "OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: %d-%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
					n, n, now.UnixMicro()),
			}
			if w.Add(context.Background(), &p) != nil {
				return n
			}
		}
		if w.Flush(context.Background()) != nil {
			return n
		}
	}
}

// freePort is an address on loopback that nobody uses, for UDP and TCP.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		if u, err := net.ListenPacket("udp", address); err == nil {
			u.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

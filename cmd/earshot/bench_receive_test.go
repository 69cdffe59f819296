package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/collector"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// hepTargetEnv makes a copy of the test program the sender of BenchmarkReceive.
const hepTargetEnv = "EARSHOT_BENCH_HEP_TARGET"

// BenchmarkReceive takes HEP3 of 900 bytes from UDP on loopback, as fast as
// another process can send it: through the collector (decode, filter, bus), and
// beside it a loop that only receives and counts.
func BenchmarkReceive(b *testing.B) {
	b.Run("collector", func(b *testing.B) {
		road := bus.NewMemory(64)
		opt := collector.Defaults()
		opt.Listen = "127.0.0.1:0"
		s := collector.New(opt, road, slog.New(slog.DiscardHandler))
		if err := s.Listen(b.Context()); err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		sendHEP(b, s.Addr())
		perProcessorSecond(b, "packets/cpu-s", func() (packets int) {
			for packets < 100_000 {
				batch, err := road.Next(ctx)
				if err != nil {
					b.Fatal(err)
				}
				packets += len(batch.Packets)
				road.Recycle(batch)
			}
			return packets
		})
		stop()
		go func() {
			for {
				if _, err := road.Next(context.Background()); err != nil {
					return
				}
			}
		}()
		if err := <-done; err != nil {
			b.Error(err)
		}
		road.Close()
		if n := s.Counts.Packets.Load(); n < 100_000 {
			b.Errorf("the collector counts %d packets", n)
		}
	})
	b.Run("count", func(b *testing.B) {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		sendHEP(b, c.LocalAddr().(*net.UDPAddr).AddrPort())
		buf := make([]byte, 1<<16)
		perProcessorSecond(b, "packets/cpu-s", func() (packets int) {
			for ; packets < 100_000; packets++ {
				if _, _, err := c.ReadFromUDPAddrPort(buf); err != nil {
					b.Fatal(err)
				}
			}
			return packets
		})
	})
}

// sendHEP starts the sender, which ends with the benchmark.
func sendHEP(b *testing.B, to netip.AddrPort) {
	b.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkHEPSource$", "-test.benchtime=1x")
	c.Env = append(os.Environ(), hepTargetEnv+"="+to.String())
	held, err := c.StdinPipe() // closed when this process ends, however it does
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		held.Close()
		if err := c.Wait(); err != nil {
			b.Errorf("sender: %v", err)
		}
	})
}

// BenchmarkHEPSource is the sender.
func BenchmarkHEPSource(b *testing.B) {
	target := os.Getenv(hepTargetEnv)
	if target == "" {
		b.Skip("it is what BenchmarkReceive runs beside itself")
	}
	c, err := net.Dial("udp", target)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	end := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		end <- err
	}()
	p := packet.Packet{
		Src: netip.MustParseAddrPort("192.0.2.1:5060"), Dst: netip.MustParseAddrPort("192.0.2.2:5060"),
		Transport: packet.UDP, Kind: packet.KindSIP, Node: "edge", AgentID: 7,
	}
	rest := strings.Repeat("X-Filler: as long as what a phone sends\r\n", 18)
	var frame []byte
	var o hep.Options
	for n := 0; ; n++ {
		if n%256 == 0 {
			select {
			case err := <-end:
				if err != nil {
					b.Error(err)
				}
				return
			default:
			}
		}
		p.Time = time.Now()
		p.Payload = fmt.Appendf(p.Payload[:0], "OPTIONS sip:a@192.0.2.2 SIP/2.0\r\nCall-ID: %d@192.0.2.1\r\n%s\r\n", n, rest)
		if frame, err = hep.Append(frame[:0], &p, &o); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Write(frame); err != nil && !refused(err) {
			b.Fatal(err)
		}
	}
}

// refused says that the receiver has gone.
func refused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op)
}

//go:build linux

package capture

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	peer "github.com/gopacket/gopacket/afpacket"
	"golang.org/x/sys/unix"

	"github.com/earshot-voip/earshot/internal/packet"
)

// BenchmarkCapture reads RTP packets out of a ring that the kernel has filled
// over loopback: the bare walk over its blocks, Next, Next with a Decoder behind
// it, and the ring of gopacket. Filling is in ns/op, not in ns/frame.
func BenchmarkCapture(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it captures on lo")
	}
	const size = 172 // 20 ms of G.711
	at, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer at.Close()
	from, err := net.Dial("udp4", at.LocalAddr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	rtp := make([]byte, size)
	rtp[0] = 0x80
	port := uint16(at.LocalAddr().(*net.UDPAddr).Port)
	// run times read, which gives whether there was a frame, upon a ring of frames.
	run := func(b *testing.B, read func() bool) {
		const batch = 20_000
		var took time.Duration
		frames := 0
		for b.Loop() {
			for range batch {
				if _, err := from.Write(rtp); err != nil {
					b.Fatal(err)
				}
			}
			time.Sleep(4 * blockTimeout * time.Millisecond) // the last block is handed over, too
			began := time.Now()
			for got := 0; got < batch; {
				if read() {
					got++
				}
			}
			took += time.Since(began)
			frames += batch
		}
		b.ReportMetric(float64(took.Nanoseconds())/float64(frames), "ns/frame")
	}
	open := func(b *testing.B, f Filter) *afpacket {
		f.Ports = []PortRange{{port, port}}
		return openTest(b, LiveOptions{Interface: "lo", Filter: f, BufferBytes: 64 << 20})[0].(*afpacket)
	}
	b.Run("floor", func(b *testing.B) {
		l := open(b, Filter{})
		sum := byte(0)
		run(b, func() bool {
			h := l.ring.next()
			if h == nil {
				_ = l.wait()
				return false
			}
			sum += bytesOf(h, int(h.Mac), 1)[0]
			return true
		})
	})
	next := func(l Live, then func(*packet.Frame)) func() bool {
		var f packet.Frame
		return func() bool {
			var err error
			if f, err = l.Next(); err != nil {
				if !errors.Is(err, ErrTimeout) {
					b.Fatal(err)
				}
				return false
			}
			then(&f)
			return true
		}
	}
	b.Run("next", func(b *testing.B) {
		sum := byte(0)
		run(b, next(open(b, Filter{}), func(f *packet.Frame) { sum += f.Data[0] }))
	})
	b.Run("decode", func(b *testing.B) {
		d := packet.NewDecoder(packet.Options{})
		run(b, next(open(b, Filter{}), func(f *packet.Frame) {
			if len(d.Decode(f)) != 1 {
				b.Fatal("not decoded")
			}
		}))
	})
	b.Run("gopacket", func(b *testing.B) {
		h, err := peer.NewTPacket(peer.OptInterface("lo"), peer.OptFrameSize(2048), peer.OptBlockSize(maxBlockSize),
			peer.OptNumBlocks(256), peer.OptBlockTimeout(blockTimeout*time.Millisecond), peer.OptPollTimeout(wakeEvery), peer.OptTPacketVersion(unix.TPACKET_V3))
		if err != nil {
			b.Fatal(err)
		}
		defer h.Close()
		l := open(b, Filter{})
		program, err := l.program(l.filter)
		if err != nil {
			b.Fatal(err)
		}
		if err := h.SetBPF(program); err != nil {
			b.Fatal(err)
		}
		l.Close()
		for {
			if _, _, err := h.ZeroCopyReadPacketData(); err != nil {
				break
			}
		}
		sum := byte(0)
		run(b, func() bool {
			data, _, err := h.ZeroCopyReadPacketData()
			if err != nil {
				if !errors.Is(err, peer.ErrTimeout) {
					b.Fatal(err)
				}
				return false
			}
			sum += data[0]
			return true
		})
	})
}

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// BenchmarkRead measures `earshot read` on a million packets of 200 calls,
// beside what two simpler programs do with the same file: one that only reads
// it, and one that also decodes RTP at fixed offsets and keeps the sums of RFC
// 3550 in a map.
func BenchmarkRead(b *testing.B) {
	path := synthFile(b, synth.Options{Calls: 200, Seconds: 50, Seed: 1})
	for _, reader := range []struct {
		name string
		read func(testing.TB, string) int
	}{
		{"earshot", func(t testing.TB, path string) int { return int(readFile(t, path, run.Default()).frames) }},
		{"no-buffers", func(t testing.TB, path string) int {
			c := run.Default()
			c.Media.JitterBuffer = "none"
			return int(readFile(t, path, c).frames)
		}},
		{"signal", func(t testing.TB, path string) int {
			c := run.Default()
			c.Media.Signal = "on"
			return int(readFile(t, path, c).frames)
		}},
		{"loop", readLoop},
		{"file", readFrames},
	} {
		b.Run(reader.name, func(b *testing.B) {
			perProcessorSecond(b, "packets/cpu-s", func() int { return reader.read(b, path) })
		})
	}
}

// BenchmarkReadSIP measures `earshot read` on a capture of signalling: 20,000
// calls of which each has one RTP packet in either direction.
func BenchmarkReadSIP(b *testing.B) {
	path := synthFile(b, synth.Options{Calls: 20_000, Seconds: 0.02, Concurrent: 2000, Seed: 1, NoRTCP: true})
	b.Run("earshot", func(b *testing.B) {
		perProcessorSecond(b, "messages/cpu-s", func() int { return int(readFile(b, path, run.Default()).agent.Counters.SIP) })
	})
}

// perProcessorSecond reports how many things a second of processor time does,
// user and system, of all threads; f returns how many it did.
func perProcessorSecond(b *testing.B, unit string, f func() int) {
	b.Helper()
	b.ReportAllocs()
	done, begin := 0, processorSeconds(b)
	for b.Loop() {
		done += f()
	}
	b.ReportMetric(float64(done)/(processorSeconds(b)-begin), unit)
}

func processorSeconds(t testing.TB) float64 {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func synthFile(t testing.TB, o synth.Options) string {
	t.Helper()
	c, err := synth.Calls(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "calls.pcap")
	if err := writeFile(path, nil, func(w io.Writer) error { return synth.WritePcap(w, c) }); err != nil {
		t.Fatal(err)
	}
	return path
}

// readFile is `earshot read --format jsonl` with nobody listening.
func readFile(t testing.TB, path string, c run.Config) *reading {
	files, source, err := openFiles([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	defer files[0].Close()
	out := newJSONL(io.Discard)
	r := &reading{source: source, config: c, node: "local", emit: out.row}
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := out.summary(r.summary()); err != nil {
		t.Fatal(err)
	}
	return r
}

// readFrames takes the frames from the file and does nothing with them.
func readFrames(t testing.TB, path string) (frames int) {
	f, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for ; ; frames++ {
		if _, err := f.Next(); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return frames
		}
	}
}

// flow names an RTP stream of IPv4.
type flow struct {
	src, dst         [4]byte
	srcPort, dstPort uint16
	ssrc             uint32
}

// sums are RFC 3550 A.1 and A.8 without restarts, duplicates, intervals or
// anything that may go wrong.
type sums struct {
	packets, bytes uint64
	base, highest  uint32 // extended
	arrival        int64  // ns
	timestamp      uint32
	jitter         float64 // in RTP clock units of 8 kHz
}

// readLoop is the bare loop: it trusts that every frame is untagged Ethernet,
// IPv4 without options and UDP.
func readLoop(t testing.TB, path string) (frames int) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 256<<10)
	if _, err := in.Discard(24); err != nil {
		t.Fatal(err)
	}
	flows := map[flow]*sums{}
	for ; ; frames++ {
		head, err := in.Peek(16)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		now := int64(binary.LittleEndian.Uint32(head))*1e9 + int64(binary.LittleEndian.Uint32(head[4:]))*1e3
		length := 16 + int(binary.LittleEndian.Uint32(head[8:]))
		record, err := in.Peek(length)
		if err != nil {
			t.Fatal(err)
		}
		if ip := record[16+14:]; len(ip) >= 20+8+12 && ip[28]>>6 == 2 && ip[29]&0x7f < 64 {
			rtp := ip[28:]
			key := flow{[4]byte(ip[12:]), [4]byte(ip[16:]), binary.BigEndian.Uint16(ip[20:]), binary.BigEndian.Uint16(ip[22:]), binary.BigEndian.Uint32(rtp[8:])}
			seq, timestamp := binary.BigEndian.Uint16(rtp[2:]), binary.BigEndian.Uint32(rtp[4:])
			s := flows[key]
			if s == nil {
				s = &sums{base: uint32(seq), highest: uint32(seq), arrival: now, timestamp: timestamp}
				flows[key] = s
			}
			s.packets++
			s.bytes += uint64(len(rtp) - 12)
			if ahead := seq - uint16(s.highest); ahead < 3000 {
				s.highest += uint32(ahead)
			}
			d := float64(now-s.arrival)*8e-6 - float64(int32(timestamp-s.timestamp))
			s.jitter += (max(d, -d) - s.jitter) / 16
			s.arrival, s.timestamp = now, timestamp
		}
		if _, err := in.Discard(length); err != nil {
			t.Fatal(err)
		}
	}
	lost := 0
	for _, s := range flows {
		lost += int(uint64(s.highest-s.base)+1) - int(s.packets)
	}
	if len(flows) != 400 || lost != 0 {
		t.Fatalf("%d streams, %d packets lost; the capture has 400 and 0", len(flows), lost)
	}
	return frames
}

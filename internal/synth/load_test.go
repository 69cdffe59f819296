package synth

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

func TestLoadIsDeterministic(t *testing.T) {
	o := Options{Calls: 6, Seconds: 4, Concurrent: 3, Impairment: Impairment{LossPct: 3, JitterMs: 5, ReorderPct: 1, DuplicatePct: 1}, Seed: 42}
	first, again := pcapOf(t, load(t, o)), pcapOf(t, load(t, o))
	if sha256.Sum256(first) != sha256.Sum256(again) {
		t.Error("the same seed gave other bytes")
	}
	c := load(t, o)
	pcapOf(t, c)
	c.Truth()
	if !bytes.Equal(first, pcapOf(t, c)) {
		t.Error("a Capture is used up by reading it")
	}
	o.Seed++
	if bytes.Equal(first, pcapOf(t, load(t, o))) {
		t.Error("another seed gave the same bytes")
	}
}

// TestConcurrent counts the calls that are up at once.
func TestConcurrent(t *testing.T) {
	truth := load(t, Options{Calls: 40, Seconds: 5, Concurrent: 7, NoRTCP: true}).Truth()
	if len(truth.Calls) != 40 || truth.RTCPPackets != 0 {
		t.Fatalf("%d calls, %d RTCP", len(truth.Calls), truth.RTCPPackets)
	}
	most := 0
	for _, c := range truth.Calls {
		up := 0
		for _, o := range truth.Calls {
			if !o.StartTime.After(*c.StartTime) && o.EndTime.After(*c.StartTime) {
				up++
			}
		}
		most = max(most, up)
	}
	if most != 7 {
		t.Errorf("%d calls at once, want 7", most)
	}
}

// TestStreaming holds that a load keeps only the calls that are up.
func TestStreaming(t *testing.T) {
	const concurrent = 5
	r := load(t, Options{Calls: 100, Seconds: 2, Concurrent: concurrent}).start()
	var e emission
	for r.next(&e) {
		// A call is its SIP, two flows and two reporters.
		if len(r.queue) > 1+5*concurrent {
			t.Fatalf("%d sources at once", len(r.queue))
		}
	}
}

func TestFramesStopEarly(t *testing.T) {
	n := 0
	for range load(t, Options{}).Frames() {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("%d frames", n)
	}
	for range (Capture{}).Frames() {
		t.Error("the zero Capture has a frame")
	}
}

// TestFrameAllocations: an RTP frame is made without garbage of its own.
func TestFrameAllocations(t *testing.T) {
	c := load(t, Options{Calls: 1, Seconds: 200, NoRTCP: true})
	var frames float64
	allocs := testing.AllocsPerRun(3, func() {
		frames = 0
		for range c.Frames() {
			frames++
		}
	})
	if frames < 20000 || allocs/frames > 0.05 {
		t.Errorf("%.0f allocations for %.0f frames", allocs, frames)
	}
}

// TestPcap reads the file format back, record by record.
func TestPcap(t *testing.T) {
	c := load(t, Options{Calls: 1, Seconds: 1})
	b := pcapOf(t, c)
	le := binary.LittleEndian
	if le.Uint32(b) != 0xa1b2c3d4 || le.Uint32(b[20:]) != 1 {
		t.Fatalf("header % x", b[:24])
	}
	b = b[24:]
	for f := range c.Frames() {
		at := int64(le.Uint32(b))*1e6 + int64(le.Uint32(b[4:]))
		n := le.Uint32(b[8:])
		if at != f.Time.UnixMicro() || le.Uint32(b[12:]) != uint32(f.WireLen) || !bytes.Equal(b[16:16+n], f.Data) {
			t.Fatalf("record of %v differs from its frame", f.Time)
		}
		b = b[16+n:]
	}
	if len(b) != 0 {
		t.Errorf("%d bytes too many", len(b))
	}
}

func BenchmarkFrames(b *testing.B) {
	c := load(b, Options{Calls: 50, Seconds: 20})
	b.ReportAllocs()
	frames := 0
	for b.Loop() {
		for range c.Frames() {
			frames++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
}

// TestFragments: an INVITE longer than the wire carries leaves in fragments
// of both families; the reader joins those of IPv4.
func TestFragments(t *testing.T) {
	fragments := 0
	var r reader
	for f := range scenario(t, "bundle-turn", 1).Frames() {
		d, err := r.read(f)
		if errors.Is(err, errFragment) {
			fragments++
		} else if err != nil {
			t.Fatal(err)
		} else if isSIP(d.payload) && len(d.payload) > mtu && !bytes.HasSuffix(d.payload, []byte("\r\n")) {
			t.Errorf("a joined message ends with %q", d.payload[len(d.payload)-20:])
		}
	}
	if fragments == 0 {
		t.Error("no fragments: the INVITE of WebRTC is long")
	}

	e := emission{src: netip.MustParseAddrPort("[2001:db8::1]:5060"), dst: netip.MustParseAddrPort("[2001:db8::2]:5060"), transport: packet.UDP, ttl: 62, ipID: 7}
	payload := bytes.Repeat([]byte("0123456789"), 320)
	var b frameBuilder
	var joined []byte
	b.build(&e, Epoch, payload, func(f packet.Frame) bool {
		ip := f.Data[14:]
		if ip[6] != 44 || ip[40] != 17 || binary.BigEndian.Uint32(ip[44:]) != 7 {
			t.Fatalf("no fragment header in % x", ip[:48])
		}
		if at := int(binary.BigEndian.Uint16(ip[42:]) &^ 7); at != len(joined) {
			t.Fatalf("fragment at %d, not %d", at, len(joined))
		}
		joined = append(joined, ip[48:40+binary.BigEndian.Uint16(ip[4:])]...)
		if more := ip[43]&1 == 1; more == (len(joined) == len(payload)+8) {
			t.Fatalf("more fragments: %v after %d bytes", more, len(joined))
		}
		return true
	})
	if !bytes.Equal(joined[8:], payload) {
		t.Error("the fragments do not join to the payload")
	}
}

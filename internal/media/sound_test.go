package media

import (
	"bytes"
	"math"
	"testing"
	"time"
	"unsafe"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/signal"
)

var (
	quietMu = bytes.Repeat([]byte{0xff}, 160)
	loudMu  = bytes.Repeat([]byte{0x80, 0x00}, 80) // a square of 4 kHz at full scale
)

// talk sends packets from..to, loud ones where loud says so.
func (f *feed) talk(pt uint8, from, to int, loud func(int) bool) {
	for i := from; i < to; i++ {
		f.payload = quietMu
		if loud(i) {
			f.payload = loudMu
		}
		f.at(float64(20*i), pt, uint16(i), uint32(160*i))
	}
}

func (f *feed) heard() signal.Sums {
	var sum signal.Sums
	for i := range f.reports {
		sum.Add(&f.reports[i].Signal)
	}
	return sum
}

// TestSoundByInterval: each interval has its own, and duplicates are heard
// once.
func TestSoundByInterval(t *testing.T) {
	f := newFeed()
	f.m.Listen(true)
	f.talk(0, 0, 1000, func(i int) bool { return i >= 500 }) // 20 s, the first 10 of them silent
	f.at(19_981, 0, 999, 160*999)
	f.end(t)
	if len(f.reports) != 4 {
		t.Fatalf("%d reports", len(f.reports))
	}
	for i, r := range f.reports {
		if want := []uint64{40_000, 40_000, 0, 0}[i]; r.Signal.Samples != 40_000 || r.Signal.Silent != want {
			t.Errorf("interval %d: %+v", i, r.Signal)
		}
	}
	sum := f.heard()
	level, _ := sum.LevelDBov()
	silence, _ := sum.SilencePct()
	if math.Abs(level+0.17) > 0.01 || silence != 50 {
		t.Errorf("%.2f dBov, %g %% silent", level, silence)
	}
}

// TestSoundOfJoinedIntervals: what was not taken in time is joined, not lost.
func TestSoundOfJoinedIntervals(t *testing.T) {
	m := NewMeter(7, false)
	m.Listen(true)
	h := RTPHeader{SSRC: 7, PayloadLen: 160}
	for i := range 1000 {
		h.Sequence, h.Timestamp = uint16(i), uint32(160*i)
		m.Observe(&h, &packet.Packet{Time: start.Add(time.Duration(i) * 20 * time.Millisecond), Payload: loudMu})
	}
	var r Report
	var sum signal.Sums
	for m.Final(&r) {
		sum.Add(&r.Signal)
	}
	if sum.Samples != 160_000 {
		t.Errorf("%d samples of 160,000", sum.Samples)
	}
}

// TestListen: only what is asked for is decoded, from when on it is.
func TestListen(t *testing.T) {
	all := func(int) bool { return true }
	for name, c := range map[string]struct {
		does func(f *feed)
		want uint64 // packets
	}{
		"off":                  {func(f *feed) { f.talk(0, 0, 500, all) }, 0},
		"never":                {func(f *feed) { f.m.Listen(false); f.talk(0, 0, 500, all) }, 0},
		"from the middle on":   {func(f *feed) { f.talk(0, 0, 200, all); f.m.Listen(true); f.talk(0, 200, 500, all) }, 300},
		"until the middle":     {func(f *feed) { f.m.Listen(true); f.talk(0, 0, 200, all); f.m.Listen(false); f.talk(0, 200, 500, all) }, 200},
		"A-law":                {func(f *feed) { f.m.Listen(true); f.talk(8, 0, 500, all) }, 500},
		"G.722":                {func(f *feed) { f.m.Listen(true); f.talk(9, 0, 500, all) }, 500},
		"G.729":                {func(f *feed) { f.m.Listen(true); f.talk(18, 0, 500, all) }, 0},
		"comfort noise":        {func(f *feed) { f.m.Listen(true); f.talk(13, 0, 500, all) }, 0},
		"a dynamic type":       {func(f *feed) { f.m.Listen(true); f.talk(100, 0, 500, all) }, 0},
		"a dynamic type, told": {func(f *feed) { f.m.Listen(true); f.m.SetPayload(100, "pcma", 8000); f.talk(100, 0, 500, all) }, 500},
		"told late": {func(f *feed) {
			f.m.Listen(true)
			f.talk(100, 0, 200, all)
			f.m.SetPayload(100, "PCMU", 8000)
			f.talk(100, 200, 500, all)
		}, 300},
		"another clock":          {func(f *feed) { f.m.Listen(true); f.m.SetPayload(100, "PCMU", 16000); f.talk(100, 0, 500, all) }, 0},
		"a number that SDP took": {func(f *feed) { f.m.Listen(true); f.m.SetPayload(0, "L16", 8000); f.talk(0, 0, 500, all) }, 0},
		"a change of codec":      {func(f *feed) { f.m.Listen(true); f.talk(0, 0, 200, all); f.talk(18, 200, 500, all) }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFeed()
			c.does(f)
			f.end(t)
			if sum := f.heard(); sum.Samples != 160*c.want {
				t.Errorf("%d packets were decoded, want %d", sum.Samples/160, c.want)
			}
			f.m.Reset(8, false)
			f.reports = nil
			f.talk(0, 0, 100, all)
			if sum := f.heard(); sum.Samples != 0 {
				t.Errorf("the next stream is listened to, unasked")
			}
		})
	}
}

// TestSoundOfCutPackets: a capture may hold less than the header says.
func TestSoundOfCutPackets(t *testing.T) {
	m := NewMeter(7, false)
	m.Listen(true)
	m.Observe(&RTPHeader{SSRC: 7, PayloadOffset: 12, PayloadLen: 160}, &packet.Packet{Time: start, Payload: make([]byte, 50)})
	m.Observe(&RTPHeader{SSRC: 7, Sequence: 1, PayloadOffset: 12, PayloadLen: 160}, &packet.Packet{Time: start, Payload: make([]byte, 12)})
	var r Report
	if !m.Final(&r) || r.Signal.Samples != 38 {
		t.Errorf("%+v", r.Signal)
	}
}

// TestSoundIsSmall: what decoding adds to a stream beside G.722's decoder.
func TestSoundIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(sound{}); n > 128 {
		t.Errorf("the sound of a stream takes %d bytes", n)
	}
}

func TestListeningDoesNotAllocate(t *testing.T) {
	m := NewMeter(1, false)
	m.Listen(true)
	h := RTPHeader{PayloadType: 9, PayloadLen: 160}
	p := packet.Packet{Time: start, Payload: loudMu}
	m.Observe(&h, &p)
	if n := testing.AllocsPerRun(1000, func() {
		h.Sequence++
		h.Timestamp += 160
		h.PayloadType = []uint8{0, 8, 9}[h.Sequence%3]
		m.Observe(&h, &p)
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

package media

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/signal"
)

// arbitrary drives a meter with bytes: 12 a packet, time and numbers as the
// fuzzer likes them, now and then a report or SDP.
func arbitrary(t testing.TB, b []byte) {
	f := newFeed()
	now := start
	var packets uint64
	for ; len(b) >= 12; b = b[12:] {
		step := int64(int32(binary.BigEndian.Uint32(b))) * int64(b[4]) // ns, either way
		now = now.Add(time.Duration(step))
		switch b[5] & 7 {
		case 0:
			f.m.SetPayload(b[6], [...]string{"opus", "telephone-event", "CN", ""}[b[7]&3], uint32(binary.BigEndian.Uint16(b[8:])))
		case 1:
			f.sweep(now)
		}
		h := RTPHeader{
			PayloadType: b[6] & 0x7f, Sequence: binary.BigEndian.Uint16(b[6:]), Timestamp: binary.BigEndian.Uint32(b[8:]),
			PayloadLen: int(b[7]),
		}
		f.m.Observe(&h, &packet.Packet{Time: now, TTL: b[5]})
		packets++
	}
	if packets == 0 {
		return
	}
	c := f.end(t).Total
	if c.Packets != packets || c.Lost > c.Expected || c.Expected-c.Lost+c.Duplicates > c.Packets ||
		c.Expected == 0 || c.Events+c.CN > c.Packets || c.DTMF > c.Events {
		t.Errorf("%d packets: %+v", packets, c)
	}
	for _, r := range f.reports {
		if r.Delta.Lost > r.Delta.Expected || r.Delta.Packets > packets {
			t.Errorf("a report says %+v", r.Delta)
		}
		for _, j := range r.Jitter {
			if !(j.Sum >= 0 && j.Max <= maxTransitStepMs && j.N <= r.Delta.Packets) {
				t.Errorf("jitter %+v", j)
			}
		}
		back, err := ParseReport(r.AppendJSON(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, back, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzMeter(f *testing.F) {
	f.Add([]byte("0123456789ab0123456789ac0123456789ad"))
	long := make([]byte, 12*60)
	for i := range len(long) / 12 {
		b := long[12*i:]
		binary.BigEndian.PutUint32(b, 200_000_000)
		b[4], b[5] = 1, 2
		binary.BigEndian.PutUint16(b[6:], uint16(i))
		binary.BigEndian.PutUint32(b[8:], uint32(i)*160)
	}
	f.Add(long)
	f.Fuzz(func(t *testing.T, b []byte) { arbitrary(t, b) })
}

// TestMeterAgainstModel compares loss with a model that keeps every number, on
// streams with loss, duplicates and reordering but no jumps.
func TestMeterAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFeed()
		seen := map[int]bool{}
		highest, lowest, duplicates := -1, 1<<30, uint64(0)
		base := rapid.IntRange(0, 65535).Draw(rt, "first")
		at, next := 0.0, 200
		var packets int
		for range rapid.IntRange(1, 400).Draw(rt, "packets") {
			n := next
			switch rapid.IntRange(0, 9).Draw(rt, "fate") {
			case 0: // lost ones before it
				n += rapid.IntRange(1, 50).Draw(rt, "lost")
			case 1: // late, or again
				n -= rapid.IntRange(1, 90).Draw(rt, "back")
			}
			next = max(next, n+1)
			if highest >= 0 && highest-n > maxMisorder {
				continue
			}
			if seen[n] {
				duplicates++
			}
			seen[n] = true
			highest, lowest = max(highest, n), min(lowest, n)
			packets++
			at += 10
			f.at(at, 0, uint16(base+n), uint32(n)*160)
		}
		if packets == 0 {
			return
		}
		c := f.end(t).Total
		expected := uint64(highest - lowest + 1)
		if c.Expected != expected || c.Lost != expected-uint64(len(seen)) || c.Duplicates != duplicates || c.Restarts != 0 {
			rt.Fatalf("%+v, want expected %d, lost %d, duplicates %d", c, expected, expected-uint64(len(seen)), duplicates)
		}
	})
}

// TestDeltasAddUp is arbitrary under rapid: end checks the sums.
func TestDeltasAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		arbitrary(t, rapid.SliceOfN(rapid.Byte(), 12, 12*50).Draw(rt, "packets"))
	})
}

func drawReport(rt *rapid.T) Report {
	u64 := rapid.Uint64Max(mostTold)
	counts := func() Counts {
		expected := u64.Draw(rt, "expected")
		return Counts{
			Packets: u64.Draw(rt, "packets"), Bytes: u64.Draw(rt, "bytes"), Expected: expected,
			Lost: rapid.Uint64Max(expected).Draw(rt, "lost"), Duplicates: u64.Draw(rt, "dup"), Reordered: u64.Draw(rt, "re"),
			Restarts: u64.Draw(rt, "restarts"), Jumps: u64.Draw(rt, "jumps"), Events: u64.Draw(rt, "events"), DTMF: u64.Draw(rt, "dtmf"), CN: u64.Draw(rt, "cn"),
		}
	}
	at := func() time.Time {
		return time.Unix(0, rapid.Int64Range(0, 4e18).Draw(rt, "time")).UTC()
	}
	ms := rapid.Float64Range(0, 1e12)
	jitter := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Jitter {
		return Jitter{rapid.Uint32().Draw(rt, "clock"), ms.Draw(rt, "sum"), u64.Draw(rt, "n"), ms.Draw(rt, "max"), ms.Draw(rt, "last")}
	}), 0, 4)
	sums := signal.Sums{Samples: rapid.Uint64Max(1<<32).Draw(rt, "samples")}
	sums.Silent = rapid.Uint64Max(sums.Samples).Draw(rt, "silent")
	sums.Blurred = rapid.Uint64Max(sums.Samples).Draw(rt, "blurred")
	sums.Clipped = rapid.Uint64Max(sums.Samples-sums.Blurred).Draw(rt, "clipped")
	sums.Signal = rapid.Uint64Max((sums.Samples-sums.Silent)<<30).Draw(rt, "signal")
	sums.Noise = rapid.Uint64Max(3000*sums.Silent).Draw(rt, "noise")
	return Report{
		Signal: sums,
		SSRC:   rapid.Uint32().Draw(rt, "ssrc"), Start: at(), First: at(), Last: at(), Final: rapid.Bool().Draw(rt, "final"),
		Delta: counts(), Total: counts(), PayloadType: rapid.Uint8Max(127).Draw(rt, "pt"),
		PayloadTypes: rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) PayloadCount {
			return PayloadCount{rapid.Uint8Max(127).Draw(rt, "pt"), u64.Draw(rt, "n")}
		}), 0, 4).Draw(rt, "pts"),
		Jitter: jitter.Draw(rt, "jitter"), TotalJitter: jitter.Draw(rt, "total"),
		DeltaMaxMs: ms.Draw(rt, "delta"), PtimeMs: ms.Draw(rt, "ptime"), TimestampStep: rapid.Uint32().Draw(rt, "step"),
		Head:   rapid.Uint16Max(0x1ff).Draw(rt, "head"),
		TTLMin: rapid.Uint8().Draw(rt, "ttl"), TTLMax: rapid.Uint8().Draw(rt, "ttl"), DSCP: rapid.Uint8Max(63).Draw(rt, "dscp"),
		VLAN: rapid.Uint16().Draw(rt, "vlan"), ClockRate: rapid.Uint32().Draw(rt, "rate"), SSRCChanged: rapid.Bool().Draw(rt, "changed"),
		Frames: Frames{u64.Draw(rt, "frames"), rapid.Float64Range(0, 1e9).Draw(rt, "gap"), u64.Draw(rt, "freezes"), 2.5, 1e4},
		Heard: Heard{
			Played: u64.Draw(rt, "played"), Discarded: [Buffers]uint64{0, u64.Draw(rt, "discarded"), 0},
			Runs: [1 + Buffers]uint64{u64.Draw(rt, "runs"), 0, 0, u64.Draw(rt, "runs")}, Bursts: [10]uint64{1, 9: u64.Draw(rt, "bursts")},
			PDV: [7]uint64{3: u64.Draw(rt, "pdv")},
		},
		BurstGap:     BurstGap{1, u64.Draw(rt, "c13"), 3, 4, 0, 6, u64.Draw(rt, "pkt"), 8, u64.Draw(rt, "after")},
		TransitMinMs: rapid.Float64Range(-1e9, 1e9).Draw(rt, "transit"), PlayoutMs: ms.Draw(rt, "playout"),
		Holes: rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Hole {
			h := Hole{From: at(), To: at(), Lost: rapid.Bool().Draw(rt, "lost")}
			if h.Lost {
				h.Missing = u64.Draw(rt, "missing")
			}
			return h
		}), 0, 4).Draw(rt, "holes"),
		JitterSpread: rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) SpreadCount {
			return SpreadCount{rapid.Uint32().Draw(rt, "bucket"), rapid.Uint32().Draw(rt, "n")}
		}), 0, 4).Draw(rt, "spread"),
	}
}

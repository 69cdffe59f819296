package agent

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/agent/recorder"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
)

func port(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n >> 14)}), uint16(n<<2))
}

// TestStreamTable compares the table with a map, on hashes that collide whole
// and in their low bits.
func TestStreamTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, want := newStreamTable(), map[int]*stream{}
		hash := func(n int) uint64 { return uint64(n / 3 * 251) }
		for range rapid.IntRange(1, 2000).Draw(t, "steps") {
			n := rapid.IntRange(0, 400).Draw(t, "stream")
			if s := want[n]; s != nil {
				table.remove(s)
				delete(want, n)
			} else {
				s = &stream{src: port(n), dst: port(n + 1), hash: hash(n)}
				s.meter.Reset(uint32(n), false)
				table.add(s)
				want[n] = s
			}
			for _, n := range []int{n, n - 1, n + 1, rapid.IntRange(0, 400).Draw(t, "other")} {
				if n < 0 {
					continue
				}
				if got := table.find(hash(n), &packet.Packet{Src: port(n), Dst: port(n + 1)}, uint32(n)); got != want[n] {
					t.Fatalf("stream %d: found %p, want %p", n, got, want[n])
				}
			}
			if table.used != len(want) {
				t.Fatalf("%d used, want %d", table.used, len(want))
			}
		}
	})
}

// TestHashPairOfAnyAddresses holds the hash to what HEP may claim: families
// that do not go together, and none.
func TestHashPairOfAnyAddresses(t *testing.T) {
	table := newStreamTable()
	seen := map[uint64]bool{}
	for _, src := range []string{"192.0.2.1:1", "192.0.2.1:2", "[2001:db8::1]:1", "[2001:db8::2]:1", ""} {
		for _, dst := range []string{"192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1", ""} {
			s, _ := netip.ParseAddrPort(src)
			d, _ := netip.ParseAddrPort(dst)
			h := table.hashPair(s, d)
			if h != table.hashPair(s, d) || seen[h] {
				t.Errorf("%q, %q: the hash is not their own", src, dst)
			}
			seen[h] = true
		}
	}
}

// talk gives the packets of n PCMU streams in turn, 20 ms apart in each.
type talk struct {
	packets []packet.Packet
	at      int
}

func newTalk(n int) *talk {
	t := &talk{packets: make([]packet.Packet, n)}
	now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	for i := range t.packets {
		b := make([]byte, 172)
		b[0] = 0x80
		binary.BigEndian.PutUint32(b[8:], uint32(i))
		t.packets[i] = packet.Packet{
			Time: now.Add(time.Duration(i) * 20 * time.Millisecond / time.Duration(n)), Src: port(i), Dst: port(i + n),
			Transport: packet.UDP, TTL: 64, Payload: b,
		}
	}
	return t
}

func (t *talk) next() *packet.Packet {
	p := &t.packets[t.at%len(t.packets)]
	t.at++
	p.Time = p.Time.Add(20 * time.Millisecond)
	binary.BigEndian.PutUint16(p.Payload[2:], binary.BigEndian.Uint16(p.Payload[2:])+1)
	binary.BigEndian.PutUint32(p.Payload[4:], binary.BigEndian.Uint32(p.Payload[4:])+160)
	return p
}

func TestObserveRTPDoesNotAllocate(t *testing.T) {
	reports := 0
	a := New(Defaults(), func(p *packet.Packet) {
		if p.Kind != packet.KindReport || len(p.Payload) == 0 {
			t.Errorf("the agent emits %+v", p)
		}
		reports++
	})
	talk := newTalk(40)
	minute := func() { // of all of them, so that reports count too
		for range 40 * 3000 {
			a.Observe(talk.next())
		}
	}
	minute()
	before := reports
	if n := testing.AllocsPerRun(2, minute); n != 0 {
		t.Errorf("%v allocations a minute", n)
	}
	if reports == before || a.Counters.RTP != uint64(talk.at) {
		t.Errorf("%d reports, %d of %d packets metered", reports-before, a.Counters.RTP, talk.at)
	}
	a.Close()
	if a.Counters.StreamsReported != 40 {
		t.Errorf("%d streams reported, want 40", a.Counters.StreamsReported)
	}
}

// TestRecordingDoesNotAllocate: with the flight recorder, too, but for its
// chunks, of which none is full here.
func TestRecordingDoesNotAllocate(t *testing.T) {
	o := Defaults()
	o.Recorder = recorder.New(recorder.Options{Dir: t.TempDir(), Memory: 128 << 20, Span: time.Hour}, slog.New(slog.DiscardHandler))
	a := New(o, func(*packet.Packet) {})
	talk := newTalk(40)
	second := func() {
		for range 40 * 50 {
			a.Observe(talk.next())
		}
	}
	for range 12 {
		second()
	}
	if n := testing.AllocsPerRun(10, second); n != 0 {
		t.Errorf("%v allocations a second", n)
	}
}

// BenchmarkObserveRTP is what a packet costs the agent, by how many streams
// take turns; the floor is the meter alone.
func BenchmarkObserveRTP(b *testing.B) {
	f := func(name string, streams int, change ...func(*Options)) {
		b.Run(name, func(b *testing.B) {
			o := Defaults()
			for _, c := range change {
				c(&o)
			}
			a := New(o, func(*packet.Packet) {})
			talk := newTalk(streams)
			b.ReportAllocs()
			for b.Loop() {
				a.Observe(talk.next())
			}
		})
	}
	f("1", 1)
	f("400", 400)
	f("400-recorded", 400, func(o *Options) {
		o.Recorder = recorder.New(recorder.Options{Dir: b.TempDir(), Memory: 32 << 20, Span: 30 * time.Minute}, slog.New(slog.DiscardHandler))
	})
	f("20000", 20_000)
	b.Run("floor", func(b *testing.B) {
		m := media.NewMeter(0, false)
		talk := newTalk(1)
		var h media.RTPHeader
		var r media.Report
		for b.Loop() {
			p := talk.next()
			h.Parse(p.Payload)
			for now := p.Time.UnixNano(); m.Due(now) && m.Report(now, &r); {
			}
			m.Observe(&h, p)
		}
	})
}

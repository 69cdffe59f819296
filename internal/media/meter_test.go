package media

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/packet"
)

// start is a multiple of Interval.
var start = time.Unix(1_700_000_000, 0).UTC()

// feed is a stream under test.
type feed struct {
	m       *Meter
	payload []byte
	reports []Report
}

func newFeed() *feed { return &feed{m: NewMeter(7, false)} }

// at observes one packet, ms after start, taking what is due before.
func (f *feed) at(ms float64, pt uint8, seq uint16, ts uint32) {
	t := start.Add(time.Duration(ms * 1e6))
	f.sweep(t)
	h := RTPHeader{SSRC: 7, PayloadType: pt, Sequence: seq, Timestamp: ts, PayloadLen: 160}
	if f.payload != nil {
		h.PayloadLen = len(f.payload)
	}
	f.m.Observe(&h, &packet.Packet{Time: t, TTL: 64, DSCP: 46, Payload: f.payload})
}

func (f *feed) sweep(t time.Time) {
	for now := t.UnixNano(); f.m.Due(now); {
		var r Report
		if !f.m.Report(now, &r) {
			return
		}
		f.reports = append(f.reports, r)
	}
}

// end returns the last report and checks that the deltas add up to its total.
func (f *feed) end(t testing.TB) Report {
	t.Helper()
	for {
		var r Report
		if !f.m.Final(&r) {
			break
		}
		f.reports = append(f.reports, r)
	}
	var sum Counts
	for i, r := range f.reports {
		sum.Add(r.Delta)
		if r.Final != (i == len(f.reports)-1) {
			t.Errorf("report %d of %d: Final is %v", i, len(f.reports), r.Final)
		}
		if i > 0 && !f.reports[i-1].Start.Before(r.Start) && r.Delta != (Counts{}) {
			t.Errorf("report %d starts at %v, not after the one before", i, r.Start)
		}
	}
	last := f.reports[len(f.reports)-1]
	if diff := cmp.Diff(last.Total, sum); diff != "" {
		t.Errorf("the deltas do not add up to the total (-total +sum):\n%s", diff)
	}
	return last
}

// sequences feeds numbers 20 ms apart.
func sequences(t testing.TB, seqs ...uint16) Counts {
	t.Helper()
	f := newFeed()
	for i, seq := range seqs {
		f.at(float64(20*i), 0, seq, uint32(i)*160)
	}
	c := f.end(t).Total
	if c.Packets != uint64(len(seqs)) {
		t.Errorf("%d packets, want %d", c.Packets, len(seqs))
	}
	return c
}

func run(from uint16, n int) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		out[i] = from + uint16(i)
	}
	return out
}

func join(parts ...[]uint16) []uint16 {
	var out []uint16
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func TestLoss(t *testing.T) {
	f := func(name string, seqs []uint16, expected, lost, duplicates, reordered, restarts uint64) {
		t.Helper()
		c := sequences(t, seqs...)
		got := [...]uint64{c.Expected, c.Lost, c.Duplicates, c.Reordered, c.Restarts}
		if want := [...]uint64{expected, lost, duplicates, reordered, restarts}; got != want {
			t.Errorf("%s: expected, lost, duplicates, reordered, restarts are %v, want %v", name, got, want)
		}
	}
	f("one packet", run(9, 1), 1, 0, 0, 0, 0)
	f("in order", run(9, 100), 100, 0, 0, 0, 0)
	f("wrap", run(65500, 100), 100, 0, 0, 0, 0)
	f("three lost across the wrap", join(run(65530, 5), run(2, 10)), 18, 3, 0, 0, 0)
	f("the first packets out of order", []uint16{10, 9, 8, 11}, 4, 0, 0, 2, 0)
	f("the first before the wrap", []uint16{1, 65534, 2}, 5, 2, 0, 1, 0)
	f("a duplicate", []uint16{1, 2, 2, 3}, 3, 0, 1, 0, 0)
	f("duplicates hide no loss", []uint16{1, 2, 2, 2, 5}, 5, 2, 2, 0, 0)
	f("reordered", []uint16{1, 3, 2, 4}, 4, 0, 0, 1, 0)
	f("reordered and its copy", []uint16{1, 3, 2, 2, 4}, 4, 0, 1, 1, 0)
	f("100 late", join(run(1, 1), run(3, 100), []uint16{2}), 102, 0, 0, 1, 0)
	f("300 late", join(run(1, 1), run(3, 300), []uint16{2}, run(303, 5)), 307, 0, 0, 1, 0)
	f("a copy 300 late", join(run(1, 300), []uint16{2}, run(301, 5)), 305, 0, 1, 0, 0)
	f("a gap of 2999", join(run(1, 10), run(3009, 10)), 3018, 2998, 0, 0, 0)
	f("restart forward", join(run(1, 10), run(3010, 10)), 20, 0, 0, 0, 1)
	f("restart backward", join(run(5000, 100), run(1000, 100)), 200, 0, 0, 0, 1)
	f("restart backward into the window", join(run(5000, 300), run(5000, 300)), 600, 0, 0, 0, 1)
	f("restart into a hole of the window", join(run(5000, 10), run(5020, 200), run(5012, 5)), 225, 10, 0, 0, 1)
	f("restart into a hole of an interval before", join(run(5000, 10), run(5020, 300), run(5012, 5)), 324, 9, 0, 1, 1)
	f("restart with loss behind", join(run(5000, 10), run(100, 2), run(105, 5)), 20, 3, 0, 0, 1)
	f("a stray packet", join(run(1, 10), []uint16{40000}, run(11, 10)), 20, 0, 0, 0, 0)
	f("two stray ones not in sequence", join(run(1, 10), []uint16{40000, 40002}, run(11, 10)), 20, 0, 0, 0, 0)
	// A mirror that lags by 200 packets must not make a restart at each turn.
	var mirrored []uint16
	for i := range uint16(300) {
		mirrored = append(mirrored, 1000+i)
		if i >= 200 {
			mirrored = append(mirrored, 800+i)
		}
	}
	f("interleaved with a copy 200 behind", mirrored, 300, 0, 100, 0, 0)
}

func TestLossBelongsToItsInterval(t *testing.T) {
	f := newFeed()
	for i := range 750 { // 15 s
		if i == 240 || i == 245 || i == 400 {
			continue
		}
		if i == 260 { // 245 comes 300 ms late, in the next interval
			f.at(20*260-1, 0, 245, 245*160)
		}
		f.at(float64(20*i), 0, uint16(i), uint32(i)*160)
	}
	f.end(t)
	if len(f.reports) != 3 {
		t.Fatalf("%d reports, want 3", len(f.reports))
	}
	f1, f2 := f.reports[0].Delta, f.reports[1].Delta
	if f1.Expected != 250 || f1.Lost != 1 || f2.Expected != 250 || f2.Lost != 1 || f2.Reordered != 1 {
		t.Errorf("the first two intervals are %+v and %+v", f1, f2)
	}
	if !f.reports[1].Start.Equal(start.Add(Interval)) {
		t.Errorf("the second starts at %v", f.reports[1].Start)
	}
	if r := f.reports[0]; r.PayloadType != 0 || r.PtimeMs != 20 || r.TTLMin != 64 || r.DSCP != 46 || r.DeltaMaxMs != 40 {
		t.Errorf("the first report is %+v", r)
	}
}

// TestFirstPacketsLateAcrossIntervals begins a stream out of order just before
// an interval ends: each interval's lost must stay within its expected.
func TestFirstPacketsLateAcrossIntervals(t *testing.T) {
	f := newFeed()
	for i, seq := range []uint16{50, 40, 45, 51, 41} {
		f.at(4990+float64(20*i), 0, seq, 0)
	}
	r := f.end(t)
	if r.Total.Expected != 12 || r.Total.Lost != 7 || f.reports[0].Delta.Expected != 11 || f.reports[0].Delta.Lost != 7 {
		t.Errorf("%+v of %+v", f.reports[0].Delta, r.Total)
	}
}

func TestReportsNotTakenAreJoined(t *testing.T) {
	m := NewMeter(1, false)
	for i := range 2000 {
		m.Observe(&RTPHeader{Sequence: uint16(i), Timestamp: uint32(i) * 160}, &packet.Packet{Time: start.Add(time.Duration(i) * 20 * time.Millisecond)})
	}
	var r Report
	var sum Counts
	for m.Final(&r) {
		sum.Add(r.Delta)
	}
	if sum != r.Total || r.Total.Packets != 2000 || r.Total.Expected != 2000 || r.Total.Lost != 0 {
		t.Errorf("deltas %+v, total %+v", sum, r.Total)
	}
}

func TestSilence(t *testing.T) {
	f := newFeed()
	for i := range 10 {
		f.at(float64(20*i), 0, uint16(i), uint32(i)*160)
	}
	f.sweep(start.Add(time.Hour))
	if len(f.reports) != 1 {
		t.Fatalf("%d reports of one interval with packets", len(f.reports))
	}
	r := f.end(t)
	if len(f.reports) != 2 || r.Delta != (Counts{}) || r.Total.Packets != 10 || !r.Final {
		t.Errorf("the last report is %+v", r)
	}
	f.at(7_200_000, 0, 10, 1600) // it speaks again
	if r := f.reports[1]; !r.Last.Equal(start.Add(180 * time.Millisecond)) {
		t.Errorf("the last packet was at %v", r.Last)
	}
}

func TestTelephoneEvents(t *testing.T) {
	digit := func(s *feed, pt uint8, seq uint16, ts uint32) {
		s.payload = []byte{5, 0x0a, 0, 160}
		for i := range uint16(6) {
			s.at(float64(seq+i)*20, pt, seq+i, ts)
		}
		s.payload = nil
	}
	for _, told := range []bool{true, false} {
		s := newFeed()
		if told {
			s.m.SetPayload(101, "telephone-event", 8000)
		}
		for i := range uint16(10) {
			s.at(float64(i)*20, 0, i, uint32(i)*160)
		}
		digit(s, 101, 10, 1600)
		digit(s, 101, 16, 3200)
		r := s.end(t)
		if r.Total.Events != 12 || r.Total.DTMF != 2 || r.PayloadType != 0 {
			t.Errorf("told %v: %+v", told, r)
		}
		if diff := cmp.Diff([]PayloadCount{{0, 10}, {101, 12}}, r.PayloadTypes); diff != "" {
			t.Error(diff)
		}
	}
	// A guess is dropped when the type turns out to carry something else.
	s := newFeed()
	digit(s, 96, 0, 0)
	for i := uint16(6); i < 100; i++ {
		s.at(float64(i)*20, 96, i, uint32(i)*960)
	}
	if r := s.end(t); r.Total.Events != 6 || len(r.TotalJitter) != len(CandidateRates) {
		t.Errorf("%+v", r)
	}
}

func TestMeterIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Meter{}); n > 2048 {
		t.Errorf("a Meter takes %d bytes, above the 2,048 that 100,000 streams were counted with", n)
	}
}

func TestMeterReset(t *testing.T) {
	m := NewMeter(1, false)
	m.SetPayload(96, "opus", 48000)
	m.Observe(&RTPHeader{PayloadType: 96}, &packet.Packet{Time: start})
	m.Reset(2, true)
	if diff := cmp.Diff(0, len(m.payloads)); diff != "" || m.SSRC() != 2 || !m.First().IsZero() {
		t.Errorf("a meter used again remembers: %+v", m)
	}
	m.Observe(&RTPHeader{PayloadType: 96}, &packet.Packet{Time: start})
	var r Report
	if !m.Final(&r) || !r.SSRCChanged || m.Final(&r) {
		t.Errorf("%+v", r)
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	m := NewMeter(1, false)
	m.SetPayload(96, "opus", 48000)
	h := RTPHeader{PayloadType: 96, PayloadLen: 160}
	p := packet.Packet{Time: start}
	r := Report{PayloadTypes: make([]PayloadCount, 0, 8), Jitter: make([]Jitter, 0, 8), TotalJitter: make([]Jitter, 0, 8)}
	n := testing.AllocsPerRun(10_000, func() {
		h.Sequence += uint16(1 + rand.IntN(2))
		h.Timestamp += 960
		p.Time = p.Time.Add(20 * time.Millisecond)
		for now := p.Time.UnixNano(); m.Due(now); {
			m.Report(now, &r)
		}
		m.Observe(&h, &p)
	})
	if n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	f := func(b *testing.B, pt uint8) {
		m := NewMeter(1, false)
		h := RTPHeader{SSRC: 1, PayloadType: pt, PayloadLen: 160}
		p := packet.Packet{TTL: 64, Time: start}
		var r Report
		b.ReportAllocs()
		for b.Loop() {
			h.Sequence++
			h.Timestamp += 160
			p.Time = p.Time.Add(20 * time.Millisecond)
			for now := p.Time.UnixNano(); m.Due(now) && m.Report(now, &r); {
			}
			m.Observe(&h, &p)
		}
	}
	b.Run("known", func(b *testing.B) { f(b, 0) })
	b.Run("candidates", func(b *testing.B) { f(b, 96) })
}

// TestPtimeAtCodecChange: the packet time and the jitter of an interval are by
// the clock of most of its packets, whatever comes behind it.
func TestPtimeAtCodecChange(t *testing.T) {
	for _, from := range []int{500, 620} { // at the edge of an interval, and inside one
		f := newFeed()
		f.m.SetPayload(96, "opus", 48_000)
		for i := range 1000 {
			pt, ts := uint8(18), uint32(160*i)
			if i >= from {
				pt, ts = 96, uint32(960*i)
			}
			f.at(20*float64(i), pt, uint16(i), ts)
		}
		f.end(t)
		for _, r := range f.reports {
			want := map[uint8]uint32{18: 8000, 96: 48_000}[r.PayloadType]
			if r.PtimeMs != 20 || len(r.Jitter) != 1 || r.Jitter[0].ClockRate != want {
				t.Errorf("from packet %d: payload type %d has %g ms a packet, jitter %+v", from, r.PayloadType, r.PtimeMs, r.Jitter)
			}
		}
	}
}

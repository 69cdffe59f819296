package media

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sum adds up what the reports of a feed say was heard.
func (f *feed) sum(t testing.TB) (Heard, Report) {
	t.Helper()
	last := f.end(t)
	var sum Heard
	for i := range f.reports {
		sum.Add(&f.reports[i].Heard)
	}
	return sum, last
}

// TestBurstsOfAnyLoss compares runs and their histogram with the plain way:
// over numbers that arrived in the end.
func TestBurstsOfAnyLoss(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 3000).Draw(rt, "n")
		start := uint16(rapid.IntRange(0, 65535).Draw(rt, "start"))
		ptime := rapid.SampledFrom([]int{5, 10, 20, 30}).Draw(rt, "ptime")
		loss := rapid.SampledFrom([]int{0, 0, 10, 50, 200, 900}).Draw(rt, "loss of 1000")
		mean := rapid.IntRange(1, 12).Draw(rt, "burst")
		reorder := rapid.SampledFrom([]int{0, 20}).Draw(rt, "reorder of 1000")
		rnd := rapid.Uint64().Draw(rt, "seed")
		next := func(below int) int {
			rnd = rnd*6364136223846793005 + 1442695040888963407
			return int(rnd>>33) % below
		}
		var kept []int
		for i := 0; i < n; i++ {
			if i > 0 && i < n-1 && next(1000) < loss/mean {
				i += next(2 * mean) // and one more
				continue
			}
			kept = append(kept, i)
		}
		var want Heard
		before := kept[0] - 1
		for _, i := range kept {
			if run := i - before - 1; run > 0 {
				want.Runs[0]++
				want.Bursts[min(run, 10)-1]++
			}
			before = i
		}
		for i := 1; i+1 < len(kept); i++ {
			if next(1000) < reorder {
				kept[i], kept[i+1] = kept[i+1], kept[i]
				i++
			}
		}
		f := newFeed()
		for _, i := range kept {
			f.at(float64(i*ptime), 0, start+uint16(i), uint32(i*ptime*8))
		}
		got, last := f.sum(t)
		if got.Runs[0] != want.Runs[0] || got.Bursts != want.Bursts {
			rt.Fatalf("runs %d, by length %v; want %d, %v; total %+v", got.Runs[0], got.Bursts, want.Runs[0], want.Bursts, last.Total)
		}
	})
}

func TestReorderingIsNoLoss(t *testing.T) {
	f := newFeed()
	for i := range uint16(1000) {
		if i%50 == 10 {
			continue // comes 30 ms late
		}
		f.at(float64(20*i), 0, i, uint32(i)*160)
		if i%50 == 11 {
			f.at(float64(20*i)+10, 0, i-1, uint32(i-1)*160)
		}
	}
	got, last := f.sum(t)
	if got.Runs != ([4]uint64{}) || got.Bursts != ([10]uint64{}) || got.Discarded != ([3]uint64{}) {
		t.Errorf("heard %+v", got)
	}
	if last.Total.Lost != 0 || last.Total.Reordered != 20 {
		t.Errorf("lost %d, reordered %d", last.Total.Lost, last.Total.Reordered)
	}
}

func TestBuffers(t *testing.T) {
	// late gives what each model discards when every 50th packet is late by ms.
	late := func(ms float64) [Buffers]uint64 {
		f := newFeed()
		for i := range uint16(1000) {
			at := float64(20 * i)
			if i%50 == 49 {
				at += ms
			}
			f.at(at, 0, i, uint32(i)*160)
		}
		h, _ := f.sum(t)
		if h.Runs[0] != 0 {
			t.Errorf("late by %g ms: %d runs lost on the network", ms, h.Runs[0])
		}
		return h.Discarded
	}
	for _, c := range []struct {
		ms   float64
		want [Buffers]uint64
	}{
		{0, [Buffers]uint64{0, 0, 0}},
		{15, [Buffers]uint64{0, 0, 0}},
		{100, [Buffers]uint64{20, 0, 1}}, // the adaptive one learns from the first
		{300, [Buffers]uint64{20, 20, 1}},
		{800, [Buffers]uint64{20, 20, 20}},
	} {
		if got := late(c.ms); got != c.want {
			t.Errorf("late by %g ms: f50, f200 and adaptive discard %v, want %v", c.ms, got, c.want)
		}
	}
}

// TestBufferFollowsANewDelay: a route that is 300 ms longer is no loss for
// ever.
func TestBufferFollowsANewDelay(t *testing.T) {
	f := newFeed()
	for i := range uint16(1000) {
		at := float64(20 * i)
		if i >= 500 {
			at += 300
		}
		f.at(at, 0, i, uint32(i)*160)
	}
	h, _ := f.sum(t)
	for b, n := range h.Discarded {
		if n > 3 {
			t.Errorf("%s discards %d", Buffer(b), n)
		}
	}
}

// TestBurstGapByHand: RFC 3611 A.2 worked by hand. 100 numbers heard, then
// missing, heard, missing (a burst), 20 heard, one missing alone, 30 heard.
func TestBurstGapByHand(t *testing.T) {
	var b BurstGap
	b.heard(100)
	b.missed() // begins a burst
	b.heard(1)
	b.missed()
	b.heard(20)
	b.missed() // 20 >= 16: the burst is over, this one may be alone
	b.heard(30)
	b.missed() // it was
	b.heard(16)
	want := BurstGap{C11: 100 + 20 + 30, C13: 2, C14: 1, C22: 0, C23: 1, C33: 0, Packets: 16, Lost: 1, After: 20 + 1 + 30 + 1}
	if d := cmp.Diff(want, b); d != "" {
		t.Fatalf("counters (-want +got):\n%s", d)
	}
	// c11 166, c13 2, c14 1, c22 0, c23 1, c31 2, c32 1: total 173.
	// p32 = 1/3, p23 = 1 - 0/1 = 1: burst density 1/(1+1/3) = 75 %.
	// gap density 1/167; gap (166+1+2)*20/2 ms, burst 173*20/2 - that.
	m, ok := b.Metrics(20)
	near := func(name string, got, want float64) {
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
	if !ok {
		t.Fatal("no metrics")
	}
	near("burst density", m.BurstDensityPct, 75)
	near("gap density", m.GapDensityPct, 100./167)
	near("gap", m.GapMs, 1690)
	near("burst", m.BurstMs, 40)
	if _, ok := (BurstGap{Packets: 1000}).Metrics(20); ok {
		t.Error("without loss there are metrics")
	}
}

func TestHoles(t *testing.T) {
	// Between the packets before and behind the gap; these then come each
	// pace ms until they have caught up with the time.
	type step struct{ ms, ts, seq, pace int }
	f := func(name string, s step, want []bool) {
		t.Helper()
		f := newFeed()
		for i := range 100 {
			f.at(float64(20*i), 0, uint16(i), uint32(160*i))
		}
		for i := range 100 {
			f.at(max(float64(99*20+s.ms+s.pace*i), float64(99*20+min(s.ts/8, s.ms)+20*i)), 0, uint16(99+s.seq+i), uint32(99*160+s.ts+160*i))
		}
		f.end(t)
		var got []bool
		for _, r := range f.reports {
			for _, h := range r.Holes {
				got = append(got, h.Lost)
				if d := h.To.Sub(h.From).Milliseconds(); d != int64(s.ms) {
					t.Errorf("%s: the hole is %d ms, want %d", name, d, s.ms)
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: holes, lost or not (-want +got):\n%s", name, d)
		}
	}
	f("no gap", step{20, 160, 1, 20}, nil)
	f("an outage", step{5000, 40000, 250, 20}, []bool{true})
	f("a sender that paused", step{5000, 160, 1, 20}, []bool{false})
	f("packets held up for a second and a half, then all at once", step{1500, 160, 1, 0}, nil)
	f("packets held up, then twice as fast", step{1500, 160, 1, 10}, nil)
	f("a sender that paused, and is a little fast", step{1500, 160, 1, 18}, []bool{false})
	f("a sender that paused, and set its timestamp anew", step{5000, 1_000_000_000, 1, 20}, []bool{false})
	f("an outage of more numbers than a jump has", step{65_000, 520_000, 3250, 20}, []bool{false})
	f("numbers and timestamp begin anew after a pause", step{15_000, 77_000_000, 20_000, 20}, []bool{false})
	f("numbers and timestamp begin anew without one", step{20, 77_000_000, 20_000, 20}, nil)
	f("silence suppression", step{5000, 40000, 1, 20}, nil)
	f("silence suppression, and one packet lost", step{5000, 40000, 2, 20}, nil)
}

func TestJitterPercentile(t *testing.T) {
	var s jitterSpread
	for i := range 1000 {
		s.add(float64(i) / 10)
	}
	for share, want := range map[float64]float64{0.5: 50, 0.95: 95, 0.99: 99} {
		if got, ok := JitterPercentile(s.appendTo(nil), share); !ok || math.Abs(got-want) > 0.125*want {
			t.Errorf("percentile %g is %g, want %g within 12.5 %%", share, got, want)
		}
	}
	if _, ok := JitterPercentile(nil, 0.95); ok {
		t.Error("nothing has a percentile")
	}
}

func TestBurstR(t *testing.T) {
	for _, c := range []struct{ missing, runs, expected, want float64 }{
		{0, 0, 100, 1}, {10, 10, 100, 1}, {10, 5, 100, 1.8}, {100, 1, 1000, 90}, {5, 0, 10, 1},
	} {
		if got := BurstR(uint64(c.missing), uint64(c.runs), uint64(c.expected)); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("BurstR(%g, %g, %g) is %g, want %g", c.missing, c.runs, c.expected, got, c.want)
		}
	}
}

// TestReportFitsADatagram: the worse a stream, the longer its reports, and
// those must not be the ones that travel in fragments. HEP adds up to 300 bytes
// with a long Call-ID, IPv6 and UDP 48, of 1,500.
func TestReportFitsADatagram(t *testing.T) {
	f := newFeed()
	f.m.Listen(true)
	f.payload = bytes.Repeat([]byte{0x80, 0x80, 0x80, 0x12}, 40)
	quiet := bytes.Repeat([]byte{0xfb}, 160)
	for i := range 30_000 {
		if i%2 == 0 {
			f.payload, quiet = quiet, f.payload
		}
		if i%37 == 5 || i%91 < 4 {
			continue
		}
		late := float64(i * i % 19)
		if i%97 == 0 {
			late += 90
		}
		if i%3000 > 2000 {
			late += float64(i * 7919 % 211)
		}
		f.at(float64(20*i)+late, 0, uint16(i), uint32(i)*160)
	}
	f.end(t)
	longest, buckets := 0, 0
	for i := range f.reports {
		longest = max(longest, len(f.reports[i].AppendJSON(nil)))
		buckets = max(buckets, len(f.reports[i].JitterSpread))
	}
	if longest > 1150 || buckets < 20 || f.reports[9].Signal.Silent == 0 {
		t.Errorf("a report takes %d bytes, with jitter in %d buckets and sound %+v; want at most 1,150", longest, buckets, f.reports[9].Signal)
	}
}

// TestPlayoutAfterPause: a sender that paused lies behind all that was before,
// on time from then on: each buffer discards until it is sure, and no more.
func TestPlayoutAfterPause(t *testing.T) {
	for _, pause := range []float64{700, 2000, 5000} {
		for _, began := range []float64{0, 1000, 2500, 4000} {
			f := newFeed()
			for i := range uint16(1500) {
				late := 0.
				if i >= 500 {
					late = pause
				}
				f.at(began+20*float64(i)+late, 0, i, uint32(i)*160)
			}
			if h, _ := f.sum(t); h.Discarded != [Buffers]uint64{2, 2, 2} {
				t.Errorf("pause of %g ms, begun at %g: %d discarded", pause, began, h.Discarded)
			}
			for _, r := range f.reports {
				if r.PlayoutMs > leastDelay {
					t.Errorf("pause of %g ms, begun at %g: held for %g ms", pause, began, r.PlayoutMs)
				}
			}
		}
	}
}

// TestHoleBehindTheFirstPacket: no step of the timestamp is known there.
func TestHoleBehindTheFirstPacket(t *testing.T) {
	for _, c := range []struct {
		name string
		seq  uint16
		pt   uint8
		want int
	}{
		{"an outage", 75, 0, 1},
		{"an outage, clock rate not known", 75, 97, 1},
		{"silence suppression", 1, 0, 0},
		{"one packet lost, and silence suppression", 2, 0, 0},
	} {
		f := newFeed()
		f.at(0, c.pt, 0, 0)
		for i := range uint16(100) {
			f.at(1500+20*float64(i), c.pt, c.seq+i, 12000+160*uint32(i))
		}
		f.end(t)
		holes := 0
		for _, r := range f.reports {
			holes += len(r.Holes)
			for _, h := range r.Holes {
				if !h.Lost || h.Missing != uint64(c.seq-1) {
					t.Errorf("%s: %+v", c.name, h)
				}
			}
		}
		if holes != c.want {
			t.Errorf("%s: %d holes", c.name, holes)
		}
	}
}

// TestBufferFollowsASenderThatHung: behind it every packet is later than any
// buffer waits, and varies too much to be as late as the one before.
func TestBufferFollowsASenderThatHung(t *testing.T) {
	for _, hung := range []float64{1100, 4500, 8000} {
		for seed := range uint64(20) {
			f, jitter := newFeed(), rand.New(rand.NewPCG(seed, 1))
			for i := range uint16(2000) {
				at := float64(20*i) + jitter.Float64()*120
				if i >= 700 {
					at += hung
				}
				f.at(at, 0, i, uint32(i)*160)
			}
			h, _ := f.sum(t)
			if a, f200 := h.Discarded[Adaptive], h.Discarded[Fixed200]; a > 80 || f200 > 80 {
				t.Errorf("hung for %g ms, seed %d: the adaptive buffer discards %d, the fixed one of 200 ms %d", hung, seed, a, f200)
			}
		}
	}
}

// TestBufferLosesAQueue: what was held up for seconds and then comes faster than
// it was sent is late, however much faster, until it has caught up.
func TestBufferLosesAQueue(t *testing.T) {
	for _, faster := range []float64{1.05, 1.1, 1.2, 1.3, 1.5, 2, 3, 10, 1000} {
		f := newFeed()
		for i := range uint16(3000) {
			at := float64(20 * i)
			if i >= 700 { // held up for 8 s
				at = max(at, 22000+(at-14000)/faster)
			}
			f.at(at, 0, i, uint32(i)*160)
		}
		h, _ := f.sum(t)
		holes := 0
		for _, r := range f.reports {
			holes += len(r.Holes)
		}
		// Either its packets are late, or they are played that much later: then
		// the time is missing.
		if n := h.Discarded[Adaptive]; n < 350 && holes == 0 || n >= 350 && holes > 0 {
			t.Errorf("%g times as fast: the adaptive buffer discards %d, and there are %d holes", faster, n, holes)
		}
	}
}

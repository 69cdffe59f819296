package synth

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestLossIsAsAsked: the share lost and the mean burst stay within six
// standard deviations of what was asked for, over 20,000 packets.
func TestLossIsAsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 20000
		i := Impairment{LossPct: rapid.Float64Range(1, 25).Draw(t, "loss"), Burst: float64(rapid.IntRange(1, 8).Draw(t, "burst"))}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var l lossModel
		lost, bursts, before := 0, 0, false
		for range n {
			now := l.lost(&i, rng)
			if now {
				lost++
				if !before {
					bursts++
				}
			}
			before = now
		}
		share, mean := i.LossPct/100, i.Burst
		if mean == 1 {
			mean = 1 / (1 - share) // runs of independent losses
		}
		// Losses of a chain come in clumps: their variance is that of
		// independent ones times (1+r)/(1-r), r the chain's memory.
		memory := 0.0
		if i.Burst > 1 {
			memory = 1 - 1/i.Burst - share/(1-share)/i.Burst
		}
		sigma := math.Sqrt(share * (1 - share) / n * (1 + memory) / (1 - memory))
		if got := float64(lost) / n; math.Abs(got-share) > 6*sigma {
			t.Fatalf("lost %.4f, want %.4f +- %.4f", got, share, 6*sigma)
		}
		spread := math.Sqrt(mean*(mean-1)) / math.Sqrt(float64(bursts))
		if got := float64(lost) / float64(bursts); math.Abs(got-mean) > 6*spread+0.01 {
			t.Fatalf("mean burst %.3f, want %.3f +- %.3f", got, mean, 6*spread)
		}
	})
}

// TestImpairedStream checks each impairment on a stream of 20,000 packets.
func TestImpairedStream(t *testing.T) {
	stream := func(i Impairment) StreamTruth {
		return load(t, Options{Calls: 1, Seconds: 400, Impairment: i, Seed: 11}).Truth().Streams[0]
	}
	near := func(what string, got, want, bound float64) {
		t.Helper()
		if math.Abs(got-want) > bound {
			t.Errorf("%s %.3f, want %.3f +- %.3f", what, got, want, bound)
		}
	}
	s := stream(Impairment{LossPct: 3})
	if s.Sent != 20000 {
		t.Fatalf("%d packets sent", s.Sent)
	}
	near("loss", s.LossPct, 3, 0.6)
	near("burst", s.LossBurst, 1.03, 0.05)
	s = stream(Impairment{LossPct: 3, Burst: 4})
	near("loss", s.LossPct, 3, 1.5)
	near("burst", s.LossBurst, 4, 1)
	s = stream(Impairment{JitterMs: 4})
	near("jitter", *s.JitterMeanMs, 4, 0.4)
	near("delay", s.DelayMeanMs, 4, 0.4)
	if s.Reordered+s.Lost+s.Duplicates != 0 {
		t.Errorf("jitter alone did more: %d reordered, %d lost, %d doubled", s.Reordered, s.Lost, s.Duplicates)
	}
	s = stream(Impairment{ReorderPct: 2})
	near("reordered", float64(s.Reordered)/200, 2, 0.5)
	s = stream(Impairment{DuplicatePct: 5})
	near("duplicates", float64(s.Duplicates)/200, 5, 0.8)
	if s.Reordered+s.Lost != 0 {
		t.Errorf("duplicates alone did more: %d reordered, %d lost", s.Reordered, s.Lost)
	}
	if s = stream(Impairment{JitterMs: 60}); s.Reordered != 0 {
		t.Errorf("%d packets overtook others by jitter", s.Reordered)
	}
}

// arrivals of one stream of 20,000 packets, in order at the tap.
func arrivalsOf(t *testing.T, i Impairment) []rtpPacket {
	t.Helper()
	r := load(t, Options{Calls: 1, Seconds: 400, Impairment: i, Seed: 5}).start()
	var first *flow
	var out []rtpPacket
	for e := (emission{}); r.next(&e); {
		if e.flow == nil {
			continue
		}
		if first == nil {
			first = e.flow
		}
		if e.flow == first {
			out = append(out, *e.rtp)
		}
	}
	return out
}

// TestUniform: every delay up to the bound is as likely as any other, and
// packets keep their order: one waits for those before it, and longer than the
// bound only by the microseconds that part them.
func TestUniform(t *testing.T) {
	for _, bound := range []float64{15, 60, 300} {
		var sum float64
		var counts [10]int
		var waited int
		all := arrivalsOf(t, Impairment{UniformMs: bound})
		if len(all) != 20000 {
			t.Fatalf("%d packets", len(all))
		}
		for i, p := range all {
			ms := float64(p.at-p.sent) / 1000
			if ms < 0 || ms > bound+0.02 {
				t.Fatalf("U(0,%g): packet %d is %g ms late", bound, i, ms)
			}
			sum += ms
			counts[min(int(10*ms/bound), 9)]++
			if i > 0 {
				if p.ext != all[i-1].ext+1 || p.at <= all[i-1].at {
					t.Fatalf("U(0,%g): number %d at %d behind %d at %d", bound, p.ext, p.at, all[i-1].ext, all[i-1].at)
				}
				if p.at == all[i-1].at+1 {
					waited++
				}
			}
		}
		if bound > 20 { // a queue delays those that would overtake
			if waited == 0 || sum/float64(len(all)) < bound/2 {
				t.Errorf("U(0,%g): %d packets wait for others, the mean delay is %g ms", bound, waited, sum/float64(len(all)))
			}
			continue
		}
		// Below the packet time nothing waits. Six standard deviations of the
		// mean (bound/sqrt(12n)) and of a class of a tenth (sqrt(0.09 n)).
		if mean := sum / 20000; waited > 0 || math.Abs(mean-bound/2) > 6*bound/math.Sqrt(12*20000) {
			t.Errorf("U(0,%g): %d packets wait, the mean delay is %g ms", bound, waited, mean)
		}
		for i, n := range counts {
			if math.Abs(float64(n)-2000) > 6*math.Sqrt(0.09*20000) {
				t.Errorf("U(0,%g): %d of 20,000 delays in tenth %d", bound, n, i)
			}
		}
	}
}

// TestReorderedByTime: the share asked for is late by exactly the time asked
// for, all others not at all, and copies come of either.
func TestReorderedByTime(t *testing.T) {
	const lateUs, n = 30_000, 20000
	seen := map[uint32]int{}
	var late, copies, lateCopies int
	for _, p := range arrivalsOf(t, Impairment{ReorderPct: 2, ReorderMs: lateUs / 1000, DuplicatePct: 5}) {
		by := p.at - p.sent
		if p.copied {
			by -= 300
		}
		if by != 0 && by != lateUs {
			t.Fatalf("number %d is %d us late", p.ext, by)
		}
		switch {
		case p.copied:
			copies++
			if by > 0 {
				lateCopies++
			}
		case by > 0:
			late++
		}
		seen[p.ext]++
	}
	if len(seen) != n {
		t.Errorf("%d numbers of %d arrived", len(seen), n)
	}
	near := func(what string, got, share float64) {
		t.Helper()
		if sigma := math.Sqrt(share * (1 - share) / n); math.Abs(got/n-share) > 6*sigma {
			t.Errorf("%s: %g of %d, want %g", what, got, n, share*n)
		}
	}
	near("late", float64(late), 0.02)
	near("copies", float64(copies), 0.05)
	near("copies of late ones", float64(lateCopies), 0.02*0.05)
}

// TestDrift: packets leave as much too early or too late as the clock is wrong.
func TestDrift(t *testing.T) {
	for _, ppm := range []float64{0, 12, 500, -75} {
		all := arrivalsOf(t, Impairment{DriftPpm: ppm})
		took := float64(all[len(all)-1].at-all[0].at) / 1e6
		want := float64(len(all)-1) * 0.02 * (1 - ppm/1e6)
		if len(all) != 20000 || math.Abs(took-want) > 2e-6 {
			t.Errorf("%g ppm: %d packets took %.6f s, want %.6f", ppm, len(all), took, want)
		}
	}
}

func TestCallsRefuses(t *testing.T) {
	for _, f := range []struct {
		o    Options
		want string
	}{
		{Options{Codec: "G.999"}, "G.999"},
		{Options{Impairment: Impairment{LossPct: 101}}, "loss 101"},
		{Options{Impairment: Impairment{JitterMs: -1}}, "jitter -1"},
		{Options{Impairment: Impairment{LossPct: math.NaN()}}, "loss NaN"},
		{Options{Impairment: Impairment{LossPct: 90, Burst: 2}}, "at least 9"},
		{Options{Impairment: Impairment{DriftPpm: -10_001}}, "drift -10001"},
		{Options{Impairment: Impairment{DriftPpm: math.NaN()}}, "drift NaN"},
		{Options{Concurrent: 7_000_000}, "concurrent 7000000"},
		{Options{Calls: -1}, "calls -1"},
	} {
		if _, err := Calls(f.o); err == nil || !strings.Contains(err.Error(), f.want) {
			t.Errorf("%+v: error %v, want one with %q", f.o, err, f.want)
		}
	}
}

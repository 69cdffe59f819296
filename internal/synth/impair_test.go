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
		{Options{Concurrent: 7_000_000}, "concurrent 7000000"},
		{Options{Calls: -1}, "calls -1"},
	} {
		if _, err := Calls(f.o); err == nil || !strings.Contains(err.Error(), f.want) {
			t.Errorf("%+v: error %v, want one with %q", f.o, err, f.want)
		}
	}
}

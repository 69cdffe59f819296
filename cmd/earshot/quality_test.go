package main

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// rOfG107 is R of G.711 with concealment by ITU-T G.107, worked out here from
// what the generator knows: Ie 0, Bpl 25.1.
func rOfG107(w synth.StreamTruth) float64 {
	if w.Lost == 0 {
		return 93.2062
	}
	return 93.2062 - 95*w.LossPct/(w.LossPct/w.BurstR+25.1)
}

// TestAccuracy holds the meter to calls of 3,000 packets whose impairments are
// known exactly: counts and jitter, all losses, and R within 0.1 of G.107.
func TestAccuracy(t *testing.T) {
	for name, i := range map[string]synth.Impairment{
		"clean": {}, "1 %": {LossPct: 1}, "2 %": {LossPct: 2}, "5 %": {LossPct: 5}, "10 %": {LossPct: 10}, "20 %": {LossPct: 20},
		"5 % in bursts": {LossPct: 5, Burst: 4}, "fast clocks": {DriftPpm: 300}, "slow clocks": {DriftPpm: -80, UniformMs: 10}, "10 % in bursts": {LossPct: 10, Burst: 4},
		"U(0,20)": {UniformMs: 20}, "U(0,60)": {UniformMs: 60}, "U(0,120)": {UniformMs: 120}, "U(0,300)": {UniformMs: 300},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := synth.Calls(synth.Options{Calls: 3, Seconds: 60, Impairment: i, Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			f := framesOf(c)
			defer f.stop()
			got, truth := readAll(t, f), c.Truth()
			compareStreams(t, truth.Streams, got)
			// Without a jitter buffer nothing but what the network lost counts.
			config := run.Default()
			config.Media.JitterBuffer = "none"
			g := framesOf(c)
			defer g.stop()
			bare := readWith(t, &reading{source: g, config: config, node: "local"})
			if len(truth.Streams) != 6 {
				t.Fatalf("%d streams", len(truth.Streams))
			}
			for _, w := range truth.Streams {
				r := got.streams[slices.IndexFunc(got.streams, func(r *record.Stream) bool { return r.SSRC == w.SSRC })]
				if math.Abs(*r.LossPct-w.LossPct) > 0.001 {
					t.Errorf("loss_pct is %g, want %g", *r.LossPct, w.LossPct)
				}
				if w.Lost > 0 && math.Abs(*r.BurstR-w.BurstR) > 0.001 {
					t.Errorf("burst_r is %g, want %g", *r.BurstR, w.BurstR)
				}
				if !slices.Equal(r.LossBursts, w.LossBursts) {
					t.Errorf("loss_bursts %v, want %v", r.LossBursts, w.LossBursts)
				}
				// Jitter of five packets and more hides a clock.
				if skew := r.ClockSkewPpm; skew != nil && math.Abs(*skew-i.DriftPpm) > 100 {
					t.Errorf("clock_skew_ppm is %g, want %g or NULL", *skew, i.DriftPpm)
				}
				if skew := r.ClockSkewPpm; i.UniformMs < 100 && (skew == nil || math.Abs(*skew-i.DriftPpm) > 15+i.UniformMs) {
					t.Errorf("clock_skew_ppm is %s, want %g", show(skew), i.DriftPpm)
				}
				b := bare.streams[slices.IndexFunc(bare.streams, func(r *record.Stream) bool { return r.SSRC == w.SSRC })]
				if want := rOfG107(w); math.Abs(*b.RLQ-want) > 0.1 {
					t.Errorf("r_lq without a jitter buffer is %g, G.107 says %g", *b.RLQ, want)
				}
				// A buffer of 200 ms discards nothing where packets are 120 ms late
				// at most.
				if i.UniformMs <= 120 {
					if want := rOfG107(w); math.Abs(*r.F200R-want) > 0.1 {
						t.Errorf("f200_r is %g, G.107 says %g", *r.F200R, want)
					}
				}
				if i.UniformMs == 0 {
					if want := rOfG107(w); math.Abs(*r.RLQ-want) > 0.1 {
						t.Errorf("r_lq is %g, G.107 says %g", *r.RLQ, want)
					}
				}
			}
		})
	}
}

// TestNastyCases holds the cases in which monitors are wrong: what is silent
// though no sequence number is missing, and what is not.
func TestNastyCases(t *testing.T) {
	type side struct{ silent, least, most float64 } // silent_ms within 150 ms, mos_lq
	const good = 4.40
	fine := side{0, good, 4.5}
	for name, want := range map[string]struct{ a, b side }{
		"media-stops-early": {side{10_000, 2.65, 2.75}, fine},
		"one-way-media":     {side{20_050, 1, 1}, fine},
		"media-hole":        {side{5_020, 3.5, 3.6}, fine},
		"media-pause":       {side{5_020, 3.5, 3.6}, fine},
		"late-talk":         {side{6_000, 3.35, 3.42}, fine},
		"reordered-2pct":    {fine, fine},
		"duplicated-2pct":   {fine, fine},
		"rtp-from-stranger": {fine, fine},
		"foreign-stream":    {fine, fine},
		"ssrc-change":       {fine, fine},
		"dtx-marker":        {fine, fine},
		"dtx-no-marker":     {fine, fine},
		"clock-drift":       {fine, fine},
		"sequence-restart":  {fine, fine},
		"timestamp-restart": {fine, fine},
		"timestamp-jumps":   {fine, fine},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, truth := readScenario(t, name, 1)
			r := got.calls[0]
			for i, s := range []record.Side{r.A, r.B} {
				within(t, string(rune('a'+i))+"_silent_ms", s.SilentMs, []*float64{truth.Calls[0].ASilentMs, truth.Calls[0].BSilentMs}[i], 1)
			}
			for i, s := range []record.Side{r.A, r.B} {
				w := []side{want.a, want.b}[i]
				if s.SilentMs == nil || math.Abs(*s.SilentMs-w.silent) > 150 {
					t.Errorf("%c_silent_ms is %s, want %g", 'a'+i, show(s.SilentMs), w.silent)
				}
				if s.MosLQ == nil || *s.MosLQ < w.least || *s.MosLQ > w.most {
					t.Errorf("%c_mos_lq is %s, want %g to %g", 'a'+i, show(s.MosLQ), w.least, w.most)
				}
			}
			if worse := min(*r.A.MosLQ, *r.B.MosLQ); *r.MosLQ != worse {
				t.Errorf("mos_lq is %g, the worse direction has %g", *r.MosLQ, worse)
			}
			for _, s := range got.streams {
				if name == "reordered-2pct" && (s.Reordered == 0 || slices.ContainsFunc(s.LossBursts, func(n uint32) bool { return n > 0 })) {
					t.Errorf("%d reordered, bursts of loss %v", s.Reordered, s.LossBursts)
				}
				if jumps := slices.Contains(s.Flags, "timestamp_jump"); jumps != (strings.HasPrefix(name, "timestamp-") && *s.Direction == "a") {
					t.Errorf("flags of %s are %v", *s.Direction, s.Flags)
				}
				if changed := slices.Contains(s.Flags, "ssrc_change"); changed != (name == "ssrc-change" && !s.StartTime.Equal(*r.FirstRTPTime) && *s.Direction == "a") {
					t.Errorf("flags of %s are %v", *s.Direction, s.Flags)
				}
				if name == "clock-drift" {
					skew := map[string]float64{"a": 500, "b": 0}[*s.Direction]
					if s.ClockSkewPpm == nil || math.Abs(*s.ClockSkewPpm-skew) > 15 {
						t.Errorf("clock_skew_ppm of %s is %s, want %g", *s.Direction, show(s.ClockSkewPpm), skew)
					}
				}
			}
			if name == "ssrc-change" && *r.A.Packets != 1000 {
				t.Errorf("a_packets is %d, want those of both SSRCs", *r.A.Packets)
			}
			if name == "foreign-stream" && *r.B.Packets != 1000 {
				t.Errorf("b_packets is %d: the foreign stream counts", *r.B.Packets)
			}
		})
	}
}

// TestShortMediaHasNoScore: half a second of media says nothing of a call.
func TestShortMediaHasNoScore(t *testing.T) {
	c, err := synth.Calls(synth.Options{Calls: 1, Seconds: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	f := framesOf(c)
	defer f.stop()
	got := readAll(t, f)
	if len(got.streams) != 2 || len(got.calls) != 1 {
		t.Fatalf("%d streams, %d calls", len(got.streams), len(got.calls))
	}
	for _, s := range got.streams {
		if s.MosLQ != nil || s.RLQ != nil || !slices.Contains(s.Flags, "mos_short") {
			t.Errorf("mos_lq %s, flags %v", show(s.MosLQ), s.Flags)
		}
	}
	if r := got.calls[0]; r.MosLQ != nil || r.A.MosLQ != nil || !slices.Contains(r.Flags, "mos_short") {
		t.Errorf("mos_lq %s, a_mos_lq %s, flags %v", show(r.MosLQ), show(r.A.MosLQ), r.Flags)
	}
}

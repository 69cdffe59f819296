package main

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/synth"
)

// TestAnyImpairment holds the whole pipeline to the generator's truth, whatever
// a network does within what networks do: every count, every burst, jitter,
// silence and what receivers report.
func TestAnyImpairment(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		percent := func(name string, most float64) float64 {
			return rapid.OneOf(rapid.Just(0.), rapid.Float64Range(0, most)).Draw(rt, name)
		}
		i := synth.Impairment{
			LossPct: percent("loss", 40), JitterMs: percent("jitter", 40), UniformMs: percent("uniform", 150),
			ReorderPct: percent("reorder", 10), DuplicatePct: percent("duplicate", 10),
			DriftPpm: rapid.Float64Range(-1000, 1000).Draw(rt, "drift"),
		}
		i.ReorderMs = rapid.OneOf(rapid.Just(0.), rapid.Float64Range(1, 200)).Draw(rt, "reorder ms")
		i.Burst = rapid.OneOf(rapid.Just(0.), rapid.Float64Range(1, 8)).Draw(rt, "burst")
		o := synth.Options{
			Calls: 1, Seconds: rapid.Float64Range(2, 16).Draw(rt, "seconds"), Codec: rapid.SampledFrom(synth.Codecs()).Draw(rt, "codec"),
			Impairment: i, Seed: rapid.Int64().Draw(rt, "seed"), IPv6: rapid.Bool().Draw(rt, "ipv6"), NoRTCP: rapid.Bool().Draw(rt, "no rtcp"),
		}
		c, err := synth.Calls(o)
		if err != nil {
			rt.Fatal(err)
		}
		f := framesOf(c)
		defer f.stop()
		got, truth := readAll(t, f), c.Truth()
		compareCalls(rt, truth.Calls, got.calls)
		compareStreams(rt, truth.Streams, got)
		for _, s := range got.streams {
			if s.Packets+s.Lost-s.Duplicates != s.Expected || s.Restarts != 0 {
				rt.Fatalf("%d packets, %d lost, %d duplicates, %d expected, %d restarts", s.Packets, s.Lost, s.Duplicates, s.Expected, s.Restarts)
			}
		}
		if rt.Failed() {
			rt.Logf("%+v", o)
		}
	})
}

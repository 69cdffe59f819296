package main

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// compareSound holds a stream to what the generator sounded: the level to a
// tenth of a dB, which is what G.711 leaves of it. What no scenario sounds is
// not decoded.
func compareSound(t tester, name string, w synth.StreamTruth, r *record.Stream) {
	t.Helper()
	is := func(column string, got, want *float64, within float64) {
		t.Helper()
		if (got == nil) != (want == nil) || got != nil && math.Abs(*got-*want) > within {
			t.Errorf("%s: %s is %s, want %s", name, column, show(got), show(want))
		}
	}
	if w.Codec == "G722" {
		w.ClippingPct = nil // which does not show it
	}
	is("level_dbov", r.LevelDBov, w.LevelDBov, 0.1)
	is("silence_pct", r.SilencePct, w.SilencePct, 0.001)
	is("clipping_pct", r.ClippingPct, w.ClippingPct, 0.001)
	if (r.NoiseDBov != nil) != (w.SilencePct != nil && *w.SilencePct > 0) {
		t.Errorf("%s: noise_dbov is %s", name, show(r.NoiseDBov))
	}
}

// TestCorpusSound compares a real call with what ffmpeg's decoder and the plain
// sum of squares by packet gave of its payloads.
func TestCorpusSound(t *testing.T) {
	_, source, err := openFiles([]string{filepath.Join(corpusDir(t), "odedshimon+BruteShark", "sip-rtp-g711.pcap")})
	if err != nil {
		t.Fatal(err)
	}
	config := run.Default()
	config.Media.Signal = "on"
	got := readWith(t, &reading{source: source, config: config, node: "local"})
	want := map[uint32][2]float64{876456347: {-30.765, 16.706}, 876608052: {-30.705, 16.425}}
	for _, s := range got.streams {
		w, ok := want[s.SSRC]
		if !ok {
			continue
		}
		delete(want, s.SSRC)
		if s.LevelDBov == nil || math.Abs(*s.LevelDBov-w[0]) > 0.001 || math.Abs(*s.SilencePct-w[1]) > 0.001 {
			t.Errorf("SSRC %d: %s dBov, %s %% silent, want %v", s.SSRC, show(s.LevelDBov), show(s.SilencePct), w)
		}
	}
	if len(want) > 0 {
		t.Errorf("no streams %v", want)
	}
}

func readSound(t *testing.T, name, option string) *records {
	t.Helper()
	c, err := synth.Scenario(name, 1)
	if err != nil {
		t.Fatal(err)
	}
	f := framesOf(c)
	defer f.stop()
	config := run.Default()
	config.Media.Signal = option
	got := readWith(t, &reading{source: f, config: config, node: "local"})
	if got.err != nil {
		t.Fatal(got.err)
	}
	return got
}

// TestSoundOfCalls: the calls of the scenarios of sound, and the intervals.
func TestSoundOfCalls(t *testing.T) {
	near := func(t *testing.T, what string, got *float64, want float64) {
		t.Helper()
		if got == nil && !math.IsNaN(want) || got != nil && !(math.Abs(*got-want) <= 0.1) {
			t.Errorf("%s is %s, want %g", what, show(got), want)
		}
	}
	null := math.NaN()
	type side struct{ level, noise, silence, clipping float64 }
	for name, want := range map[string]struct{ a, b side }{
		"silent-audio":      {side{null, -72.25, 100, 0}, side{-26, null, 0, 0}}, // A-law has no 0
		"silent-audio-g722": {side{null, -127, 100, null}, side{-26, null, 0, 0}},
		"silent-on-hold":    {side{null, -127, 100, 0}, side{-26, null, 0, 0}},
		"tone-level":        {side{-20, -127, 25, 0}, side{-40, null, 0, 0}},
		"clipped-audio":     {side{-6.44, null, 0, 25}, side{-4, null, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			got := readSound(t, name, "on")
			r := got.calls[0]
			for i, s := range []record.Side{r.A, r.B} {
				w := []side{want.a, want.b}[i]
				near(t, string(rune('a'+i))+"_level_dbov", s.LevelDBov, w.level)
				near(t, string(rune('a'+i))+"_noise_dbov", s.NoiseDBov, w.noise)
				near(t, string(rune('a'+i))+"_silence_pct", s.SilencePct, w.silence)
				near(t, string(rune('a'+i))+"_clipping_pct", s.ClippingPct, w.clipping)
			}
			if name != "tone-level" {
				return
			}
			var silent time.Duration
			for _, it := range got.interval {
				if *it.Direction == "a" {
					silent += time.Duration(float64(it.Packets)**it.SilencePct/100) * 20 * time.Millisecond
				} else {
					near(t, "level_dbov of an interval", it.LevelDBov, -40)
				}
			}
			if silent < 4900*time.Millisecond || silent > 5*time.Second {
				t.Errorf("the intervals are silent for %s, want 5s", silent)
			}
		})
	}
}

// TestSoundIsAnOption: off, nothing is decoded; on, nothing is that may be
// encrypted, or of a codec that nobody decodes; and of all scenarios those of
// silence have the flag.
func TestSoundIsAnOption(t *testing.T) {
	for _, name := range synth.Scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, option := range []string{"off", "on"} {
				got := readSound(t, name, option)
				for _, s := range got.streams {
					decodes := s.Codec != nil && slices.Contains([]string{"PCMU", "PCMA", "G722"}, *s.Codec)
					if known := s.SilencePct != nil; known && (option == "off" || s.SRTP) || known && !decodes && !slices.Contains(s.Flags, "codec_change") {
						t.Errorf("%s: the sound of %s is known, SRTP %v", option, show(s.Codec), s.SRTP)
					}
				}
				for _, it := range got.interval {
					if option == "off" && it.SilencePct != nil {
						t.Errorf("the sound of an interval is known")
					}
				}
				for _, c := range got.calls {
					want := option == "on" && (name == "silent-audio" || name == "silent-audio-g722")
					if slices.Contains(c.Flags, "silent_audio") != want {
						t.Errorf("%s: flags %v", option, c.Flags)
					}
					if option == "off" && (c.A.SilencePct != nil || c.B.SilencePct != nil) {
						t.Errorf("the sound of a call is known")
					}
				}
			}
		})
	}
}

package analyzer

import (
	"math"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/signal"
)

// sound is what was decoded of a stream.
type sound struct {
	sum   signal.Sums
	parts []soundPart // by interval
	mute  bool        // the call's row has the flag silent_audio for it
}

// soundPart is how much of an interval's sound was silent.
type soundPart struct {
	from, to        uint32 // ms since the stream began
	samples, silent uint32
}

const (
	// maxSoundParts is how many intervals of a stream are remembered: an hour.
	maxSoundParts = 720
	// muteSamples is how much sound it takes to call a side mute: 5 s.
	muteSamples = 5 * signal.SampleRate
)

// hear takes the sound of one report.
func (s *stream) hear(r *media.Report) {
	if r.Signal.Samples == 0 {
		return
	}
	if s.sound == nil {
		s.sound = new(sound)
	}
	s.sound.sum.Add(&r.Signal)
	if len(s.sound.parts) < maxSoundParts {
		since := func(t time.Time) uint32 { return uint32(max(0, t.Sub(s.first).Milliseconds())) }
		most := func(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }
		s.sound.parts = append(s.sound.parts, soundPart{since(later(r.Start, r.First)), since(r.Last), most(r.Signal.Samples), most(r.Signal.Silent)})
	}
}

// soundRow fills what sums say. What is not known stays NULL.
func soundRow(out *record.Sound, s *signal.Sums) {
	for _, c := range [...]struct {
		to **float64
		of func() (float64, bool)
	}{{&out.LevelDBov, s.LevelDBov}, {&out.NoiseDBov, s.NoiseDBov}, {&out.SilencePct, s.SilencePct}, {&out.ClippingPct, s.ClippingPct}} {
		if v, ok := c.of(); ok {
			*c.to = rounded(v)
		}
	}
}

// soundOf is what was decoded of streams. An agent decodes nothing that it
// knows to be encrypted; the SDP of another leg may know better.
func soundOf(streams []*stream) signal.Sums {
	var sum signal.Sums
	for _, s := range streams {
		if s.sound != nil && !s.srtp() {
			sum.Add(&s.sound.sum)
		}
	}
	return sum
}

// mute reports whether a side of an answered leg sent packets all the time
// that carried nothing: next to all of its sound is silent, over 5 s and more
// behind the answer and beside any hold of either side. Nobody can say so of
// one whose sound was decoded only in part, and one that sends comfort noise
// says itself that it is silent.
func mute(r *record.Call, leg *dialog.Leg, streams []*stream) bool {
	if leg == nil || r.AnswerTime == nil {
		return false
	}
	idle := append(append([]dialog.Span(nil), leg.Idle(dialog.A)...), leg.Idle(dialog.B)...)
	var decoded, bytes, samples, silent uint64
	for _, s := range streams {
		if s.mediaType() == "video" {
			continue
		}
		if s.sound == nil || s.srtp() || s.counts.CN > 0 {
			return false
		}
		decoded += s.sound.sum.Samples
		bytes += s.counts.Bytes
		for _, p := range s.sound.parts {
			when := span{s.first.Add(time.Duration(p.from) * time.Millisecond), s.first.Add(time.Duration(p.to) * time.Millisecond)}
			if !when.from.Before(*r.AnswerTime) && !touches(idle, when) {
				samples += uint64(p.samples)
				silent += uint64(p.silent)
			}
		}
	}
	// Every codec that is decoded has one sample an octet.
	return samples >= muteSamples && 100*silent >= 99*samples && 10*decoded >= 9*bytes
}

func touches(spans []dialog.Span, with span) bool {
	for _, s := range spans {
		if s.From.Before(with.to) && s.To.After(with.from) {
			return true
		}
	}
	return false
}

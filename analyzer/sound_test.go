package analyzer

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/signal"
)

// sums is n packets of 20 ms, of which that share of percent is silent.
func sums(n, silent uint64) signal.Sums {
	all := 160 * n
	quiet := all * silent / 100
	return signal.Sums{Samples: all, Silent: quiet, Signal: (all - quiet) << 24, Noise: quiet * 100}
}

// sounds plays a stream from one second to another with one report an
// interval, each as change makes it; its 250 packets are silent.
func (f *feed) sounds(k *talk, from, to float64, change func(start float64, r *media.Report)) {
	for start := math.Floor(from/5) * 5; start < to; start += 5 {
		r := k.next(250, 0)
		r.Start, r.Last = at(start), at(min(start+4.98, to))
		r.Signal = sums(250, 100)
		if change != nil {
			change(start, &r)
		}
		f.report(start+5.1, k, r)
	}
}

// TestSilentAudio: who is called mute, and who is not. Alice's packets are
// silent in a call from 0.5 s to 30 s unless the case says otherwise; Bob's
// are not decoded.
func TestSilentAudio(t *testing.T) {
	for _, c := range []struct {
		name   string
		a, b   string // more lines of SDP
		end    float64
		change func(start float64, r *media.Report)
		during func(f *feed, d *dialled)
		want   bool
	}{
		{name: "silent all the time", end: 30, want: true},
		{name: "one packet in two hundred is not", end: 30, change: func(_ float64, r *media.Report) {
			r.Signal = sums(250, 100)
			r.Signal.Silent -= 160
			r.Signal.Noise = 0
			r.Signal.Signal = 160 << 20
		}, want: true},
		{name: "two in a hundred are not", end: 30, change: func(_ float64, r *media.Report) { r.Signal = sums(250, 98) }},
		{name: "nothing was decoded", end: 30, change: func(_ float64, r *media.Report) { r.Signal = signal.Sums{} }},
		{name: "half was decoded", end: 30, change: func(start float64, r *media.Report) {
			if start >= 15 {
				r.Signal = signal.Sums{}
			}
		}},
		{name: "comfort noise", end: 30, change: func(start float64, r *media.Report) {
			if start == 10 {
				r.Delta.CN = 1
			}
			if start >= 10 {
				r.Total.CN = 1
			}
		}},
		{name: "spoke once", end: 30, change: func(start float64, r *media.Report) {
			if start == 10 {
				r.Signal = sums(250, 0)
			}
		}},
		{name: "too short to tell", end: 4.9, change: func(_ float64, r *media.Report) { r.Signal = sums(240, 100) }},
		{name: "SRTP", a: " a=crypto:1 AES_CM_128_HMAC_SHA1_80", end: 30},
		{name: "on hold but for two seconds", end: 30, during: func(f *feed, d *dialled) {
			f.reinvite(2, d, aliceAt+" a=recvonly", bobAt+" a=sendonly")
		}},
		{name: "held by its own side", end: 30, during: func(f *feed, d *dialled) {
			f.reinvite(2, d, aliceAt+" a=sendonly", bobAt+" a=recvonly")
		}},
		{name: "on hold, and then spoke", end: 30, during: func(f *feed, d *dialled) {
			f.reinvite(2, d, aliceAt+" a=recvonly", bobAt+" a=sendonly")
			f.reinvite(12, d, aliceAt, bobAt)
		}, change: func(start float64, r *media.Report) {
			if start >= 15 {
				r.Signal = sums(250, 10)
			}
		}},
		{name: "music on hold, and silence else", end: 40, during: func(f *feed, d *dialled) {
			f.reinvite(12, d, aliceAt+" a=sendonly", bobAt+" a=recvonly")
			f.reinvite(22, d, aliceAt, bobAt)
		}, change: func(start float64, r *media.Report) {
			if start >= 10 && start < 25 {
				r.Signal = sums(250, 0)
			}
		}, want: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed()
			d := newDialled("one")
			d.aRTP, d.bRTP = aliceAt+c.a, bobAt+c.a
			f.connect(0, d)
			k := newTalk(addr(aliceAt), addr(bobAt), 1, 0.6)
			if c.during != nil {
				c.during(f, d)
			}
			f.sounds(k, 0.6, c.end, c.change)
			f.bye(c.end, d)
			f.end()
			r := f.call(t, "one")
			if got := slices.Contains(r.Flags, "silent_audio"); got != c.want {
				t.Errorf("flags %v, a_silence_pct %v", r.Flags, silentMs(r.A.SilencePct))
			}
			if known := r.A.SilencePct != nil; known == (c.name == "SRTP" || c.name == "nothing was decoded") {
				t.Errorf("the sound is known: %v", known)
			}
			for _, s := range []*record.Stream{f.stream(t, 1)} {
				if (s.SilencePct == nil) != (r.A.SilencePct == nil) {
					t.Errorf("silence_pct of the stream is %v, of the call %v", silentMs(s.SilencePct), silentMs(r.A.SilencePct))
				}
			}
		})
	}
}

// TestRingingIsNoAudio: what came before the answer is neither the silence of
// the call nor its sound.
func TestRingingIsNoAudio(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after uint64  // percent that is silent
		end           float64 // of the call, which is answered at 16 s
		want          bool
	}{
		{"tones, then silence", 0, 100, 40, true},
		{"silence, then talk", 100, 20, 40, false},
		{"silence, and soon the end", 100, 100, 22, false},
	} {
		f := newFeed()
		d := newDialled("one")
		f.invite(0, d)
		f.sip(0.2, d.b, d.a, "SIP/2.0 183 Session Progress", d.id, "A/B", d.cseq, "INVITE", sdp(d.bRTP))
		k := newTalk(addr(bobAt), addr(aliceAt), 2, 0.6)
		f.sounds(k, 0.6, 15, func(_ float64, r *media.Report) { r.Signal = sums(250, c.before) })
		f.sip(16, d.b, d.a, "SIP/2.0 200 OK", d.id, "A/B", d.cseq, "INVITE", sdp(d.bRTP))
		f.sounds(k, 15, c.end, func(start float64, r *media.Report) {
			r.Signal = sums(250, c.before)
			if start > 15 {
				r.Signal = sums(250, c.after)
			}
			if c.end-start < 5 {
				r.Signal = sums(100, c.after)
			}
		})
		f.bye(c.end, d)
		f.end()
		r := f.call(t, "one")
		if slices.Contains(r.Flags, "silent_audio") != c.want || r.B.SilencePct == nil {
			t.Errorf("%s: flags %v, b_silence_pct %v", c.name, r.Flags, silentMs(r.B.SilencePct))
		}
	}
}

// TestSoundPartsAreBounded: a call that never ends does not grow.
func TestSoundPartsAreBounded(t *testing.T) {
	var s stream
	for i := range 2 * maxSoundParts {
		s.hear(&media.Report{Start: began.Add(time.Duration(i) * media.Interval), Signal: sums(250, 50)})
	}
	if len(s.sound.parts) != maxSoundParts || s.sound.sum.Samples != 2*maxSoundParts*40_000 {
		t.Errorf("%d parts, %d samples", len(s.sound.parts), s.sound.sum.Samples)
	}
}

package analyzer

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
)

// speak plays a stream with packets from one second to another.
func (f *feed) speak(src, dst string, ssrc uint32, from, to float64) {
	k := newTalk(addr(src), addr(dst), ssrc, from)
	for end := at(from).Truncate(media.Interval).Add(media.Interval); ; end = end.Add(media.Interval) {
		r := k.next(200, 0)
		r.Last = end.Add(-20 * time.Millisecond)
		over := !r.Last.Before(at(to))
		if over {
			r.Last = at(to)
		}
		f.report(end.Sub(began).Seconds()+0.1, k, r)
		if over {
			return
		}
	}
}

const (
	aliceAt, bobAt = "198.51.100.1:4000", "203.0.113.1:6000"
	unknown        = -1
)

func (f *feed) aSpeaks(from, to float64) { f.speak(aliceAt, bobAt, 1, from, to) }
func (f *feed) bSpeaks(from, to float64) { f.speak(bobAt, aliceAt, 2, from, to) }

// reinvite changes what both sides agreed to.
func (f *feed) reinvite(when float64, d *dialled, a, b string) {
	d.cseq++
	f.sip(when, d.a, d.b, "INVITE sip:bob@example.com SIP/2.0", d.id, "A/B", d.cseq, "INVITE", sdp(a))
	f.sip(when+0.1, d.b, d.a, "SIP/2.0 200 OK", d.id, "A/B", d.cseq, "INVITE", sdp(b))
}

func silentMs(p *float64) float64 {
	if p == nil {
		return unknown
	}
	return *p
}

// TestSilence: the call is answered at 0.5 s unless it says otherwise.
func TestSilence(t *testing.T) {
	call := func(f *feed, end float64, media func()) {
		d := newDialled("one")
		f.connect(0, d)
		media()
		f.bye(end, d)
	}
	for _, c := range []struct {
		name   string
		play   func(*feed)
		a, b   float64 // silent_ms
		oneWay bool
		rows   int     // intervals with silence
		worst  float64 // mos_lq_min of the call; 0 is not known
	}{
		{"both speak", func(f *feed) {
			call(f, 30, func() { f.aSpeaks(0.6, 29.9); f.bSpeaks(0.6, 29.9) })
		}, 0, 0, false, 0, 4.409},
		{"one stops early", func(f *feed) {
			call(f, 30.5, func() { f.aSpeaks(0.6, 30.4); f.bSpeaks(0.6, 10.5) })
		}, 0, 20_000, false, 5, 1}, // 10..35
		{"one stops early by less than half an interval", func(f *feed) {
			call(f, 30, func() { f.aSpeaks(0.6, 29.9); f.bSpeaks(0.6, 28) })
		}, 0, 2000, false, 1, 1},
		{"one never starts", func(f *feed) {
			call(f, 20, func() { f.aSpeaks(0.6, 19.9) })
		}, 0, 19_500, true, 4, 1},
		{"one sends a packet and no more", func(f *feed) {
			call(f, 20.5, func() { f.aSpeaks(0.6, 20.4); f.bSpeaks(0.5, 0.5) })
		}, 0, 20_000, true, 5, 1},
		{"one sends for half a second and no more", func(f *feed) {
			call(f, 20.5, func() { f.aSpeaks(0.5, 20.4); f.bSpeaks(0.5, 1) })
		}, 0, 19_500, true, 5, 1},
		{"neither sends for longer than that", func(f *feed) {
			call(f, 20.5, func() { f.aSpeaks(0.5, 1); f.bSpeaks(0.5, 1) })
		}, 19_500, 19_500, false, 10, 1},
		{"one begins late", func(f *feed) {
			call(f, 20.5, func() { f.aSpeaks(8.5, 20.4); f.bSpeaks(0.5, 20.4) })
		}, 8000, 0, false, 2, 1},
		{"one begins a second late", func(f *feed) {
			call(f, 20.5, func() { f.aSpeaks(1.4, 20.4); f.bSpeaks(0.5, 20.4) })
		}, 0, 0, false, 0, 4.409},
		{"two streams follow each other after a pause", func(f *feed) {
			call(f, 20.5, func() { f.aSpeaks(0.5, 20.4); f.bSpeaks(0.5, 5); f.speak(bobAt, aliceAt, 3, 10, 20.4) })
		}, 0, 5000, false, 1, 1},
		{"a pause inside a stream is the meter's", func(f *feed) {
			call(f, 20, func() {
				f.aSpeaks(0.5, 19.9)
				k := newTalk(bobRTP, aliceRTP, 2, 0.5)
				f.report(5.1, k, k.next(200, 0))
				k.index = 3
				f.report(20.1, k, k.next(200, 0))
			})
		}, 0, 0, false, 0, 4.409},
		{"nobody speaks, hosts are covered", func(f *feed) {
			cover(f)
			call(f, 20, func() {})
		}, 19_500, 19_500, false, 8, 1},
		{"nobody speaks, hosts are not covered", func(f *feed) {
			call(f, 20, func() {})
		}, unknown, unknown, false, 0, 0},
		{"short call, one way", func(f *feed) {
			call(f, 2.3, func() { f.aSpeaks(0.5, 2.2) })
		}, 0, 1800, false, 1, 1},
		{"never answered", func(f *feed) {
			d := newDialled("one")
			f.invite(0, d)
			f.bSpeaks(1, 9)
			f.sip(9, d.b, d.a, "SIP/2.0 486 Busy", d.id, "A/B", d.cseq, "INVITE", "")
		}, unknown, unknown, false, 0, 4.409},
		{"receives only, from the first offer", func(f *feed) {
			d := newDialled("one")
			d.aRTP, d.bRTP = aliceAt+" a=recvonly", bobAt+" a=sendonly"
			f.connect(0, d)
			f.bSpeaks(0.6, 19.9)
			f.bye(20, d)
		}, unknown, 0, false, 0, 4.409},
		{"hold: neither side is silent in it", func(f *feed) {
			d := newDialled("one")
			f.connect(0, d)
			f.aSpeaks(0.6, 5)
			f.bSpeaks(0.6, 5)
			f.reinvite(5, d, aliceAt+" a=sendonly", bobAt+" a=recvonly")
			f.reinvite(15, d, aliceAt, bobAt)
			f.speak(aliceAt, bobAt, 3, 15.2, 29.9)
			f.speak(bobAt, aliceAt, 4, 15.2, 29.9)
			f.bye(30, d)
		}, 0, 0, false, 0, 4.409},
		{"hold, and silence after it", func(f *feed) {
			d := newDialled("one")
			f.connect(0, d)
			f.aSpeaks(0.6, 5)
			f.bSpeaks(0.6, 5)
			f.reinvite(5, d, aliceAt+" a=sendonly", bobAt+" a=recvonly")
			f.reinvite(15, d, aliceAt, bobAt)
			f.speak(aliceAt, bobAt, 3, 15.2, 29.9)
			f.bye(30.1, d)
		}, 0, 15_000, false, 4, 1},
		{"hold until the end", func(f *feed) {
			d := newDialled("one")
			f.connect(0, d)
			f.aSpeaks(0.6, 5)
			f.bSpeaks(0.6, 5)
			f.reinvite(5, d, aliceAt+" a=inactive", bobAt+" a=inactive")
			f.bye(20, d)
		}, 0, 0, false, 0, 4.409},
		{"media goes where nobody sees it", func(f *feed) {
			d := newDialled("one")
			f.connect(0, d)
			f.aSpeaks(0.6, 10)
			f.bSpeaks(0.6, 10)
			f.reinvite(10, d, "192.0.2.77:7000", "192.0.2.78:7000")
			f.bye(30, d)
		}, unknown, unknown, false, 0, 4.409},
		{"media of one end goes where nobody sees it", func(f *feed) {
			d := newDialled("one")
			f.connect(0, d)
			f.aSpeaks(0.6, 10)
			f.bSpeaks(0.6, 10)
			f.reinvite(10, d, aliceAt, "192.0.2.78:7000")
			f.bye(30, d)
		}, unknown, unknown, false, 0, 4.409},
		{"no BYE: the call ends with its last media", func(f *feed) {
			d := newDialled("one")
			f.connect(0, d)
			f.aSpeaks(0.6, 30)
			f.bSpeaks(0.6, 30)
			f.Observe(tickAt(time.Hour))
		}, 0, 0, false, 0, 4.409},
		{"the input ends first", func(f *feed) {
			d := newDialled("one")
			f.connect(0, d)
			f.aSpeaks(0.6, 30.5)
		}, 0, 30_000, true, 7, 1},
		{"the agent tells signalling only", func(f *feed) {
			call(f, 30, func() { f.rtcp(5, rtcpOf(bobRTP), rtcpOf(aliceRTP), 2, 1, 4, 1000) })
		}, unknown, unknown, false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed()
			c.play(f)
			f.end()
			r := f.call(t, "one")
			if a, b := silentMs(r.A.SilentMs), silentMs(r.B.SilentMs); a != c.a || b != c.b {
				t.Errorf("silent for %v ms and %v ms, want %v and %v", a, b, c.a, c.b)
			}
			if got := slices.Contains(r.Flags, "one_way_audio"); got != c.oneWay {
				t.Errorf("flags %v", r.Flags)
			}
			rows := 0
			for _, i := range f.intervals {
				if i.Packets == 0 {
					rows++
					if i.SSRC != 0 || i.Lost != i.Expected || i.Expected == 0 || *i.MosLQ != 1 || *i.RLQ != 0 || *i.CallID != "one" || *i.Codec != "PCMU" {
						t.Errorf("silent interval %+v", i)
					}
				}
			}
			worst := 0.0
			if r.MosLQMin != nil {
				worst = *r.MosLQMin
			}
			if rows != c.rows || worst != c.worst {
				t.Errorf("%d silent intervals, the worst MOS is %v", rows, worst)
			}
		})
	}
}

// TestSilenceUnknown: nobody is called silent in a fax, nor where another leg
// of the conversation may have the media.
func TestSilenceUnknown(t *testing.T) {
	for name, change := range map[string]func(*feed, *dialled){
		"":    func(*feed, *dialled) {},
		"t38": func(f *feed, d *dialled) { f.callOf(t, d).SetFlag("t38") },
		"elsewhere": func(f *feed, d *dialled) {
			f.mediaOf(f.callOf(t, d)).elsewhere = true
		},
	} {
		f := newFeed()
		d := newDialled("one")
		f.connect(0, d)
		f.aSpeaks(0.6, 19.9)
		change(f, d)
		f.bye(20, d)
		f.end()
		r := f.call(t, "one")
		if known := r.A.SilentMs != nil && r.B.SilentMs != nil && r.B.MosLQ != nil && slices.Contains(r.Flags, "one_way_audio"); known != (name == "") {
			t.Errorf("%s: silent for %v ms and %v ms, flags %v", name, silentMs(r.A.SilentMs), silentMs(r.B.SilentMs), r.Flags)
		}
	}
}

func (a *Analyzer) callOf(t *testing.T, d *dialled) *dialog.Call {
	t.Helper()
	calls := a.dialogs.Find("default", []byte(d.id))
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	return calls[0]
}

// TestOneWayScore: the side that is not heard is the worst of the call; what
// its sequence numbers tell stays unknown.
func TestOneWayScore(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	f.aSpeaks(0.6, 19.9)
	f.bye(20, d)
	f.end()
	r := f.call(t, "one")
	if r.B.Packets != nil || r.B.Lost != nil || *r.B.MosLQ != 1 || *r.B.RLQ != 0 || *r.A.MosLQ != 4.409 || *r.MosLQ != 1 || *r.MosMinLossPct != 100 {
		t.Errorf("call %+v, a %+v, b %+v", r, r.A, r.B)
	}
}

// TestSilentForDays: rows are bounded, their weight is not.
func TestSilentForDays(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	cover(f)
	f.connect(0, d)
	f.bye(40_000, d)
	f.end()
	r := f.call(t, "one")
	if r.B.SilentMs == nil || *r.B.SilentMs != 39_999_500 || *r.MosLQ != 1 || len(f.intervals) != 2+2*maxSilentRows || *r.MosSamples != 8000 {
		t.Errorf("silent %v, %d intervals, %d samples", silentMs(r.B.SilentMs), len(f.intervals), *r.MosSamples)
	}
}

// TestWithout: what is left and what was taken add up, in order.
func TestWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spanOf := rapid.Custom(func(t *rapid.T) span {
			from := rapid.IntRange(0, 100).Draw(t, "from")
			return span{at(float64(from)), at(float64(from + rapid.IntRange(-3, 30).Draw(t, "length")))}
		})
		holes := rapid.SliceOfN(spanOf, 0, 8).Draw(t, "holes")
		left := without([]span{{at(10), at(90)}}, holes)
		for second := 10; second < 90; second++ {
			middle := at(float64(second) + 0.5)
			in := func(s span) bool { return middle.After(s.from) && middle.Before(s.to) }
			if slices.ContainsFunc(left, in) == slices.ContainsFunc(holes, in) {
				t.Fatalf("second %d: left %v", second, left)
			}
		}
		for i, s := range left {
			if !s.from.Before(s.to) || i > 0 && s.from.Before(left[i-1].to) {
				t.Fatalf("left %v", left)
			}
		}
	})
}

// TestSilenceIsInTheCall: however media and hold lie, nobody is silent for
// longer than the call.
func TestSilenceIsInTheCall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFeed()
		d := newDialled("one")
		f.connect(0, d)
		end := 0.5 + rapid.Float64Range(0, 60).Draw(t, "end")
		for i := range rapid.IntRange(0, 4).Draw(t, "streams") {
			from := rapid.Float64Range(0, 60).Draw(t, "from")
			to := from + rapid.Float64Range(0, 30).Draw(t, "length")
			if side := dialog.Side(rapid.IntRange(0, 1).Draw(t, "side")); side == dialog.A {
				f.speak(aliceAt, bobAt, uint32(10+i), from, to)
			} else {
				f.speak(bobAt, aliceAt, uint32(10+i), from, to)
			}
		}
		if rapid.Bool().Draw(t, "hold") {
			f.reinvite(rapid.Float64Range(1, 50).Draw(t, "held"), d, aliceAt+" a=sendonly", bobAt+" a=recvonly")
		}
		f.bye(end, d)
		f.end()
		for _, r := range f.calls {
			for _, s := range [...]float64{silentMs(r.A.SilentMs), silentMs(r.B.SilentMs)} {
				if s != unknown && (s < 0 || s > *r.DurationMs) {
					t.Fatalf("silent for %v ms of %v", s, *r.DurationMs)
				}
			}
		}
	})
}

// TestSilenceAcrossIntervals: an outage of nearly two seconds is the worst of
// the call although no interval has a whole second of it.
func TestSilenceAcrossIntervals(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	f.aSpeaks(0.6, 29.9)
	f.bSpeaks(0.6, 14.1)
	f.speak(bobAt, aliceAt, 3, 15.9, 29.9)
	f.bye(30, d)
	f.end()
	r := f.call(t, "one")
	if *r.B.SilentMs != 1800 || *r.B.MosLQMin != 1 || !r.B.MosMinTime.Equal(at(10)) || *r.MosLQMin != 1 {
		t.Errorf("silent for %v ms, worst %v at %v", *r.B.SilentMs, *r.B.MosLQMin, r.B.MosMinTime)
	}
}

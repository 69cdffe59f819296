package media

import (
	"math"
	"testing"
)

// jittered feeds n packets of PCMU whose arrival alternates by ms, so that
// every step of transit is 2*ms, beginning at a timestamp.
func jittered(f *feed, pt uint8, n int, ms float64, ticksPerMs, ts uint32) {
	for i := range n {
		late := ms
		if i%2 == 0 {
			late = -ms
		}
		f.at(float64(20*i)+100+late, pt, uint16(i), ts+uint32(i)*20*ticksPerMs)
	}
}

// TestTrueJitter has 4.00 ms of jitter by construction. pion/interceptor's
// meters say 6.20 ms, and 20,022,587 ms when the timestamp wraps.
func TestTrueJitter(t *testing.T) {
	f := func(name string, ts uint32) {
		t.Helper()
		s := newFeed()
		jittered(s, 0, 1000, 2, 8, ts)
		r := s.end(t)
		if got := r.TotalJitter[0].Last; math.Abs(got-4) > 0.001 {
			t.Errorf("%s: jitter is %.4f ms, want 4.00", name, got)
		}
		if r.TotalJitter[0].Max > 4 || r.TotalJitter[0].N != 999 {
			t.Errorf("%s: %+v", name, r.TotalJitter)
		}
	}
	f("plain", 0)
	f("the timestamp wraps", math.MaxUint32-500*160)
	f("the timestamp passes half", math.MaxInt32-500*160)
}

func TestJitterLeavesOut(t *testing.T) {
	f := func(name string, want uint64, steps func(s *feed)) {
		t.Helper()
		s := newFeed()
		s.m.SetPayload(101, "telephone-event", 8000)
		s.m.SetPayload(96, "opus", 48000)
		steps(s)
		r := s.end(t)
		var n uint64
		for _, j := range r.TotalJitter {
			n = j.N
			if j.Max > 0.0001 {
				t.Errorf("%s: %.3f ms of jitter, want none", name, j.Max)
			}
		}
		if n != want {
			t.Errorf("%s: %d packets in the mean, want %d", name, n, want)
		}
	}
	voice := func(s *feed, from, to int) {
		for i := from; i < to; i++ {
			s.at(float64(20*i), 0, uint16(i), uint32(i)*160)
		}
	}
	f("telephone events", 19, func(s *feed) {
		voice(s, 0, 10)
		for i := 10; i < 18; i++ {
			s.at(float64(20*i), 101, uint16(i), 1600)
		}
		voice(s, 18, 28)
	})
	f("events only", 0, func(s *feed) {
		for i := range 8 {
			s.at(float64(20*i), 101, uint16(i), 1600)
		}
	})
	f("comfort noise", 18, func(s *feed) {
		voice(s, 0, 10)
		s.at(217, 13, 10, 1600)
		voice(s, 11, 21)
	})
	f("a change of clock", 18, func(s *feed) {
		voice(s, 0, 10)
		for i := 10; i < 20; i++ {
			s.at(float64(20*i), 96, uint16(i), 5_000_000+uint32(i)*960)
		}
	})
	f("a sequence and timestamp restart", 19, func(s *feed) {
		voice(s, 0, 10)
		for i := 10; i < 21; i++ {
			s.at(float64(20*i), 0, uint16(30000+i), 0xdead_beef+uint32(i)*160)
		}
	})
	f("a timestamp restart alone", 18, func(s *feed) {
		voice(s, 0, 10)
		for i := 10; i < 20; i++ {
			s.at(float64(20*i), 0, uint16(i), 0xdead_beef+uint32(i)*160)
		}
	})
	f("a private payload type in between", 18, func(s *feed) {
		voice(s, 0, 10)
		s.at(199, 110, 10, 77)
		voice(s, 11, 20)
	})
}

func TestUnknownClockRate(t *testing.T) {
	s := newFeed()
	jittered(s, 96, 1000, 2, 48, 0)
	r := s.reports[0]
	if len(r.Jitter) != len(CandidateRates) || r.PtimeMs != 0 || r.TimestampStep != 960 {
		t.Fatalf("the report of an unknown rate is %+v", r)
	}
	if mean, _, ok := r.JitterFor(48000); !ok || mean > 4 || mean < 3 {
		t.Errorf("at the right rate the mean is %.3f, %v", mean, ok)
	}
	if _, _, ok := r.JitterFor(0); ok {
		t.Error("jitter was chosen among several rates without knowing which")
	}
	s.m.SetPayload(96, "opus", 48000)
	r = s.end(t)
	if len(r.TotalJitter) != 1 || r.TotalJitter[0].N != 999 || math.Abs(r.TotalJitter[0].Last-4) > 0.001 || r.PtimeMs != 20 {
		t.Errorf("the history is lost: %+v", r)
	}

	s = newFeed() // a rate that is no candidate begins anew
	jittered(s, 96, 1000, 2, 32, 0)
	s.m.SetPayload(96, "speex", 32000)
	s.at(20_100, 96, 1000, 1000*640)
	if r = s.end(t); len(r.TotalJitter) != 1 || r.TotalJitter[0].ClockRate != 32000 || r.TotalJitter[0].N != 1 {
		t.Errorf("jitter is %+v", r.TotalJitter)
	}

	s = newFeed() // the codec changes to one that nobody announced
	jittered(s, 0, 100, 2, 8, 0)
	for i := 100; i < 200; i++ {
		s.at(float64(20*i), 96, uint16(i), uint32(i)*960)
	}
	if r = s.end(t); len(r.TotalJitter) != len(CandidateRates) {
		t.Errorf("jitter is %+v", r.TotalJitter)
	}
}

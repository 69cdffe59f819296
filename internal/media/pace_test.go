package media

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestClockRateMistaken: a sender that counts at another clock than its payload
// type has is neither late nor jittery; the clock that it uses is told.
func TestClockRateMistaken(t *testing.T) {
	for name, c := range map[string]struct {
		codec  string
		told   uint32
		step   uint32
		jitter float64 // uniform, ms
		lose   int     // one of so many
		want   uint32  // Hz; 0 where the told one is right
	}{
		"G.722 at its sampling rate":          {"G722", 8000, 320, 0, 0, 16_000},
		"G.722 announced at it":               {"G722", 16_000, 160, 20, 0, 8000},
		"Opus at 8 kHz":                       {"opus", 48_000, 160, 0, 0, 8000},
		"Opus at half its rate, with loss":    {"opus", 48_000, 480, 20, 20, 24_000},
		"Opus at 16 kHz, with much jitter":    {"opus", 48_000, 320, 60, 0, 16_000},
		"PCMU as it should be":                {"PCMU", 8000, 160, 0, 0, 0},
		"PCMU with very much jitter and loss": {"PCMU", 8000, 160, 300, 5, 0},
		"a clock a thousandth fast":           {"opus", 48_000, 961, 5, 0, 0},
	} {
		f := newFeed()
		f.m.SetPayload(96, c.codec, c.told)
		r, last := rand.New(rand.NewPCG(1, 2)), 0.
		for i := range 1500 {
			if c.lose > 0 && i%c.lose == 7%max(c.lose, 1) {
				continue
			}
			last = max(last, 20*float64(i)+c.jitter*r.Float64())
			f.at(last, 96, uint16(i), uint32(i)*c.step)
			if i == 400 {
				f.m.SetPayload(96, c.codec, c.told) // a re-INVITE says the same again
			}
		}
		end := f.end(t)
		if end.ClockRate != c.want {
			t.Errorf("%s: the clock is %d, want %d", name, end.ClockRate, c.want)
		}
		if h := f.heardOf(); c.want != 0 && (math.Abs(end.PtimeMs-20) > 0.1 || end.TotalJitter[0].Max > c.jitter || h.Discarded != [Buffers]uint64{}) {
			t.Errorf("%s: %g ms a packet, jitter up to %g ms, %d discarded", name, end.PtimeMs, end.TotalJitter[0].Max, h.Discarded)
		}
	}
}

// TestCatchUpIsNoClock: packets that were held up come twice as fast as they
// were sent for a while, whatever the clock.
func TestCatchUpIsNoClock(t *testing.T) {
	for _, gap := range []float64{300, 3000, 10_000} {
		f := newFeed()
		f.m.SetPayload(96, "opus", 48_000)
		for i := range 3000 {
			at := 20 * float64(i)
			if i >= 20 {
				at = max(at, 400+gap+10*float64(i-20))
			}
			f.at(at, 96, uint16(i), uint32(i)*960)
		}
		if end := f.end(t); end.ClockRate != 0 {
			t.Errorf("after %g ms: the clock is %d", gap, end.ClockRate)
		}
	}
}

func (f *feed) heardOf() Heard {
	var h Heard
	for i := range f.reports {
		h.Add(&f.reports[i].Heard)
	}
	return h
}

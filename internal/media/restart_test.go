package media

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTimestampJumps sets the timestamp anew now and then while packets keep
// coming in sequence, a little late each: that is no loss, no silence, no
// jitter beyond that of the network, nothing late to a buffer and no clock that
// drifts. The meter knows the clock rate, or not.
func TestTimestampJumps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		known := rapid.Bool().Draw(rt, "known")
		rate := rapid.SampledFrom([]int{8000, 16000, 48000}).Draw(rt, "rate")
		ptime := rapid.SampledFrom([]int{10, 20, 30, 60}).Draw(rt, "ptime")
		wander := rapid.Float64Range(0, 4).Draw(rt, "wander")
		losing := rapid.Bool().Draw(rt, "losing")
		every := rapid.IntRange(20, 400).Draw(rt, "every")
		rnd := rapid.Uint64().Draw(rt, "seed")
		next := func(below int) int {
			rnd = rnd*6364136223846793005 + 1442695040888963407
			return int(rnd>>33) % below
		}
		play := func(jumping bool) (*feed, int, int) {
			f := newFeed()
			if known {
				f.m.SetPayload(96, "voice", uint32(rate))
			}
			seed := rnd
			ts, jumps, lost := uint32(next(math.MaxUint32)), 0, 0
			for i := range 1500 {
				late := wander * float64(next(1000)) / 1000
				gone := losing && i > 0 && i < 1499 && next(50) == 0
				ms := 60 + next(9900-60)
				if next(2) == 0 {
					ms = -ms
				}
				if jumping && i > 10 && i%every == 0 {
					ts += uint32(ms * rate / 1000)
					jumps++
				}
				if gone {
					lost++
				} else {
					f.at(float64(i*ptime)+late, 96, uint16(65000+i), ts)
				}
				ts += uint32(ptime * rate / 1000)
			}
			rnd = seed
			return f, jumps, lost
		}
		calm, _, _ := play(false)
		wanted := calm.end(t)
		f, jumps, lost := play(true)
		heard, r := f.sum(t)
		c := r.Total
		if c.Lost != uint64(lost) || c.Restarts+c.Duplicates+c.Reordered != 0 || c.Expected != 1500 {
			rt.Fatalf("%d jumps, %d lost: %+v", jumps, lost, c)
		}
		if known && c.Jumps > uint64(jumps) || known && !losing && c.Jumps != uint64(jumps) {
			rt.Fatalf("%d jumps are seen, of %d", c.Jumps, jumps)
		}
		for _, g := range f.reports {
			if len(g.Holes) > 0 {
				rt.Fatalf("holes %v", g.Holes)
			}
		}
		want, _, _ := wanted.TotalJitterFor(uint32(rate))
		mean, highest, ok := r.TotalJitterFor(uint32(rate))
		if !ok || math.Abs(mean-want) > 0.1 || highest > wander {
			rt.Fatalf("jitter mean %.3f max %.3f, without jumps %.3f", mean, highest, want)
		}
		if known && (heard.Discarded != [Buffers]uint64{} || heard.PDV != [7]uint64{} || math.Abs(r.TransitMinMs) > 2*wander) {
			rt.Fatalf("%+v, transit %g ms", heard, r.TransitMinMs)
		}
	})
}

// TestNoJump: what a network or a codec does is no jump of the timestamp, and
// RFC 3550 A.8 has all of it.
func TestNoJump(t *testing.T) {
	type sent struct {
		ms  float64
		seq uint16
		ts  uint32
	}
	voice := func(from, to int, late float64) []sent {
		var out []sent
		for i := from; i < to; i++ {
			out = append(out, sent{float64(20*i) + late, uint16(i), uint32(i) * 160})
		}
		return out
	}
	f := func(name string, parts ...[]sent) {
		t.Helper()
		s := newFeed()
		j, highest := 0., 0.
		var before sent
		for i, p := range slices.Concat(parts...) {
			s.at(p.ms, 0, p.seq, p.ts)
			if i > 0 {
				j += (math.Abs(p.ms-before.ms-float64(int32(p.ts-before.ts))/8) - j) / 16
				highest = max(highest, j)
			}
			before = p
		}
		r := s.end(t)
		if r.Total.Jumps != 0 || math.Abs(r.TotalJitter[0].Max-highest) > 0.001 {
			t.Errorf("%s: %d jumps, jitter up to %.3f ms, want %.3f", name, r.Total.Jumps, r.TotalJitter[0].Max, highest)
		}
	}
	changed := func(all []sent, change func(i int, p *sent)) []sent {
		for i := range all {
			change(i, &all[i])
		}
		return all
	}
	f("a delay that stays", voice(0, 50, 0), voice(50, 100, 300))
	f("a stall", voice(0, 50, 0), changed(voice(50, 65, 0), func(i int, p *sent) { p.ms = 1300 + 0.001*float64(i) }), voice(66, 100, 0))
	f("a pause in a stall", voice(0, 50, 0), changed(voice(50, 65, 0), func(i int, p *sent) {
		p.ms = 2000 + 0.001*float64(i)
		p.ts += uint32(i/8) * 8000
	}))
	f("silence suppression", voice(0, 50, 0), changed(voice(50, 100, 3000), func(_ int, p *sent) { p.ts += 24_000 }))
	f("silence suppression, late", voice(0, 50, 0), changed(voice(50, 100, 3700), func(_ int, p *sent) { p.ts += 24_000 }))
	f("a sender that hangs", voice(0, 50, 0), voice(50, 100, 4000))
	f("a longer packet time", voice(0, 50, 0), changed(voice(50, 100, 0), func(i int, p *sent) {
		p.ms += float64(40 * i)
		p.ts += uint32(320 * i)
	}))
	f("a wrong clock rate, for less than it takes to tell", changed(voice(0, 100, 0), func(_ int, p *sent) { p.ts *= 6 }))
	f("reordered by ten", voice(0, 50, 0), voice(51, 61, 0), voice(50, 51, 210), voice(61, 80, 0))
	f("a copy half a second later", voice(0, 50, 0), voice(20, 21, 590), voice(50, 80, 0))
}

// TestRestarts: a sequence or a timestamp that begins anew is told by its
// name, and nothing is lost by it.
func TestRestarts(t *testing.T) {
	f := func(name string, restarts, jumps uint64, seq uint16, ts uint32) {
		t.Helper()
		s := newFeed()
		for i := range 500 {
			s.at(float64(20*i), 0, uint16(i), uint32(i)*160)
		}
		for i := range 500 {
			s.at(float64(20*(500+i)), 0, seq+uint16(i), ts+uint32(i)*160)
		}
		r := s.end(t)
		c := r.Total
		if c.Restarts != restarts || c.Jumps != jumps || c.Lost != 0 || c.Expected != 1000 || r.SSRCChanged {
			t.Errorf("%s: %+v", name, c)
		}
		if r.TotalJitter[0].Max > 0.001 {
			t.Errorf("%s: jitter of %.3f ms", name, r.TotalJitter[0].Max)
		}
	}
	f("none", 0, 0, 500, 80_000)
	f("timestamp", 0, 1, 500, 0xdead_beef)
	f("timestamp by a second back", 0, 1, 500, 72_000)
	f("sequence", 1, 0, 40_000, 80_000)
	f("both", 1, 0, 40_000, 0xdead_beef)
}

// TestJumpBehindHole: a timestamp that jumps behind a pause does not make up
// for the pause.
func TestJumpBehindHole(t *testing.T) {
	s := newFeed()
	for i := range 300 {
		at, ts := float64(20*i), uint32(i)*160
		if i >= 100 {
			at += 3000
		}
		if i >= 105 {
			ts += 16_000
		}
		s.at(at, 0, uint16(i), ts)
	}
	last := s.end(t)
	var holes int
	for _, r := range s.reports {
		holes += len(r.Holes)
	}
	if holes != 1 || last.Total.Jumps != 1 {
		t.Errorf("%d holes, %d jumps", holes, last.Total.Jumps)
	}
}

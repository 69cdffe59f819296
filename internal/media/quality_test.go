package media

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/emodel"
)

func codecsOf(t *testing.T, overrides ...emodel.Override) *Codecs {
	t.Helper()
	table, err := emodel.NewTable(overrides)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestConfiguredFactors: a codec that only configuration knows is scored, on its
// scale, in talk and in silence.
func TestConfiguredFactors(t *testing.T) {
	s := Speech{Encoding: "speex", Codecs: codecsOf(t, emodel.Override{Encoding: "SPEEX", Scale: "wideband", Ie: 19, Bpl: 8, Status: "standard"})}
	r := &Report{Delta: Counts{Expected: 250, Packets: 250, Bytes: 250 * 60}, PtimeMs: 20}
	got, ok := ScoreOf(s, r)
	if !ok || got.R != 110 || got.Ceiling != 110 || got.Scale != "WB" || got.Model != "G.107.1" || got.Status != "std" || !got.Configured || got.PLCAssumed {
		t.Errorf("%+v, %v", got, ok)
	}
	if floor, ok := Floor(s); !ok || floor.R != 0 || floor.Scale != "WB" || floor.LossCost != 110 || !floor.Configured {
		t.Errorf("silence: %+v, %v", floor, ok)
	}
	s.Encoding = "PCMU"
	if got, ok := ScoreOf(s, r); !ok || got.Configured || !got.PLCAssumed {
		t.Errorf("built in: %+v, %v", got, ok)
	}

	// Configured where any interval is, whichever has the lowest ceiling.
	var q Quality
	low, high := Score{R: 50, Ceiling: 60, Scale: "NB"}, Score{R: 80, Ceiling: 90, Scale: "NB", Configured: true}
	for _, score := range []Score{low, high, low} {
		q.Add(Scored{Score: score}, r)
	}
	if q.Codec.Ceiling != 60 || !q.Codec.Configured {
		t.Errorf("both: %+v", q.Codec)
	}
}

// TestModeOfEVS: packets of one size tell the mode; a mean of several tells none.
func TestModeOfEVS(t *testing.T) {
	f := func(bytes uint64, srtp bool, scale string, ceiling float64) {
		t.Helper()
		r := &Report{Delta: Counts{Expected: 250, Packets: 252, Events: 2, Bytes: bytes + 8}, PtimeMs: 20}
		got, ok := ScoreOf(Speech{Encoding: "EVS", SRTP: srtp}, r)
		if !ok || got.Scale != scale || got.Ceiling != ceiling || got.Status != "assumed" {
			t.Errorf("%d bytes: %+v, %v", bytes, got, ok)
		}
	}
	f(250*32, false, "WB", 116)     // AMR-WB IO 12.65
	f(250*33, false, "FB", 137.8)   // 13.2
	f(250*33-1, false, "FB", 137.8) // one is comfort noise
	f(250*32, true, "FB", 137.8)
}

// TestCeilingIsNeverBelowR: of intervals in several modes of a codec, whatever
// their weights and losses.
func TestCeilingIsNeverBelowR(t *testing.T) {
	bytes := map[string]uint64{"12.2": 32, "7.4": 21, "4.75": 14}
	rapid.Check(t, func(t *rapid.T) {
		var q Quality
		for range rapid.IntRange(1, 6).Draw(t, "intervals") {
			mode := rapid.SampledFrom(slices.Sorted(maps.Keys(bytes))).Draw(t, "mode")
			r := &Report{PtimeMs: 20}
			r.Delta.Expected = rapid.Uint64Range(1, 250).Draw(t, "expected")
			r.Delta.Lost = rapid.Uint64Range(0, r.Delta.Expected).Draw(t, "lost")
			r.Delta.Packets = r.Delta.Expected - r.Delta.Lost
			r.Delta.Bytes = r.Delta.Packets * bytes[mode]
			score, ok := ScoreOf(Speech{Encoding: "AMR"}, r)
			if !ok || score.R > score.Ceiling {
				t.Fatalf("%+v, %v", score, ok)
			}
			q.Add(Scored{Score: score}, r)
		}
		if q.R() > q.Ceiling()+1e-9 {
			t.Fatalf("R %v is above its ceiling %v", q.R(), q.Ceiling())
		}
	})
}

// TestMeanIsExplained: of intervals of any length and scale, silent ones among
// them, the lowest and highest MOS enclose the mean, and what was lost adds up
// to what is missing to the ceiling.
func TestMeanIsExplained(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Quality
		for i := range rapid.IntRange(1, 8).Draw(t, "intervals") {
			s := Speech{Encoding: rapid.SampledFrom([]string{"PCMU", "G729", "G722"}).Draw(t, "codec"), NoPLC: true}
			r := &Report{PtimeMs: 20}
			r.Delta.Expected = rapid.Uint64Range(1, 250).Draw(t, "expected")
			r.Delta.Lost = rapid.Uint64Range(0, r.Delta.Expected).Draw(t, "lost")
			r.Delta.Packets = r.Delta.Expected - r.Delta.Lost
			r.Heard.Played = r.Delta.Packets
			r.Heard.Discarded[Fixed50] = rapid.Uint64Range(0, r.Delta.Packets).Draw(t, "late")
			r.Heard.Runs = [1 + Buffers]uint64{min(r.Delta.Lost, 2), min(r.Delta.Lost+r.Heard.Discarded[Fixed50], 2)}
			score, ok := ScoreOf(s, r)
			if rapid.IntRange(0, 3).Draw(t, "silent") == 0 {
				score, ok = Floor(s)
				score.Silent = true
			}
			if !ok || score.R < 0 {
				t.Fatalf("%+v, %v", score, ok)
			}
			if _, _, cost := score.Conversational(rapid.Float64Range(0, 2000).Draw(t, "delay")); cost < 0 || cost > score.R {
				t.Fatalf("delay costs %v of %v", cost, score.R)
			}
			q.Add(Scored{Score: score}, r)
			if i == 0 && q.Mixed() {
				t.Fatal("one interval is on two scales")
			}
		}
		if low, high := q.MOSRange(q.MOS()); low > q.MOS() || high < q.MOS() || low < 1 || high > 4.5 {
			t.Fatalf("MOS %v is not within %v..%v", q.MOS(), low, high)
		}
		c := q.Costs()
		base := map[string]float64{"NB": 93.2, "WB": 129}[q.Codec.Scale]
		if left := q.Ceiling() - c.Loss - c.Discard - c.Silence; math.Abs(left-q.R()) > 1e-9 || math.Abs(base-c.Codec-q.Ceiling()) > 0.01 {
			t.Fatalf("R %v, ceiling %v, %+v", q.R(), q.Ceiling(), c)
		}
	})
}

// TestTotalsOfSeveralModes: their mean size is that of 10.2 kbit/s, which none
// of the packets had, and of two sizes no mode can be told.
func TestTotalsOfSeveralModes(t *testing.T) {
	var q Quality
	var sum Counts
	s := Speech{Encoding: "AMR"}
	for _, bytes := range []uint64{32, 21} {
		r := &Report{First: start, Last: start.Add(time.Hour), Delta: Counts{Expected: 250, Packets: 250, Bytes: 250 * bytes}, PtimeMs: 20}
		score, _ := ScoreOf(s, r)
		q.Add(Scored{Score: score}, r)
		if sum.Add(r.Delta); bytes == 32 && !q.Fits(score.Scale, score.Ceiling) {
			t.Errorf("one mode: %+v", score)
		}
	}
	whole, ok := ScoreCounts(s, &sum, &Heard{}, 20, Adaptive)
	if !ok || q.Fits(whole.Scale, whole.Ceiling) {
		t.Errorf("two modes: %+v, ceiling %v", whole, q.Ceiling())
	}
}

// TestNoBuffer: whatever the models would discard, what arrives is heard.
func TestNoBuffer(t *testing.T) {
	c, h := Counts{Packets: 990, Expected: 1000, Lost: 10}, Heard{Played: 990, Discarded: [Buffers]uint64{500, 200, 100}, Runs: [1 + Buffers]uint64{10, 20, 20, 20}}
	s := Speech{Encoding: "PCMU"}
	none, ok := ScoreCounts(s, &c, &h, 20, NoBuffer)
	plain, _ := ScoreCounts(s, &c, &Heard{Runs: [1 + Buffers]uint64{10}}, 20, Adaptive)
	if !ok || none != plain || none.DiscardCost != 0 {
		t.Errorf("without a buffer %+v, want %+v", none, plain)
	}
	for b := range NoBuffer + 1 {
		if got, ok := BufferOf(b.String()); !ok || got != b {
			t.Errorf("%s is %v, %v", b, got, ok)
		}
	}
}

// TestLength: packets that came in no time are no media, whatever their
// timestamps say.
func TestLength(t *testing.T) {
	for _, c := range []struct {
		packets, lost uint64
		ptime         float64
		first, last   time.Duration // behind the interval's start
		want          time.Duration
	}{
		{250, 0, 20, -time.Minute, 4980 * time.Millisecond, 5 * time.Second},
		{50, 0, 20, 0, 980 * time.Millisecond, time.Second},
		{40, 10, 20, 0, 980 * time.Millisecond, time.Second},
		{50, 0, 20, 60 * time.Millisecond, 980 * time.Millisecond, time.Second}, // the first one came late
		{50, 0, 20, 0, 10 * time.Millisecond, 230 * time.Millisecond},
		{20, 0, 100, 0, 190 * time.Millisecond, 490 * time.Millisecond},
		{20, 0, 0, 0, time.Minute, 400 * time.Millisecond},
		{250, 0, 20, 0, 9980 * time.Millisecond, 5 * time.Second}, // its report came with the next packets
		{1, 0, 20, -time.Minute, -time.Second, 20 * time.Millisecond},
		{0, 50, 20, -time.Minute, -time.Minute, time.Second},
	} {
		r := Report{Start: start, First: start.Add(c.first), Last: start.Add(c.last), PtimeMs: c.ptime, Delta: Counts{Packets: c.packets, Expected: c.packets + c.lost, Lost: c.lost}}
		if got := r.Length(); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestRunSpoilsAnInterval: of the totals of a minute, one loss in a row takes no
// more than five seconds or twice its length; discards have no such bound.
func TestRunSpoilsAnInterval(t *testing.T) {
	const most = 93.206
	for _, c := range []struct {
		name            string
		lost, discarded uint64
		want            float64 // of the share that is left
	}{
		{"nothing lost", 0, 0, 1},
		{"a second", 49, 0, 1 - 250./3000},
		{"ten seconds", 500, 0, 1 - 1000./3000},
		{"half", 1500, 0, 0},
		{"all but three too late", 0, 2997, 0},
	} {
		h := Heard{}
		if c.lost > 0 {
			h.Runs[0], h.Runs[1+Adaptive] = 1, 1
		}
		if c.discarded > 0 {
			h.Discarded[Adaptive], h.Runs[1+Adaptive] = c.discarded, 2
		}
		s, ok := ScoreCounts(Speech{Encoding: "PCMU", NoPLC: true}, &Counts{Packets: 3000 - c.lost, Expected: 3000, Lost: c.lost}, &h, 20, Adaptive)
		if !ok || math.Abs(s.R-most*c.want) > 0.01 {
			t.Errorf("%s: R %.3f, want %.3f", c.name, s.R, most*c.want)
		}
	}
	// One interval is by G.107 alone.
	r := &Report{Delta: Counts{Packets: 250, Expected: 1250, Lost: 1000}, PtimeMs: 20}
	r.Heard.Runs[0] = 1
	if s, _ := ScoreOf(Speech{Encoding: "PCMU"}, r); s.R != 0 {
		t.Errorf("four fifths of an interval lost: R %.3f", s.R)
	}
}

// TestWeightIsTime: media counts for its time, whatever a packet has of it, and
// no more than its stream ran.
func TestWeightIsTime(t *testing.T) {
	var q Quality
	ran := time.Duration(0)
	add := func(n uint64, ptime, r float64, took time.Duration) {
		ran += took
		q.Add(Scored{Score: Score{R: r, MOS: 4, Ceiling: 90, Scale: "NB"}, Ran: ran},
			&Report{Start: start, First: start, Last: start.Add(ran), PtimeMs: ptime, Delta: Counts{Packets: n, Expected: n}})
	}
	for range 12 {
		add(250, 20, 90, Interval)
	}
	for range 12 {
		add(83, 60, 30, Interval)
	}
	if want := (12*250*90. + 12*83*30) / (12*250 + 12*83); math.Abs(q.R()-want) > 0.01 {
		t.Errorf("packets of 20 and of 60 ms: R %.2f, want %.2f", q.R(), want)
	}
	before := q.R()
	add(5000, 20, 10, 10*time.Millisecond) // a flash
	if before-q.R() > 0.5 {
		t.Errorf("a flash of packets takes R from %.2f to %.2f", before, q.R())
	}
}

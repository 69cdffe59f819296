package media

import (
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/packet"
)

// film feeds frames that begin at these times, ms, each of three packets.
func film(ms ...float64) *feed {
	f := newFeed()
	f.m.SetVideo(96, "VP8", 90000)
	for i, at := range ms {
		for k := range 3 {
			f.at(at+float64(k), 96, uint16(3*i+k), uint32(at*90))
		}
	}
	return f
}

// every gives n times, step apart, from the first on.
func every(from, step float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = from + float64(i)*step
	}
	return out
}

func TestFrames(t *testing.T) {
	f := func(name string, at []float64, frames, freezes uint64, freezeMs, gapMax float64) {
		t.Helper()
		r := film(at...).end(t)
		got := r.Frames
		if got.Frames != frames || got.Freezes != freezes || math.Abs(got.FreezeMs-freezeMs) > 1e-3 || math.Abs(got.GapMaxMs-gapMax) > 1e-3 {
			t.Errorf("%s: %+v, want %d frames, %d freezes of %g ms, gap %g", name, got, frames, freezes, freezeMs, gapMax)
		}
		if span := at[len(at)-1] - at[0]; math.Abs(got.SpanMs-span) > 1e-3 {
			t.Errorf("%s: span %g ms, want %g", name, got.SpanMs, span)
		}
	}
	f("one frame", []float64{0}, 1, 0, 0, 0)
	f("10 fps", every(0, 100, 50), 50, 0, 0, 100)
	f("30 fps over several reports", every(0, 1000./30, 600), 600, 0, 0, 1000./30)
	// At 10 fps three times the mean decides, at 30 fps the mean and 150 ms.
	f("10 fps, 299 ms", slices.Concat(every(0, 100, 20), every(1900+299, 100, 20)), 40, 0, 0, 299)
	f("10 fps, 300 ms", slices.Concat(every(0, 100, 20), every(1900+300, 100, 20)), 40, 1, 300, 300)
	f("40 fps, 174 ms", slices.Concat(every(0, 25, 20), every(475+174, 25, 20)), 40, 0, 0, 174)
	f("40 fps, 175 ms", slices.Concat(every(0, 25, 20), every(475+175, 25, 20)), 40, 1, 175, 175)
	f("too early to tell", slices.Concat(every(0, 100, 5), every(1400, 100, 20)), 25, 0, 0, 1000)
	f("as soon as one can", slices.Concat(every(0, 100, 6), every(1500, 100, 20)), 26, 1, 1000, 1000)
	// A sender that slows down freezes until the mean of the last 30 has followed.
	f("slower from now on", slices.Concat(every(0, 50, 40), every(1950+400, 400, 40)), 80, 8, 3200, 400)
	f("two freezes", slices.Concat(every(0, 100, 20), every(2900, 100, 20), every(6000, 100, 9)), 49, 2, 1000+1200, 1200)
}

// TestFramesOutOfOrder: late packets, copies and packets that repair begin no
// frame, and a frame whose packets all came late is one.
func TestFramesOutOfOrder(t *testing.T) {
	f := newFeed()
	f.m.SetVideo(96, "H264", 90000)
	f.m.SetVideo(97, "rtx", 90000)
	f.m.SetPayload(0, "PCMU", 8000)
	for _, p := range []struct {
		pt  uint8
		seq uint16
		ts  uint32
	}{
		{96, 1, 0},
		{96, 3, 9000},
		{96, 2, 0},
		{96, 3, 9000},
		{97, 4, 77},
		{0, 5, 4711},
		{96, 8, 27000},
		{96, 6, 18000},
		{96, 7, 18000},
		{96, 9, 27000},
	} {
		f.at(float64(p.seq)*10, p.pt, p.seq, p.ts)
	}
	if got := f.end(t).Frames; got.Frames != 4 {
		t.Errorf("%+v, want 4 frames", got)
	}
}

// TestVoiceHasNoFrames: nothing is kept of what is no video.
func TestVoiceHasNoFrames(t *testing.T) {
	f := newFeed()
	for i := range 300 {
		f.at(float64(20*i), 0, uint16(i), uint32(i)*160)
	}
	if r := f.end(t); f.m.frames != nil || r.Frames != (Frames{}) {
		t.Errorf("%+v", r.Frames)
	}
	f = newFeed()
	f.at(0, 34, 1, 0) // H.263, by its static number
	if r := f.end(t); r.Frames.Frames != 1 {
		t.Errorf("%+v", r.Frames)
	}
}

// plainFrames counts as Frames says, from a list of all arrivals.
func plainFrames(at []float64) Frames {
	f := Frames{Frames: uint64(len(at))}
	var gaps []float64
	for i := 1; i < len(at); i++ {
		gap, mean := at[i]-at[i-1], 0.
		before := gaps[max(0, len(gaps)-30):]
		for _, g := range before {
			mean += g / float64(len(before))
		}
		if len(before) >= 5 && gap >= 3*mean && gap >= mean+150 {
			f.Freezes++
			f.FreezeMs += gap
		}
		f.GapMaxMs = max(f.GapMaxMs, gap)
		gaps = append(gaps, gap)
	}
	if len(at) > 0 {
		f.SpanMs = at[len(at)-1] - at[0]
	}
	return f
}

func sameFrames(got, want Frames) bool {
	return got.Frames == want.Frames && got.Freezes == want.Freezes && math.Abs(got.FreezeMs-want.FreezeMs) < 0.01 &&
		math.Abs(got.GapMaxMs-want.GapMaxMs) < 0.01 && math.Abs(got.SpanMs-want.SpanMs) < 0.01
}

func TestFramesByChance(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		// Odd thousandths, so that no gap is just the limit.
		gaps := rapid.SliceOfN(rapid.IntRange(3, 700), 0, 200).Draw(rt, "gaps")
		at := []float64{0}
		for i, g := range gaps {
			at = append(at, at[i]+float64(g)+float64(i%7)*0.001)
		}
		if got, want := film(at...).end(t).Frames, plainFrames(at); !sameFrames(got, want) {
			rt.Fatalf("%+v, want %+v", got, want)
		}
	})
}

// TestCorpusFrames holds the frames of real video to a list of arrivals, and to
// the markers, of which the last packet of each frame has one.
func TestCorpusFrames(t *testing.T) {
	dir := corpusDir(t)
	for file, streams := range map[string][]uint32{
		"generated/imp_video_vp8_loss2.pcap":       {0x069b6883, 0x93bd08b3},
		"odedshimon+BruteShark/h263-over-rtp.pcap": {0x5482ece0},
	} {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		type film struct {
			m       *Meter
			at      []float64
			stamps  map[uint32]bool
			markers uint64
			src     netip.AddrPort
		}
		films := map[uint32]*film{}
		d := packet.NewDecoder(packet.Options{})
		var h RTPHeader
		eachFrame(raw, func(f *packet.Frame) {
			for _, p := range d.Decode(f) {
				if p.Transport != packet.UDP || !h.Parse(p.Payload) {
					continue
				}
				if !slices.Contains(streams, h.SSRC) {
					continue
				}
				v := films[h.SSRC]
				if v == nil {
					v = &film{m: NewMeter(h.SSRC, false), stamps: map[uint32]bool{}, src: p.Src}
					v.m.SetVideo(h.PayloadType, "video", 90000)
					films[h.SSRC] = v
				}
				if v.src != p.Src { // the same stream behind a relay
					continue
				}
				if !v.stamps[h.Timestamp] {
					v.stamps[h.Timestamp] = true
					v.at = append(v.at, float64(p.Time.Sub(start).Microseconds())/1000)
				}
				if h.Marker {
					v.markers++
				}
				v.m.Observe(&h, &p)
			}
		})
		if len(films) != len(streams) {
			t.Errorf("%s: %d streams of video, want %d", file, len(films), len(streams))
		}
		for ssrc, v := range films {
			r := finalReport(v.m)
			if want := plainFrames(v.at); !sameFrames(r.Frames, want) {
				t.Errorf("%s %08x: %+v, a list says %+v", file, ssrc, r.Frames, want)
			}
			if r.Total.Lost == 0 && r.Frames.Frames != v.markers {
				t.Errorf("%s %08x: %d frames, %d markers", file, ssrc, r.Frames.Frames, v.markers)
			}
			fps, _ := r.Frames.FPS()
			t.Logf("%s %08x: %.1f frames a second, %+v", file, ssrc, fps, r.Frames)
		}
	}
}

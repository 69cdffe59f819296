package synth

// frame is one frame of video, when its first packet arrived.
type frame struct {
	ts uint32
	at micros
}

// framed adds a packet to the frames that arrived.
func framed(all []frame, ts uint32, at micros) []frame {
	for _, f := range all {
		if f.ts == ts {
			return all
		}
	}
	return append(all, frame{ts, at})
}

// framesTruth counts freezes the plain way: W3C webrtc-stats has a freeze
// where the time between two frames is at least max(3 mean, mean + 150 ms), the
// mean that of the 30 times before. Fewer than 5 of them make none.
func (s *StreamTruth) framesTruth(all []frame) {
	var gaps []float64 // ms
	var longest, frozen float64
	var freezes uint64
	for i := range all[1:] {
		gap := float64(all[i+1].at-all[i].at) / 1000
		before := gaps[max(0, len(gaps)-30):]
		mean := 0.
		for _, g := range before {
			mean += g / float64(len(before))
		}
		if len(before) >= 5 && gap >= max(3*mean, mean+150) {
			freezes++
			frozen += gap
		}
		longest = max(longest, gap)
		gaps = append(gaps, gap)
	}
	s.Frames, s.FrameGapMaxMs, s.Freezes, s.FreezeMs = new(uint64(len(all))), &longest, &freezes, &frozen
	s.FPS = new(float64(len(gaps)) * 1e6 / float64(all[len(all)-1].at-all[0].at))
}

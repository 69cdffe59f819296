package media

import "strings"

// Frames is what a video stream's frames did since it began. A frame is the
// packets of one timestamp (RFC 3550 section 5.1), and comes with the first of
// them. All times are of arrival at the capture point, so that what a viewer's
// buffer still hides counts too.
type Frames struct {
	Frames   uint64  `json:"frames"` // of which at least one packet came
	GapMaxMs float64 `json:"gap_max_ms"`
	// Freezes are gaps between two frames as W3C's webrtc-stats counts them in
	// freezeCount: at least three times the mean of the last 30 gaps, and 150 ms
	// longer than it. FreezeMs is their sum.
	Freezes  uint64  `json:"freezes"`
	FreezeMs float64 `json:"freeze_ms"`
	SpanMs   float64 `json:"span_ms"` // from the first frame to the latest
}

// FPS is the mean number of frames a second, and whether there is one.
func (f *Frames) FPS() (float64, bool) {
	if f.Frames < 2 || f.SpanMs <= 0 {
		return 0, false
	}
	return 1000 * float64(f.Frames-1) / f.SpanMs, true
}

const (
	freezeWindow = 30 // gaps that make the mean
	// fewestGaps make a mean; before there are so many nothing is a freeze.
	fewestGaps  = 5
	freezeTimes = 3
	freezeMore  = int64(150e6) // ns
	// knownFrames is how many frames late packets are told from new frames.
	knownFrames = 16
)

// frameTrack is the state of a video stream beside its Meter. It takes about
// 400 bytes.
type frameTrack struct {
	Frames
	first, latest int64 // arrival of the first and of the latest frame, ns
	sum           int64 // of gaps
	gaps          [freezeWindow]int64
	known         [knownFrames]uint32 // timestamps of the latest frames
}

// observe takes one packet that is no duplicate, in order of arrival.
func (k *frameTrack) observe(now int64, timestamp uint32) {
	n := k.Frames.Frames
	for i := range min(n, knownFrames) {
		if k.known[(n-1-i)%knownFrames] == timestamp {
			return
		}
	}
	k.known[n%knownFrames] = timestamp
	k.Frames.Frames++
	if n == 0 {
		k.first, k.latest = now, now
		return
	}
	gap := max(now-k.latest, 0)
	k.latest = max(now, k.latest)
	k.SpanMs = float64(k.latest-k.first) * 1e-6
	ms := float64(gap) * 1e-6
	k.GapMaxMs = max(k.GapMaxMs, ms)
	if had := min(int64(n)-1, freezeWindow); had >= fewestGaps {
		if mean := k.sum / had; gap >= max(freezeTimes*mean, mean+freezeMore) {
			k.Freezes++
			k.FreezeMs += ms
		}
	}
	at := &k.gaps[(n-1)%freezeWindow]
	k.sum += gap - *at
	*at = gap
}

// SetVideo is SetPayload of a payload type that SDP announced for video. What
// repairs video carries no frames (RFC 4588, 5109, 8627).
func (m *Meter) SetVideo(pt uint8, name string, clockRate uint32) {
	m.set(pt, name, clockRate, !isRepair(name))
}

func isRepair(name string) bool {
	for _, repair := range [...]string{"rtx", "ulpfec", "parityfec", "flexfec", "flexfec-03"} {
		if strings.EqualFold(name, repair) {
			return true
		}
	}
	return false
}

// framed counts the frame of a packet of video.
func (m *Meter) framed(now int64, h *RTPHeader, arrived arrival) {
	if arrived == arrivedTwice || arrived == arrivedJumped {
		return
	}
	if m.frames == nil {
		m.frames = new(frameTrack)
	}
	m.frames.observe(now, h.Timestamp)
}

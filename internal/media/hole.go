package media

import "time"

// Hole is a time without packets in the middle of a stream whose sender did
// not say that it was silent.
type Hole struct {
	From time.Time `json:"from"` // last packet before it
	To   time.Time `json:"to"`   // first packet behind it
	// Lost is set when sequence numbers are missing: then it is in Counts.Lost,
	// too. Else the sender sent nothing, or numbers began anew behind it.
	Lost bool `json:"lost"`
	// Missing is how many numbers they are, when the first packet behind it came;
	// 0 where the agent does not tell.
	Missing uint64 `json:"missing"`
}

type hole struct {
	from, to int64 // ns
	missing  uint64
}

const (
	// holeNs is how long nothing comes before it is a hole: longer than any
	// buffer bridges.
	holeNs = int64(time.Second)
	// longestPtime is more than any packet of speech has, ms.
	longestPtime = 125
	// maxHoles of an interval and of what it joined; further ones are only
	// in the longest time between two packets.
	maxHoles = 4
)

// hole takes a gap between two packets. It is none where the sender was
// silent: its sequence numbers did not go on, but its timestamp did with the
// time, or the marker begins a talkspurt (silence suppression, RFC 3551 section
// 4.1), or comfort noise or an event came last.
func (m *Meter) hole(from, to int64, h *RTPHeader, arrived arrival, ahead uint64) {
	if arrived > arrivedAhead || !m.ref.valid {
		return
	}
	ms := float64(to-from) * 1e-6
	ticks := float64(int32(h.Timestamp - m.ref.timestamp))
	ptime := float64(m.usualStep())
	passed, missing := ticks > 4*ptime, float64(ahead-1)*ptime >= ticks/2
	if m.msPerTick > 0 {
		passed = ticks*m.msPerTick >= ms/2 && ticks*m.msPerTick <= 3*ms // else it was set anew
		gone := float64(ahead-1) * ptime * m.msPerTick
		missing = gone >= ms/2 || gone*1e6 >= float64(holeNs) && ticks*m.msPerTick < 0.9*ms
	}
	if ptime == 0 { // behind the first packet: as many numbers as there can be packets
		missing = ahead > 1 && ms <= longestPtime*float64(ahead)
	}
	if (passed || h.Marker && ahead == 1) && !missing {
		return
	}
	// A sender that hung, and whose packets were lost before or behind that: its
	// timestamp went on for the lost ones alone.
	if gone := float64(ahead-1) * ptime * m.msPerTick; gone*1e6 >= float64(holeNs) && ms-gone >= 1000 && ticks*m.msPerTick < gone+(ms-gone)/2 {
		middle := to - int64(gone*1e6)
		m.addHole(hole{from: from, to: middle})
		m.addHole(hole{middle, to, ahead - 1})
		return
	}
	// One that is longer than a step of transit time can be is no delay.
	if m.addHole(hole{from, to, ahead - 1}) && ms <= maxTransitStepMs {
		m.stall = stall{from, to, h.Timestamp, ahead == 1}
	}
}

// addHole notes a hole of the interval, as far as there is room.
func (m *Meter) addHole(h hole) bool {
	v := &m.cur
	if int(v.holeCount) >= maxHoles {
		return false
	}
	v.holes[v.holeCount] = h
	v.holeCount++
	return true
}

// holeBefore takes a gap behind which the numbers are far from the run: when
// the next packet confirms that they began anew, nothing tells what was lost in
// it, and it was time without media whatever its sender meant.
func (m *Meter) holeBefore(from, to int64, arrived arrival) {
	switch {
	case arrived == arrivedJumped && to-from >= holeNs && m.ref.valid:
		m.apart = hole{from: from, to: to}
	case arrived == arrivedRestart && m.apart.to != 0:
		m.addHole(m.apart)
		m.apart = hole{}
	default:
		m.apart = hole{}
	}
}

// stall is the latest hole, as long as it may turn out to be delay.
type stall struct {
	from, to  int64
	timestamp uint32 // of the packet behind it
	open      bool
}

// catchUp takes back a hole when the packets behind it come so fast that half
// a second of media is made up for: then they were held up on the way, and are
// late, not absent. A sender that paused goes on at its own pace.
func (m *Meter) catchUp(now int64, h *RTPHeader) {
	gap, since := m.stall.to-m.stall.from, now-m.stall.to
	if since > gap {
		m.stall.open = false
		return
	}
	played := float64(int32(h.Timestamp-m.stall.timestamp)) * m.msPerTick * 1e6
	if played-float64(since) < float64(holeNs)/2 {
		return
	}
	m.stall.open = false
	for _, v := range [...]*interval{&m.cur, &m.prev} {
		for i, o := range v.holes[:v.holeCount] {
			if o.from == m.stall.from && o.to == m.stall.to {
				copy(v.holes[i:], v.holes[i+1:v.holeCount])
				v.holeCount--
				return
			}
		}
	}
}

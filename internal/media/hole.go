package media

import "time"

// Hole is a time without packets in the middle of a stream whose sender did
// not say that it was silent.
type Hole struct {
	From time.Time `json:"from"` // last packet before it
	To   time.Time `json:"to"`   // first packet behind it
	// Lost is set when sequence numbers are missing: then it is in Counts.Lost,
	// too. Else the sender sent nothing.
	Lost bool `json:"lost"`
}

type hole struct {
	from, to int64 // ns
	lost     bool
}

const (
	// holeNs is how long nothing comes before it is a hole: longer than any
	// buffer bridges.
	holeNs = int64(time.Second)
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
	ptime := float64(m.step)
	for _, v := range [...]*interval{&m.prev, &m.cur} {
		if v.votes > 0 {
			ptime = float64(v.step)
		}
	}
	passed, missing := ticks > 4*ptime, float64(ahead-1)*ptime >= ticks/2
	if m.msPerTick > 0 {
		passed = ticks*m.msPerTick >= ms/2
		missing = float64(ahead-1)*ptime*m.msPerTick >= ms/2
	}
	if (passed || h.Marker && ahead == 1) && !missing {
		return
	}
	v := &m.cur
	if int(v.holeCount) < maxHoles {
		v.holes[v.holeCount] = hole{from, to, ahead > 1}
		v.holeCount++
	}
}

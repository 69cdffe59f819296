package media

import "math"

// pace finds senders whose timestamps run at another clock than the payload
// type has: G.722 at 16 kHz (RFC 3551 section 4.5.2 has it at 8), Opus at its
// sampling rate (RFC 7587 section 4.1 has it at 48). It compares how much media
// went by with how much time did.
type pace struct {
	done      bool
	from      int64 // ns: when the first packet of the window came
	after     int64 // ns: no window begins before, since packets may be held up
	timestamp uint32
	step      uint32
	n         uint8
	multiple  float64 // that the window before spoke for; 0 is none
}

const (
	paceWindow = 64                   // packets; two windows in a row must agree
	paceGap    = int64(200_000_000)   // ns: behind a longer one packets may catch up
	paceWait   = 5                    // times as long as the gap
	paceOff    = 0.12                 // what a window may differ from a multiple
	paceFits   = 0.25                 // and from 1
	paceLeast  = int64(1_000_000_000) // ns that a window lasts: jitter is less than half of it
)

// paceMultiples are what clocks are taken for each other by.
var paceMultiples = [...]float64{1. / 6, 1. / 4, 1. / 3, 1. / 2, 2, 3, 4, 6}

// watch takes one packet that advanced the highest number by so many, gap after
// the one before, in a stream whose clock is known. Within a window the
// timestamp goes on with the number: one that jumps tells no clock.
func (m *Meter) watch(now, gap int64, h *RTPHeader, ahead uint64) {
	p := &m.pace
	step := h.Timestamp - m.stepFrom
	switch {
	case gap > paceGap:
		*p = pace{after: now + paceWait*gap}
		return
	case now < p.after || !m.stepValid:
		p.n = 0
		return
	case p.n == 0 || step != p.step*uint32(ahead):
		p.from, p.timestamp, p.n, p.step = now, h.Timestamp, 1, step/uint32(max(ahead, 1))
		return
	}
	if p.n < paceWindow {
		p.n++
	}
	passed := now - p.from
	if p.n < paceWindow || passed < paceLeast {
		return
	}
	p.n = 0
	ratio := float64(int32(h.Timestamp-p.timestamp)) * m.msPerTick * 1e6 / float64(passed)
	if math.Abs(ratio-1) < paceFits {
		p.done = true
		return
	}
	before := p.multiple
	p.multiple = 0
	for _, x := range paceMultiples {
		if math.Abs(ratio-x) < paceOff*x {
			p.multiple = x
		}
	}
	if p.multiple != 0 && p.multiple == before {
		m.correct(p.multiple)
	}
}

// correct has the payload type at a multiple of the clock that it was told to
// have. What was measured at the wrong one is forgotten.
func (m *Meter) correct(multiple float64) {
	p := m.lookup(m.pt)
	p.told, p.clock = p.clock, uint32(math.Round(float64(p.clock)*multiple))
	m.learn(p)
	m.use(p)
	m.pace = pace{done: true}
	m.jitter, m.spread, m.stall = jitterTrack{}, jitterSpread{}, stall{}
	m.ref.valid = false
	m.play = playout{}
	for _, v := range [...]*interval{&m.cur, &m.prev} {
		v.heard.PDV, v.jumps = [len(pdvFrom)]uint64{}, 0
	}
}

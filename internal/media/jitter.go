package media

// jitterWindow is the running value of a track sampled after each packet of a
// span of time.
type jitterWindow struct {
	sum, max, last float64 // ms
	n              uint32
}

func (w *jitterWindow) sample(j float64) {
	w.sum += j
	w.max = max(w.max, j)
	w.last = j
	w.n++
}

// add joins a later window.
func (w *jitterWindow) add(later *jitterWindow) {
	if later.n == 0 {
		return
	}
	w.sum += later.sum
	w.max = max(w.max, later.max)
	w.last = later.last
	w.n += later.n
}

func (w *jitterWindow) entry(rate uint32) Jitter {
	return Jitter{ClockRate: rate, Sum: w.sum, N: uint64(w.n), Max: w.max, Last: w.last}
}

// jitterTrack is RFC 3550 A.8 in floating point at one clock rate:
// J += (|D| - J) / 16.
type jitterTrack struct {
	j                float64 // running value, ms
	cur, prev, total jitterWindow
}

// maxTransitStepMs is the step of transit time above which the sender's RTP
// clock was set anew rather than a packet delayed. A restart says nothing
// about the network, so that the packet becomes the new reference and nothing
// is added.
const maxTransitStepMs = 10_000

// observe takes how much longer a packet was on its way than the one before, ms.
func (k *jitterTrack) observe(step float64) {
	d := step
	if d < 0 {
		d = -d
	}
	if d > maxTransitStepMs {
		return
	}
	k.j += (d - k.j) / 16
	k.cur.sample(k.j)
}

// empty reports whether no packet has been measured.
func (k *jitterTrack) empty() bool { return k.cur.n == 0 && k.prev.n == 0 && k.total.n == 0 }

// roll makes the current window the previous one; where that was not taken,
// both are joined.
func (k *jitterTrack) roll() {
	k.prev.add(&k.cur)
	k.cur = jitterWindow{}
}

// take adds the previous window to the total and empties it.
func (k *jitterTrack) take() jitterWindow {
	w := k.prev
	k.total.add(&w)
	k.prev = jitterWindow{}
	return w
}

// reference is the packet that the next one's jitter is measured from.
type reference struct {
	time      int64 // ns
	timestamp uint32
	sequence  uint16
	clock     uint32 // of its payload type; 0 when not known
	valid     bool
}

// jitterOf takes one media packet in order of arrival.
func (m *Meter) jitterOf(now int64, h *RTPHeader, arrived arrival) {
	ref := m.ref
	m.ref = reference{now, h.Timestamp, h.Sequence, m.clock, true}
	if !ref.valid || ref.clock != m.clock {
		return // the first packet of all, of a run, or at this clock: nothing to compare with
	}
	elapsed := float64(now-ref.time) * 1e-6
	// The signed difference is right across a wrap of the timestamp.
	ticks := float64(int32(h.Timestamp - ref.timestamp))
	if m.candidates == nil {
		step := elapsed - ticks*m.msPerTick
		if step > jumpMs || step < -jumpMs {
			on := false
			if step, on = m.onTime(elapsed, step, h.Sequence-ref.sequence, m.msPerTick); on {
				m.cur.jumps++
				m.stall.open = false // the timestamp tells no longer how much was made up for
			}
		}
		if m.stall.open && arrived <= arrivedAhead {
			m.catchUp(now, h)
		}
		m.jitter.observe(step)
		if m.jitter.cur.n%spreadEach == 0 {
			m.spread.add(m.jitter.j)
		}
		if step > pdvFrom[0] || step < -pdvFrom[0] {
			if step > maxTransitStepMs || step < -maxTransitStepMs {
				return
			}
			m.countPDV(max(step, -step))
		}
		if !m.noPlay {
			m.judge(h.Sequence, arrived, step)
		}
		return
	}
	for i := range m.candidates {
		msPerTick := m.msPerTick
		if m.clock == 0 {
			msPerTick = 1000 / float64(CandidateRates[i])
		}
		step := elapsed - ticks*msPerTick
		if step > jumpMs || step < -jumpMs {
			step, _ = m.onTime(elapsed, step, h.Sequence-ref.sequence, msPerTick)
		}
		m.candidates[i].observe(step)
	}
}

// jumpMs is the least step of transit time that is looked at for a jump of the
// timestamp: smaller ones raise the jitter by 2.5 ms at most.
const jumpMs = 40

// onTime reports whether a packet that its timestamp says to be late or early
// came when its sequence number says: then its sender set the timestamp anew,
// as a gateway does that puts another source in, and the network did nothing.
// It returns the step of transit time that is left, or, above
// maxTransitStepMs, the one that begins anew.
//
// A pause is none: the time passes with its timestamp. Nor is what a network
// delays: the timestamp goes on with the sequence number then. What comes in
// one go after a stall comes sooner than it was sent.
func (m *Meter) onTime(elapsed, step float64, ahead uint16, msPerTick float64) (left float64, on bool) {
	if m.video || ahead == 0 || ahead > maxMisorder {
		return step, false
	}
	usual := float64(ahead) * float64(m.usualStep()) * msPerTick
	left = elapsed - usual
	if usual == 0 || elapsed < usual/2 || 4*max(left, -left) >= max(step, -step) {
		return step, false
	}
	if step > maxTransitStepMs || step < -maxTransitStepMs {
		return step, true
	}
	return left, true
}

// usualStep is how far most packets' timestamps are apart, the latest known;
// 0 when it is not.
func (m *Meter) usualStep() uint32 {
	switch {
	case m.prev.votes > m.cur.votes: // the first vote of an interval may be a jump's
		return m.prev.step
	case m.cur.votes > 0:
		return m.cur.step
	}
	return m.step
}

// meterAtCandidates splits the one track: from here on packets of an unknown
// clock rate are metered at each of CandidateRates.
func (m *Meter) meterAtCandidates() {
	m.candidates = new([len(CandidateRates)]jitterTrack)
	for i := range m.candidates {
		m.candidates[i] = m.jitter
	}
	m.ref.valid = false
}

// chooseCandidate keeps the history of the rate that turned out to be the
// right one. A rate that is not among CandidateRates begins anew.
func (m *Meter) chooseCandidate(rate uint32) {
	chosen := jitterTrack{}
	for i, r := range CandidateRates {
		if r == rate {
			chosen = m.candidates[i]
		}
	}
	m.jitter, m.candidates = chosen, nil
	if m.ref.clock == 0 {
		m.ref.clock = rate // that packet was of this payload type
	}
}

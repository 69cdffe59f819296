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

func (k *jitterTrack) observe(elapsedMs, mediaMs float64) {
	d := elapsedMs - mediaMs
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
	clock     uint32 // of its payload type; 0 when not known
	valid     bool
}

// jitterOf takes one media packet in order of arrival.
func (m *Meter) jitterOf(now int64, h *RTPHeader, arrived arrival) {
	ref := m.ref
	m.ref = reference{now, h.Timestamp, m.clock, true}
	if !ref.valid || ref.clock != m.clock {
		return // the first packet of all, of a run, or at this clock: nothing to compare with
	}
	elapsed := float64(now-ref.time) * 1e-6
	// The signed difference is right across a wrap of the timestamp.
	ticks := float64(int32(h.Timestamp - ref.timestamp))
	if m.candidates == nil {
		media := ticks * m.msPerTick
		m.jitter.observe(elapsed, media)
		if m.jitter.cur.n%spreadEach == 0 {
			m.spread.add(m.jitter.j)
		}
		step := elapsed - media
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
		m.candidates[i].observe(elapsed, ticks*msPerTick)
	}
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

package media

// Heard is what of a stream came to be heard: bursts of loss, and what each
// jitter-buffer model would discard. Sequence numbers are looked at in order
// once nothing can come late any more (a whole interval, or 384 numbers
// later), so that reordering is no loss.
type Heard struct {
	// Played is how many packets the models judged; 0 where they could not,
	// because the clock rate is not known.
	Played    uint64
	Discarded [Buffers]uint64
	// Runs is how many runs of numbers were missing: lost on the network, and
	// for each model lost or discarded.
	Runs [1 + Buffers]uint64
	// Bursts counts runs of lost numbers by length: 1, 2 ... 9, 10 and more.
	Bursts [10]uint64
	// PDV counts packets by how much later or earlier they came than the packet
	// before says: from 50, 70, 90, 120, 150, 200, 300 ms on.
	PDV [7]uint64
}

// pdvFrom are the lower edges of Heard.PDV, ms.
var pdvFrom = [7]float64{50, 70, 90, 120, 150, 200, 300}

// Add adds another interval's.
func (h *Heard) Add(o *Heard) {
	h.Played += o.Played
	for i := range h.Discarded {
		h.Discarded[i] += o.Discarded[i]
	}
	for i := range h.Runs {
		h.Runs[i] += o.Runs[i]
	}
	for i := range h.Bursts {
		h.Bursts[i] += o.Bursts[i]
	}
	for i := range h.PDV {
		h.PDV[i] += o.PDV[i]
	}
}

// BurstR is the mean length of the runs that were missing over that which
// random loss of as many would have; 1 where it is no longer, or nothing is
// missing (ITU-T G.107 7.5).
func BurstR(missing, runs, expected uint64) float64 {
	if missing == 0 || runs == 0 || expected == 0 {
		return 1
	}
	share := min(float64(missing)/float64(expected), 1)
	return max(1, float64(missing)/float64(runs)*(1-share))
}

// gmin is how many numbers in a row must be heard to end a burst, RFC 3611
// section 4.7.2.
const gmin = 16

// BurstGap holds the counters of RFC 3611 appendix A.2 over a whole stream;
// what the adaptive buffer discards is missing too.
type BurstGap struct {
	C11, C13, C14, C22, C23, C33 uint64
	Packets                      uint64 // heard since the latest loss
	Lost                         uint64 // of the burst that may go on
	// After is how many numbers lie between the end of the last burst that is
	// over and the latest loss, that one included.
	After uint64
}

// heard takes n numbers in a row that were heard.
func (b *BurstGap) heard(n uint64) { b.Packets += n }

// missed takes a number that was lost or discarded. The beginning counts as a
// gap.
func (b *BurstGap) missed() {
	first := b.C11+b.C13+b.C14+b.C22+b.C23+b.C33 == 0
	if b.Packets >= gmin || first {
		if b.Lost == 1 {
			b.C14++
		} else {
			b.C13++
		}
		switch {
		case b.Lost > 1:
			b.After = b.Packets + 1
		case b.C13 > 1:
			b.After += b.Packets + 1
		}
		b.Lost = 1
		b.C11 += b.Packets
	} else {
		b.Lost++
		if b.Packets == 0 {
			b.C33++
		} else {
			b.C23++
			b.C22 += b.Packets - 1
		}
	}
	b.Packets = 0
}

// BurstGapMetrics are the burst metrics of RFC 3611 section 4.7.2: share of
// numbers missing within bursts and within gaps, percent, and their mean
// lengths in ms.
type BurstGapMetrics struct{ BurstDensityPct, GapDensityPct, BurstMs, GapMs float64 }

// Metrics computes the metrics from the counters, for packets of ptime ms. ok
// is false while nothing was missing: then there is neither burst nor density.
func (b BurstGap) Metrics(ptimeMs float64) (m BurstGapMetrics, ok bool) {
	c11 := float64(b.C11 + b.Packets)
	c13, c14, c22, c23, c33 := float64(b.C13), float64(b.C14), float64(b.C22), float64(b.C23), float64(b.C33)
	if b.C13+b.C14+b.C23+b.C33 == 0 {
		return m, false
	}
	c31, c32 := c13, c23
	total := c11 + c14 + c13 + c22 + c23 + c31 + c32 + c33
	p32 := 0.
	if d := c31 + c32 + c33; d > 0 {
		p32 = c32 / d
	}
	p23 := 1.
	if c22+c23 >= 1 {
		p23 = 1 - c22/(c22+c23)
	}
	if p23+p32 > 0 {
		m.BurstDensityPct = 100 * p23 / (p23 + p32)
	}
	if c11+c14 > 0 {
		m.GapDensityPct = 100 * c14 / (c11 + c14)
	}
	bursts := max(c13, 1)
	m.GapMs = (c11 + c14 + c13) * ptimeMs / bursts
	m.BurstMs = max(0, total*ptimeMs/bursts-m.GapMs)
	return m, true
}

// settleBehind is how many numbers may still come late before those in front
// of them are settled; with settleStep it stays inside seqWindow.
const (
	settleBehind = 384
	settleStep   = 64
)

// prepare settles what the next packet's number would push out of the window,
// a whole word of numbers at a time.
func (m *Meter) prepare(seq uint16) {
	s := &m.seq
	ahead := uint64(seq - uint16(s.max))
	if uint32(seq) == s.bad && s.max != 0 { // perhaps a restart
		m.settle(s.max)
		return
	}
	if ahead >= maxDropout || s.max+ahead-m.settled <= settleBehind+settleStep || s.max == 0 {
		return
	}
	switch {
	case ahead <= settleStep:
		m.settle((s.max-settleBehind)&^(settleStep-1) - 1)
	case ahead <= settleBehind:
		m.settle(min(s.max, s.max+ahead-settleBehind-settleStep))
	default: // more than the window holds: all of them are lost
		m.settle(s.max)
		m.missing(ahead - 1)
	}
}

// missing takes n lost numbers in a row, 1 at least, behind the settled ones.
func (m *Meter) missing(n uint64) {
	for i := range m.runs {
		m.runs[i] += n
	}
	m.burstGap.missed()
	m.burstGap.Lost += n - 1
	m.burstGap.C33 += n - 1
	m.settled += n
}

// settle looks at the numbers up to `to`, in order: each was heard or missed
// in the interval that it was new in.
func (m *Meter) settle(to uint64) {
	s := &m.seq
	for m.settled < to {
		m.started = true
		n := m.settled + 1
		v, last := &m.cur, to
		if n <= s.curMark {
			last = min(to, s.curMark)
			if m.prev.open {
				v = &m.prev
			}
		}
		if n%64 == 0 && last-m.settled >= 64 && s.seen[n%seqWindow/64] == ^uint64(0) && m.runs == [1 + Buffers]uint64{} && m.play.none(n) {
			m.burstGap.heard(64)
			m.settled += 64
			continue
		}
		received := s.has(n)
		m.ran(v, 0, received)
		for i := range Buffers {
			discarded := m.play.took(i, n) && received
			if discarded {
				v.heard.Discarded[i]++
			}
			m.ran(v, 1+i, received && !discarded)
			if i == int(Adaptive) {
				if received && !discarded {
					m.burstGap.heard(1)
				} else {
					m.burstGap.missed()
				}
			}
		}
		m.settled = n
	}
}

// ran follows the runs of missing numbers, on the network or in a model.
func (m *Meter) ran(v *interval, i int, heard bool) {
	if !heard {
		m.runs[i]++
		return
	}
	n := m.runs[i]
	if n == 0 {
		return
	}
	m.runs[i] = 0
	v.heard.Runs[i]++
	if i == 0 {
		v.heard.Bursts[min(n, 10)-1]++
	}
}

// judge gives a packet to the jitter-buffer models. Copies are not played
// again.
func (m *Meter) judge(sequence uint16, arrived arrival, step float64) {
	if !m.play.begun {
		m.play.begin()
	}
	moved := m.play.arrived(step)
	m.cur.heard.Played++
	if !moved {
		return
	}
	discard := m.play.judge(step)
	if m.play.anew {
		m.stall.open = false // what was held up is played after all: its time is missing
	}
	ext := m.seq.max - uint64(uint16(m.seq.max)-sequence)
	if discard != 0 && arrived != arrivedTwice && ext > m.settled {
		m.play.mark(discard, ext)
	}
}

// tooLate takes a packet that came more than maxMisorder numbers late and
// filled a hole: no model waits as long. What its timestamp says is not asked,
// since it may as well begin a restart.
func (m *Meter) tooLate(sequence uint16) {
	if m.seq.waiting != provisionalLate && m.seq.waiting != provisionalSettled || m.noPlay || !m.play.begun {
		return
	}
	const all = 1<<Buffers - 1
	switch ext := m.seq.max - uint64(uint16(m.seq.max)-sequence); {
	case ext > m.settled:
		m.play.mark(all, ext)
	case ext > m.seq.curMark:
		m.cur.heard.discardedByAll()
	case ext > m.seq.prevMark && m.prev.open:
		m.prev.heard.discardedByAll()
	}
}

func (h *Heard) discardedByAll() {
	for i := range h.Discarded {
		h.Discarded[i]++
	}
}

func (m *Meter) countPDV(d float64) {
	i := len(pdvFrom) - 1
	for d < pdvFrom[i] {
		i--
	}
	m.cur.heard.PDV[i]++
}

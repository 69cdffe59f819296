package media

import (
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/signal"
)

// interval is what happened between two multiples of Interval. Packets, bytes
// and what is said of them are counted where they arrived, expected and
// distinct where their sequence number was new.
type interval struct {
	start, last          int64 // ns
	deltaMax             int64 // ns
	bytes                uint64
	expected, distinct   uint64
	packets              uint32
	duplicates           uint32
	reordered, restarts  uint32
	jumps                uint32
	events, dtmf, cn     uint32
	step                 uint32
	votes                int32
	payloadN             [maxPayloadTypes]uint32
	payloadPT            [maxPayloadTypes]uint8
	types                uint8 // how many of them are in use
	ttlMin, ttlMax, dscp uint8
	vlan                 uint16
	open                 bool
	heard                Heard
	transitMin           float64 // ms; valid iff heard.Played is not 0
	holes                [maxHoles]hole
	clock                uint32 // Hz, of its latest media packet; 0 is not known
	holeCount            uint8
	head                 uint16 // 0x100 and the first payload byte of the latest media packet; 0 is not known
}

// maxPayloadTypes is how many payload types an interval tells apart. A stream
// of a call has two or three; packets of further ones stay in Packets only.
const maxPayloadTypes = 4

func (v *interval) countPayload(pt uint8, n uint32) {
	for i, seen := range v.payloadPT[:v.types] {
		if seen == pt {
			v.payloadN[i] += n
			return
		}
	}
	if v.types < maxPayloadTypes {
		v.payloadPT[v.types], v.payloadN[v.types] = pt, n
		v.types++
	}
}

// vote finds the step that most packets of the interval have (Boyer and
// Moore's majority vote).
func (v *interval) vote(step uint32) {
	switch {
	case v.votes == 0:
		v.step, v.votes = step, 1
	case v.step == step:
		v.votes++
	default:
		v.votes--
	}
}

// countTTL keeps the range of what is known.
func (v *interval) countTTL(ttl uint8) {
	if v.ttlMin == 0 || ttl < v.ttlMin {
		v.ttlMin = ttl
	}
	v.ttlMax = max(v.ttlMax, ttl)
}

// absorb joins the interval before, which nobody took in time.
func (v *interval) absorb(before *interval) {
	v.start = before.start
	v.packets += before.packets
	v.expected += before.expected
	v.distinct += before.distinct
	v.duplicates += before.duplicates
	v.reordered += before.reordered
	v.restarts += before.restarts
	v.jumps += before.jumps
	v.events += before.events
	v.dtmf += before.dtmf
	v.cn += before.cn
	v.bytes += before.bytes
	v.deltaMax = max(v.deltaMax, before.deltaMax)
	if before.votes > v.votes {
		v.step, v.votes = before.step, before.votes
	}
	if before.ttlMin != 0 {
		if v.ttlMin == 0 { // it had no packet whose IP header was seen
			v.dscp = before.dscp
		}
		v.countTTL(before.ttlMin)
		v.countTTL(before.ttlMax)
	}
	if before.heard.Played > 0 && (v.heard.Played == 0 || before.transitMin < v.transitMin) {
		v.transitMin = before.transitMin
	}
	if v.head == 0 {
		v.head = before.head
	}
	v.heard.Add(&before.heard)
	later := v.holes[:v.holeCount:v.holeCount]
	v.holeCount = uint8(copy(v.holes[:], append(before.holes[:before.holeCount:before.holeCount], later...)))
	for i, pt := range before.payloadPT[:before.types] {
		v.countPayload(pt, before.payloadN[i])
	}
}

func (v *interval) counts() Counts {
	return Counts{
		Packets:    uint64(v.packets),
		Bytes:      v.bytes,
		Expected:   v.expected,
		Lost:       v.expected - v.distinct,
		Duplicates: uint64(v.duplicates),
		Reordered:  uint64(v.reordered),
		Restarts:   uint64(v.restarts),
		Jumps:      uint64(v.jumps),
		Events:     uint64(v.events),
		DTMF:       uint64(v.dtmf),
		CN:         uint64(v.cn),
	}
}

// Add adds another interval's or stream's counts.
func (c *Counts) Add(d Counts) {
	c.Packets += d.Packets
	c.Bytes += d.Bytes
	c.Expected += d.Expected
	c.Lost += d.Lost
	c.Duplicates += d.Duplicates
	c.Reordered += d.Reordered
	c.Restarts += d.Restarts
	c.Jumps += d.Jumps
	c.Events += d.Events
	c.DTMF += d.DTMF
	c.CN += d.CN
}

// intervalNs is Interval as the meter counts time.
const intervalNs = int64(Interval)

// Due reports whether Report has something to give at now, in ns since 1970.
// It costs one comparison, so that it can stand before every Observe.
func (m *Meter) Due(now int64) bool { return now >= m.due }

// setDue follows every change of the open intervals.
func (m *Meter) setDue() {
	switch {
	case m.prev.open:
		m.due = m.prev.start + 2*intervalNs
	case m.cur.open:
		m.due = m.cur.start + 2*intervalNs
	default:
		m.due = maxTime
	}
}

// Report fills r with the oldest interval that is complete at now (ns since
// 1970, packet time) and reports whether there was one; call it until it says
// no, and before Observe of a packet that makes it Due. An interval is
// complete one interval after its end: packets that come late until then
// still count where their sequence number belongs. An interval without
// packets gives no report. r's slices are used again.
func (m *Meter) Report(now int64, r *Report) bool {
	if now < m.due {
		return false
	}
	if !m.prev.open {
		m.closeCurrent()
	}
	m.take(r)
	return true
}

// Final fills r with what is left, oldest first; the last report of the
// stream is marked Final, and after it Final returns false. Call it until
// then when the stream went idle, its addresses were given to another call,
// or the input ended.
func (m *Meter) Final(r *Report) bool {
	if !m.opened || m.final {
		return false
	}
	if !m.prev.open && m.cur.open {
		m.closeCurrent()
	}
	if !m.prev.open { // everything was reported: the end itself is left to say
		m.prev = interval{start: align(m.last), last: m.last, open: true, dscp: m.prev.dscp, vlan: m.prev.vlan}
	}
	m.take(r)
	if !m.cur.open {
		r.Final, m.final = true, true
	}
	return true
}

// closeCurrent makes the current interval the previous one. What the previous
// one held, if it was not taken, is joined to it.
func (m *Meter) closeCurrent() {
	m.cur.transitMin, m.cur.clock = m.play.least, m.mediaClock
	m.play.roll()
	if m.prev.open {
		m.cur.absorb(&m.prev)
		m.seq.curMark = m.seq.prevMark // stragglers of both count in the joined one
	}
	if m.sound != nil {
		m.sound.roll(m.prev.open)
	}
	m.prev = m.cur
	m.cur = interval{}
	m.seq.roll()
	m.jitter.roll()
	if m.candidates != nil {
		for i := range m.candidates {
			m.candidates[i].roll()
		}
	}
	m.setDue()
}

// take gives the previous interval.
func (m *Meter) take(r *Report) {
	v := &m.prev
	m.settle(m.seq.curMark)
	delta := v.counts()
	m.total.Add(delta)
	types, jitter, total := r.PayloadTypes[:0], r.Jitter[:0], r.TotalJitter[:0]
	holes, spread := r.Holes[:0], r.JitterSpread[:0]
	if v.votes > 0 {
		m.step = v.step
	}
	*r = Report{
		SSRC:          m.ssrc,
		Start:         time.Unix(0, v.start).UTC(),
		First:         time.Unix(0, m.first).UTC(),
		Last:          time.Unix(0, v.last).UTC(),
		Delta:         delta,
		Total:         m.total,
		DeltaMaxMs:    float64(v.deltaMax) / 1e6,
		TimestampStep: m.step,
		TTLMin:        v.ttlMin,
		TTLMax:        v.ttlMax,
		DSCP:          v.dscp,
		VLAN:          v.vlan,
		SSRCChanged:   m.takeover,
	}
	for i, pt := range v.payloadPT[:v.types] {
		types = append(types, PayloadCount{pt, uint64(v.payloadN[i])})
	}
	slices.SortFunc(types, func(a, b PayloadCount) int { return int(a.PT) - int(b.PT) })
	r.PayloadTypes = types
	r.PayloadType = m.mainPayload(types)
	rate := m.lookup(r.PayloadType).clock // of most packets: what else came may have another
	if m.lookup(r.PayloadType).told != 0 {
		r.ClockRate = rate
	}
	if rate == 0 {
		rate = v.clock
	}
	if rate == 0 {
		rate = m.mediaClock
	}
	if m.candidates == nil && rate != 0 {
		r.PtimeMs = float64(m.step) * 1000 / float64(rate)
	}
	if m.candidates == nil {
		if w := m.jitter.take(); w.n > 0 {
			jitter = append(jitter, w.entry(rate))
		}
		if m.jitter.total.n > 0 {
			total = append(total, m.jitter.total.entry(m.mediaClock))
		}
	} else {
		for i := range m.candidates {
			k := &m.candidates[i]
			if w := k.take(); w.n > 0 {
				jitter = append(jitter, w.entry(CandidateRates[i]))
			}
			if k.total.n > 0 {
				total = append(total, k.total.entry(CandidateRates[i]))
			}
		}
	}
	r.Jitter, r.TotalJitter = jitter, total
	r.Head, r.FirstSeq = v.head, 0
	if m.firstSeq < firstSeqTold {
		r.FirstSeq, m.firstSeq = m.firstSeq, firstSeqTold
	}
	r.Heard, r.BurstGap = v.heard, m.burstGap
	if v.heard.Played > 0 {
		r.TransitMinMs, r.PlayoutMs = v.transitMin, m.play.delay
	}
	for _, h := range v.holes[:v.holeCount] {
		holes = append(holes, Hole{time.Unix(0, h.from).UTC(), time.Unix(0, h.to).UTC(), h.missing > 0, h.missing})
	}
	r.Holes, r.JitterSpread = holes, m.spread.appendTo(spread)
	if m.frames != nil {
		r.Frames = m.frames.Frames
	}
	if m.sound != nil {
		r.Signal, m.sound.prev = m.sound.prev, signal.Sums{}
	}
	m.prev.open = false
	m.setDue()
}

// mainPayload is the payload type that most packets of the interval have;
// events and comfort noise only when there is nothing else. An interval
// without packets has the stream's last.
func (m *Meter) mainPayload(types []PayloadCount) uint8 {
	best, bestN, bestMedia := m.pt, uint64(0), false
	for _, p := range types {
		kind := m.lookup(p.PT).kind
		media := kind == kindMedia || kind == kindUnknown
		if media && !bestMedia || media == bestMedia && p.N > bestN {
			best, bestN, bestMedia = p.PT, p.N, media
		}
	}
	return best
}

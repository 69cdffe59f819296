package media

import (
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/signal"
)

// Meter measures one RTP stream: packets of one SSRC from one address to
// another as seen at one capture point. It belongs to one goroutine, allocates
// nothing per packet, and knows no time but that of the packets. It takes
// about 1,900 bytes, and 400 more while the clock rate is not known, and for
// video.
//
// Loss is counted as records.md says: expected is the highest extended
// sequence number minus the lowest plus one over each run between restarts
// (RFC 3550 A.1), lost is expected minus distinct received. Jitter is RFC 3550
// A.8 over every media packet in order of arrival, duplicates and reordered
// ones included; it leaves out telephone events (RFC 4733), whose timestamp
// stands still, comfort noise (RFC 3389), whose packets come when they come,
// and the first packet behind comfort noise, a restart or a change of clock. A
// timestamp that jumps while packets keep coming is taken as if it had not.
type Meter struct {
	ssrc        uint32
	first, last int64 // ns
	due         int64 // when Report has something to give
	opened      bool
	final       bool
	takeover    bool

	// Of the latest packet's payload type.
	pt        uint8
	kind      payloadKind
	video     bool         // it carries frames
	unsure    bool         // nobody told kind: each packet may say more
	unknownPT uint8        // the one that candidates are for
	clock     uint32       // Hz; 0 when not known
	msPerTick float64      // 1000 / clock
	codec     signal.Codec // None where the sound is not to be decoded, or cannot be
	// mediaClock is the clock of the latest media packet that had a known one.
	mediaClock uint32
	payloads   []payload // told by SDP or guessed; everything else is static or unknown
	unknownRun uint8     // packets of an unknown payload type in a row, in a stream that has a known one

	ref        reference
	jumped     reference // of the packet that may begin a restart
	jitter     jitterTrack
	candidates *[len(CandidateRates)]jitterTrack // in place of jitter while the clock rate is not known

	step      uint32 // RTP clock units a packet, the latest known
	stepFrom  uint32 // timestamp of the packet before
	stepValid bool   // that packet was media of the same payload type
	eventSeen bool
	eventTS   [2]uint32 // the two latest telephone events

	seq       sequence
	cur, prev interval
	total     Counts // of the intervals that were taken

	play     playout
	noPlay   bool                // run no jitter-buffer models
	settled  uint64              // numbers up to here were looked at in order
	started  bool                // one of the run was
	runs     [1 + Buffers]uint64 // missing in a row up to settled
	burstGap BurstGap
	spread   jitterSpread
	stall    stall
	pace     pace
	firstSeq uint32      // as in Report; firstSeqTold once it is in one
	apart    hole        // before a packet that may begin a restart
	frames   *frameTrack // nil while no packet was of video
	sound    *sound      // nil where nothing was ever to be decoded
}

// payload is what is known of one payload type.
type payload struct {
	pt      uint8
	kind    payloadKind
	guessed bool
	video   bool
	clock   uint32
	told    uint32 // the clock that it was told to have, where its sender uses another; else 0
	codec   signal.Codec
}

const firstSeqTold = 1 << 17

// NewMeter returns a meter for one stream. takeover says that it took over
// from another SSRC on the same pair of addresses.
func NewMeter(ssrc uint32, takeover bool) *Meter {
	m := new(Meter)
	m.Reset(ssrc, takeover)
	return m
}

// Reset makes m ready for another stream.
func (m *Meter) Reset(ssrc uint32, takeover bool) {
	*m = Meter{ssrc: ssrc, takeover: takeover, due: maxTime, pt: noPayload, payloads: m.payloads[:0], noPlay: m.noPlay}
}

// WithoutBuffers has m run no jitter-buffer models.
func (m *Meter) WithoutBuffers() { m.noPlay = true }

// SSRC returns the synchronisation source that m measures.
func (m *Meter) SSRC() uint32 { return m.ssrc }

// First and Last return the time of the first and of the latest packet; zero
// before there is one.
func (m *Meter) First() time.Time { return m.timeOf(m.first) }

// Last returns the time of the latest packet; zero before there is one.
func (m *Meter) Last() time.Time { return m.timeOf(m.last) }

func (m *Meter) timeOf(ns int64) time.Time {
	if !m.opened {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// PayloadType returns the payload type of the latest packet, and the clock
// rate of the latest media packet; 0 when it is not known.
func (m *Meter) PayloadType() (pt uint8, clockRate uint32) { return m.pt, m.mediaClock }

// noPayload is no payload type.
const noPayload = 0xff

// maxTime is later than any packet.
const maxTime = 1 << 62

// nanoseconds keeps hostile times inside what can be added up: from 1970 to
// the year 2116.
func nanoseconds(t time.Time) int64 {
	return min(max(t.UnixNano(), 0), maxTime-8*intervalNs)
}

func align(ns int64) int64 { return ns - ns%intervalNs }

// Observe takes one packet of the stream: its header h, parsed from
// p.Payload. Every packet of the SSRC is to be given, whatever its payload
// type. Where Due says so, take the reports first: an interval that is not
// taken in time is joined with the next.
func (m *Meter) Observe(h *RTPHeader, p *packet.Packet) {
	now := nanoseconds(p.Time)
	v := &m.cur
	gap := now - m.last
	if !v.open || now >= v.start+intervalNs {
		m.begin(now)
	} else if gap > v.deltaMax {
		v.deltaMax = gap
	}
	since := m.last
	if now > m.last {
		m.last = now
		v.last = now
	}
	if m.firstSeq == 0 {
		m.firstSeq = 1<<16 | uint32(h.Sequence)
	}
	v.packets++
	v.bytes += uint64(h.PayloadLen)
	if p.TTL != 0 {
		if p.TTL != v.ttlMin || p.TTL != v.ttlMax {
			v.countTTL(p.TTL)
		}
		v.dscp = p.DSCP
	}
	v.vlan = p.VLAN

	if h.PayloadType != m.pt || m.unsure {
		m.resolve(h, p.Payload)
	}
	if v.types != 0 && v.payloadPT[0] == h.PayloadType {
		v.payloadN[0]++
	} else {
		v.countPayload(h.PayloadType, 1)
	}

	m.prepare(h.Sequence)
	highest := m.seq.max
	arrived := m.seq.observe(h.Sequence, v, &m.prev)
	if !m.started || arrived == arrivedRestart {
		m.settled, m.started = m.seq.base-1, false
	}
	if gap >= holeNs && highest != 0 {
		m.hole(since, now, h, arrived, m.seq.max-highest)
	}
	if arrived >= arrivedJumped || m.apart.to != 0 {
		m.holeBefore(since, now, arrived)
	}
	if arrived == arrivedJumped {
		m.tooLate(h.Sequence)
		m.jumped = reference{now, h.Timestamp, h.Sequence, m.clock, true}
		m.stepValid = false
	} else if arrived == arrivedRestart {
		m.stall.open = false
		m.ref = m.jumped
		m.stepValid = false
		m.eventSeen = false
	}

	switch m.kind {
	case kindMedia, kindUnknown:
		if m.video {
			m.framed(now, h, arrived)
		}
		if m.codec != signal.None && arrived != arrivedTwice {
			m.sound.hear(m.codec, h, p.Payload)
		}
		if arrived == arrivedNext && m.stepValid {
			if step := h.Timestamp - m.stepFrom; step-1 < maxStep {
				v.vote(step)
			}
		}
		if !m.pace.done && arrived <= arrivedAhead && m.msPerTick > 0 && m.candidates == nil && !m.video {
			m.watch(now, gap, h, m.seq.max-highest)
		}
		if arrived <= arrivedAhead || arrived == arrivedRestart {
			m.stepFrom, m.stepValid = h.Timestamp, true
		}
		if arrived == arrivedJumped || m.kind == kindUnknown && !m.metersUnknown() {
			return
		}
		m.jitterOf(now, h, arrived)
		if h.PayloadType >= 96 && h.PayloadLen > 0 && h.PayloadOffset < len(p.Payload) {
			v.head = 0x100 | uint16(p.Payload[h.PayloadOffset])
		}
	case kindEvent:
		v.events++
		m.stepValid = false
		if arrived != arrivedTwice {
			m.event(h.Timestamp)
		}
	case kindCN:
		v.cn++
		m.stepValid = false
		m.ref.valid = false
	}
}

// maxStep is the longest media time of one packet that is believed, in RTP
// clock units: a second at 90 kHz. A step of 0 is one frame in several
// packets.
const maxStep = 90_000

// begin opens the interval of now.
func (m *Meter) begin(now int64) {
	gap := int64(0)
	if !m.opened {
		m.opened = true
		m.first, m.last = now, now
	} else {
		gap = max(now-m.last, 0)
	}
	m.final = false
	if m.cur.open {
		m.closeCurrent()
	}
	m.cur = interval{start: align(now), last: now, open: true, deltaMax: gap}
	m.setDue()
}

// event counts distinct events: all packets of one carry its start as their
// timestamp (RFC 4733 section 2.3), and the last is sent three times. The one
// before is kept too, for packets out of order.
func (m *Meter) event(timestamp uint32) {
	if m.eventSeen && (timestamp == m.eventTS[0] || timestamp == m.eventTS[1]) {
		return
	}
	if !m.eventSeen {
		m.eventTS[0] = timestamp
	}
	m.eventTS = [2]uint32{timestamp, m.eventTS[0]}
	m.eventSeen = true
	m.cur.dtmf++
}

// strayUnknown is how many packets in a row of a payload type that nobody
// announced it takes, in a stream of a known one, to be taken for its media: a
// few are a gateway's private signal.
const strayUnknown = 16

// metersUnknown reports whether a packet of unknown clock rate is metered, at
// each of the candidate rates.
func (m *Meter) metersUnknown() bool {
	if m.candidates != nil {
		return true
	}
	if m.mediaClock != 0 && m.unknownRun < strayUnknown {
		m.unknownRun++
		return false
	}
	m.meterAtCandidates()
	m.unknownPT = m.pt
	return true
}

package synth

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// Truth is what a capture holds, under the names of the record contract. It
// is told by the generator, which knows; nothing is parsed back.
type Truth struct {
	Scenario    string    `json:"scenario"` // "calls" for load
	Seed        int64     `json:"seed"`
	Start       time.Time `json:"start"`
	Packets     uint64    `json:"packets"`      // datagrams and TCP segments
	Bytes       uint64    `json:"bytes"`        // of their payloads
	SIPMessages uint64    `json:"sip_messages"` // repeated, forwarded and mirrored ones included

	SIPRequests  map[string]uint64 `json:"sip_requests"`  // by method
	SIPResponses map[string]uint64 `json:"sip_responses"` // by status
	CallIDs      uint64            `json:"call_ids"`
	RTPPackets   uint64            `json:"rtp_packets"`
	RTCPPackets  uint64            `json:"rtcp_packets"` // datagrams, SRTCP included

	Calls   []CallTruth   `json:"calls"`
	Streams []StreamTruth `json:"streams"`
	Hops    []HopTruth    `json:"hops"` // of calls that the tap sees at more than one
}

// CallTruth is one expected row of calls. Nil is a field of which the truth
// says NULL or, for those after Flags, says nothing.
type CallTruth struct {
	CallID      string       `json:"call_id"`
	FromTag     string       `json:"from_tag"`
	ToTag       string       `json:"to_tag"`
	Caller      string       `json:"caller"`
	Callee      string       `json:"callee"`
	State       record.State `json:"state"`
	FinalStatus *uint16      `json:"final_status"`
	HangupBy    *string      `json:"hangup_by"`
	StartTime   *time.Time   `json:"start_time"`
	RingTime    *time.Time   `json:"ring_time"`
	AnswerTime  *time.Time   `json:"answer_time"`
	EndTime     *time.Time   `json:"end_time"`
	Flags       []string     `json:"flags"` // that the row must have at least, sorted

	Challenges      *uint32 `json:"challenges,omitempty"`
	Retransmissions *uint32 `json:"retransmissions,omitempty"`
	Invites         *uint32 `json:"invites,omitempty"`
	Attempts        *uint32 `json:"attempts,omitempty"`
	CauseQ850       *uint16 `json:"cause_q850,omitempty"`
	CauseSIP        *uint16 `json:"cause_sip,omitempty"`
	DivertedFrom    *string `json:"diverted_from,omitempty"`
	MediaSeen       *string `json:"media_seen,omitempty"`
	// Text are more columns, by name.
	Text map[string]string `json:"text,omitempty"`
	// Session is the Call-ID of the leg that begins the end-to-end call, for
	// whoever links legs; rows with the same Session have one session_id.
	Session string `json:"session"`

	ASilentMs *float64 `json:"a_silent_ms"`
	BSilentMs *float64 `json:"b_silent_ms"`

	endsWithMedia bool // EndTime is that of the last media packet
	unseen        bool // media goes on where the tap sees none of it
	dialog        *dialog
}

// StreamTruth is one RTP stream as the tap saw it. Packets lost before the
// first or after the last one that arrived are in Sent, and in nothing else.
type StreamTruth struct {
	CallID    *string        `json:"call_id"`   // nil where the scenario says that nobody can tell
	Direction *string        `json:"direction"` // a, b
	Media     string         `json:"media"`     // audio, video
	SSRC      uint32         `json:"ssrc"`
	Src       netip.AddrPort `json:"-"`
	Dst       netip.AddrPort `json:"-"`
	SrcIP     netip.Addr     `json:"src_ip"`
	SrcPort   uint16         `json:"src_port"`
	DstIP     netip.Addr     `json:"dst_ip"`
	DstPort   uint16         `json:"dst_port"`
	Match     string         `json:"match,omitempty"` // "" where the scenario does not say

	PayloadType uint8     `json:"payload_type"` // of the first packet that is no event and no noise
	Codec       string    `json:"codec"`
	ClockRate   uint32    `json:"clock_rate"`
	PtimeMs     float64   `json:"ptime_ms"`
	SRTP        bool      `json:"srtp"`
	StartTime   time.Time `json:"start_time"`
	EndTime     time.Time `json:"end_time"`

	Sent       uint64  `json:"sent"`    // by its source, before any loss
	Packets    uint64  `json:"packets"` // that arrived, duplicates included
	Bytes      uint64  `json:"bytes"`   // RTP payload of those
	Expected   uint64  `json:"expected"`
	Lost       uint64  `json:"lost"`
	LossPct    float64 `json:"loss_pct"` // of expected
	Duplicates uint64  `json:"duplicates"`
	Restarts   uint64  `json:"restarts"`  // of the sequence numbers
	Reordered  uint64  `json:"reordered"` // arrived after one with a higher number, for the first time
	DTMFEvents uint64  `json:"dtmf_events"`
	CNPackets  uint64  `json:"cn_packets"`

	JitterMeanMs *float64 `json:"jitter_mean_ms"` // RFC 3550 A.8; nil for events only
	JitterMaxMs  *float64 `json:"jitter_max_ms"`
	DelayMeanMs  float64  `json:"delay_mean_ms"` // by the impairment, copies left out
	DelayMaxMs   float64  `json:"delay_max_ms"`
	LossBurst    float64  `json:"loss_burst_mean"` // packets lost in a row, mean; 0 without loss
	BurstR       float64  `json:"burst_r"`         // LossBurst over that of random loss, 1 at least; 0 without loss
	LossBursts   []uint32 `json:"loss_bursts"`     // bursts of length 1, 2 ... 10 and more

	// Of video; nil of everything else.
	Frames        *uint64  `json:"frames"` // of which a packet arrived
	FPS           *float64 `json:"fps"`
	FrameGapMaxMs *float64 `json:"frame_gap_max_ms"`
	Freezes       *uint64  `json:"freezes"` // webrtc-stats' freezeCount, by arrival
	FreezeMs      *float64 `json:"freeze_ms"`

	LostSeqs      []uint16 `json:"lost_seqs"` // in order of sending
	DuplicateSeqs []uint16 `json:"duplicate_seqs"`
	ReorderedSeqs []uint16 `json:"reordered_seqs"`

	// What it sounds like, where the scenario says so; nil says nothing.
	LevelDBov   *float64 `json:"level_dbov,omitempty"` // of its packets at -55 dBov and above
	SilencePct  *float64 `json:"silence_pct,omitempty"`
	ClippingPct *float64 `json:"clipping_pct,omitempty"`

	RtcpLost     *int64   `json:"rtcp_lost"` // of the last report about it; nil with SRTCP
	RtcpJitterMs *float64 `json:"rtcp_jitter_ms"`
	RttMs        *float64 `json:"rtt_ms"` // of the segment between the tap and the stream's receiver
}

// WriteJSON writes the truth as indented JSON.
func (t Truth) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	if err := enc.Encode(t); err != nil {
		return fmt.Errorf("write truth: %w", err)
	}
	return nil
}

type streamKey struct {
	src, dst netip.AddrPort
	ssrc     uint32
}

// streamLabels say whose a stream is.
type streamLabels struct {
	direction string // a, b, "" when nobody can tell
	match     string
}

// run32 is n extended sequence numbers from the first on.
type run32 struct{ first, n uint32 }

// streamMeter counts one stream the plain way: a bit for each packet.
type streamMeter struct {
	key    streamKey
	flow   *flow // the first one that fed it
	base   uint32
	seen   []uint64 // bit i: base+i arrived
	low    uint32
	high   uint32
	first  micros
	last   micros
	frames []frame
	// restarts are numbers that were never used.
	restarts []run32
	gaps     []span // of more than a second, that its sender did not tell
	codec    codec
	sent     uint64
	number   uint64 // of arrivals
	bytes    uint64
	octets   uint64 // sent
	unique   uint64

	duplicates, reordered []uint16
	events, noise         uint64
	lastEvent             uint32
	delaySum              float64
	delayMax              micros
	copies                uint64
	silences              uint32 // of the latest packet
	sound                 soundMeter

	jitter          float64 // RFC 3550 A.8, clock units
	jitterSum       float64
	jitterMax       float64
	jitterN         uint64 // packets that carry it
	jitterSteps     uint64 // values of it: one fewer, for the first packet gives none
	previousArrival micros
	previousTS      uint32
	previousJumped  uint32

	report *rtcpAbout
}

// rtcpAbout is what the receiver last reported.
type rtcpAbout struct {
	lost     int64
	jitterMs float64
	rttMs    *float64
}

func (r *run) stream(k streamKey, f *flow) *streamMeter {
	if m := r.streams[k]; m != nil {
		return m
	}
	m := &streamMeter{key: k, flow: f, base: f.next}
	r.streams[k] = m
	r.order = append(r.order, m)
	return m
}

// count adds what the tap saw to the truth.
func (r *run) count(e *emission) {
	r.frames++
	switch e.kind {
	case packet.KindRTP:
		r.rtp++
		r.bytes += uint64(12 + e.flow.payloadSize(e.rtp))
		e.flow.meter.arrived(e)
	case packet.KindRTCP:
		r.rtcp++
		r.bytes += uint64(len(e.payload))
	default:
		r.bytes += uint64(len(e.payload))
	}
	if e.msg == nil {
		return
	}
	r.sip.messages++
	if e.msg.status > 0 {
		r.sip.responses[fmt.Sprint(e.msg.status)]++
	} else {
		r.sip.requests[e.msg.method]++
	}
	if r.sip.callIDs == nil {
		r.sip.callIDs = map[string]struct{}{}
	}
	r.sip.callIDs[e.callID] = struct{}{}
}

func (m *streamMeter) arrived(e *emission) {
	p := e.rtp
	if m.number == 0 {
		m.first, m.low, m.high = e.at, p.ext, p.ext
	}
	if m.number > 0 && e.at-m.last > silentFrom && p.silences == m.silences {
		m.gaps = append(m.gaps, span{m.last, e.at})
	}
	m.number++
	m.last, m.silences = e.at, p.silences
	m.bytes += uint64(e.flow.payloadSize(p))
	if !p.copied {
		late := p.at - p.sent
		m.delaySum += float64(late)
		m.delayMax = max(m.delayMax, late)
		m.copies++
	}

	at := p.ext - m.base
	for int(at/64) >= len(m.seen) {
		m.seen = append(m.seen, 0)
	}
	switch bit := uint64(1) << (at % 64); {
	case m.seen[at/64]&bit != 0:
		m.duplicates = append(m.duplicates, uint16(p.ext))
	default:
		m.seen[at/64] |= bit
		m.unique++
		if p.part.sound != nil {
			m.sound.hear(p, e.flow.payloadSize(p))
		}
		if p.ext < m.high {
			m.reordered = append(m.reordered, uint16(p.ext))
		}
	}
	m.low, m.high = min(m.low, p.ext), max(m.high, p.ext)

	switch p.part.kind {
	case eventPart:
		if m.events == 0 || m.lastEvent != p.ts {
			m.events++
			m.lastEvent = p.ts
		}
		return
	case noisePart:
		m.noise++
		return
	case videoPart:
		m.frames = framed(m.frames, p.ts, e.at)
	case audioPart, pausePart:
	}
	if m.codec.name == "" {
		m.codec = p.part.codec
	}
	// RFC 3550 A.8: J += (|D| - J)/16 over consecutive arrivals.
	if m.jitterN > 0 {
		d := float64(e.at-m.previousArrival)*float64(m.codec.clock)/1e6 - float64(int32(p.ts-m.previousTS))
		// Where the timestamp was set anew by more than ten seconds the packet only
		// begins anew; a smaller jump is taken out.
		if d = max(d, -d); d <= 10*float64(m.codec.clock) {
			jump := float64(int32(p.jumped - m.previousJumped))
			d = float64(e.at-m.previousArrival)*float64(m.codec.clock)/1e6 - float64(int32(p.ts-m.previousTS)) + jump
			d = max(d, -d)
			m.jitterSteps++
			m.jitter += (d - m.jitter) / 16
			m.jitterSum += m.jitter
		}
	}
	m.previousArrival, m.previousTS, m.previousJumped = e.at, p.ts, p.jumped
	m.jitterN++
	m.jitterMax = max(m.jitterMax, m.jitter)
}

func (m *streamMeter) expected() uint64 {
	if m.number == 0 {
		return 0
	}
	n := uint64(m.high-m.low) + 1
	for _, r := range m.begun() {
		n -= uint64(r.n)
	}
	return n
}

// begun are the restarts behind which a packet arrived.
func (m *streamMeter) begun() []run32 {
	n := 0
	for n < len(m.restarts) && m.restarts[n].first < m.high {
		n++
	}
	return m.restarts[:n]
}

// losses lists the numbers between low and high that never came, how many runs
// they form, and how many of those are of length 1, 2 ... 10 and more.
func (m *streamMeter) losses() (seqs []uint16, runs int, bursts []uint32) {
	length := 0
	seqs, bursts = []uint16{}, make([]uint32, 10)
	restarts := m.begun()
	for ext := m.low; m.number > 0 && ext <= m.high; ext++ {
		if len(restarts) > 0 && ext == restarts[0].first {
			ext += restarts[0].n
			restarts = restarts[1:]
		}
		at := ext - m.base
		switch gone := m.seen[at/64]&(1<<(at%64)) == 0; {
		case gone:
			seqs = append(seqs, uint16(ext))
			length++
		case length > 0: // the highest number is never gone
			runs++
			bursts[min(length, 10)-1]++
			length = 0
		}
	}
	return seqs, runs, bursts
}

func (r *run) truth(c Capture) Truth {
	t := Truth{
		Scenario: c.Name, Seed: c.Seed, Start: r.base, Packets: r.frames, Bytes: r.bytes,
		SIPMessages: r.sip.messages, SIPRequests: r.sip.requests, SIPResponses: r.sip.responses,
		CallIDs: uint64(len(r.sip.callIDs)), RTPPackets: r.rtp, RTCPPackets: r.rtcp,
	}
	// An empty list is [] in JSON, not null.
	t.Calls, t.Streams = append([]CallTruth{}, r.calls...), []StreamTruth{}
	t.Hops = append([]HopTruth{}, r.hops...)
	for _, m := range r.order {
		if m.number > 0 {
			t.Streams = append(t.Streams, m.truth(r))
		}
	}
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.endsWithMedia {
			for _, s := range t.Streams {
				if s.CallID != nil && *s.CallID == c.CallID && (c.EndTime == nil || s.EndTime.After(*c.EndTime)) {
					c.EndTime = new(s.EndTime)
				}
			}
		}
		c.ASilentMs, c.BSilentMs = r.silentMs(c, "a"), r.silentMs(c, "b")
	}
	slices.SortStableFunc(t.Streams, func(a, b StreamTruth) int { return a.StartTime.Compare(b.StartTime) })
	return t
}

func (m *streamMeter) truth(r *run) StreamTruth {
	f := m.flow
	s := StreamTruth{
		Media: "audio", SSRC: m.key.ssrc, Src: m.key.src, Dst: m.key.dst,
		SrcIP: m.key.src.Addr(), SrcPort: m.key.src.Port(), DstIP: m.key.dst.Addr(), DstPort: m.key.dst.Port(),
		Match: f.labels.match, PayloadType: m.codec.pt, Codec: m.codec.name, ClockRate: m.codec.clock,
		PtimeMs: float64(m.codec.ptime) / 1e6, SRTP: f.sender.srtp, StartTime: r.time(m.first), EndTime: r.time(m.last),
		Sent: m.sent, Packets: m.number, Bytes: m.bytes, Expected: m.expected(), Restarts: uint64(len(m.begun())),
		Duplicates: uint64(len(m.duplicates)), Reordered: uint64(len(m.reordered)),
		DTMFEvents: m.events, CNPackets: m.noise, DuplicateSeqs: append([]uint16{}, m.duplicates...), ReorderedSeqs: append([]uint16{}, m.reordered...),
	}
	if f.callID != "" && f.labels.match != "none" {
		s.CallID = new(f.callID)
	}
	if f.labels.direction != "" {
		s.Direction = new(f.labels.direction)
	}
	if m.codec.name == vp8.name {
		s.Media = "video"
		s.framesTruth(m.frames)
	}
	var runs int
	s.LostSeqs, runs, s.LossBursts = m.losses()
	s.Lost = uint64(len(s.LostSeqs))
	s.LossPct = 100 * float64(s.Lost) / float64(s.Expected)
	if runs > 0 {
		s.LossBurst = float64(s.Lost) / float64(runs)
		s.BurstR = max(1, s.LossBurst*(1-float64(s.Lost)/float64(s.Expected)))
	}
	if m.jitterN > 0 {
		ms := 1000 / float64(m.codec.clock)
		s.JitterMeanMs = new(m.jitterSum / float64(max(m.jitterSteps, 1)) * ms)
		s.JitterMaxMs = new(m.jitterMax * ms)
	}
	m.sound.truth(&s)
	if m.copies > 0 {
		s.DelayMeanMs = m.delaySum / float64(m.copies) / 1000
		s.DelayMaxMs = float64(m.delayMax) / 1000
	}
	if m.report != nil && !s.SRTP { // SRTCP encrypts its report blocks
		s.RtcpLost, s.RtcpJitterMs, s.RttMs = &m.report.lost, &m.report.jitterMs, m.report.rttMs
	}
	return s
}

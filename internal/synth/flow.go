package synth

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// sender is one RTP source: an SSRC with its running sequence number and
// timestamp, which go on from one flow to the next.
type sender struct {
	ssrc  uint32
	next  uint32 // extended sequence number of the next packet
	ts    uint32 // RTP timestamp at the time `at`
	at    micros
	clock uint32
	began bool
	seed  uint64
	flows uint64
	srtp  bool   // ten more bytes: the authentication tag of RFC 3711
	cname string // of its RTCP
}

// partKind is what the packets of a part carry.
type partKind uint8

const (
	audioPart partKind = iota
	videoPart          // each frame is several packets with one timestamp
	eventPart          // one RFC 4733 event
	noisePart          // one comfort noise packet, then silence (RFC 3389)
	pausePart          // no packet for a while
)

// part is a stretch of a flow.
type part struct {
	kind     partKind
	codec    codec
	packets  int
	perFrame int // video: packets of a frame
	digit    uint8
	silence  time.Duration // noise and pause
	missing  int           // pause: sequence numbers that never come
	stopped  bool          // pause: the timestamp stands still
	marked   bool          // pause: the next packet has the marker
	jump     uint32        // pause: clock units that the timestamp jumps beside
	restart  int           // pause: sequence numbers that are left out; a receiver's count begins anew
	sound    *sound        // audio: what it carries; nil is whatever the codec makes up
}

// rtpPacket is one copy of a packet on its way to the tap.
type rtpPacket struct {
	at, sent micros // at the tap, and when it would have been there without impairment
	ext, ts  uint32
	jumped   uint32 // by how much the timestamp jumped since its flow began
	part     *part
	index    int // within its part
	marker   bool
	silences uint32 // how often its sender had said before it that it falls silent
	copied   bool   // the network doubled it, this is the later one
}

// flow sends the parts of one sender between two addresses. It is a source:
// packets come out in the order in which the tap sees them.
type flow struct {
	from, to  netip.AddrPort
	sender    *sender
	parts     []part
	impaired  Impairment
	callID    string
	owner     *dialog // nil where it is nobody's
	labels    streamLabels
	meter     *streamMeter
	dscp      uint8
	behindBox bool   // of a bridge, which may lose more
	wander    micros // each packet is late by up to this, unimpaired: no clock is perfect

	begin     micros
	ran       micros // since begin, on the sender's clock
	now       micros // when the next packet is sent
	end       micros
	next      uint32
	ts        uint32
	at        int // index of the part
	index     int // of the packet in its part
	talkspurt bool
	silences  uint32
	jumped    uint32

	rng     *rand.Rand
	loss    lossModel
	last    micros    // arrival of the latest packet: a queue lets nobody overtake
	held    rtpPacket // waits for the next one to pass; valid iff holds
	holds   bool
	pending []rtpPacket // by arrival, not yet taken
	current rtpPacket
}

// newFlow begins at time `at`; sender's counters move past the whole flow.
func newFlow(r *run, s *sender, from, to netip.AddrPort, at micros, parts []part) *flow {
	if !s.began {
		s.began, s.at, s.clock = true, at, firstClock(parts)
	}
	s.ts += uint32(int64(at-s.at) * int64(s.clock) / 1e6)
	f := &flow{from: from, to: to, sender: s, parts: parts, dscp: 46, begin: at, now: at, next: s.next, ts: s.ts, talkspurt: true}
	s.flows++
	f.rng = rand.New(rand.NewPCG(s.seed, s.flows))
	f.end = at
	for _, p := range parts {
		f.end += p.length()
		s.next += uint32(p.count() + p.missing + p.restart)
	}
	s.ts += uint32(int64(f.end-at) * int64(s.clock) / 1e6)
	s.at = f.end
	f.meter = r.stream(streamKey{from, to, s.ssrc}, f)
	return f
}

func firstClock(parts []part) uint32 {
	for _, p := range parts {
		if p.codec.clock != 0 {
			return p.codec.clock
		}
	}
	return 8000
}

// count is how many packets the part sends.
func (p *part) count() int {
	switch p.kind {
	case noisePart:
		return 1
	case pausePart:
		return 0
	case eventPart:
		return p.packets + 2 // the last one goes out three times (RFC 4733 2.5.1.4)
	case videoPart:
		return p.packets * p.perFrame
	default:
		return p.packets
	}
}

// length is the time that the part takes.
func (p *part) length() micros {
	switch p.kind {
	case noisePart, pausePart:
		return inMicros(p.silence)
	case eventPart:
		return micros(p.packets+2) * inMicros(p.codec.ptime)
	default:
		return micros(p.packets) * inMicros(p.codec.ptime)
	}
}

func (f *flow) peek() (micros, bool) {
	// A packet that is still to be sent cannot arrive before it is sent, so
	// what arrives by then is safe to give away.
	for f.at < len(f.parts) && (len(f.pending) == 0 || f.pending[0].at > f.now) {
		f.send()
	}
	if f.at == len(f.parts) && f.holds {
		f.arrive(f.held)
		f.holds = false
	}
	if len(f.pending) == 0 {
		return 0, false
	}
	return f.pending[0].at, true
}

func (f *flow) take(_ *run, e *emission) bool {
	f.current = f.pending[0]
	f.pending = append(f.pending[:0], f.pending[1:]...)
	*e = emission{
		at: f.current.at, src: f.from, dst: f.to, transport: packet.UDP, kind: packet.KindRTP,
		dscp: f.dscp, ttl: 62, ipID: uint16(f.current.ext + f.sender.ssrc), callID: f.callID, rtp: &f.current, flow: f,
	}
	return true
}

// send sends the next packet and lets the network do to it what it does.
func (f *flow) send() {
	p := &f.parts[f.at]
	if f.index >= p.count() {
		switch p.kind {
		case noisePart: // its time passes when it is over
			f.pass(p.length())
			f.ts += uint32(int64(p.length()) * int64(f.sender.clock) / 1e6)
			f.talkspurt = true
			f.silences++
		case eventPart:
			f.ts += uint32(p.packets+2) * p.codec.step()
		case pausePart:
			f.pass(p.length())
			if !p.stopped && p.missing == 0 {
				f.silences++
			}
			if !p.stopped {
				f.ts += uint32(int64(p.length()) * int64(f.sender.clock) / 1e6)
			}
			f.ts += p.jump
			f.jumped += p.jump
			f.next += uint32(p.missing)
			if p.restart > 0 {
				f.meter.restarts = append(f.meter.restarts, run32{f.next, uint32(p.restart)})
				f.next += uint32(p.restart)
			}
			f.meter.sent += uint64(p.missing)
			f.talkspurt = p.marked
		case audioPart, videoPart: // its time passed with each packet
		}
		f.at, f.index = f.at+1, 0
		return
	}
	out := rtpPacket{at: f.now, sent: f.now, ext: f.next, ts: f.ts, part: p, index: f.index, silences: f.silences, jumped: f.jumped}
	f.next++
	switch p.kind {
	case audioPart:
		out.marker, f.talkspurt = f.talkspurt, false
		f.ts += p.codec.step()
		f.pass(inMicros(p.codec.ptime))
	case videoPart:
		last := f.index%p.perFrame == p.perFrame-1
		out.marker = last
		if last {
			f.ts += p.codec.step()
			f.pass(inMicros(p.codec.ptime) - micros(p.perFrame-1)*500)
		} else {
			f.pass(500) // packets of a frame leave back to back
		}
	case eventPart:
		out.marker = f.index == 0
		f.pass(inMicros(p.codec.ptime))
	case noisePart, pausePart:
	}
	f.index++
	f.meter.sent++
	f.meter.octets += uint64(f.payloadSize(&out))
	if f.wander > 0 {
		out.at += micros(f.rng.Int64N(int64(f.wander)))
	}
	f.impair(out)
}

// pass lets time pass on the sender's clock, which may be fast.
func (f *flow) pass(d micros) {
	f.ran += d
	f.now = f.begin + f.ran - micros(math.Round(float64(f.ran)*f.impaired.DriftPpm/1e6))
}

// arrive queues a packet for the tap, by arrival.
func (f *flow) arrive(p rtpPacket) {
	i := len(f.pending)
	for i > 0 && f.pending[i-1].at > p.at {
		i--
	}
	f.pending = append(f.pending, rtpPacket{})
	copy(f.pending[i+1:], f.pending[i:])
	f.pending[i] = p
}

// payloadSize is the number of bytes after the RTP header.
func (f *flow) payloadSize(p *rtpPacket) int {
	n := p.part.codec.size
	switch p.part.kind {
	case eventPart:
		n = 4
	case videoPart:
		n -= p.index * 37 % 200 // frames differ in length
	case audioPart, noisePart, pausePart:
	}
	if f.sender.srtp {
		n += 10
	}
	return n
}

// appendRTP renders the packet: RFC 3550 5.1, without extension.
func (f *flow) appendRTP(b []byte, r *run, p *rtpPacket) []byte {
	pt := p.part.codec.pt
	if p.marker {
		pt |= 0x80
	}
	b = append(b, 0x80, pt)
	b = binary.BigEndian.AppendUint16(b, uint16(p.ext))
	b = binary.BigEndian.AppendUint32(b, p.ts)
	b = binary.BigEndian.AppendUint32(b, f.sender.ssrc)
	n := f.payloadSize(p)
	switch {
	case f.sender.srtp:
		return opus.appendPayload(b, r, p.ext, n) // ciphertext has no form
	case p.part.kind == eventPart:
		// RFC 4733 2.3: event, E and volume, duration in clock units.
		volume := byte(10)
		if p.index >= p.part.packets-1 {
			volume |= 0x80
		}
		b = append(b, p.part.digit, volume)
		return binary.BigEndian.AppendUint16(b, uint16(uint32(min(p.index+1, p.part.packets))*p.part.codec.step()))
	case p.part.kind == videoPart:
		if p.index%p.part.perFrame > 0 {
			return p.part.codec.appendPayload(append(b, 0), r, p.ext, n-1)
		}
		// RFC 7741 4.2: S, partition 0; 4.3: a shown frame that is no key
		// frame, with a first partition of 100 bytes.
		b = append(b, 0x10, 100<<5&0xff|0x11, 100>>3, 0)
		return p.part.codec.appendPayload(b, r, p.ext, n-4)
	case p.part.kind == noisePart:
		return append(b, 60) // -60 dBov
	case p.part.sound != nil:
		return p.part.sound.append(b, p, n)
	}
	return p.part.codec.appendPayload(b, r, p.ext, n)
}

package packet

import (
	"container/list"
	"net/netip"
	"slices"
	"time"
)

// TCP flags (RFC 9293 section 3.1).
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
)

const (
	// maxJump is the distance in sequence numbers beyond which a segment
	// belongs to another connection on the same ports, whose SYN was missed.
	maxJump = 1 << 24
	// maxLateSYN is how far data may run ahead of the SYN it belongs to, when
	// the capture saw them in the wrong order.
	maxLateSYN = 1 << 16
	// maxQueue is the number of segments that wait behind a hole.
	maxQueue = 256
	// unprovenBytes is what a stream may hold before it carried a message.
	unprovenBytes = 64 << 10
)

// streamKey names one direction of a TCP connection.
type streamKey struct {
	src, dst         [16]byte
	tunnel           uint64
	srcPort, dstPort uint16
	vlan             uint16
	version          uint8
}

// stream is one direction of a TCP connection.
type stream struct {
	key      streamKey
	src, dst netip.AddrPort
	age      *list.Element // in Decoder.proven or unproven
	proven   bool

	framing
	tls *tlsStream // valid iff kind is tlsRecords

	first  uint32 // sequence number of the first byte
	next   uint32 // sequence number of the byte that continues buf
	fin    bool
	finSeq uint32
	reset  bool

	last      time.Time // of the latest segment, and its TTL, DSCP, length
	ttl, dscp uint8
	wireLen   int

	frames int // frames that are in what the framing holds

	queue    []segment // behind a hole, by sequence number
	queued   int       // bytes in queue
	gap      *list.Element
	gapSince time.Time

	held int // bytes booked in Decoder.streamBytes
}

// segment is one TCP segment behind a hole.
type segment struct {
	seq     uint32
	data    []byte
	missing int // bytes after data that the capture cut off
	time    time.Time
	frames  int
}

// after gives the distance from sequence number a to b across the wrap.
func after(b, a uint32) int { return int(int32(b - a)) }

// tcp decodes a segment (RFC 9293).
func (d *Decoder) tcp(b []byte) {
	if len(b) < 20 {
		d.short()
		return
	}
	header := int(b[12]>>4) * 4
	if header < 20 {
		d.count(ReasonMalformed)
		return
	}
	if header > len(b) {
		d.short()
		return
	}
	flags, seq, data := b[13], be.Uint32(b[4:]), b[header:]
	k := d.streamKey(b)
	s := d.streams[k]
	if flags&flagSYN != 0 {
		seq++ // the SYN takes a number; the data of TCP Fast Open follows it
		if s == nil || s.kind == closed || s.first-seq > maxLateSYN {
			s = d.newStream(k, seq)
		}
		s.opened = true
	}
	if s != nil && len(data) > 0 && s.stale(seq, len(data)) {
		s = d.newStream(k, seq)
	}
	if s == nil {
		if len(data) == 0 {
			d.stats.Control += uint64(d.at.frames)
			return
		}
		s = d.newStream(k, seq)
	}
	d.touch(s)

	if s.kind == foreign && !s.returns(data) {
		if len(data) == 0 {
			d.stats.Control += uint64(d.at.frames)
		} else {
			d.count(s.reason)
		}
		if flags&(flagFIN|flagRST) != 0 {
			s.kind = closed
		}
		s.next = seq + uint32(len(data)+d.at.missing)
		return
	}
	if s.kind == foreign {
		s.kind, s.first, s.next = undecided, seq, seq
	}
	d.segment(s, seq, data)
	if flags&flagFIN != 0 {
		s.fin, s.finSeq = true, seq+uint32(len(data)+d.at.missing)
	}
	s.reset = s.reset || flags&flagRST != 0
	if s.tls != nil {
		d.endBoth(s)
	} else {
		d.endIfDone(s)
	}
	d.boundStreams(s)
}

// endIfDone ends a stream of which nothing more will come.
func (d *Decoder) endIfDone(s *stream) {
	if s.tls.waiting() || s.kind == closed {
		return
	}
	if s.reset || s.fin && len(s.queue) == 0 && after(s.next, s.finSeq) >= 0 {
		d.finish(s, ReasonTCPIncomplete)
	}
}

func (d *Decoder) streamKey(tcp []byte) streamKey {
	ip := d.at.ip
	k := streamKey{srcPort: be.Uint16(tcp), dstPort: be.Uint16(tcp[2:]), vlan: d.at.vlan, tunnel: d.at.tunnel, version: ip[0] >> 4}
	k.src, k.dst = rawAddresses(ip)
	return k
}

// stale tells whether data at seq belongs to a later connection on the same
// ports, whose SYN was missed.
func (s *stream) stale(seq uint32, n int) bool {
	jump := after(seq, s.next)
	if jump > maxJump || jump < -maxJump {
		return true
	}
	return s.kind == closed && jump+n > 0
}

// segment puts data where it belongs in s: it continues the stream, repeats
// it, or waits behind a hole.
func (d *Decoder) segment(s *stream, seq uint32, data []byte) {
	missing := d.at.missing
	ahead := after(seq, s.next)
	if s.kind == closed || len(data) == 0 || ahead < 0 && ahead+len(data)+missing <= 0 {
		if len(data) > 0 && !s.opened && after(seq, s.first) < 0 {
			d.count(ReasonTCPGap) // from before the stream was joined: never seen
			return
		}
		d.stats.Control += uint64(d.at.frames)
		return
	}
	if ahead < 0 {
		cut := min(-ahead, len(data))
		missing -= -ahead - cut
		data = data[cut:]
		seq = s.next
	}
	if ahead > 0 {
		d.enqueue(s, segment{seq, data, missing, d.at.time, d.at.frames})
		return
	}
	d.stats.Held += uint64(d.at.frames)
	s.frames += d.at.frames
	d.advance(s, data, missing, d.at.time)
	if len(s.queue) > 0 {
		d.drain(s, d.at.time)
	}
}

// advance takes bytes that continue the stream; missing more were on the wire
// but not captured, and will not come again.
func (d *Decoder) advance(s *stream, data []byte, missing int, t time.Time) {
	s.next += uint32(len(data) + missing)
	d.resumeTLS(s)
	if s.tls.waiting() {
		d.holdTLS(s, data, missing, t)
		return
	}
	d.take(s, data, missing, t)
	if s.tls != nil && d.tlsWaiting.Len() > 0 { // for a hello, maybe
		if other := d.other(s); other != nil {
			d.resumeTLS(other)
		}
	}
}

// take reads bytes that continue the stream.
func (d *Decoder) take(s *stream, data []byte, missing int, t time.Time) {
	d.read(s, data, t)
	if missing > 0 {
		d.stats.TCPGaps++
		d.abandon(s, ReasonTruncated)
	}
}

// enqueue keeps a copy of a segment behind a hole.
func (d *Decoder) enqueue(s *stream, g segment) {
	i, _ := slices.BinarySearchFunc(s.queue, g.seq, func(q segment, seq uint32) int { return after(q.seq, seq) })
	for j := max(i-1, 0); j < len(s.queue) && after(s.queue[j].seq, g.seq) <= 0; j++ {
		if q := s.queue[j]; after(g.seq+uint32(len(g.data)), q.seq+uint32(len(q.data))) <= 0 {
			d.stats.Control += uint64(g.frames)
			return
		}
	}
	g.data = append([]byte(nil), g.data...)
	s.queue = slices.Insert(s.queue, i, g)
	s.queued += len(g.data)
	d.stats.Held += uint64(g.frames)
	if s.gap == nil {
		s.gap = d.gapped.PushBack(s)
		s.gapSince = d.at.time
		d.nextSweep = min(d.nextSweep, d.stats.Frames+sweepGappedEvery)
	}
	limit := d.opt.StreamBytes
	if !s.proven {
		limit = min(limit, unprovenBytes)
	}
	if len(s.queue) >= maxQueue || s.queued > limit || d.at.time.Sub(s.gapSince) > d.opt.GapWait {
		d.skipGap(s)
	}
}

// drain reads the queued segments that now continue the stream. Their time is
// t, when the hole was filled, or their own if t is zero: when it was given up.
func (d *Decoder) drain(s *stream, t time.Time) {
	n := 0
	for ; n < len(s.queue) && after(s.queue[n].seq, s.next) <= 0; n++ {
		g := s.queue[n]
		s.queued -= len(g.data)
		if old := -after(g.seq, s.next); old >= len(g.data) {
			// Repeated, or missing bytes that something else has filled.
			d.stats.Held -= uint64(g.frames)
			d.stats.Control += uint64(g.frames)
			continue
		} else if old > 0 {
			g.data = g.data[old:]
		}
		s.frames += g.frames
		when := t
		if t.IsZero() {
			when = g.time
		}
		d.advance(s, g.data, g.missing, when)
	}
	if n == 0 {
		return
	}
	s.queue = slices.Delete(s.queue, 0, n)
	if len(s.queue) == 0 {
		s.queue = nil
		d.gapped.Remove(s.gap)
		s.gap = nil
		return
	}
	s.gapSince = d.at.time
	d.gapped.MoveToBack(s.gap)
}

// skipGap gives the first hole of s up: the capture missed those bytes.
func (d *Decoder) skipGap(s *stream) {
	d.stats.TCPGaps++
	d.abandon(s, ReasonTCPGap)
	s.next = s.queue[0].seq
	d.drain(s, time.Time{})
}

// abandon lets go of the message that begins s.buf: its rest will not come.
// When its headers are whole it is given with as much of its body as there is.
func (d *Decoder) abandon(s *stream, r Reason) {
	f := &s.framing
	if s.kind == tlsRecords {
		if s.tls.waiting() {
			d.giveUpTLS(s)
			return
		}
		f = &s.tls.plain
		s.tls.half.Lost()
	}
	if d.cut(s, f) {
		d.settle(s, &d.stats.Decoded)
	} else {
		if s.kind == undecided {
			r = ReasonTCPNotSIP
		}
		d.settle(s, &d.stats.Undecoded[r])
	}
	s.drop()
	f.drop()
	f.web.lose()
}

// settle books the frames that s holds in order to c.
func (d *Decoder) settle(s *stream, c *uint64) {
	d.stats.Held -= uint64(s.frames)
	*c += uint64(s.frames)
	s.frames = 0
}

// finish ends a stream. It stays in the table, closed, so that repeated
// segments do not come to life as a new one.
func (d *Decoder) finish(s *stream, r Reason) {
	for len(s.queue) > 0 {
		d.skipGap(s)
	}
	d.abandon(s, r)
	s.kind = closed
	d.endTLS(s)
	d.account(s)
	if s.proven {
		d.proven.Remove(s.age)
		s.age, s.proven = d.unproven.PushBack(s), false
	}
}

// forget ends a stream and removes it.
func (d *Decoder) forget(s *stream, r Reason) {
	d.finish(s, r)
	d.unproven.Remove(s.age)
	delete(d.streams, s.key)
}

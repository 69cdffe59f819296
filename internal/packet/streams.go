package packet

import (
	"container/list"
	"net/netip"
	"time"
)

// newStream begins a stream at sequence number seq, in place of an older one
// of the same key.
func (d *Decoder) newStream(k streamKey, seq uint32) *stream {
	if old := d.streams[k]; old != nil {
		d.forget(old, ReasonTCPIncomplete)
	}
	if len(d.streams) >= d.opt.Streams {
		d.evict()
	}
	src, dst := addresses(d.at.ip)
	s := &stream{
		key:     k,
		src:     netip.AddrPortFrom(src, k.srcPort),
		dst:     netip.AddrPortFrom(dst, k.dstPort),
		framing: framing{transport: TCP, hep: d.hepPorts[k.dstPort] || d.hepPorts[k.srcPort]},
		first:   seq,
		next:    seq,
	}
	s.age = d.unproven.PushBack(s)
	d.streams[k] = s
	return s
}

// touch notes that a segment of s came.
func (d *Decoder) touch(s *stream) {
	s.last = d.at.time
	s.ttl, s.dscp = hop(d.at.ip)
	s.wireLen = d.at.wireLen
	if s.proven {
		d.proven.MoveToBack(s.age)
	} else {
		d.unproven.MoveToBack(s.age)
	}
}

// prove notes that s carries messages: it is evicted after all that do not.
func (d *Decoder) prove(s *stream) {
	if !s.proven {
		d.unproven.Remove(s.age)
		s.age, s.proven = d.proven.PushBack(s), true
	}
}

// account brings the bytes held of s into the sum of all streams.
func (d *Decoder) account(s *stream) {
	held := s.waiting() + s.queued
	if s.tls != nil {
		held += s.tls.plain.waiting() + s.tls.bytes
	}
	d.streamBytes += held - s.held
	s.held = held
}

// boundStreams evicts streams until what all of them hold fits the Options.
func (d *Decoder) boundStreams(s *stream) {
	d.account(s)
	for d.streamBytes > d.opt.AllStreamBytes {
		d.evict()
	}
}

// evict removes the stream that was silent longest, those without a message first.
func (d *Decoder) evict() {
	e := d.unproven.Front()
	if e == nil {
		e = d.proven.Front()
	}
	if e == nil {
		return
	}
	d.stats.TCPEvicted++
	d.forget(e.Value.(*stream), ReasonTCPBudget)
}

// expireStreams gives up holes and streams that are too old at packet time t.
func (d *Decoder) expireStreams(t time.Time) {
	for e := d.gapped.Front(); e != nil; e = d.gapped.Front() {
		s := e.Value.(*stream)
		if t.Sub(s.gapSince) <= d.opt.GapWait {
			break
		}
		d.at.time = t
		d.skipGap(s)
		d.endIfDone(s)
		d.account(s)
	}
	for _, age := range []*list.List{&d.unproven, &d.proven} {
		for e := age.Front(); e != nil; e = age.Front() {
			s := e.Value.(*stream)
			if t.Sub(s.last) <= d.opt.StreamIdle {
				break
			}
			d.forget(s, ReasonTCPIncomplete)
		}
	}
}

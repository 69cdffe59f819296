package agent

import (
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
)

// stream is one RTP stream at this capture point.
type stream struct {
	meter    media.Meter
	src, dst netip.AddrPort
	node     string
	agentID  uint32
	next     *stream // in the chain of one hash
	hash     uint64
	version  uint32 // of the announcements at the last look
	// What SDP announced of its two addresses, nil where nothing, and the
	// versions that were looked at.
	from, to               *announcement
	fromVersion, toVersion uint32
	known                  bool // SDP announced one of its addresses
	reported               bool
	callID                 string
}

// streams is the table of RTP streams. Its order is that of appearance, so
// that the same capture gives the same reports in the same order.
type streams struct {
	byHash map[uint64]*stream
	order  []*stream
	seed   [2]uint64
	pairs  map[uint64]uint32 // latest SSRC of an address pair
}

func (t *streams) init() {
	t.byHash = map[uint64]*stream{}
	t.pairs = map[uint64]uint32{}
	t.seed = [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}
}

// hash mixes the addresses with a secret seed: whoever sends the packets must
// not be able to put them all into one chain.
func (t *streams) hashPair(src, dst netip.AddrPort) uint64 {
	var h uint64
	if src.Addr().Is4() {
		s, d := src.Addr().As4(), dst.Addr().As4()
		h = t.mix(uint64(s[0])<<24|uint64(s[1])<<16|uint64(s[2])<<8|uint64(s[3])|
			uint64(d[0])<<56|uint64(d[1])<<48|uint64(d[2])<<40|uint64(d[3])<<32, 0)
	} else {
		s, d := src.Addr().As16(), dst.Addr().As16()
		for i := 0; i < 16; i += 8 {
			h = t.mix(word(s[i:]), h)
			h = t.mix(word(d[i:]), h)
		}
	}
	return t.mix(uint64(src.Port())<<16|uint64(dst.Port()), h)
}

func word(b []byte) uint64 {
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func (t *streams) mix(v, h uint64) uint64 {
	hi, lo := bits.Mul64(v^t.seed[0]^h, h^t.seed[1])
	return hi ^ lo
}

func (a *Agent) observeRTP(p *packet.Packet) {
	t := &a.streams
	pair := t.hashPair(p.Src, p.Dst)
	h := t.mix(uint64(a.header.SSRC), pair)
	s := t.byHash[h]
	for s != nil && !s.is(p, a.header.SSRC) {
		s = s.next
	}
	if s == nil {
		if s = a.newStream(p, h, pair); s == nil {
			return
		}
	}
	if s.stale(a.announce.version) {
		a.look(s)
	}
	a.Counters.RTP++
	if s.meter.Due(p.Time.UnixNano()) {
		a.report(s, p.Time)
	}
	s.meter.Observe(&a.header, p)
}

func (s *stream) is(p *packet.Packet, ssrc uint32) bool {
	return s.meter.SSRC() == ssrc && s.dst == p.Dst && s.src == p.Src && s.node == p.Node
}

func (a *Agent) newStream(p *packet.Packet, hash, pair uint64) *stream {
	t := &a.streams
	known := a.announce.byAddr[p.Dst] != nil || a.announce.byAddr[p.Src] != nil
	if !known && (!a.opt.Guess || !media.LooksLikeRTP(p.Payload)) {
		a.Counters.Other++
		return nil
	}
	if len(t.order) >= a.opt.MaxStreams {
		a.Counters.RTPUnmetered++
		a.drops.Add("streams_full", p.Time, 1)
		return nil
	}
	before, takeover := t.pairs[pair]
	if len(t.pairs) >= 2*a.opt.MaxStreams {
		clear(t.pairs)
	}
	t.pairs[pair] = a.header.SSRC
	s := &stream{src: p.Src, dst: p.Dst, node: p.Node, agentID: p.AgentID, hash: hash, next: t.byHash[hash], version: a.announce.version - 1}
	s.meter.Reset(a.header.SSRC, takeover && before != a.header.SSRC)
	t.byHash[hash] = s
	t.order = append(t.order, s)
	return s
}

// stale reports whether SDP said something new of the stream's addresses. One
// that is still unknown is looked for when the stream has no other, else with
// the next sweep.
func (s *stream) stale(version uint32) bool {
	if s.to != nil && s.to.version != s.toVersion || s.from != nil && s.from.version != s.fromVersion {
		return true
	}
	return s.to == nil && s.from == nil && s.version != version
}

// look asks the announcements again, since they changed: what a payload type
// means, and whether the addresses belong to another call now.
func (a *Agent) look(s *stream) {
	s.version = a.announce.version
	s.from, s.to = a.announce.byAddr[s.src], a.announce.byAddr[s.dst]
	if s.from != nil {
		s.known, s.fromVersion = true, s.from.version
	}
	if s.to != nil {
		s.known, s.toVersion = true, s.to.version
	}
	s.tell()
	call := a.announce.pair(s.src, s.dst)
	if call == "" || call == s.callID {
		return
	}
	if s.callID != "" { // the addresses went to another call: this is a stream of its own
		ssrc := s.meter.SSRC()
		a.finish(s)
		s.reported = false
		s.meter.Reset(ssrc, false)
		s.tell()
	}
	s.callID = call
}

// tell gives the meter the payload types that the receiver announced, else
// those of the sender.
func (s *stream) tell() {
	e := s.to
	if e == nil {
		e = s.from
	}
	if e == nil {
		return
	}
	for _, p := range e.payloads {
		s.meter.SetPayload(p.pt, p.name, p.clock)
	}
}

// plausible is whether a stream that no SDP announced is RTP after all:
// sequence numbers that mostly follow each other, for a while.
func (s *stream) plausible(r media.Counts) bool {
	return r.Packets >= 16 && r.Lost*2 < r.Packets && r.Restarts*16 < r.Packets
}

func (a *Agent) report(s *stream, now time.Time) {
	if !a.reportable(s) {
		return // its intervals join until it is
	}
	var r media.Report
	for s.meter.Report(now.UnixNano(), &r) {
		// A report has the time at which it was due, not that of the packet
		// that showed it: after a long silence that may be much later.
		at := r.Start.Add(2 * media.Interval)
		if at.After(now) {
			at = now
		}
		a.send(s, &r, at)
	}
}

func (a *Agent) reportable(s *stream) bool {
	if s.known || s.reported {
		return true
	}
	return s.plausible(s.meter.Counts())
}

func (a *Agent) send(s *stream, r *media.Report, now time.Time) {
	if !s.reported {
		s.reported = true
		a.Counters.StreamsReported++
	}
	a.buf = r.AppendJSON(a.buf[:0])
	p := packet.Packet{
		Time: now, Src: s.src, Dst: s.dst, Transport: packet.UDP, Kind: packet.KindReport,
		Node: s.node, Domain: a.opt.Domain, AgentID: s.agentID, Payload: a.buf,
	}
	if s.callID != "" {
		p.CorrelationID = []byte(s.callID)
	}
	a.emit(&p)
}

// finish gives all reports that a stream still owes.
func (a *Agent) finish(s *stream) {
	if !a.reportable(s) {
		a.Counters.RTPGuessed += s.meter.Counts().Packets
		return
	}
	a.report(s, a.now)
	at := s.meter.Last().Add(a.opt.StreamIdle)
	if at.After(a.now) {
		at = a.now
	}
	var r media.Report
	for s.meter.Final(&r) {
		a.send(s, &r, at)
	}
}

func (a *Agent) sweepStreams() {
	t := &a.streams
	now := a.now.UnixNano()
	kept := t.order[:0]
	for _, s := range t.order {
		if s.version != a.announce.version {
			a.look(s)
		}
		idle := a.opt.StreamIdle
		if !s.known && !s.reported {
			idle = 10 * time.Second // a guess that nothing confirms
		}
		if a.now.Sub(s.meter.Last()) > idle {
			a.finish(s)
			t.remove(s)
			continue
		}
		if s.meter.Due(now) {
			a.report(s, a.now)
		}
		kept = append(kept, s)
	}
	clear(t.order[len(kept):])
	t.order = kept
}

func (t *streams) remove(s *stream) {
	first := t.byHash[s.hash]
	if first == s {
		if s.next == nil {
			delete(t.byHash, s.hash)
		} else {
			t.byHash[s.hash] = s.next
		}
		return
	}
	for o := first; o != nil; o = o.next {
		if o.next == s {
			o.next = s.next
			return
		}
	}
}

func (a *Agent) closeStreams() {
	for _, s := range a.streams.order {
		if s.version != a.announce.version {
			a.look(s)
		}
		a.finish(s)
	}
	a.streams.order = nil
	clear(a.streams.byHash)
}

package agent

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/earshot-voip/earshot/agent/recorder"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
)

// stream is one RTP stream at this capture point. What every packet needs
// stands first.
type stream struct {
	src, dst netip.AddrPort
	node     string
	version  uint32 // of the announcements at the last look
	checked  uint32 // of the announcements when those of its addresses were last known to be the same
	meter    media.Meter
	recorded recorder.Flow
	agentID  uint32
	hash     uint64
	// What SDP announced of its two addresses, nil where nothing, and the
	// versions that were looked at.
	from, to               *announcement
	fromVersion, toVersion uint32
	known                  bool // SDP announced one of its addresses
	reported               bool
	guess                  bool // counted among the guesses
	frozen                 bool // its call was, for how it was heard
	domain                 string
	callID                 string
}

// streams is the table of RTP streams. Its order is that of appearance, so
// that the same capture gives the same reports in the same order.
type streams struct {
	table streamTable
	order []*stream
	pairs map[uint64]uint32 // latest SSRC of an address pair, by its hash
	// guesses are streams of addresses that no SDP has announced.
	guesses int
}

func (t *streams) init() {
	t.table = newStreamTable()
	t.pairs = map[uint64]uint32{}
}

func (a *Agent) observeRTP(p *packet.Packet) {
	t := &a.streams.table
	pair := t.hashPair(p.Src, p.Dst)
	h := t.mix(uint64(a.header.SSRC), pair)
	s := t.find(h, p, a.header.SSRC)
	if s == nil {
		if s = a.newStream(p, h, pair); s == nil {
			return
		}
	}
	if s.checked != a.announce.version {
		s.checked = a.announce.version
		if s.stale(s.checked) {
			a.look(s)
		}
	}
	if r := a.opt.Recorder; r != nil {
		r.RTP(&s.recorded, p, a.header.PayloadOffset)
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
	// Anybody can make up streams: those that are announced keep half of the
	// table for themselves.
	if len(t.order) >= a.opt.MaxStreams || !known && 2*t.guesses >= a.opt.MaxStreams {
		a.refuse(p, ReasonStreamsFull, &a.Counters.RTPUnmetered)
		return nil
	}
	if set(a.opt.MemoryFull) {
		a.refuse(p, ReasonMemory, &a.Counters.RTPRefusedMemory)
		return nil
	}
	if set(a.opt.CPUFull) {
		a.refuse(p, ReasonCPU, &a.Counters.RTPRefusedCPU)
		return nil
	}
	before, takeover := t.pairs[pair]
	if len(t.pairs) >= 2*a.opt.MaxStreams {
		clear(t.pairs)
	}
	t.pairs[pair] = a.header.SSRC
	s := &stream{src: p.Src, dst: p.Dst, node: p.Node, agentID: p.AgentID, domain: p.Domain, guess: !known, hash: hash, version: a.announce.version - 1, checked: a.announce.version - 1}
	if a.opt.NoBuffers {
		s.meter.WithoutBuffers()
	}
	s.meter.Reset(a.header.SSRC, takeover && before != a.header.SSRC)
	if s.guess {
		t.guesses++
	}
	t.table.add(s)
	t.order = append(t.order, s)
	return s
}

func set(flag *atomic.Bool) bool { return flag != nil && flag.Load() }

// refuse counts a packet of a stream that is not metered.
func (a *Agent) refuse(p *packet.Packet, reason string, n *uint64) {
	*n++
	a.drops.Add(reason, p.Time, 1)
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
	if s.known && s.guess {
		s.guess = false
		a.streams.guesses--
	}
	s.tell()
	a.listen(s)
	call, since := a.announce.pair(s.src, s.dst)
	if call == "" || call == s.callID {
		return
	}
	if s.callID != "" {
		// Legs of a box that leaves media alone announce the same addresses:
		// only a call that came to both after the stream began took them over.
		if !since.After(s.meter.First()) {
			return
		}
		// What comes now is a stream of its own.
		ssrc := s.meter.SSRC()
		a.finish(s)
		s.reported, s.frozen = false, false
		s.meter.Reset(ssrc, false)
		s.tell()
		a.listen(s)
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
		if p.video {
			s.meter.SetVideo(p.pt, p.name, p.clock)
		} else {
			s.meter.SetPayload(p.pt, p.name, p.clock)
		}
	}
}

// listen has the meter decode the stream if it is known what its payload is,
// and that it is not encrypted: where no SDP was seen it may be SRTP, which
// nothing in the packet tells.
func (a *Agent) listen(s *stream) {
	if !a.opt.Signal {
		return
	}
	plain := s.from != nil || s.to != nil
	for _, e := range [...]*announcement{s.from, s.to} {
		plain = plain && (e == nil || !e.sealed)
	}
	s.meter.Listen(plain)
}

// plausible is whether a stream that no SDP announced is RTP after all:
// sequence numbers that go forward, for a while. It may have lost most of its
// packets; numbers that mean nothing else begin anew all the time.
func (s *stream) plausible(r media.Counts) bool {
	return r.Packets >= 16 && r.Lost < 8*r.Packets && r.Restarts*16 < r.Packets
}

func (a *Agent) report(s *stream, now time.Time) {
	if !a.reportable(s) {
		return // its intervals join until it is
	}
	for s.meter.Report(now.UnixNano(), &a.reported) {
		// A report has the time at which it was due, not that of the packet
		// that showed it: after a long silence that may be much later.
		at := a.reported.Start.Add(2 * media.Interval)
		if at.After(now) {
			at = now
		}
		a.judge(s, &a.reported)
		a.send(s, &a.reported, at)
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
	a.out = packet.Packet{
		Time: now, Src: s.src, Dst: s.dst, Transport: packet.UDP, Kind: packet.KindReport,
		Node: s.node, Domain: s.domain, AgentID: s.agentID,
	}
	if s.callID != "" {
		a.call = append(a.call[:0], s.callID...)
		a.out.CorrelationID = a.call
	}
	a.buf = r.AppendJSON(a.buf[:0])
	if a.opt.SharedKeys {
		a.buf = r.AppendShared(a.buf, &a.out)
	}
	a.out.Payload = a.buf
	a.pass(&a.out)
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
	for s.meter.Final(&a.reported) {
		a.judge(s, &a.reported)
		a.send(s, &a.reported, at)
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
		if quiet := a.now.Sub(s.meter.Last()); quiet > idle || quiet < -setBack {
			a.finish(s)
			if s.guess {
				t.guesses--
			}
			t.table.remove(s)
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

func (a *Agent) closeStreams() {
	for _, s := range a.streams.order {
		if s.version != a.announce.version {
			a.look(s)
		}
		a.finish(s)
	}
	a.streams.order = nil
	a.streams.table = newStreamTable()
}

package topology

import (
	"hash/maphash"
	"iter"
	"net/netip"
	"slices"
	"time"
)

// Stream is an RTP stream at one capture point.
type Stream struct {
	Domain   string
	Src, Dst netip.AddrPort
	SSRC     uint32
	First    time.Time // packet
}

// Stream takes a stream. One that leaves a host as it came to it was relayed.
func (t *Table) Stream(s *Stream, at time.Time) {
	if s.Src.Addr() == s.Dst.Addr() {
		return
	}
	is := flow{key: flowKey{maphash.String(seed, s.Domain), s.SSRC}, src: s.Src, dst: s.Dst, first: s.First.UnixNano()}
	var others [maxFlows]*flow
	list := others[:0]
	for o := range t.flows.of(is.key) {
		if time.Duration(o.first-is.first).Abs() > atMost {
			continue
		}
		if o.src == is.src && o.dst == is.dst {
			return // at another capture point
		}
		list = append(list, o)
	}
	src, dst := t.host(s.Domain, s.Src.Addr(), at), t.host(s.Domain, s.Dst.Addr(), at)
	src.Counts.StreamsSent++
	dst.Counts.StreamsReceived++
	src.peers.addAddr(s.Dst.Addr())
	dst.peers.addAddr(s.Src.Addr())
	is.relayed = slices.ContainsFunc(list, func(o *flow) bool { return o.into(&is) })
	if is.relayed {
		src.Counts.StreamsRelayed++
	}
	for _, o := range list {
		if is.into(o) && !o.relayed { // the one that comes in is told of later
			o.relayed = true
			t.host(s.Domain, o.src.Addr(), at).Counts.StreamsRelayed++
		}
	}
	t.flows.add(&is)
}

// into reports whether o goes out of the host that f comes to. An echo, as
// load generators send it, goes back to where it came from: it is none.
func (f *flow) into(o *flow) bool {
	return f.dst.Addr() == o.src.Addr() && f.src.Addr() != o.dst.Addr()
}

const (
	// atMost is how much sooner or later a stream comes out of a relay than it
	// goes in, as reports tell it.
	atMost = 2 * time.Second
	// maxFlows of one SSRC are looked at: load generators give all their streams
	// the same.
	maxFlows = 16
)

// flow is a stream as it is remembered.
type flow struct {
	key      flowKey
	src, dst netip.AddrPort
	first    int64 // ns
	seq      uint64
	relayed  bool
	before   int32 // place of the one of this key before it; valid while that is older and has the key
}

type flowKey struct {
	domain uint64
	ssrc   uint32
}

// flows remembers the latest streams by their SSRC in a ring.
type flows struct {
	ring   []flow
	most   int
	seq    uint64
	latest map[flowKey]int32 // place of the latest of a key
}

func newFlows(most int) flows { return flows{most: max(most, 1), latest: map[flowKey]int32{}} }

// of gives the streams of a key, the latest first.
func (f *flows) of(k flowKey) iter.Seq[*flow] {
	return func(yield func(*flow) bool) {
		at, ok := f.latest[k]
		if !ok {
			return
		}
		older := f.seq + 1
		for range maxFlows {
			is := &f.ring[at]
			if is.key != k || is.seq >= older || !yield(is) || is.before < 0 {
				return
			}
			older, at = is.seq, is.before
		}
	}
}

func (f *flows) add(is *flow) {
	at := int32(f.seq % uint64(f.most))
	f.seq++
	is.seq, is.before = f.seq, -1
	if before, ok := f.latest[is.key]; ok {
		is.before = before
	}
	if int(at) == len(f.ring) {
		f.ring = append(f.ring, *is)
	} else {
		if old := f.ring[at].key; f.latest[old] == at {
			delete(f.latest, old)
		}
		f.ring[at] = *is
	}
	f.latest[is.key] = at
}

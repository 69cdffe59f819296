package link

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Pair takes the media addresses of two legs: both announce what the other
// does, so that a box between them lets media pass by. Two calls between the same
// hosts use the same ports, as load generators do.
func (t *Table) Pair(l, o *Leg, at time.Time) {
	if alike(l.begin.src, o.begin.src) || alike(l.begin.dst, o.begin.dst) {
		return
	}
	t.link(l, o, Media, "", sure, at)
}

// Stream is an RTP stream of a leg.
type Stream struct {
	SSRC       uint32
	Src, Dst   netip.Addr
	FromCaller bool
	First      time.Time // packet
}

// stream is one as it is remembered: hosts are compared only.
type stream struct {
	leg           *Leg
	next, sibling *stream // of its key; of its leg
	key, src, dst uint64
	first         int64 // ns
	fromCaller    bool
}

const (
	// atOnce is how much later a stream comes out of a box than it went in where
	// the box had both legs up, and atMost where it had to wait for one.
	atOnce = 250 * time.Millisecond
	atMost = 2 * time.Second
	// apartBy is by how much another stream must begin further away for there to be
	// no doubt which one it is.
	apartBy = 50 * time.Millisecond
	// maxStreams of a leg, and of an SSRC, are remembered.
	maxStreams = 16
	maxOfSSRC  = 256
)

// Stream takes a stream of a leg.
func (t *Table) Stream(l *Leg, is Stream) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], is.SSRC)
	s := &stream{leg: l, key: hash('s', l.Domain, b[:]), src: hashAddr(is.Src), dst: hashAddr(is.Dst), first: is.First.UnixNano(), fromCaller: is.FromCaller}
	own, shared := 0, 0
	for o := l.streams; o != nil; o = o.sibling {
		own++
	}
	for o := t.streams[s.key]; o != nil && shared < maxOfSSRC; o = o.next {
		shared++
	}
	switch {
	case l.forgotten:
	case shared >= maxOfSSRC || own >= maxStreams:
		t.Counters.Refused++
	default:
		s.next, t.streams[s.key] = t.streams[s.key], s
		s.sibling, l.streams = l.streams, s
	}
}

// byStreams looks for the leg out of which the streams of one that is over came:
// through a box between them, which leaves them their SSRC. Load generators and
// announcements give many streams one SSRC. So a stream that goes on in its own leg,
// or is known to come out of another one, is looked for in no other, and one of
// several that begin together is as likely as each other.
func (t *Table) byStreams(l *Leg, at time.Time) {
	for s := l.streams; s != nil; s = s.sibling {
		var best *stream
		apart, next, have := atMost, atMost, atMost
		for o := t.streams[s.key]; o != nil; o = o.next {
			d := time.Duration(o.first - s.first).Abs()
			if o.leg == l || o.fromCaller != s.fromCaller || d >= atMost || !s.cameOutOf(o) && !(s.besides(o) && later(l, o.leg)) || t.goesOn(s, o) || t.goesOn(o, s) {
				continue
			}
			switch {
			case o.leg.with(l):
				have = min(have, d)
			case best == nil || d < apart:
				if best != nil && !best.leg.with(o.leg) {
					next = apart
				}
				best, apart = o, d
			case !best.leg.with(o.leg):
				next = min(next, d)
			}
		}
		if best == nil || have < atMost {
			continue
		}
		confidence := sure
		if apart > atOnce {
			confidence = 0.7
		}
		if !s.cameOutOf(best) {
			confidence *= 0.7
		}
		if next-apart < apartBy {
			confidence /= 2
		}
		t.link(l, best.leg, SSRC, "", confidence, at)
	}
}

// cameOut looks for the legs that are over, too, and whose streams may have come
// out of those of l, before the row of l is written without them.
func (t *Table) cameOut(l *Leg, at time.Time) {
	for s := l.streams; s != nil; s = s.sibling {
		for o := t.streams[s.key]; o != nil; o = o.next {
			if o.leg != l && o.fromCaller == s.fromCaller && time.Duration(o.first-s.first).Abs() < atMost && (o.cameOutOf(s) || o.besides(s) && later(o.leg, l)) &&
				o.leg.source != nil && !o.leg.source.Facts().End.IsZero() {
				t.byStreams(o.leg, at)
			}
		}
	}
}

// cameOutOf reports whether the box between two legs had the stream in the other
// one, on the caller's side: what the caller sends comes in there, what the callee
// sends goes out.
func (s *stream) cameOutOf(o *stream) bool {
	if s.fromCaller {
		return o.dst == s.src && o.src != s.dst
	}
	return o.src == s.dst && o.dst != s.src
}

// besides reports whether the two may be of a box with an address on each side.
func (s *stream) besides(o *stream) bool {
	return o.src != s.src && o.dst != s.dst && o.src != s.dst && o.dst != s.src
}

// goesOn reports whether the stream is known in its own leg where o would be its
// next part, or the one before.
func (t *Table) goesOn(s, o *stream) bool {
	for own := s.leg.streams; own != nil; own = own.sibling {
		if own == s || own.key != s.key || own.fromCaller != s.fromCaller {
			continue
		}
		if s.dst == o.src && own.src == s.dst || s.src == o.dst && own.dst == s.src {
			return true
		}
	}
	return false
}

func (t *Table) forgetStreams(l *Leg) {
	for s := l.streams; s != nil; s = s.sibling {
		var kept *stream
		for o := t.streams[s.key]; o != nil; {
			next := o.next
			if o.leg != l {
				o.next, kept = kept, o
			}
			o = next
		}
		if kept == nil {
			delete(t.streams, s.key)
		} else {
			t.streams[s.key] = kept
		}
	}
	l.streams = nil
}

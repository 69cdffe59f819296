package link

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Pair takes the media addresses of two legs: both announce what the other
// does, so that a box between them lets media pass by.
func (t *Table) Pair(l, o *Leg, at time.Time) { t.link(l, o, Media, "", sure, at) }

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
	// maxStreams of a leg are remembered.
	maxStreams = 16
)

// Stream takes a stream of a leg: where it comes out of a box on one leg as it
// went in on another, by its SSRC, the box lies between them. Load generators
// give all their streams one SSRC: so time and direction count, too.
func (t *Table) Stream(l *Leg, is Stream, at time.Time) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], is.SSRC)
	s := &stream{leg: l, key: hash('s', l.Domain, b[:]), src: hashAddr(is.Src), dst: hashAddr(is.Dst), first: is.First.UnixNano(), fromCaller: is.FromCaller}
	shared := 0
	for o := t.streams[s.key]; o != nil; o = o.next {
		shared++
		apart := time.Duration(o.first - s.first).Abs()
		if o.leg == l || o.fromCaller != s.fromCaller || apart > atMost {
			continue
		}
		confidence := sure
		if apart > atOnce {
			confidence = 0.7
		}
		switch {
		case o.dst == s.src && o.src != s.dst, o.src == s.dst && o.dst != s.src:
			t.link(l, o.leg, SSRC, "", confidence, at)
		case o.src != s.src && o.dst != s.dst && o.src != s.dst && o.dst != s.src: // a box with another address on each side
			t.link(l, o.leg, SSRC, "", confidence*0.7, at)
		}
	}
	own := 0
	for o := l.streams; o != nil; o = o.sibling {
		own++
	}
	if shared < maxShared && own < maxStreams && !l.forgotten {
		s.next, t.streams[s.key] = t.streams[s.key], s
		s.sibling, l.streams = l.streams, s
	}
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

package link

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Pair takes the media addresses of two legs: both announce what the other does, so
// that a box between them lets media pass by. Two calls between the same hosts use the
// same ports, as load generators do; and every customer has private addresses, which
// are the same at many.
func (t *Table) Pair(l, o *Leg, a, b netip.Addr, at time.Time) {
	if alike(l.begin.src, o.begin.src) || alike(l.begin.dst, o.begin.dst) {
		return
	}
	confidence := sure
	if private(a) != nil && private(b) != nil && !l.outOf(o) && !o.outOf(l) && !(l.within(a) && o.within(a)) {
		confidence = even
	}
	t.link(l, o, Media, "", confidence, at)
}

// privates are the address spaces that everybody has.
var privates = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), // RFC 1918
	netip.MustParsePrefix("100.64.0.0/10"),                                      // RFC 6598
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10"), // RFC 3927, RFC 4291
	netip.MustParsePrefix("fc00::/7"), // RFC 4193
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
}

// private is the private address space that an address is of, nil where it is of none.
func private(a netip.Addr) *netip.Prefix {
	for i := range privates {
		if privates[i].Contains(a.Unmap()) {
			return &privates[i]
		}
	}
	return nil
}

// within reports whether both ends of a leg signal from the private address space of
// an address.
func (l *Leg) within(a netip.Addr) bool {
	if l.source == nil {
		return false
	}
	f, space := l.source.Facts(), private(a)
	return private(f.Src) == space && private(f.Dst) == space
}

// Stream is an RTP stream of a leg.
type Stream struct {
	SSRC       uint32
	Src, Dst   netip.Addr
	FromCaller bool
	First      time.Time     // packet
	Seq        uint16        // of it; valid where Ptime is
	Ptime      time.Duration // of its packets; 0 where that, or Seq, is not known
}

// stream is one as it is remembered: hosts are compared only.
type stream struct {
	leg           *Leg
	next, sibling *stream // of its key; of its leg
	key, src, dst uint64
	first         int64 // ns
	seq           uint16
	ptime         uint8 // ms; 0 where it, or seq, is not known
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
	// transit is how long a packet takes through a box, and randomFrom the sequence
	// number from which on it is taken for random (RFC 3550 section 5.1): many
	// senders begin near 0.
	transit    = 100 * time.Millisecond
	randomFrom = 256
	// maxStreams of a leg, and of an SSRC, are remembered.
	maxStreams = 16
	maxOfSSRC  = 256
)

// Stream takes a stream of a leg.
func (t *Table) Stream(l *Leg, is Stream) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], is.SSRC)
	s := &stream{leg: l, key: hash('s', l.Domain, b[:]), src: hashAddr(is.Src), dst: hashAddr(is.Dst), first: is.First.UnixNano(), fromCaller: is.FromCaller}
	if ms := is.Ptime.Milliseconds(); ms < 256 {
		s.seq, s.ptime = is.Seq, uint8(ms)
	}
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
			d, _ := s.apart(o)
			if !s.follows(o) && !(s.besides(o) && o.fromCaller == s.fromCaller && later(l, o.leg)) || d >= atMost || o.leg == l || t.goesOn(s, o) || t.goesOn(o, s) {
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
		if best != nil && have >= atMost {
			t.link(l, best.leg, SSRC, "", t.passedOn(s, best, next), at)
		}
	}
}

// passedOn is how sure it is that a box passed on one stream as another one, where
// the next that fits is so far apart.
func (t *Table) passedOn(s, o *stream, next time.Duration) float64 {
	apart, runsOn := s.apart(o)
	constant := false
	for r := t.streams[s.key]; r != nil; r = r.next {
		if r.leg.with(s.leg) || r.leg.with(o.leg) {
			continue
		}
		if r.follows(o) || r.besides(o) && r.fromCaller == o.fromCaller {
			d, _ := r.apart(o)
			next = min(next, d)
		}
		constant = constant || r.likes(s) || r.likes(o) || !r.touches(s) && !r.touches(o)
	}
	told := s.ptime != 0 && s.ptime == o.ptime
	switch {
	case next-apart < apartBy:
		return sure / 2
	case constant || told && !runsOn:
		return even
	case s.follows(o) && apart > atOnce:
		return 0.7
	case s.follows(o):
		return sure
	case runsOn && apart <= transit && s.seq >= randomFrom && o.seq >= randomFrom: // no box in common, but the sequence
		return 0.7 * sure
	}
	return even
}

// apart is how far apart two streams are that may be one: the packets of one
// sequence number where one runs on as the other, else the first packets.
func (s *stream) apart(o *stream) (apart time.Duration, runsOn bool) {
	d := time.Duration(o.first - s.first)
	if s.ptime != 0 && s.ptime == o.ptime {
		if run := (d - time.Duration(int16(o.seq-s.seq))*time.Duration(s.ptime)*time.Millisecond).Abs(); run <= atOnce {
			return run, true
		}
	}
	return d.Abs(), false
}

// follows reports whether the other stream came into the box that this one is of.
func (s *stream) follows(o *stream) bool { return o.fromCaller == s.fromCaller && s.cameOutOf(o) }

// likes reports whether two streams go between the same hosts.
func (s *stream) likes(o *stream) bool { return s.src == o.src && s.dst == o.dst }

// touches reports whether one of two streams ends where the other begins.
func (s *stream) touches(o *stream) bool { return s.src == o.dst || s.dst == o.src }

// cameOut looks for the legs that are over, too, and whose streams may have come
// out of those of l, before the row of l is written without them.
func (t *Table) cameOut(l *Leg, at time.Time) {
	for s := l.streams; s != nil; s = s.sibling {
		for o := t.streams[s.key]; o != nil; o = o.next {
			if d, _ := o.apart(s); o.leg != l && d < atMost && (o.follows(s) || o.besides(s) && o.fromCaller == s.fromCaller && later(o.leg, l)) &&
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

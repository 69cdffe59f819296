package analyzer

import (
	"fmt"
	"slices"

	"github.com/earshot-voip/earshot/analyzer/dialog"
)

// segments numbers the points at which each direction was seen, along the
// path: the address that its owner itself announced is the end of it.
func (m *callMedia) segments() {
	for _, side := range [...]dialog.Side{dialog.A, dialog.B} {
		var hops []int
		for _, s := range m.streams {
			if s.tie.from == side && !slices.Contains(hops, s.distance()) {
				hops = append(hops, s.distance())
			}
		}
		if len(hops) < 2 {
			continue
		}
		slices.Sort(hops)
		slices.Reverse(hops)
		for _, s := range m.streams {
			if s.tie.from == side {
				s.segment = fmt.Sprintf("%d/%d", slices.Index(hops, s.distance())+1, len(hops))
			}
		}
	}
}

// hop is how far from its receiver the stream was seen; 0 is next to it.
func (s *stream) hop() int {
	if s.tie.to == nil {
		return 0
	}
	return s.tie.to.Hop
}

// distance orders the points along the path of a direction: a stream to the
// address that its receiver announced is nearer to it than one to a stranger,
// such as a relay that no SDP names.
func (s *stream) distance() int {
	if s.tie.to == nil {
		return 1
	}
	return 2 * s.tie.to.Hop
}

func measuredAt(s *stream) string {
	at := "receiver"
	if h := s.hop(); h > 0 {
		at = fmt.Sprintf("hop-%d", h)
	}
	return s.key.node + "/" + at
}

// measured are the voice streams of one direction that count for the call:
// those nearest to the receiver. One that was seen at the same time nearer to
// the receiver, or at another node, is the same media once more.
func measured(streams []*stream, side dialog.Side) []*stream {
	var out []*stream
	for _, s := range streams {
		if s.tie.from != side || s.counts.Packets == 0 || s.mediaType() == "video" {
			continue
		}
		again := false
		for _, o := range streams {
			if o == s || o.tie.from != side || o.counts.Packets == 0 || o.mediaType() == "video" || !overlap(s, o) {
				continue
			}
			if o.distance() < s.distance() || o.distance() == s.distance() && o.key.ssrc == s.key.ssrc && o.key.src == s.key.src && o.key.dst == s.key.dst && o.seq < s.seq {
				again = true
			}
			again = again || s.foreign(o)
		}
		if !again {
			out = append(out, s)
		}
	}
	return out
}

// foreign reports whether s came from a host that nobody named to where o, from
// a host that was named, arrived at the same time.
func (s *stream) foreign(o *stream) bool {
	return s.tie.strength == weakTarget && o.tie.strength > weakTarget && s.tie.from == o.tie.from && s.key.dst == o.key.dst &&
		s.key.src.Addr() != o.key.src.Addr() && o.counts.Packets > 0 && overlap(s, o)
}

// overlap reports whether two streams ran side by side for most of s.
func overlap(s, o *stream) bool {
	from, to := s.first, s.last
	if o.first.After(from) {
		from = o.first
	}
	if o.last.Before(to) {
		to = o.last
	}
	return to.Sub(from)*2 >= s.last.Sub(s.first)
}

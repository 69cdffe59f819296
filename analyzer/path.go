package analyzer

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/record"
)

// segments numbers the points at which each direction was seen, along the
// path: through one leg the address that its owner itself announced is the end
// of it, and where legs belong together and the box between them passes media on
// as it is, the path goes on in the next one. Points with the same addresses are
// ordered by what routers took from TTL, and by time.
func (m *callMedia) segments(legs []*callMedia) {
	m.countCopies()
	for _, o := range legs {
		o.countCopies()
	}
	for _, side := range [...]dialog.Side{dialog.A, dialog.B} {
		var path []*stream
		for _, s := range m.streams {
			if s.tie.from == side && s.counts.Packets > 0 {
				path = append(path, s)
			}
		}
		own := len(path)
		for o := range otherLegs(m, legs) {
			if o.tie.from == side && slices.ContainsFunc(path[:own], func(s *stream) bool { return s.passedOn(o) }) {
				path = append(path, o)
			}
		}
		slices.SortStableFunc(path, func(x, y *stream) int { return alongPath(x, y, side) })
		points := make([]int, len(path))
		for i, s := range path {
			if i > 0 {
				points[i] = points[i-1]
			}
			if i == 0 || s.tie.call != path[i-1].tie.call || s.place() != path[i-1].place() {
				points[i]++
			}
		}
		for i, s := range path {
			of := points[len(points)-1]
			if of < 2 || !slices.Contains(m.streams, s) {
				continue
			}
			s.segment = fmt.Sprintf("%d/%d", points[i], of)
			before := 0
			for j, o := range path[:i] {
				if points[j] < points[i] && points[j] > before && (s.passedOn(o) || o.tie.call == s.tie.call && o.key.ssrc == s.key.ssrc && o.mediaType() == s.mediaType() && overlap(s, o)) {
					s.before, before = o, points[j]
				}
			}
		}
	}
}

// countCopies counts for each stream the points before it at which the same
// packets had the same addresses.
func (m *callMedia) countCopies() {
	for _, s := range m.streams {
		s.copied = 0
		for _, o := range m.streams {
			if o != s && o.counts.Packets > 0 && s.copies(o) && cmp.Or(-cmp.Compare(o.ttlMax, s.ttlMax), o.first.Compare(s.first), strings.Compare(o.key.node, s.key.node)) < 0 {
				s.copied++
			}
		}
	}
}

// otherLegs are the streams of the other legs of a session: of those whose rows
// are still to be written, and of those whose rows are, as they stood then.
func otherLegs(m *callMedia, legs []*callMedia) iter.Seq[*stream] {
	return func(yield func(*stream) bool) {
		for _, o := range legs {
			for _, s := range o.streams {
				if s.counts.Packets > 0 && !yield(s) {
					return
				}
			}
		}
		for _, s := range m.passed {
			if !yield(s) {
				return
			}
		}
	}
}

// legsOf are the media of the other legs of the session of a call.
func (a *Analyzer) legsOf(c *dialog.Call, m *callMedia) []*callMedia {
	if a.opt.Link.Off {
		return nil
	}
	legs := slices.Clone(m.sameID)
	if l := a.legs.Find(c.Domain(), []byte(c.CallID())); l != nil {
		for src := range l.Sources {
			if o := a.calls[(*dialog.Call)(src.(*source))]; o != nil && o != m && !slices.Contains(legs, o) {
				legs = append(legs, o)
			}
		}
	}
	return legs
}

// passOn leaves the streams of a call whose rows are being written to the other
// legs that they went on in.
func (m *callMedia) passOn(legs []*callMedia) {
	for _, s := range m.streams {
		var copied *stream
		for _, o := range legs {
			if s.counts.Packets == 0 || len(o.passed) >= maxCallStreams || !slices.ContainsFunc(o.streams, s.passedOn) {
				continue
			}
			if copied == nil {
				is := *s
				is.before = nil
				copied = &is
			}
			o.passed = append(o.passed, copied)
		}
	}
}

// heldUp is by how much one of two legs may have media longer than the other one
// where both have the same.
const heldUp = 2 * time.Second

// passedOn reports whether two streams are the same media in two legs: where one
// goes on without the other, such as after a transfer, what is counted of them does
// not compare.
func (s *stream) passedOn(o *stream) bool {
	return s.tie.call != o.tie.call && s.tie.from == o.tie.from && s.key.ssrc == o.key.ssrc && o.counts.Packets > 0 && s.mediaType() == o.mediaType() &&
		s.first.Sub(o.first).Abs() < heldUp && s.last.Sub(o.last).Abs() < heldUp
}

// alongPath orders points of one direction from the sender on. The leg whose
// media goes into a box comes before the one whose media leaves it; where no
// address tells that, the caller's leg is the one that began first.
func alongPath(x, y *stream, side dialog.Side) int {
	switch {
	case x.tie.call == y.tie.call:
		return cmp.Compare(x.place(), y.place())
	case x.wentInto(y) != y.wentInto(x):
		if x.wentInto(y) {
			return -1
		}
		return 1
	case side == dialog.B:
		x, y = y, x
	}
	return cmp.Or(x.tie.call.FirstSeen().Compare(y.tie.call.FirstSeen()), strings.Compare(x.tie.call.CallID(), y.tie.call.CallID()))
}

// wentInto reports whether o left the host that s went to.
func (s *stream) wentInto(o *stream) bool { return s.key.dst.Addr() == o.key.src.Addr() }

// copies reports whether two streams are the same packets at two points between
// which nobody changed their addresses.
func (s *stream) copies(o *stream) bool {
	return s.key.ssrc == o.key.ssrc && s.key.src == o.key.src && s.key.dst == o.key.dst && s.key.node != o.key.node && overlap(s, o)
}

// place is where along the path of its direction the stream was seen, from the
// sender on.
func (s *stream) place() int { return -1000*s.distance() + int(s.copied) }

// distinct is how many sequence numbers arrived.
func (s *stream) distinct() uint64 { return s.counts.Expected - min(s.counts.Lost, s.counts.Expected) }

// segmentRow fills what arose between the point before and this one. A delay is
// known where one clock saw the first packet at both, or it is known how far one
// is ahead of the other.
func (a *Analyzer) segmentRow(r *record.Stream, s *stream) {
	b := s.before
	if b == nil || s.wrote != nil || b.counts.Packets == 0 {
		return
	}
	r.SegmentLost = new(int64(b.distinct()) - int64(s.distinct()))
	if x, y := b.jitterSum(), s.jitterSum(); x.n > 0 && y.n > 0 {
		r.SegmentJitterMs = rounded(y.sum/float64(y.n) - x.sum/float64(x.n))
	}
	if !s.samePacket() {
		return
	}
	if ahead, ok := a.ahead(s, b); ok {
		r.SegmentDelayMs = rounded(ms(s.first.Sub(b.first)) - ahead)
	}
}

// clockGap is how far the clock of a node is ahead of another one's, ms.
type clockGap struct {
	node, other string
	ahead       float64
}

// exactly is by how much that may be wrong for delays between the two nodes to
// be told, ms.
const exactly = 5

// clockGaps are those that the signalling of a call tells exactly enough.
func clockGaps(hops []*record.Hop) []clockGap {
	var out []clockGap
	for _, h := range hops {
		if h.ClockOffsetMs == nil || h.ClockErrorMs == nil || *h.ClockErrorMs > exactly || h.ParentBranch == nil {
			continue
		}
		if i := slices.IndexFunc(hops, func(o *record.Hop) bool { return o.Branch == *h.ParentBranch && o.CSeq == h.CSeq }); i >= 0 {
			out = append(out, clockGap{h.Node, hops[i].Node, *h.ClockOffsetMs}, clockGap{hops[i].Node, h.Node, -*h.ClockOffsetMs})
		}
	}
	return out
}

// clockGaps are those that media tells: of the first packet of each direction,
// where the two pass two nodes the opposite way. What they take both ways is no
// less than either takes, so that half of it is by how much the middle may be wrong.
func (m *callMedia) clockGaps() []clockGap {
	var out []clockGap
	for _, there := range m.streams {
		for _, back := range m.streams {
			if there.tie.from == back.tie.from || !there.samePacket() || !back.samePacket() || there.key.node == back.key.node ||
				there.key.node != back.before.key.node || there.before.key.node != back.key.node {
				continue
			}
			x, y := ms(there.first.Sub(there.before.first)), ms(back.first.Sub(back.before.first))
			if x+y >= 0 && (x+y)/2 <= exactly {
				out = append(out, clockGap{there.key.node, back.key.node, (x - y) / 2})
			}
		}
	}
	return out
}

// samePacket reports whether the first packet is the first one at the point
// before, too.
func (s *stream) samePacket() bool {
	return s.before != nil && s.before.counts.Packets > 0 && s.firstSeq != 0 && s.firstSeq == s.before.firstSeq
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// ahead is how far the clock that saw s is ahead of the one that saw o, ms.
func (a *Analyzer) ahead(s, o *stream) (ms float64, ok bool) {
	if s.key.node == o.key.node {
		return 0, true
	}
	i := slices.IndexFunc(a.clocks, func(g clockGap) bool { return g.node == s.key.node && g.other == o.key.node })
	if i < 0 {
		return 0, false
	}
	return a.clocks[i].ahead, true
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
			if o.distance() < s.distance() || o.distance() == s.distance() && o.key.ssrc == s.key.ssrc && o.key.src == s.key.src && o.key.dst == s.key.dst &&
				(o.copied > s.copied || o.copied == s.copied && o.seq < s.seq) {
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

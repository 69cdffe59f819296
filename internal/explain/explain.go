// Package explain tells what the records of a call say as a person would:
// who called whom, how it went in either direction, when it was bad and why,
// and what nobody knows. It is pure: rows in, text out.
package explain

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// Rows are the records of one Call-ID. Several calls have it where two 2xx
// came, or where somebody used it again.
type Rows struct {
	Calls     []*record.Call
	Attempts  []*record.Attempt
	Hops      []*record.Hop     // of calls that were seen at more than one
	Messages  []*record.Message // INVITEs, and 2xx to them
	Streams   []*record.Stream
	Intervals []*record.Interval
	Reports   []*record.Report
	Drops     []*record.Drop // while the calls lasted
	Legs      []Leg          // of the end-to-end call, those of Calls too
	Links     []*record.Link // of its legs
	// Lacks are tables and columns that the store does not have, as one of an
	// older release: what they would say is unknown.
	Lacks []string
}

// story is one call and what belongs to it.
type story struct {
	call     *record.Call
	attempts []*record.Attempt
	hops     []*record.Hop // in the order in which the INVITE took them
	sides    [2]*direction // caller's, callee's
	reports  []*record.Report
	blocks   []*record.Report // of RTCP receivers, by time
	drops    []*record.Drop
	only     bool // no other call has this Call-ID
	out      strings.Builder
}

// direction is the media that one side sent.
type direction struct {
	name  string // caller to callee
	who   string // caller
	key   string // a
	sums  *record.Side
	all   []*record.Stream // at every capture point, video too
	voice []*record.Stream // those that count for the call
	spans []*record.Interval
	total cell
	// others are the intervals that have a score on another scale than total.
	others []cell
}

// Text explains each call.
func Text(rows *Rows) string {
	calls := slices.Clone(rows.Calls)
	slices.SortStableFunc(calls, func(x, y *record.Call) int {
		return cmp.Or(x.FirstSeen.Compare(y.FirstSeen), compareTimes(x.AnswerTime, y.AnswerTime), strings.Compare(x.FromTag, y.FromTag), strings.Compare(x.ToTag, y.ToTag))
	})
	var b strings.Builder
	for i, c := range calls {
		if i > 0 {
			b.WriteString("\n\n")
		}
		if len(calls) > 1 {
			fmt.Fprintf(&b, "(%d of %d calls with this Call-ID)\n", i+1, len(calls))
		}
		s := newStory(rows, c, len(calls) == 1)
		s.head()
		s.legs(rows)
		s.way()
		s.directions()
		s.timeline()
		s.worst()
		s.told()
		s.changes(rows.Messages)
		s.unknown(rows.Lacks)
		b.WriteString(s.out.String())
	}
	return b.String()
}

// compareTimes orders times; what never was comes last.
func compareTimes(x, y *time.Time) int {
	switch {
	case x != nil && y != nil:
		return x.Compare(*y)
	case x != nil:
		return -1
	case y != nil:
		return 1
	}
	return 0
}

func newStory(rows *Rows, c *record.Call, only bool) *story {
	s := &story{call: c, only: only}
	s.sides[0] = &direction{name: "caller to callee", who: "caller", key: "a", sums: &c.A}
	s.sides[1] = &direction{name: "callee to caller", who: "callee", key: "b", sums: &c.B}
	for _, a := range rows.Attempts {
		if a.Domain == c.Domain && (only || a.FromTag == c.FromTag) {
			s.attempts = append(s.attempts, a)
		}
	}
	slices.SortStableFunc(s.attempts, func(x, y *record.Attempt) int {
		return cmp.Or(x.FirstSeen.Compare(y.FirstSeen), strings.Compare(x.Branch, y.Branch))
	})
	for _, h := range rows.Hops {
		if h.Domain == c.Domain && (only || h.FromTag == c.FromTag) {
			s.hops = append(s.hops, h)
		}
	}
	slices.SortStableFunc(s.hops, func(x, y *record.Hop) int {
		return cmp.Or(cmp.Compare(x.CSeq, y.CSeq), cmp.Compare(x.Hop, y.Hop), x.StartTime.Compare(y.StartTime), strings.Compare(x.Branch, y.Branch))
	})
	for _, st := range rows.Streams {
		if st.Domain != c.Domain || st.Direction == nil || !only && (!is(st.FromTag, c.FromTag) || !is(st.ToTag, c.ToTag)) {
			continue
		}
		for _, d := range s.sides {
			if d.key == *st.Direction {
				d.all = append(d.all, st)
			}
		}
	}
	for _, d := range s.sides {
		slices.SortStableFunc(d.all, func(x, y *record.Stream) int {
			return cmp.Or(cmp.Compare(segment(x), segment(y)), x.StartTime.Compare(y.StartTime), strings.Compare(x.Node, y.Node), cmp.Compare(x.SSRC, y.SSRC))
		})
		d.voice = counted(d.all, node(c))
	}
	for i, d := range s.sides {
		d.spans = s.intervals(rows.Intervals, d, s.sides[1-i])
		for _, it := range d.spans {
			c := cellOf(it, d.buffer())
			if own := d.scale(); c.scale != "" && own != "" && c.scale != own {
				d.others = append(d.others, c)
				c.unscore() // R points of another scale do not add up with ours
			}
			d.total.merge(c)
		}
	}
	for _, r := range rows.Reports {
		switch {
		case r.Domain != c.Domain || !only && !s.during(r.Time):
		case r.Source == "rtcp_rr":
			s.blocks = append(s.blocks, r)
		default:
			s.reports = append(s.reports, r)
		}
	}
	slices.SortStableFunc(s.blocks, func(x, y *record.Report) int { return x.Time.Compare(y.Time) })
	for _, d := range rows.Drops {
		// A second copy of what was taken hides nothing.
		if d.Domain == c.Domain && d.Reason != "mirrored" && !d.ToTime.Before(c.FirstSeen) && !d.FromTime.After(s.end()) {
			s.drops = append(s.drops, d)
		}
	}
	return s
}

// is compares a tag that may be unknown.
func is(tag *string, want string) bool { return tag == nil || *tag == want }

// end is when the call ended, as far as anything was seen of it.
func (s *story) end() time.Time {
	if s.call.EndTime != nil {
		return *s.call.EndTime
	}
	end := s.call.FirstSeen
	for _, d := range s.sides {
		for _, st := range d.all {
			if st.EndTime.After(end) {
				end = st.EndTime
			}
		}
	}
	return end
}

func (s *story) during(t time.Time) bool {
	return !t.Before(s.call.FirstSeen.Add(-width)) && !t.After(s.end().Add(width))
}

// intervals are those of the streams that count, and those in which nothing
// came: they are of no stream, and their SSRC is 0.
func (s *story) intervals(all []*record.Interval, d, other *direction) []*record.Interval {
	var out []*record.Interval
	silent := map[time.Time]bool{}
	for _, it := range all {
		if it.Domain != s.call.Domain || it.Direction == nil || *it.Direction != d.key {
			continue
		}
		switch {
		case slices.ContainsFunc(d.voice, func(st *record.Stream) bool {
			return st.SSRC == it.SSRC && st.SrcIP == it.SrcIP && st.DstIP == it.DstIP && st.SrcPort == it.SrcPort && st.DstPort == it.DstPort && st.Node == it.Node &&
				!it.Time.Before(st.StartTime.Add(-width)) && !it.Time.After(st.EndTime)
		}):
		case it.SSRC == 0 && it.Packets == 0 && !silent[it.Time] && s.during(it.Time) && (s.only || between(d.voice, it.SrcIP, it.DstIP) || between(other.voice, it.DstIP, it.SrcIP)):
			silent[it.Time] = true
		default:
			continue
		}
		out = append(out, it)
	}
	slices.SortStableFunc(out, func(x, y *record.Interval) int { return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(x.SSRC, y.SSRC)) })
	return out
}

func between(streams []*record.Stream, src, dst netip.Addr) bool {
	return slices.ContainsFunc(streams, func(st *record.Stream) bool { return st.SrcIP == src && st.DstIP == dst })
}

// node is that of the measuring point.
func node(c *record.Call) string {
	if c.MeasuredAt == nil {
		return ""
	}
	at := *c.MeasuredAt
	if i := strings.LastIndexByte(at, '/'); i >= 0 {
		at = at[:i]
	}
	return at
}

// segment is how far along its path a stream was seen: the first number of
// 2/3; 0 where it was seen at one point only.
func segment(st *record.Stream) int {
	n := 0
	if st.Segment != nil {
		fmt.Sscanf(*st.Segment, "%d/", &n)
	}
	return n
}

// counted are the voice streams that count for the call: those nearest to the
// receiver. The same media seen once more does not count again.
func counted(all []*record.Stream, at string) []*record.Stream {
	var out []*record.Stream
	voice := func(st *record.Stream) bool {
		return st.Packets > 0 && (st.Media == nil || *st.Media != "video") && !slices.Contains(st.Flags, "foreign_stream")
	}
	for i, st := range all {
		again := !voice(st)
		for j, o := range all {
			if again || i == j || !voice(o) || !overlap(st, o) {
				continue
			}
			same := st.SSRC == o.SSRC && st.SrcIP == o.SrcIP && st.SrcPort == o.SrcPort && st.DstIP == o.DstIP && st.DstPort == o.DstPort
			again = segment(o) > segment(st) || same && segment(o) == segment(st) && ((o.Node == at) != (st.Node == at) && o.Node == at || (o.Node == at) == (st.Node == at) && j < i)
		}
		if !again {
			out = append(out, st)
		}
	}
	return out
}

// overlap reports whether o ran beside st for most of its time.
func overlap(st, o *record.Stream) bool {
	from, to := st.StartTime, st.EndTime
	if o.StartTime.After(from) {
		from = o.StartTime
	}
	if o.EndTime.Before(to) {
		to = o.EndTime
	}
	return to.Sub(from)*2 >= st.EndTime.Sub(st.StartTime)
}

func (s *story) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

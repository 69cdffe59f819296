// Package synth makes synthetic calls whose truth is known exactly: what was
// sent, what was lost, duplicated, reordered and delayed, and what a call row
// must say. Scenario gives one named case of real signalling, Calls gives load.
//
// A Capture is a recipe, not a buffer: frames are made one at a time, in time
// order, each time they are asked for, so that a million packets cost no
// memory. The same seed gives the same bytes.
package synth

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Epoch is when a capture begins, unless StartingAt says otherwise.
var Epoch = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// Capture is traffic as one tap saw it. The zero Capture is empty.
type Capture struct {
	Name string // of the scenario; "calls" for load
	Seed int64

	begin time.Time // zero: Epoch
	outer []encapsulation
	plan  func(*run)
}

// StartingAt is the same capture begun at another time, such as now for a
// collector that doubts old clocks. Times are rounded to microseconds.
func (c Capture) StartingAt(t time.Time) Capture {
	c.begin = t.UTC().Truncate(time.Microsecond)
	return c
}

// Frames gives the frames in time order. A frame's Data is borrowed: it is
// valid until the next one.
func (c Capture) Frames() iter.Seq[packet.Frame] {
	return func(yield func(packet.Frame) bool) {
		r := c.start()
		var e emission
		var b frameBuilder
		out := c.wrap(yield)
		for r.next(&e) {
			if !b.build(&e, r.time(e.at), r.payload(&e), out) {
				return
			}
		}
	}
}

// Truth says what the frames of the capture hold. It makes the traffic once
// more, without rendering it.
func (c Capture) Truth() Truth {
	r := c.start()
	var e emission
	for r.next(&e) {
	}
	return r.truth(c)
}

func (c Capture) start() *run {
	r := &run{streams: map[streamKey]*streamMeter{}, until: 1 << 62, base: Epoch}
	if !c.begin.IsZero() {
		r.base = c.begin
	}
	r.sip.requests = map[string]uint64{}
	r.sip.responses = map[string]uint64{}
	if c.plan != nil {
		c.plan(r)
	}
	return r
}

// micros is a packet time in microseconds since the capture's begin. The whole package
// keeps time in it, because that is all a classic pcap can say.
type micros int64

func (r *run) time(t micros) time.Time { return r.base.Add(time.Duration(t) * time.Microsecond) }

func inMicros(d time.Duration) micros { return micros(d / time.Microsecond) }

// emission is one unit on the wire: a datagram or a TCP segment.
type emission struct {
	at        micros
	src, dst  netip.AddrPort
	transport packet.Transport
	kind      packet.Kind // SIP, RTP, RTCP (in its binary form), or Unknown for all else
	dscp      uint8
	ttl       uint8
	ipID      uint16
	callID    string // that the packet belongs to, "" when none

	payload []byte      // nil for RTP: see rtp
	rtp     *rtpPacket  // valid iff kind is RTP
	flow    *flow       // that sent rtp
	tcp     *tcpSegment // valid iff transport is TCP
	tag     uint32      // valid iff transport is SCTP
	msg     *msg        // valid iff kind is SIP and the whole message ends here
	sealed  bool        // SRTCP: nobody can read it
}

// source is a part of a capture that emits in time order.
type source interface {
	peek() (micros, bool) // when the next emission is due; false at the end
	take(r *run, e *emission) bool
}

// run is one making of a capture.
type run struct {
	base        time.Time
	queue       []queued // heap by time, then by the order of addition
	added       uint64
	from, until micros // the tap saw nothing before and after
	streams     map[streamKey]*streamMeter
	order       []*streamMeter
	calls       []CallTruth
	hops        []HopTruth
	sip         struct {
		requests, responses map[string]uint64
		callIDs             map[string]struct{}
		messages            uint64
	}
	frames, bytes uint64 // units (datagrams and segments) and their payload bytes
	rtp, rtcp     uint64
	tone          [2][]byte // one second of 440 Hz in mu-law and A-law
	scratch       []byte
}

type queued struct {
	at    micros
	order uint64
	from  source
}

func (q queued) compare(o queued) int {
	return cmp.Or(cmp.Compare(q.at, o.at), cmp.Compare(q.order, o.order))
}

// add puts a source into the capture.
func (r *run) add(s source) {
	at, ok := s.peek()
	if !ok {
		return
	}
	r.added++
	r.queue = append(r.queue, queued{at, r.added, s})
	for i := len(r.queue) - 1; i > 0; {
		up := (i - 1) / 2
		if r.queue[i].compare(r.queue[up]) >= 0 {
			break
		}
		r.queue[i], r.queue[up] = r.queue[up], r.queue[i]
		i = up
	}
}

// settle restores the heap after its root changed.
func (r *run) settle() {
	q := r.queue
	for i := 0; ; {
		least := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < len(q) && q[c].compare(q[least]) < 0 {
				least = c
			}
		}
		if least == i {
			return
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}

// next fills e with the next unit that the tap saw, and counts it.
func (r *run) next(e *emission) bool {
	for len(r.queue) > 0 {
		root := r.queue[0].from
		*e = emission{}
		made := root.take(r, e)
		// take may have added sources, but none earlier than itself: the
		// root is still the root.
		if at, ok := root.peek(); ok {
			r.queue[0].at = at
		} else {
			last := len(r.queue) - 1
			r.queue[0] = r.queue[last]
			r.queue[last] = queued{}
			r.queue = r.queue[:last]
		}
		r.settle()
		if made && e.at >= r.from && e.at <= r.until {
			r.count(e)
			return true
		}
	}
	return false
}

// payload renders the transport payload of e. It is valid until the next call.
func (r *run) payload(e *emission) []byte {
	if e.rtp == nil {
		return e.payload
	}
	r.scratch = e.flow.appendRTP(r.scratch[:0], r, e.rtp)
	return r.scratch
}

// list is a source of ready emissions.
type list struct {
	items []emission
}

// newList sorts items by time; those of the same time keep their order.
func newList(items []emission) *list {
	slices.SortStableFunc(items, func(a, b emission) int { return cmp.Compare(a.at, b.at) })
	return &list{items}
}

func (l *list) peek() (micros, bool) {
	if len(l.items) == 0 {
		return 0, false
	}
	return l.items[0].at, true
}

func (l *list) take(_ *run, e *emission) bool {
	*e = l.items[0]
	l.items = l.items[1:]
	return true
}

package analyzer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/record"
)

// TestSegmentDelay: between two nodes it is known where signalling tells how far
// one clock is ahead of the other, and of the same packet only.
func TestSegmentDelay(t *testing.T) {
	hop := func(branch, node string, more ...any) *record.Hop {
		h := &record.Hop{Branch: branch, Node: node}
		if len(more) > 0 {
			h.ParentBranch, h.ClockOffsetMs, h.ClockErrorMs = new(more[0].(string)), new(more[1].(float64)), new(more[2].(float64))
		}
		return h
	}
	for _, c := range []struct {
		name          string
		from, to      string
		seconds       float64 // from the first packet at one to that at the other, by their clocks
		first, second uint32
		hops          []*record.Hop
		want          string
	}{
		{"one node", "in", "in", 0.0015, 1<<16 | 7, 1<<16 | 7, nil, "1.5"},
		{"another packet", "in", "in", 0.0215, 1<<16 | 7, 1<<16 | 8, nil, "NULL"},
		{"not told", "in", "in", 0.0015, 0, 0, nil, "NULL"},
		{"two nodes, nothing known of their clocks", "in", "out", 7.002, 1<<16 | 7, 1<<16 | 7, nil, "NULL"},
		{"one is 7 s ahead", "in", "out", 7.002, 1<<16 | 7, 1<<16 | 7, []*record.Hop{hop("1", "in"), hop("2", "out", "1", 7000., 1.)}, "2"},
		{"the other way", "out", "in", -6.998, 1<<16 | 7, 1<<16 | 7, []*record.Hop{hop("1", "in"), hop("2", "out", "1", 7000., 1.)}, "2"},
		{"not exactly enough", "in", "out", 7.002, 1<<16 | 7, 1<<16 | 7, []*record.Hop{hop("1", "in"), hop("2", "out", "1", 7000., 40.)}, "NULL"},
	} {
		a, call := New(Defaults(), func(any) {}), new(dialog.Call)
		a.clocks = clockGaps(c.hops)
		seen := func(node string, seconds float64, seq uint32, lost uint64) *stream {
			return &stream{
				key: streamKey{point: &point{pointName: pointName{"default", node}}}, tie: tie{call: call}, first: at(seconds), firstSeq: seq,
				counts: media.Counts{Packets: 100 - lost, Expected: 100, Lost: lost},
			}
		}
		b := seen(c.from, 1, c.first, 2)
		s := seen(c.to, 1+c.seconds, c.second, 5)
		s.before = b
		var r record.Stream
		a.segmentRow(&r, s)
		got := "NULL"
		if r.SegmentDelayMs != nil {
			got = fmt.Sprint(*r.SegmentDelayMs)
		}
		if got != c.want || r.SegmentLost == nil || *r.SegmentLost != 3 {
			t.Errorf("%s: delay %s ms, want %s; lost %v", c.name, got, c.want, *r.SegmentLost)
		}
	}
}

// TestClockGapsOfMedia: the first packets of both directions tell how far the
// clocks of two nodes are apart, as exactly as they were quick.
func TestClockGapsOfMedia(t *testing.T) {
	for _, c := range []struct {
		name        string
		there, back float64 // s from node to node, by their clocks
		seq         uint32  // of the first packet of `back` behind
		want        string
	}{
		{"7 s ahead, 2 ms each way", 7.002, -6.998, 9, "2 2"},
		{"unlike ways", 7.003, -6.999, 9, "2 2"},
		{"clocks alike", 0.001, 0.001, 9, "1 1"},
		{"too slow to tell", 7.020, -6.980, 9, "NULL NULL"},
		{"back before it came", 7.001, -7.003, 9, "NULL NULL"},
		{"another packet", 7.002, -6.998, 8, "NULL NULL"},
	} {
		seen := func(node string, from dialog.Side, seconds float64, seq uint32) *stream {
			return &stream{
				key: streamKey{point: &point{pointName: pointName{"default", node}}}, tie: tie{call: new(dialog.Call), from: from}, first: at(seconds),
				firstSeq: 1<<16 | seq, counts: media.Counts{Packets: 100, Expected: 100},
			}
		}
		a, b := seen("out", dialog.A, 8+c.there, 7), seen("in", dialog.B, 8+c.back, c.seq)
		a.before, b.before = seen("in", dialog.A, 8, 7), seen("out", dialog.B, 8, 9)
		m := &callMedia{streams: []*stream{a.before, a, b, b.before}}
		an := New(Defaults(), func(any) {})
		an.clocks = m.clockGaps()
		got := make([]string, 2)
		for i, s := range []*stream{a, b} {
			var r record.Stream
			an.segmentRow(&r, s)
			got[i] = show(r.SegmentDelayMs)
		}
		if is := strings.Join(got, " "); is != c.want {
			t.Errorf("%s: %s, want %s", c.name, is, c.want)
		}
	}
}

func show(v *float64) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprint(*v)
}

// TestSegments: points are ordered from the sender to the receiver; where two
// see the same addresses, by what routers took from TTL.
func TestSegments(t *testing.T) {
	call := new(dialog.Call)
	relayed := &dialog.Endpoint{Call: call, Owner: dialog.B, Addr: addr("192.0.2.20:30000"), Hop: 1, Media: "audio"}
	bob := &dialog.Endpoint{Call: call, Owner: dialog.B, Addr: bobRTP, Media: "audio"}
	seen := func(node, src, dst string, to *dialog.Endpoint, ttl uint8) *stream {
		return &stream{
			key: streamKey{point: &point{pointName: pointName{"default", node}}, src: addr(src), dst: addr(dst), ssrc: 7}, ttlMax: ttl,
			tie: tie{call: call, from: dialog.A, to: to}, first: at(1), last: at(9), counts: media.Counts{Packets: 100, Expected: 100},
		}
	}
	in := seen("relay", "198.51.100.1:4000", "192.0.2.20:30000", relayed, 62)
	far := seen("bob", "192.0.2.20:30004", "203.0.113.1:6000", bob, 60)
	near := seen("relay", "192.0.2.20:30004", "203.0.113.1:6000", bob, 64)
	far.first = far.first.Add(-time.Second) // its clock is behind
	m := &callMedia{streams: []*stream{in, far, near}}
	m.segments(nil)
	for s, want := range map[*stream]string{in: "1/3", near: "2/3", far: "3/3"} {
		if s.segment != want {
			t.Errorf("%s at %s is segment %s, want %s", s.key.dst, s.key.node, s.segment, want)
		}
	}
	if far.before != near || near.before != in || in.before != nil {
		t.Error("the points before are others")
	}
	if chosen := measured(m.streams, dialog.A); len(chosen) != 1 || chosen[0] != far {
		t.Errorf("%d streams count", len(chosen))
	}
}

// TestSegmentsAcrossLegs: a box that passes media on as it is has it in both of
// its legs, so that what is lost in the box is told apart from what is lost on the
// way to it, whichever leg is over first.
func TestSegmentsAcrossLegs(t *testing.T) {
	for _, c := range []struct {
		name string
		in   float64 // when the leg that comes in is over, s; both began at 0
		out  float64
		sameID,
		off bool
		want string // of the streams: caller's in and out, callee's in and out
	}{
		{"the caller's leg is over first", 10, 10.05, false, false, "1/2 NULL, 2/2 5, 2/2 3, 1/2 NULL"},
		{"the callee's leg is over first", 10.05, 10, false, false, "1/2 NULL, 2/2 5, 2/2 3, 1/2 NULL"},
		{"a row is written 12 s before the other one", 10, 22, false, false, "1/2 NULL, 2/2 5, 2/2 3, 1/2 NULL"},
		{"a row is written before the link is known", 10, 70, false, false, "NULL NULL, NULL NULL, NULL NULL, NULL NULL"},
		{"the box keeps the Call-ID", 10, 10.05, true, false, "1/2 NULL, 2/2 5, 2/2 3, 1/2 NULL"},
		{"links are off", 10, 10.05, false, true, "NULL NULL, NULL NULL, NULL NULL, NULL NULL"},
	} {
		f := newFeed(func(o *Options) { o.Link.Off = c.off })
		in, out := newDialled("one"), newDialled("two")
		in.b, in.bRTP, out.a, out.aRTP = boxSIP, "192.0.2.30:20000", boxSIP, "192.0.2.30:20002"
		if c.sameID {
			out.id = in.id + "#"
		}
		f.invite(0, in)
		f.invite(0.02, out)
		f.answer(0.5, out)
		f.answer(0.52, in)
		streams := []*talk{
			newTalk(aliceRTP, addr(in.bRTP), 7, 1), newTalk(addr(out.aRTP), bobRTP, 7, 1.001),
			newTalk(addr(in.bRTP), aliceRTP, 8, 1.001), newTalk(bobRTP, addr(out.aRTP), 8, 1),
		}
		for i, lost := range []uint64{2, 7, 4, 1} {
			f.report(5.1, streams[i], streams[i].next(200-lost, lost))
		}
		for i := range streams {
			f.report(9.9, streams[i], streams[i].next(250, 0))
			f.report(15, streams[i], streams[i].final())
		}
		first, second := in, out
		if c.out < c.in {
			first, second = out, in
		}
		f.bye(min(c.in, c.out), first)
		f.Observe(tickAt(time.Duration((max(c.in, c.out) - 0.001) * float64(time.Second))))
		f.bye(max(c.in, c.out), second)
		f.end()
		var got []string
		for _, k := range streams {
			for _, r := range f.streams {
				if r.SrcIP == k.src.Addr() && r.DstIP == k.dst.Addr() {
					lost := "NULL"
					if r.SegmentLost != nil {
						lost = fmt.Sprint(*r.SegmentLost)
					}
					segment := "NULL"
					if r.Segment != nil {
						segment = *r.Segment
					}
					got = append(got, segment+" "+lost)
				}
			}
		}
		if is := strings.Join(got, ", "); is != c.want {
			t.Errorf("%s: %s, want %s", c.name, is, c.want)
		}
	}
}

// TestSegmentsOfTransfer: a leg that goes on without the other one does not
// compare with it.
func TestSegmentsOfTransfer(t *testing.T) {
	in, out := &stream{tie: tie{call: new(dialog.Call)}, first: at(1), last: at(60)}, &stream{tie: tie{call: new(dialog.Call)}, first: at(1), last: at(30)}
	in.counts.Packets, out.counts.Packets = 3000, 1500
	if in.passedOn(out) || out.passedOn(in) {
		t.Error("a leg of a minute is compared with one of half of it")
	}
	if out.last = at(59); !in.passedOn(out) {
		t.Error("two legs with the same media are not compared")
	}
}

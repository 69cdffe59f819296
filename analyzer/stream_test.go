package analyzer

import (
	"fmt"
	"math"
	"testing"

	"github.com/earshot-voip/earshot/internal/media"
)

// TestLostReports drops reports on the way: the totals stay right, whichever
// are lost, as long as a later one comes.
func TestLostReports(t *testing.T) {
	const n = 6
	for drop := range 1 << (n - 1) { // never the last of them
		f := newFeed()
		d := newDialled("one")
		f.connect(0, d)
		k := newTalk(aliceRTP, bobRTP, 7, 1)
		lost := false
		for i := range n {
			r := k.next(200+uint64(i), uint64(i))
			if drop>>i&1 != 0 {
				lost = true
				continue
			}
			f.report(5.2+5*float64(i), k, r)
		}
		f.bye(40, d)
		f.report(40.1, k, k.final())
		f.end()
		s, r := f.stream(t, 7), f.call(t, "one")
		if s.Packets != k.total.Packets || s.Lost != k.total.Lost || s.Expected != k.total.Expected || s.Bytes != k.total.Bytes {
			t.Errorf("drop %06b: %d packets, %d lost, %d expected; want %d, %d, %d", drop, s.Packets, s.Lost, s.Expected, k.total.Packets, k.total.Lost, k.total.Expected)
		}
		if *r.A.Packets != k.total.Packets || *r.A.Lost != k.total.Lost {
			t.Errorf("drop %06b: the call has %d packets, %d lost", drop, *r.A.Packets, *r.A.Lost)
		}
		want := k.jitter.Sum / float64(k.jitter.N)
		if s.JitterMeanMs == nil || math.Abs(*s.JitterMeanMs-want) > 0.001 || *s.JitterMaxMs != k.jitter.Max {
			t.Errorf("drop %06b: mean jitter is %v, want %.3f", drop, *s.JitterMeanMs, want)
		}
		if lost != (f.Counters.ReportsLost > 0) {
			t.Errorf("drop %06b: %d counted as lost", drop, f.Counters.ReportsLost)
		}
	}
}

// TestRepeatedReports: what comes twice, or late, counts once.
func TestRepeatedReports(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	k := newTalk(aliceRTP, bobRTP, 7, 1)
	var all []media.Report
	for i := range 4 {
		r := k.next(200, 1)
		all = append(all, r)
		f.report(5.2+5*float64(i), k, r)
		f.report(5.3+5*float64(i), k, r)
	}
	f.report(21, k, all[1])
	f.bye(30, d)
	f.end()
	if s := f.stream(t, 7); s.Packets != 800 || s.Lost != 4 {
		t.Errorf("%d packets, %d lost", s.Packets, s.Lost)
	}
	if f.Counters.ReportsRepeated != 5 || f.Counters.ReportsLost != 0 || len(f.heard(7)) != 4 {
		t.Errorf("%d repeated, %d lost, %d intervals", f.Counters.ReportsRepeated, f.Counters.ReportsLost, len(f.heard(7)))
	}
}

// TestHostileReports: totals that go back, or run away, crash nothing and
// underflow nothing.
func TestHostileReports(t *testing.T) {
	f := newFeed()
	f.connect(0, newDialled("one"))
	k := newTalk(aliceRTP, bobRTP, 7, 1)
	r := k.next(200, 50)
	f.report(5.2, k, r)
	r.Total = media.Counts{Packets: 1 << 63, Lost: 3}
	f.report(10.2, k, r)
	r.Total = media.Counts{Packets: 1<<64 - 1, Lost: 1}
	f.report(15.2, k, r)
	f.end()
	if s := f.stream(t, 7); s.Lost > 50 {
		t.Errorf("%d lost", s.Lost)
	}
}

// TestMediaAfterTheRow: what comes after the call's row has a row of its own,
// and nothing is counted twice.
func TestMediaAfterTheRow(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	k := newTalk(aliceRTP, bobRTP, 7, 1)
	f.report(5.2, k, k.next(200, 0))
	f.bye(6, d)
	for i := range 6 {
		f.report(10.2+5*float64(i), k, k.next(250, 2))
	}
	f.report(45, k, k.final())
	f.end()
	if len(f.calls) != 1 {
		t.Fatalf("%d calls", len(f.calls))
	}
	var packets, lost uint64
	for _, s := range f.streams {
		packets += s.Packets
		lost += s.Lost
		if *s.CallID != "one" {
			t.Errorf("a row is of %v", s.CallID)
		}
	}
	if len(f.streams) != 2 || packets != k.total.Packets || lost != k.total.Lost {
		t.Errorf("%d rows have %d packets and %d lost, sent were %d and %d", len(f.streams), packets, lost, k.total.Packets, k.total.Lost)
	}
}

// TestAbandoned: streams of an agent that died do not fill the table.
func TestAbandoned(t *testing.T) {
	f := newFeed(func(o *Options) { o.MaxStreams = 10 })
	for i := range 12 {
		k := newTalk(addr(fmt.Sprintf("192.0.2.1:%d", 1000+i)), addr("192.0.2.2:1000"), uint32(i), 1)
		f.report(5.2, k, k.next(200, 0))
	}
	if f.Counters.StreamsEvicted != 2 || f.Snapshot().OpenStreams != 10 {
		t.Errorf("%d refused, %d open", f.Counters.StreamsEvicted, f.Snapshot().OpenStreams)
	}
	f.node = "another"
	k := newTalk(aliceRTP, bobRTP, 99, 500)
	f.report(505.2, k, k.next(10, 0))
	if f.Counters.StreamsAbandoned != 10 || len(f.streams) != 10 {
		t.Errorf("%d abandoned, %d rows", f.Counters.StreamsAbandoned, len(f.streams))
	}
	if got := f.Snapshot().OpenStreams; got != 1 {
		t.Errorf("%d streams open: the new one found no room", got)
	}
}

// TestWaiting: intervals that wait for a call are bounded, and none is lost.
func TestWaiting(t *testing.T) {
	f := newFeed()
	k := newTalk(aliceRTP, bobRTP, 7, 1)
	for i := range 30 {
		f.report(5.2+5*float64(i), k, k.next(200, 0))
	}
	if len(f.intervals) != 30-maxPending || f.waiting != maxPending {
		t.Errorf("%d intervals written, %d wait", len(f.intervals), f.waiting)
	}
	f.end()
	if len(f.intervals) != 30 || f.waiting != 0 {
		t.Errorf("%d intervals written, %d wait at the end", len(f.intervals), f.waiting)
	}
	for i := 1; i < len(f.intervals); i++ {
		if !f.intervals[i].Time.After(f.intervals[i-1].Time) {
			t.Errorf("interval %d is not later than the one before", i)
		}
	}
}

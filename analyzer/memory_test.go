package analyzer

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// crowd is an Analyzer in the middle of many calls, each with two streams that
// have been told of for a while and RTCP of both.
type crowd struct {
	*feed
	*queue
	all           []caller
	dialog, media uint64 // bytes a call
}

// caller is one call of a crowd.
type caller struct {
	*dialled
	user, callee, header string
	up, down             *talk
}

// alone are calls between hosts of their own.
func alone(calls int) []caller {
	out := make([]caller, calls)
	for i := range calls {
		host := [4]byte{10, byte(i >> 14), byte(i >> 6), byte(i<<2) + 1}
		a := netip.AddrFrom4(host)
		host[0] = 11
		b := netip.AddrFrom4(host)
		d := newDialled(fmt.Sprintf("f81d4fae-7dec-11d0-a765-00a0c91e6bf6-%d@198.51.100.1", i))
		d.a, d.aRTP = netip.AddrPortFrom(a, 5060), netip.AddrPortFrom(a, 4000).String()
		d.b, d.bRTP = netip.AddrPortFrom(b, 5060), netip.AddrPortFrom(b, 6000).String()
		out[i] = caller{d, "alice", "bob", "", newTalk(addr(d.aRTP), addr(d.bRTP), uint32(2*i), 2), newTalk(addr(d.bRTP), addr(d.aRTP), uint32(2*i+1), 2)}
	}
	return out
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // the first one's sweep
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc // what spans leave unused besides differs from run to run by more than a change does
}

func newCrowd(tb testing.TB, all []caller, change ...func(*Options)) crowd {
	calls := len(all)
	before := heap()
	o := Defaults()
	// What is not of a call is as many times smaller as there are fewer calls.
	o.Hosts.MaxHosts, o.Hosts.MaxStreams = o.Hosts.MaxHosts*calls/100_000, o.Hosts.MaxStreams*calls/100_000
	for _, c := range change {
		c(&o)
	}
	a := New(o, func(any) {})
	q := &queue{to: a}
	f := &feed{node: "tap", domain: "default", Analyzer: a, queue: q.add}
	for i, c := range all {
		f.caller, f.callee, f.header = c.user, c.callee, c.header
		f.connect(float64(i)/float64(calls), c.dialled)
	}
	q.flush()
	dialled := heap()
	for round := range 4 {
		now := 5.2 + 5*float64(round)
		for _, c := range all {
			for _, k := range []*talk{c.up, c.down} {
				f.report(now, k, k.next(250, 1))
				if round%2 == 0 {
					f.rtcp(now, rtcpOf(k.dst), rtcpOf(k.src), k.ssrc^1, k.ssrc, 1, uint32(250*round+1))
				}
			}
		}
	}
	q.flush()
	if c := a.Snapshot(); c.OpenCalls != calls || c.OpenStreams != 2*calls {
		tb.Fatalf("%d calls and %d streams are open", c.OpenCalls, c.OpenStreams)
	}
	c := crowd{feed: f, queue: q, all: all, dialog: (dialled - before) / uint64(calls)}
	c.media = (heap() - dialled) / uint64(calls)
	return c
}

// hangUp ends all calls, and lets the time pass that their rows wait for.
func (c *crowd) hangUp() {
	for i, d := range c.all {
		c.caller, c.callee, c.header = d.user, d.callee, ""
		c.bye(25+float64(i)/float64(len(c.all)), d.dialled)
	}
	c.add(tickAt(24 * time.Hour))
	c.add(tickAt(24*time.Hour + time.Minute))
	c.flush()
}

// TestMemoryOfCalls: 100,000 calls at a time take less than 1 GiB. A tenth of
// them is made.
func TestMemoryOfCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 10,000 calls")
	}
	const calls, budget = 10_000, 1 << 30 / 100_000 * 7 / 8 // an eighth is for what the allocator leaves unused
	a := newCrowd(t, alone(calls))
	each := a.dialog + a.media
	t.Logf("%d bytes a call with two streams: %d MiB for 100,000", each, each*100_000>>20)
	if each > budget {
		t.Errorf("%d bytes a call with two streams, want at most %d", each, budget)
	}
	// And nothing of it is left once they are over.
	a.hangUp()
	c := a.Snapshot()
	if c.OpenCalls != 0 || c.OpenStreams != 0 || len(a.Analyzer.calls) != 0 || len(a.binds) != 0 || len(a.rtcpAddr) != 0 || len(a.reports) != 0 {
		t.Errorf("left are %d calls, %d streams, media of %d calls, %d and %d addresses, %d RTCP entries",
			c.OpenCalls, c.OpenStreams, len(a.Analyzer.calls), len(a.binds), len(a.rtcpAddr), len(a.reports))
	}
}

// BenchmarkMemory is what 100,000 streams at a time take in 50,000 calls: a
// stream with what RTCP said of it, and a call with its dialog and both.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		a := newCrowd(b, alone(50_000))
		b.ReportMetric(float64(a.media)/2, "bytes/stream")
		b.ReportMetric(float64(a.dialog+a.media), "bytes/call")
	}
}

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
	*Analyzer
	dialog, media uint64 // bytes a call
}

func newCrowd(tb testing.TB, calls int, change ...func(*Options)) crowd {
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // the first one's sweep
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	type pair struct{ up, down *talk }
	talks, dials := make([]pair, calls), make([]*dialled, calls)
	for i := range calls {
		d := newDialled(fmt.Sprintf("f81d4fae-7dec-11d0-a765-00a0c91e6bf6-%d@198.51.100.1", i))
		host := [4]byte{10, byte(i >> 14), byte(i >> 6), byte(i<<2) + 1}
		alice := netip.AddrFrom4(host)
		host[0] = 11
		bob := netip.AddrFrom4(host)
		d.a, d.aRTP = netip.AddrPortFrom(alice, 5060), netip.AddrPortFrom(alice, 4000).String()
		d.b, d.bRTP = netip.AddrPortFrom(bob, 5060), netip.AddrPortFrom(bob, 6000).String()
		dials[i] = d
		talks[i] = pair{newTalk(addr(d.aRTP), addr(d.bRTP), uint32(2*i), 2), newTalk(addr(d.bRTP), addr(d.aRTP), uint32(2*i+1), 2)}
	}
	before := heap()
	o := Defaults()
	// What is not of a call is as many times smaller as there are fewer calls.
	o.Hosts.MaxHosts, o.Hosts.MaxStreams = o.Hosts.MaxHosts*calls/100_000, o.Hosts.MaxStreams*calls/100_000
	for _, c := range change {
		c(&o)
	}
	a := New(o, func(any) {})
	f := &feed{node: "tap", domain: "default", Analyzer: a}
	for i, d := range dials {
		f.connect(float64(i)/float64(calls), d)
	}
	dialled := heap()
	for round := range 4 {
		now := 5.2 + 5*float64(round)
		for i := range talks {
			for _, k := range []*talk{talks[i].up, talks[i].down} {
				f.report(now, k, k.next(250, 1))
				if round%2 == 0 {
					f.rtcp(now, rtcpOf(k.dst), rtcpOf(k.src), k.ssrc^1, k.ssrc, 1, uint32(250*round+1))
				}
			}
		}
	}
	if c := a.Snapshot(); c.OpenCalls != calls || c.OpenStreams != 2*calls {
		tb.Fatalf("%d calls and %d streams are open", c.OpenCalls, c.OpenStreams)
	}
	c := crowd{a, (dialled - before) / uint64(calls), (heap() - dialled) / uint64(calls)}
	runtime.KeepAlive(talks)
	runtime.KeepAlive(dials)
	return c
}

// TestMemoryOfCalls: 100,000 calls at a time take less than 1 GiB. A tenth of
// them is made.
func TestMemoryOfCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 10,000 calls")
	}
	const calls, budget = 10_000, 1 << 30 / 100_000
	a := newCrowd(t, calls)
	each := a.dialog + a.media
	t.Logf("%d bytes a call with two streams: %d MiB for 100,000", each, each*100_000>>20)
	if each > budget {
		t.Errorf("%d bytes a call with two streams, want at most %d", each, budget)
	}
	// And nothing of it is left once they are over.
	a.Observe(tickAt(24 * time.Hour))
	a.Observe(tickAt(24*time.Hour + time.Minute))
	c := a.Snapshot()
	if c.OpenCalls != 0 || c.OpenStreams != 0 || len(a.calls) != 0 || len(a.binds) != 0 || len(a.rtcpAddr) != 0 || len(a.reports) != 0 {
		t.Errorf("left are %d calls, %d streams, media of %d calls, %d and %d addresses, %d RTCP entries",
			c.OpenCalls, c.OpenStreams, len(a.calls), len(a.binds), len(a.rtcpAddr), len(a.reports))
	}
}

// BenchmarkMemory is what 100,000 streams at a time take in 50,000 calls: a
// stream with what RTCP said of it, and a call with its dialog and both.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		a := newCrowd(b, 50_000)
		b.ReportMetric(float64(a.media)/2, "bytes/stream")
		b.ReportMetric(float64(a.dialog+a.media), "bytes/call")
	}
}

// BenchmarkLinks is what looking for legs costs at 100,000 calls at a time: the
// memory of a call with two streams, and the time that placing, metering and ending
// it takes the analyzer. All have the same two numbers, which is the worst.
func BenchmarkLinks(b *testing.B) {
	const calls = 100_000
	for _, off := range []bool{false, true} {
		b.Run(map[bool]string{false: "linked", true: "floor"}[off], func(b *testing.B) {
			for b.Loop() {
				began := time.Now()
				a := newCrowd(b, calls, func(o *Options) { o.Link.Off = off })
				a.Observe(tickAt(24 * time.Hour))
				b.ReportMetric(float64(a.dialog+a.media), "bytes/call")
				b.ReportMetric(float64(time.Since(began).Nanoseconds())/calls/1000, "us/call")
			}
		})
	}
}

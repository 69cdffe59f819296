package analyzer

import (
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/earshot-voip/earshot/internal/packet"
)

// queue gives an Analyzer packets that were made before, and counts the time that
// the processor spends on them. Where no garbage is collected meanwhile, it does so
// itself, beside the clock.
type queue struct {
	to      *Analyzer
	packets []*packet.Packet
	flushed int
	seconds float64
}

// batch is how many packets are made ahead, and collectAfter how many batches leave
// about 300 MB of garbage.
const (
	batch        = 2000
	collectAfter = 50
)

func (q *queue) add(p *packet.Packet) {
	if q.packets = append(q.packets, p); len(q.packets) >= batch {
		q.flush()
	}
}

func (q *queue) flush() {
	if q.flushed++; q.flushed%collectAfter == 0 {
		runtime.GC()
	}
	began := processorSeconds()
	for _, p := range q.packets {
		q.to.Observe(p)
	}
	q.seconds += processorSeconds() - began
	clear(q.packets)
	q.packets = q.packets[:0]
}

// processorSeconds is what this process took so far, of all threads.
func processorSeconds() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // it takes no argument that could be wrong
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// pairs are calls through four B2BUAs, two legs each: between users of their own,
// who have several calls where there are more than 50,000, with a Session-ID that
// both legs have or with nothing but their numbers.
func pairs(legs int, sessionID bool) []caller {
	out := alone(legs)
	for i := 0; i < legs; i += 2 {
		in, leaves := &out[i], &out[i+1]
		box := netip.AddrFrom4([4]byte{192, 0, 2, byte(30 + i/2%4)})
		in.b, leaves.a = netip.AddrPortFrom(box, 5060), netip.AddrPortFrom(box, 5060)
		in.user, in.callee = fmt.Sprintf("+1202%07d", i/2%50_000), fmt.Sprintf("+44207%07d", i/2%50_000)
		if sessionID {
			in.header = fmt.Sprintf("Session-ID: %032x;remote=%032x\r\n", i+1, 0)
		}
		leaves.user, leaves.callee, leaves.header = in.user, in.callee, in.header
	}
	return out
}

// linkCosts are the loads by which the cost of links is measured, and how many of
// a hundred legs are joined with another one.
var linkCosts = []struct {
	name  string
	load  func(legs int) []caller
	joins int
}{
	{"alone", alone, 0},
	{"numbers", func(legs int) []caller { return pairs(legs, false) }, 50},
	{"session-id", func(legs int) []caller { return pairs(legs, true) }, 50},
}

// TestLinkMemory: links take less than a fifth of what calls take without them.
func TestLinkMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 4,000 legs six times")
	}
	const legs, most = 4000, 1.2
	for _, c := range linkCosts {
		var bytes [2]uint64
		for i, off := range []bool{false, true} {
			a := newCrowd(t, c.load(legs), func(o *Options) { o.Link.Off = off })
			bytes[i] = a.dialog + a.media
			a.hangUp()
			if n := a.Snapshot().Link.Merged; !off && n != uint64(legs*c.joins/100) || off && n != 0 {
				t.Errorf("%s: %d legs were joined with another one", c.name, n)
			}
		}
		more := float64(bytes[0]) / float64(bytes[1])
		t.Logf("measured: %s: %d bytes a leg with two streams, %d without links: x %.3f", c.name, bytes[0], bytes[1], more)
		if more > most {
			t.Errorf("%s: links take %d bytes where %d are taken without: x %.3f, want at most %.1f", c.name, bytes[0], bytes[1], more, most)
		}
	}
}

// BenchmarkLinks is what looking for legs costs at 100,000 legs at a time: the
// memory of a leg with two streams, and the processor time of placing, metering and
// ending it. Making its packets and collecting garbage is beside the clock.
func BenchmarkLinks(b *testing.B) {
	const legs = 100_000
	for _, c := range linkCosts {
		for _, off := range []bool{false, true} {
			b.Run(c.name+map[bool]string{false: "/linked", true: "/floor"}[off], func(b *testing.B) {
				links := func(o *Options) { o.Link.Off = off }
				for b.Loop() {
					a := newCrowd(b, c.load(legs), links)
					b.ReportMetric(float64(a.dialog+a.media), "bytes/leg")
					all := debug.SetGCPercent(-1)
					a = newCrowd(b, c.load(legs), links)
					a.hangUp()
					debug.SetGCPercent(all)
					b.ReportMetric(a.seconds/legs*1e6, "cpu-us/leg")
					b.ReportMetric(float64(a.Snapshot().Link.Merged), "joined")
				}
			})
		}
	}
}

package agent

import (
	"runtime"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

// bytesPerStream is the memory of a stream with its meter and three
// jitter-buffer models, measured on streams that have each had packets.
func bytesPerStream(tb testing.TB, streams int) uint64 {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	talk := newTalk(streams)
	before := heap()
	a := New(Defaults(), func(*packet.Packet) {})
	for range 20 * streams {
		a.Observe(talk.next())
	}
	each := (heap() - before) / uint64(streams)
	if n := len(a.streams.order); n != streams {
		tb.Fatalf("%d streams are metered", n)
	}
	runtime.KeepAlive(a)
	runtime.KeepAlive(talk)
	return each
}

// TestMemoryOfStreams keeps a stream below 4 KiB, measured on 100,000.
func TestMemoryOfStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("meters 100,000 streams")
	}
	each := bytesPerStream(t, 100_000)
	t.Logf("%d bytes a stream", each)
	if each >= 4096 {
		t.Errorf("%d bytes a stream, want less than 4096", each)
	}
}

// BenchmarkMemory is what 100,000 streams at a time take.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(bytesPerStream(b, 100_000)), "bytes/stream")
	}
}

package agent

import (
	"runtime"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

// TestMemoryOfStreams keeps a stream with its meter and three jitter-buffer
// models below 4 KiB, measured on 100,000 of them that have each had packets.
func TestMemoryOfStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("meters 100,000 streams")
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const streams = 100_000
	talk := newTalk(streams)
	before := heap()
	a := New(Defaults(), func(*packet.Packet) {})
	for range 20 * streams {
		a.Observe(talk.next())
	}
	each := (heap() - before) / streams
	if n := len(a.streams.order); n != streams {
		t.Fatalf("%d streams are metered", n)
	}
	t.Logf("%d bytes a stream", each)
	if each >= 4096 {
		t.Errorf("%d bytes a stream, want less than 4096", each)
	}
	runtime.KeepAlive(a)
	runtime.KeepAlive(talk)
}

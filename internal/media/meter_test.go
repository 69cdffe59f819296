package media

import (
	"testing"
	"time"
	"unsafe"

	"github.com/earshot-voip/earshot/internal/packet"
)

func TestMeterIsSmall(t *testing.T) {
	t.Log(unsafe.Sizeof(Meter{}), unsafe.Sizeof(interval{}), unsafe.Sizeof(sequence{}), unsafe.Sizeof(jitterTrack{}))
	if n := unsafe.Sizeof(Meter{}); n > 960 {
		t.Errorf("a Meter takes %d bytes", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := NewMeter(1, false)
	h := RTPHeader{SSRC: 1, PayloadLen: 160}
	start := time.Unix(1_700_000_000, 0)
	p := packet.Packet{TTL: 64}
	var r Report
	b.ReportAllocs()
	for i := range b.N {
		h.Sequence++
		h.Timestamp += 160
		p.Time = start.Add(time.Duration(i) * 20 * time.Millisecond)
		for now := p.Time.UnixNano(); m.Due(now) && m.Report(now, &r); {
		}
		m.Observe(&h, &p)
	}
}

package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/packet"
)

// TestShared: a report with the keys of other servers is the same report, and
// tells them what it tells us.
func TestShared(t *testing.T) {
	r := Report{
		SSRC: 0x1a2b, Start: time.Date(2026, 1, 5, 12, 0, 5, 0, time.UTC), First: time.Date(2026, 1, 5, 12, 0, 1, 0, time.UTC),
		Last: time.Date(2026, 1, 5, 12, 0, 9, 0, time.UTC), Delta: Counts{Packets: 247, Bytes: 39520, Expected: 250, Lost: 3, Reordered: 1},
		Total: Counts{Packets: 400, Bytes: 64000, Expected: 403, Lost: 3}, PayloadType: 8, DeltaMaxMs: 41.5,
		Jitter: []Jitter{{ClockRate: 8000, Sum: 4000, N: 250, Max: 64, Last: 8}},
	}
	p := packet.Packet{
		Time: time.Date(2026, 1, 5, 12, 0, 15, 0, time.UTC), CorrelationID: []byte("a\"b@c"),
		Src: netip.MustParseAddrPort("192.0.2.1:4000"), Dst: netip.MustParseAddrPort("[2001:db8::2]:5000"),
	}
	plain := r.AppendJSON(nil)
	shared := r.AppendShared(r.AppendJSON(nil), &p)
	want, err := ParseReport(plain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseReport(shared)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	rows, ok := ParseToldJSON(shared, uint8(packet.KindReport))
	if !ok || len(rows) != 1 {
		t.Fatalf("%d rows, %v: %s", len(rows), ok, shared)
	}
	told := rows[0]
	for what, same := range map[string]bool{
		"call":     told.CallID != nil && *told.CallID == `a"b@c`,
		"ssrc":     told.SSRC != nil && *told.SSRC == 0x1a2b,
		"packets":  told.PacketsReceived != nil && *told.PacketsReceived == 247,
		"expected": told.PacketsExpected != nil && *told.PacketsExpected == 250,
		"lost":     told.PacketsLost != nil && *told.PacketsLost == 3,
		"jitter":   told.JitterMs != nil && *told.JitterMs == 2,
		"octets":   told.OctetsReceived != nil && *told.OctetsReceived == 39520,
		"source":   told.RemoteIP != nil && *told.RemoteIP == p.Src.Addr().String(),
		"start":    told.StartTime != nil && told.StartTime.Equal(r.Start),
		"no score": told.MOS == nil && told.R == nil,
	} {
		if !same {
			t.Errorf("%s is told otherwise: %+v", what, told)
		}
	}
	r.Jitter = []Jitter{{ClockRate: 8000, N: 1, Sum: 1}, {ClockRate: 16000, N: 1, Sum: 1}}
	if rows, _ := ParseToldJSON(r.AppendShared(r.AppendJSON(nil), &p), uint8(packet.KindReport)); len(rows) != 1 || rows[0].JitterMs != nil {
		t.Error("jitter is told of a stream whose clock is not known")
	}
}

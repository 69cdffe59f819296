package collector

import (
	"net/netip"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// TestForeignersTellNoDrops: kinds that only Earshot gives are refused from
// anybody else, and drops that are none from everybody.
func TestForeignersTellNoDrops(t *testing.T) {
	good := `{"stage":"capture","reason":"kernel","count":3,"from_time":"2026-01-01T00:00:00Z","to_time":"2026-01-01T00:00:01Z"}`
	for _, c := range []struct {
		name    string
		kind    packet.Kind
		payload string
		boot    uint64
		want    bool
	}{
		{"a drop of an agent", packet.KindDrop, good, 7, true},
		{"a drop of a stranger", packet.KindDrop, good, 0, false},
		{"a drop without names", packet.KindDrop, `{}`, 7, false},
		{"a drop with a text for a reason", packet.KindDrop, `{"stage":"capture","reason":"<b>","count":1}`, 7, false},
		{"an agent's heartbeat", packet.KindTick, "", 7, true},
		{"a stranger's tick", packet.KindTick, "", 0, false},
		{"what the filter tells itself", kindRefused, "zzzz", 7, false},
		{"a log line", packet.KindLog, "zzzz", 0, true},
	} {
		p := packet.Packet{
			Time: time.Now(), Kind: c.kind, Payload: []byte(c.payload), Transport: packet.UDP,
			Src: netip.MustParseAddrPort("192.0.2.1:1"), Dst: netip.MustParseAddrPort("192.0.2.2:2"),
		}
		b, err := hep.Append(nil, &p, &hep.Options{Boot: c.boot, Sequence: 1})
		if err != nil {
			t.Fatal(err)
		}
		opt, counts := Defaults(), Counts{}
		r := Reader{opt: &opt, counts: &counts, links: &links{}}
		var got packet.Packet
		if _, ok := r.Decode(b, netip.MustParseAddrPort("127.0.0.1:1"), time.Now(), &got); ok != c.want {
			t.Errorf("%s: taken is %v", c.name, ok)
		}
	}
}

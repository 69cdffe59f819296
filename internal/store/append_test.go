package store

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/earshot-voip/earshot/internal/record"
)

func testWriter(t testing.TB) *Writer {
	t.Helper()
	c, err := newCounters(nil)
	if err != nil {
		t.Fatal(err)
	}
	return (&Store{counters: c}).NewWriter()
}

var at = time.Date(2026, 3, 4, 5, 6, 7, 891234000, time.UTC)

// attempt has 16 columns, as narrow as a row of ours gets.
func attempt() *record.Attempt {
	return &record.Attempt{
		Domain: "default", FirstSeen: at, CallID: "a84b4c76e66710@192.0.2.1", FromTag: "1928301774", Branch: "z9hG4bK776asdhds",
		RequestHost: new("example.net"), DstIP: new(netip.MustParseAddr("192.0.2.7")), DstPort: new(uint16(5060)), TrunkOut: new("carrier1"),
		StartTime: new(at), RingTime: new(at), EndTime: new(at), Status: new(uint16(200)), Reason: new("OK"), CauseQ850: new(uint16(16)), Won: true,
	}
}

func sip() *record.Message {
	return &record.Message{
		Domain: "default", FirstSeen: at, Time: at, CallID: "a84b4c76e66710@192.0.2.1", Node: "sbc1", Kind: "sip", Method: "INVITE", CSeq: new(uint32(1)), Branch: "z9hG4bK776asdhds",
		FromUser: "3069000000", ToUser: "4415000000", SrcIP: netip.MustParseAddr("192.0.2.1"), SrcPort: 5060, DstIP: netip.MustParseAddr("192.0.2.7"), DstPort: 5060, Transport: "udp",
		AgentHeader: "Earshot", Defects: []string{"bare LF"}, Raw: string(make([]byte, 700)),
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	w := testWriter(t)
	all := []any{&record.Call{FirstSeen: at, Headers: map[string]string{"X-A": "1", "X-B": "2"}, Nodes: []string{"a"}}, attempt(), &record.Stream{FirstSeen: at}, &record.Interval{FirstSeen: at}, sip(), &record.Drop{FirstSeen: at}}
	grow := func() {
		for range 2000 {
			for _, r := range all {
				if err := w.Append(r); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.Discard()
	}
	grow()
	grow()
	if n := testing.AllocsPerRun(1000, func() {
		for _, r := range all {
			if err := w.Append(r); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d rows, want 0", n, len(all))
	}
}

func TestAppendAliasesNothing(t *testing.T) {
	w := testWriter(t)
	raw := []byte("INVITE")
	m := sip()
	m.Raw = string(raw)
	if err := w.Append(m); err != nil {
		t.Fatal(err)
	}
	m.Raw, m.CallID, *m.CSeq = "other", "other", 9
	b := w.tables[0].waiting[0]
	before := string(b.native())
	if err := w.Append(m); err != nil {
		t.Fatal(err)
	}
	if b.rows != 2 || string(b.native()) == before || w.Bytes() == 0 || w.Rows() != 2 {
		t.Errorf("%d rows, %d bytes", b.rows, w.Bytes())
	}
}

func TestMicrosStayInRange(t *testing.T) {
	f := func(t0 time.Time, want int64) {
		t.Helper()
		if got := micros(t0); got != want {
			t.Errorf("micros(%v) = %d, want %d", t0, got, want)
		}
	}
	f(time.Time{}, 0)
	f(time.Unix(0, 0), 0)
	f(time.Unix(-1, 999), 0)
	f(time.Unix(1, 1999), 1_000_001)
	f(time.Unix(1<<40, 0), latest)
	f(time.Unix(1<<62, 0), latest)
	f(time.Unix(latest/1_000_000, 5), latest)
}

// TestSameRowsSameBytes: what goes to the server depends on the rows alone.
func TestSameRowsSameBytes(t *testing.T) {
	make1 := func(w *Writer) string {
		s := ""
		for i := range 200 {
			c := &record.Call{FirstSeen: at.AddDate(0, 0, i%3), CallID: fmt.Sprint(i), Headers: map[string]string{"X-A": "1", "X-B": "2", "X-C": fmt.Sprint(i)}}
			if err := w.Append(c); err != nil {
				t.Fatal(err)
			}
		}
		for _, tb := range w.tables {
			for _, b := range tb.waiting {
				s += fmt.Sprint(b.number, b.rows) + string(b.native())
			}
		}
		return s
	}
	w := testWriter(t)
	first := make1(w)
	w.Discard()
	if again := make1(w); again != first {
		t.Error("a writer used again gives other bytes")
	}
	if other := make1(testWriter(t)); other != first {
		t.Error("another writer gives other bytes")
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, row := range map[string]any{"attempt16": attempt(), "message23": sip(), "call116": &record.Call{FirstSeen: at, CallID: "a84b4c76e66710@192.0.2.1", A: record.Side{Packets: new(uint64(1))}}, "drop9": &record.Drop{FirstSeen: at, Reason: "x"}} {
		b.Run(name, func(b *testing.B) {
			w := testWriter(b)
			b.ReportAllocs()
			for i := range b.N + 20_000 {
				if i%20_000 == 0 {
					w.Discard()
				}
				if i == 20_000 {
					b.ResetTimer() // from here on the columns have their size
				}
				if err := w.Append(row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFloor fills the columns of an Attempt by hand with ch-go's types:
// what Append is measured against.
func BenchmarkFloor(b *testing.B) {
	var (
		domain, callID, fromTag, branch proto.ColStr
		firstSeen                       proto.ColDateTime64
		requestHost, trunkOut, reason   = new(proto.ColStr).Nullable(), new(proto.ColStr).Nullable(), new(proto.ColStr).Nullable()
		dstIP                           = new(proto.ColIPv6).Nullable()
		dstPort, status, cause          = new(proto.ColUInt16).Nullable(), new(proto.ColUInt16).Nullable(), new(proto.ColUInt16).Nullable()
		startTime, ringTime, endTime    = proto.NewColNullable(new(proto.ColDateTime64).WithPrecision(6)), proto.NewColNullable(new(proto.ColDateTime64).WithPrecision(6)), proto.NewColNullable(new(proto.ColDateTime64).WithPrecision(6))
		won                             proto.ColBool
		r                               = attempt()
	)
	firstSeen.WithPrecision(6)
	reset := []proto.Resettable{&domain, &callID, &fromTag, &branch, &firstSeen, requestHost, trunkOut, reason, dstIP, dstPort, status, cause, startTime, ringTime, endTime, &won}
	str := func(c *proto.ColNullable[string], p *string) {
		if p == nil {
			c.Append(proto.Null[string]())
		} else {
			c.Append(proto.NewNullable(*p))
		}
	}
	u16 := func(c *proto.ColNullable[uint16], p *uint16) {
		if p == nil {
			c.Append(proto.Null[uint16]())
		} else {
			c.Append(proto.NewNullable(*p))
		}
	}
	tm := func(c *proto.ColNullable[time.Time], p *time.Time) {
		if p == nil {
			c.Append(proto.Null[time.Time]())
		} else {
			c.Append(proto.NewNullable(*p))
		}
	}
	b.ReportAllocs()
	for i := range b.N + 20_000 {
		if i == 20_000 {
			b.ResetTimer()
		}
		if i%20_000 == 0 {
			for _, c := range reset {
				c.Reset()
			}
		}
		domain.Append(r.Domain)
		firstSeen.Append(r.FirstSeen)
		callID.Append(r.CallID)
		fromTag.Append(r.FromTag)
		branch.Append(r.Branch)
		str(requestHost, r.RequestHost)
		dstIP.Append(proto.NewNullable(proto.IPv6(r.DstIP.As16())))
		u16(dstPort, r.DstPort)
		str(trunkOut, r.TrunkOut)
		tm(startTime, r.StartTime)
		tm(ringTime, r.RingTime)
		tm(endTime, r.EndTime)
		u16(status, r.Status)
		str(reason, r.Reason)
		u16(cause, r.CauseQ850)
		won.Append(r.Won)
	}
}

package collector

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

var peer = netip.MustParseAddrPort("198.51.100.7:40000")

// encoded is a packet as an agent sends it.
func encoded(t testing.TB, p *packet.Packet, o hep.Options) []byte {
	t.Helper()
	b, err := hep.Append(nil, p, &o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newReader(o Options) *Reader {
	if o.MaxSkew == 0 {
		o.MaxSkew = time.Minute
	}
	return &Reader{opt: &o, counts: &Counts{}, links: &links{}}
}

func TestReaderAuthKey(t *testing.T) {
	for _, c := range []struct{ want, has, reason string }{
		{"", "", ""},
		{"", "unasked", ""},
		{"key", "key", ""},
		{"key", "", ReasonAuthKey},
		{"key", "ke", ReasonAuthKey},
		{"key", "key ", ReasonAuthKey},
		{"key", "KEY", ReasonAuthKey},
	} {
		r := newReader(Options{AuthKey: c.want})
		var p packet.Packet
		reason, ok := r.Decode(encoded(t, invite(0, "INVITE"), hep.Options{AuthKey: c.has}), peer, noon, &p)
		if reason != c.reason || ok != (c.reason == "") {
			t.Errorf("key %q to %q: %q, %v", c.has, c.want, reason, ok)
		}
		if refused := r.counts.AuthKey.Load(); (refused == 1) != (c.reason != "") {
			t.Errorf("key %q to %q: %d counted", c.has, c.want, refused)
		}
	}
}

// TestReaderClock keeps times that may be, as of a spool or a capture, and
// replaces those that may not.
func TestReaderClock(t *testing.T) {
	for name, c := range map[string]struct {
		at      time.Time
		clamped bool
	}{
		"now":               {noon, false},
		"a little fast":     {noon.Add(time.Minute), false},
		"an old capture":    {noon.AddDate(-8, 0, 0), false},
		"too far ahead":     {noon.Add(time.Minute + time.Second), true},
		"NTP taken as Unix": {noon.AddDate(70, 0, 0), true},
		"before HEP":        {time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), true},
		"the epoch":         {time.Unix(0, 0).UTC(), true},
	} {
		p := invite(0, "INVITE")
		p.Time = c.at
		r := newReader(Options{})
		var got packet.Packet
		if _, ok := r.Decode(encoded(t, p, hep.Options{}), peer, noon, &got); !ok {
			t.Fatalf("%s: refused", name)
		}
		if want := c.at; !c.clamped && !got.Time.Equal(want) || c.clamped && got.Time.Sub(noon).Abs() > time.Minute {
			t.Errorf("%s: %v", name, got.Time)
		}
		if n := r.counts.Clamped.Load(); (n == 1) != c.clamped {
			t.Errorf("%s: %d clamped", name, n)
		}
	}
}

// TestReaderNode names an emitter by what it says, else by where it is.
func TestReaderNode(t *testing.T) {
	for _, c := range []struct {
		node string
		id   uint32
		want string
	}{{"edge", 7, "edge"}, {"", 7, "hep-7"}, {"", 0, "198.51.100.7"}} {
		p := invite(0, "INVITE")
		p.Node, p.AgentID = c.node, c.id
		var got packet.Packet
		newReader(Options{}).Decode(encoded(t, p, hep.Options{}), peer, noon, &got)
		if got.Node != c.want {
			t.Errorf("%q %d: %q, want %q", c.node, c.id, got.Node, c.want)
		}
	}
}

// TestReaderGaps counts what an agent numbered and the network lost, and not
// what it only overtook.
func TestReaderGaps(t *testing.T) {
	for name, c := range map[string]struct {
		numbers []uint64
		lost    uint64
	}{
		"in order":            {[]uint64{1, 2, 3}, 0},
		"begun in the middle": {[]uint64{500, 501}, 0},
		"one":                 {[]uint64{1, 2, 4}, 1},
		"several":             {[]uint64{1, 5, 9}, 6},
		"overtaken":           {[]uint64{1, 3, 2, 4}, 0},
		"twice":               {[]uint64{1, 2, 2, 3}, 0},
		"a long outage":       {[]uint64{1, 2_000_002}, 2_000_000},
		"no counter of ours":  {[]uint64{1, 1 << 60, 1<<60 + 1}, 0},
		"back, far":           {[]uint64{1 << 40, 1, 2}, 0},
	} {
		r := newReader(Options{})
		for i, n := range c.numbers {
			at := invite(time.Duration(i)*time.Second, "INVITE")
			at.Node, at.Domain = "edge", "tenant"
			var p packet.Packet
			if _, ok := r.Decode(encoded(t, at, hep.Options{Boot: 42, Sequence: n}), peer, noon.Add(time.Hour), &p); !ok {
				t.Fatalf("%s: refused", name)
			}
		}
		if early, _ := r.links.gaps(noon.Add(time.Hour), false); len(early) > 0 {
			t.Errorf("%s: told before what was overtaken could arrive", name)
		}
		var told uint64
		drops, lost := r.links.gaps(noon.Add(time.Hour+2*time.Second), false)
		for _, p := range drops {
			d, err := packet.ParseDrop(p.Payload)
			if err != nil || d.Stage != "link" || d.Reason != ReasonGap || p.Node != "edge" || p.Domain != "tenant" || d.From.After(d.To) {
				t.Errorf("%s: %+v of %s, %v", name, d, p.Node, err)
			}
			told += d.Count
		}
		if told != c.lost || lost != c.lost {
			t.Errorf("%s: %d told, %d counted, want %d", name, told, lost, c.lost)
		}
		if again, _ := r.links.gaps(noon.Add(time.Hour), true); len(again) > 0 {
			t.Errorf("%s: told again: %v", name, again)
		}
	}
}

// TestReaderManyAgents sends from more agents than can be. What one lost is told
// all the same.
func TestReaderManyAgents(t *testing.T) {
	r := newReader(Options{})
	p := invite(0, "INVITE")
	r.links.follow(1<<40, 1, p, noon)
	r.links.follow(1<<40, 9, p, noon)
	defer func() {
		if _, lost := r.links.gaps(noon.Add(time.Hour), false); lost != 7 {
			t.Errorf("%d lost, want 7", lost)
		}
	}()
	for boot := range uint64(3 * maxAgents) {
		r.links.follow(boot+1, 1, p, noon)
		if len(r.links.byBoot) > maxAgents {
			t.Fatalf("%d links", len(r.links.byBoot))
		}
	}
}

func TestReaderAllocations(t *testing.T) {
	r := newReader(Options{AuthKey: "key"})
	sent := invite(0, "INVITE sip:bob@example.org SIP/2.0\r\n")
	sent.Node = "edge"
	b := encoded(t, sent, hep.Options{AuthKey: "key", Boot: 42, Sequence: 1})
	var p packet.Packet
	r.Decode(b, peer, noon, &p)
	if n := testing.AllocsPerRun(1000, func() { r.Decode(b, peer, noon, &p) }); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// TestNumbersGoOn: what an agent sends while the collector is away is known to
// be lost when it is back, unless it was killed.
func TestNumbersGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "links.json")
	p := invite(0, "INVITE")
	p.Node = "edge"
	var before links
	before.follow(7, 10, p, noon)
	if err := before.save(path); err != nil {
		t.Fatal(err)
	}
	var after links
	if err := after.load(path); err != nil {
		t.Fatal(err)
	}
	after.follow(7, 15, invite(time.Minute, "INVITE"), noon)
	drops, lost := after.gaps(noon, true)
	if lost != 4 || len(drops) != 1 || drops[0].Node != "edge" {
		t.Errorf("%d lost, %+v; want 4 of edge", lost, drops)
	}
	if d, err := packet.ParseDrop(drops[0].Payload); err != nil || !d.From.Equal(p.Time) || !d.To.Equal(p.Time.Add(time.Minute)) {
		t.Errorf("%+v, %v; want from the last packet before to the first after", d, err)
	}
	var killed links
	if err := killed.load(path); err != nil {
		t.Error(err)
	}
	killed.follow(7, 99, p, noon)
	if _, lost := killed.gaps(noon, true); lost != 0 {
		t.Errorf("%d lost after a kill", lost)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := killed.load(path); err == nil {
		t.Error("a damaged file was read")
	}
}

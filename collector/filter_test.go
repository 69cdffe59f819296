package collector

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func invite(at time.Duration, text string) *packet.Packet {
	return &packet.Packet{
		Time: noon.Add(at), Kind: packet.KindSIP, Transport: packet.UDP, Payload: []byte(text),
		Src: netip.MustParseAddrPort("192.0.2.1:5060"), Dst: netip.MustParseAddrPort("192.0.2.2:5060"),
	}
}

// TestFilterMirrored has one message and what came of it later.
func TestFilterMirrored(t *testing.T) {
	ms := time.Millisecond
	change := func(f func(*packet.Packet)) *packet.Packet {
		p := invite(10*ms, "INVITE")
		f(p)
		return p
	}
	for name, c := range map[string]struct {
		p    *packet.Packet
		keep bool
	}{
		"same moment":                   {invite(0, "INVITE"), false},
		"within the window":             {invite(MirrorWindow, "INVITE"), false},
		"earlier, as from a slower tap": {invite(-10*ms, "INVITE"), false},
		"beyond the window":             {invite(MirrorWindow+time.Microsecond, "INVITE"), true},
		"retransmission after T1":       {invite(500*ms, "INVITE"), true},
		"other bytes":                   {invite(10*ms, "INVITE "), true},
		"next hop":                      {change(func(p *packet.Packet) { p.Src, p.Dst = p.Dst, netip.MustParseAddrPort("192.0.2.3:5060") }), true},
		"other port":                    {change(func(p *packet.Packet) { p.Src = netip.MustParseAddrPort("192.0.2.1:5062") }), true},
		"other transport":               {change(func(p *packet.Packet) { p.Transport = packet.TCP }), true},
		"other domain":                  {change(func(p *packet.Packet) { p.Domain = "tenant" }), true},
		"seen by another agent":         {change(func(p *packet.Packet) { p.Node, p.AgentID = "second", 2 }), false},
		"no SIP":                        {change(func(p *packet.Packet) { p.Kind = packet.KindReport }), true},
	} {
		f := NewFilter("here")
		if !f.Keep(invite(0, "INVITE")) {
			t.Fatal("the first is not kept")
		}
		if got := f.Keep(c.p); got != c.keep {
			t.Errorf("%s: kept %v", name, got)
		}
		told := f.Drops(noon, true)
		if c.keep != (len(told) == 0) {
			t.Errorf("%s: drops %v", name, told)
		}
		for _, p := range told {
			d, err := packet.ParseDrop(p.Payload)
			if err != nil || d.Stage != "collector" || d.Reason != ReasonMirrored || d.Count != 1 || p.Node != "here" {
				t.Errorf("%s: %+v of %s, %v", name, d, p.Node, err)
			}
		}
	}
}

// TestFilterWindowMoves follows copies over many windows, each a little late.
func TestFilterWindowMoves(t *testing.T) {
	f := NewFilter("here")
	for i := range 1000 {
		at := time.Duration(i) * 7 * time.Millisecond
		text := fmt.Sprint("OPTIONS ", i)
		if !f.Keep(invite(at, text)) {
			t.Fatalf("message %d is not kept", i)
		}
		if i >= 5 && f.Keep(invite(at, fmt.Sprint("OPTIONS ", i-5))) { // 35 ms late
			t.Fatalf("copy of message %d is kept", i-5)
		}
	}
}

// TestFilterBounded floods the table within one window: it stays bounded and
// the latest are still told from their copies.
func TestFilterBounded(t *testing.T) {
	f := NewFilter("here")
	for i := range 3 * maxRemembered {
		if !f.Keep(invite(0, fmt.Sprint("OPTIONS ", i))) {
			t.Fatalf("message %d is not kept", i)
		}
	}
	if n := len(f.now) + len(f.old); n > 2*maxRemembered {
		t.Errorf("%d remembered", n)
	}
	if f.Keep(invite(0, fmt.Sprint("OPTIONS ", 3*maxRemembered-1))) {
		t.Error("copy of the last is kept")
	}
}

// TestFilterDropsInTime tells drops every ten seconds of packet time.
func TestFilterDropsInTime(t *testing.T) {
	f := NewFilter("here")
	f.Drops(noon, false)
	f.Drop(ReasonUnread, noon.Add(time.Second), 2)
	f.Drop(ReasonUnread, noon.Add(2*time.Second), 3)
	if told := f.Drops(noon.Add(9*time.Second), false); len(told) > 0 {
		t.Errorf("told early: %v", told)
	}
	told := f.Drops(noon.Add(10*time.Second), false)
	if len(told) != 1 {
		t.Fatalf("told %v", told)
	}
	d, err := packet.ParseDrop(told[0].Payload)
	want := packet.Drop{Stage: "collector", Reason: ReasonUnread, Count: 5, From: noon.Add(time.Second), To: noon.Add(2 * time.Second)}
	if err != nil || d != want {
		t.Errorf("%+v, %v; want %+v", d, err, want)
	}
}

func TestFilterAllocations(t *testing.T) {
	f := NewFilter("here")
	p := invite(0, "INVITE sip:bob@example.org SIP/2.0\r\n")
	f.Keep(p)
	if n := testing.AllocsPerRun(1000, func() { f.Keep(p) }); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

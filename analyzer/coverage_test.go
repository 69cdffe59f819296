package analyzer

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

func TestMediaSeen(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*feed) // what was seen before the call
		sip    func(*feed)
		want   string
		silent bool // flag no_media
	}{
		{"nobody sees media", nil, nil, "unknown", false},
		{"both hosts are covered", cover, nil, "none", true},
		{"one host is covered", func(f *feed) {
			k := newTalk(aliceRTP, addr("192.0.2.9:1"), 50, -20)
			f.report(-10, k, k.next(200, 0))
		}, nil, "unknown", false},
		{"covered in another domain", func(f *feed) {
			f.domain = "other"
			cover(f)
			f.domain = "default"
		}, nil, "unknown", false},
		{"hung up at once", cover, func(f *feed) {
			d := newDialled("one")
			f.connect(0, d)
			f.bye(0.9, d)
		}, "none", false},
		{"refused", cover, func(f *feed) {
			d := newDialled("one")
			f.invite(0, d)
			f.sip(3, d.b, d.a, "SIP/2.0 486 Busy", d.id, "A/B", d.cseq, "INVITE", "")
		}, "unknown", false}, // the callee told no address
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed()
			if c.before != nil {
				c.before(f)
			}
			if c.sip == nil {
				d := newDialled("one")
				f.connect(0, d)
				f.bye(20, d)
			} else {
				c.sip(f)
			}
			f.end()
			r := f.call(t, "one")
			if r.MediaSeen != c.want || slices.Contains(r.Flags, "no_media") != c.silent {
				t.Errorf("media_seen is %s, flags %v", r.MediaSeen, r.Flags)
			}
			if r.A.Packets != nil || (r.B.MosLQ != nil) != c.silent || r.FirstRTPTime != nil || r.MeasuredAt != nil {
				t.Error("media fields are not NULL")
			}
		})
	}
}

// cover has an agent see media between the hosts of both ends, both ways.
func cover(f *feed) {
	alice, bob := netip.AddrPortFrom(aliceRTP.Addr(), 9), netip.AddrPortFrom(bobRTP.Addr(), 9)
	for i, k := range []*talk{newTalk(alice, bob, 50, -20), newTalk(bob, alice, 51, -20)} {
		f.report(-10+float64(i), k, k.next(200, 0))
	}
}

func TestCoverageForgets(t *testing.T) {
	c := newCoverage(nil)
	first, nowhere := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.255.255.255")
	by := &point{pointName: pointName{"d", "tap"}}
	c.add(by, first, nowhere)
	host := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range maxCovered {
		c.add(by, host(i), nowhere)
	}
	if c.of("d", first) != (seenBy{sends: by}) {
		t.Error("forgot a host of the older half")
	}
	c.add(by, host(maxCovered-1), nowhere) // heard again
	for i := range maxCovered {
		c.add(by, host(1<<20+i), nowhere)
	}
	if c.of("d", first) != (seenBy{}) || len(c.now)+len(c.old) > 2*maxCovered {
		t.Errorf("%d hosts are remembered", len(c.now)+len(c.old))
	}
}

// TestFlowCoverage: one side is heard. Whether the other is called silent hangs
// on whether its packets would have been seen.
func TestFlowCoverage(t *testing.T) {
	proxy := addr("192.0.2.5:5060") // signalling through it, media from end to end
	before := func(from, to string) func(*feed) {
		return func(f *feed) {
			k := newTalk(addr(from), addr(to), 50, -20)
			f.report(-10, k, k.next(200, 0))
		}
	}
	for _, c := range []struct {
		name   string
		before func(*feed)
		proxy  bool
		node   string // of the signalling, where it is not that of the media
		nat    string // alice's address in SDP
		always string
		silent bool
	}{
		{name: "a tap with one direction of the media", proxy: true},
		{name: "the signalling shows the other direction", silent: true},
		{name: "the signalling is of another node", node: "proxy"},
		{name: "the silent one was heard before", before: before(bobAt, "192.0.2.9:9"), proxy: true, silent: true},
		{name: "the other one was sent to before", before: before("192.0.2.9:9", aliceAt), proxy: true, silent: true},
		{name: "the silent one was sent to before", before: before("192.0.2.9:9", bobAt), proxy: true},
		{name: "the other one was heard before", before: before(aliceAt, "192.0.2.9:9"), proxy: true},
		{name: "configuration covers the silent one", proxy: true, always: "203.0.113.0/24", silent: true},
		{name: "configuration covers others", proxy: true, always: "203.0.114.0/24"},
		{name: "behind NAT, signalling shows it", nat: "10.1.1.1:4000", silent: true},
		{name: "behind NAT, a tap with one direction", nat: "10.1.1.1:4000", proxy: true},
		{name: "behind NAT, its public address was sent to", nat: "10.1.1.1:4000", proxy: true, before: before("192.0.2.9:9", aliceAt), silent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed()
			if c.always != "" {
				f.covered.always = []netip.Prefix{netip.MustParsePrefix(c.always)}
			}
			if c.before != nil {
				c.before(f)
			}
			d := newDialled("one")
			d.a, d.b = netip.AddrPortFrom(aliceRTP.Addr(), 5060), netip.AddrPortFrom(bobRTP.Addr(), 5060)
			if c.proxy {
				d.a, d.b = proxy, addr("192.0.2.6:5060")
			}
			if c.nat != "" {
				d.aRTP = c.nat
			}
			media := f.node
			if c.node != "" {
				f.node = c.node
			}
			f.connect(0, d)
			f.node = media
			f.aSpeaks(0.6, 19.9)
			if c.node != "" {
				f.node = c.node
			}
			f.bye(20, d)
			f.end()
			r := f.call(t, "one")
			if r.MediaSeen != "a" {
				t.Fatalf("media_seen is %s", r.MediaSeen)
			}
			if got := r.B.SilentMs != nil; got != c.silent || slices.Contains(r.Flags, "one_way_audio") != c.silent {
				t.Errorf("silent for %v ms, flags %v", silentMs(r.B.SilentMs), r.Flags)
			}
		})
	}
}

// TestCoverageEnds: what an agent saw that is no longer heard from says nothing
// of what media there is now.
func TestCoverageEnds(t *testing.T) {
	const day = 86_400
	for name, c := range map[string]struct {
		awake bool
		want  string
	}{"the agent went away": {false, "unknown"}, "the agent is there": {true, "none"}} {
		f := newFeed()
		cover(f)
		f.node = "proxy"
		d := newDialled("one")
		f.connect(day, d)
		if c.awake {
			f.Observe(&packet.Packet{Time: at(day + 59), Kind: packet.KindTick, Node: "tap", Domain: f.domain})
		}
		f.bye(day+60, d)
		f.end()
		r := f.call(t, "one")
		if silent := r.A.SilentMs != nil || r.MosLQ != nil || slices.Contains(r.Flags, "no_media"); r.MediaSeen != c.want || silent != c.awake {
			t.Errorf("%s: media_seen is %s, flags %v, silent for %v ms", name, r.MediaSeen, r.Flags, silentMs(r.A.SilentMs))
		}
	}
	// It goes away in the middle of a call, whose signalling another one sees.
	f := newFeed()
	f.node = "proxy"
	d := newDialled("two")
	f.connect(0, d)
	f.node = "tap"
	f.aSpeaks(0.6, 10)
	f.bSpeaks(0.6, 10)
	f.node = "proxy"
	f.bye(50, d)
	f.end()
	if r := f.call(t, "two"); r.A.SilentMs != nil || r.B.SilentMs != nil || *r.MosLQ < 4.4 {
		t.Errorf("silent for %v ms and %v ms", silentMs(r.A.SilentMs), silentMs(r.B.SilentMs))
	}
}

// TestForkCoverage: media of one fork does not speak for the other.
func TestForkCoverage(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.invite(0, d)
	f.sip(0.5, d.b, d.a, "SIP/2.0 200 OK", d.id, "A/B", 1, "INVITE", sdp(bobRTP.String()))
	f.sip(0.6, addr("203.0.113.9:5060"), d.a, "SIP/2.0 200 OK", d.id, "A/C", 1, "INVITE", sdp("203.0.113.9:6000"))
	a, b := newTalk(aliceRTP, bobRTP, 1, 1), newTalk(bobRTP, aliceRTP, 2, 1)
	f.report(5.2, a, a.next(200, 0))
	f.report(5.2, b, b.next(200, 0))
	f.rtcp(5.3, rtcpOf(bobRTP), rtcpOf(aliceRTP), 2, 1, 4, 1000)
	f.end()
	for _, r := range f.calls {
		switch r.ToTag {
		case "Bone":
			if r.MediaSeen != "both" || *r.A.RtcpLost != 4 {
				t.Errorf("the fork that talks: media_seen %s", r.MediaSeen)
			}
		case "Cone":
			if r.MediaSeen != "unknown" || r.A.RtcpLost != nil || r.B.Packets != nil || slices.Contains(r.Flags, "no_media") {
				t.Errorf("the other fork: media_seen %s, rtcp_lost %v, flags %v", r.MediaSeen, r.A.RtcpLost, r.Flags)
			}
		}
	}
	if len(f.calls) != 2 {
		t.Errorf("%d rows", len(f.calls))
	}
}

func drop(f *feed, node, stage, reason string, from, to float64) {
	for _, p := range func() []packet.Packet {
		d := packet.Drops{Stage: stage}
		d.Add(reason, at(from), 3)
		d.Add(reason, at(to), 0)
		return d.Flush(at(to), node, f.domain)
	}() {
		f.Observe(&p)
	}
}

func TestCaptureLoss(t *testing.T) {
	for _, c := range []struct {
		name                string
		node, stage, domain string
		from, to            float64
		want                bool
	}{
		{"during the call", "tap", "capture", "default", 5, 6, true},
		{"across its begin", "tap", "capture", "default", -5, 0.1, true},
		{"before it", "tap", "capture", "default", -20, -10, false},
		{"of another node", "elsewhere", "capture", "default", 5, 6, false},
		{"of the node that saw its media only", "edge", "capture", "default", 5, 6, true},
		{"in another domain", "tap", "capture", "other", 5, 6, false},
		{"on the way to the collector", "tap", "link", "default", 5, 6, true},
		{"of copies, on purpose", "tap", "collector", "default", 5, 6, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed()
			d := newDialled("one")
			f.connect(0, d)
			f.node = "edge"
			k := newTalk(aliceRTP, bobRTP, 7, 1)
			f.report(5.2, k, k.next(200, 0))
			f.node = "tap"
			f.domain = c.domain
			drop(f, c.node, c.stage, "kernel", c.from, c.to)
			f.domain = "default"
			f.bye(10, d)
			f.end()
			r := f.call(t, "one")
			if got := slices.Contains(r.Flags, "capture_loss"); got != c.want {
				t.Errorf("capture_loss is %v", got)
			}
			if !slices.Equal(r.Nodes, []string{"edge", "tap"}) {
				t.Errorf("nodes are %v", r.Nodes)
			}
		})
	}
}

// TestBlindnessIsBounded: drops each second of many nodes for hours, and a
// call that began before all of them still knows.
func TestBlindnessIsBounded(t *testing.T) {
	b := blindness{}
	row := func(node string, from, to float64) *record.Drop {
		return &record.Drop{Domain: "d", Node: node, Stage: "capture", FromTime: at(from), ToTime: at(to)}
	}
	for i := range 5000 {
		for n := range 20 {
			b.add(row(fmt.Sprint(n), float64(i), float64(i+1)))
		}
	}
	if len(b) != 20 || len(b[blindKey{"d", "3"}]) != 1 {
		t.Errorf("%d nodes, %d spans", len(b), len(b[blindKey{"d", "3"}]))
	}
	for i := range 2 * maxBlindSpans {
		b.add(row("3", 10_000+100*float64(i), 10_001+100*float64(i)))
	}
	if got := len(b[blindKey{"d", "3"}]); got != maxBlindSpans {
		t.Errorf("%d spans", got)
	}
	call := &record.Call{Domain: "d", Nodes: []string{"7"}, FirstSeen: at(100)}
	if !b.during(call, at(110)) || b.during(call, at(99)) && !b.during(call, at(100)) {
		t.Error("a call in the middle of it does not know")
	}
	call.FirstSeen = at(6000)
	if b.during(call, at(6000).Add(time.Hour)) {
		t.Error("a call after it says that it was blind")
	}
}

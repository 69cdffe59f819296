package agent

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStreamOfACall(t *testing.T) {
	x := newTap()
	x.invite(0, "one", alice)
	x.invite(0, "one", bob)
	x.talk(time.Second, alice, bob, 7, 100, 600) // 12 s
	x.Close()
	packets, calls := x.sum()
	if packets != 600 || len(calls) != 1 || calls[0] != "one" {
		t.Errorf("%d packets reported, of calls %v", packets, calls)
	}
	if n := len(x.reports); n < 3 || !x.reports[n-1].Final || x.reports[n-1].Total.Packets != 600 {
		t.Errorf("%d reports, the last with %d packets", n, x.reports[n-1].Total.Packets)
	}
	var last time.Time
	for _, p := range x.out {
		if p.Kind != packet.KindReport {
			continue
		}
		if p.Time.Before(last) {
			t.Errorf("a report of %s comes after one of %s", p.Time, last)
		}
		last = p.Time
	}
}

// TestBundle: media that share an address are told apart, in whatever order SDP
// names them; only video has frames.
func TestBundle(t *testing.T) {
	audio, video := "m=audio 6000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n", "m=Video 6000 RTP/AVP 96 97\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n"
	const group, nowhere = "a=group:BUNDLE 0 1\r\n", "c=IN IP4 0.0.0.0\r\n"
	const candidate = "a=candidate:1 1 udp 2113937151 203.0.113.1 6000 typ host\r\n"
	audio9, video9 := strings.Replace(audio, "6000", "9", 1), strings.Replace(video, "6000", "9", 1)
	video0 := strings.Replace(video, "6000", "0", 1)
	for _, lines := range []string{
		audio + video, video + audio,
		group + audio + "a=mid:0\r\n" + video9 + nowhere + "a=mid:1\r\n", // one address for both (RFC 9143)
		group + audio + "a=mid:0\r\n" + video0 + "a=bundle-only\r\na=mid:1\r\n",
		group + audio9 + nowhere + "a=mid:0\r\n" + candidate + video9 + nowhere + "a=mid:1\r\n", // as browsers have it (RFC 9429)
	} {
		x := newTap()
		x.udp(0, bob, alice, sipOf("one", bob, lines))
		for i := range uint16(100) {
			at := time.Duration(i) * 20 * time.Millisecond
			x.udp(at, alice, bob, rtp(7, i, 111))
			x.udp(at, alice, bob, rtp(8, i, 96))
			x.udp(at, alice, bob, rtp(9, i, 97))
		}
		x.Close()
		for _, r := range x.reports {
			clock, frames := uint32(90_000), uint64(0)
			switch r.SSRC {
			case 7:
				clock = 48_000
			case 8:
				frames = 100
			}
			if len(r.TotalJitter) != 1 || r.TotalJitter[0].ClockRate != clock || r.Frames.Frames != frames {
				t.Errorf("SSRC %d: %d frames, jitter %+v", r.SSRC, r.Frames.Frames, r.TotalJitter)
			}
		}
		if len(x.reports) != 3 {
			t.Errorf("%d reports", len(x.reports))
		}
	}
}

// TestSplit: the same stream goes on when its addresses go to another call,
// which is another stream; it does not when the legs of one call share them.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name  string
		play  func(*tap)
		calls string
	}{
		{"ports used again", func(x *tap) {
			x.invite(0, "one", alice)
			x.invite(0, "one", bob)
			x.talk(time.Second, alice, bob, 7, 0, 100)
			x.invite(4*time.Second, "two", alice)
			x.invite(4*time.Second, "two", bob)
			x.talk(5*time.Second, alice, bob, 7, 100, 100)
		}, "one two"},
		{"two legs announce the same", func(x *tap) {
			x.invite(0, "one", alice)
			x.invite(10*time.Millisecond, "two", alice)
			x.invite(20*time.Millisecond, "two", bob)
			x.talk(30*time.Millisecond, alice, bob, 7, 0, 2)
			x.invite(80*time.Millisecond, "one", bob)
			x.talk(100*time.Millisecond, alice, bob, 7, 2, 98)
			x.invite(4*time.Second, "two", alice) // refreshed, leg by leg
			x.invite(4*time.Second, "two", bob)
			x.talk(5*time.Second, alice, bob, 7, 100, 100)
			x.invite(8*time.Second, "one", alice)
			x.invite(8*time.Second, "one", bob)
			x.talk(9*time.Second, alice, bob, 7, 200, 100)
		}, "two"},
		{"one end moves to another call, the other does not yet", func(x *tap) {
			x.invite(0, "one", alice)
			x.invite(0, "one", bob)
			x.talk(time.Second, alice, bob, 7, 0, 100)
			x.invite(4*time.Second, "two", alice)
			x.talk(5*time.Second, alice, bob, 7, 100, 100)
		}, "one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTap()
			c.play(x)
			x.Close()
			packets, calls := x.sum()
			if packets != x.Counters.RTP {
				t.Errorf("%d packets seen, %d reported", x.Counters.RTP, packets)
			}
			if got := strings.Join(calls, " "); got != c.calls {
				t.Errorf("reports are of calls %q, want %q", got, c.calls)
			}
		})
	}
}

// TestGuess: a stream that no SDP announced is reported once it looks like
// one; SDP that comes late confirms it at once.
func TestGuess(t *testing.T) {
	x := newTap()
	x.talk(0, alice, bob, 7, 0, 5) // too few
	x.talk(0, bob, alice, 8, 0, 100)
	x.Close()
	if packets, _ := x.sum(); packets != 100 || x.Counters.RTPGuessed != 5 || x.Counters.RTP != 105 {
		t.Errorf("%d reported, %d guessed, %d seen", packets, x.Counters.RTPGuessed, x.Counters.RTP)
	}
	x = newTap()
	x.talk(0, alice, bob, 7, 0, 5)
	x.invite(200*time.Millisecond, "one", bob)
	x.invite(200*time.Millisecond, "one", alice)
	x.talk(300*time.Millisecond, alice, bob, 7, 5, 1)
	x.Close()
	if packets, calls := x.sum(); packets != 6 || len(calls) != 1 || calls[0] != "one" || x.streams.guesses != 0 {
		t.Errorf("%d packets of %v, %d guesses", packets, calls, x.streams.guesses)
	}
	x = newTap(func(o *Options) { o.Guess = false })
	x.talk(0, alice, bob, 7, 0, 100)
	x.Close()
	if len(x.reports) != 0 || x.Counters.Other != 100 {
		t.Errorf("%d reports, %d counted as other", len(x.reports), x.Counters.Other)
	}
}

// TestNothingLost: whatever comes, every RTP packet is metered, refused or a
// guess that nothing confirmed.
func TestNothingLost(t *testing.T) {
	x := newTap(func(o *Options) { o.MaxStreams = 10 })
	sent := uint64(0)
	send := func(at time.Duration, src, dst netip.AddrPort, ssrc uint32, n int) {
		x.talk(at, src, dst, ssrc, 0, n)
		sent += uint64(n)
	}
	for i := range 8 { // strangers may take half of the table
		send(time.Duration(i)*time.Millisecond, netip.AddrPortFrom(alice.Addr(), uint16(20_000+2*i)), bob, uint32(i), 10)
	}
	if x.Counters.RTPUnmetered != 30 || x.streams.guesses != 5 {
		t.Errorf("%d unmetered, %d guesses", x.Counters.RTPUnmetered, x.streams.guesses)
	}
	x.invite(300*time.Millisecond, "one", alice)
	for i := range 7 {
		send(time.Second, alice, netip.AddrPortFrom(bob.Addr(), uint16(7000+2*i)), uint32(100+i), 40)
	}
	if x.Counters.RTPUnmetered != 30+2*40 {
		t.Errorf("%d unmetered: announced streams have half of the table", x.Counters.RTPUnmetered)
	}
	x.Advance(began.Add(30 * time.Second)) // guesses end after ten seconds
	if x.streams.guesses != 0 || len(x.streams.order) != 5 {
		t.Errorf("%d guesses left, %d streams", x.streams.guesses, len(x.streams.order))
	}
	send(31*time.Second, netip.MustParseAddrPort("192.0.2.7:9000"), netip.MustParseAddrPort("192.0.2.8:9000"), 500, 100)
	x.Close()
	packets, _ := x.sum()
	c := x.Counters
	if packets+c.RTPGuessed+c.RTPUnmetered+c.Other != sent || c.RTP != packets+c.RTPGuessed {
		t.Errorf("sent %d, reported %d, guessed %d, unmetered %d, other %d, seen %d", sent, packets, c.RTPGuessed, c.RTPUnmetered, c.Other, c.RTP)
	}
	told := uint64(0)
	for _, p := range x.out {
		if p.Kind == packet.KindDrop {
			d, err := packet.ParseDrop(p.Payload)
			if err != nil || d.Reason != "streams_full" {
				t.Errorf("drop %v: %v", d, err)
			}
			told += d.Count
		}
	}
	if told != c.RTPUnmetered {
		t.Errorf("%d unmetered, %d told", c.RTPUnmetered, told)
	}
}

func TestAddresses(t *testing.T) {
	x := newTap(func(o *Options) { o.MaxAddrs = 100 })
	for i := range 1000 {
		x.invite(time.Duration(i)*time.Second, fmt.Sprintf("call-%d", i), netip.AddrPortFrom(alice.Addr(), uint16(10_000+2*i)))
	}
	c := x.Counters
	if c.Addrs > 100 || c.AddrsForgotten == 0 || len(x.announce.byRTCP) > 100 {
		t.Errorf("%d addresses, %d RTCP ones, %d forgotten", c.Addrs, len(x.announce.byRTCP), c.AddrsForgotten)
	}
	if x.announce.byAddr[netip.AddrPortFrom(alice.Addr(), 10_000+2*999)] == nil {
		t.Error("forgot the latest")
	}
	// One old address among many young ones is no reason to search each time.
	m := map[addrKey]rtcpUse{alice: {seen: began.Add(-time.Hour)}}
	for i := range 99 {
		m[netip.AddrPortFrom(bob.Addr(), uint16(i))] = rtcpUse{seen: began.Add(time.Duration(i))}
	}
	if n := forgetOlderHalf(m, func(u rtcpUse) time.Time { return u.seen }); n != 50 || len(m) != 50 {
		t.Errorf("%d forgotten, %d left", n, len(m))
	}
	x.Advance(began.Add(24 * time.Hour))
	if len(x.announce.byAddr) != 0 || len(x.announce.byRTCP) != 0 {
		t.Errorf("%d and %d addresses after a day", len(x.announce.byAddr), len(x.announce.byRTCP))
	}
}

func TestEndlessCallID(t *testing.T) {
	x := newTap()
	long := strings.Repeat("x", maxCallID+1)
	x.invite(0, long, alice)
	x.invite(0, long, bob)
	x.talk(time.Second, alice, bob, 7, 0, 50)
	x.Close()
	if packets, calls := x.sum(); packets != 50 || calls[0] != "" {
		t.Errorf("%d packets of a call with %d bytes", packets, len(calls[0]))
	}
}

func TestUnwrap(t *testing.T) {
	collector := netip.MustParseAddrPort("192.0.2.50:9060")
	wrap := func(p packet.Packet) []byte {
		b, err := hep.Append(nil, &p, &hep.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	x := newTap()
	inner := packet.Packet{Time: began.Add(time.Hour), Src: netip.AddrPortFrom(alice.Addr(), 5060), Dst: netip.AddrPortFrom(bob.Addr(), 5060), Transport: packet.UDP, Kind: packet.KindSIP, Node: "edge", AgentID: 7, Payload: sipWith("one", alice)}
	x.udp(0, alice, collector, wrap(inner))
	if len(x.out) != 1 || x.out[0].Node != "edge" || !x.out[0].Time.Equal(inner.Time) || x.out[0].Domain != "default" || x.Counters.SIP != 1 || x.Counters.HEP != 1 {
		t.Fatalf("got %+v, counters %+v", x.out, x.Counters)
	}
	for i := range 50 {
		inner.Kind, inner.Payload = packet.KindRTP, rtp(7, uint16(i), 0)
		inner.Src, inner.Dst, inner.Time = alice, bob, began.Add(time.Duration(i)*20*time.Millisecond)
		x.udp(time.Duration(i)*20*time.Millisecond, alice, collector, wrap(inner))
	}
	inner.Payload = []byte("no RTP at all, but it says so")
	x.udp(time.Second, alice, collector, wrap(inner))
	broken := wrap(inner)
	for _, b := range [][]byte{broken[:20], []byte("HEP3\xff\xff12345"), {1, 2, 3, 4, 5, 6, 7, 8, 9}, {2, 255, 0, 0, 0, 0, 0, 0, 0, 0}} {
		x.udp(time.Second, alice, collector, b)
	}
	if x.Counters.HEPErrors != 4 || x.Counters.Other != 1 {
		t.Errorf("%d malformed, %d other", x.Counters.HEPErrors, x.Counters.Other)
	}
	x.Close()
	if packets, _ := x.sum(); packets != 50 {
		t.Errorf("%d packets reported", packets)
	}
	told := uint64(0)
	for _, p := range x.out {
		if p.Kind == packet.KindReport && p.Node != "edge" {
			t.Errorf("a report is of node %q", p.Node)
		}
		if p.Kind == packet.KindDrop {
			d, _ := packet.ParseDrop(p.Payload)
			told += d.Count
		}
	}
	if told != 4 {
		t.Errorf("%d malformed told", told)
	}
	x = newTap(func(o *Options) { o.IgnorePorts = []uint16{9060} })
	x.udp(0, alice, collector, broken)
	if x.Counters.OwnHEP != 1 || len(x.out) != 0 {
		t.Errorf("own HEP was looked at: %+v", x.Counters)
	}
}

func TestClasses(t *testing.T) {
	x := newTap()
	for _, b := range [][]byte{
		{},
		[]byte("\r\n\r\n"), append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...), append([]byte{22, 0xfe, 0xfd}, make([]byte, 20)...),
		[]byte("what is this, it is nothing"),
		{0x80},
	} {
		x.udp(0, alice, bob, b)
	}
	c := x.Counters
	if c.KeepAlives+c.STUN+c.DTLS+c.Other+c.UDPTL+c.ZRTP+c.TURN != 6 || c.KeepAlives != 3 || c.STUN != 1 || c.DTLS != 1 {
		t.Errorf("counters are %+v", c)
	}
	var sum uint64
	for _, n := range c.Undecoded() {
		sum += n
	}
	if sum != 6 || len(x.out) != 0 {
		t.Errorf("%d undecoded, %d handed out", sum, len(x.out))
	}
}

// TestAllocations: a packet of a known stream costs none.
func TestAllocations(t *testing.T) {
	x := New(Defaults(), func(*packet.Packet) {})
	feed := func(p *packet.Packet) { x.Observe(p) }
	for _, owner := range []netip.AddrPort{alice, bob} {
		feed(&packet.Packet{Time: began, Src: alice, Dst: bob, Transport: packet.UDP, Payload: sipWith("one", owner)})
	}
	body := rtp(7, 0, 0)
	p := packet.Packet{Time: began, Src: alice, Dst: bob, Transport: packet.UDP, Payload: body}
	feed(&p)
	seq := uint16(0)
	got := testing.AllocsPerRun(100, func() {
		seq++
		binary.BigEndian.PutUint16(body[2:], seq)
		p.Time = p.Time.Add(20 * time.Millisecond)
		feed(&p)
	})
	if got != 0 {
		t.Errorf("%v allocations a packet", got)
	}
}

// TestRun: an agent works until its bus ends, and then gives what it owes.
func TestRun(t *testing.T) {
	x := newTap()
	in := bus.NewMemory(4)
	done, flushed := make(chan error, 1), 0
	go func() { done <- x.Run(t.Context(), in, func() { flushed++ }) }()
	out := bus.NewPublisher(in)
	add := func(p packet.Packet) {
		if err := out.Add(t.Context(), &p); err != nil {
			t.Error(err)
		}
	}
	for i := range 50 {
		add(packet.Packet{Time: began.Add(time.Duration(i) * 20 * time.Millisecond), Src: alice, Dst: bob, Transport: packet.UDP, Payload: rtp(7, uint16(i), 0)})
	}
	add(packet.Packet{Time: began.Add(2 * time.Second), Kind: packet.KindTick})
	if err := out.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ticks := 0
	for _, p := range x.out {
		if p.Kind == packet.KindTick && p.Node == "local" && p.Time.Equal(began.Add(2*time.Second)) {
			ticks++
		}
	}
	if packets, _ := x.sum(); packets != 50 || ticks != 1 || flushed == 0 {
		t.Errorf("%d packets reported, %d heartbeats, flushed %d times", packets, ticks, flushed)
	}
}

// FuzzAgent: no datagram does worse than a counter, and none is lost without
// one.
func FuzzAgent(f *testing.F) {
	f.Add(sipWith("one", alice), uint16(5060))
	f.Add(rtp(7, 1, 0), uint16(4000))
	f.Add([]byte("HEP3\x00\x06"), uint16(9060))
	f.Add([]byte{0x80, 200, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0}, uint16(4001))
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		x := newTap()
		x.udp(0, alice, netip.AddrPortFrom(bob.Addr(), port), b)
		x.udp(time.Second, alice, netip.AddrPortFrom(bob.Addr(), port), b)
		x.Close()
		c := x.Counters
		var undecoded uint64
		for reason, n := range c.Undecoded() {
			if reason != "rtp_guess_unconfirmed" {
				undecoded += n
			}
		}
		if c.SIP+c.RTP+c.RTCP+undecoded < 2 && c.HEP < 2 {
			t.Fatalf("lost: %+v", c)
		}
	})
}

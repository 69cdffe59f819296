package analyzer

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

func rtcpOf(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

// TestRTCP: what each end says of the other's stream stands beside what was
// measured.
func TestRTCP(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	a, b := newTalk(aliceRTP, bobRTP, 1, 1), newTalk(bobRTP, aliceRTP, 2, 1)
	f.report(5.2, a, a.next(200, 0))
	f.report(5.2, b, b.next(200, 0))
	f.rtcp(5, rtcpOf(bobRTP), rtcpOf(aliceRTP), 2, 1, 10, 1000) // bob lost 10 of alice's
	f.rtcp(5, rtcpOf(aliceRTP), rtcpOf(bobRTP), 1, 2, -3, 1000)
	f.rtcp(10, rtcpOf(bobRTP), rtcpOf(aliceRTP), 2, 1, 30, 1250)
	f.bye(11, d)
	f.end()
	r := f.call(t, "one")
	if *r.A.RtcpLost != 30 || *r.B.RtcpLost != -3 {
		t.Errorf("rtcp_lost is %d and %d, want 30 and -3", *r.A.RtcpLost, *r.B.RtcpLost)
	}
	if *r.A.RtcpLossPct != 3 || *r.B.RtcpLossPct != 0 { // of the 1000 packets that senders say
		t.Errorf("rtcp_loss_pct is %v and %v, want 3 and 0", *r.A.RtcpLossPct, *r.B.RtcpLossPct)
	}
	if *r.A.RtcpJitterMs != 1 { // 8 units of 8 kHz
		t.Errorf("rtcp_jitter_ms is %v", *r.A.RtcpJitterMs)
	}
	if *r.A.Lost != 0 {
		t.Errorf("a_lost is %d: what RTCP says is not what was measured", *r.A.Lost)
	}
	if len(f.reports) != 0 {
		t.Errorf("%d entries left", len(f.reports))
	}
}

// TestOneSSRC: two calls at a time with one SSRC and one callee port do not
// get each other's RTCP.
func TestOneSSRC(t *testing.T) {
	f := newFeed()
	one, two := newDialled("one"), newDialled("two")
	two.aRTP = "198.51.100.1:4100"
	f.connect(0, one)
	f.connect(0.1, two)
	for i, d := range []*dialled{one, two} {
		k := newTalk(addr(d.aRTP), bobRTP, 7, 1)
		f.report(5.2, k, k.next(200, 0))
		f.rtcp(5.3, rtcpOf(bobRTP), rtcpOf(addr(d.aRTP)), 9, 7, int32(5+i), 200)
	}
	f.bye(10, one)
	f.bye(10, two)
	f.end()
	for i, id := range []string{"one", "two"} {
		if r := f.call(t, id); r.A.RtcpLost == nil || *r.A.RtcpLost != int64(5+i) {
			t.Errorf("call %s: rtcp_lost is %v, want %d", id, r.A.RtcpLost, 5+i)
		}
	}
}

// TestMovedStreamReportedOnce: an SSRC that moves to another address is one
// stream to its receiver, whose count is not added twice.
func TestMovedStreamReportedOnce(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	k := newTalk(bobRTP, aliceRTP, 7, 1)
	f.report(5.2, k, k.next(200, 0))
	f.report(5.3, k, k.final())
	d.cseq++
	moved := addr("198.51.100.1:4800")
	f.sip(5.5, d.a, d.b, "INVITE sip:bob@example.com SIP/2.0", d.id, "A/B", d.cseq, "INVITE", sdp(moved.String()))
	f.sip(5.6, d.b, d.a, "SIP/2.0 200 OK", d.id, "A/B", d.cseq, "INVITE", sdp(d.bRTP))
	k = newTalk(bobRTP, moved, 7, 6)
	f.report(10.2, k, k.next(200, 0))
	f.rtcp(10.3, rtcpOf(moved), rtcpOf(bobRTP), 1, 7, 12, 400)
	f.bye(11, d)
	f.end()
	r := f.call(t, "one")
	if *r.B.Packets != 400 || *r.B.RtcpLost != 12 {
		t.Errorf("b has %d packets, rtcp_lost %d; want 400 and 12", *r.B.Packets, *r.B.RtcpLost)
	}
}

// TestRTCPOnly: an emitter that tells signalling and RTCP only still tells
// what the ends lost.
func TestRTCPOnly(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	f.rtcp(5, rtcpOf(bobRTP), rtcpOf(aliceRTP), 2, 1, 4, 1000)
	f.rtcp(6, rtcpOf(aliceRTP), rtcpOf(bobRTP), 1, 2, 9, 1000)
	f.bye(11, d)
	f.end()
	r := f.call(t, "one")
	if r.A.RtcpLost == nil || *r.A.RtcpLost != 4 || r.B.RtcpLost == nil || *r.B.RtcpLost != 9 {
		t.Errorf("rtcp_lost is %v and %v, want 4 and 9", r.A.RtcpLost, r.B.RtcpLost)
	}
	if r.MediaSeen != "unknown" || r.A.Packets != nil {
		t.Errorf("media_seen is %s", r.MediaSeen)
	}
}

// TestRTCPWithoutACall: random SSRCs are bounded, counted and forgotten.
func TestRTCPWithoutACall(t *testing.T) {
	f := newFeed()
	f.rtcp(0, addr("192.0.2.1:1"), addr("192.0.2.2:1"), 1, 2, 0, 1)
	if len(f.reports) == 0 {
		t.Fatal("nothing is remembered")
	}
	f.rtcp(0.1, addr("192.0.2.1:1"), addr("192.0.2.2:1"), 1, 3, 0, 1)
	f.packet(0.2, packet.KindRTCP, addr("192.0.2.1:1"), addr("192.0.2.2:1"), []byte("{broken"))
	if f.Counters.Unread != 1 || f.messages != 3 {
		t.Errorf("%d unread, %d messages", f.Counters.Unread, f.messages)
	}
	f.Observe(&packet.Packet{Time: at(1200), Kind: packet.KindTick})
	if len(f.reports) != 0 {
		t.Errorf("%d remembered after twenty minutes", len(f.reports))
	}
}

// TestRTCPKeepsItsCallAlive: RTCP between two ends keeps their call alive,
// not another one that shares a port.
func TestRTCPKeepsItsCallAlive(t *testing.T) {
	f := newFeed()
	var all []*dialled
	for i := range 3 {
		d := newDialled(fmt.Sprintf("call-%d", i))
		d.aRTP = fmt.Sprintf("198.51.100.1:%d", 4000+100*i)
		f.connect(float64(i), d)
		k := newTalk(addr(d.aRTP), bobRTP, uint32(i), float64(i)+1)
		f.report(5.2, k, k.next(200, 0))
		all = append(all, d)
	}
	for i := range 20 { // the second call goes on, the others fell silent
		f.rtcp(10+10*float64(i), rtcpOf(addr(all[1].aRTP)), rtcpOf(bobRTP), 1, 9, 0, uint32(100*i))
	}
	if len(f.calls) != 2 {
		t.Fatalf("%d calls are over, want the two that fell silent", len(f.calls))
	}
	for _, r := range f.calls {
		if r.CallID == "call-1" {
			t.Error("the one that goes on is over")
		}
	}
}

package topology

import (
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

func TestAgentIsCut(t *testing.T) {
	s := newStage(Defaults())
	s.send(alice, bob, "INVITE", 1, "User-Agent: "+strings.Repeat("é", 100))
	if got := s.seen(alice).Agent; got != strings.Repeat("é", maxAgent/2) {
		t.Errorf("%q", got)
	}
}

// forwarded is an INVITE as a proxy sends it.
const forwardedInvite = "INVITE sip:bob@203.0.113.40:5060 SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP 198.51.100.20;branch=z9hG4bK2\r\n" +
	"Record-Route: <sip:192.0.2.10;lr>\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\n" +
	"Call-ID: c@198.51.100.20\r\nCSeq: 1 INVITE\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\nMax-Forwards: 69\r\nContent-Length: 0\r\n\r\n"

// TestMessageAllocatesNothing of hosts that are known.
func TestMessageAllocatesNothing(t *testing.T) {
	tb := New(Defaults(), func(*Host) {})
	var m sip.Message
	m.Parse([]byte(forwardedInvite))
	p := &packet.Packet{Domain: "default", Src: port(box), Dst: port(bob)}
	tb.Message(p, &m, t0)
	if n := testing.AllocsPerRun(100, func() { tb.Message(p, &m, t0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

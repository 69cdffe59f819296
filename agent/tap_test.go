package agent

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
)

var began = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

var (
	alice = netip.MustParseAddrPort("198.51.100.1:4000")
	bob   = netip.MustParseAddrPort("203.0.113.1:6000")
)

// tap is an Agent with what it handed out.
type tap struct {
	*Agent
	out     []packet.Packet
	reports []media.Report
}

func newTap(change ...func(*Options)) *tap {
	o := Defaults()
	o.Domain = "default"
	for _, c := range change {
		c(&o)
	}
	x := &tap{}
	x.Agent = New(o, func(p *packet.Packet) {
		x.out = append(x.out, p.Clone())
		if p.Kind == packet.KindReport {
			r, err := media.ParseReport(p.Payload)
			if err != nil {
				panic(err)
			}
			x.reports = append(x.reports, r)
		}
	})
	return x
}

func (x *tap) udp(at time.Duration, src, dst netip.AddrPort, payload []byte) {
	x.Observe(&packet.Packet{Time: began.Add(at), Src: src, Dst: dst, Transport: packet.UDP, Payload: payload})
}

// invite announces an address in a call.
func (x *tap) invite(at time.Duration, call string, owner netip.AddrPort) {
	x.udp(at, netip.AddrPortFrom(owner.Addr(), 5060), netip.MustParseAddrPort("192.0.2.1:5060"), sipWith(call, owner))
}

func sipWith(call string, owner netip.AddrPort) []byte {
	return sipOf(call, owner, fmt.Sprintf("m=audio %d RTP/AVP 0 111\r\na=rtpmap:111 opus/48000/2\r\n", owner.Port()))
}

// sipOf has these m= lines.
func sipOf(call string, owner netip.AddrPort, lines string) []byte {
	body := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n%s", owner.Addr(), owner.Addr(), lines)
	return fmt.Appendf(nil, "INVITE sip:b@example.com SIP/2.0\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", call, len(body), body)
}

func rtp(ssrc uint32, seq uint16, pt uint8) []byte {
	b := make([]byte, 12+160)
	b[0], b[1] = 0x80, pt
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], 160*uint32(seq))
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

// talk sends n packets of a stream, 20 ms apart.
func (x *tap) talk(at time.Duration, src, dst netip.AddrPort, ssrc uint32, seq uint16, n int) {
	for i := range n {
		x.udp(at+time.Duration(i)*20*time.Millisecond, src, dst, rtp(ssrc, seq+uint16(i), 0))
	}
}

// sum adds up what the reports told, and by which Call-IDs.
func (x *tap) sum() (packets uint64, calls []string) {
	for i := range x.out {
		if p := &x.out[i]; p.Kind == packet.KindReport {
			if id := string(p.CorrelationID); len(calls) == 0 || calls[len(calls)-1] != id {
				calls = append(calls, id)
			}
		}
	}
	for i := range x.reports {
		packets += x.reports[i].Delta.Packets
	}
	return packets, calls
}

package agent

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// announced is sipWith under another profile and with more attributes.
func announced(call string, owner netip.AddrPort, proto, attrs string) []byte {
	_, body, _ := strings.Cut(string(sipWith(call, owner)), "\r\n\r\n")
	body = strings.Replace(body, "RTP/AVP", proto, 1) + attrs
	return fmt.Appendf(nil, "INVITE sip:b@example.com SIP/2.0\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", call, len(body), body)
}

var (
	zrtpHello   = append([]byte{0x10, 0, 0, 1, 'Z', 'R', 'T', 'P', 0, 0, 0, 7}, make([]byte, 100)...)
	clientHello = append([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50}, make([]byte, 50)...)
)

// TestListensToPlainMediaOnly: what may be encrypted is never decoded. Each
// case sends 500 packets from alice to bob; want is how many were decoded.
func TestListensToPlainMediaOnly(t *testing.T) {
	const keys = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
	const cert = "a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n"
	type sdp struct{ proto, attrs string }
	plain := sdp{"RTP/AVP", ""}
	for name, c := range map[string]struct {
		from, to *sdp
		between  func(x *tap) // after 200 packets
		want     uint64
	}{
		"both announced":          {&plain, &plain, nil, 500},
		"the receiver announced":  {nil, &plain, nil, 500},
		"the sender announced":    {&plain, nil, nil, 500},
		"nobody announced":        {nil, nil, nil, 0},
		"SDES":                    {&sdp{"RTP/SAVP", keys}, &sdp{"RTP/SAVP", keys}, nil, 0},
		"keys offered, not taken": {&sdp{"RTP/AVP", keys}, &plain, nil, 0},
		"keys answered":           {&plain, &sdp{"RTP/AVP", keys}, nil, 0},
		"DTLS":                    {&sdp{"UDP/TLS/RTP/SAVPF", cert}, &sdp{"UDP/TLS/RTP/SAVPF", cert}, nil, 0},
		"a fingerprint alone":     {&sdp{"RTP/AVP", cert}, &plain, nil, 0},
		"a secure profile alone":  {&sdp{"RTP/SAVPF", ""}, nil, nil, 0},
		"ZRTP":                    {&plain, &plain, func(x *tap) { x.udp(5*time.Second, alice, bob, zrtpHello) }, 200},
		"DTLS beside SDP":         {&plain, &plain, func(x *tap) { x.udp(5*time.Second, bob, alice, clientHello) }, 200},
		"ZRTP of others": {&plain, &plain, func(x *tap) {
			x.udp(5*time.Second, netip.MustParseAddrPort("192.0.2.77:9"), netip.MustParseAddrPort("192.0.2.78:9"), zrtpHello)
		}, 500},
		"announced late":               {nil, nil, func(x *tap) { x.invite(5*time.Second, "one", bob) }, 300},
		"encrypted from the middle on": {&plain, &plain, func(x *tap) { x.udp(5*time.Second, alice, bob, announced("one", alice, "RTP/SAVP", keys)) }, 200},
		"encrypted once":               {&sdp{"RTP/SAVP", keys}, &plain, func(x *tap) { x.invite(5*time.Second, "one", alice) }, 0},
		"the next call is plain":       {&sdp{"RTP/SAVP", keys}, nil, func(x *tap) { x.invite(5*time.Second, "two", alice) }, 300},
	} {
		t.Run(name, func(t *testing.T) {
			for _, on := range []bool{true, false} {
				x := newTap(func(o *Options) { o.Signal = on })
				for _, e := range []struct {
					sdp   *sdp
					owner netip.AddrPort
				}{{c.from, alice}, {c.to, bob}} {
					if e.sdp != nil {
						x.udp(0, netip.AddrPortFrom(e.owner.Addr(), 5060), netip.MustParseAddrPort("192.0.2.1:5060"), announced("one", e.owner, e.sdp.proto, e.sdp.attrs))
					}
				}
				x.talk(time.Second, alice, bob, 7, 0, 200)
				if c.between != nil {
					c.between(x)
				}
				x.talk(5*time.Second, alice, bob, 7, 200, 300)
				x.Close()
				want := c.want
				if !on {
					want = 0
				}
				var got uint64
				for i := range x.reports {
					got += x.reports[i].Signal.Samples
				}
				if packets, _ := x.sum(); packets != 500 || got != 160*want {
					t.Errorf("option %v: of %d packets %d were decoded, want %d", on, packets, got/160, want)
				}
			}
		})
	}
}

// BenchmarkListen is what decoding adds to metering.
func BenchmarkListen(b *testing.B) {
	for _, on := range []bool{false, true} {
		for name, pt := range map[string]uint8{"PCMU": 0, "G722": 9} {
			b.Run(fmt.Sprintf("%s signal=%v", name, on), func(b *testing.B) {
				o := Defaults()
				o.Signal = on
				a := New(o, func(*packet.Packet) {})
				a.Observe(&packet.Packet{Time: began, Src: alice, Dst: bob, Transport: packet.UDP, Payload: sipWith("one", bob)})
				body := rtp(7, 0, pt)
				for i := range body[12:] {
					body[12+i] = byte(i * 37)
				}
				p := packet.Packet{Src: alice, Dst: bob, Transport: packet.UDP, Payload: body, Time: began.Add(time.Second)}
				b.ReportAllocs()
				for n := uint16(0); b.Loop(); n++ {
					body[2], body[3] = byte(n>>8), byte(n)
					p.Time = p.Time.Add(20 * time.Millisecond)
					a.Observe(&p)
				}
			})
		}
	}
}

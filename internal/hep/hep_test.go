package hep

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/packet"
)

var equalAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func mustAppend(t testing.TB, p *packet.Packet, o *Options) []byte {
	t.Helper()
	b, err := Append(nil, p, o)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return b
}

func sipPacket() packet.Packet {
	return packet.Packet{
		Time:      time.Date(2026, 11, 22, 15, 49, 53, 123456000, time.UTC),
		Src:       netip.MustParseAddrPort("192.0.2.1:5060"),
		Dst:       netip.MustParseAddrPort("198.51.100.7:5062"),
		Transport: packet.UDP,
		Kind:      packet.KindSIP,
		TTL:       63,
		DSCP:      24,
		VLAN:      101,
		WireLen:   842,
		AgentID:   2001,
		Node:      "edge-1",
		Domain:    "lab",

		CorrelationID: []byte("a84b4c76e66710@pc33.example.com"),
		Payload:       bytes.Repeat([]byte("INVITE sip:bob@example.com SIP/2.0\r\n"), 800/36),
	}
}

func TestRoundTrip(t *testing.T) {
	for name, change := range map[string]func(*packet.Packet){
		"full":          func(*packet.Packet) {},
		"ipv6":          func(p *packet.Packet) { p.Src, p.Dst = v6(1), v6(2) },
		"two families":  func(p *packet.Packet) { p.Dst = v6(2) },
		"no time":       func(p *packet.Packet) { p.Time = time.Time{} },
		"tls":           func(p *packet.Packet) { p.Transport = packet.TLS },
		"websocket":     func(p *packet.Packet) { p.Transport = packet.WS },
		"sctp":          func(p *packet.Packet) { p.Transport = packet.SCTP },
		"bare":          func(p *packet.Packet) { *p = packet.Packet{Src: p.Src, Dst: p.Dst, Kind: packet.KindRTP} },
		"tick":          func(p *packet.Packet) { *p = packet.Packet{Time: p.Time, Kind: packet.KindTick} },
		"log, one side": func(p *packet.Packet) { p.Kind, p.Dst = packet.KindLog, netip.AddrPort{} },
	} {
		t.Run(name, func(t *testing.T) {
			want := sipPacket()
			change(&want)
			b := mustAppend(t, &want, nil)
			if n, err := FrameLen(b); n != len(b) || err != nil {
				t.Errorf("FrameLen = %d, %v; want %d", n, err, len(b))
			}
			var d Decoder
			var got packet.Packet
			if err := d.Decode(b, &got); err != nil {
				t.Fatalf("Decode: %v", err)
			}
			if diff := cmp.Diff(want, got, equalAddr); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func v6(n byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 15: n}), 5000+uint16(n))
}

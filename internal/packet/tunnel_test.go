package packet

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var tunnelPorts = []uint16{portVXLAN, portVXLANLinux, portVXLANGPE, portGENEVE, portGTPU, portTeredo, portMPLS, portTZSP, portHPERM}

// Ends of tunnels, and IPv6 addresses of Teredo.
const (
	c4, d4 = "198.51.100.1", "198.51.100.2"
	c6, d6 = "2001:db8:ffff::1", "2001:db8:ffff::2"
	t6     = "2001:0:c633:6401::1"
)

// bytesOf reads hexadecimal digits, with spaces where they help.
func bytesOf(digits string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func join(header string, payload []byte) []byte { return append(bytesOf(header), payload...) }

// in4 and in6 are Ethernet, IP and a payload; inUDP has a port to send to, too.
func in4(proto uint8, payload []byte) []byte { return ether(etherIPv4, ip4(proto, c4, d4, payload)) }

func in6(proto uint8, payload []byte) []byte { return ether(etherIPv6, ip6(proto, c6, d6, payload)) }

func inUDP(port uint16, payload []byte) []byte {
	return in4(protoUDP, udpSegment(40000, port, payload))
}

type encapsulated struct {
	name string
	link LinkType
	data []byte
}

// tunnels carries an IPv4 datagram in every encapsulation.
func tunnels(ip []byte) []encapsulated {
	mac := ether(etherIPv4, ip)
	known := slices.Concat([]byte{0x00, 0x1b, 0x21, 1, 2, 3, 0x00, 0x1b, 0x21, 4, 5, 6}, mac[12:])
	mac48 := slices.Concat([]byte{0x48, 0x5b, 0x39, 1, 2, 3, 0x48, 0x5b, 0x39, 4, 5, 6}, mac[12:])
	mac6c := slices.Concat([]byte{0x6c, 0x5b, 0x39, 1, 2, 3, 0x6c, 0x5b, 0x39, 4, 5, 6}, mac[12:])
	sized := func(head string, n int, rest string, payload []byte) []byte {
		return slices.Concat(bytesOf(head), be.AppendUint16(nil, uint16(n+len(payload))), bytesOf(rest), payload)
	}
	pppoe := sized("1100 0007", 2, "0021", ip)
	in := func(l string, p []byte) []byte { return in4(protoGRE, join(l, p)) }
	return []encapsulated{
		{"mpls", LinkEthernet, ether(etherMPLS, join("00010 140", ip))},
		{"mpls, two labels", LinkEthernet, ether(etherMPLS, join("00010040 00011140", ip))},
		{"mpls, entropy label", LinkEthernet, ether(etherMPLS, join("00010040 00007000 12345140", ip))},
		{"mpls multicast", LinkEthernet, ether(etherMPLSMulticast, join("00010140", ip))},
		{"mpls in a VLAN", LinkEthernet, ether(etherVLAN, tag(0, etherMPLS, join("00010140", ip)))},
		{"pseudowire", LinkEthernet, ether(etherMPLS, join("00020140 00000000", mac))},
		{"pseudowire, sequence", LinkEthernet, ether(etherMPLS, join("00020140 0000abcd", known))},
		{"pseudowire without control word", LinkEthernet, ether(etherMPLS, join("00021140", known))},
		{"pseudowire of 48:", LinkEthernet, ether(etherMPLS, join("00021140", mac48))},
		{"pseudowire of 6c:", LinkEthernet, ether(etherMPLS, join("00021140", mac6c))},
		{"mpls link", LinkMPLS, join("00010140", ip)},
		{"mpls in gre", LinkEthernet, in("00008847 00010140", ip)},
		{"mpls in ip", LinkEthernet, in4(protoMPLS, join("00010140", ip))},
		{"mpls in ipv6", LinkEthernet, in6(protoMPLS, join("00010140", ip))},
		{"mpls in udp", LinkEthernet, inUDP(portMPLS, join("00010140", ip))},
		{"pseudowire in udp", LinkEthernet, inUDP(portMPLS, join("00020140 00000000", mac))},

		{"pppoe", LinkEthernet, ether(etherPPPoESession, pppoe)},
		{"pppoe, compressed protocol", LinkEthernet, ether(etherPPPoESession, sized("1100 0007", 1, "21", ip))},
		{"pppoe in QinQ", LinkEthernet, ether(etherQinQ, tag(0, etherVLAN, tag(0, etherPPPoESession, pppoe)))},
		{"pppoe link", LinkPPPoE, pppoe},
		{"mpls in ppp", LinkPPP, join("0281 00010140", ip)},
		{"ppp", LinkPPP, join("0021", ip)},
		{"ppp, framed", LinkPPP, join("ff03 0021", ip)},
		{"ppp, framed and compressed", LinkPPPHDLC, join("ff03 21", ip)},
		{"cisco hdlc", LinkCHDLC, join("0f00 0800", ip)},
		{"cisco hdlc, multicast", LinkPPPHDLC, join("8f00 0800", ip)},
		{"pptp", LinkEthernet, in(fmt.Sprintf("3001880b %04x0007 00000001", len(ip)+2), join("0021", ip))},
		{"pptp, acknowledging", LinkEthernet, in(fmt.Sprintf("3081880b %04x0007 00000001 00000002", len(ip)+4), join("ff030021", ip))},

		{"gre", LinkEthernet, in("00000800", ip)},
		{"gre, reserved flag", LinkEthernet, in("00800800", ip)},
		{"gre, checksum", LinkEthernet, in("80000800 12340000", ip)},
		{"gre, key", LinkEthernet, in("20000800 00000007", ip)},
		{"gre, all three", LinkEthernet, in("b0000800 12340000 00000007 00000001", ip)},
		{"gre, frame", LinkEthernet, in("20006558 00000007", mac)},
		{"gre in ipv6", LinkEthernet, in6(protoGRE, join("00000800", ip))},
		{"gre in gre", LinkEthernet, in("00000800", ip4(protoGRE, d4, c4, join("20000800 00000007", ip)))},
		{"ppp in gre", LinkEthernet, in("0000880b", join("0021", ip))},
		{"erspan I", LinkEthernet, in("000088be", mac)},
		{"erspan II", LinkEthernet, in("100088be 00000001 10000001 00000000", mac)},
		{"erspan III", LinkEthernet, in("100022eb 00000001 20000001 00000000 00000000", mac)},
		{"erspan III, sub-header", LinkEthernet, in("100022eb 00000001 20000001 00000000 00000001 0102030405060708", mac)},
		{"erspan III of IP", LinkEthernet, in("100022eb 00000001 20000001 00000000 00000800", ip)},

		{"ip in ip", LinkEthernet, in4(protoIPv4, ip)},
		{"4in6", LinkEthernet, in6(protoIPv4, ip)},
		{"6in4", LinkEthernet, in4(protoIPv6, ip6(protoIPv4, c6, d6, ip))},
		{"6in6", LinkEthernet, in6(protoIPv6, ip6(protoIPv4, c6, d6, ip))},
		{"6in6 behind a destination header", LinkEthernet, in6(protoDestination, join("2900010400000000", ip6(protoIPv4, c6, d6, ip)))},

		{"vxlan", LinkEthernet, inUDP(portVXLAN, join("08000000 00000700", mac))},
		{"vxlan in ipv6", LinkEthernet, in6(protoUDP, udpSegment(40000, portVXLAN, join("08000000 00000700", mac)))},
		{"vxlan on Linux's port", LinkEthernet, inUDP(portVXLANLinux, join("08000000 00000700", mac))},
		{"vxlan, group policy", LinkEthernet, inUDP(portVXLAN, join("88080123 00000700", mac))},
		{"vxlan-gpe of IP", LinkEthernet, inUDP(portVXLANGPE, join("0c000001 00000700", ip))},
		{"vxlan-gpe of a frame", LinkEthernet, inUDP(portVXLANGPE, join("0c000003 00000700", mac))},
		{"vxlan-gpe of mpls", LinkEthernet, inUDP(portVXLANGPE, join("0c000005 00000700 00010140", ip))},
		{"geneve", LinkEthernet, inUDP(portGENEVE, join("00006558 00000700", mac))},
		{"geneve of IP", LinkEthernet, inUDP(portGENEVE, join("00000800 00000700", ip))},
		{"geneve, options", LinkEthernet, inUDP(portGENEVE, join("03406558 00000700 0102030100000000 01020300", mac))},
		{"gtp-u", LinkEthernet, inUDP(portGTPU, sized("30ff", 0, "00000007", ip))},
		{"gtp-u, sequence number", LinkEthernet, inUDP(portGTPU, sized("32ff", 4, "00000007 12340000", ip))},
		{"gtp-u, extensions", LinkEthernet, inUDP(portGTPU, sized("34ff", 16, "00000007 000000c0 01123485 02 00000000 0000 00", ip))},
		{"teredo", LinkEthernet, inUDP(portTeredo, ip6(protoIPv4, t6, c6, ip))},
		{"teredo, origin", LinkEthernet, inUDP(portTeredo, join("0000 1234 01020304", ip6(protoIPv4, t6, c6, ip)))},
		{"teredo, authentication and origin", LinkEthernet, inUDP(portTeredo, join("0001 02 03 abcd 010203 0102030405060708 00 0000 1234 01020304", ip6(protoIPv4, t6, c6, ip)))},
		{"teredo, from the server", LinkEthernet, in4(protoUDP, udpSegment(portTeredo, 40000, ip6(protoIPv4, c6, t6, ip)))},
		{"tzsp", LinkEthernet, inUDP(portTZSP, join("01000001 01", mac))},
		{"tzsp, tags", LinkEthernet, inUDP(portTZSP, join("01000001 00 0a01c8 1e0400000001 01", mac))},

		{"hp erm", LinkEthernet, inUDP(portHPERM, join("0102030405060708 00000000", mac))},
		{"hp erm, tag", LinkEthernet, inUDP(portHPERM, join("0102030405060708 00006480", ether(etherVLAN, tag(0, etherIPv4, ip))))},

		{"gtp-u in vxlan", LinkEthernet, inUDP(portVXLAN, join("08000000 00000700", inUDP(portGTPU, sized("30ff", 0, "00000007", ip))))},
		{"vxlan in erspan", LinkEthernet, in("100088be 00000001 10000001 00000000", inUDP(portVXLAN, join("08000000 00000700", mac)))},
	}
}

// TestTunnels: what comes out of a tunnel is what comes without one.
func TestTunnels(t *testing.T) {
	for name, ip := range map[string][]byte{
		"udp":            ip4(protoUDP, a4, b4, udpSegment(5060, 5062, []byte("hello, this is long enough to have no padding"))),
		"short":          ip4(protoUDP, a4, b4, udpSegment(5060, 5062, []byte("hi"))),
		"on tunnel port": ip4(protoUDP, a4, b4, udpSegment(portVXLAN, portVXLAN, append([]byte{0x80, 0, 0, 1}, make([]byte, 168)...))),
	} {
		want := one(t, NewDecoder(Options{}), frame(LinkRaw, ip))
		for _, c := range tunnels(ip) {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				d := NewDecoder(Options{})
				got := one(t, d, frame(c.link, c.data))
				balanced(t, d)
				if got.WireLen != len(c.data) || string(got.Payload) != string(want.Payload) {
					t.Errorf("%d bytes, payload %q", got.WireLen, got.Payload)
				}
				if got.WireLen = want.WireLen; !equal(got, want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			})
		}
	}
}

// TestTunnelsCut cuts each encapsulation at every byte. What is too short is
// counted as truncated, or is a datagram of the tunnel itself, cut, where what
// is left does not tell that it is one; nothing else may be made of it.
func TestTunnelsCut(t *testing.T) {
	ip := ip4(protoUDP, a4, b4, udpSegment(5060, 5062, []byte("hello, this is long enough to have no padding")))
	want := one(t, NewDecoder(Options{}), frame(LinkRaw, ip))
	for _, c := range tunnels(ip) {
		for n := range c.data {
			d := NewDecoder(Options{})
			ps := d.Decode(&Frame{Time: epoch, Link: c.link, WireLen: len(c.data), Data: c.data[:n]})
			s := d.Stats()
			balanced(t, d)
			inner := len(c.data) - len(want.Payload)
			switch {
			case n >= inner:
				if len(ps) != 1 || string(ps[0].Payload) != string(want.Payload[:n-inner]) || ps[0].Src != want.Src || s.Cut != 1 {
					t.Errorf("%s cut at %d: %+v, %+v", c.name, n, ps, s)
				}
			case len(ps) == 1:
				if s.Cut != 1 || !slices.Contains(tunnelPorts, ps[0].Dst.Port()) && ps[0].Src.Port() != portTeredo {
					t.Errorf("%s cut at %d: %+v, %+v", c.name, n, ps, s)
				}
			case s.Undecoded[ReasonTruncated] != 1:
				t.Errorf("%s cut at %d: %+v", c.name, n, s)
			}
		}
	}
}

func TestTunnelsRefused(t *testing.T) {
	ip := ip4(protoUDP, a4, b4, udpSegment(5060, 5062, []byte("hello")))
	gre := func(b []byte) []byte { return in4(protoGRE, b) }
	for _, c := range []struct {
		name string
		data []byte
		want Reason
	}{
		{"a label stack without bottom", ether(etherMPLS, make([]byte, 46)), ReasonMalformed},
		{"half a label", ether(etherMPLS, []byte{0, 1}), ReasonMalformed},
		{"nothing below the labels", ether(etherMPLS, bytesOf("00010140")), ReasonMalformed},
		{"pseudowire of ATM", ether(etherMPLS, join("00010140 00000000", make([]byte, 53))), ReasonMPLS},
		{"associated channel", ether(etherMPLS, join("0000d140 10000007", make([]byte, 40))), ReasonMPLS},
		{"pppoe discovery", ether(etherPPPoEDiscovery, bytesOf("1109 0000 0004 01010000")), ReasonPPPoE},
		{"pppoe of version 2", ether(etherPPPoESession, join("2100 0007 0016 0021", ip)), ReasonPPPoE},
		{"half a pppoe header", ether(etherPPPoESession, bytesOf("1100")), ReasonMalformed},
		{"pppoe without ppp", ether(etherPPPoESession, bytesOf("1100 0007 0000 0021")), ReasonMalformed},
		{"lcp", ether(etherPPPoESession, bytesOf("1100 0007 000a c021 09010008 01020304")), ReasonPPP},
		{"half a gre header", gre([]byte{0, 0}), ReasonMalformed},
		{"half a gre key", gre(bytesOf("20000800 0000")), ReasonMalformed},
		{"gre with a source route", gre(join("40000800 00000000 00000000", ip)), ReasonGRE},
		{"gre of version 2", gre(join("00020800", ip)), ReasonGRE},
		{"gre of version 1 that is no ppp", gre(join("30010800 00000000 00000000", ip)), ReasonGRE},
		{"pptp that only acknowledges", gre(bytesOf("2081880b 00000007 00000001")), ReasonGRE},
		{"gre keep-alive", gre(bytesOf("00000000")), ReasonGRE},
		{"nhrp", gre(join("00002001", make([]byte, 40))), ReasonGRE},
		{"erspan II that is none", gre(join("100088be 00000001 20000001 00000000", ip)), ReasonGRE},
		{"half an erspan II header", gre(bytesOf("100088be 00000001 10000001 0000")), ReasonMalformed},
		{"half an erspan III header", gre(bytesOf("100022eb 00000001 20000001 00000000")), ReasonMalformed},
		{"half an erspan III sub-header", gre(bytesOf("100022eb 00000001 20000001 00000000 00000001 0102")), ReasonMalformed},
		{"erspan III of 802.11", gre(join("100022eb 00000001 20000001 00000000 00000400", ip)), ReasonGRE},
		{"erspan II, cut by the switch", gre(join("100088be 00000001 10000401 00000000", ether(etherIPv4, ip[:10]))), ReasonTruncated},
		{"arp in erspan", gre(join("000088be", ether(etherARP, make([]byte, 28)))), ReasonARP},
		{"ip in ip of another version", in4(protoIPv6, ip), ReasonMalformed},
		{"spanning tree in vxlan", inUDP(portVXLAN, join("08000000 00000700", ether(38, make([]byte, 46)))), ReasonLLC},
		{"half a frame in vxlan", inUDP(portVXLAN, bytesOf("08000000 00000700 0102")), ReasonMalformed},
		{"lldp in geneve", inUDP(portGENEVE, join("00006558 00000700", ether(0x88cc, make([]byte, 28)))), ReasonUnknownEtherType},
		{"arp in geneve", inUDP(portGENEVE, join("00000806 00000700", make([]byte, 28))), ReasonARP},
		{"gtp-u echo", inUDP(portGTPU, bytesOf("32010006 00000000 00010000 0e00")), ReasonGTPU},
		{"gtp-u end marker", inUDP(portGTPU, bytesOf("30fe0000 00000007")), ReasonGTPU},
		{"gtp-u of no IP", inUDP(portGTPU, bytesOf("30ff0004 00000007 c0210901")), ReasonGTPU},
		{"teredo bubble", inUDP(portTeredo, ip6(59, t6, d6, nil)), ReasonIPProtocol},
		{"cdp in tzsp", inUDP(portTZSP, join("01000001 01", ether(46, make([]byte, 46)))), ReasonLLC},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder(Options{})
			if ps := d.Decode(frame(LinkEthernet, c.data)); len(ps) != 0 {
				t.Errorf("got %+v", ps)
			}
			if u := d.Undecoded(); u[c.want] != 1 {
				t.Errorf("got %v, want 1 of %s", u, c.want)
			}
			balanced(t, d)
		})
	}
}

// TestNoTunnel: what only has the port of a tunnel is plain UDP.
func TestNoTunnel(t *testing.T) {
	inner := ip4(protoUDP, a4, b4, udpSegment(5060, 5062, []byte("hello")))
	mac := ether(etherIPv4, inner)
	d := NewDecoder(Options{})
	plain := func(port uint16, payload []byte) {
		t.Helper()
		if p := one(t, d, frame(LinkEthernet, ether(etherIPv4, ip4(protoUDP, a4, b4, udpSegment(port, port, payload))))); string(p.Payload) != string(payload) {
			t.Errorf("port %d: %x", port, payload)
		}
	}
	for _, port := range tunnelPorts {
		plain(port, nil)
		plain(port, bytesOf("80000100 00000100"))
		plain(port, []byte("\r\n\r\n"))
		plain(port, []byte("OPTIONS sip:a SIP/2.0\r\n\r\nand enough bytes for an IPv6 header"))
		plain(port, []byte("SIP/2.0 200 OK\r\n\r\nand enough bytes for an IPv6 header"))
		plain(port, bytesOf("000100082112a442 0102030405060708090a0b0c 8022000454657374")) // STUN
		plain(port, bytesOf("010100082112a442 0102030405060708090a0b0c 8022000454657374"))
		plain(port, bytesOf("16fefd0000000000000000 0010 01020304050607080102030405060708")) // DTLS
		plain(port, make([]byte, 100))
		r := rand.New(rand.NewPCG(uint64(port), 1))
		for range 100_000 { // RTP and RTCP of any kind
			b := make([]byte, 12+r.IntN(60))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			b[0] = 0x80 | b[0]&0x3f
			plain(port, b)
		}
	}
	balanced(t, d)
	for _, c := range []struct {
		port    uint16
		payload []byte
	}{
		{portVXLAN, join("00000000 00000700", mac)},
		{portVXLAN, join("08000000 00000701", mac)},
		{portVXLAN, join("88080123 00000700", ether(0x88cc, make([]byte, 28)))},
		{portVXLANGPE, join("0c000001 00000700", mac)},
		{portVXLANGPE, join("0c000004 00000700", inner)}, // a service header
		{portGENEVE, join("40006558 00000700", mac)},
		{portGENEVE, join("00016558 00000700", mac)},
		{portGENEVE, join("00006558 00000701", mac)},
		{portGENEVE, join("000086dd 00000700", inner)},
		{portGTPU, join("30ff0001 00000007", inner)},
		{portGTPU, join("10ff0021 00000007", inner)},
		{portGTPU, join("50ff0021 00000007", inner)},
		{portGTPU, bytesOf("34ff0008 00000007 000000c0 00123485")}, // an extension of length 0
		{portTeredo, ip6(protoUDP, a6, b6, udpSegment(1, 2, []byte("neither address is Teredo's")))},
		{portTeredo, bytesOf("0001ffff 0102030405060708")},
		{portTeredo, ip6(protoUDP, t6, b6, make([]byte, 20))[:50]},
		{portMPLS, join("00010140", inner[:len(inner)-1])},
		{portMPLS, join("00010040", make([]byte, 40))},
		{portHPERM, join("0102030405060708 00000000", mac[:len(mac)-1])},
		{portHPERM, join("0102030405060708 00000000", ether(etherARP, make([]byte, 28)))},
		{portHPERM, join("0102030405060708 00000000", ether(etherVLAN, bytesOf(strings.Repeat("00018100", 20))))},
		{portTZSP, join("01000012 01", mac)}, // 802.11
		{portTZSP, join("02000001 01", mac)},
		{portTZSP, bytesOf("01000001 00 0affc8 1e04")},
		{portTZSP, bytesOf("01040000 0000 0000")}, // keep-alive
	} {
		plain(c.port, c.payload)
	}
}

// TestTunnelDepth: as many tunnels as Options.Depth are opened, and no more.
func TestTunnelDepth(t *testing.T) {
	ip := ip4(protoUDP, a4, b4, udpSegment(5060, 5062, []byte("hello")))
	for n := range 1000 {
		for limit, d := range map[int]*Decoder{8: NewDecoder(Options{}), 3: NewDecoder(Options{Depth: 3})} {
			ps := d.Decode(frame(LinkIPv4, ip))
			if u := d.Undecoded(); n <= limit != (len(ps) == 1) || n > limit != (u[ReasonTunnelDepth] == 1) {
				t.Fatalf("%d tunnels, %d allowed: %+v, %v", n, limit, ps, u)
			}
		}
		ip = ip4(protoIPv4, c4, d4, ip)
	}
}

func TestDecodeTunnelAllocatesNothing(t *testing.T) {
	d := NewDecoder(Options{})
	ip := ip4(protoUDP, a4, b4, udpSegment(1, 2, make([]byte, 172)))
	for _, c := range tunnels(ip) {
		f := frame(c.link, c.data)
		if n := testing.AllocsPerRun(100, func() { d.Decode(f) }); n != 0 {
			t.Errorf("%s: %v allocations a frame, want 0", c.name, n)
		}
	}
}

func BenchmarkDecodeTunnel(b *testing.B) {
	for _, c := range tunnels(ip4(protoUDP, a4, b4, udpSegment(1, 2, make([]byte, 172)))) {
		switch c.name {
		case "vxlan", "mpls", "pppoe", "gre", "erspan II", "gtp-u", "gtp-u in vxlan":
			b.Run(strings.ReplaceAll(c.name, " ", "-"), func(b *testing.B) {
				f, d := frame(c.link, c.data), NewDecoder(Options{})
				b.ReportAllocs()
				for b.Loop() {
					d.Decode(f)
				}
			})
		}
	}
}

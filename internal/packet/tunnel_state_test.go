package packet

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestTunnelVLAN(t *testing.T) {
	ip := ip4(protoUDP, a4, b4, udpSegment(1, 2, []byte("hello")))
	tagged := ether(etherVLAN, tag(7, etherIPv4, ip))
	outer := func(b []byte) []byte { return ether(etherVLAN, tag(100, be.Uint16(b[12:]), b[14:])) }
	for _, c := range []struct {
		name string
		data []byte
		want uint16
	}{
		{"of the frame inside", outer(inUDP(portVXLAN, join("08000000 00000700", tagged))), 7},
		{"none inside", outer(inUDP(portVXLAN, join("08000000 00000700", ether(etherIPv4, ip)))), 0},
		{"outer tag inside", outer(inUDP(portVXLAN, join("08000000 00000700", ether(etherQinQ, tag(8, etherVLAN, tag(7, etherIPv4, ip)))))), 8},
		{"IP inside", outer(in4(protoGRE, join("00000800", ip))), 100},
		{"pppoe", ether(etherQinQ, tag(8, etherVLAN, tag(7, etherPPPoESession, join("1100 0007 0023 0021", ip)))), 8},
		{"mpls", outer(ether(etherMPLS, join("00010140", ip))), 100},
		{"pseudowire", outer(ether(etherMPLS, join("00010140 00000000", tagged))), 7},
		{"that of erspan", outer(in4(protoGRE, join("100088be 00000001 10090001 00000000", ether(etherIPv4, ip)))), 9},
		{"none of erspan", outer(in4(protoGRE, join("100088be 00000001 10000001 00000000", tagged))), 7},
	} {
		if p := one(t, NewDecoder(Options{}), frame(LinkEthernet, c.data)); p.VLAN != c.want {
			t.Errorf("%s: VLAN %d, want %d", c.name, p.VLAN, c.want)
		}
	}
}

// TestTunnelsAreNotJoined has two customers with the same addresses, ports,
// fragment ids and sequence numbers in two tunnels that differ in one thing.
func TestTunnelsAreNotJoined(t *testing.T) {
	gre := func(src, header string) func([]byte) []byte {
		return func(f []byte) []byte { return ether(etherIPv4, ip4(protoGRE, src, d4, join(header, f[14:]))) }
	}
	gre6 := func(src string) func([]byte) []byte {
		return func(f []byte) []byte {
			return ether(etherIPv6, ip6(protoGRE, src, d6, join("00000800", f[14:])))
		}
	}
	vxlan := func(vni string) func([]byte) []byte {
		return func(f []byte) []byte { return inUDP(portVXLAN, join("08000000 "+vni+"00", f)) }
	}
	gtpu := func(teid string) func([]byte) []byte {
		return func(f []byte) []byte {
			return inUDP(portGTPU, join(fmt.Sprintf("30ff%04x", len(f)-14)+teid, f[14:]))
		}
	}
	mpls := func(labels string) func([]byte) []byte {
		return func(f []byte) []byte { return ether(etherMPLS, join(labels, f[14:])) }
	}
	in := func(outer, inner func([]byte) []byte) func([]byte) []byte {
		return func(f []byte) []byte { return outer(inner(f)) }
	}
	plain := func(f []byte) []byte { return f }
	vlan := func(id uint16, of func([]byte) []byte) func([]byte) []byte {
		return func(f []byte) []byte {
			b := of(f)
			return ether(etherVLAN, tag(id, be.Uint16(b[12:]), b[14:]))
		}
	}
	for name, c := range map[string][2]func([]byte) []byte{
		"VNI":              {vxlan("000001"), vxlan("000002")},
		"VNI, nested":      {in(vxlan("000001"), vxlan("000001")), in(vxlan("000002"), vxlan("000001"))},
		"VNI, swapped":     {in(vxlan("000001"), vxlan("000002")), in(vxlan("000002"), vxlan("000001"))},
		"TEID":             {gtpu("00000001"), gtpu("00000002")},
		"label":            {mpls("00010040 00001140"), mpls("00010040 00002140")},
		"key":              {gre(c4, "20000800 00000001"), gre(c4, "20000800 00000002")},
		"end point":        {gre(c4, "00000800"), gre(b4, "00000800")},
		"end point, IPv6":  {gre6(c6), gre6(a6)},
		"a tunnel or none": {plain, vxlan("000000")},
		"outer VLAN":       {vlan(1, vxlan("000001")), vlan(2, vxlan("000001"))},
		"session":          {gre(c4, "100088be 00000001 10000001 00000000 000000000000 000000000000 0800"), gre(c4, "100088be 00000001 10000002 00000000 000000000000 000000000000 0800")},
	} {
		t.Run(name, func(t *testing.T) {
			long := func(c string) []byte { return []byte(strings.Repeat(c, 200)) }
			a, b := fragments4(7, udpSegment(1, 2, long("a")), 96), fragments4(7, udpSegment(1, 2, long("b")), 96)
			d := NewDecoder(Options{})
			wrap := func(i int, f *Frame) *Frame { return &Frame{f.Time, f.Link, len(f.Data), c[i](f.Data)} }
			checkPayloads(t, payloads(d, false, wrap(0, a[0]), wrap(1, b[0]), wrap(0, a[1]), wrap(1, b[1])), string(long("a")), string(long("b")))
			balanced(t, d)
			if s := d.Stats(); s.Held != 0 || s.Decoded != 4 {
				t.Errorf("%+v", s)
			}

			k, m, n := newConn(), request(1, 60), request(2, 60)
			checkPayloads(t, payloads(d, false,
				wrap(0, k.syn()), wrap(1, k.syn()),
				wrap(0, k.at(0, m[:100])), wrap(1, k.at(0, n[:100])), wrap(0, k.at(100, m[100:])), wrap(1, k.at(100, n[100:]))), m, n)
			balanced(t, d)
		})
	}
	// What only changes on the way does not part: labels above the last, and entropy.
	d := NewDecoder(Options{})
	f := fragments4(7, udpSegment(1, 2, make([]byte, 192)), 96)
	f[0].Data = mpls("00010040 00001040 00007000 12345140")(f[0].Data)
	f[1].Data = mpls("00020040 00001040 00007000 54321140")(f[1].Data)
	if n := len(payloads(d, false, f...)); n != 1 {
		t.Errorf("%d packets", n)
	}
	// So does the length of a payload of PPTP, which stands beside the call id.
	f = fragments4(8, udpSegment(1, 2, make([]byte, 192)), 120)
	for _, f := range f {
		f.Data = gre(c4, fmt.Sprintf("3001880b %04x0007 00000001 0021", len(f.Data)-12))(f.Data)
	}
	if n := len(payloads(d, false, f...)); n != 1 {
		t.Errorf("%d packets in PPTP", n)
	}
}

// TestTunnelChanges: a TCP stream whose tunnel changes under way, as at a
// handover, loses only the message that the change cut.
func TestTunnelChanges(t *testing.T) {
	k, d := newConn(), NewDecoder(Options{})
	at := func(teid string, f *Frame) *Frame {
		return frame(LinkEthernet, inUDP(portGTPU, join(fmt.Sprintf("30ff%04x", len(f.Data)-14)+teid, f.Data[14:])))
	}
	m := []string{request(1, 60), request(2, 60), request(3, 60), request(4, 60)}
	one, two, three := len(m[0]), len(m[0]+m[1]), len(m[0]+m[1]+m[2])
	got := payloads(d, true,
		at("00000001", k.syn()), at("00000001", k.at(0, m[0])),
		at("00000002", k.at(one, m[1])), at("00000002", k.at(two, m[2][:40])),
		at("00000003", k.at(two+40, m[2][40:])), at("00000003", k.at(three, m[3])))
	checkPayloads(t, got, m[0], m[1], m[3])
	balanced(t, d)
}

// TestMirrorCut: a switch or cloud may mirror only the begin of a frame, in a
// tunnel that is whole.
func TestMirrorCut(t *testing.T) {
	whole := ether(etherIPv4, ip4(protoUDP, a4, b4, udpSegment(1, 2, []byte("hello"))))
	for n := 14; n <= len(whole); n++ {
		d := NewDecoder(Options{})
		ps := d.Decode(frame(LinkEthernet, inUDP(portVXLAN, join("08000000 00000700", whole[:n]))))
		s := d.Stats()
		if n < len(whole)-5 {
			if len(ps) != 0 || s.Undecoded[ReasonTruncated]+s.Undecoded[ReasonMalformed] != 1 {
				t.Errorf("cut at %d: %+v", n, s)
			}
		} else if len(ps) != 1 || string(ps[0].Payload) != "hello"[:n-len(whole)+5] || s.Cut != uint64(min(1, len(whole)-n)) {
			t.Errorf("cut at %d: %+v, %+v", n, ps, s)
		}
		balanced(t, d)
	}
}

// TestCutPaddingInTunnel: where the capture cut only padding of the frame
// inside, nothing is missing.
func TestCutPaddingInTunnel(t *testing.T) {
	k, d := newConn(), NewDecoder(Options{})
	m := request(1, 60)
	for _, f := range []*Frame{k.syn(), k.at(0, m)} {
		f.Data = inUDP(portVXLAN, join("08000000 00000700", append(f.Data, make([]byte, 20)...)))
		f.WireLen = len(f.Data)
		f.Data = f.Data[:len(f.Data)-10]
		for _, p := range d.Decode(f) {
			if string(p.Payload) != m {
				t.Errorf("%q", p.Payload)
			}
		}
	}
	if s := d.Stats(); s.Packets != 1 || s.Cut != 0 || s.TCPGaps != 0 {
		t.Errorf("%+v", s)
	}
}

// TestFragmentsOfTunnels fragments the datagram outside, the one inside, and both.
func TestFragmentsOfTunnels(t *testing.T) {
	text := strings.Repeat("0123456789", 60)
	whole := udpSegment(5060, 5062, []byte(text))
	vxlan := func(id uint16, inner []byte, cuts ...int) []*Frame {
		u := udpSegment(40000, portVXLAN, join("08000000 00000700", inner))
		return fragments4(id, u, cuts...)
	}
	var inside, both []*Frame
	for i, f := range fragments4(9, whole, 200, 400) {
		inside = append(inside, vxlan(uint16(i), f.Data)...)
		both = append(both, vxlan(uint16(i), f.Data, 48, 96)...)
	}
	for name, frames := range map[string][]*Frame{
		"outside": vxlan(9, ether(etherIPv4, ip4(protoUDP, a4, b4, whole)), 48, 400),
		"inside":  inside,
		"both":    both,
	} {
		for range 20 {
			d := NewDecoder(Options{})
			ps := payloads(d, false, frames...)
			checkPayloads(t, ps, text)
			balanced(t, d)
			if s := d.Stats(); s.Held != 0 || s.Decoded != uint64(len(frames)) || s.FragmentsHeld != 0 || d.datagramBytes != 0 {
				t.Fatalf("%s: %+v", name, s)
			}
			rand.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
		}
	}
}

package packet

import (
	"strings"
	"testing"
)

func TestReasonsHaveNames(t *testing.T) {
	seen := map[string]Reason{}
	var u Undecoded
	for r := range u.All() {
		name := r.String()
		if other, twice := seen[name]; twice || name == "" {
			t.Errorf("reason %d is named %q, as is %d", r, name, other)
		}
		seen[name] = r
	}
	if reasons.String() != "" {
		t.Errorf("a value beyond the set is named %q", reasons)
	}
}

func TestUndecoded(t *testing.T) {
	u := udpSegment(1, 2, []byte("hello"))
	edit := func(b []byte, at int, v ...byte) []byte {
		copy(b[at:], v)
		return b
	}
	v4 := func() []byte { return ether(etherIPv4, ip4(protoUDP, a4, b4, u)) }
	v6 := func() []byte { return ether(etherIPv6, ip6(protoUDP, a6, b6, u)) }
	sll := func(arphrd, proto uint16) []byte {
		b := make([]byte, 16)
		be.PutUint16(b[2:], arphrd)
		be.PutUint16(b[14:], proto)
		return append(b, ip4(protoUDP, a4, b4, u)...)
	}
	for _, c := range []struct {
		name string
		link LinkType
		data []byte
		want Reason
	}{
		{"802.11", 105, v4(), ReasonLinkType},
		{"arp", LinkEthernet, ether(etherARP, make([]byte, 28)), ReasonARP},
		{"lldp", LinkEthernet, ether(0x88cc, make([]byte, 28)), ReasonUnknownEtherType},
		{"spanning tree", LinkEthernet, ether(38, make([]byte, 46)), ReasonLLC},
		{"tags without end", LinkEthernet, ether(etherVLAN, []byte(strings.Repeat("\x00\x01\x81\x00", 20))), ReasonMalformed},
		{"icmp", LinkEthernet, ether(etherIPv4, ip4(protoICMP, a4, b4, u)), ReasonICMP},
		{"icmpv6", LinkEthernet, ether(etherIPv6, ip6(protoICMPv6, a6, b6, u)), ReasonICMP},
		{"igmp", LinkEthernet, ether(etherIPv4, ip4(protoIGMP, a4, b4, u)), ReasonIGMP},
		{"sctp", LinkEthernet, ether(etherIPv4, ip4(protoSCTP, a4, b4, []byte(sctpPacket(7, dataChunk(1, flagBegin|flagEnd, 0, "M3UA"))))), ReasonSCTP},
		{"sctp without chunks", LinkEthernet, ether(etherIPv4, ip4(protoSCTP, a4, b4, u)), ReasonMalformed},
		{"esp", LinkEthernet, ether(etherIPv4, ip4(protoESP, a4, b4, u)), ReasonESP},
		{"ospf", LinkEthernet, ether(etherIPv4, ip4(89, a4, b4, u)), ReasonIPProtocol},
		{"no next header", LinkEthernet, ether(etherIPv6, ip6(59, a6, b6, nil)), ReasonIPProtocol},
		{"hop-by-hop in IPv4", LinkEthernet, ether(etherIPv4, ip4(protoHopByHop, a4, b4, u)), ReasonIPProtocol},
		{"netlink", LinkSLL, sll(arphrdNetlink, 0x0800), ReasonNonIP},
		{"802.2 in sll", LinkSLL, sll(1, 4), ReasonLLC},
		{"can", LinkSLL, sll(280, 12), ReasonNonIP},
		{"appletalk", LinkNull, []byte{16, 0, 0, 0, 1, 2, 3, 4}, ReasonNonIP},
		{"raw of version 5", LinkRaw, []byte{0x50, 0, 0, 0}, ReasonNonIP},
		{"IPv4 of version 6", LinkEthernet, edit(v4(), 14, 0x65), ReasonMalformed},
		{"IPv6 of version 4", LinkEthernet, edit(v6(), 14, 0x40), ReasonMalformed},
		{"header of 16 bytes", LinkEthernet, edit(v4(), 14, 0x44), ReasonMalformed},
		{"total shorter than the header", LinkEthernet, edit(v4(), 16, 0, 19), ReasonMalformed},
		{"udp of 7 bytes", LinkEthernet, edit(v4(), 14+20+4, 0, 7), ReasonMalformed},
		{"udp longer than ip", LinkEthernet, edit(v4(), 14+20+4, 0, 14), ReasonMalformed},
		{"half an Ethernet header", LinkEthernet, make([]byte, 7), ReasonMalformed},
		{"half a tag", LinkEthernet, ether(etherVLAN, []byte{0, 1}), ReasonMalformed},
		{"tcp header of 4 bytes", LinkEthernet, ether(etherIPv4, ip4(protoTCP, a4, b4, make([]byte, 20))), ReasonMalformed},
		{"empty raw", LinkRaw, nil, ReasonMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder(Options{})
			if ps := d.Decode(frame(c.link, c.data)); len(ps) != 0 {
				t.Errorf("got %+v", ps)
			}
			if u := d.Undecoded(); u[c.want] != 1 {
				t.Errorf("got %v, want 1 of %s", u, c.want)
			}
			balanced(t, d)
		})
	}
}

// TestTruncated cuts a frame at every byte: headers that are not whole are
// counted, payloads that are not whole are given as far as they go.
func TestTruncated(t *testing.T) {
	u := udpSegment(1, 2, []byte("hello"))
	for _, whole := range [][]byte{
		ether(etherVLAN, tag(1, etherIPv4, ip4(protoUDP, a4, b4, u))),
		ether(etherVLAN, tag(1, etherIPv6, ip6(protoDestination, a6, b6, append([]byte{protoUDP, 0, 1, 4, 0, 0, 0, 0}, u...)))),
	} {
		headers := len(whole) - 5
		for n := range whole {
			d := NewDecoder(Options{})
			ps := d.Decode(&Frame{Time: epoch, Link: LinkEthernet, WireLen: len(whole), Data: whole[:n]})
			s := d.Stats()
			if n < headers {
				if len(ps) != 0 || s.Undecoded[ReasonTruncated] != 1 {
					t.Errorf("cut at %d: %+v, %+v", n, ps, s)
				}
				continue
			}
			if len(ps) != 1 || string(ps[0].Payload) != "hello"[:n-headers] || s.Cut != 1 || ps[0].WireLen != len(whole) || int(ps[0].Cut) != len(whole)-n {
				t.Errorf("cut at %d: %+v, %+v", n, ps, s)
			}
			balanced(t, d)
		}
	}
}

func TestCutPaddingIsNotTruncated(t *testing.T) {
	f := frame(LinkEthernet, ether(etherIPv4, ip4(protoUDP, a4, b4, udpSegment(1, 2, []byte("hello")))))
	f.WireLen += 20
	d := NewDecoder(Options{})
	one(t, d, f)
	if s := d.Stats(); s.Cut != 0 {
		t.Errorf("%+v", s)
	}
}

func TestOffloadLengths(t *testing.T) {
	big := []byte(strings.Repeat("x", 70000))
	u := udpSegment(1, 2, big)
	be.PutUint16(u[4:], 0)
	v4 := ip4(protoUDP, a4, b4, u)
	be.PutUint16(v4[2:], 0)
	v6 := ip6(protoUDP, a6, b6, u)
	be.PutUint16(v6[4:], 0)
	jumbo := append([]byte{protoUDP, 0, 0xc2, 4}, be.AppendUint32(nil, uint32(len(u)+8))...)
	v6jumbo := ip6(protoHopByHop, a6, b6, append(jumbo, u...))
	be.PutUint16(v6jumbo[4:], 0)
	for name, f := range map[string]*Frame{
		"ipv4":           frame(LinkEthernet, ether(etherIPv4, v4)),
		"ipv6":           frame(LinkEthernet, ether(etherIPv6, v6)),
		"ipv6 jumbogram": frame(LinkEthernet, ether(etherIPv6, append(v6jumbo, 1, 2, 3))),
	} {
		p := one(t, NewDecoder(Options{}), f)
		if len(p.Payload) != len(big) {
			t.Errorf("%s: %d bytes, want %d", name, len(p.Payload), len(big))
		}
	}
}

func TestExtensionHeaders(t *testing.T) {
	u := udpSegment(1, 2, []byte("hello"))
	headers := append([]byte{protoRouting, 0, 1, 4, 0, 0, 0, 0}, protoDestination, 1)
	headers = append(headers, make([]byte, 14)...)
	headers = append(headers, protoAH, 0, 0, 0, 0, 0, 0, 0) // destination
	headers = append(headers, protoUDP, 4)                  // AH of 24 bytes
	headers = append(headers, make([]byte, 22)...)
	p := one(t, NewDecoder(Options{}), frame(LinkIPv6, ip6(protoHopByHop, a6, b6, append(headers, u...))))
	if string(p.Payload) != "hello" {
		t.Errorf("%q", p.Payload)
	}
	// IPv4 options, and an authentication header.
	v4 := ip4(protoAH, a4, b4, nil)
	v4[0] = 0x46
	ah := append([]byte{protoUDP, 4}, make([]byte, 22)...)
	v4 = append(append(append(v4, 1, 1, 1, 0), ah...), u...)
	be.PutUint16(v4[2:], uint16(len(v4)))
	if p := one(t, NewDecoder(Options{}), frame(LinkIPv4, v4)); string(p.Payload) != "hello" {
		t.Errorf("%q", p.Payload)
	}
}

func TestMappedAddressesAreUnmapped(t *testing.T) {
	p := one(t, NewDecoder(Options{}), frame(LinkIPv6, ip6(protoUDP, "::ffff:10.0.0.1", b6, udpSegment(1, 2, nil))))
	if p.Src.Addr().String() != "10.0.0.1" || len(p.Payload) != 0 {
		t.Errorf("%+v", p)
	}
}

// TestFastPath changes each byte of a frame, in its headers, in every bit: with
// and without the fast path the Packets and counters are the same.
func TestFastPath(t *testing.T) {
	base := ether(etherIPv4, ip4(protoUDP, a4, b4, udpSegment(1000, 2000, []byte("0123456789abcdef"))))
	check := func(f *Frame) {
		t.Helper()
		fast, slow := NewDecoder(Options{}), NewDecoder(Options{})
		got := fast.Decode(f)
		slow.stats.Frames, slow.stats.Bytes = 1, uint64(len(f.Data))
		slow.layers(f)
		if fast.Stats() != slow.Stats() || len(got) != len(slow.out) {
			t.Fatalf("%x: %+v, %+v", f.Data, fast.Stats(), slow.Stats())
		}
		if len(got) == 1 && (!equal(got[0], slow.out[0]) || string(got[0].Payload) != string(slow.out[0].Payload)) {
			t.Fatalf("%x: %+v, %+v", f.Data, got[0], slow.out[0])
		}
	}
	check(frame(LinkEthernet, base))
	for _, port := range tunnelPorts {
		check(frame(LinkEthernet, ether(etherIPv4, ip4(protoUDP, a4, b4, udpSegment(port, port, []byte("\x08\x00\x08\x00\x00\x00\x00\x00"))))))
	}
	for i := 12; i < 14+28; i++ {
		for v := range 256 {
			b := append([]byte(nil), base...)
			b[i] = byte(v)
			check(frame(LinkEthernet, b))
			check(&Frame{Time: epoch, Link: LinkEthernet, WireLen: len(b) + 4, Data: append(b, 1, 2, 3)})
		}
	}
	for n := range base {
		check(&Frame{Time: epoch, Link: LinkEthernet, WireLen: len(base), Data: base[:n]})
	}
}

// FuzzDecode decodes frames of any link type cut out of any bytes.
func FuzzDecode(f *testing.F) {
	u := udpSegment(1, 2, []byte("hello"))
	seed := func(l LinkType, frames ...*Frame) {
		var b []byte
		for _, fr := range frames {
			b = append(be.AppendUint16(b, uint16(len(fr.Data))), fr.Data...)
		}
		f.Add(uint16(l), b)
	}
	seed(LinkEthernet, frame(0, ether(etherIPv4, ip4(protoUDP, a4, b4, u))))
	seed(LinkEthernet, fragments4(1, udpSegment(1, 2, make([]byte, 99)), 48)...)
	seed(LinkEthernet, fragments6(1, protoUDP, udpSegment(1, 2, make([]byte, 99)), 48)...)
	k := newConn()
	seed(LinkEthernet, k.syn(), k.at(0, "BYE sip:a SIP/2.0\r\nl: 3\r\n\r\nab"), k.at(35, "x"), k.at(28, "c"), k.fin(29))
	k.dst = 9060
	seed(LinkEthernet, k.syn(), k.at(0, "HEP3\x00\x09ab"), k.at(8, "c"))
	seed(LinkNull, frame(0, append([]byte{24, 0, 0, 0}, ip6(protoUDP, a6, b6, u)...)))
	seed(LinkSLL2, frame(0, make([]byte, 30)))
	for _, c := range tunnels(ip4(protoUDP, a4, b4, u)) {
		seed(c.link, frame(0, c.data))
	}
	f.Fuzz(func(t *testing.T, link uint16, b []byte) {
		d := NewDecoder(Options{Streams: 8, AllStreamBytes: 4096, StreamBytes: 1024, Fragments: 4, FragmentBytes: 4096})
		now := epoch
		for len(b) >= 2 {
			n := int(be.Uint16(b))
			wire := n
			b = b[2:]
			data := b[:min(n&0x7ff, len(b))]
			b = b[len(data):]
			if n&0x8000 == 0 {
				wire = len(data)
			}
			now = now.Add(1 << (n >> 11))
			for _, p := range d.Decode(&Frame{Time: now, Link: LinkType(link), WireLen: wire, Data: data}) {
				if !p.Src.IsValid() || p.Src.Addr().Is4In6() || p.Time.IsZero() || p.Transport == TransportUnknown {
					t.Fatalf("%+v", p)
				}
			}
			balanced(t, d)
			if d.streamBytes > 4096 || d.streamBytes < 0 || d.datagramBytes > 4096 || len(d.streams) > 8 {
				t.Fatalf("held %d and %d bytes, %d streams", d.streamBytes, d.datagramBytes, len(d.streams))
			}
		}
		d.Flush()
		balanced(t, d)
		if s := d.Stats(); s.Held != 0 || d.streamBytes != 0 || d.datagramBytes != 0 {
			t.Fatalf("after Flush: %+v, %d, %d", s, d.streamBytes, d.datagramBytes)
		}
	})
}

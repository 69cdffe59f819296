package synth

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Encapsulations names what Encapsulated knows.
func Encapsulations() []string { return slices.Sorted(maps.Keys(encapsulations)) }

// Encapsulated is the same capture seen where the packets travel in tunnels:
// names are of Encapsulations, the outermost first.
func (c Capture) Encapsulated(names ...string) (Capture, error) {
	top := overIP // what the frame begins with below Ethernet, seen from the innermost on
	layers := make([]encapsulation, len(names))
	for i, name := range slices.Backward(names) {
		e, ok := encapsulations[name]
		if !ok {
			return Capture{}, fmt.Errorf("encapsulation %q: there are %s", name, strings.Join(Encapsulations(), ", "))
		}
		if e.takes&top == 0 {
			return Capture{}, fmt.Errorf("encapsulation %q cannot carry %q", name, names[i+1])
		}
		layers[i], top = e, e.gives
	}
	c.outer = append(layers, c.outer...)
	return c, nil
}

// payload is what an Ethernet frame carries.
type payload uint8

const (
	overIP payload = 1 << iota
	overMPLS
	overTag
	overPPP
	overAny = overIP | overMPLS | overTag | overPPP
)

// encapsulation makes one frame of another: f is it, n a number that no other
// frame has.
type encapsulation struct {
	takes, gives payload
	wrap         func(n uint16, f []byte) []byte // nil: fragments
}

// wrapping is one making of an encapsulated capture.
type wrapping struct{ n uint16 }

// each yields the frames that f becomes; false when yield said so.
func (w *wrapping) each(f []byte, layers []encapsulation, yield func([]byte) bool) bool {
	if len(layers) == 0 {
		return yield(f)
	}
	rest, e := layers[:len(layers)-1], layers[len(layers)-1]
	if e.wrap == nil {
		return w.fragments(f, func(part []byte) bool { return w.each(part, rest, yield) })
	}
	w.n++
	return w.each(e.wrap(w.n, f), rest, yield)
}

// wrap gives the frames of a capture in its encapsulations.
func (c Capture) wrap(yield func(packet.Frame) bool) func(packet.Frame) bool {
	if len(c.outer) == 0 {
		return yield
	}
	var w wrapping
	return func(f packet.Frame) bool {
		return w.each(f.Data, c.outer, func(b []byte) bool {
			f.Data, f.WireLen = b, len(b)
			return yield(f)
		})
	}
}

// inEthernet carries below an Ethernet header what header makes of a frame.
func inEthernet(takes, gives payload, etherType uint16, header func(f []byte) []byte) encapsulation {
	return encapsulation{takes, gives, func(_ uint16, f []byte) []byte { return ethernet(etherType, header(f)) }}
}

// inIP carries in IPv4 of a protocol.
func inIP(takes payload, proto byte, header func(f []byte) []byte) encapsulation {
	return encapsulation{takes, overIP, func(n uint16, f []byte) []byte { return ethernet(0x0800, outerIPv4(n, proto, header(f))) }}
}

// inUDP carries in a datagram to a port.
func inUDP(takes payload, port uint16, header func(f []byte) []byte) encapsulation {
	return inIP(takes, 17, func(f []byte) []byte { return outerUDP(port, header(f)) })
}

// before puts a header, in hexadecimal digits, before the whole frame.
func before(digits string) func([]byte) []byte {
	return func(f []byte) []byte { return append(octets(digits), f...) }
}

// beforeIP puts it before the IP packet of the frame.
func beforeIP(digits string) func([]byte) []byte {
	return func(f []byte) []byte { return append(octets(digits), ipPacket(f)...) }
}

// The headers are those of the standards that internal/packet names, where it
// reads them.
var encapsulations = map[string]encapsulation{
	"vlan": inEthernet(overAny, overTag, 0x8100, func(f []byte) []byte { return append(octets("0064"), f[12:]...) }),
	"qinq": inEthernet(overAny, overTag, 0x88a8, func(f []byte) []byte { return append(octets("00c8 8100 0064"), f[12:]...) }),

	"mpls":        inEthernet(overIP, overMPLS, 0x8847, beforeIP("00010040 00011140")),
	"mpls-pw":     inEthernet(overAny, overMPLS, 0x8847, before("00011140 00000000")),
	"mpls-pw-raw": inEthernet(overAny, overMPLS, 0x8847, before("00015140")),
	"mpls-ip":     inIP(overIP, 137, beforeIP("00011140")),
	"mpls-udp":    inUDP(overIP, 6635, beforeIP("00011140")),

	"pppoe": inEthernet(overIP, overPPP, 0x8864, func(f []byte) []byte { return append(sized("1100 0007", ppp(f)), ppp(f)...) }),
	"pptp": inIP(overIP, 47, func(f []byte) []byte {
		return slices.Concat(sized("3001880b", ppp(f)), octets("0007 00000001"), ppp(f))
	}),

	"gre":              inIP(overIP|overMPLS, 47, func(f []byte) []byte { return slices.Concat(octets("0000"), f[12:14], carried(f)) }),
	"gre-key":          inIP(overIP|overMPLS, 47, greKey),
	"gre-teb":          inIP(overAny, 47, before("20006558 00000007")),
	"erspan1":          inIP(overAny, 47, before("000088be")),
	"erspan2":          inIP(overAny, 47, before("100088be 00000001 10000001 00000000")),
	"erspan3":          inIP(overAny, 47, before("100022eb 00000001 20000001 00000000 00000000")),
	"erspan3-platform": inIP(overAny, 47, before("100022eb 00000001 20000001 00000000 00000001 0000000000000000")),

	"ip4": {overIP, overIP, func(n uint16, f []byte) []byte {
		return ethernet(0x0800, outerIPv4(n, ipInIP(f), ipPacket(f)))
	}},
	"ip6": inEthernet(overIP, overIP, 0x86dd, func(f []byte) []byte { return outerIPv6(ipInIP(f), tunnelEnds6, ipPacket(f)) }),

	"vxlan":          inUDP(overAny, 4789, before("08000000 00126700")),
	"vxlan-gbp":      inUDP(overAny, 4789, before("88000123 00126700")),
	"vxlan-gpe":      inUDP(overIP, 4790, gpe),
	"geneve":         inUDP(overAny, 6081, before("00006558 00126700")),
	"geneve-ip":      inUDP(overIP, 6081, func(f []byte) []byte { return slices.Concat(octets("0000"), f[12:14], octets("00126700"), ipPacket(f)) }),
	"geneve-options": inUDP(overAny, 6081, before("03006558 00126700 0102030100000000 01020300")),
	"gtpu":           inUDP(overIP, 2152, func(f []byte) []byte { return append(sized("30ff", ipPacket(f)), beforeIP("00000007")(f)...) }),
	"gtpu-ext": inUDP(overIP, 2152, func(f []byte) []byte {
		rest := beforeIP("00010085 01100900")(f) // sequence number, next: PDU session container of 4 bytes, next: none
		return slices.Concat(sized("36ff", rest), octets("00000007"), rest)
	}),
	"teredo": inUDP(overIP, 3544, func(f []byte) []byte { return outerIPv6(ipInIP(f), teredoEnds, ipPacket(f)) }),
	"teredo-indicators": inUDP(overIP, 3544, func(f []byte) []byte {
		return append(octets("0001 02 03 abcd 010203 0102030405060708 00 0000 1234 01020304"), outerIPv6(ipInIP(f), teredoEnds, ipPacket(f))...)
	}),
	"hp-erm": inUDP(overAny, 7932, before("0000000000000000 00000000")),
	"tzsp":   inUDP(overAny, 37008, before("01000001 0a01c8 00 01")),

	"fragment": {takes: overIP, gives: overIP},
}

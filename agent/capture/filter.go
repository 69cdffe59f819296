package capture

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/bpf"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Filter says which frames the kernel hands over, and how much of each. The
// zero Filter takes everything, whole.
//
// Where Given is empty, a packet passes when one of its addresses is in Hosts
// and one of its ports in Ports, or in RTPPorts if it is UDP; an empty list asks
// for nothing, and Ports and RTPPorts are one question. What the kernel cannot
// look into passes: of Hosts, fragments (only the first has ports, and without it
// the others are of no use) and IPv6 with extension headers; of any host, tunnels.
// Other protocols than TCP, UDP and SCTP do not pass once something is asked for.
type Filter struct {
	Given      string // in the language of pcap-filter(7), or a program as tcpdump -ddd prints it
	Hosts      []netip.Prefix
	Ports      []PortRange // of TCP, UDP and SCTP
	RTPPorts   []PortRange // of UDP
	Without    []uint16    // TCP and UDP ports that never pass: those of this process's own parts
	SnapLen    int         // bytes kept of a frame; 262144, all of it
	RTPSnapLen int         // bytes kept of what follows UDP in a packet that looks like RTP; 0 is all
}

// PortRange is the ports from First to Last.
type PortRange struct{ First, Last uint16 }

func (r PortRange) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// String tells the filter for people.
func (f Filter) String() string {
	var b strings.Builder
	switch {
	case f.Given != "":
		fmt.Fprintf(&b, "%q", f.Given)
	case !f.asks():
		b.WriteString("everything")
	default:
		b.WriteString("generated: tunnels, fragments")
		if len(f.Ports) > 0 {
			fmt.Fprintf(&b, ", ports %v", f.Ports)
		}
		if len(f.RTPPorts) > 0 {
			fmt.Fprintf(&b, ", RTP ports %v", f.RTPPorts)
		}
		if len(f.Hosts) > 0 {
			fmt.Fprintf(&b, ", of hosts %v", f.Hosts)
		}
	}
	if len(f.Without) > 0 {
		fmt.Fprintf(&b, "; without own ports %v", f.Without)
	}
	if f.RTPSnapLen > 0 {
		fmt.Fprintf(&b, "; of RTP %d bytes", f.RTPSnapLen)
	}
	return b.String()
}

func (f *Filter) asks() bool { return len(f.Hosts)+len(f.Ports)+len(f.RTPPorts) > 0 }

func (f *Filter) snapLen() uint32 {
	if f.SnapLen <= 0 {
		return maxSnapLen
	}
	return uint32(f.SnapLen)
}

// layout is where a filter finds things in frames of a link type.
type layout struct {
	etherType int // offset of the EtherType; none where IP begins the frame
	ip        uint32
}

const none = -1

// layoutOf knows the link types that filters are made for.
func layoutOf(l packet.LinkType) (layout, bool) {
	switch l {
	case packet.LinkEthernet:
		return layout{12, 14}, true
	case packet.LinkSLL:
		return layout{14, 16}, true
	case packet.LinkSLL2:
		return layout{0, 20}, true
	case packet.LinkRaw, packet.LinkRaw12, packet.LinkRaw14, packet.LinkIPv4, packet.LinkIPv6:
		return layout{none, 0}, true
	case packet.LinkNull, packet.LinkLoop:
		return layout{none, 4}, true
	default:
		return layout{}, false
	}
}

// Protocol numbers.
const (
	etherIPv4, etherIPv6 = 0x0800, 0x86dd
	protoTCP, protoUDP   = 6, 17
	protoSCTP            = 132
	portTeredo           = 3544
)

// What the kernel cannot look into, and packet.Decoder may.
var (
	// VLAN tags behind the one that the kernel took off, MPLS, PPPoE sessions.
	etherTunnels = []uint32{0x8100, 0x88a8, 0x9100, 0x8847, 0x8848, 0x8864}
	// IPv4 and IPv6 in IP, GRE, the authentication header, MPLS in IP.
	ipTunnels = []uint32{4, 41, 47, 51, 137}
	// IPv6 extension headers (RFC 8200 section 4).
	ip6Extensions = []uint32{0, 43, 44, 60, 135, 139, 140}
	// GTP-U, VXLAN, VXLAN-GPE, GENEVE, MPLS, HP ERM, VXLAN of Linux, TZSP: those of
	// packet.OnTunnelPort, and Teredo.
	udpTunnels = []uint32{2152, 4789, 4790, 6081, 6635, 7932, 8472, 37008}
)

// Scratch registers.
const (
	srcPort  = 0
	dstPort  = 1
	protocol = 2
	unported = 3 // not 0: a fragment, or ports lie behind extension headers
)

// version jumps to the labels of IP's versions, and to others: EtherTypes and
// frames that are neither.
func (p *program) version(l layout, ipv4, ipv6, tunnel, other string) {
	if l.etherType == none {
		p.add(bpf.LoadAbsolute{Off: l.ip, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0})
		p.when(bpf.JumpEqual, 0x40, ipv4)
		p.when(bpf.JumpEqual, 0x60, ipv6)
		p.jump(tunnel)
		return
	}
	p.add(bpf.LoadAbsolute{Off: uint32(l.etherType), Size: 2})
	p.when(bpf.JumpEqual, etherIPv4, ipv4)
	p.when(bpf.JumpEqual, etherIPv6, ipv6)
	p.whenAny(etherTunnels, tunnel)
	p.jump(other)
}

// generate makes the program of everything but Given and Without.
func (f *Filter) generate(l layout) []bpf.Instruction {
	var p program
	if f.asks() || f.RTPSnapLen > 0 {
		p.add(bpf.LoadConstant{Dst: bpf.RegA}, bpf.StoreScratch{Src: bpf.RegA, N: srcPort},
			bpf.StoreScratch{Src: bpf.RegA, N: dstPort}, bpf.StoreScratch{Src: bpf.RegA, N: unported})
		p.version(l, "ipv4", "ipv6", "all", "other")
		p.label("ipv4")
		f.ipv4(&p, l.ip)
		p.label("ipv6")
		f.ipv6(&p, l.ip)
		p.label("ports")
		f.ports(&p)
		p.label("media")
		f.media(&p, l.ip)
	}
	p.label("other")
	if f.asks() {
		p.add(bpf.RetConstant{})
	}
	p.label("all")
	p.add(bpf.RetConstant{Val: f.snapLen()})
	return p.code
}

func (f *Filter) ipv4(p *program, ip uint32) {
	p.add(bpf.LoadAbsolute{Off: ip + 9, Size: 1}, bpf.StoreScratch{Src: bpf.RegA, N: protocol})
	p.whenAny(ipTunnels, "all")
	p.whenAny([]uint32{protoTCP, protoUDP, protoSCTP}, "transport4")
	p.jump("other")
	p.label("transport4")
	// More fragments, or an offset (RFC 791 section 3.1).
	p.add(bpf.LoadAbsolute{Off: ip + 6, Size: 2}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x3fff}, bpf.StoreScratch{Src: bpf.RegA, N: unported})
	p.when(bpf.JumpNotEqual, 0, "hosts4")
	p.add(bpf.LoadMemShift{Off: ip})
	loadPorts(p, ip)
	p.label("hosts4")
	f.hosts(p, 1, ip+12)
}

func (f *Filter) ipv6(p *program, ip uint32) {
	p.add(bpf.LoadAbsolute{Off: ip + 6, Size: 1}, bpf.StoreScratch{Src: bpf.RegA, N: protocol})
	p.whenAny(ipTunnels, "all")
	p.whenAny([]uint32{protoTCP, protoUDP, protoSCTP}, "transport6")
	p.add(bpf.TAX{}, bpf.LoadConstant{Dst: bpf.RegA, Val: 1}, bpf.StoreScratch{Src: bpf.RegA, N: unported}, bpf.TXA{})
	p.whenAny(ip6Extensions, "hosts6")
	p.jump("other")
	p.label("transport6")
	p.add(bpf.LoadConstant{Dst: bpf.RegX, Val: 40})
	loadPorts(p, ip)
	p.label("hosts6")
	f.hosts(p, 4, ip+8)
}

// loadPorts takes them from X bytes behind the begin of IP, and lets tunnels in
// UDP pass. Teredo's port is that of its server or relay, on either side.
func loadPorts(p *program, ip uint32) {
	p.add(bpf.LoadIndirect{Off: ip, Size: 2}, bpf.StoreScratch{Src: bpf.RegA, N: srcPort},
		bpf.LoadIndirect{Off: ip + 2, Size: 2}, bpf.StoreScratch{Src: bpf.RegA, N: dstPort},
		bpf.LoadScratch{Dst: bpf.RegA, N: protocol})
	var skip program
	skip.add(bpf.LoadScratch{Dst: bpf.RegA, N: dstPort})
	skip.whenAny(udpTunnels, "all")
	skip.when(bpf.JumpEqual, portTeredo, "all")
	skip.add(bpf.LoadScratch{Dst: bpf.RegA, N: srcPort})
	skip.when(bpf.JumpEqual, portTeredo, "all")
	p.add(bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protoUDP, SkipTrue: uint8(len(skip.code))})
	p.append(&skip)
}

// hosts goes on at ports if one of the addresses, of so many 32-bit words, is
// in Hosts.
func (f *Filter) hosts(p *program, words, at uint32) {
	if len(f.Hosts) == 0 {
		p.jump("ports")
		return
	}
	for side := range uint32(2) {
		for _, h := range f.Hosts {
			if b := h.Masked().Addr().AsSlice(); len(b) == int(4*words) {
				match(p, b, h.Bits(), at+side*4*words)
			}
		}
	}
	p.jump("other")
}

// match goes on at ports if the address at an offset has the first bits of b.
func match(p *program, b []byte, bits int, at uint32) {
	var words []bpf.Instruction // three for each word: load, mask, compare
	for i := 0; i < bits; i += 32 {
		want := uint32(b[i/8])<<24 | uint32(b[i/8+1])<<16 | uint32(b[i/8+2])<<8 | uint32(b[i/8+3])
		mask := ^uint32(0) << max(0, 32-(bits-i))
		words = append(words, bpf.LoadAbsolute{Off: at + uint32(i/8), Size: 4}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: want})
	}
	for i := 2; i < len(words); i += 3 { // a word that differs skips the rest, and the jump behind it
		j := words[i].(bpf.JumpIf)
		j.SkipTrue = uint8(len(words) - i)
		words[i] = j
	}
	p.add(words...)
	p.jump("ports")
}

// ports goes on at media with what may be RTP.
func (f *Filter) ports(p *program) {
	p.add(bpf.LoadScratch{Dst: bpf.RegA, N: unported})
	p.when(bpf.JumpNotEqual, 0, "all")
	if len(f.Ports)+len(f.RTPPorts) > 0 {
		for _, reg := range [...]int{srcPort, dstPort} {
			p.whenIn(reg, f.Ports, "all")
		}
	}
	p.add(bpf.LoadScratch{Dst: bpf.RegA, N: protocol})
	if len(f.Ports)+len(f.RTPPorts) == 0 {
		p.when(bpf.JumpEqual, protoUDP, "media")
		p.jump("all")
		return
	}
	p.when(bpf.JumpNotEqual, protoUDP, "other")
	for _, reg := range [...]int{srcPort, dstPort} {
		p.whenIn(reg, f.RTPPorts, "media")
	}
	p.jump("other")
}

// media cuts RTP behind its header. RTP has version 2, and a second byte that no
// RTCP packet has (RFC 5761 section 4). Padding tells its length in the last byte
// (RFC 3550 section 5.1): a packet that has some stays whole.
func (f *Filter) media(p *program, ip uint32) {
	if f.RTPSnapLen <= 0 {
		p.jump("all")
		return
	}
	p.add(bpf.LoadIndirect{Off: ip + 4, Size: 2})
	p.when(bpf.JumpLessThan, 8+2, "all")
	p.add(bpf.LoadIndirect{Off: ip + 8, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xe0})
	p.when(bpf.JumpNotEqual, 0x80, "all")
	p.add(bpf.LoadIndirect{Off: ip + 9, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x60})
	p.when(bpf.JumpEqual, 0x40, "all") // payload types 64 to 95: RTCP
	p.add(bpf.TXA{}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: ip + 8 + uint32(f.RTPSnapLen)}, bpf.RetA{})
}

// without is the program that takes Without away and leaves the rest to what
// follows it. A fragment is left to the Decoder, which knows its ports in the end.
func (f *Filter) without(l layout) []bpf.Instruction {
	if len(f.Without) == 0 {
		return nil
	}
	ports := make([]uint32, len(f.Without))
	for i, p := range f.Without {
		ports[i] = uint32(p)
	}
	var p program
	p.version(l, "ipv4", "ipv6", "on", "on")
	p.label("ipv4")
	p.add(bpf.LoadAbsolute{Off: l.ip + 6, Size: 2})
	p.when(bpf.JumpBitsSet, 0x3fff, "on")
	p.add(bpf.LoadMemShift{Off: l.ip}, bpf.LoadAbsolute{Off: l.ip + 9, Size: 1})
	p.whenAny([]uint32{protoTCP, protoUDP}, "ports")
	p.jump("on")
	p.label("ipv6")
	p.add(bpf.LoadConstant{Dst: bpf.RegX, Val: 40}, bpf.LoadAbsolute{Off: l.ip + 6, Size: 1})
	p.whenAny([]uint32{protoTCP, protoUDP}, "ports")
	p.jump("on")
	p.label("ports")
	for _, off := range [...]uint32{l.ip, l.ip + 2} {
		p.add(bpf.LoadIndirect{Off: off, Size: 2})
		p.whenAny(ports, "own")
	}
	p.jump("on")
	p.label("own")
	p.add(bpf.RetConstant{})
	p.label("on")
	return p.code
}

// assemble gives the program for frames of a link type. compile is what turns
// Given into a program.
func (f *Filter) assemble(l packet.LinkType, compile func(string, packet.LinkType, uint32) ([]bpf.RawInstruction, error)) ([]bpf.RawInstruction, error) {
	at, known := layoutOf(l)
	if !known {
		if f.asks() {
			return nil, fmt.Errorf("capture.ports, hosts and rtp_ports: not for link type %d; give capture.filter", l)
		}
		at = layout{}
	}
	var code []bpf.Instruction
	if known {
		code = f.without(at)
	}
	if f.Given == "" {
		if known {
			code = append(code, f.generate(at)...)
		} else {
			code = append(code, bpf.RetConstant{Val: f.snapLen()})
		}
		return bpf.Assemble(code)
	}
	given, err := compile(f.Given, l, f.snapLen())
	if err != nil {
		return nil, fmt.Errorf("capture filter %q: %w", f.Given, err)
	}
	raw, err := bpf.Assemble(code)
	return append(raw, given...), err
}

package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/packet"
)

// passes says in plain Go, by the words of Filter's comment, how many bytes of a
// frame a generated filter keeps. Where a header lies behind the end of the
// frame nothing passes, as in any BPF program.
func passes(f *Filter, link packet.LinkType, b []byte) (kept int) {
	defer func() {
		if recover() != nil { // the end of the frame
			kept = 0
		}
	}()
	all := int(f.snapLen())
	if !f.asks() && f.RTPSnapLen == 0 {
		return all
	}
	ip, ether := b, uint16(0)
	if link == packet.LinkEthernet {
		ether = binary.BigEndian.Uint16(b[12:14])
		switch ether {
		case 0x0800, 0x86dd:
			ip = b[14:]
		case 0x8100, 0x88a8, 0x9100, 0x8847, 0x8848, 0x8864:
			return all
		default:
			if f.asks() {
				return 0
			}
			return all
		}
	} else {
		switch b[0] >> 4 {
		case 4:
			ether = 0x0800
		case 6:
			ether = 0x86dd
		default:
			return all
		}
	}
	var protocol byte
	var src, dst netip.Addr
	var above []byte // TCP, UDP or SCTP
	fragment := false
	tail := func(n int) []byte {
		if n > len(ip) {
			return nil
		}
		return ip[n:]
	}
	addr := func(from, n int) netip.Addr {
		if from+n > len(ip) {
			return netip.Addr{}
		}
		a, _ := netip.AddrFromSlice(ip[from : from+n])
		return a
	}
	if ether == 0x0800 {
		protocol = ip[9]
		if protocol == 6 || protocol == 17 || protocol == 132 {
			fragment = binary.BigEndian.Uint16(ip[6:8])&0x3fff != 0
		}
		src, dst, above = addr(12, 4), addr(16, 4), tail(4*int(ip[0]&15))
	} else {
		protocol = ip[6]
		src, dst, above = addr(8, 16), addr(24, 16), tail(40)
		fragment = slices.Contains([]byte{0, 43, 44, 60, 135, 139, 140}, protocol)
	}
	if slices.Contains([]byte{4, 41, 47, 51, 137}, protocol) {
		return all
	}
	if !fragment && protocol != 6 && protocol != 17 && protocol != 132 {
		if f.asks() {
			return 0
		}
		return all
	}
	var ports [2]uint16
	if !fragment {
		ports = [2]uint16{binary.BigEndian.Uint16(above[:2]), binary.BigEndian.Uint16(above[2:4])}
		if protocol == 17 && packet.OnTunnelPort(ports[0], ports[1]) {
			return all
		}
	}
	if len(f.Hosts) > 0 {
		if !src.IsValid() || !dst.IsValid() {
			panic("behind the end")
		}
		if !slices.ContainsFunc(f.Hosts, func(p netip.Prefix) bool { return p.Contains(src) || p.Contains(dst) }) {
			return 0
		}
	}
	if fragment {
		return all
	}
	in := func(ranges []PortRange) bool {
		return slices.ContainsFunc(ranges, func(r PortRange) bool {
			return ports[0] >= r.First && ports[0] <= r.Last || ports[1] >= r.First && ports[1] <= r.Last
		})
	}
	switch {
	case in(f.Ports):
		return all
	case len(f.Ports)+len(f.RTPPorts) > 0 && !(protocol == 17 && in(f.RTPPorts)):
		return 0
	case protocol != 17 || f.RTPSnapLen == 0 || binary.BigEndian.Uint16(above[4:6]) < 10:
		return all
	}
	if payload := above[8:]; payload[0]>>5 != 4 || payload[1]&0x7f >= 64 && payload[1]&0x7f <= 95 {
		return all
	}
	return len(b) - len(above) + 8 + f.RTPSnapLen
}

// isOwn says whether Without takes a frame away.
func isOwn(f *Filter, link packet.LinkType, b []byte) bool {
	d := packet.NewDecoder(packet.Options{HEPPorts: []uint16{1}})
	for _, p := range d.Decode(&packet.Frame{Link: link, WireLen: len(b), Data: b}) {
		if slices.Contains(f.Without, p.Src.Port()) || slices.Contains(f.Without, p.Dst.Port()) {
			return true
		}
	}
	return false
}

// somePorts are few, so that filters and frames meet.
var somePorts = []uint16{5060, 5061, 5080, 9060, 10000, 10500, 20000, 4789, 3544, 80}

var someHosts = []netip.Addr{
	netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.200"), netip.MustParseAddr("10.1.2.3"),
	netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:0:1::1"), netip.MustParseAddr("fd00::1"),
}

func drawFilter(t *rapid.T) Filter {
	port := rapid.SampledFrom(somePorts)
	ranges := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) PortRange {
		a, b := port.Draw(t, "a"), port.Draw(t, "b")
		return PortRange{min(a, b), max(a, b)}
	}), 0, 3)
	f := Filter{Ports: ranges.Draw(t, "ports"), RTPPorts: ranges.Draw(t, "rtp"), RTPSnapLen: rapid.SampledFrom([]int{0, 12, 76}).Draw(t, "headers")}
	if rapid.Bool().Draw(t, "with hosts") {
		f.Hosts = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) netip.Prefix {
			a := rapid.SampledFrom(someHosts).Draw(t, "host")
			return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
		}), 1, 4).Draw(t, "hosts")
	}
	return f
}

// drawFrame gives a frame that is nearly right, in one of many ways, and cut
// short behind its addresses now and then.
func drawFrame(t *rapid.T, link packet.LinkType, cut bool) []byte {
	pick := func(what string, of ...byte) byte { return rapid.SampledFrom(of).Draw(t, what) }
	port := rapid.OneOf(rapid.SampledFrom(somePorts), rapid.Uint16())
	protocol := pick("protocol", 17, 17, 17, 6, 132, 1, 4, 41, 47, 58, 0, 44, 51)
	above := binary.BigEndian.AppendUint16(nil, port.Draw(t, "src"))
	above = binary.BigEndian.AppendUint16(above, port.Draw(t, "dst"))
	payload := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "payload")
	if len(payload) > 1 {
		payload[0], payload[1] = pick("version", 0x80, 0x80, 0x90, 0xa0, 'I', 0), pick("type", 0, 8, 111, 72, 200, 201, 96, 0xe0, 127, 95, 64)
	}
	above = binary.BigEndian.AppendUint16(above, uint16(8+len(payload)))
	above = append(append(above, 0, 0), payload...)
	if protocol == 6 {
		above = append(above, make([]byte, 20)...)
		above[12] = 5 << 4
	}
	var b []byte
	v6 := rapid.Bool().Draw(t, "v6")
	if link == packet.LinkEthernet {
		b = append(make([]byte, 12), 8, 0)
		if v6 {
			b[12], b[13] = 0x86, 0xdd
		}
		if odd := pick("ethertype", 0, 0, 0, 0, 0, 0, 1, 2, 3, 4); odd > 0 {
			copy(b[12:], [][]byte{{0x81, 0}, {0x88, 0x47}, {0x08, 0x06}, {0x88, 0x64}}[odd-1])
		}
	}
	hosts := rapid.SampledFrom(someHosts[:3])
	if v6 {
		hosts = rapid.SampledFrom(someHosts[3:])
		h := make([]byte, 8)
		h[0], h[6], h[7] = 0x60, protocol, 64
		binary.BigEndian.PutUint16(h[4:], uint16(len(above)))
		b = append(b, h...)
	} else {
		options := int(pick("options", 0, 0, 1, 10))
		h := make([]byte, 12)
		h[0], h[8], h[9] = 0x45+byte(options), 64, protocol
		binary.BigEndian.PutUint16(h[2:], uint16(20+4*options+len(above)))
		binary.BigEndian.PutUint16(h[6:], rapid.SampledFrom([]uint16{0, 0, 0, 0x4000, 0x2000, 0x2010, 0x0010}).Draw(t, "fragment"))
		b = append(b, h...)
		above = append(make([]byte, 4*options), above...)
	}
	b = append(b, hosts.Draw(t, "from").AsSlice()...)
	b = append(b, hosts.Draw(t, "to").AsSlice()...)
	headers := len(b)
	b = append(b, above...)
	if cut && rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
		b = slices.Clip(b[:rapid.IntRange(headers, len(b)).Draw(t, "length")]) // or Go reads on behind it
	}
	return b
}

func runProgram(t testing.TB, code []bpf.RawInstruction, b []byte) int {
	t.Helper()
	n, err := runRaw(code, b)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func runRaw(code []bpf.RawInstruction, b []byte) (int, error) {
	instructions, ok := bpf.Disassemble(code)
	if !ok {
		return 0, errors.New("not all instructions are known")
	}
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		return 0, err
	}
	return vm.Run(b)
}

// TestGeneratedFilter compares the program, run by the machine of x/net, with
// plain Go that knows nothing of it.
func TestGeneratedFilter(t *testing.T) {
	for _, link := range []packet.LinkType{packet.LinkEthernet, packet.LinkRaw} {
		t.Run(fmt.Sprint(link), func(t *testing.T) {
			passed, refused, cut := 0, 0, 0
			rapid.Check(t, func(t *rapid.T) {
				f := drawFilter(t)
				code, err := f.assemble(link, nil)
				if err != nil {
					t.Fatal(err)
				}
				for range 20 {
					b := drawFrame(t, link, true)
					got, err := runRaw(code, b)
					if want := passes(&f, link, b); err != nil || got != want {
						t.Fatalf("%v (RTP %d bytes), frame %x: keeps %d (%v), want %d", f, f.RTPSnapLen, b, got, err, want)
					}
					switch got {
					case 0:
						refused++
					case maxSnapLen:
						passed++
					default:
						cut++
					}
				}
			})
			if passed < 100 || refused < 100 || cut == 0 {
				t.Errorf("%d frames passed, %d were refused, %d cut: the test tests little", passed, refused, cut)
			}
		})
	}
}

// TestOwnPorts has the ports of this process refused, whatever else is asked for.
func TestOwnPorts(t *testing.T) {
	for _, given := range []string{"", "1,6 0 0 1000"} {
		rapid.Check(t, func(t *rapid.T) {
			own := Filter{Without: []uint16{9060, 5061}, Given: given, SnapLen: 1000}
			code, err := own.assemble(packet.LinkEthernet, func(s string, _ packet.LinkType, _ uint32) ([]bpf.RawInstruction, error) { return parseProgram(s) })
			if err != nil {
				t.Fatal(err)
			}
			b := drawFrame(t, packet.LinkEthernet, false)
			if len(b) < 60 || b[23] == 6 || b[20] == 6 { // of TCP the Decoder says nothing before a message is whole
				return
			}
			got, err := runRaw(code, b)
			if want := map[bool]int{false: 1000, true: 0}[isOwn(&own, packet.LinkEthernet, b)]; err != nil || got != want {
				t.Fatalf("%x: %d (%v), want %d", b, got, err, want)
			}
		})
	}
	tcp := append(make([]byte, 12), 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x23, 0x64, 0x80, 0, 0, 0)
	for own, want := range map[uint16]int{9060: 0, 9061: maxSnapLen} {
		f := Filter{Without: []uint16{own}}
		code, err := f.assemble(packet.LinkEthernet, nil)
		if got := runProgram(t, code, tcp); err != nil || got != want {
			t.Errorf("TCP from 9060 without %d: %d, want %d", own, got, want)
		}
	}
}

// TestTunnelPorts has every port on which the Decoder looks for a tunnel pass, on
// the side where it does, and no other.
func TestTunnelPorts(t *testing.T) {
	f := Filter{Ports: []PortRange{{1, 1}}}
	code, err := f.assemble(packet.LinkRaw, nil)
	if err != nil {
		t.Fatal(err)
	}
	instructions, _ := bpf.Disassemble(code)
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 2, 0, 2, 0, 8, 0, 0}
	for port := range uint16(65535) {
		for side, at := range []int{20, 22} {
			ports := [2]uint16{2, 2}
			ports[side] = port
			binary.BigEndian.PutUint16(b[20:], 2)
			binary.BigEndian.PutUint16(b[22:], 2)
			binary.BigEndian.PutUint16(b[at:], port)
			kept, err := vm.Run(b)
			if want := port == 1 || packet.OnTunnelPort(ports[0], ports[1]); err != nil || (kept > 0) != want {
				t.Errorf("UDP from %d to %d: %d bytes kept (%v), want some is %v", ports[0], ports[1], kept, err, want)
			}
		}
	}
}

// TestLargeFilter has as many ports and hosts as configuration allows, twice, as
// on "any": the kernel still takes the program, and its jumps reach.
func TestLargeFilter(t *testing.T) {
	var f Filter
	for i := range 40 {
		f.Ports = append(f.Ports, PortRange{uint16(10 * i), uint16(10*i + 3)})
		f.RTPPorts = append(f.RTPPorts, PortRange{uint16(10*i + 20000), uint16(10*i + 20003)})
		f.Hosts = append(f.Hosts, netip.PrefixFrom(netip.AddrFrom16([16]byte{15: byte(i)}), 128))
	}
	f.Hosts[39] = netip.MustParsePrefix("10.39.0.0/24")
	code, err := f.assemble(packet.LinkEthernet, nil)
	if err != nil || 2*len(code)+100 > maxInstructions {
		t.Fatalf("%d instructions, %v", len(code), err)
	}
	frame := func(host byte, port uint16) []byte {
		return append(make([]byte, 12), 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 10, host, 0, 9, 0xff, 0xff, byte(port>>8), byte(port), 0, 8, 0, 0)
	}
	if runProgram(t, code, frame(39, 393)) == 0 || runProgram(t, code, frame(39, 394)) != 0 {
		t.Error("the last of many is not found")
	}
}

package synth

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

// nested are encapsulations inside one another, as networks have them.
var nested = [][]string{
	{"vlan", "vxlan", "vlan"},
	{"qinq", "pppoe"},
	{"vxlan", "gtpu"},
	{"erspan2", "vxlan"},
	{"mpls", "gtpu-ext"},
	{"mpls-pw", "qinq", "pppoe", "ip6"},
	{"gre", "mpls"},
	{"gre-key", "mpls"},
	{"tzsp", "geneve-options", "erspan3-platform", "vxlan-gpe"},
	{"teredo", "pptp"},
	{"ip6", "ip4", "ip6", "ip4"},
	{"fragment", "vxlan"},
	{"vxlan", "fragment"},
	{"fragment", "ip6", "fragment", "gre-teb", "fragment"},
}

// TestEncapsulatedTShark compares the innermost packets that TShark finds in
// each encapsulation, to the byte, with those of the plain capture.
func TestEncapsulatedTShark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	c, err := Scenario("transport-switch", 1) // UDP, RTP, and TCP at the end
	if err != nil {
		t.Fatal(err)
	}
	plain := innermost(t, c)
	if len(plain) < 300 {
		t.Fatalf("%d plain packets are too few to compare", len(plain))
	}
	all := slices.Clone(nested)
	for _, name := range Encapsulations() {
		all = append(all, []string{name})
	}
	for _, names := range all {
		t.Run(strings.Join(names, ","), func(t *testing.T) {
			t.Parallel()
			e, err := c.Encapsulated(names...)
			if err != nil {
				t.Fatal(err)
			}
			got := innermost(t, e)
			if len(got) != len(plain) {
				t.Errorf("%d packets, plain %d", len(got), len(plain))
			}
			for i := range min(len(got), len(plain)) {
				if got[i] != plain[i] {
					t.Fatalf("packet %d:\n%.200s\n%.200s", i, got[i], plain[i])
				}
			}
		})
	}
}

// innermost is time, addresses, ports and payload of the innermost UDP or TCP
// of each frame as TShark has it.
func innermost(t *testing.T, c Capture) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.pcap")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := WritePcap(f, c); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// Nothing tells TShark of a pseudowire without control word whose first
	// address begins with 0, nor of a port that no authority assigned.
	cmd := exec.CommandContext(t.Context(), "tshark", "-n", "-r", file, "-T", "fields", "-E", "occurrence=l",
		"-d", "mpls.label==21,pwethnocw", "-d", "udp.port==7932,hp_erm", "-Y", "udp or tcp", "-o", "tcp.desegment_tcp_streams:FALSE",
		"-e", "frame.protocols", "-e", "frame.time_epoch", "-e", "ip.src", "-e", "ip.dst", "-e", "ipv6.src", "-e", "ipv6.dst",
		"-e", "udp.srcport", "-e", "udp.dstport", "-e", "udp.payload", "-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "tcp.flags", "-e", "tcp.payload")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		v := strings.Split(strings.TrimRight(line, "\n"), "\t")
		layers := strings.Split(v[0], ":")
		last := func(a, b string) bool { // is a behind b
			return lastIndex(layers, a) > lastIndex(layers, b)
		}
		keep := v[1:2:2]
		if last("ipv6", "ip") {
			keep = append(keep, v[4:6]...)
		} else {
			keep = append(keep, v[2:4]...)
		}
		if last("tcp", "udp") {
			keep = append(keep, v[9:]...)
		} else {
			keep = append(keep, v[6:9]...)
		}
		if keep[3] == "50000" { // only the tunnel: what is in it is a fragment
			continue
		}
		all = append(all, strings.Join(keep, " "))
	}
	return all
}

func lastIndex(all []string, s string) int {
	for i, v := range slices.Backward(all) {
		if v == s {
			return i
		}
	}
	return -1
}

// TestEncapsulatedDecoder has the decoder find the plain capture's packets.
func TestEncapsulatedDecoder(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		c, err := Calls(Options{Calls: 2, Seconds: 1, IPv6: v6})
		if err != nil {
			t.Fatal(err)
		}
		read := func(c Capture) (all []packet.Packet, s packet.Stats) {
			d := packet.NewDecoder(packet.Options{})
			for f := range c.Frames() {
				for _, p := range d.Decode(&f) {
					p.WireLen = 0
					all = append(all, p.Clone())
				}
			}
			return all, d.Stats()
		}
		want, _ := read(c)
		everything := slices.Clone(nested)
		for _, name := range Encapsulations() {
			everything = append(everything, []string{name})
		}
		for _, names := range everything {
			e, err := c.Encapsulated(names...)
			if err != nil {
				t.Fatal(err)
			}
			got, s := read(e)
			same := slices.EqualFunc(got, want, func(a, b packet.Packet) bool {
				return a.Time.Equal(b.Time) && a.Src == b.Src && a.Dst == b.Dst && a.TTL == b.TTL && a.DSCP == b.DSCP && bytes.Equal(a.Payload, b.Payload)
			})
			if !same || s.Undecoded.Total() != 0 || s.Held != 0 {
				t.Errorf("%v, IPv6 %v: %d packets, plain %d; %+v", names, v6, len(got), len(want), s)
			}
		}
	}
}

func TestEncapsulatedRefuses(t *testing.T) {
	for _, names := range [][]string{{"carrier-pigeon"}, {"ip4", "vlan"}, {"gtpu", "mpls"}, {"gre", "pppoe"}, {"fragment", "mpls"}} {
		if _, err := (Capture{}).Encapsulated(names...); err == nil {
			t.Errorf("%v was taken", names)
		}
	}
	c, err := (Capture{}).Encapsulated("gtpu")
	if err == nil {
		c, err = c.Encapsulated("vxlan")
	}
	if err != nil || len(c.outer) != 2 || c.outer[0].takes != overAny {
		t.Errorf("%v, %+v", err, c.outer)
	}
}

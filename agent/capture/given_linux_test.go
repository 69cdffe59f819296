package capture

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

// TestGivenFilter compares with what tcpdump makes of the same expression.
func TestGivenFilter(t *testing.T) {
	if _, err := loadPcap(); err != nil {
		t.Skipf("no shared libpcap: %v", err)
	}
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is absent (make deps-test)")
	}
	for _, filter := range []string{
		"udp", "udp port 5060 or portrange 10000-20000", "host 192.0.2.1 and not port 22", "net 2001:db8::/32",
		"vlan 7 and udp", "ip[6:2] & 0x1fff != 0", "udp[8:4] = 0x494e5649",
	} {
		for name, link := range map[string]packet.LinkType{"EN10MB": packet.LinkEthernet, "RAW": packet.LinkRaw} {
			if link == packet.LinkRaw && strings.Contains(filter, "vlan") {
				continue // is of Ethernet only
			}
			out, err := exec.CommandContext(t.Context(), tcpdump, "-ddd", "-y", name, "-s", "1500", filter).Output()
			if err != nil { // it may have to open an interface for it
				t.Skipf("tcpdump -ddd -y %s: %v", name, err)
			}
			want, err := parseProgram(string(out))
			if err != nil {
				t.Fatal(err)
			}
			got, err := compileGiven(filter, link, 1500)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s on %s:\n got %v (%v)\nwant %v", filter, name, got, err, want)
			}
		}
	}
}

func TestGivenFilterErrors(t *testing.T) {
	if _, err := loadPcap(); err != nil {
		t.Skipf("no shared libpcap: %v", err)
	}
	f := Filter{Given: "not a filter ("}
	_, err := f.assemble(packet.LinkEthernet, compileGiven)
	if err == nil || !strings.Contains(err.Error(), `capture filter "not a filter (": `) || !strings.Contains(err.Error(), "pcap-filter(7)") {
		t.Errorf("%v", err)
	}
}

// TestWithoutLibpcap says what to do where the shared library is not installed.
func TestWithoutLibpcap(t *testing.T) {
	_, err := openPcap([]string{"libnosuch.so.1"})
	if err == nil || !strings.Contains(err.Error(), "tcpdump -ddd") || !strings.Contains(err.Error(), "capture.ports") || !strings.Contains(err.Error(), "libnosuch.so.1") {
		t.Error(err)
	}
}

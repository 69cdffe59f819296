package capture

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

// TestCorpus decodes real captures and compares with what TShark 4.0 counts in
// them: frames, datagrams, SIP messages in TCP.
func TestCorpus(t *testing.T) {
	root := os.Getenv("EARSHOT_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	for _, c := range []struct {
		file                      string
		frames, udp, tcp, control int
	}{
		{"derived_encap/linux_sll.pcap", 433, 433, 0, 0},
		{"derived_encap/linux_sll2.pcap", 433, 433, 0, 0},
		{"derived_encap/raw_ip.pcap", 433, 433, 0, 0},
		{"sippy+rtpproxy/DLT_NULL.a.rtp", 600, 600, 0, 0},
		{"irontec+sngrep/ipv6frag.pcap", 34, 32, 0, 0},
		{"generated/sip_udp_fragmented.pcap", 174, 162, 0, 0},
		{"generated/sip_tcp.pcap", 223, 0, 140, 83},
		{"OISF+suricata-verify/sip-body-large__sip-body-large.pcap", 16, 0, 2, 10},
	} {
		t.Run(c.file, func(t *testing.T) {
			f, err := Open(filepath.Join(root, c.file))
			if errors.Is(err, os.ErrNotExist) {
				t.Skip("no corpus: set EARSHOT_CORPUS")
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			d := packet.NewDecoder(packet.Options{})
			udp, tcp := 0, 0
			for {
				fr, err := f.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range d.Decode(&fr) {
					switch p.Transport {
					case packet.UDP:
						udp++
					case packet.TCP:
						tcp++
					default:
						t.Errorf("a packet over %v", p.Transport)
					}
				}
			}
			d.Flush()
			s := d.Stats()
			if int(s.Frames) != c.frames || udp != c.udp || tcp != c.tcp || int(s.Control) != c.control ||
				s.Undecoded.Total() != 0 || s.Held != 0 {
				t.Errorf("got %d UDP, %d TCP, %+v; want %+v", udp, tcp, s, c)
			}
		})
	}
}

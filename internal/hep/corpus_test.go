package hep

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// corpusFile finds a file of the corpus, and skips the test where there is
// none.
func corpusFile(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("EARSHOT_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the corpus has no %s here; set EARSHOT_CORPUS", name)
	}
	return path
}

// told is what an independent decoder says of a frame.
type told struct {
	Version       uint8   `json:"version"`
	Family        uint8   `json:"ip_family"`
	Protocol      uint8   `json:"ip_proto"`
	Src           string  `json:"src"`
	Dst           string  `json:"dst"`
	SrcPort       uint16  `json:"sport"`
	DstPort       uint16  `json:"dport"`
	Seconds       int64   `json:"ts_sec"`
	Micros        int64   `json:"ts_usec"`
	Kind          *uint8  `json:"proto_type"`
	Agent         uint32  `json:"capture_id"`
	AuthKey       string  `json:"auth_key"`
	CorrelationID string  `json:"correlation_id"`
	PayloadLen    *int    `json:"payload_len"`
	FirstLine     string  `json:"payload_first_line"`
	Chunks        [][]int `json:"chunks"`
	DeclaredLen   int     `json:"declared_len"`
	ActualLen     int     `json:"actual_len"`
}

func (w *told) check(t *testing.T, what string, b []byte, d *Decoder) {
	t.Helper()
	var p packet.Packet
	if err := d.Decode(b, &p); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	x := &d.Extra
	if x.Version != w.Version || x.Family != w.Family || x.Protocol != w.Protocol || p.AgentID != w.Agent {
		t.Errorf("%s: version %d, family %d, protocol %d, agent %d; want %+v", what, x.Version, x.Family, x.Protocol, p.AgentID, w)
	}
	src := netip.AddrPortFrom(netip.MustParseAddr(w.Src), w.SrcPort)
	dst := netip.AddrPortFrom(netip.MustParseAddr(w.Dst), w.DstPort)
	if p.Src != src || p.Dst != dst {
		t.Errorf("%s: %v to %v, want %v to %v", what, p.Src, p.Dst, src, dst)
	}
	want := time.Time{}
	if w.Seconds != 0 {
		want = time.Unix(w.Seconds, w.Micros*1000).UTC()
	}
	if !p.Time.Equal(want) {
		t.Errorf("%s: time %v, want %v", what, p.Time, want)
	}
	kind := packet.KindSIP
	if w.Kind != nil {
		kind = packet.Kind(*w.Kind)
	}
	if p.Kind != kind || string(x.AuthKey) != w.AuthKey || string(p.CorrelationID) != w.CorrelationID {
		t.Errorf("%s: kind %d, key %q, correlation id %q; want %+v", what, p.Kind, x.AuthKey, p.CorrelationID, w)
	}
	first, _, _ := strings.Cut(string(p.Payload), "\n")
	// The independent decoder keeps 160 characters.
	if first = strings.TrimRight(first, "\r"); len(first) > 160 {
		first = first[:160]
	}
	if first != w.FirstLine || w.PayloadLen != nil && len(p.Payload) != *w.PayloadLen {
		t.Errorf("%s: %d bytes of payload beginning %q; want %+v", what, len(p.Payload), first, w)
	}
	for _, c := range w.Chunks {
		if c[0] == 0 && !x.Has(uint16(c[1])) {
			t.Errorf("%s: chunk %d is not told", what, c[1])
		}
	}
}

// TestCorpusVectors has frames that other projects test with.
func TestCorpusVectors(t *testing.T) {
	path := corpusFile(t, "hep_unit_vectors/vectors.json")
	var vectors []struct {
		File    string `json:"file"`
		Decoded *told  `json:"decoded"`
	}
	readJSON(t, path, &vectors)
	var d Decoder
	good := 0
	for _, v := range vectors {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), v.File))
		if err != nil {
			t.Fatal(err)
		}
		var p packet.Packet
		switch {
		case v.Decoded == nil: // not HEP
			if err := d.Decode(b, &p); err == nil {
				t.Errorf("%s is taken for HEP: %+v", v.File, p)
			}
		case v.Decoded.DeclaredLen != v.Decoded.ActualLen:
			// One vector declares 544 bytes and has 140. A datagram that is
			// not whole is refused, as every collector does.
			if err := d.Decode(b, &p); !errors.Is(err, ErrLength) {
				t.Errorf("%s: %v, want %v", v.File, err, ErrLength)
			}
			// With its length put right it has 16 bytes in the IPv4 chunks.
			binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
			v.Decoded.Src, v.Decoded.Dst = "79.142.86.118", "212.48.197.150"
			v.Decoded.check(t, v.File, b, &d)
			good++
		default:
			v.Decoded.check(t, v.File, b, &d)
			good++
		}
	}
	if good != 5 {
		t.Errorf("%d vectors are HEP, want 5", good)
	}
}

// TestCorpusCaptures decodes what real emitters sent, and writes it again.
func TestCorpusCaptures(t *testing.T) {
	for name, port := range map[string]uint16{
		"generated/kam_hep2_udp__hep_only.pcap": 9060,
		"generated/kam_hep3_udp__hep_only.pcap": 9060,
		"sipcapture+hep-wireshark/hep.pcap":     9060,
	} {
		t.Run(name, func(t *testing.T) {
			path := corpusFile(t, name)
			var truth struct {
				Packets []told `json:"packets"`
			}
			readJSON(t, corpusFile(t, "_truth/"+strings.ReplaceAll(name, "/", "__")+".HEP.json"), &truth)
			payloads := udpPayloads(t, path, port)
			if len(payloads) != len(truth.Packets) || len(payloads) == 0 {
				t.Fatalf("%d datagrams, want %d", len(payloads), len(truth.Packets))
			}
			var d Decoder
			for i, b := range payloads {
				truth.Packets[i].check(t, name, b, &d)
				var p packet.Packet
				if err := d.Decode(b, &p); err != nil {
					t.Fatal(err)
				}
				again := mustAppend(t, &p, &Options{AuthKey: string(d.Extra.AuthKey)})
				w := truth.Packets[i]
				w.Version, w.Chunks = 3, nil
				w.check(t, name+", written again", again, &d)
			}
		})
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// udpPayloads reads the UDP payloads to a port out of a little-endian pcap of
// Ethernet and IPv4 without options or fragments: enough for these captures.
func udpPayloads(t *testing.T, path string, port uint16) (payloads [][]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if binary.LittleEndian.Uint32(b) != 0xa1b2c3d4 || b[20] != byte(packet.LinkEthernet) {
		t.Fatalf("%s is not the kind of pcap that this test reads", path)
	}
	for b = b[24:]; len(b) > 0; {
		n := int(binary.LittleEndian.Uint32(b[8:]))
		f := b[16 : 16+n]
		b = b[16+n:]
		if f[12] == 8 && f[13] == 0 && f[14] == 0x45 && f[23] == 17 && binary.BigEndian.Uint16(f[36:]) == port {
			payloads = append(payloads, f[42:34+int(binary.BigEndian.Uint16(f[38:]))])
		}
	}
	return payloads
}

package packet

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// innermost is the last UDP or TCP of a frame, as TShark has it.
type innermost struct {
	protocols []string
	transport string // udp, tcp, or "" when it is neither
	src, dst  netip.AddrPort
	payload   int
}

// tshark dissects a capture, a frame a line.
func tshark(t *testing.T, file string, args ...string) []innermost {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	args = append(args, "-n", "-r", file, "-T", "fields", "-E", "occurrence=l", "-e", "frame.protocols",
		"-e", "ip.src", "-e", "ip.dst", "-e", "ipv6.src", "-e", "ipv6.dst", "-e", "udp.srcport", "-e", "udp.dstport", "-e", "udp.length",
		"-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "tcp.len")
	out, err := exec.CommandContext(t.Context(), "tshark", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []innermost
	for line := range strings.Lines(string(out)) {
		v := strings.Split(strings.TrimRight(line, "\n"), "\t")
		f := innermost{protocols: strings.Split(v[0], ":")}
		last := map[string]int{}
		for i, p := range f.protocols {
			last[p] = i + 1
		}
		ends, ports := v[1:3], v[5:8]
		if last["ipv6"] > last["ip"] {
			ends = v[3:5]
		}
		if f.transport = "udp"; last["tcp"] > last["udp"] {
			f.transport, ports = "tcp", v[8:11]
		}
		below := max(last["eth"], last["ip"], last["ipv6"], last["arp"])
		if last[f.transport] < below || last[f.transport] == 0 || last["icmp"]+last["icmpv6"]+last["wlan"] > 0 {
			f.transport = ""
			all = append(all, f)
			continue
		}
		addr := func(i int) netip.AddrPort {
			port, err := strconv.ParseUint(ports[i], 10, 16)
			if err != nil {
				t.Fatalf("%s: %s", file, line)
			}
			return netip.AddrPortFrom(netip.MustParseAddr(ends[i]), uint16(port))
		}
		f.src, f.dst = addr(0), addr(1)
		if f.payload, err = strconv.Atoi(ports[2]); err != nil {
			t.Fatalf("%s: %s", file, line)
		}
		if f.transport == "udp" {
			f.payload -= 8
		}
		all = append(all, f)
	}
	return all
}

// readFrames reads a capture file; one of another format than classic pcap has
// tshark write it as that.
func readFrames(t *testing.T, file string) (all []*Frame) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil && be.Uint32(b) == 0x0a0d0d0a {
		b, err = exec.CommandContext(t.Context(), "tshark", "-r", file, "-F", "pcap", "-w", "-").Output()
	}
	if err != nil {
		t.Fatal(err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 0xa1 {
		order = be
	}
	link := LinkType(order.Uint32(b[20:]))
	for b = b[24:]; len(b) > 0; {
		n := order.Uint32(b[8:])
		all = append(all, &Frame{Time: time.Unix(int64(order.Uint32(b)), 0).UTC(), Link: link, WireLen: int(order.Uint32(b[12:])), Data: b[16 : 16+n]})
		b = b[16+n:]
	}
	return all
}

// writeFrames writes a classic pcap file.
func writeFrames(t *testing.T, link LinkType, frames [][]byte) string {
	t.Helper()
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, 1<<16)
	b = le.AppendUint32(b, uint32(link))
	for _, f := range frames {
		b = le.AppendUint32(b, uint32(epoch.Unix()))
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, uint32(len(f)))
		b = append(le.AppendUint32(b, uint32(len(f))), f...)
	}
	file := filepath.Join(t.TempDir(), "a.pcap")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// compareInnermost decodes frames and compares each with what TShark says.
func compareInnermost(t *testing.T, frames []*Frame, want []innermost) (compared int) {
	t.Helper()
	if len(frames) != len(want) {
		t.Fatalf("%d frames, TShark has %d", len(frames), len(want))
	}
	d := NewDecoder(Options{})
	for i, f := range frames {
		w := want[i]
		ps := d.Decode(f)
		bad := func(format string, args ...any) {
			t.Errorf("frame %d, %s: %s", i+1, strings.Join(w.protocols, ":"), fmt.Sprintf(format, args...))
		}
		switch w.transport {
		case "":
			if len(ps) > 0 {
				bad("got %v > %v", ps[0].Src, ps[0].Dst)
			}
			continue
		case "udp":
			if len(ps) != 1 || ps[0].Src != w.src || ps[0].Dst != w.dst || len(ps[0].Payload) != w.payload {
				bad("want %v > %v, %d bytes; got %d packets %v", w.src, w.dst, w.payload, len(ps), d.Undecoded())
				for _, p := range ps {
					bad("got %v > %v, %d bytes", p.Src, p.Dst, len(p.Payload))
				}
			}
		case "tcp":
			src, dst := addresses(d.at.ip)
			if src != w.src.Addr() || dst != w.dst.Addr() {
				bad("want %v > %v, got %v > %v", w.src, w.dst, src, dst)
			}
			if w.payload > 0 && !slices.ContainsFunc(streams(d), func(s *stream) bool { return s.src == w.src && s.dst == w.dst }) {
				bad("no stream %v > %v", w.src, w.dst)
			}
		}
		compared++
	}
	return compared
}

func streams(d *Decoder) (all []*stream) {
	for _, s := range d.streams {
		all = append(all, s)
	}
	return all
}

// untold is what TShark 4.0 does not open, or not as it is, and why.
var untold = map[string]string{
	"the-tcpdump-group+tcpdump/bigtcp-ipv4-vxlan-ipv4.pcap": "a length of UDP of 0, which segmentation offload leaves, ends its dissection",
	"the-tcpdump-group+tcpdump/rtp-seg-fault-1.pcapng":      "no tunnel: it gives UDP that is longer than its frame",
	"erspan III of IP": "it has no frame type but Ethernet",
	"mpls link":        "it has no such link type",
}

// TestCorpusInnermost compares the innermost addresses, ports and lengths of
// every capture that has tunnels with those that TShark finds.
func TestCorpusInnermost(t *testing.T) {
	root := cmp.Or(os.Getenv("EARSHOT_CORPUS"), filepath.Join("..", "..", "..", "shared", "corpus"))
	index, err := os.ReadFile(filepath.Join(root, "INDEX.md"))
	if err != nil {
		t.Skip("the capture corpus is absent: set EARSHOT_CORPUS to compare tunnels with TShark")
	}
	files := []string{"arkime+arkime/gtp-iphone.pcap", "irontec+sngrep/ipip.pcap", "irontec+sngrep/ipv6frag.pcap", "sipcapture+heplify/ipip0.pcap"}
	for line := range strings.Lines(string(index)) {
		if v := strings.Split(line, "|"); len(v) > 3 && v[2] == "encap" && filepath.Ext(v[1]) != ".json" {
			files = append(files, v[1])
		}
	}
	if len(files) < 40 {
		t.Errorf("INDEX.md has only %d captures of tunnels", len(files))
	}
	compared := 0
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			if reason := untold[file]; reason != "" {
				t.Skip("TShark does not tell: " + reason)
			}
			path := filepath.Join(root, file)
			compared += compareInnermost(t, readFrames(t, path), tshark(t, path))
		})
	}
	t.Logf("%d datagrams and segments compared in %d captures", compared, len(files))
	if compared < 3000 {
		t.Errorf("only %d datagrams and segments were compared", compared)
	}
}

// TestTunnelsTShark has TShark dissect each encapsulation of the other tests,
// around UDP and around TCP, on every link layer.
func TestTunnelsTShark(t *testing.T) {
	k := newConn()
	for what, ip := range map[string][]byte{
		"udp": ip4(protoUDP, a4, b4, udpSegment(7001, 7002, []byte("hello, this is long enough to have no padding"))),
		"tcp": k.at(0, "hello, this is long enough to have no padding").Data[14:],
	} {
		byLink := map[LinkType][]encapsulated{}
		for _, c := range tunnels(ip) {
			if untold[c.name] != "" {
				continue
			}
			byLink[c.link] = append(byLink[c.link], c)
		}
		for link, cases := range byLink {
			t.Run(fmt.Sprint(what, " on link ", link), func(t *testing.T) {
				var frames [][]byte
				for _, c := range cases {
					frames = append(frames, c.data)
				}
				file := writeFrames(t, link, frames)
				// Nothing but the operator tells what a label or another port is for.
				all := tshark(t, file, "-d", "mpls.label==32,pwethcw", "-d", "mpls.label==33,pwethnocw", "-d", "udp.port==8472,vxlan", "-d", "udp.port==7932,hp_erm")
				for i, w := range all {
					if w.transport != what {
						t.Errorf("%s: TShark has %s", cases[i].name, strings.Join(w.protocols, ":"))
					}
					compareInnermost(t, []*Frame{frame(link, cases[i].data)}, []innermost{w})
				}
			})
		}
	}
}

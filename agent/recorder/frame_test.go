package recorder

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/packet"
)

// dissect has TShark say these fields of each frame, as it reads the pcap by
// itself, and whether it has anything to complain of.
func dissect(t *testing.T, path string, fields ...string) (lines []string) {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	args := []string{"-n", "-r", path, "-T", "fields", "-E", "occurrence=f", "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := exec.CommandContext(t.Context(), "tshark", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", " "))
	}
	return lines
}

// TestFrames: IPv4 and IPv6, with and without VLAN, UDP and TCP, whole and cut,
// are to TShark what they were: right lengths and checksums, SIP that it reads,
// over TCP in the order of its numbers.
func TestFrames(t *testing.T) {
	d := start(t, options(t))
	sip := func(src, dst string, payload []byte, change func(*packet.Packet)) {
		p := d.packet(src, dst, payload)
		change(p)
		d.sip(p)
	}
	// TShark takes a cut SRTP packet for malformed, though it counts it.
	plain := func(b []byte) []byte {
		return []byte(strings.NewReplacer("RTP/SAVP", "RTP/AVP", "a=crypto", "a=cryptic").Replace(string(b)))
	}
	tcp := func(p *packet.Packet) { p.Transport = packet.TCP }
	sip(alice, bob, plain(invite("it", 4000)), func(*packet.Packet) {})
	sip(bob, alice, plain(reply("it", "183 Session Progress", "INVITE", sdp("203.0.113.1", 4000)...)), func(*packet.Packet) {})
	sip(bob, alice, reply("it", "100 Trying", "INVITE"), func(p *packet.Packet) { p.VLAN = 42 })
	sip("[2001:db8::1]:5060", "[2001:db8::2]:5060", plain(invite("it", 4000)), func(p *packet.Packet) { p.VLAN = 7 })
	sip(alice, bob, plain(invite("it", 4000)), tcp)
	sip(bob, alice, reply("it", "100 Trying", "INVITE"), tcp)
	sip(bob, alice, reply("it", "180 Ringing", "INVITE"), tcp)
	sip(alice, "203.0.113.1:5061", plain(invite("it", 4000)), func(p *packet.Packet) { p.Transport = packet.TLS })
	d.rtp(aliceRTP, "203.0.113.1:4000", 9, 77)
	extended := append([]byte{0x92, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0}, speech...)
	d.RTP(&Flow{}, d.packet(aliceRTP, "203.0.113.1:4000", extended), 28)
	padded := append([]byte{0xa0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 10}, append(speech[:20:20], 0, 0, 0, 4)...)
	d.RTP(&Flow{}, d.packet("198.51.100.1:4000", "203.0.113.1:4000", padded), 12)
	d.RTCP(d.packet("198.51.100.1:4001", "203.0.113.1:4001", compound(sdes(1, "host", 2, "Alice"))))
	f, ok := d.freeze(Request{CallID: "it", Why: ByRequest})
	if !ok {
		t.Fatal("nothing was frozen")
	}
	got := dissect(t, d.Path(&f), "vlan.id", "ip.id", "ipv6.hlim", "udp.length", "tcp.seq_raw", "tcp.ack_raw", "sip.Method", "sip.Status-Code", "rtp.ssrc", "rtp.seq", "rtcp.pt", "rtcp.sdes.text", "_ws.malformed", "_ws.expert.severity")
	want := []string{
		" 0x0007  604   INVITE       ",
		" 0x0007  458    183      ",
		"42 0x0007  195    100      ",
		"7  61 604   INVITE       ",
		" 0x0007   1 1 INVITE       ",
		" 0x0007   1 597  100      ",
		" 0x0007   188 597  180      ",
		" 0x0007  604   INVITE       ",
		" 0x0007  55     0x00000009 77    ",
		" 0x0007  71     0x0000000a 5    ",
		" 0x0007  44     0x0000000a 6    ",
		" 0x0007  84       200 host  ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), TShark says (+):\n%s", diff)
	}
}

// FuzzChunk: whatever is in a file of the ring, it ends in frames that say how
// long they were, or in nothing.
func FuzzChunk(f *testing.F) {
	c := &chunk{buf: make([]byte, 4096)}
	r := &Recorder{flows: map[flow]uint16{}}
	for _, ends := range [...][2]string{{alice, bob}, {"[2001:db8::1]:5060", "[2001:db8::2]:5060"}, {alice, "[2001:db8::2]:5060"}} {
		d := deck{now: began}
		p := d.packet(ends[0], ends[1], speech)
		p.VLAN = 3
		for _, p.Transport = range [...]packet.Transport{packet.UDP, packet.TCP} {
			copy(c.add(message, r.define(c, p), 1, p, 20), speech)
			copy(c.add(rtp, r.define(c, p), 2, p, 12), speech)
		}
	}
	f.Add(c.buf[:c.n])
	f.Add(c.buf[:c.n-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		var m framer
		var flows []flow
		var e entry
		for rest, ok := e.next(b); ok; rest, ok = e.next(rest) {
			if e.kind == addresses {
				if f, ok := e.defines(); ok {
					flows = append(flows, f)
				}
				continue
			}
			if e.flow >= len(flows) {
				continue
			}
			frame := m.frame(&flows[e.flow], &e)
			if len(frame.Data) > frame.WireLen || frame.WireLen > 14+4+mostOfIP+40 {
				t.Fatalf("%d bytes of %d", len(frame.Data), frame.WireLen)
			}
		}
	})
}

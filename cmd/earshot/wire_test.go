package main

import (
	"encoding/binary"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/run"
)

// wire is a capture that a test writes: IPv4 over Ethernet, in a classic pcap.
type wire struct {
	b []byte
	t time.Time
}

func newWire() *wire {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint32(le.AppendUint32(b, 1<<18), 1)
	return &wire{b, time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)}
}

// add writes an IP packet, a millisecond after the one before.
func (w *wire) add(protocol byte, src, dst netip.Addr, payload []byte) {
	w.t = w.t.Add(time.Millisecond)
	f := append(make([]byte, 12), 0x08, 0x00, 0x45, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(20+len(payload)))
	f = append(f, 0, 1, 0x40, 0, 64, protocol, 0, 0)
	f = append(append(f, src.AsSlice()...), dst.AsSlice()...)
	f = append(f, payload...)
	le := binary.LittleEndian
	w.b = le.AppendUint32(le.AppendUint32(w.b, uint32(w.t.Unix())), uint32(w.t.Nanosecond()/1000))
	w.b = le.AppendUint32(le.AppendUint32(w.b, uint32(len(f))), uint32(len(f)))
	w.b = append(w.b, f...)
}

// side is one end of a TCP connection.
type side struct {
	addr netip.AddrPort
	seq  uint32
}

// segments writes text from one side to the other.
func (w *wire) segments(from, to *side, flags byte, text []byte) {
	for first := true; first || len(text) > 0; first = false {
		n := min(len(text), 1400)
		b := binary.BigEndian.AppendUint16(nil, from.addr.Port())
		b = binary.BigEndian.AppendUint16(b, to.addr.Port())
		b = binary.BigEndian.AppendUint32(b, from.seq)
		b = binary.BigEndian.AppendUint32(b, to.seq)
		b = append(b, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
		w.add(6, from.addr.Addr(), to.addr.Addr(), append(b, text[:n]...))
		from.seq += uint32(n)
		if flags&3 != 0 { // SYN and FIN take a number
			from.seq++
		}
		text = text[n:]
	}
}

// save writes the capture into a folder of the test.
func (w *wire) save(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wire.pcap")
	if err := os.WriteFile(path, w.b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sipOf gives Call-ID and transport of each message of a capture, in order, and
// what was not decoded.
func sipOf(t *testing.T, path, keyLog string) (messages []string, undecoded map[string]uint64) {
	t.Helper()
	f, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := run.Default()
	c.Capture.TLSKeyLog = keyLog
	keys, err := keysOf(&c, f)
	if err != nil {
		t.Fatal(err)
	}
	got := readWith(t, &reading{source: f, config: c, node: "local", keys: keys})
	if got.err != nil {
		t.Fatal(got.err)
	}
	for _, m := range got.messages {
		messages = append(messages, m.CallID+" "+m.Transport)
	}
	return messages, got.summary.Undecoded
}

// tsharkSIP gives the Call-IDs of the messages that TShark finds.
func tsharkSIP(t *testing.T, path string, more ...string) []string {
	t.Helper()
	tshark := need(t, "tshark", "tshark")
	out, err := exec.CommandContext(t.Context(), tshark, append([]string{"-r", path, "-Y", "sip", "-T", "fields", "-e", "sip.Call-ID"}, more...)...).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' || r == ',' })
}

// need finds a program, or skips the test where its Debian package is absent.
func need(t *testing.T, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is absent (Debian: apt-get install %s)", program, pkg)
	}
	return path
}

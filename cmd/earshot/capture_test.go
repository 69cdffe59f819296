package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestCheckCapture says how an interface would be captured, or what is wrong.
func TestCheckCapture(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("needs Linux and root: it opens an interface")
	}
	config := filepath.Join(t.TempDir(), "earshot.yaml")
	for _, c := range []struct {
		capture string
		code    int
		want    string // on standard output, or error
	}{
		{"", exitDone, "lo: AF_PACKET, workers: "},
		{"workers: 3\n  buffer: 12MiB", exitDone, "workers: 3, each with a ring of 4194304 bytes; timestamps: kernel; filter: everything; without own ports [9060"},
		{"ports: [5060, 5080-5090]\n  hosts: [192.0.2.0/24]\n  rtp_snaplen: 0", exitDone, "filter: generated: tunnels, fragments, ports [5060 5080-5090], of hosts [192.0.2.0/24]; without own ports [9060"},
		{"filter: '1,6 0 0 100'", exitDone, `filter: "1,6 0 0 100"; without own ports`},
		{"filter: '1,6 0 0'", exitFailed, "as tcpdump -ddd prints them"},
		{"filter: '1,255 0 0 0'", exitFailed, "the kernel refuses this program"},
		{"filter: udp\n  ports: [5060]", exitUsage, "where capture.ports, rtp_ports or hosts say what is captured"},
		{"ports: [0]", exitUsage, "a port from 1 to 65535"},
		{"timestamps: atomic", exitUsage, "auto, kernel or hardware"},
	} {
		if err := os.WriteFile(config, []byte("log:\n  level: error\ncapture:\n  snaplen: 65535\n  "+c.capture+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errs := command(t, "agent", "--check", "--config", config, "--interface", "lo", "--collector", "udp://127.0.0.1:9061", "--http", "none")
		if code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: status %d, want %d and %q; it says\n%s%s", c.capture, code, c.code, c.want, out, errs)
		}
	}
}

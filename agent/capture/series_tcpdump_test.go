package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestFollowTcpdump lets tcpdump write files that begin each second, and a ring whose
// names are used again, while they are followed: every datagram that was sent comes
// once, in order.
func TestFollowTcpdump(t *testing.T) {
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is absent (Debian: apt-get install tcpdump)")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: tcpdump captures")
	}
	for _, c := range []struct {
		name, file string
		rotate     []string
		datagrams  int // of 1000 bytes
		files      int // that exist at the end
	}{
		{"seconds", "cap-%s.pcap", []string{"-G", "1", "-U"}, 1500, 0},
		{"ring", "cap", []string{"-C", "1", "-W", "3", "-U"}, 6000, 3},
		{"zipped", "cap-%s.pcap", []string{"-G", "1", "-U", "-z", "gzip"}, 1500, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			d := newFolder(t)
			s, log := d.series(true)
			conn, err := net.ListenPacket("udp4", "127.77.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
			args := append(c.rotate, "-Z", "root", "-n", "-i", "lo", "-w", filepath.Join(d.dir, c.file), "udp", "and", "host", "127.77.0.1", "and", "port", port)
			cmd := exec.CommandContext(t.Context(), tcpdump, args...)
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			number := func(b []byte) int { return int(binary.BigEndian.Uint32(b[len(b)-1000:])) }
			send := func(n int) {
				b := make([]byte, 1000)
				binary.BigEndian.PutUint32(b, uint32(n))
				if _, err := conn.WriteTo(b, conn.LocalAddr()); err != nil {
					t.Error(err)
				}
			}
			const probe = 1 << 30 // until tcpdump listens
			next, sent := 0, 0
			take := func() {
				f, err := s.Next()
				switch {
				case errors.Is(err, ErrTimeout):
				case err != nil:
					t.Fatal(err)
				case number(f.Data) == probe:
				case number(f.Data) != next:
					t.Fatalf("datagram %d came, want %d", number(f.Data), next)
				default:
					next++
				}
			}
			for begun := time.Now(); s.last.IsZero(); take() {
				if time.Since(begun) > 20*time.Second {
					t.Fatalf("tcpdump wrote nothing: %s", said.String())
				}
				send(probe)
			}
			begin := time.Now()
			for next < c.datagrams && time.Since(begin) < 60*time.Second {
				for range 100 { // no more than a ring holds
					if sent < c.datagrams && sent-next < 1500 {
						send(sent)
						sent++
					}
				}
				time.Sleep(20 * time.Millisecond)
				for until := next + 100; next < until && len(s.due) > 0; {
					take()
				}
				take()
			}
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("tcpdump: %v: %s", err, said.String())
			}
			for range 10 {
				take()
			}
			if next != c.datagrams {
				t.Errorf("%d datagrams came, %d were sent; tcpdump: %s", next, c.datagrams, said.String())
			}
			files, err := os.ReadDir(d.dir)
			if err != nil || len(files) < 2 || c.files > 0 && len(files) != c.files {
				t.Errorf("%d files, %v", len(files), err)
			}
			if w := log.String(); strings.Contains(w, "level=WARN") || strings.Contains(w, "level=ERROR") {
				t.Errorf("it said %s", w)
			}
			t.Log(strconv.Itoa(len(files)), "files; it said", log.String())
		})
	}
}

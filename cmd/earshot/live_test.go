package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestLiveCalls listens on the loopback interface while SIPp places calls with
// played sound both ways. Addresses of its own keep what else the machine
// does there out of the count.
func TestLiveCalls(t *testing.T) {
	needEngine(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root: it captures, and SIPp plays from raw sockets")
	}
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is absent (Debian: apt-get install sip-tester)")
	}
	const sounds = "/usr/share/sip-tester" // where Debian puts g711a.pcap
	if _, err := os.Stat(filepath.Join(sounds, "g711a.pcap")); err != nil {
		t.Skipf("the sound that SIPp plays is absent: %v", err)
	}
	const calls, sound = 100, 236 // packets that g711a.pcap has

	data := t.TempDir()
	config := filepath.Join(data, "earshot.yaml")
	if err := os.WriteFile(config, []byte("capture:\n  workers: 3\n  hosts: [127.99.0.0/16]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := serving(t, nil, "run", "--config", config, "--data", data, "--interface", "lo")

	play := func(scenario, address string, mediaPort int, more ...string) *exec.Cmd {
		path, err := filepath.Abs(filepath.Join("testdata", "sipp", scenario))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), sipp, append([]string{
			"-sf", path, "-i", address, "-mi", address, "-p", "5060", "-mp", strconv.Itoa(mediaPort), "-m", strconv.Itoa(calls), "-nostdin",
		}, more...)...)
		cmd.Dir = sounds
		return cmd
	}
	callee := play("uas.xml", "127.99.0.2", 20000)
	if err := callee.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "callee listens", func() error {
		l, err := net.ListenPacket("udp4", "127.99.0.2:5060")
		if err == nil {
			l.Close()
			return os.ErrNotExist
		}
		return nil
	})
	caller := play("uac.xml", "127.99.0.1", 22000, "-s", "+442079460000", "-r", "20", "127.99.0.2:5060")
	if out, err := caller.CombinedOutput(); err != nil {
		t.Fatalf("sipp: %v\n%s", err, out)
	}
	if err := callee.Wait(); err != nil {
		t.Errorf("sipp of the callee: %v", err)
	}

	awaitNumber(t, data, 45*time.Second, "SELECT count() FROM calls", calls)
	for _, q := range []struct {
		query string
		want  float64
	}{
		{"SELECT uniqExact(call_id) FROM calls", calls},
		{"SELECT count() FROM calls WHERE state = 'answered' AND final_status = 200 AND hangup_by = 'caller'", calls},
		{"SELECT count() FROM calls WHERE a_packets > 0 AND b_packets > 0 AND media_seen = 'both'", calls},
		{"SELECT count() FROM calls WHERE a_mos_lq BETWEEN 1 AND 4.5 AND b_mos_lq BETWEEN 1 AND 4.5 AND mos_lq BETWEEN 1 AND 4.5", calls},
		{"SELECT count() FROM calls WHERE a_codec = 'PCMA' AND b_codec = 'PCMA'", calls},
		{"SELECT count() FROM streams", 2 * calls},
		{"SELECT count() FROM (SELECT call_id, direction FROM streams WHERE mos_lq BETWEEN 1 AND 4.5 GROUP BY call_id, direction)", 2 * calls},
		{"SELECT count() FROM messages WHERE method = 'INVITE' AND status IS NULL AND NOT retransmission", calls},
	} {
		if got := askNumber(t, data, q.query); got != q.want {
			t.Errorf("%s: %v, want %v", q.query, got, q.want)
		}
	}
	// What the kernel had no room for is told, and no more is missing than that.
	got := askNumber(t, data, "SELECT sum(packets) FROM streams")
	dropped := askNumber(t, data, "SELECT sum(count) FROM drops WHERE stage = 'capture'")
	if want := float64(2 * calls * sound); got > want || got+dropped < want {
		t.Errorf("%v RTP packets in streams and %v dropped by the kernel, of %v", got, dropped, want)
	}
	if flagged := askNumber(t, data, "SELECT countIf(has(flags, 'capture_loss')) FROM calls"); (flagged > 0) != (dropped > 0) {
		t.Errorf("%v packets dropped, and %v calls say so", dropped, flagged)
	}
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, q := range []string{
				"SELECT method, status, retransmission, count(), uniqExact(time), uniqExact(call_id), min(time), max(time), min(stored_at), max(stored_at), uniqExact(node) FROM messages GROUP BY ALL",
				"SELECT direction, match, count(), uniqExact(call_id), uniqExact(ssrc, src_port), min(start_time), max(start_time), min(stored_at), max(stored_at), sum(packets), min(packets) FROM streams GROUP BY ALL",
				"SELECT * FROM drops",
			} {
				for _, r := range ask(t, data, q) {
					t.Log(r)
				}
			}
		}
	})
	// Streams that end later than their calls give no second row.
	if n := askNumber(t, data, "SELECT count() FROM streams"); n != 2*calls {
		t.Errorf("%v streams after the end, want %v", n, 2*calls)
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAgentDropsPrivileges and captures all the same, also from an interface that
// went away and is back.
func TestAgentDropsPrivileges(t *testing.T) {
	n := inNamespace(t, 0)
	if n == nil {
		return
	}
	const nobody = 65534
	n.run("ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1")
	n.run("ip", "link", "set", "d0", "up")
	// A folder that the user finds, and nothing of its own in it.
	home, err := os.MkdirTemp("", "earshot-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	if err := os.Chmod(home, 0o755); err != nil {
		t.Fatal(err)
	}
	config := writeConfig(t, filepath.Join(home, "earshot.yaml"), "agent: {user: nobody}\ncapture: {hosts: [127.96.0.0/16]}\n")
	data := filepath.Join(home, "data")
	a := startAgent(t, config, "udp://"+freePort(t), "--interface", "d0", "--data", data)
	a.find(`(telling how it goes)`)

	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", a.cmd.Process.Pid))
	if err != nil || len(threads) < 3 {
		t.Fatalf("%v, %v", threads, err)
	}
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		has := map[string]string{}
		for line := range strings.Lines(string(b)) {
			k, v, _ := strings.Cut(line, ":")
			has[k] = strings.Join(strings.Fields(v), " ")
		}
		const netRaw = "0000000000002000"
		for k, want := range map[string]string{
			"Uid": "65534 65534 65534 65534", "Gid": "65534 65534 65534 65534", "Groups": "65534", "NoNewPrivs": "1",
			"CapPrm": netRaw, "CapEff": netRaw, "CapInh": netRaw, "CapBnd": netRaw, "CapAmb": netRaw,
		} {
			if has[k] != want {
				t.Errorf("%s: %s is %q, want %q", path, k, has[k], want)
			}
		}
	}
	for _, path := range []string{data, filepath.Join(data, "spool"), filepath.Join(data, "spool", "collectors.spool"), filepath.Join(data, "recorder", "frozen")} {
		s, err := os.Stat(path)
		if err != nil {
			t.Error(err)
		} else if uid := s.Sys().(*syscall.Stat_t).Uid; uid != nobody {
			t.Errorf("%s belongs to %d", path, uid)
		}
	}
	n.run("ip", "link", "del", "d0")
	a.find(`(interface is gone).*d0`)
	eventually(t, 10*time.Second, "degraded", func() error {
		if _, body := a.get("/healthz"); !strings.Contains(body, "capture: gone: d0\n") {
			return fmt.Errorf("%s", body)
		}
		return nil
	})
	n.run("ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1")
	n.run("ip", "link", "set", "d0", "up")
	a.find(`(interface is back).*d0`)
	sendOptions(t, 10, "127.96.0.1:5060", "127.96.0.2:5060")
	eventually(t, 10*time.Second, "captured", func() error {
		if n := a.metric(`earshot_capture_packets_total{kind="sip"}`); n != 10 {
			return fmt.Errorf("%v SIP packets", n)
		}
		return nil
	})
	if code := a.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("it ended with status %d", code)
	}
}

func TestAgentUserThatIsNot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, who has privileges to drop")
	}
	for user, want := range map[string]string{"nosuch-user": "want a user of this host", "root": "which is root", "0": "which is root"} {
		config := writeConfig(t, "", fmt.Sprintf("agent: {user: %q}\n", user))
		code, _, errs := command(t, "agent", "--check", "--config", config, "--interface", "lo", "--collector", "udp://127.0.0.1:9", "--http", "none", "--data", t.TempDir())
		if code != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d: %s", user, code, errs)
		}
	}
}

package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAgentSupervised tells systemd that it is ready, works and stops.
func TestAgentSupervised(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it captures from an interface")
	}
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := startChild(t, []string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=4000000"},
		"agent", "--interface", "lo", "--collector", "udp://"+freePort(t), "--http", "none", "--data", t.TempDir())
	hear := func(want string) {
		t.Helper()
		b := make([]byte, 100)
		if err := l.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := l.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Fatalf("%q, %v; want %s", b[:n], err, want)
		}
	}
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"} {
		hear(want)
	}
	if code := a.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("it ended with status %d", code)
	}
	hear("STOPPING=1")
}

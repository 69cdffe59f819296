package run

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

func TestSupervised(t *testing.T) {
	for name, socket := range map[string]string{"path": filepath.Join(t.TempDir(), "notify"), "abstract": "@earshot-test-" + strconv.FormatInt(time.Now().UnixNano(), 36)} {
		t.Run(name, func(t *testing.T) {
			l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
			if err != nil {
				t.Skipf("no such socket here: %v", err)
			}
			defer l.Close()
			heard := func() string {
				t.Helper()
				b := make([]byte, 100)
				if err := l.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
					t.Fatal(err)
				}
				n, err := l.Read(b)
				if err != nil {
					t.Fatal(err)
				}
				return string(b[:n])
			}
			t.Setenv("NOTIFY_SOCKET", socket)
			t.Setenv("WATCHDOG_USEC", "20000")
			var works atomic.Bool
			var asked atomic.Int64
			works.Store(true)
			s := &Supervised{Works: func() bool { asked.Add(1); return works.Load() }}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			for i, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"} {
				if got := heard(); got != want {
					t.Errorf("word %d: %q, want %q", i, got, want)
				}
			}
			works.Store(false)
			for n := asked.Load(); asked.Load() < n+5; {
				time.Sleep(time.Millisecond)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			said := map[string]int{} // what had been said before it did not work, and the end
			for got := ""; got != "STOPPING=1"; said[got]++ {
				got = heard()
			}
			if said["WATCHDOG=1"] > 3 {
				t.Errorf("it goes on to say that it works: %v", said)
			}
		})
	}
}

func TestWatchdogEvery(t *testing.T) {
	f := func(usec, pid string, want time.Duration) {
		t.Helper()
		t.Setenv("WATCHDOG_USEC", usec)
		t.Setenv("WATCHDOG_PID", pid)
		if got := watchdogEvery(); got != want {
			t.Errorf("%q of %q: %v, want %v", usec, pid, got, want)
		}
	}
	f("", "", 0)
	f("30000000", "", 15*time.Second)
	f("30000000", "1", 0) // meant for another process
	f("-1", "", 0)
	f("soon", "", 0)
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notify("READY=1"); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	if err := notify("READY=1"); err == nil {
		t.Error("nobody listens, and no error")
	}
}

package uplink

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// TestStatus of a route without a collector, and once there is one.
func TestStatus(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := l.Addr().String()
			l.Close()
			u := newUplink(t, Options{Collectors: []string{"tcp://" + address}, Retry: 10 * time.Millisecond, SpoolDir: dir})
			if err := u.Health(); err != nil {
				t.Errorf("nothing waits, and it is not well: %v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- u.Run(ctx) }()
			give(t, u, 0, 100)
			first := options(0).Time
			await(t, u, func(s Status) bool { return s.Packets == 100 && s.Bytes > 100*50 && s.Oldest.Equal(first) && s.Away() })
			if err := u.Health(); err == nil || !strings.Contains(err.Error(), "tcp://"+address+": 100 packets (") || !strings.HasSuffix(err.Error(), "wait, the oldest since 2026-01-05T12:00:00Z") {
				t.Errorf("health: %v", err)
			}
			if l, err = net.Listen("tcp", address); err != nil {
				t.Skipf("the port was taken meanwhile: %v", err)
			}
			defer l.Close()
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			got := make(chan string, 200)
			go frames(c, got)
			await(t, u, func(s Status) bool {
				return s.Packets == 0 && s.Bytes == 0 && s.Oldest.IsZero() && s.Using == "tcp://"+address
			})
			if err := u.Health(); err != nil {
				t.Error(err)
			}
			u.Input().Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if s := u.Status()[0]; s.Using != "" {
				t.Errorf("at the end: %+v", s)
			}
		})
	}
}

// await waits until the status of the only route is as wanted.
func await(t *testing.T, u *Uplink, want func(Status) bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !want(u.Status()[0]); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", u.Status())
		}
	}
}

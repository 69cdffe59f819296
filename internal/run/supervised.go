package run

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// Supervised tells systemd how the process is doing, sd_notify(3): that it is
// ready, that it still works, that it stops. Where systemd did not start it, it
// tells nobody.
type Supervised struct {
	// Works is asked as often as WatchdogSec= needs, from one goroutine. While it
	// does not, systemd hears nothing, and starts the process anew after that time.
	Works func() bool
}

// Run tells until ctx ends.
func (s *Supervised) Run(ctx context.Context) error {
	if err := notify("READY=1"); err != nil {
		return err
	}
	var due <-chan time.Time
	if every := watchdogEvery(); every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		due = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return notify("STOPPING=1")
		case <-due:
			if s.Works() {
				if err := notify("WATCHDOG=1"); err != nil {
					return err
				}
			}
		}
	}
}

// watchdogEvery is half of the time that systemd waits for a word, as
// sd_watchdog_enabled(3) recommends; 0 where it waits for none.
func watchdogEvery() time.Duration {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	pid := os.Getenv("WATCHDOG_PID")
	if err != nil || usec <= 0 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond / 2
}

func notify(state string) error {
	path := os.Getenv("NOTIFY_SOCKET") // @ begins an abstract name, as in package net
	if path == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd %s: %w", state, err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell systemd %s: %w", state, err)
	}
	return nil
}

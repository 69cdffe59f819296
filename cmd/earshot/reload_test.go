package main

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestAgentReload changes what is captured, and how much is logged, while calls
// come: what passes before and after is all there, and the process stays.
func TestAgentReload(t *testing.T) {
	const config = "capture: {ports: [%s], hosts: [127.97.0.0/16], buffer: %s}\nlog: {level: %s}\n"
	file := writeConfig(t, "", fmt.Sprintf(config, "5060", "4MiB", "info"))
	a := startAgent(t, file, "udp://"+freePort(t))
	a.find(`(telling how it goes)`)
	sip := func(want float64) {
		t.Helper()
		eventually(t, 10*time.Second, "SIP seen", func() error {
			if n := a.metric(`earshot_capture_packets_total{kind="sip"}`); n != want {
				return fmt.Errorf("%v SIP packets, want %v", n, want)
			}
			return nil
		})
	}
	hangUp := func() {
		t.Helper()
		if err := a.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	sendOptions(t, 20, "127.97.0.1:5060", "127.97.0.2:5060")
	sendOptions(t, 20, "127.97.0.1:5070", "127.97.0.2:5070")
	sip(20)

	writeConfig(t, file, fmt.Sprintf(config, "5060, 5070", "8MiB", "debug"))
	sent := make(chan struct{})
	go func() { // all through the change
		defer close(sent)
		for range 20 {
			sendOptions(t, 10, "127.97.0.1:5060", "127.97.0.2:5060")
			time.Sleep(5 * time.Millisecond)
		}
	}()
	hangUp()
	a.find(`level=(WARN) msg="a key changed that needs a restart.*" key=capture.buffer`)
	a.find(`msg="configuration loaded again" changed="(\[capture.ports log.level\])"`)
	<-sent
	sendOptions(t, 20, "127.97.0.1:5070", "127.97.0.2:5070")
	sip(20 + 200 + 20)

	writeConfig(t, file, fmt.Sprintf(config, "5060, 70000", "8MiB", "debug"))
	hangUp()
	a.find(`level=(ERROR) msg="the configuration is not in order: nothing changed".*70000`)
	sendOptions(t, 20, "127.97.0.1:5070", "127.97.0.2:5070")
	sip(20 + 200 + 20 + 20)
	if code := a.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("it ended with status %d", code)
	}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// get fetches a page of a child.
func (c *child) get(path string) (status int, body string) {
	c.t.Helper()
	r, err := http.Get("http://127.0.0.1:" + c.httpPort() + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// metric is the value of a metric by its name and labels, as /metrics writes them.
func (c *child) metric(name string) float64 {
	c.t.Helper()
	_, body := c.get("/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		c.t.Fatalf("no metric %s in\n%s", name, body)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// startAgent starts an agent that listens on loopback, on addresses that nobody
// else uses, with a configuration.
func startAgent(t *testing.T, config, collector string, args ...string) *child {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it captures from an interface")
	}
	return startChild(t, nil, append([]string{
		"agent", "--config", config, "--data", t.TempDir(), "--interface", "lo",
		"--collector", collector, "--http", "127.0.0.1:0",
	}, args...)...)
}

func writeConfig(t *testing.T, path, text string) string {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "earshot.yaml")
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// sendOptions sends so many SIP requests from one address of loopback to another.
func sendOptions(t *testing.T, n int, from, to string) {
	t.Helper()
	sink, err := net.ListenPacket("udp4", to)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	source, err := net.ListenPacket("udp4", from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	for i := range n {
		message := fmt.Sprintf("OPTIONS sip:a@127.98.0.2 SIP/2.0\r\nCall-ID: %d\r\nContent-Length: 0\r\n\r\n", i)
		if _, err := source.WriteTo([]byte(message), sink.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAgentTells over HTTP how it is doing: without a collector, and with one.
func TestAgentTells(t *testing.T) {
	config := writeConfig(t, "", "agent: {node: edge}\ncapture: {hosts: [127.98.0.0/16]}\n")
	address := freePort(t)
	a := startAgent(t, config, "tcp://"+address)
	a.find(`(no collector answers)`)
	sendOptions(t, 50, "127.98.0.1:5060", "127.98.0.2:5060")
	eventually(t, 10*time.Second, "seen", func() error {
		if n := a.metric(`earshot_capture_packets_total{kind="sip"}`); n != 50 {
			return fmt.Errorf("%v SIP packets", n)
		}
		return nil
	})
	eventually(t, 10*time.Second, "not healthy", func() error {
		if status, body := a.get("/healthz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "capture: ready\n") ||
			!regexp.MustCompile(`uplink: no collector takes anything at tcp://`+address+`: [5-9]\d packets \(\d+ bytes\) wait, the oldest since 2`).MatchString(body) {
			return errors.New(body)
		}
		return nil
	})
	if n := a.metric("earshot_uplink_waiting"); n < 50 {
		t.Errorf("%v packets wait", n)
	}
	for name, want := range map[string]float64{
		"earshot_uplink_connected": 0, "earshot_uplink_routes": 1, "earshot_uplink_sent_total": 0, `earshot_capture_undecoded_total{reason="tls"}`: 0,
		`earshot_capture_undecoded_total{reason="streams_full"}`: 0, `earshot_capture_frames_total{interface="lo"}`: 50,
	} {
		if n := a.metric(name); n != want {
			t.Errorf("%s is %v, want %v", name, n, want)
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	eventually(t, 10*time.Second, "healthy", func() error {
		if status, body := a.get("/healthz"); status != http.StatusOK {
			return errors.New(body)
		}
		return nil
	})
	_, page := a.get("/")
	if _, again := a.get("/status"); len(again) == 0 || again[:20] != page[:20] {
		t.Error("/status is another page")
	}
	for _, want := range []string{"node edge", "\n  lo ", "/s, 50 in all", "connected to tcp://" + address, "\n  tls ", "\nwhat I use\n  memory "} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page:\n%s", want, page)
		}
	}
	if code, out, errs := command(t, "recorder", "list", "--agent", "http://127.0.0.1:"+a.httpPort()); code != exitDone || !strings.Contains(out, "ring: from ") {
		t.Errorf("the flight recorder: status %d: %s%s", code, out, errs)
	}
	if code := a.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("it ended with status %d", code)
	}
}

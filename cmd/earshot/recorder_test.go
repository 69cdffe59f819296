package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/synth"
)

// TestRecorderCommand: list, freeze and fetch, and what is said when that
// cannot be.
func TestRecorderCommand(t *testing.T) {
	c, err := synth.Scenario("challenged", 1)
	if err != nil {
		t.Fatal(err)
	}
	scenario := filepath.Join(t.TempDir(), "scenario.pcap")
	if err := writeFile(scenario, nil, func(w io.Writer) error { return synth.WritePcap(w, c) }); err != nil {
		t.Fatal(err)
	}
	x := fly(t, openCapture(t, scenario), nil)
	id := c.Truth().Calls[0].CallID
	mux := http.NewServeMux()
	x.Register(mux, "")
	server := httptest.NewServer(mux)
	defer server.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // the agent, which hears of the time
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				x.last = x.last.Add(time.Second)
				x.agent.Advance(x.last)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	f := func(want int, says string, args ...string) string {
		t.Helper()
		code, stdout, stderr := command(t, append(append([]string{"recorder"}, args...), "--agent", server.URL)...)
		if code != want || !strings.Contains(stdout+stderr, says) {
			t.Errorf("%q: exit %d, want %d and %q:\n%s%s", args, code, want, says, stdout, stderr)
		}
		return stdout
	}
	f(exitDone, "ring: from 2026-01-05", "list")
	f(exitUsage, "which call?", "freeze")
	f(exitFailed, "nothing of this call is in the ring", "freeze", "nobody")
	f(exitFailed, "addr is nonsense", "freeze", "--addr", "nonsense")
	f(exitFailed, "no frozen call has the name or Call-ID", "fetch", id)
	name, _, _ := strings.Cut(f(exitDone, "SIP", "freeze", id), "\n")
	f(exitDone, "request", "list")
	f(exitDone, `"call_id": "`+id+`"`, "list", "--format", "json")
	path := filepath.Join(t.TempDir(), "call.pcap")
	f(exitDone, path, "fetch", id, "-o", path)
	f(exitDone, path, "fetch", name, "-o", path)
	got, _ := readCapture(t, path)
	if len(got.calls) != 1 || got.calls[0].CallID != id {
		t.Errorf("fetched are the calls %+v", got.calls)
	}
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), `response="****`) {
		t.Errorf("the credentials are not scrubbed (%v)", err)
	}

	server.Config.Handler = http.NotFoundHandler()
	f(exitFailed, "it has no flight recorder", "list")
	if code, _, stderr := command(t, "recorder", "list", "--agent", "localhost"); code != exitUsage || !strings.Contains(stderr, "want http://host:9080") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

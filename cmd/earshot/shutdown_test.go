package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/synth"
)

// sample writes a capture of so many ended calls.
func sample(t *testing.T, calls int) string {
	t.Helper()
	c, err := synth.Calls(synth.Options{Calls: calls, Seconds: 12, Concurrent: calls, Codec: "PCMU", Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return pcapOf(t, "sample", c)
}

// pcapOf writes what was generated to a capture of its own.
func pcapOf(t *testing.T, name string, c synth.Capture) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".pcap")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := synth.WritePcap(f, c); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestStopDrains stops the program while calls have ended whose rows are not
// yet due: they must be in the store all the same.
func TestStopDrains(t *testing.T) {
	needEngine(t)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			data := t.TempDir()
			c := serving(t, nil, "run", "--data", data)
			if code, _, errs := command(t, "agent", "--read", sample(t, 8), "--collector", "tcp://127.0.0.1:"+c.hepPort()); code != exitDone {
				t.Fatalf("agent: %d %s", code, errs)
			}
			engine, err := strconv.Atoi(c.find(`ClickHouse is ready" pid=(\d+)`))
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			if code := c.signal(sig, stopLimit); code != exitDone {
				t.Errorf("status %d", code)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("stopping took %v", took)
			}
			for _, want := range []string{"msg=stopping", "component=collector", "component=analyzer", "rows stored"} {
				if !strings.Contains(c.stderr.String(), want) {
					t.Errorf("it did not say %q", want)
				}
			}
			gone(t, engine, time.Second)
			if n := askNumber(t, data, "SELECT count() FROM calls WHERE state = 'answered'"); n != 8 {
				t.Errorf("%v calls in the store, want 8", n)
			}
			if n := askNumber(t, data, "SELECT count() FROM streams"); n != 16 {
				t.Errorf("%v streams in the store, want 16", n)
			}
		})
	}
}

// TestKilled kills the program without warning: what was stored stays, the
// engine does not outlive it, and the next start finds everything.
func TestKilled(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	c := serving(t, nil, "run", "--data", data)
	if code, _, errs := command(t, "agent", "--read", sample(t, 8), "--collector", "tcp://127.0.0.1:"+c.hepPort()); code != exitDone {
		t.Fatalf("agent: %d %s", code, errs)
	}
	awaitNumber(t, data, 45*time.Second, "SELECT count() FROM calls", 8)
	engine, err := strconv.Atoi(c.find(`ClickHouse is ready" pid=(\d+)`))
	if err != nil {
		t.Fatal(err)
	}
	if code := c.signal(syscall.SIGKILL, time.Second); code != -1 {
		t.Fatalf("status %d", code)
	}
	// The next start need not wait for the engine of the last.
	c = serving(t, nil, "run", "--data", data)
	gone(t, engine, 20*time.Second)
	if n := askNumber(t, data, "SELECT count() FROM calls"); n != 8 {
		t.Errorf("%v calls in the store, want 8", n)
	}
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
}

// TestEngineKilled kills the engine alone: it is started again, and calls that
// come meanwhile are stored.
func TestEngineKilled(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	c := serving(t, nil, "run", "--data", data)
	engine, err := strconv.Atoi(c.find(`ClickHouse is ready" pid=(\d+)`))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(engine, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "agent", "--read", sample(t, 8), "--collector", "tcp://127.0.0.1:"+c.hepPort()); code != exitDone {
		t.Fatalf("agent: %d %s", code, errs)
	}
	c.find(`(died and is started again)`)
	eventually(t, 30*time.Second, "second start", func() error {
		if strings.Count(c.stderr.String(), "ClickHouse is ready") < 2 {
			return os.ErrNotExist
		}
		return nil
	})
	if code := c.signal(syscall.SIGTERM, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
	if n := askNumber(t, data, "SELECT count() FROM calls"); n != 8 {
		t.Errorf("%v calls in the store, want 8", n)
	}
}

// TestStoreHangs stops the program while the store takes nothing: it ends in
// time, and says what was lost.
func TestStoreHangs(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	c := serving(t, nil, "run", "--data", data)
	engine, err := strconv.Atoi(c.find(`ClickHouse is ready" pid=(\d+)`))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(engine, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(engine, syscall.SIGCONT)
	if code, _, errs := command(t, "agent", "--read", sample(t, 8), "--collector", "tcp://127.0.0.1:"+c.hepPort()); code != exitDone {
		t.Fatalf("agent: %d %s", code, errs)
	}
	time.Sleep(2 * time.Second) // for the rows to be on their way: nothing tells
	begin := time.Now()
	if code := c.signal(syscall.SIGTERM, stopLimit); code != exitFailed {
		t.Errorf("status %d", code)
	}
	if took := time.Since(begin); took > 10500*time.Millisecond {
		t.Errorf("stopping took %v", took)
	}
	if !strings.Contains(c.stderr.String(), "rows are lost") {
		t.Error("it does not say that rows are lost")
	}
}

// TestReadTwice stores one capture twice: the second time writes no row.
func TestReadTwice(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	serving(t, nil, "run", "--data", data)
	dsn, capture := engineDSN(t, data), sample(t, 8)
	const count = `SELECT sum(n) FROM (SELECT count() AS n FROM calls UNION ALL SELECT count() FROM streams UNION ALL
		SELECT count() FROM intervals UNION ALL SELECT count() FROM messages UNION ALL SELECT count() FROM attempts)`
	var first float64
	for i := range 2 {
		if code, _, errs := command(t, "read", "--store", dsn, capture); code != exitDone {
			t.Fatalf("reading %d: %d %s", i, code, errs)
		}
		n := askNumber(t, data, count)
		if i == 0 {
			first = n
		}
		if n == 0 || n != first {
			t.Errorf("%v rows after reading %d, %v after the first", n, i+1, first)
		}
	}
	if n := askNumber(t, data, "SELECT count() FROM calls"); n != 8 {
		t.Errorf("%v calls, want 8", n)
	}
}

// TestReadInterrupted stops a reading at the pace of the capture: what was
// read until then is given, a call in progress among it.
func TestReadInterrupted(t *testing.T) {
	c := startChild(t, nil, "read", "--pace", "realtime", "--format", "jsonl", sample(t, 1))
	eventually(t, 10*time.Second, "some of it", func() error {
		if c.stdout.String() == "" {
			return os.ErrNotExist
		}
		return nil
	})
	if code := c.signal(os.Interrupt, 5*time.Second); code != exitFailed {
		t.Errorf("status %d", code)
	}
	if line := complaint(t, c.stderr.String()); !strings.Contains(line, "interrupted: what was read until then is given") {
		t.Errorf("it says %q", line)
	}
	out := c.stdout.String()
	if !strings.Contains(out, `{"type":"call"`) || !strings.Contains(out, `{"type":"summary"`) {
		t.Errorf("it gave %s", out)
	}
}

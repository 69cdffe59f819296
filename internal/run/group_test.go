package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stage waits for its stop, drains for a time, and notes when it ended.
type stage struct {
	name  string
	takes time.Duration
	ends  *endings
}

type endings struct {
	mu    sync.Mutex
	names []string
}

func (e *endings) add(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.names = append(e.names, name)
}

func (s stage) Run(ctx context.Context) error {
	<-ctx.Done()
	time.Sleep(s.takes)
	s.ends.add(s.name)
	return ctx.Err()
}

func (s stage) Drained() string { return s.takes.String() + " of work" }

func TestGroupStopsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ends endings
		var log bytes.Buffer
		g := NewGroup(slog.New(slog.NewTextHandler(&log, nil)))
		g.Add("capture", stage{"capture", 3 * time.Second, &ends})
		g.Add("analyzer", stage{"analyzer", 2 * time.Second, &ends})
		g.Add("store", stage{"store", 0, &ends})
		ctx, cancel := context.WithCancelCause(t.Context())
		began := time.Now()
		time.AfterFunc(time.Minute, func() { cancel(errors.New("received interrupt")) })
		if err := g.Run(ctx); err != nil {
			t.Error(err)
		}
		if want := []string{"capture", "analyzer", "store"}; !slices.Equal(ends.names, want) {
			t.Errorf("stopped in the order %v; want %v", ends.names, want)
		}
		if got := time.Since(began); got != time.Minute+5*time.Second {
			t.Errorf("took %s; want 1m5s", got)
		}
		for _, want := range []string{`reason="received interrupt"`, `component=capture finished="3s of work"`, `component=store finished="0s of work"`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, log.String())
			}
		}
	})
}

func TestGroupFailureStopsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ends endings
		g := NewGroup(slog.New(slog.DiscardHandler))
		g.Add("capture", stage{"capture", time.Second, &ends})
		broken := errors.New("disk full")
		g.Add("store", Func(func(context.Context) error { time.Sleep(time.Hour); return broken }))
		g.Add("http", stage{"http", 0, &ends})
		err := g.Run(t.Context())
		if !errors.Is(err, broken) || err.Error() != "store: disk full" {
			t.Errorf("Run gives %v; want store: disk full", err)
		}
		if want := []string{"capture", "http"}; !slices.Equal(ends.names, want) {
			t.Errorf("stopped %v; want %v", ends.names, want)
		}
	})
}

func TestGroupEndsWithItsSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ends endings
		g := NewGroup(slog.New(slog.DiscardHandler))
		for i := range 3 {
			g.AddSource(fmt.Sprint("file", i), Func(func(context.Context) error {
				time.Sleep(time.Duration(i) * time.Minute)
				return nil
			}))
		}
		g.Add("store", stage{"store", 0, &ends})
		began := time.Now()
		if err := g.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if got := time.Since(began); got != 2*time.Minute {
			t.Errorf("ended after %s; want 2m, with the last source", got)
		}
		if !slices.Equal(ends.names, []string{"store"}) {
			t.Errorf("stopped %v; want store", ends.names)
		}
	})
}

func TestGroupDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ends endings
		g := NewGroup(slog.New(slog.DiscardHandler))
		free := make(chan struct{})
		g.Add("stuck", Func(func(context.Context) error { <-free; return nil }))
		g.Add("slow", Func(func(context.Context) error { <-free; return nil }))
		g.Add("store", stage{"store", 0, &ends})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		err := g.Run(ctx)
		if want := "stuck, slow did not stop within 10s"; err == nil || err.Error() != want {
			t.Errorf("Run gives %v; want %s", err, want)
		}
		if !slices.Equal(ends.names, []string{"store"}) {
			t.Errorf("stopped %v; want store, which is behind those that hang", ends.names)
		}
		if got := time.Since(began); got != DrainTime {
			t.Errorf("took %s; want %s", got, DrainTime)
		}
		close(free)
		synctest.Wait()
	})
}

// The second signal ends the process even when the first one is not obeyed.
// The test program is its own subject, in a child process.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	if os.Getenv("RUN_SIGNALS_CHILD") != "" {
		ctx, stop := Signals(context.Background())
		defer stop()
		_, _ = os.Stdout.WriteString("waiting\n")
		<-ctx.Done()
		_, _ = os.Stdout.WriteString(context.Cause(ctx).Error() + "\n")
		time.Sleep(10 * time.Second)
		return
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSecondSignalEndsAtOnce$")
		cmd.Env = append(os.Environ(), "RUN_SIGNALS_CHILD=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		expect := func(want string) {
			t.Helper()
			b := make([]byte, len(want))
			if n, err := out.Read(b); err != nil || string(b[:n]) != want {
				t.Errorf("the child says %q (%v); want %q", b[:n], err, want)
			}
		}
		expect("waiting\n")
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		expect("received " + sig.String() + "\n")
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != sig {
			t.Errorf("the child ended with %v; want to be killed by %s", err, sig)
		}
	}
}

package run

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.b.String()
	l.b.Reset()
	return s
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		var width atomic.Int64
		width.Store(80)
		p := &Progress{out: &out, show: true, width: func() int { return int(width.Load()) }}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = p.Run(ctx) }()
		f := func(want string) {
			t.Helper()
			if got := out.take(); got != want {
				t.Errorf("the terminal got %q; want %q", got, want)
			}
		}
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		f("") // Nothing has begun.
		p.Begin("reading a.pcap")
		p.Set(5e6, 20e6, "12 calls")
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		f("\rreading a.pcap  25%  5.0 of 20.0 MB  0 s  12 calls\x1b[K")
		if _, err := p.Write([]byte("a log line\n")); err != nil {
			t.Fatal(err)
		}
		f("\r\x1b[Ka log line\n")
		time.Sleep(1900 * time.Millisecond)
		synctest.Wait()
		out.take()
		p.Set(10e6, 20e6, "")
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		f("\rreading a.pcap  50%  10.0 of 20.0 MB  2 s, 2 s left\x1b[K")
		p.Begin("reading standard input")
		p.Set(1e6, 0, "")
		width.Store(12)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		f("\rreading sta\x1b[K")
		cancel()
		synctest.Wait()
		f("\r\x1b[K")
	})
}

func TestNoProgressWithoutTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := NewProgress(file)
	p.Begin("reading")
	p.Set(1, 2, "")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
	if _, err := p.Write([]byte("log\n")); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "log\n" {
		t.Errorf("the file has %q (%v); want only the log", b, err)
	}
}

package agent

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWatch: an agent that ends leaves nothing; one that is killed leaves word.
func TestWatch(t *testing.T) {
	w := Watch{Path: filepath.Join(t.TempDir(), "spool", "alive"), Interfaces: []string{"lo", "nosuch0"}}
	if _, killed := w.Before(time.Now()); killed {
		t.Error("there was somebody before the first")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	for range 1000 {
		if _, err := os.Stat(w.Path); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	from := time.Now()
	b, killed := w.Before(from.Add(time.Minute))
	if !killed || b.To.Sub(b.From) < 59*time.Second || b.To.Sub(b.From) > 62*time.Second || b.Frames < 1 {
		t.Errorf("%+v, %v: want a minute", b, killed)
	}
	if _, killed := w.Before(from.Add(-time.Hour)); killed {
		t.Error("blind until before it began")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, killed := w.Before(time.Now()); killed {
		t.Error("one that ended was killed")
	}
	if err := os.WriteFile(w.Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, killed := w.Before(time.Now()); killed {
		t.Error("a damaged file tells something")
	}
}

package run

import (
	"context"
	"log/slog"
	"math"
	"runtime/debug"
	"testing"
	"time"
)

func TestCeilings(t *testing.T) {
	c := &Ceilings{Memory: 100 << 20, CPU: 50, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	f := func(live uint64, cpu float64, memoryFull, cpuFull bool) {
		t.Helper()
		c.measured(live, cpu)
		if m, p := c.MemoryFull.Load(), c.CPUFull.Load(); m != memoryFull || p != cpuFull {
			t.Errorf("%d bytes, %v %%: %v, %v; want %v, %v", live, cpu, m, p, memoryFull, cpuFull)
		}
	}
	f(10<<20, 10, false, false)
	f(75<<20, 50, false, false)
	f(76<<20, 51, true, true)
	if got, want := c.String(), "memory 100MiB, reached: new RTP streams are not metered; CPU 50 % of a core, reached: new RTP streams are not metered"; got != want {
		t.Errorf("%s", got)
	}
	f(70<<20, 46, true, true) // not yet
	f(67<<20, 51, false, true)
	f(67<<20, 45, false, false)
	if got := c.String(); got != "memory 100MiB; CPU 50 % of a core" {
		t.Errorf("%s", got)
	}
	none := &Ceilings{Log: c.Log}
	none.measured(math.MaxUint64, 1e6)
	if none.MemoryFull.Load() || none.CPUFull.Load() || none.String() != "" {
		t.Error("there are no ceilings, and one is reached")
	}
}

// TestCeilingsMeasure this very process: it works, and so uses more than 1 % of
// a core.
func TestCeilingsMeasure(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	c := &Ceilings{Memory: 1 << 30, CPU: 1, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for n := uint64(0); !c.CPUFull.Load() && ctx.Err() == nil; n++ {
	}
	if !c.CPUFull.Load() || c.MemoryFull.Load() {
		t.Errorf("%s", c)
	}
	if limit := debug.SetMemoryLimit(-1); limit != 1<<30 {
		t.Errorf("the collector keeps to %d", limit)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if limit := debug.SetMemoryLimit(-1); limit != before {
		t.Errorf("the collector's limit stays %d", limit)
	}
	if m := Memory(); m < 1<<20 || m > 1<<40 {
		t.Errorf("%d bytes resident", m)
	}
}

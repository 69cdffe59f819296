package run

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"time"
)

// Ceilings are what a process may use, and whether it uses more: then it had
// better begin nothing new.
type Ceilings struct {
	Memory Size // 0 is no ceiling
	CPU    int  // percent of one core; 0 is no ceiling
	Log    *slog.Logger

	MemoryFull, CPUFull atomic.Bool
}

const (
	// measureEvery is how often use is measured.
	measureEvery = time.Second
	// room is the part of the ceiling, in percent, that use has to fall to before
	// anything new may begin again.
	room = 90
	// liveShare is the part of the memory, in percent, that what is in use may
	// take: collecting garbage in less than the rest would cost more and more CPU.
	liveShare = 75
)

// Run measures until ctx ends. The garbage collector keeps to the memory, too.
func (c *Ceilings) Run(ctx context.Context) error {
	if c.Memory > 0 {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(c.Memory)))
	}
	every := time.NewTicker(measureEvery)
	defer every.Stop()
	before, used := time.Now(), CPUTime()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		now, use := time.Now(), CPUTime()
		c.measured(liveMemory(), 100*(use-used).Seconds()/now.Sub(before).Seconds())
		before, used = now, use
	}
}

// measured takes bytes in use, and percent of a core over the last second.
func (c *Ceilings) measured(live uint64, cpu float64) {
	c.compare(&c.MemoryFull, "agent.memory", float64(live), float64(c.Memory)*liveShare/100)
	c.compare(&c.CPUFull, "agent.cpu", cpu, float64(c.CPU))
}

func (c *Ceilings) compare(full *atomic.Bool, key string, use, ceiling float64) {
	switch was := full.Load(); {
	case ceiling <= 0:
	case !was && use > ceiling:
		full.Store(true)
		c.Log.Warn("the ceiling is reached: new RTP streams are not metered", "key", key, "used", use, "ceiling", ceiling)
	case was && use <= ceiling*room/100:
		full.Store(false)
		c.Log.Info("below the ceiling again: new RTP streams are metered", "key", key, "used", use)
	}
}

// liveMemory is what the last collection of garbage found in use.
func liveMemory() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// String says what the ceilings are, and which are reached; "" where there are
// none.
func (c *Ceilings) String() string {
	var all []string
	say := func(full *atomic.Bool, ceiling string) {
		if full.Load() {
			ceiling += ", reached: new RTP streams are not metered"
		}
		all = append(all, ceiling)
	}
	if c.Memory > 0 {
		say(&c.MemoryFull, fmt.Sprintf("memory %s", c.Memory))
	}
	if c.CPU > 0 {
		say(&c.CPUFull, fmt.Sprintf("CPU %d %% of a core", c.CPU))
	}
	return strings.Join(all, "; ")
}

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
)

// ReasonKilled is the drop, of stage agent, of an agent that did not end by
// itself: what passed its interfaces until it was back.
const ReasonKilled = "killed"

// Watch keeps a file that is there while the agent runs, and is written each
// second: what a killed agent leaves behind tells the next one since when
// what passed is not known.
type Watch struct {
	Path       string
	Interfaces []string
	// Settled is the packet time up to which everything has left the memory of
	// this process; nil is now.
	Settled func() time.Time
}

const (
	// settling is how much later than its neighbours a packet of another ring may
	// come.
	settling = 200 * time.Millisecond
	// maxSigns is for how many seconds it is known what had passed then.
	maxSigns = 600
)

// sign is what the file holds.
type sign struct {
	At     time.Time         `json:"at"`
	Frames map[string]uint64 `json:"frames"` // that passed each interface, both ways, by the kernel's count
}

// Blind is how long nobody listened, and what passed meanwhile.
type Blind struct {
	From, To time.Time
	// Frames is how many passed the interfaces; some of the first two seconds
	// were heard. It is 1 where the kernel does not tell, as after a
	// restart of the host.
	Frames uint64
}

// Before tells of the agent that was here before, if it was killed.
func (w *Watch) Before(now time.Time) (Blind, bool) {
	b, err := os.ReadFile(w.Path)
	var last sign
	if err != nil || json.Unmarshal(b, &last) != nil || !last.At.Before(now) {
		return Blind{}, false
	}
	blind := Blind{From: last.At, To: now}
	for name, before := range last.Frames {
		if after, err := capture.Passed(name); err == nil && after >= before {
			blind.Frames += after - before
		}
	}
	blind.Frames = max(blind.Frames, 1)
	return blind, true
}

// Run writes the file each second, and removes it when ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(w.Path), 0o750); err != nil {
		return fmt.Errorf("keep a sign of life: %w", err)
	}
	every := time.NewTicker(time.Second)
	defer every.Stop()
	signs := []sign{w.sign(time.Now().UTC())}
	for {
		if err := w.write(signs[0]); err != nil && !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("keep a sign of life: %w", err)
		}
		select {
		case <-ctx.Done():
			if err := os.Remove(w.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove the sign of life: %w", err)
			}
			return nil
		case <-every.C:
		}
		now := time.Now().UTC()
		settled := now
		if w.Settled != nil {
			settled = w.Settled().Add(-settling)
		}
		signs = append(signs, w.sign(now))
		for len(signs) > 1 && !signs[1].At.After(settled) || len(signs) > maxSigns {
			signs = signs[1:]
		}
	}
}

func (w *Watch) sign(now time.Time) sign {
	s := sign{At: now, Frames: map[string]uint64{}}
	for _, name := range w.Interfaces {
		if n, err := capture.Passed(name); err == nil {
			s.Frames[name] = n
		}
	}
	return s
}

func (w *Watch) write(s sign) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	next := w.Path + ".new" // a file that is half written tells nothing
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, w.Path)
}

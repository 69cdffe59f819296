package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ReasonKilled is the drop, of stage agent, of an agent that did not end by
// itself: what passed its interfaces until it was back.
const ReasonKilled = "killed"

// Watch keeps a file that is there while the agent runs, and is written each
// second: what a killed agent leaves behind tells the next one since when
// nobody listened.
type Watch struct {
	Path       string
	Interfaces []string
}

// sign is what the file holds.
type sign struct {
	At     time.Time         `json:"at"`
	Frames map[string]uint64 `json:"frames"` // that passed each interface, both ways, by the kernel's count
}

// Blind is how long nobody listened, and what passed meanwhile.
type Blind struct {
	From, To time.Time
	// Frames is how many passed the interfaces, at most a second's worth more
	// than were not heard. It is 1 where the kernel does not tell, as after a
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
		if after, ok := framesOf(name); ok && after >= before {
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
	for {
		if err := w.write(time.Now().UTC()); err != nil && !errors.Is(err, syscall.ENOSPC) {
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
	}
}

func (w *Watch) write(now time.Time) error {
	s := sign{At: now, Frames: map[string]uint64{}}
	for _, name := range w.Interfaces {
		if n, ok := framesOf(name); ok {
			s.Frames[name] = n
		}
	}
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

// framesOf is the kernel's count of frames that passed an interface; false
// where it has none.
func framesOf(name string) (n uint64, ok bool) {
	for _, way := range [...]string{"rx_packets", "tx_packets"} {
		b, err := os.ReadFile(filepath.Join("/sys/class/net", filepath.Base(name), "statistics", way))
		if err != nil {
			return 0, false
		}
		v, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		if err != nil {
			return 0, false
		}
		n += v
	}
	return n, true
}

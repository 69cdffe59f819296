package run

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// Progress is one line on a terminal that tells how far long work has come.
// Where the output is no terminal it shows nothing and only passes writes on.
// Log through it, so that lines and progress do not run into each other.
type Progress struct {
	out   io.Writer
	show  bool
	width func() int
	state atomic.Pointer[progressState]

	mu    sync.Mutex
	drawn bool
}

type progressState struct {
	what        string
	done, total int64
	detail      string
	began       time.Time
}

// NewProgress shows progress on f when it is a terminal.
func NewProgress(f *os.File) *Progress {
	fd := int(f.Fd())
	return &Progress{out: f, show: term.IsTerminal(fd), width: func() int {
		w, _, err := term.GetSize(fd)
		if err != nil {
			return 80
		}
		return w
	}}
}

// Begin names the work that follows: "reading call.pcap".
func (p *Progress) Begin(what string) {
	p.state.Store(&progressState{what: what, began: time.Now()})
}

// Set says that done of total bytes are through; total 0 is not known. detail
// follows, short: "12 calls". It costs one allocation: call it for a batch,
// not for a packet.
func (p *Progress) Set(done, total int64, detail string) {
	old := p.state.Load()
	if !p.show || old == nil {
		return
	}
	p.state.Store(&progressState{old.what, done, total, detail, old.began})
}

// Run draws the line five times a second until ctx ends, and clears it.
func (p *Progress) Run(ctx context.Context) error {
	if !p.show {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	defer p.clear()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			p.draw(now)
		}
	}
}

// Write clears the line, writes b above it, and leaves the next draw to show
// the line again.
func (p *Progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	return p.out.Write(b)
}

func (p *Progress) draw(now time.Time) {
	s := p.state.Load()
	if s == nil {
		return
	}
	line := []rune(s.line(now))
	// The last column stays free: a full line would wrap.
	line = line[:min(len(line), max(p.width()-1, 0))]
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.out, "\r%s\x1b[K", string(line))
	p.drawn = true
}

func (p *Progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

func (p *Progress) erase() {
	if p.drawn {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// line is "reading call.pcap  42%  8.4 of 20.0 MB  3 s, 4 s left  12 calls".
func (s *progressState) line(now time.Time) string {
	took := now.Sub(s.began)
	b := []byte(s.what)
	if s.total > 0 {
		done := min(s.done, s.total)
		b = fmt.Appendf(b, "  %d%%  %.1f of %.1f MB  %.0f s", done*100/s.total, float64(done)/1e6, float64(s.total)/1e6, took.Seconds())
		// Before a second has passed a guess jumps about.
		if took > time.Second && done > 0 {
			left := time.Duration(float64(took) / float64(done) * float64(s.total-done))
			b = fmt.Appendf(b, ", %.0f s left", left.Seconds())
		}
	} else {
		b = fmt.Appendf(b, "  %.1f MB  %.0f s", float64(s.done)/1e6, took.Seconds())
	}
	if s.detail != "" {
		b = fmt.Appendf(b, "  %s", s.detail)
	}
	return string(b)
}

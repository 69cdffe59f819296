package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/earshot-voip/earshot/internal/hep"
)

// writer numbers the frames of one chunk after the other and sends them to the
// first collector that answers. It keeps a chunk until that is done.
type writer struct {
	opt    *Options
	log    *slog.Logger
	counts *Counts
	boot   uint64
	name   string // of what waits: it and the id of a chunk tell it from all others
	to     []collector
	// sequence is the number sent last, by collector: each sees numbers without
	// gaps, whichever others are used meanwhile.
	sequence []uint64

	work  chan chunk
	done  chan struct{} // the chunk is sent
	broke chan chunk    // the line broke, or there is none; what is left of the chunk

	rest    *chunk // what is left of the chunk; others read it once the writer has ended
	line    line
	at      int                       // index in to of line
	using   atomic.Pointer[collector] // that of line, for others to read
	better  time.Time
	wire    []byte
	ends    []int
	trouble bool // told of in the log
}

func (w *writer) urls() string {
	names := make([]string, len(w.to))
	for i, c := range w.to {
		names[i] = c.url
	}
	return strings.Join(names, ", ")
}

// run sends chunks until ctx ends. A patient writer ends as well when nobody
// answers.
func (w *writer) run(ctx context.Context) error {
	defer func() { w.hangUp() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-w.work:
			if err := w.send(ctx, &c); err != nil {
				return err
			}
			select {
			case w.done <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// send sends a chunk, whatever it takes.
func (w *writer) send(ctx context.Context, c *chunk) error {
	w.rest = w.prefer(ctx, c)
	for w.rest.packets > 0 {
		if w.line == nil {
			if err := w.connect(ctx); err != nil {
				return err
			}
			continue
		}
		var err error
		if w.rest, err = w.write(w.line, w.at, w.rest); err != nil {
			w.counts.Broken.Add(1)
			w.log.Warn("the collector cannot be reached any more; connecting again", "collector", w.to[w.at].url, "error", err)
			w.hangUp()
			w.tell()
		}
	}
	return nil
}

// tell says that the chunk is not sent yet. One word of it that waits is enough.
func (w *writer) tell() {
	select {
	case w.broke <- *w.rest:
	default:
	}
}

// write sends c over l, to the collector of index at, and gives what is left of
// it.
func (w *writer) write(l line, at int, c *chunk) (*chunk, error) {
	w.wire, w.ends = w.wire[:0], w.ends[:0]
	sequence := w.sequence[at]
	for rest := c.frames; len(rest) > 0; {
		n, err := hep.FrameLen(rest)
		if err != nil || n > len(rest) {
			break // a chunk is proven when it is read
		}
		sequence++
		w.wire = hep.Number(w.wire, rest[:n], w.boot, sequence)
		w.ends = append(w.ends, len(w.wire))
		rest = rest[n:]
	}
	took, err := l.write(w.name+"-"+strconv.FormatUint(c.id, 10), w.wire, w.ends)
	w.sequence[at] += uint64(took)
	w.counts.Sent.Add(uint64(took))
	w.counts.Waiting.Add(-int64(took))
	return c.after(took), err
}

// connect opens a line to the first collector that answers, and begins with
// the chunk there. It tries until ctx ends.
func (w *writer) connect(ctx context.Context) error {
	for {
		var errs []error
		for i := range w.to {
			rest, err := w.try(ctx, i, w.rest)
			if err == nil {
				w.rest = rest
				return nil
			}
			errs = append(errs, fmt.Errorf("collector %s: %w", w.to[i].url, err))
		}
		err := errors.Join(errs...)
		if w.opt.Patient || ctx.Err() != nil {
			return err
		}
		w.tell()
		if !w.trouble {
			w.trouble = true
			w.log.Warn("no collector answers; trying again until one does", "error", err)
		}
		select {
		case <-time.After(w.opt.Retry):
		case <-ctx.Done():
			return err
		}
	}
}

// try connects to one collector and sends c there: only a write shows whether
// somebody listens on UDP.
func (w *writer) try(ctx context.Context, i int, c *chunk) (*chunk, error) {
	l, err := w.opt.dial(ctx, w.to[i])
	if err != nil {
		return c, err
	}
	rest, err := w.write(l, i, c)
	if err != nil && rest.packets == c.packets {
		l.close()
		return c, err
	}
	w.hangUp()
	w.line, w.at, w.better, w.trouble = l, i, time.Now().Add(w.opt.Prefer), false
	w.counts.Connected.Add(1)
	w.using.Store(&w.to[i])
	w.log.Info("sending to the collector", "collector", w.to[i].url)
	return rest, nil // an error will come again
}

// prefer goes back to a collector that comes before the one in use, once in a
// while, when it answers. It gives what is left of c.
func (w *writer) prefer(ctx context.Context, c *chunk) *chunk {
	if w.line == nil || w.at == 0 || time.Now().Before(w.better) {
		return c
	}
	w.better = time.Now().Add(w.opt.Prefer)
	for i := range w.at {
		if rest, err := w.try(ctx, i, c); err == nil {
			return rest
		}
	}
	return c
}

func (w *writer) hangUp() {
	if w.line != nil {
		w.line.close()
		w.line = nil
		w.using.Store(nil)
		w.counts.Connected.Add(-1)
	}
}

package run

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// What a hostile network may write into the log: so many lines of one message
// in so long a time. The rest is counted and told afterwards.
const (
	logBurst  = 10
	logWindow = 10 * time.Second
	// Messages are constants of the program, so that a few hundred is all
	// there can be; the cap is for the one that is not.
	logMessages = 1024
)

// NewLogger writes lines of at least this level to w, as text or JSON. A
// message that comes more than 10 times in 10 s is held back, counted, and
// summed up in a line of its own: what the network sends cannot fill the disk
// with complaints about it.
func NewLogger(w io.Writer, level slog.Leveler, format LogFormat) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if format == "json" {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(&limited{next: h, seen: &seenMessages{by: make(map[logKey]*logCount), first: h}})
}

// limited is a slog.Handler that holds back repeated messages. Its clock is
// the records'.
type limited struct {
	next slog.Handler
	seen *seenMessages // shared by all that WithAttrs and WithGroup derive
}

type logKey struct {
	level   slog.Level
	message string
}

type logCount struct {
	since time.Time
	n     int
}

type seenMessages struct {
	mu    sync.Mutex
	by    map[logKey]*logCount
	swept time.Time
	first slog.Handler // without attributes, for the sums
}

func (l *limited) Enabled(ctx context.Context, level slog.Level) bool {
	return l.next.Enabled(ctx, level)
}

func (l *limited) WithAttrs(a []slog.Attr) slog.Handler {
	return &limited{next: l.next.WithAttrs(a), seen: l.seen}
}

func (l *limited) WithGroup(name string) slog.Handler {
	return &limited{next: l.next.WithGroup(name), seen: l.seen}
}

func (l *limited) Handle(ctx context.Context, r slog.Record) error {
	l.seen.sweep(ctx, r.Time)
	if !l.seen.admit(logKey{r.Level, r.Message}, r.Time) {
		return nil
	}
	return l.next.Handle(ctx, r)
}

func (s *seenMessages) admit(k logKey, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.by[k]
	if !ok {
		if len(s.by) >= logMessages {
			return true
		}
		c = &logCount{since: now}
		s.by[k] = c
	}
	c.n++
	return c.n <= logBurst
}

// sweep forgets the windows that are over, and writes one line for each that
// held something back.
func (s *seenMessages) sweep(ctx context.Context, now time.Time) {
	s.mu.Lock()
	if now.Sub(s.swept) < time.Second && !now.Before(s.swept) {
		s.mu.Unlock()
		return
	}
	s.swept = now
	var sums []slog.Record
	for k, c := range s.by {
		age := now.Sub(c.since)
		if age < logWindow && age >= 0 { // A clock set back begins anew.
			continue
		}
		if c.n > logBurst {
			r := slog.NewRecord(now, k.level, "held back repeated lines", 0)
			r.AddAttrs(slog.String("message", k.message), slog.Int("lines", c.n-logBurst), slog.Duration("during", age))
			sums = append(sums, r)
		}
		delete(s.by, k)
	}
	s.mu.Unlock()
	for _, r := range sums {
		if s.first.Enabled(ctx, r.Level) {
			// Nobody is left to tell that the log cannot be written.
			_ = s.first.Handle(ctx, r)
		}
	}
}

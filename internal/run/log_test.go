package run

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestLogLevelAndFormat(t *testing.T) {
	var b bytes.Buffer
	l := NewLogger(&b, slog.LevelWarn, "text")
	l.Info("quiet")
	l.Warn("loud", "port", 9060)
	if got := b.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "level=WARN msg=loud port=9060") {
		t.Errorf("text log: %s", got)
	}
	b.Reset()
	NewLogger(&b, slog.LevelInfo, "json").Info("loud", "port", 9060)
	if got := b.String(); !strings.Contains(got, `"msg":"loud","port":9060}`) {
		t.Errorf("JSON log: %s", got)
	}
}

// The clock is the records' own, so that the test need not wait.
func TestRepeatedLinesAreHeldBack(t *testing.T) {
	var b bytes.Buffer
	h := NewLogger(&b, slog.LevelInfo, "text").With("component", "hep").Handler()
	at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	log := func(after time.Duration, level slog.Level, message string) {
		t.Helper()
		if err := h.Handle(context.Background(), slog.NewRecord(at.Add(after), level, message, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		log(time.Duration(i)*time.Millisecond, slog.LevelWarn, "bad chunk")
	}
	log(2*time.Second, slog.LevelWarn, "something else")
	log(2*time.Second, slog.LevelError, "bad chunk") // Another level counts apart.
	if got := strings.Count(b.String(), `msg="bad chunk"`); got != logBurst+1 {
		t.Errorf("%d lines of 1001 written; want %d", got, logBurst+1)
	}
	if !strings.Contains(b.String(), "something else") {
		t.Error("another message was held back too")
	}
	b.Reset()
	log(11*time.Second, slog.LevelWarn, "something else")
	if got := b.String(); !strings.Contains(got, `level=WARN msg="held back repeated lines" message="bad chunk" lines=990 during=11s`) {
		t.Errorf("no sum of what was held back:\n%s", got)
	}
	b.Reset()
	log(12*time.Second, slog.LevelWarn, "bad chunk")
	if !strings.Contains(b.String(), "component=hep") || strings.Contains(b.String(), "held back") {
		t.Errorf("after the window:\n%s", b.String())
	}
	// A clock set back starts anew and does not silence for long.
	b.Reset()
	log(-time.Hour, slog.LevelWarn, "bad chunk")
	if !strings.Contains(b.String(), "bad chunk") {
		t.Error("nothing is written after the clock was set back")
	}
}

func TestHeldBackMessagesAreBounded(t *testing.T) {
	var b bytes.Buffer
	l := NewLogger(&b, slog.LevelInfo, "text")
	h := l.Handler().(*limited)
	now := time.Now()
	for i := range 3 * logMessages {
		r := slog.NewRecord(now, slog.LevelInfo, strings.Repeat("x", i), 0)
		if err := h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(h.seen.by); n > logMessages {
		t.Errorf("%d messages are remembered; want at most %d", n, logMessages)
	}
	if got := strings.Count(b.String(), "\n"); got != 3*logMessages {
		t.Errorf("%d lines written; want all %d different ones", got, 3*logMessages)
	}
}

// What a flood costs, held back: no allocation beyond slog's own.
func TestHeldBackLineAllocatesNothing(t *testing.T) {
	h := NewLogger(&bytes.Buffer{}, slog.LevelInfo, "text").Handler()
	ctx := t.Context()
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "bad chunk", 0)
	for range logBurst {
		_ = h.Handle(ctx, r)
	}
	if n := testing.AllocsPerRun(1000, func() { _ = h.Handle(ctx, r) }); n != 0 {
		t.Errorf("%v allocations a held back line; want 0", n)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/earshot-voip/earshot/analyzer"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/store"
)

// analysis takes batches from the bus, analyses them and stores the records.
// What makes a batch of rows is a place on the bus: its ticks, and how many
// rows have gathered there.
type analysis struct {
	road     *bus.Memory
	analyzer *analyzer.Analyzer
	writer   *store.Writer
	log      *slog.Logger
	most     int
	boot     string // begins every token: positions begin anew with the process
	rows     int
	stored   uint64
	failed   error
	snapshot atomic.Pointer[analyzer.Counters]
	flushing atomic.Int64 // since when, Unix ns; 0 while nothing is being stored
}

func newAnalysis(c *run.Config, road *bus.Memory, db *store.Store, log *slog.Logger) *analysis {
	s := &analysis{road: road, writer: db.NewWriter(), log: log, most: c.Store.BatchRows, boot: fmt.Sprintf("run-%x", time.Now().UnixNano())}
	s.analyzer = analyzer.New(analyzerOptions(c), s.row)
	s.snapshot.Store(&analyzer.Counters{})
	return s
}

func (s *analysis) row(row any) {
	if err := s.writer.Append(row); err != nil {
		s.failed = errors.Join(s.failed, err)
		return
	}
	s.rows++
}

// Run works until ctx ends and everything on the bus is taken.
func (s *analysis) Run(ctx context.Context) error {
	defer s.writer.Close()
	var position uint64
	for {
		b, err := s.road.Next(ctx)
		if err != nil {
			break
		}
		position = b.Position
		tick := false
		for i := range b.Packets {
			p := &b.Packets[i]
			tick = tick || p.Kind == packet.KindTick && p.Node == ""
			s.analyzer.Observe(p)
		}
		s.road.Recycle(b)
		if s.failed != nil {
			return s.failed
		}
		if tick {
			c := s.analyzer.Snapshot()
			s.snapshot.Store(&c)
		}
		if tick || s.rows >= s.most || s.writer.Bytes() >= maxBatchBytes {
			if err := s.flush(ctx, position, ""); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	s.analyzer.Close()
	c := s.analyzer.Snapshot()
	s.snapshot.Store(&c)
	// The last rows have the time that is left for stopping.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 6*time.Second)
	defer cancel()
	if err := s.flush(end, position, "-end"); err != nil {
		return fmt.Errorf("%d rows were not stored: %w", s.rows, err)
	}
	return s.failed
}

func (s *analysis) flush(ctx context.Context, position uint64, suffix string) error {
	if s.rows == 0 {
		return nil
	}
	s.flushing.Store(time.Now().UnixNano())
	defer s.flushing.Store(0)
	if err := s.writer.Flush(ctx, fmt.Sprintf("%s-%d%s", s.boot, position, suffix)); err != nil {
		return err
	}
	s.stored += uint64(s.rows)
	s.rows = 0
	return nil
}

// stuck says why rows wait, when they do so for long.
func (s *analysis) stuck() error {
	if since := s.flushing.Load(); since != 0 {
		if d := time.Since(time.Unix(0, since)); d > 10*time.Second {
			return fmt.Errorf("rows have waited %s for the store", d.Round(time.Second))
		}
	}
	return nil
}

// Drained says what was stored, for the log.
func (s *analysis) Drained() string { return fmt.Sprintf("%d rows stored", s.stored) }

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
	"github.com/earshot-voip/earshot/internal/media"
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
	failed   error
	snapshot atomic.Pointer[analyzer.Counters]
	flushing atomic.Int64  // since when, Unix ns; 0 while nothing is being stored
	stored   atomic.Uint64 // rows
	stopped  atomic.Uint64 // stored when the end came
	giveUp   context.Context
	hurry    context.CancelFunc
}

// lastFlush is how long rows may wait for the store once the process is told
// to stop: it has 10 s for everything.
const lastFlush = 7 * time.Second

func newAnalysis(c *run.Config, codecs *media.Codecs, road *bus.Memory, db *store.Store, log *slog.Logger) *analysis {
	s := &analysis{road: road, writer: db.NewWriter(), log: log, most: c.Store.BatchRows, boot: fmt.Sprintf("run-%x", time.Now().UnixNano())}
	s.giveUp, s.hurry = context.WithCancel(context.Background())
	s.analyzer = analyzer.New(analyzerOptions(c, codecs), s.row)
	s.snapshot.Store(&analyzer.Counters{})
	return s
}

// stopping tells that the process will end: the store is given up when it does
// not take rows by then.
func (s *analysis) stopping() {
	s.stopped.Store(s.stored.Load())
	time.AfterFunc(lastFlush, s.hurry)
}

func (s *analysis) row(row any) {
	if err := s.writer.Append(row); err != nil {
		s.failed = errors.Join(s.failed, err)
		return
	}
	s.rows++
}

// Run works until the bus ends: the stage before closes it when everything is
// on it. Until then it stores without haste, however long the store is away.
func (s *analysis) Run(context.Context) error {
	defer s.hurry()
	var position uint64
	for b := range s.road.Batches(context.Background()) {
		position = b.Position
		tick := false
		for i := range b.Packets {
			p := &b.Packets[i]
			tick = tick || p.Kind == packet.KindTick && p.Node == ""
			s.analyzer.Observe(p)
		}
		if tick {
			c := s.analyzer.Snapshot()
			s.snapshot.Store(&c)
		}
		if s.failed == nil && (tick || s.rows >= s.most || s.writer.Bytes() >= maxBatchBytes) {
			s.failed = s.flush(position, "")
		}
		if s.failed != nil {
			return s.lose()
		}
	}
	s.analyzer.Close()
	c := s.analyzer.Snapshot()
	s.snapshot.Store(&c)
	if s.failed == nil {
		s.failed = s.flush(position, "-end")
	}
	if s.failed != nil {
		return s.lose()
	}
	return s.writer.Close()
}

// lose takes what is left on the bus, so that the stages before can end, and
// says how much was not stored, and why.
func (s *analysis) lose() error {
	rows, packets := s.writer.Rows(), 0
	err := errors.Join(s.failed, s.writer.Close())
	drain := func() {
		for b := range s.road.Batches(context.Background()) {
			packets += len(b.Packets)
		}
	}
	if s.giveUp.Err() == nil { // the others are told to stop because of this error
		go drain()
		return fmt.Errorf("%d rows are lost: %w", rows, err)
	}
	drain()
	// That this was cut short is no reason not to tell, so the error is not wrapped.
	return fmt.Errorf("the store did not answer in time: %d rows are lost, and %d packets that waited behind them: %s", rows, packets, err.Error())
}

func (s *analysis) flush(position uint64, suffix string) error {
	if s.rows == 0 {
		return nil
	}
	s.flushing.Store(time.Now().UnixNano())
	defer s.flushing.Store(0)
	if err := s.writer.Flush(s.giveUp, fmt.Sprintf("%s-%d%s", s.boot, position, suffix)); err != nil {
		return err
	}
	s.stored.Add(uint64(s.rows))
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
func (s *analysis) Drained() string {
	return fmt.Sprintf("%d rows stored, %d in all", s.stored.Load()-s.stopped.Load(), s.stored.Load())
}

package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// DrainTime is how long components together may take to stop.
const DrainTime = 10 * time.Second

// Component is a part of the process that works until its context ends. It
// then finishes what it has begun and returns nil: its context says stop
// taking, not drop everything.
type Component interface {
	Run(ctx context.Context) error
}

// Drainer is a Component that can say what it finished after it was told to
// stop: "412 rows".
type Drainer interface {
	Drained() string
}

// Func makes a Component of a function.
type Func func(ctx context.Context) error

// Run calls f.
func (f Func) Run(ctx context.Context) error { return f(ctx) }

// Group runs components together and stops them in the order in which they
// were added: first those that take packets in, last the store they end in, so
// that each stage has handed on what it held before the next one is told to
// stop.
type Group struct {
	log     *slog.Logger
	drain   time.Duration
	members []*member
}

type member struct {
	name   string
	c      Component
	source bool
	done   chan struct{} // closed when Run has returned
}

// NewGroup gives an empty group.
func NewGroup(log *slog.Logger) *Group { return &Group{log: log, drain: DrainTime} }

// Add adds a component.
func (g *Group) Add(name string, c Component) {
	g.members = append(g.members, &member{name: name, c: c, done: make(chan struct{})})
}

// AddSource adds a component that may come to an end of its own, as a capture
// file does. When all sources have, the group stops.
func (g *Group) AddSource(name string, c Component) {
	g.Add(name, c)
	g.members[len(g.members)-1].source = true
}

// Run runs every component until ctx ends, one of them fails, or all sources
// are done. It then stops them in order, within 10 s altogether, and logs what
// each drained. The error is the first failure, and names the components that
// did not stop in time; those are left running, and the process had better
// end.
func (g *Group) Run(ctx context.Context) error {
	// Nothing hears of the end of ctx but by being stopped in its turn.
	base := context.WithoutCancel(ctx)
	work, failed := errgroup.WithContext(base)
	stops := make([]context.CancelFunc, len(g.members))
	var sources sync.WaitGroup
	var exhausted chan struct{} // closed when all sources are done; nil without any
	for i, m := range g.members {
		var mctx context.Context
		mctx, stops[i] = context.WithCancel(base)
		if m.source {
			sources.Add(1)
			exhausted = make(chan struct{})
		}
		work.Go(func() error {
			defer close(m.done)
			if m.source {
				defer sources.Done()
			}
			err := m.c.Run(mctx)
			if err != nil && (mctx.Err() == nil || !errors.Is(err, context.Canceled)) {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			return nil // Or it was told to stop, and says so.
		})
	}
	if exhausted != nil {
		go func() { sources.Wait(); close(exhausted) }()
	}

	select {
	case <-ctx.Done():
		g.log.Info("stopping", "reason", context.Cause(ctx).Error())
	case <-failed.Done():
		g.log.Error("stopping", "reason", context.Cause(failed).Error())
	case <-exhausted:
	}
	if late := g.stop(stops); len(late) > 0 {
		err := fmt.Errorf("%s did not stop within %s", strings.Join(late, ", "), g.drain)
		if failed.Err() != nil {
			return errors.Join(context.Cause(failed), err)
		}
		return err
	}
	return work.Wait()
}

// stop stops the members in order and gives the names of those that took too
// long. The last tenth of the time is for those behind a member that hangs:
// they are told to stop all the same.
func (g *Group) stop(stops []context.CancelFunc) (late []string) {
	deadline, cancel := context.WithTimeout(context.Background(), g.drain)
	defer cancel()
	inOrder, cancel := context.WithTimeout(deadline, g.drain*9/10)
	defer cancel()
	for i, m := range g.members {
		stops[i]()
		select {
		case <-m.done:
		case <-inOrder.Done():
		}
	}
	for _, m := range g.members {
		select {
		case <-m.done:
		case <-deadline.Done():
		}
		select {
		case <-m.done: // Both may have been so: then it was in time.
		default:
			late = append(late, m.name)
			continue
		}
		if d, ok := m.c.(Drainer); ok {
			g.log.Info("drained", "component", m.name, "finished", d.Drained())
		}
	}
	return late
}

// Signals gives a context that ends with the first SIGINT or SIGTERM. The
// second ends the process at once, as if nobody listened. Call stop when the
// work is done.
func Signals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		var cause error
		select {
		case s := <-got:
			cause = fmt.Errorf("received %s", s)
		case <-ctx.Done():
		}
		// From here on a signal does what it does to any program. That has to
		// be so before anybody sees the context end.
		signal.Stop(got)
		cancel(cause)
	}()
	return ctx, func() { cancel(context.Canceled) }
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
)

// LiveSource is a capture that can be asked what its kernel dropped. After Close
// it is read on until io.EOF.
type LiveSource interface {
	capture.Source
	Drops() (capture.Drops, error)
	Close()
}

// Tap decodes what one worker of an interface captures and puts it on a bus for
// the Agent, which several taps share.
type Tap struct {
	Name    string
	Source  LiveSource // ended by Run
	Out     *bus.Memory
	Options packet.Options
	// Clock tells the time when there is no frame; nil is the wall clock. The zero time
	// is none yet.
	Clock func() time.Time
	// Away is called when the interface has gone, and when it is back; nil is nobody.
	Away func(*capture.Outage)
	// Seen is what Source counted when it was asked last, Decoded what the
	// decoder had by then: each second, and at the end. Any goroutine may look.
	Seen    atomic.Pointer[capture.Drops]
	Decoded atomic.Pointer[packet.Stats]
	// Gone is the outage that lasts, nil while the interface is there. The first
	// worker of an interface speaks for all.
	Gone atomic.Pointer[capture.Outage]

	decoder *packet.Decoder
	out     *bus.Publisher
	drops   packet.Drops
	known   capture.Drops
	flushed time.Time // by the time of frames, as is
	asked   time.Time // for drops
	counted time.Time // drops until this moment are passed on
}

const (
	// flushEvery is how long a packet waits for company.
	flushEvery = 50 * time.Millisecond
	// drainTime is how long Run takes for what the kernel captured before it was
	// told to end.
	drainTime = time.Second
)

// Run captures until ctx ends. It reads the kernel's drop counters each second
// and passes what they grew by on as drops.
func (t *Tap) Run(ctx context.Context) error {
	t.out, t.decoder, t.drops = bus.NewPublisher(t.Out), packet.NewDecoder(t.Options), packet.Drops{Stage: "capture"}
	t.counted = t.clock()
	defer t.end()
	for ctx.Err() == nil {
		if _, err := t.step(ctx); err != nil {
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				break
			}
			return err
		}
	}
	last, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	until := t.clock()
	for {
		at, err := t.step(last)
		if err != nil || !at.Before(until) {
			break
		}
	}
	if gone := t.Gone.Load(); gone != nil {
		t.blind(gone.From, until, 0)
	}
	err := t.add(last, t.decoder.Flush())
	if err == nil {
		err = t.count(last, t.clock())
	}
	if err == nil {
		err = t.out.Flush(last)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("pass on the last packets of %s: %w", t.Name, err)
	}
	return nil
}

func (t *Tap) clock() time.Time {
	if t.Clock != nil {
		return t.Clock()
	}
	return time.Now().UTC()
}

// step takes one frame, or the news that there is none, and gives the time of it.
func (t *Tap) step(ctx context.Context) (now time.Time, err error) {
	f, err := t.Source.Next()
	now = f.Time
	var outage *capture.Outage
	switch {
	case err == nil:
		err = t.add(ctx, t.decoder.Decode(&f))
	case errors.Is(err, capture.ErrTimeout), errors.As(err, &outage):
		now = t.clock()
		if outage != nil {
			t.outage(outage)
		}
		err = t.add(ctx, t.decoder.Advance(now))
	case errors.Is(err, io.EOF):
		return now, fmt.Errorf("capture on %s ended: the interface is gone", t.Name)
	default:
		return now, fmt.Errorf("capture on %s: %w", t.Name, err)
	}
	// A clock that was set back, or an older file, is no reason to wait until time is
	// where it was.
	if err == nil && (now.Sub(t.asked).Abs() >= time.Second || outage != nil) { // two outages are two rows
		err = t.count(ctx, now)
	}
	if err == nil && now.Sub(t.flushed).Abs() >= flushEvery {
		t.flushed = now
		err = t.out.Flush(ctx)
	}
	if err != nil {
		return now, fmt.Errorf("pass on packets of %s: %w", t.Name, err)
	}
	return now, nil
}

func (t *Tap) add(ctx context.Context, ps []packet.Packet) error {
	for i := range ps {
		if err := t.out.Add(ctx, &ps[i]); err != nil {
			return err
		}
	}
	return nil
}

// Working gives a function that tells whether every tap has counted since it was
// asked last, more than a second ago: a tap that hangs does not, nor one whose bus
// is full because the Agent behind it hangs.
func Working(taps []*Tap) func() bool {
	last := make([]*packet.Stats, len(taps))
	return func() bool {
		all := true
		for i, t := range taps {
			now := t.Decoded.Load()
			all = all && now != last[i]
			last[i] = now
		}
		return all
	}
}

func (t *Tap) outage(o *capture.Outage) {
	if t.Away != nil {
		t.Away(o)
	}
	if o.To.IsZero() {
		t.Gone.Store(o)
		return
	}
	t.Gone.Store(nil)
	t.blind(o.From, o.To, o.Missed)
}

// blind notes an outage. How many frames it missed is known only of the time
// after the interface was made anew; a count of none would hide the time.
func (t *Tap) blind(from, to time.Time, missed uint64) {
	t.drops.Add("interface_gone", from, max(missed, 1))
	t.drops.Add("interface_gone", to, 0)
}

// count passes on what the kernel dropped since it was asked last, and the time.
// It drops what comes now, however old the frame is that was read last.
func (t *Tap) count(ctx context.Context, now time.Time) error {
	t.asked = now
	from, to := t.counted, t.clock()
	t.counted = to
	if to.IsZero() {
		return nil
	}
	if from.IsZero() {
		from = to
	}
	if d, err := t.Source.Drops(); err == nil {
		grew(&t.drops, "kernel", from, to, d.DroppedKernel-t.known.DroppedKernel)
		grew(&t.drops, "interface", from, to, d.DroppedInterface-t.known.DroppedInterface)
		t.known = d
		t.Seen.Store(&d)
	}
	decoded := t.decoder.Stats()
	t.Decoded.Store(&decoded)
	return t.add(ctx, append(t.drops.Flush(now, "", ""), packet.Packet{Time: now, Kind: packet.KindTick}))
}

// end lets the source go. What it says until then nobody asked for.
func (t *Tap) end() {
	t.Source.Close()
	for {
		var o *capture.Outage
		if _, err := t.Source.Next(); err != nil && !errors.Is(err, capture.ErrTimeout) && !errors.As(err, &o) {
			return
		}
	}
}

func grew(d *packet.Drops, reason string, from, to time.Time, n uint64) {
	if n > 0 && n < 1<<40 { // counters that began anew say nothing
		d.Add(reason, from, n)
		d.Add(reason, to, 0)
	}
}

// Run takes packets from taps until their bus ends, passing what it makes of
// them to emit; each second, and at the end, it calls flush.
func (a *Agent) Run(ctx context.Context, in *bus.Memory, flush func()) error {
	for b := range in.Batches(ctx) {
		for i := range b.Packets {
			p := &b.Packets[i]
			switch p.Kind {
			case packet.KindTick:
				a.Advance(p.Time)
				a.Heartbeat(p.Time)
			case packet.KindDrop:
				p.Node, p.Domain, p.AgentID = a.opt.Node, a.opt.Domain, a.opt.AgentID
				a.emit(p)
			default:
				a.Observe(p)
			}
		}
		if in.Len() == 0 {
			flush()
		}
	}
	a.Close()
	flush()
	return nil
}

// Heartbeat tells the stages behind how far this agent's time has come.
func (a *Agent) Heartbeat(now time.Time) {
	a.emit(&packet.Packet{Time: now, Kind: packet.KindTick, Node: a.opt.Node, Domain: a.opt.Domain, AgentID: a.opt.AgentID})
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
)

// LiveSource is a capture that can be asked what its kernel dropped.
type LiveSource interface {
	capture.Source
	Drops() (capture.Drops, error)
}

// Tap decodes what one interface captures and puts it on a bus for the Agent,
// which several taps share.
type Tap struct {
	Name    string
	Source  LiveSource
	Out     *bus.Memory
	Options packet.Options
}

// flushEvery is how long a packet waits for company.
const flushEvery = 50 * time.Millisecond

// Run captures until ctx ends. It reads the kernel's drop counters each second
// and passes what they grew by on as drops.
func (t *Tap) Run(ctx context.Context) error {
	out := bus.NewPublisher(t.Out)
	decoder := packet.NewDecoder(t.Options)
	drops := packet.Drops{Stage: "capture"}
	var known capture.Drops
	var flushed, asked time.Time
	add := func(ps []packet.Packet) error {
		for i := range ps {
			if err := out.Add(ctx, &ps[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for ctx.Err() == nil {
		f, err := t.Source.Next()
		now := f.Time
		switch {
		case err == nil:
			err = add(decoder.Decode(&f))
		case errors.Is(err, capture.ErrTimeout):
			now = time.Now().UTC()
			err = add(decoder.Advance(now))
		case errors.Is(err, io.EOF):
			return fmt.Errorf("capture on %s ended: the interface is gone", t.Name)
		default:
			return fmt.Errorf("capture on %s: %w", t.Name, err)
		}
		if err == nil && now.Sub(asked) >= time.Second {
			from := asked
			asked = now
			if from.IsZero() {
				from = now
			}
			if d, derr := t.Source.Drops(); derr == nil {
				grew(&drops, "kernel", from, now, d.DroppedKernel-known.DroppedKernel)
				grew(&drops, "interface", from, now, d.DroppedInterface-known.DroppedInterface)
				known = d
			}
			for _, p := range append(drops.Flush(now, "", ""), packet.Packet{Time: now, Kind: packet.KindTick}) {
				if err == nil {
					err = out.Add(ctx, &p)
				}
			}
		}
		if err == nil && now.Sub(flushed) >= flushEvery {
			flushed = now
			err = out.Flush(ctx)
		}
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				break
			}
			return fmt.Errorf("pass on packets of %s: %w", t.Name, err)
		}
	}
	end, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := add(decoder.Flush()); err == nil {
		err = out.Flush(end)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("pass on the last packets of %s: %w", t.Name, err)
		}
	}
	return nil
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

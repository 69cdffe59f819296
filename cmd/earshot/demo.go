package main

import (
	"context"
	"fmt"
	"time"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// demoNode is the agent in whose name sample calls are seen.
const demoNode = "demo"

// demoCaptures are the sample: ordinary calls, some with trouble on the way, some
// through boxes that make several legs of them, and a few endings that networks
// produce daily.
func demoCaptures() ([]synth.Capture, error) {
	var out []synth.Capture
	for i, o := range []synth.Options{
		{Calls: 6, Seconds: 20, Codec: "PCMU"},
		{Calls: 4, Seconds: 20, Codec: "PCMA", Impairment: synth.Impairment{LossPct: 3, JitterMs: 5}},
		{Calls: 3, Seconds: 20, Codec: "G729", Impairment: synth.Impairment{LossPct: 8, Burst: 4}},
		{Calls: 2, Seconds: 20, Codec: "opus", Impairment: synth.Impairment{JitterMs: 15, ReorderPct: 1}},
		{Calls: 3, Seconds: 20, Codec: "PCMA", Bridge: "media", BoxLossPct: 4, Impairment: synth.Impairment{LossPct: 1}},
	} {
		o.Seed = int64(i + 1)
		c, err := synth.Calls(o)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	for _, name := range []string{"busy", "not-found", "cancelled", "challenged", "serial-fork", "hold-resume", "early-media", "b2bua", "proxy-with-media-relay", "blind-transfer"} {
		c, err := synth.Scenario(name, 7)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// playDemo puts sample calls on the collector's input as an agent would, as if
// they had just ended. It stays until ctx ends, telling the time.
func playDemo(ctx context.Context, c *run.Config, to *bus.Memory) error {
	captures, err := demoCaptures()
	if err != nil {
		return fmt.Errorf("make sample calls: %w", err)
	}
	out := bus.NewPublisher(to)
	now := time.Now().UTC()
	var failed error
	emit := func(p *packet.Packet) {
		if failed == nil {
			failed = out.Add(ctx, p)
		}
	}
	for i, sample := range captures {
		start := now.Add(-time.Duration(10+len(captures)-i) * time.Minute)
		opt := agentOptions(c, demoNode)
		a := agent.New(opt, emit)
		decoder := packet.NewDecoder(packet.Options{})
		for f := range sample.StartingAt(start).Frames() {
			ps := decoder.Decode(&f)
			for i := range ps {
				a.Observe(&ps[i])
			}
			if failed != nil {
				return ignoreEnd(ctx, failed)
			}
		}
		a.Close()
	}
	heart := time.NewTicker(time.Second)
	defer heart.Stop()
	for failed == nil {
		emit(&packet.Packet{Time: time.Now().UTC(), Kind: packet.KindTick, Node: demoNode})
		if failed == nil {
			failed = out.Flush(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-heart.C:
		}
	}
	return ignoreEnd(ctx, failed)
}

// ignoreEnd drops an error that only says that the end has come.
func ignoreEnd(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

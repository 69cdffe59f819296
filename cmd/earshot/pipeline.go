package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/analyzer"
	"github.com/earshot-voip/earshot/collector"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/tlsview"
)

// reading is one pass of captured frames through the whole pipeline: decoder,
// agent, filter, bus, analyzer.
type reading struct {
	source  capture.Source
	config  run.Config
	codecs  *media.Codecs // nil is the built-in table
	node    string
	pace    bool                     // at the speed at which it was captured
	emit    func(row any) error      // gets every record, from one goroutine
	batch   func(token uint64) error // called between batches, with a number that stands for all input so far
	idle    func() error             // called when nothing waits to be analysed; may be nil
	observe func(frames uint64)      // progress; may be nil
	drops   func() capture.Drops     // what the capture itself lost; may be nil
	keys    *tlsview.Keys            // secrets of TLS sessions; may be nil
	keyLog  *tlsview.KeyLog          // that grows meanwhile; may be nil
	clock   func() time.Time         // tells the time when a followed source has nothing

	frames, bytes uint64
	first, last   time.Time
	agent         *agent.Agent
	decoder       *packet.Decoder
	analyzer      *analyzer.Analyzer
	callIDs       map[string]struct{}
	emitErr       error
}

// errInterrupted ends a reading whose context ended; what was read until then
// went through all stages.
var errInterrupted = errors.New("interrupted")

func (r *reading) run(ctx context.Context) error {
	r.callIDs = map[string]struct{}{}
	r.analyzer = analyzer.New(analyzerOptions(&r.config, r.codecs), r.row)
	road := bus.NewMemory(16)
	// The end of ctx ends the reading, not the work on what was read.
	group, gctx := errgroup.WithContext(context.WithoutCancel(ctx))
	var readErr error // a damaged file, or an interruption: what was read still counts
	group.Go(func() error {
		defer road.Close()
		var err error
		readErr, err = r.produce(gctx, ctx, road)
		return err
	})
	group.Go(func() error { return r.consume(gctx, road) })
	if err := group.Wait(); err != nil {
		return err
	}
	return readErr
}

// produce reads frames until their end, or that of until, and puts what becomes
// of them on the bus.
func (r *reading) produce(ctx, until context.Context, road *bus.Memory) (readErr, err error) {
	out := bus.NewPublisher(road)
	filter := collector.NewFilter(r.node)
	var failed error
	send := func(p *packet.Packet) {
		if failed == nil && filter.Keep(p) {
			failed = out.Add(ctx, p)
		}
	}
	r.agent = agent.New(agentOptions(&r.config, r.node), send)
	r.decoder = packet.NewDecoder(packet.Options{HEPPorts: r.config.HEP.Ports, TLSKeys: r.keys})
	pacer := pacer{on: r.pace}
	for failed == nil {
		f, err := r.source.Next()
		if errors.Is(err, capture.ErrTimeout) {
			if until.Err() != nil {
				readErr = errInterrupted
				break
			}
			if failed == nil {
				failed = cmp.Or(ctx.Err(), r.wait(ctx, out))
			}
			continue
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				readErr = err
			}
			break
		}
		if pacer.on {
			if err := pacer.wait(until, f.Time, func() error { return out.Flush(ctx) }); err != nil {
				if until.Err() == nil {
					return readErr, err
				}
				readErr = errInterrupted
				break
			}
		}
		if r.frames++; r.frames&1023 == 0 {
			if until.Err() != nil {
				readErr = errInterrupted
				break
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if r.observe != nil {
				r.observe(r.frames)
			}
		}
		r.bytes += uint64(f.WireLen)
		if f.Time.After(r.last) {
			r.last = f.Time
		}
		if r.frames == 1 || f.Time.Before(r.first) {
			r.first = f.Time
		}
		ps := r.decoder.Decode(&f)
		for i := range ps {
			r.agent.Observe(&ps[i])
		}
	}
	ps := r.decoder.Flush()
	for i := range ps {
		r.agent.Observe(&ps[i])
	}
	if r.drops != nil {
		d := r.drops()
		r.agent.Drop("capture", "kernel", r.first, r.last, d.DroppedKernel)
		r.agent.Drop("capture", "interface", r.first, r.last, d.DroppedInterface)
	}
	r.agent.Close()
	for _, p := range filter.Drops(r.last, true) {
		if failed == nil {
			failed = out.Add(ctx, &p)
		}
	}
	if failed == nil {
		failed = out.Flush(ctx)
	}
	return readErr, failed
}

// wait moves time on while a followed source has nothing.
func (r *reading) wait(ctx context.Context, out *bus.Publisher) error {
	if now := r.clock(); !now.IsZero() {
		ps := r.decoder.Advance(now)
		for i := range ps {
			r.agent.Observe(&ps[i])
		}
		r.agent.Advance(now)
		r.agent.Heartbeat(now)
	}
	return out.Flush(ctx)
}

// consume analyses what is on the bus until it ends.
func (r *reading) consume(ctx context.Context, road *bus.Memory) error {
	input := xxhash.New()
	for {
		b, err := road.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for i := range b.Packets {
			p := &b.Packets[i]
			if r.batch != nil {
				hashPacket(input, p)
			}
			r.analyzer.Observe(p)
		}
		road.Recycle(b)
		if r.emitErr != nil {
			return r.emitErr
		}
		if r.batch != nil {
			if err := r.batch(input.Sum64()); err != nil {
				return err
			}
		}
		if r.idle != nil && road.Len() == 0 {
			if err := r.idle(); err != nil {
				return err
			}
		}
	}
	r.analyzer.Close()
	return r.emitErr
}

// hashPacket adds a packet to the number that stands for all input so far:
// reading the same capture again gives the same numbers at the same places.
func hashPacket(h *xxhash.Digest, p *packet.Packet) {
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(p.Time.UnixNano()))
	for _, b := range [...][]byte{at[:], {byte(p.Kind)}, p.Payload} {
		if _, err := h.Write(b); err != nil {
			return // a hash never fails
		}
	}
}

// row takes a record from the analyzer.
func (r *reading) row(row any) {
	if m, ok := row.(*record.Message); ok && m.Kind == "sip" && m.CallID != "" && len(r.callIDs) < 10_000_000 {
		r.callIDs[m.CallID] = struct{}{}
	}
	if r.emitErr == nil {
		r.emitErr = r.emit(row)
	}
}

// summary is what the reading saw; valid after run.
func (r *reading) summary() *record.Summary {
	c := r.analyzer.Snapshot()
	s := &record.Summary{
		Frames: r.frames, Bytes: r.bytes, SIPMessages: r.agent.Counters.SIP,
		SIPRequests: r.agent.Counters.Requests, SIPResponses: map[string]uint64{}, CallIDs: uint64(len(r.callIDs)), RTPPackets: r.agent.Counters.RTP - r.agent.Counters.RTPGuessed,
		RTCPPackets: r.agent.Counters.RTCP, HEPPackets: r.agent.Counters.HEP,
		Calls: c.Calls, Streams: c.Streams, Undecoded: map[string]uint64{},
		SecondsCaptured: float64(r.last.Sub(r.first).Microseconds()) / 1e6,
	}
	for status, n := range r.agent.Counters.Responses {
		s.SIPResponses[strconv.Itoa(status)] = n
	}
	undecoded := r.decoder.Undecoded()
	for reason, n := range undecoded.All() {
		if n > 0 {
			s.Undecoded[reason.String()] = n
		}
	}
	for reason, n := range r.agent.Counters.Undecoded() {
		if n > 0 {
			s.Undecoded[reason] += n
		}
	}
	return s
}

// pacer holds frames back until as much time has passed as between their
// captures.
type pacer struct {
	on    bool
	start time.Time // wall clock
	first time.Time // packet time
}

func (p *pacer) wait(ctx context.Context, at time.Time, flush func() error) error {
	if !p.on {
		return nil
	}
	if p.first.IsZero() {
		p.start, p.first = time.Now(), at
		return nil
	}
	left := at.Sub(p.first) - time.Since(p.start)
	if left <= time.Millisecond {
		return nil
	}
	if left > 20*time.Millisecond {
		if err := flush(); err != nil {
			return err
		}
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package main

import (
	"io"
	"iter"
	"testing"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// frames is a capture.Source of generated frames.
type frames struct {
	next func() (packet.Frame, bool)
	stop func()
}

func framesOf(c synth.Capture) *frames {
	next, stop := iter.Pull(c.Frames())
	return &frames{next, stop}
}

func (f *frames) Next() (packet.Frame, error) {
	if p, ok := f.next(); ok {
		return p, nil
	}
	return packet.Frame{}, io.EOF
}

// records are the rows of one reading.
type records struct {
	calls    []*record.Call
	attempts []*record.Attempt
	streams  []*record.Stream
	interval []*record.Interval
	messages []*record.Message
	reports  []*record.Report
	drops    []*record.Drop
	links    []*record.Link
	hops     []*record.Hop
	hosts    []*record.Host
	summary  *record.Summary
	jsonl    []byte
	err      error // that the reading ended with: a truncated file
}

func (r *records) add(row any) {
	switch x := row.(type) {
	case *record.Call:
		r.calls = append(r.calls, x)
	case *record.Attempt:
		r.attempts = append(r.attempts, x)
	case *record.Stream:
		r.streams = append(r.streams, x)
	case *record.Interval:
		r.interval = append(r.interval, x)
	case *record.Report:
		r.reports = append(r.reports, x)
	case *record.Message:
		r.messages = append(r.messages, x)
	case *record.Drop:
		r.drops = append(r.drops, x)
	case *record.Link:
		r.links = append(r.links, x)
	case *record.Hop:
		r.hops = append(r.hops, x)
	case *record.Host:
		r.hosts = append(r.hosts, x)
	}
	r.jsonl = append(record.AppendJSON(r.jsonl, row), '\n')
}

// readAll runs a whole capture through the pipeline.
func readAll(t testing.TB, s capture.Source) *records {
	t.Helper()
	return readWith(t, &reading{source: s, config: run.Default(), node: "local"})
}

func readWith(t testing.TB, r *reading) *records {
	t.Helper()
	var out records
	r.emit = func(row any) error {
		out.add(row)
		return nil
	}
	out.err = r.run(t.Context())
	out.summary = r.summary()
	out.jsonl = append(record.AppendJSON(out.jsonl, out.summary), '\n')
	return &out
}

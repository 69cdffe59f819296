package main

import (
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/recorder"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/run"
)

// flights is the flight recorder of a live agent, with how it is reached; its
// recorder is nil where there is none.
type flights struct {
	recorder *recorder.Recorder
	key      string
}

// openRecorder gives the agent with these options the flight recorder that is
// configured.
func (a *app) openRecorder(o *agent.Options) (*flights, error) {
	c := &a.config
	if c.Agent.Recorder.Memory == 0 {
		return &flights{}, nil
	}
	data, err := c.DataDir()
	if err != nil {
		return nil, err
	}
	r := newRecorder(c, recorderDir(data), a.log)
	recordWith(o, c, a.codecs, r)
	return &flights{r, c.Agent.Recorder.Key}, nil
}

// recorderDir is where the flight recorder keeps its files.
func recorderDir(data string) string { return filepath.Join(data, "recorder") }

func newRecorder(c *run.Config, dir string, log *slog.Logger) *recorder.Recorder {
	r := c.Agent.Recorder
	return recorder.New(recorder.Options{
		Dir: dir, Memory: int(r.Memory), Disk: int64(r.Disk), Span: time.Duration(r.Minutes) * time.Minute,
		Keep: int64(r.Keep), KeepFor: time.Duration(r.KeepFor), Scrub: scrubRules(c),
	}, log)
}

// recordWith is the flight recorder's part of an agent's options.
func recordWith(o *agent.Options, c *run.Config, codecs *media.Codecs, r *recorder.Recorder) {
	o.Recorder, o.FreezeBelow = r, float64(c.Agent.Recorder.MOSBelow)
	o.Speech = media.Speech{NoPLC: !c.Media.G711PLC, Codecs: codecs}
	o.Speech.Buffer, _ = media.BufferOf(c.Media.JitterBuffer)
}

// close is called when the agent has ended.
func (f *flights) close() {
	if f.recorder != nil {
		f.recorder.Close()
	}
}

// add puts the recorder behind the agent, which ends before it.
func (f *flights) add(group *run.Group) {
	if f.recorder != nil {
		group.Add("flight recorder", f.recorder)
	}
}

// register serves the flight recorder, and shows its counters.
func (f *flights) register(web *run.HTTPServer, reg prometheus.Registerer) {
	r := f.recorder
	if r == nil {
		return
	}
	if web != nil {
		r.Register(web.Mux, f.key)
	}
	gauge := func(name, help string, labels prometheus.Labels, f func(recorder.Status) int64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(f(r.Status())) }))
	}
	where := func(place string) prometheus.Labels { return prometheus.Labels{"place": place} }
	const held = "Bytes of the flight recorder's ring, and of the calls frozen from it."
	gauge("earshot_recorder_bytes", held, where("memory"), func(s recorder.Status) int64 { return s.MemoryBytes })
	gauge("earshot_recorder_bytes", held, where("disk"), func(s recorder.Status) int64 { return s.DiskBytes })
	gauge("earshot_recorder_bytes", held, where("frozen"), func(s recorder.Status) int64 { return s.FrozenBytes })
	gauge("earshot_recorder_seconds", "How far back the flight recorder's ring reaches.", nil,
		func(s recorder.Status) int64 { return int64(s.Newest.Sub(s.Oldest).Seconds()) })
	gauge("earshot_recorder_frozen_calls", "Frozen calls that are kept.", nil, func(s recorder.Status) int64 { return int64(s.Frozen) })
	counted := func(what string, n *atomic.Uint64) {
		exporter{reg}.counter("earshot_recorder_total", "What the flight recorder let go, or could not keep.", prometheus.Labels{"what": what}, n.Load)
	}
	counted("sip_unread", &r.Counts.SIPUnread)
	counted("sip_oversize", &r.Counts.Oversize)
	counted("chunk_evicted", &r.Counts.ChunksEvicted)
	counted("chunk_unsaved", &r.Counts.ChunksUnsaved)
	counted("file_evicted", &r.Counts.FilesEvicted)
	counted("disk_error", &r.Counts.DiskErrors)
	counted("freeze_refused", &r.Counts.Refused)
	counted("frozen_evicted", &r.Counts.FrozenEvicted)
}

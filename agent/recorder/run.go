package recorder

import (
	"context"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

// Run writes what is to be on disk until Close, which follows the end of ctx
// when the agent's goroutine has ended.
func (r *Recorder) Run(ctx context.Context) error {
	var w worker
	for {
		select {
		case <-r.wake:
			w.work(r)
		case <-r.closed:
			w.work(r)
			r.finish()
			return nil
		case <-ctx.Done():
			select {
			case <-r.closed:
			case <-time.After(2 * time.Second):
				// Nobody closes it: what is in memory is given up.
			}
			w.work(r)
			r.finish()
			return nil
		}
	}
}

// worker is what Run needs again and again.
type worker struct {
	message sip.Message
	sdp     sip.SDP
}

// work does what there is to do.
func (w *worker) work(r *Recorder) {
	r.save()
	r.mu.Lock()
	freezes := slices.Clone(r.freezes)
	r.mu.Unlock()
	for _, f := range freezes {
		over := r.follow(f, &w.message, &w.sdp)
		r.show(f)
		if over {
			r.drop(f) // before anybody hears of it, and asks again
		}
		if !f.passed {
			f.passed = true
			close(f.scanned)
		}
		r.save() // a long look back must not keep the disk waiting
	}
	r.expire()
}

func (r *Recorder) drop(f *freeze) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.freezes = slices.DeleteFunc(r.freezes, func(other *freeze) bool { return other == f })
}

// finish ends the calls that were not over.
func (r *Recorder) finish() {
	r.mu.Lock()
	rest := slices.Concat(r.freezes, r.asked)
	r.freezes, r.asked = nil, nil
	r.mu.Unlock()
	for _, f := range rest {
		f.State = Cut
		r.show(f)
		if !f.passed {
			close(f.scanned)
		}
	}
}

// Status is how full the ring is.
type Status struct {
	MemoryBytes int64     `json:"memory_bytes"`
	DiskBytes   int64     `json:"disk_bytes"`
	MemoryLimit int64     `json:"memory_limit"`
	DiskLimit   int64     `json:"disk_limit"`
	Minutes     float64   `json:"minutes"` // how far back it reaches at most
	Oldest      time.Time `json:"oldest"`  // zero in an empty ring
	Newest      time.Time `json:"newest"`
	Frozen      int       `json:"frozen"`
	FrozenBytes int64     `json:"frozen_bytes"`
	Freezing    int       `json:"freezing"` // calls that are followed now
}

// Status tells it. Memory is what the chunks take, not what is in them.
func (r *Recorder) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{
		MemoryBytes: int64(len(r.chunks) * len(r.chunks[0].buf)), DiskBytes: r.onDisk,
		MemoryLimit: int64(r.opt.Memory), DiskLimit: r.opt.Disk, Minutes: r.opt.Span.Minutes(),
		Frozen: len(r.frozen), Freezing: len(r.freezes) + len(r.asked),
	}
	for _, f := range r.frozen {
		s.FrozenBytes += f.Bytes
	}
	oldest := r.chunks[0]
	if len(r.files) > 0 && r.files[0].seq < oldest.seq {
		s.Oldest = at(r.files[0].first)
	} else if oldest.published.Load() > 0 {
		s.Oldest = at(oldest.first)
	}
	if c := r.clock.Load(); c != 0 && !s.Oldest.IsZero() {
		s.Newest = at(c)
	}
	return s
}

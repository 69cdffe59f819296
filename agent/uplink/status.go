package uplink

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Status is how one route is doing.
type Status struct {
	Collectors []string  // those it may use, the preferred one first
	Using      string    // the one that it has a line to; "" is none
	Packets    int64     // that wait, in memory or on disk; a second old at most
	Bytes      int64     // of them
	Oldest     time.Time // packet time of the first of them; zero where none waits
}

// Away tells whether packets wait and no collector takes them.
func (s Status) Away() bool { return s.Using == "" && s.Packets > 0 }

// Status gives that of each route. Any goroutine may ask.
func (u *Uplink) Status() []Status {
	all := make([]Status, len(u.routes))
	for i, r := range u.routes {
		s := &all[i]
		for _, c := range r.writer.to {
			s.Collectors = append(s.Collectors, c.url)
		}
		if c := r.writer.using.Load(); c != nil {
			s.Using = c.url
		}
		if b := r.backlog.Load(); b != nil {
			s.Packets, s.Bytes, s.Oldest = b.packets, b.bytes, b.oldest
		}
	}
	return all
}

// Health says which routes have packets and no collector that takes them, and
// how much waits; nil when there is none.
func (u *Uplink) Health() error {
	var errs []error
	for _, s := range u.Status() {
		if s.Away() {
			errs = append(errs, fmt.Errorf("no collector takes anything at %s: %d packets (%d bytes) wait, the oldest since %s",
				strings.Join(s.Collectors, ", "), s.Packets, s.Bytes, s.Oldest.Format(time.RFC3339)))
		}
	}
	return errors.Join(errs...)
}

// backlog is what waits on a route.
type backlog struct {
	packets, bytes int64
	oldest         time.Time
}

// show leaves word of what waits, for Status.
func (r *route) show() {
	b := backlog{bytes: r.bytes}
	for _, c := range r.pending {
		b.packets += int64(c.packets)
	}
	if r.disk != nil {
		b.packets += r.disk.packets()
		b.bytes += r.disk.bytes
	}
	if c := r.flight; c != nil && !c.stored { // else it is counted with the disk
		b.packets += int64(c.packets)
		b.bytes += int64(len(c.frames))
	}
	switch {
	case b.packets == 0:
	case r.flight != nil:
		b.oldest = r.flight.first
	case r.due != nil:
		b.oldest = r.due.first
	case len(r.pending) > 0:
		b.oldest = r.pending[0].first
	}
	r.backlog.Store(&b)
}

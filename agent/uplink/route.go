package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// Reasons of a route's drops, of stage agent.
const (
	ReasonTooLarge    = "too_large"      // fits into no HEP packet
	ReasonQueueFull   = "uplink_full"    // came faster than it could be written to disk
	ReasonSpoolFull   = "spool_full"     // the oldest of what waited, for what came after
	ReasonSpoolFailed = "spool_failed"   // the disk did not take it
	ReasonUnsent      = "uplink_stopped" // waited in memory when the agent ended
)

// route is the way of packets to one collector at a time, in order. A
// goroutine of its own owns what waits; a second one sends (writer).
type route struct {
	*Uplink
	name string
	log  *slog.Logger
	in   *queue

	next *chunk // being filled, by the goroutine of Uplink

	settledAt atomic.Pointer[time.Time]
	backlog   atomic.Pointer[backlog] // as it was told last

	writer  writer
	disk    *spool
	pending []*chunk // in memory, after what is on disk
	bytes   int64    // of pending
	due     *chunk   // read already, for the writer
	flight  *chunk   // with the writer
	closing bool     // nothing more is sent
	first   bool     // everything is written to disk first: the line is one that loses nothing
	own     hep.Options
	down    bool // the writer has no line, or lost it with flight
	lastID  uint64
	losses  []loss    // that are not told yet, one a reason
	said    time.Time // when a loss was logged last
}

const (
	// maxPending is how many chunks wait in memory while a line is up, before
	// they go to disk.
	maxPending = 32
	// tellEvery is how often drops are told, wall clock.
	tellEvery = time.Second
)

func newRoute(u *Uplink, name string, to []collector, boot uint64) *route {
	r := &route{
		Uplink: u, name: name, log: u.log, in: newQueue(),
	}
	r.own = hep.Options{AuthKey: u.opt.AuthKey, Room: u.hep.Room}
	r.writer = writer{
		opt: &u.opt, log: u.log, counts: &u.Counts, boot: boot, name: strconv.FormatUint(boot, 36), to: to, sequence: make([]uint64, len(to)),
		work: make(chan chunk), done: make(chan struct{}), broke: make(chan chunk, 1),
	}
	r.first = slices.ContainsFunc(to, func(c collector) bool { return c.network == schemeNATS })
	return r
}

func (r *route) openSpool(path string) error {
	disk, setAside, err := openSpool(path, r.opt.SpoolBytes)
	if err != nil {
		return err
	}
	if setAside != "" {
		r.log.Error("the spool was damaged and is put aside; what waited in it is not sent", "file", setAside)
	}
	r.disk, r.lastID, r.writer.name = disk, disk.lastID(), disk.name
	if n := disk.packets(); n > 0 {
		r.Counts.Waiting.Add(n)
		r.log.Info("packets wait in the spool", "file", path, "packets", n)
	}
	return nil
}

// add encodes p into the chunk being filled. It belongs to the goroutine of
// Uplink, as does flush.
func (r *route) add(p *packet.Packet) {
	if r.next == nil {
		r.next = &chunk{frames: make([]byte, 0, bus.MaxBytes/4)}
	}
	if err := r.next.add(p, &r.hep); err != nil {
		r.log.Warn("packet does not fit into HEP", "bytes", len(p.Payload), "error", err)
		r.Counts.Waiting.Add(1)
		r.in.lost(loss{ReasonTooLarge, 1, p.Time, p.Time})
	}
	if r.next.full() {
		r.flush()
	}
}

// tick notes how far time has come: the chunk is handed over even when it is
// empty.
func (r *route) tick(at time.Time) {
	if r.next == nil {
		r.next = &chunk{}
	}
	r.next.tick = at
}

// flush hands over what was added. It waits for nothing, unless it is asked to
// be patient: what finds the queue full is lost.
func (r *route) flush() {
	c := r.next
	if c == nil || c.packets == 0 && c.tick.IsZero() {
		return
	}
	r.next = nil
	r.Counts.Waiting.Add(int64(c.packets))
	switch {
	case r.opt.Patient:
		r.in.wait(c)
	case !r.in.put(c):
		r.in.lost(loss{ReasonQueueFull, c.packets, c.first, c.last})
	}
}

// run sends until its input ends and everything is sent or on disk. When ctx ends
// first, what is in memory is lost. A patient route that fails gives all up.
func (r *route) run(ctx context.Context, giveUp func()) error {
	wctx, stopWriter := context.WithCancel(ctx)
	defer stopWriter()
	stopped := make(chan error, 1)
	go func() { stopped <- r.writer.run(wctx) }()
	tell := time.NewTicker(tellEvery)
	defer tell.Stop()
	more := true
	for more || !r.settled() {
		var ready <-chan struct{}
		if more && !(r.opt.Patient && len(r.pending) >= maxPending) {
			ready = r.in.ready
		}
		var work chan<- chunk
		var next chunk // a copy: the writer and the spool note different things of a chunk
		head := r.head()
		if head != nil {
			work, next = r.writer.work, *head
		}
		select {
		case <-ready:
			if more = r.receive(); !more {
				r.tell()
			}
		case work <- next:
			r.begin(head)
		case <-r.writer.done:
			r.finish()
		case rest := <-r.writer.broke:
			r.broke(&rest)
		case <-tell.C:
			r.tell()
			r.show()
		case err := <-stopped: // ctx ended, or the writer is patient and nobody answers
			giveUp()
			return r.end(more, err)
		}
	}
	stopWriter()
	return r.end(false, <-stopped)
}

// settled tells whether everything is sent, or is on disk while nobody takes it.
func (r *route) settled() bool {
	if len(r.pending) > 0 {
		return false
	}
	if r.down && r.disk != nil {
		return r.flight == nil || r.flight.stored
	}
	return r.flight == nil && r.stored() == 0
}

// head is the chunk that is due next: what is on disk came first.
func (r *route) head() *chunk {
	if r.flight != nil {
		return nil
	}
	if r.due == nil && r.stored() > 0 {
		var err error
		if r.due, err = r.disk.oldest(); err != nil {
			r.complain("what waited in the spool cannot be read and is not sent", err)
		}
	}
	if r.due == nil && r.stored() == 0 && len(r.pending) > 0 {
		r.due = r.pending[0]
	}
	return r.due
}

func (r *route) stored() int {
	if r.disk == nil {
		return 0
	}
	return len(r.disk.heads)
}

// receive takes what Uplink gave; more is false when that was the last.
func (r *route) receive() (more bool) {
	chunks, losses, more := r.in.take()
	for _, c := range chunks {
		r.take(c)
	}
	for _, l := range losses {
		r.lose(l)
	}
	r.store()
	return more
}

// take puts a chunk behind the others: what waits is sent, and written to disk,
// in few large ones.
func (r *route) take(c *chunk) {
	r.bytes += int64(len(c.frames))
	if n := len(r.pending); n > 0 && r.pending[n-1] != r.due && r.pending[n-1].join(c) {
		return
	}
	if c.packets == 0 { // a tick alone, behind what has left already, or leaves now
		if len(r.pending) == 0 && (r.flight == nil || r.flight.stored) {
			r.settle(c.tick)
		}
		return
	}
	r.lastID++
	c.id = r.lastID
	r.pending = append(r.pending, c)
}

// settle notes that all that was captured before at has left this process.
func (r *route) settle(at time.Time) {
	if !at.IsZero() {
		r.settledAt.Store(&at)
	}
}

// begin notes that the writer has a chunk.
func (r *route) begin(c *chunk) {
	r.flight, r.due = c, nil
	if r.disk != nil {
		r.disk.held = c.id
	}
	if !c.stored {
		r.pending = r.pending[1:]
		r.bytes -= int64(len(c.frames))
	}
}

// finish notes that a chunk is sent.
func (r *route) finish() {
	c := r.flight
	r.flight, r.down = nil, false
	if !c.stored { // else it settled when it was written to disk
		r.settle(c.tick)
	}
	if c.stored {
		if err := r.disk.remove(c, r.first); err != nil {
			r.complain("what was sent from the spool could not be removed and may be sent again", err)
		}
	}
	if r.disk != nil {
		r.disk.held = 0
	}
}

// broke notes that the writer lost its line, or has none, and that so much of
// the chunk that it has is not sent.
func (r *route) broke(rest *chunk) {
	r.down = true
	if r.flight != nil && r.flight.id == rest.id && !r.flight.stored {
		r.flight = rest
	}
	r.store()
}

// store writes to disk what has to be there: all of it while nobody takes it,
// or while older chunks are there.
func (r *route) store() {
	if r.disk == nil {
		r.fit(r.opt.SpoolBytes, ReasonSpoolFull)
		return
	}
	if !r.first && !r.down && !r.closing && r.stored() == 0 && len(r.pending) <= maxPending {
		return
	}
	chunks := r.pending
	if r.flight != nil && !r.flight.stored && (r.down || r.closing) {
		chunks = append([]*chunk{r.flight}, chunks...)
	}
	if len(chunks) == 0 {
		return
	}
	forgotten, err := r.disk.put(chunks)
	if err != nil {
		r.complain("the spool takes nothing: what waits stays in memory, as long as it fits there", err)
		r.fit(maxMemory, ReasonSpoolFailed)
		return
	}
	for _, c := range forgotten {
		r.loseChunk(ReasonSpoolFull, c)
	}
	for _, c := range r.pending {
		r.Counts.Spooled.Add(uint64(c.packets))
		r.settle(c.tick)
	}
	r.pending, r.bytes, r.due = nil, 0, nil
}

// maxMemory is how much waits in memory when the disk takes nothing.
const maxMemory = 16 << 20

// fit forgets the oldest of what waits in memory until the rest is not too
// much.
func (r *route) fit(limit int64, reason string) {
	for r.bytes > limit && len(r.pending) > 1 {
		c := r.pending[0]
		r.pending, r.due = r.pending[1:], nil
		r.bytes -= int64(len(c.frames))
		r.loseChunk(reason, c)
	}
}

// lose counts packets that leave by no line.
func (r *route) lose(l loss) {
	r.Counts.Lost.Add(uint64(l.packets))
	r.Counts.Waiting.Add(-int64(l.packets))
	r.losses = addLoss(r.losses, l)
	r.complain("packets are lost on their way to the collector", errors.New(l.reason))
}

// loseChunk counts those of a chunk. What it tells of losses is told again.
func (r *route) loseChunk(reason string, c *chunk) {
	r.Counts.Waiting.Add(-int64(len(c.losses)))
	for _, l := range c.losses {
		r.losses = addLoss(r.losses, l)
	}
	if n := c.packets - len(c.losses); n > 0 {
		r.lose(loss{reason, n, c.first, c.last})
	}
}

// complain logs once in a while.
func (r *route) complain(what string, err error) {
	if now := time.Now(); now.Sub(r.said) > 30*time.Second {
		r.said = now
		r.log.Error("trouble on the way to the collector", "what", what, "collectors", r.writer.urls(), "lost", r.Counts.Lost.Load(), "waiting", r.Counts.Waiting.Load(), "error", err)
	}
}

// tell passes on what was lost here, behind what is not lost. While nobody
// takes it, it adds up: what waits may be forgotten, that something was not.
func (r *route) tell() {
	if r.down && !r.closing {
		r.store() // the disk may take again what it did not
		return
	}
	if len(r.losses) > 0 {
		c, now := &chunk{}, time.Now().UTC()
		for _, l := range r.losses {
			d := packet.Drops{Stage: "agent"}
			d.Add(l.reason, l.first, uint64(l.packets))
			d.Add(l.reason, l.last, 0)
			for _, p := range d.Flush(now, r.opt.Node, r.opt.Domain) {
				if err := c.add(&p, &r.own); err != nil {
					r.complain("a drop could not be told", err)
					continue
				}
				c.losses = append(c.losses, l)
			}
		}
		r.losses = nil
		r.Counts.Waiting.Add(int64(c.packets))
		r.take(c)
	}
	r.store()
}

// end stores what is left, after the writer has ended, and says what is lost.
func (r *route) end(more bool, err error) error {
	if rest := r.writer.rest; r.flight != nil && rest != nil && rest.id == r.flight.id {
		if rest.packets == 0 {
			r.finish()
		} else if !r.flight.stored {
			r.flight = rest // its writer has ended
		}
	}
	for more { // until the input of Uplink ends: nobody shall wait for this route
		<-r.in.ready
		more = r.receive()
	}
	r.closing = true
	if r.disk != nil {
		r.tell()
	}
	n := 0
	if r.flight != nil && !r.flight.stored {
		n += r.flight.packets
	}
	for _, c := range r.pending {
		n += c.packets
	}
	r.Counts.Lost.Add(uint64(n))
	r.Counts.Waiting.Add(-int64(n))
	if n > 0 {
		return fmt.Errorf("%d packets were not sent to %s: %w", n, r.writer.urls(), err)
	}
	return nil
}

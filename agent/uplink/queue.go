package uplink

import (
	"sync"
	"time"
)

// queue is what Uplink gives to a route: bounded in bytes, so that it bridges
// the moments when the disk is slow, and taken whole, so that the disk is
// written to once for all of it.
type queue struct {
	ready chan struct{} // something is there, or the end
	room  chan struct{} // something was taken

	mu     sync.Mutex
	chunks []*chunk
	bytes  int
	losses []loss
	closed bool
}

// loss is packets that left by no line.
type loss struct {
	reason      string
	packets     int
	first, last time.Time
}

// queueBytes is how much a queue holds.
const queueBytes = 16 << 20

func newQueue() *queue {
	return &queue{ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put adds a chunk, unless the queue is full. A chunk may be put on a queue
// that is not, whatever its size.
func (q *queue) put(c *chunk) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes >= queueBytes {
		return false
	}
	q.chunks = append(q.chunks, c)
	q.bytes += len(c.frames)
	signal(q.ready)
	return true
}

// wait adds a chunk once there is room.
func (q *queue) wait(c *chunk) {
	for !q.put(c) {
		<-q.room
	}
}

// lost notes what was not put there.
func (q *queue) lost(l loss) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.losses = addLoss(q.losses, l)
}

// addLoss adds to a list that has each reason once.
func addLoss(losses []loss, l loss) []loss {
	for i := range losses {
		known := &losses[i]
		if known.reason != l.reason {
			continue
		}
		known.packets += l.packets
		if l.first.Before(known.first) {
			known.first = l.first
		}
		if l.last.After(known.last) {
			known.last = l.last
		}
		return losses
	}
	return append(losses, l)
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	signal(q.ready)
}

// take gives what is there; more is false when nothing will come after it.
func (q *queue) take() (chunks []*chunk, losses []loss, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	chunks, q.chunks, q.bytes = q.chunks, nil, 0
	losses, q.losses = q.losses, nil
	signal(q.room)
	return chunks, losses, !q.closed
}

// signal leaves word; one that waits is enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Package bus carries packets between the stages of Earshot in batches, in
// order. What travels is a Batch: up to 256 packets whose bytes lie in one
// slab, handed on whole and used again.
package bus

import (
	"context"
	"io"
	"iter"
	"sync"

	"github.com/earshot-voip/earshot/internal/packet"
)

// What a batch holds at most. A payload larger than MaxBytes travels alone.
const (
	MaxPackets = 256
	MaxBytes   = 128 << 10
)

// Batch is packets in order and the bytes they alias. It has one owner at a
// time: who publishes it gives it away, who received it recycles it.
type Batch struct {
	// Position is the batch's number on its bus, from 1. What is made of a
	// batch may depend on it, never on the wall clock.
	Position uint64
	Packets  []packet.Packet
	slab     []byte
}

// NewBatch returns an empty Batch.
func NewBatch() *Batch {
	return &Batch{Packets: make([]packet.Packet, 0, MaxPackets), slab: make([]byte, 0, MaxBytes)}
}

// Add copies p and its bytes into the batch; it returns false, and does
// nothing, when the batch is full.
func (b *Batch) Add(p *packet.Packet) bool {
	need := len(p.Payload) + len(p.CorrelationID)
	if len(b.Packets) == MaxPackets || len(b.slab)+need > cap(b.slab) && len(b.Packets) > 0 {
		return false
	}
	if need > cap(b.slab) {
		b.Packets = append(b.Packets, p.Clone())
		return true
	}
	q := *p
	q.Payload = b.keep(p.Payload)
	if p.CorrelationID != nil {
		q.CorrelationID = b.keep(p.CorrelationID)
	}
	b.Packets = append(b.Packets, q)
	return true
}

func (b *Batch) keep(p []byte) []byte {
	at := len(b.slab)
	b.slab = append(b.slab, p...)
	return b.slab[at:len(b.slab):len(b.slab)]
}

// Reset empties the batch.
func (b *Batch) Reset() {
	clear(b.Packets)
	b.Packets, b.slab, b.Position = b.Packets[:0], b.slab[:0], 0
}

// Memory is the bus inside one process: a short queue. Publish waits while it
// is full, so that a slow stage slows the one before it and nothing is lost
// on the way.
type Memory struct {
	queue, free chan *Batch
	done        chan struct{}
	end         sync.Once

	mu       sync.Mutex
	position uint64
}

// NewMemory returns a bus that holds at most depth batches.
func NewMemory(depth int) *Memory {
	return &Memory{queue: make(chan *Batch, depth), free: make(chan *Batch, depth+4), done: make(chan struct{})}
}

// Get returns an empty batch to fill.
func (m *Memory) Get() *Batch {
	select {
	case b := <-m.free:
		return b
	default:
		return NewBatch()
	}
}

// Publish puts a batch on the bus. The error is that of ctx, or io.EOF after
// Close.
func (m *Memory) Publish(ctx context.Context, b *Batch) error {
	m.mu.Lock() // the order of positions is the order on the queue
	defer m.mu.Unlock()
	select {
	case <-m.done:
		return io.EOF
	default:
	}
	b.Position = m.position + 1
	select {
	case m.queue <- b:
		m.position++
		return nil
	case <-m.done:
		return io.EOF
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Next returns the next batch. The error is io.EOF after Close, once
// everything published before was taken, or that of ctx.
func (m *Memory) Next(ctx context.Context) (*Batch, error) {
	select {
	case b := <-m.queue:
		return b, nil
	default:
	}
	select {
	case b := <-m.queue:
		return b, nil
	case <-m.done:
		select {
		case b := <-m.queue:
			return b, nil
		default:
			return nil, io.EOF
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Batches gives batch after batch until the bus ends, or ctx, and recycles each
// when the next one is asked for.
func (m *Memory) Batches(ctx context.Context) iter.Seq[*Batch] {
	return func(yield func(*Batch) bool) {
		for {
			b, err := m.Next(ctx)
			if err != nil {
				return
			}
			more := yield(b)
			m.Recycle(b)
			if !more {
				return
			}
		}
	}
}

// Recycle takes back a batch that Next gave.
func (m *Memory) Recycle(b *Batch) {
	b.Reset()
	select {
	case m.free <- b:
	default:
	}
}

// Close ends the bus: nothing more may be published, what is on it can still
// be taken.
func (m *Memory) Close() { m.end.Do(func() { close(m.done) }) }

// Len is the number of batches on the bus.
func (m *Memory) Len() int { return len(m.queue) }

// Publisher fills batches and publishes them when they are full. One
// goroutine uses it.
type Publisher struct {
	bus   *Memory
	batch *Batch
}

// NewPublisher returns a Publisher of bus.
func NewPublisher(bus *Memory) *Publisher { return &Publisher{bus: bus} }

// Add puts p on the bus, in a batch with others.
func (w *Publisher) Add(ctx context.Context, p *packet.Packet) error {
	if w.batch == nil {
		w.batch = w.bus.Get()
	}
	if w.batch.Add(p) {
		return nil
	}
	if err := w.Flush(ctx); err != nil {
		return err
	}
	w.batch = w.bus.Get()
	w.batch.Add(p)
	return nil
}

// Flush publishes what was added so far.
func (w *Publisher) Flush(ctx context.Context) error {
	if w.batch == nil || len(w.batch.Packets) == 0 {
		return nil
	}
	b := w.batch
	w.batch = nil
	return w.bus.Publish(ctx, b)
}

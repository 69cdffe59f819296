package bus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/earshot-voip/earshot/internal/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBatchOwnsItsBytes(t *testing.T) {
	b := NewBatch()
	buf := []byte("first")
	b.Add(&packet.Packet{Payload: buf, CorrelationID: buf[:2]})
	copy(buf, "later")
	b.Add(&packet.Packet{Payload: buf})
	if got := string(b.Packets[0].Payload); got != "first" {
		t.Errorf("first payload is %q after its buffer changed", got)
	}
	if got := string(b.Packets[0].CorrelationID); got != "fi" {
		t.Errorf("correlation id is %q", got)
	}
	if b.Packets[1].CorrelationID != nil {
		t.Error("a packet without correlation id got one")
	}
}

func TestBatchIsBounded(t *testing.T) {
	b := NewBatch()
	n := 0
	for b.Add(&packet.Packet{Payload: make([]byte, 1000)}) {
		n++
	}
	if n != MaxBytes/1000 {
		t.Errorf("batch took %d packets of 1000 bytes, want %d", n, MaxBytes/1000)
	}
	b.Reset()
	for n = 0; b.Add(&packet.Packet{}); n++ {
	}
	if n != MaxPackets {
		t.Errorf("batch took %d empty packets, want %d", n, MaxPackets)
	}
	b.Reset()
	large := bytes.Repeat([]byte("x"), MaxBytes+1)
	if !b.Add(&packet.Packet{Payload: large}) || len(b.Packets[0].Payload) != len(large) {
		t.Error("a payload larger than a batch did not travel alone")
	}
}

func TestMemoryKeepsOrderAndDrains(t *testing.T) {
	ctx := context.Background()
	m := NewMemory(2)
	go func() {
		w := NewPublisher(m)
		for i := range 10_000 {
			if err := w.Add(ctx, &packet.Packet{AgentID: uint32(i)}); err != nil {
				t.Error(err)
			}
		}
		if err := w.Flush(ctx); err != nil {
			t.Error(err)
		}
		m.Close()
	}()
	next, position := uint32(0), uint64(0)
	for b := range m.Batches(ctx) {
		if b.Position != position+1 {
			t.Fatalf("position %d after %d", b.Position, position)
		}
		position = b.Position
		for i := range b.Packets {
			if b.Packets[i].AgentID != next {
				t.Fatalf("packet %d came as %d", next, b.Packets[i].AgentID)
			}
			next++
		}
	}
	if next != 10_000 {
		t.Errorf("%d of 10000 packets arrived", next)
	}
}

func TestPublishWaitsNoLongerThanItsContext(t *testing.T) {
	m := NewMemory(1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := m.Publish(ctx, NewBatch()); err != nil {
		t.Fatal(err)
	}
	if err := m.Publish(ctx, NewBatch()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("publishing to a full bus gave %v", err)
	}
	m.Close()
	if err := m.Publish(context.Background(), NewBatch()); !errors.Is(err, io.EOF) {
		t.Errorf("publishing to a closed bus gave %v", err)
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	b := NewBatch()
	p := packet.Packet{Payload: make([]byte, 500), CorrelationID: []byte("id")}
	if n := testing.AllocsPerRun(100, func() {
		b.Reset()
		b.Add(&p)
	}); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
}

func TestNextWaitsNoLongerThanItsContext(t *testing.T) {
	m := NewMemory(2)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.Publish(t.Context(), NewBatch()); err != nil {
		t.Fatal(err)
	}
	if m.Len() != 1 {
		t.Errorf("a bus of one batch has %d", m.Len())
	}
	// What is on the bus comes before the end of ctx is looked at.
	if _, err := m.Next(ctx); err != nil {
		t.Errorf("taking what was there gave %v", err)
	}
	if _, err := m.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting at an empty bus gave %v", err)
	}
}

func TestPublisherTellsOfAClosedBus(t *testing.T) {
	m := NewMemory(2)
	w := NewPublisher(m)
	if err := w.Flush(t.Context()); err != nil || m.Len() != 0 {
		t.Errorf("flushing nothing gave %v and %d batches", err, m.Len())
	}
	m.Close()
	m.Close() // a second time does nothing
	var err error
	for range MaxPackets + 1 {
		err = w.Add(t.Context(), &packet.Packet{})
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("filling a batch for a closed bus gave %v", err)
	}
}

func TestBatchesAreRecycled(t *testing.T) {
	m := NewMemory(4)
	for range 3 {
		if err := m.Publish(t.Context(), NewBatch()); err != nil {
			t.Fatal(err)
		}
	}
	var first *Batch
	for b := range m.Batches(t.Context()) {
		first = b
		break
	}
	if again := m.Get(); again != first {
		t.Error("the batch of an iteration that was left is not used again")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range m.Batches(ctx) {
		n++
		if n == 2 {
			cancel()
		}
	}
	if n != 2 {
		t.Errorf("%d batches after the first, want 2", n)
	}
}

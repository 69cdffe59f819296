package store

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/ClickHouse/ch-go"

	"github.com/earshot-voip/earshot/internal/record"
)

// Writer collects rows in columns and stores them exactly once. It belongs to
// one goroutine, and has a connection of its own.
//
// The caller cuts its input into batches by position in the bus, never by
// wall clock, appends a batch's rows in an order that depends on the input
// alone, and flushes with a token that names the positions. After a crash it
// replays from the last position that it has noted down as flushed: the same
// batch with the same token is not written twice.
type Writer struct {
	store  *Store
	tables [len(rowTypes)]*table

	client *ch.Client
	rows   int    // appended and not acknowledged
	stuck  string // token of a batch that Flush could not store yet
}

// NewWriter gives a writer without rows. It connects when it first flushes.
func (s *Store) NewWriter() *Writer {
	w := &Writer{store: s}
	for i, r := range rowTypes {
		w.tables[i] = newTable(r.table, r.row)
	}
	return w
}

// Append takes a row: a pointer to record.Call, Attempt, Stream, Interval,
// Report, Message, Drop, Link, Hop or Host. Nothing of the row is kept. It fails
// on any other value, and while a batch that Flush gave up waits to be flushed with its token.
func (w *Writer) Append(row any) error {
	if w.stuck != "" {
		return fmt.Errorf("append row: batch %q is not stored yet; flush it first", w.stuck)
	}
	// The order is that of rowTypes.
	switch r := row.(type) {
	case *record.Message:
		w.tables[0].append(unsafe.Pointer(r))
	case *record.Stream:
		w.tables[1].append(unsafe.Pointer(r))
	case *record.Interval:
		w.tables[2].append(unsafe.Pointer(r))
	case *record.Report:
		w.tables[3].append(unsafe.Pointer(r))
	case *record.Attempt:
		w.tables[4].append(unsafe.Pointer(r))
	case *record.Hop:
		w.tables[5].append(unsafe.Pointer(r))
	case *record.Drop:
		w.tables[6].append(unsafe.Pointer(r))
	case *record.Link:
		w.tables[7].append(unsafe.Pointer(r))
	case *record.Host:
		w.tables[8].append(unsafe.Pointer(r))
	case *record.Call:
		w.tables[9].append(unsafe.Pointer(r))
	default:
		return fmt.Errorf("append row: %T is no row of a table", row)
	}
	w.rows++
	return nil
}

// Rows is how many rows wait to be stored.
func (w *Writer) Rows() int { return w.rows }

// Bytes is how much memory the waiting rows take, to keep batches bounded.
func (w *Writer) Bytes() int {
	n := 0
	for _, t := range w.tables {
		for _, b := range t.waiting {
			n += b.size()
		}
	}
	return n
}

// Flush stores all rows that were appended and returns when the server has
// acknowledged them. It tries again, with growing waits, until ctx ends; then
// the rows stay, and the same token must be flushed again, which goes on where
// it stopped. A token must be given to one batch only: the server drops a
// second batch of the same token as one that it has.
func (w *Writer) Flush(ctx context.Context, token string) error {
	if token == "" {
		return errors.New("flush: a batch needs a token")
	}
	if w.stuck != "" && w.stuck != token {
		return fmt.Errorf("flush %q: batch %q is not stored yet; flush it first", token, w.stuck)
	}
	begin := time.Now()
	for _, t := range w.tables {
		for len(t.waiting) > 0 {
			b := t.waiting[0]
			w.store.counters.pendingRows.Set(float64(w.rows))
			if err := w.storeBlock(ctx, b, fmt.Sprintf("%s/%s/%d", token, t.name, b.number)); err != nil {
				w.stuck = token
				return fmt.Errorf("flush %q: %d rows are not stored: %w", token, w.rows, err)
			}
			w.rows -= b.rows
			t.recycle()
		}
		t.made = 0
	}
	w.stuck = ""
	w.store.counters.pendingRows.Set(0)
	w.store.counters.flush.Observe(time.Since(begin).Seconds())
	return nil
}

// Discard forgets all rows that were appended.
func (w *Writer) Discard() {
	for _, t := range w.tables {
		for len(t.waiting) > 0 {
			t.recycle()
		}
		t.made = 0
	}
	w.rows, w.stuck = 0, ""
	w.store.counters.pendingRows.Set(0)
}

// Close closes the connection. Rows that were not flushed are forgotten.
func (w *Writer) Close() error {
	w.Discard()
	return w.disconnect()
}

func (w *Writer) disconnect() error {
	if w.client == nil {
		return nil
	}
	err := w.client.Close()
	w.client = nil
	if errors.Is(err, ch.ErrClosed) {
		return nil
	}
	return err
}

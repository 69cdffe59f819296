package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
)

const (
	insertLimit  = 2 * time.Minute
	firstWait    = 100 * time.Millisecond
	longestWait  = 5 * time.Second
	complainOnce = 30 * time.Second
)

// storeBlock inserts a block until the server has it, refuses it for what it
// is, or ctx ends.
func (w *Writer) storeBlock(ctx context.Context, b *block, token string) error {
	wait, complained := firstWait, time.Time{}
	for again := 0; ; {
		repeated, err := w.insert(ctx, b, token)
		if err == nil && repeated {
			// The server notes a token before the rows: killed between the two, it
			// takes for written what it has lost. So its word is checked.
			var has bool
			if has, err = w.has(ctx, b); err == nil && !has {
				again++
				w.store.opt.Log.Warn("ClickHouse took rows for written that it has lost; they are written again", "table", b.table.name, "rows", b.rows, "token", token)
				w.store.counters.restored.WithLabelValues(b.table.name).Add(float64(b.rows))
				token = fmt.Sprintf("%s/again%d", token, again)
				continue
			}
		}
		if err == nil {
			w.count(b, repeated)
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		}
		if isRefusal(err) {
			return w.bury(b, token, err)
		}
		reason := "connection"
		if code(err) != 0 {
			reason = "server"
		}
		w.store.counters.retries.WithLabelValues(reason).Inc()
		if now := time.Now(); now.Sub(complained) >= complainOnce {
			complained = now
			w.store.opt.Log.Error("cannot store rows yet; trying again", "table", b.table.name, "rows", b.rows, "pending_rows", w.rows, "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		case <-time.After(wait):
		}
		wait = min(2*wait, longestWait)
	}
}

func (w *Writer) count(b *block, repeated bool) {
	c := w.store.counters
	if repeated {
		c.repeated.WithLabelValues(b.table.name).Add(float64(b.rows))
		return
	}
	c.inserts.WithLabelValues(b.table.name).Inc()
	c.rows.WithLabelValues(b.table.name).Add(float64(b.rows))
	c.bytes.Add(float64(b.size()))
}

// settings of an insert. The server must write a block when it comes (or it
// could acknowledge what it only holds in memory), drop it when it knows the
// token, in views' tables too, and not mind old captures' many days.
var settings = []ch.Setting{
	{Key: "async_insert", Value: "0", Important: true},
	{Key: "insert_deduplicate", Value: "1", Important: true},
	{Key: "deduplicate_blocks_in_dependent_materialized_views", Value: "1"},
	{Key: "max_partitions_per_insert_block", Value: "0"},
}

// insert sends a block once. repeated: the server knew the token and wrote
// nothing.
func (w *Writer) insert(ctx context.Context, b *block, token string) (repeated bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, insertLimit)
	defer cancel()
	err = w.do(ctx, ch.Query{
		Body:     b.table.insert,
		Input:    b.input,
		Settings: append(slices.Clip(settings), ch.Setting{Key: "insert_deduplication_token", Value: token, Important: true}),
		OnProfileEvents: func(_ context.Context, events []ch.ProfileEvent) error {
			for i := range events {
				if events[i].Name == "DuplicatedInsertedBlocks" && events[i].Value > 0 {
					repeated = true
				}
			}
			return nil
		},
	})
	return repeated, err
}

// do runs a query on the writer's connection, and drops the connection when
// it fails: what is on its way there is not known any more.
func (w *Writer) do(ctx context.Context, q ch.Query) error {
	if w.client == nil || w.client.IsClosed() {
		c, err := w.store.dial(ctx)
		if err != nil {
			return err
		}
		w.client = c
	}
	if err := w.client.Do(ctx, q); err != nil {
		_ = w.disconnect()
		return err
	}
	return nil
}

// has checks that the rows of a block are there. They are written whole or
// not at all, so a sample of up to 16 moments tells; each must have as many
// rows as the block has at that moment.
func (w *Writer) has(ctx context.Context, b *block) (bool, error) {
	want := map[int64]uint64{}
	for i := range b.rows {
		at := b.firstSeen(i)
		if _, ok := want[at]; ok || len(want) < 16 {
			want[at]++
		}
	}
	var moments []string
	for at := range want {
		moments = append(moments, fmt.Sprintf("fromUnixTimestamp64Micro(%d, 'UTC')", at))
	}
	var at proto.ColInt64
	var count proto.ColUInt64
	got := map[int64]uint64{}
	err := w.do(ctx, ch.Query{
		Body: fmt.Sprintf("SELECT toUnixTimestamp64Micro(first_seen) AS at, count() AS n FROM %s WHERE first_seen IN (%s) GROUP BY at",
			quote(b.table.name), strings.Join(moments, ", ")),
		Result: proto.Results{{Name: "at", Data: &at}, {Name: "n", Data: &count}},
		OnResult: func(context.Context, proto.Block) error {
			for i := range at.Rows() {
				got[at.Row(i)] = count.Row(i)
			}
			return nil
		},
	})
	if err != nil {
		return false, err
	}
	for at, n := range want {
		if got[at] < n {
			return false, nil
		}
	}
	return true, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/store"
)

// rowStore writes records into ClickHouse in batches whose limits follow from
// the input alone.
type rowStore struct {
	store *store.Store
	w     *store.Writer
	most  int
	rows  int
	token string // begins every batch's token
	last  uint64
}

func storeOptions(c *run.Config, a *app, reg prometheus.Registerer) (store.Options, error) {
	data, err := c.DataDir()
	if err != nil {
		return store.Options{}, err
	}
	r := c.Store.Retention
	return store.Options{
		Log: a.log, Registerer: reg, DeadLetters: filepath.Join(data, "rejected"),
		RetentionOf: map[string]time.Duration{
			"calls": time.Duration(r.Calls), "attempts": time.Duration(r.Attempts), "streams": time.Duration(r.Streams),
			"intervals": time.Duration(r.Intervals), "reports": time.Duration(r.Reports), "messages": time.Duration(r.Messages), "drops": time.Duration(r.Drops),
			"links": time.Duration(r.Links), "hops": time.Duration(r.Hops), "hosts": time.Duration(r.Hosts),
		},
	}, nil
}

// openRowStore opens a store for `earshot read`: reading the same capture with
// the same configuration again writes nothing twice.
func openRowStore(a *app, dsn string) (*rowStore, error) {
	opt, err := storeOptions(&a.config, a, nil)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(a.ctx, dsn, opt)
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(a.ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	yaml, err := a.config.YAML()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	h := fnv.New64a()
	fmt.Fprint(h, versionText(), string(yaml))
	return &rowStore{store: s, w: s.NewWriter(), most: a.config.Store.BatchRows, token: fmt.Sprintf("read-%016x", h.Sum64())}, nil
}

func (r *rowStore) row(row any) error {
	if _, ok := row.(*record.Summary); ok {
		return nil
	}
	r.rows++
	return r.w.Append(row)
}

// maxBatchBytes bounds what waits in memory.
const maxBatchBytes = 64 << 20

// batch is called at a place in the input that a later reading finds again;
// token stands for all input before it.
func (r *rowStore) batch(ctx context.Context, token uint64) error {
	r.last = token
	if r.rows < r.most && r.w.Bytes() < maxBatchBytes {
		return nil
	}
	return r.write(ctx, "")
}

func (r *rowStore) write(ctx context.Context, suffix string) error {
	if r.rows == 0 {
		return nil
	}
	r.rows = 0
	return r.w.Flush(ctx, fmt.Sprintf("%s-%016x%s", r.token, r.last, suffix))
}

// flush stores what is left at the end of the input.
func (r *rowStore) flush(ctx context.Context) error { return r.write(ctx, "-end") }

func (r *rowStore) close() error { return errors.Join(r.w.Close(), r.store.Close()) }

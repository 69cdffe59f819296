package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// QueryOptions bound what a query may do. The zero value only reads, for a
// minute at most, with 1 GiB at most.
type QueryOptions struct {
	Write     bool          // lifts read-only
	MaxTime   time.Duration // of execution; default a minute
	MaxMemory int64         // bytes; default 1 GiB
}

// Column is a column of a result.
type Column struct {
	Name string
	Type string // as ClickHouse writes it
}

// Rows is a result that streams in. Close it.
type Rows struct {
	rows    driver.Rows
	columns []Column
	cells   []any // pointers of the columns' types, used for each row again
	values  []any
	err     error
	close   func()
	store   *Store
}

// Query runs one statement. Values are bound by ? in order, never by
// {name:Type}, which fails on a newline. A statement without result (CREATE,
// INSERT ...) gives Rows without columns.
func (s *Store) Query(ctx context.Context, sql string, opt QueryOptions, args ...any) (*Rows, error) {
	sql = strings.TrimRight(sql, "; \t\r\n")
	if sql == "" {
		return nil, errors.New("query: the query is empty")
	}
	limit := cmp.Or(opt.MaxTime, time.Minute)
	settings := clickhouse.Settings{
		"max_execution_time": int(max(1, limit/time.Second)),
		"max_memory_usage":   cmp.Or(opt.MaxMemory, 1<<30),
	}
	if !opt.Write {
		settings["readonly"] = 2
	}
	// The server ends a query that takes too long; the context ends one whose
	// server does not.
	ctx, cancel := context.WithTimeout(ctx, limit+5*time.Second)
	rows, err := s.conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), sql, args...)
	r := &Rows{close: cancel, store: s}
	switch {
	case err == nil:
		r.rows = rows
	case errors.Is(err, io.EOF) && errors.Unwrap(err) == nil:
		// The end of the stream, bare, is a statement that gives no result; a
		// connection that breaks gives it wrapped.
		return r, nil
	default:
		cancel()
		return nil, s.explainQuery(err, opt)
	}
	for _, t := range rows.ColumnTypes() {
		r.columns = append(r.columns, Column{Name: t.Name(), Type: t.DatabaseTypeName()})
		r.cells = append(r.cells, reflect.New(t.ScanType()).Interface())
	}
	r.values = make([]any, len(r.cells))
	return r, nil
}

func (s *Store) explainQuery(err error, opt QueryOptions) error {
	var e *clickhouse.Exception
	switch {
	case hasCode(err, codeReadonly) && !opt.Write:
		return fmt.Errorf("query: it would write, and queries are read-only unless --write is given: %w", err)
	case errors.As(err, &e):
		return fmt.Errorf("query: %s (clickhouse error %d)", strings.TrimSpace(e.Message), e.Code)
	}
	return s.explain("query", err)
}

// Columns are the result's columns, in order; none for a statement that gives
// no result.
func (r *Rows) Columns() []Column { return r.columns }

// Next reads the next row, if there is one.
func (r *Rows) Next() bool {
	if r.err != nil || len(r.cells) == 0 || !r.rows.Next() {
		return false
	}
	if r.err = r.rows.Scan(r.cells...); r.err != nil {
		return false
	}
	return true
}

// Values are the cells of the row that Next read, in Go types: nil for NULL,
// numbers, string, bool, time.Time, netip.Addr, []any, map[string]any ...
// They are valid until the next call of Next.
func (r *Rows) Values() []any {
	for i, c := range r.cells {
		r.values[i] = plain(reflect.ValueOf(c).Elem())
	}
	return r.values
}

// Err is why Next ended before the end, or nil.
func (r *Rows) Err() error {
	err := r.err
	if err == nil && r.rows != nil {
		err = r.rows.Err()
	}
	if err == nil {
		return nil
	}
	return r.store.explainQuery(err, QueryOptions{Write: true})
}

// Close ends the query.
func (r *Rows) Close() error {
	defer r.close()
	if r.rows == nil {
		return nil
	}
	return r.rows.Close()
}

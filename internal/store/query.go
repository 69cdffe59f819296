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
	digits  []int // of the columns' times
	err     error
	explain func(error) error
	close   func()
}

var errLate = errors.New("the query takes too long")

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
	// The server ends a query that takes too long; this ends one whose server
	// does not. It is no deadline of the context, from which the client would
	// make a max_execution_time of its own.
	ctx, end := context.WithCancelCause(ctx)
	late := time.AfterFunc(limit+5*time.Second, func() { end(errLate) })
	cancel := func() { late.Stop(); end(nil) }
	rows, err := s.conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), sql, args...)
	explain := func(err error) error {
		if errors.Is(context.Cause(ctx), errLate) {
			return fmt.Errorf("query: it gave no result within %v and was ended", limit)
		}
		return s.explainQuery(err, opt)
	}
	r := &Rows{close: cancel, explain: explain}
	switch {
	case err == nil:
		r.rows = rows
	case errors.Is(err, io.EOF) && errors.Unwrap(err) == nil:
		// The end of the stream, bare, is a statement that gives no result; a
		// connection that breaks gives it wrapped.
		return r, nil
	default:
		defer cancel()
		return nil, explain(err)
	}
	for _, t := range rows.ColumnTypes() {
		r.columns = append(r.columns, Column{Name: t.Name(), Type: t.DatabaseTypeName()})
		r.digits = append(r.digits, digitsOf(t.DatabaseTypeName()))
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

// Scan copies the cells of the row that Next read, as clickhouse-go does.
func (r *Rows) Scan(into ...any) error {
	return r.rows.Scan(into...)
}

// shown are the cells of the row that Next read as the writers show them: nil
// for NULL, else see plain. They are valid until the next call of Next.
func (r *Rows) shown() []any {
	for i, c := range r.cells {
		r.values[i] = plain(reflect.ValueOf(c).Elem(), r.digits[i])
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
	return r.explain(err)
}

// Close ends the query.
func (r *Rows) Close() error {
	defer r.close()
	if r.rows == nil {
		return nil
	}
	return r.rows.Close()
}

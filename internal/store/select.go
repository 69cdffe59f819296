package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// ErrNoTable is the error of Select where the database does not have the
// table, as one that an older release made.
var ErrNoTable = errors.New("no such table in this database")

// Select reads rows of a record type: rest is what follows FROM and the table,
// with ? for args. Columns go by their names. Those that the table does not
// have stay at their zero value and are named in lacks: what they would say is
// unknown.
func Select[R any](ctx context.Context, s *Store, rest string, args ...any) (out []*R, lacks []string, err error) {
	table := record.Type(new(R)) + "s"
	has, err := s.columnsOf(ctx, table)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", table, err)
	}
	if len(has) == 0 {
		return nil, nil, fmt.Errorf("read %s of database %q: %w", table, s.database, ErrNoTable)
	}
	var fields []record.Field
	var names []string
	for _, f := range record.Fields(reflect.TypeFor[R]()) {
		if !has[f.Name] {
			lacks = append(lacks, f.Name)
			continue
		}
		fields, names = append(fields, f), append(names, quote(f.Name))
	}
	if len(fields) == 0 {
		return nil, lacks, fmt.Errorf("read %s: the table has no column that this earshot knows", table)
	}
	rows, err := s.Query(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+quote(table)+" "+rest, QueryOptions{}, args...)
	if err != nil {
		return nil, lacks, fmt.Errorf("read %s: %w", table, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row := new(R)
		v := reflect.ValueOf(row).Elem()
		for i, f := range fields {
			if err := assign(v.FieldByIndex(f.Index), reflect.ValueOf(rows.cells[i]).Elem()); err != nil {
				return nil, lacks, fmt.Errorf("read %s: column %s: %w", table, f.Name, err)
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		return nil, lacks, fmt.Errorf("read %s: %w", table, err)
	}
	return out, lacks, nil
}

// columnsOf names the columns of a table; none where there is no such table.
func (s *Store) columnsOf(ctx context.Context, table string) (has map[string]bool, err error) {
	rows, err := s.Query(ctx, "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ?", QueryOptions{}, table)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	has = map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		has[name] = true
	}
	return has, rows.Err()
}

// assign puts a cell, of the type that its column has, into a field. NULL is
// the field's zero value.
func assign(field, cell reflect.Value) error {
	for cell.Kind() == reflect.Pointer || cell.Kind() == reflect.Interface {
		if cell.IsNil() {
			return nil
		}
		cell = cell.Elem()
	}
	if field.Kind() == reflect.Pointer {
		to := reflect.New(field.Type().Elem())
		if err := assign(to.Elem(), cell); err != nil {
			return err
		}
		field.Set(to)
		return nil
	}
	switch x := cell.Interface().(type) {
	case time.Time:
		cell = reflect.ValueOf(x.UTC())
	case net.IP:
		a, _ := netip.AddrFromSlice(x)
		cell = reflect.ValueOf(a.Unmap())
	case netip.Addr:
		cell = reflect.ValueOf(x.Unmap())
	}
	switch {
	case cell.Type() == field.Type():
		field.Set(cell)
	case field.Kind() == reflect.Slice && cell.Kind() == reflect.Slice:
		all := reflect.MakeSlice(field.Type(), cell.Len(), cell.Len())
		for i := range cell.Len() {
			if err := assign(all.Index(i), cell.Index(i)); err != nil {
				return err
			}
		}
		field.Set(all)
	case cell.CanConvert(field.Type()) && (field.Kind() == reflect.String) == (cell.Kind() == reflect.String):
		field.Set(cell.Convert(field.Type()))
	default:
		return fmt.Errorf("%v does not fit %v", cell.Type(), field.Type())
	}
	return nil
}

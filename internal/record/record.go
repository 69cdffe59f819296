// Package record holds the rows that Earshot writes: flat, without behaviour.
// A field's json tag is its ClickHouse column and its JSON key. A pointer is
// a column that may be NULL: unknown is never 0.
//
// Every row has domain and first_seen. The column stored_at (wall time) is
// added by the store and is in no JSON, so that the same capture gives the
// same bytes.
package record

import (
	"fmt"
	"reflect"
	"sync"
)

// Field is one column of a row type.
type Field struct {
	Name  string       // column and JSON key
	Index []int        // for reflect.Value.FieldByIndex
	Type  reflect.Type // of the Go field; a pointer is nullable
}

var fieldCache sync.Map // reflect.Type -> []Field

// Fields lists the columns of a row type in order. Embedded groups with a
// `prefix` tag (Call's A and B) are flattened with that prefix.
func Fields(row reflect.Type) []Field {
	if f, ok := fieldCache.Load(row); ok {
		return f.([]Field)
	}
	f := appendFields(nil, row, nil, "")
	fieldCache.Store(row, f)
	return f
}

func appendFields(out []Field, t reflect.Type, index []int, prefix string) []Field {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(append([]int(nil), index...), i)
		if p, ok := sf.Tag.Lookup("prefix"); ok {
			out = appendFields(out, sf.Type, at, prefix+p)
			continue
		}
		out = append(out, Field{Name: prefix + sf.Tag.Get("json"), Index: at, Type: sf.Type})
	}
	return out
}

// Type is the "type" of a row's JSON line: call, attempt, stream, interval,
// report, message, drop, link, hop, host, summary. It panics on a value that is no row.
func Type(row any) string {
	switch row.(type) {
	case *Call:
		return "call"
	case *Attempt:
		return "attempt"
	case *Stream:
		return "stream"
	case *Interval:
		return "interval"
	case *Report:
		return "report"
	case *Message:
		return "message"
	case *Drop:
		return "drop"
	case *Link:
		return "link"
	case *Hop:
		return "hop"
	case *Host:
		return "host"
	case *Summary:
		return "summary"
	}
	panic(fmt.Sprintf("record: %T is no row", row))
}

package store

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/earshot-voip/earshot/internal/record"
)

// kind is how a field becomes bytes of a column.
type kind uint8

const (
	kindBool kind = iota
	kind8
	kind16
	kind32
	kind64 // float64 too: the bytes are the same
	kindTime
	kindAddr
	kindString
	kindStrings // Array(String)
	kindUint32s // Array(UInt32)
	kindMap     // Map(String, String)
)

// layout is one field of a row type and the column that it becomes.
type layout struct {
	offset   uintptr // of the field in the row
	kind     kind
	nullable bool
	name     string
	typ      proto.ColumnType
}

// layoutOf works out the columns of a row type. It panics on a field type
// that it does not know, which a test of all row types finds.
func layoutOf(row reflect.Type) []layout {
	var all []layout
	for _, f := range record.Fields(row) {
		l := layout{name: f.Name}
		at := row
		for _, i := range f.Index {
			sf := at.Field(i)
			l.offset += sf.Offset
			at = sf.Type
		}
		t := f.Type
		if t.Kind() == reflect.Pointer {
			l.nullable = true
			t = t.Elem()
		}
		l.kind, l.typ = kindOf(t)
		if l.nullable {
			l.typ = "Nullable(" + l.typ + ")"
		}
		all = append(all, l)
	}
	return all
}

var (
	timeType = reflect.TypeFor[time.Time]()
	addrType = reflect.TypeFor[netip.Addr]()
)

func kindOf(t reflect.Type) (kind, proto.ColumnType) {
	switch t {
	case timeType:
		return kindTime, "DateTime64(6, 'UTC')"
	case addrType:
		return kindAddr, proto.ColumnTypeIPv6
	}
	switch t.Kind() {
	case reflect.Bool:
		return kindBool, proto.ColumnTypeBool
	case reflect.Uint8:
		return kind8, proto.ColumnTypeUInt8
	case reflect.Uint16:
		return kind16, proto.ColumnTypeUInt16
	case reflect.Uint32:
		return kind32, proto.ColumnTypeUInt32
	case reflect.Uint64:
		return kind64, proto.ColumnTypeUInt64
	case reflect.Int64:
		return kind64, proto.ColumnTypeInt64
	case reflect.Float64:
		return kind64, proto.ColumnTypeFloat64
	case reflect.String:
		return kindString, proto.ColumnTypeString
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.String:
			return kindStrings, "Array(String)"
		case reflect.Uint32:
			return kindUint32s, "Array(UInt32)"
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String && t.Elem().Kind() == reflect.String {
			return kindMap, "Map(String, String)"
		}
	}
	panic(fmt.Sprintf("store: no column for a field of type %v", t))
}

// column is the growing column of one field, already in the bytes of the
// native format, so that sending it is one write. LowCardinality columns are
// sent as the plain strings that they hold: the server builds the dictionary.
type column struct {
	layout
	data    []byte // values; of a map its keys
	nulls   []byte // one byte a row, 1 is NULL; Nullable only
	values  []byte // of a map its values
	offsets []byte // Array and Map: cumulative element counts, UInt64
	count   uint64 // elements so far
	rows    *int   // of the block
	scratch []string
}

// Type is part of proto.ColInput.
func (c *column) Type() proto.ColumnType { return c.typ }

// Rows is part of proto.ColInput.
func (c *column) Rows() int { return *c.rows }

// EncodeColumn is part of proto.ColInput.
func (c *column) EncodeColumn(b *proto.Buffer) {
	for _, part := range c.parts() {
		b.Buf = append(b.Buf, part...)
	}
}

// WriteColumn is part of proto.ColInput. It copies nothing.
func (c *column) WriteColumn(w *proto.Writer) {
	for _, part := range c.parts() {
		if len(part) > 0 {
			w.ChainWrite(part)
		}
	}
}

func (c *column) parts() [3][]byte {
	if c.nullable {
		return [3][]byte{c.nulls, c.data}
	}
	return [3][]byte{c.offsets, c.data, c.values}
}

func (c *column) size() int { return len(c.nulls) + len(c.data) + len(c.values) + len(c.offsets) }

func (c *column) reset() {
	c.nulls, c.data, c.values, c.offsets, c.count = c.nulls[:0], c.data[:0], c.values[:0], c.offsets[:0], 0
}

// append takes the field from a row. p points to the row; the field is read
// by its offset, since reflection would cost more than all the rest.
func (c *column) append(row unsafe.Pointer) {
	p := unsafe.Add(row, c.offset)
	if c.nullable {
		p = *(*unsafe.Pointer)(p)
		if p == nil {
			c.appendNull()
			return
		}
		c.nulls = append(c.nulls, 0)
	}
	switch c.kind {
	case kindBool, kind8:
		c.data = append(c.data, *(*uint8)(p))
	case kind16:
		c.data = binary.LittleEndian.AppendUint16(c.data, *(*uint16)(p))
	case kind32:
		c.data = binary.LittleEndian.AppendUint32(c.data, *(*uint32)(p))
	case kind64:
		c.data = binary.LittleEndian.AppendUint64(c.data, *(*uint64)(p))
	case kindTime:
		c.data = binary.LittleEndian.AppendUint64(c.data, uint64(micros(*(*time.Time)(p))))
	case kindAddr:
		a := (*netip.Addr)(p).As16()
		c.data = append(c.data, a[:]...)
	case kindString:
		c.data = appendString(c.data, *(*string)(p))
	case kindStrings:
		s := *(*[]string)(p)
		for _, v := range s {
			c.data = appendString(c.data, v)
		}
		c.appendOffset(len(s))
	case kindUint32s:
		s := *(*[]uint32)(p)
		for _, v := range s {
			c.data = binary.LittleEndian.AppendUint32(c.data, v)
		}
		c.appendOffset(len(s))
	case kindMap:
		c.appendMap(*(*map[string]string)(p))
	}
}

// appendNull adds NULL: the value beneath it is the type's default.
func (c *column) appendNull() {
	c.nulls = append(c.nulls, 1)
	switch c.kind {
	case kindBool, kind8, kindString: // an empty string is one byte of length
		c.data = append(c.data, 0)
	case kind16:
		c.data = append(c.data, 0, 0)
	case kind32:
		c.data = append(c.data, 0, 0, 0, 0)
	case kind64, kindTime:
		c.data = append(c.data, 0, 0, 0, 0, 0, 0, 0, 0)
	case kindAddr:
		c.data = append(c.data, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	case kindStrings, kindUint32s, kindMap: // ClickHouse has no NULL for these
	}
}

func (c *column) appendOffset(n int) {
	c.count += uint64(n)
	c.offsets = binary.LittleEndian.AppendUint64(c.offsets, c.count)
}

// appendMap adds the pairs in order of their keys, so that the same row gives
// the same bytes.
func (c *column) appendMap(m map[string]string) {
	if len(m) > 0 {
		keys := c.scratch[:0]
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			c.data = appendString(c.data, k)
			c.values = appendString(c.values, m[k])
		}
		clear(keys)
		c.scratch = keys[:0]
	}
	c.appendOffset(len(m))
}

func appendString(b []byte, s string) []byte {
	if len(s) < 0x80 {
		return append(append(b, byte(len(s))), s...)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// latest is the end of what toDate, by which tables are partitioned, can
// tell apart: 2149-06-06, which is 65,535 days after 1970.
const latest = 65_535 * microsPerDay

// micros is a time in microseconds, held within what the columns can hold: a
// forged clock must not put rows where nobody finds them.
func micros(t time.Time) int64 {
	s := t.Unix()
	if uint64(s) >= uint64(latest/1_000_000) { // also before 1970
		if s < 0 {
			return 0
		}
		return latest
	}
	return s*1_000_000 + int64(t.Nanosecond())/1000
}

var _ proto.ColInput = (*column)(nil)

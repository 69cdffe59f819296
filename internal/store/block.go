package store

import (
	"encoding/binary"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/earshot-voip/earshot/internal/record"
)

// A block is what one INSERT writes, whole or not at all: rows of one table
// and one partition (day of first_seen). A batch is cut into blocks by what
// its rows hold and by these two numbers, and by nothing else: the same rows
// give the same blocks and tokens, today and after a crash. A release that
// changes the numbers must be started on a drained bus.
const (
	blockRows  = 16384
	blockBytes = 16 << 20 // looked at every 64 rows
)

// table is the rows of one row type that wait in a Writer.
type table struct {
	name    string
	layouts []layout
	insert  string // "INSERT INTO ... VALUES"
	first   int    // index of first_seen

	open    map[int64]*block // by day
	last    *block           // the open block that took the last row
	waiting []*block         // all that have rows, in the order in which they began
	free    []*block
	made    int // blocks since the batch began: the number in the token
}

type block struct {
	table   *table
	day     int64 // days since 1970 of the rows' first_seen
	number  int   // within the table and batch
	rows    int
	columns []column
	input   proto.Input
}

func newTable(name string, row reflect.Type) *table {
	t := &table{name: name, layouts: layoutOf(row), open: map[int64]*block{}}
	var names []string
	for i, l := range t.layouts {
		if l.name == "first_seen" {
			t.first = i
		}
		names = append(names, quote(l.name))
	}
	t.insert = "INSERT INTO " + quote(name) + " (" + strings.Join(names, ", ") + ") VALUES"
	return t
}

const microsPerDay = 86_400_000_000

func (t *table) append(row unsafe.Pointer) {
	day := micros(*(*time.Time)(unsafe.Add(row, t.layouts[t.first].offset))) / microsPerDay
	b := t.last
	if b == nil || b.day != day {
		b = t.blockOf(day)
	}
	for i := range b.columns {
		b.columns[i].append(row)
	}
	b.rows++
	if b.rows >= blockRows || (b.rows%64 == 0 && b.size() >= blockBytes) {
		delete(t.open, day)
		t.last = nil
	}
}

func (t *table) blockOf(day int64) *block {
	b := t.open[day]
	if b == nil {
		if n := len(t.free); n > 0 {
			b, t.free = t.free[n-1], t.free[:n-1]
		} else {
			b = t.newBlock()
		}
		b.day, b.number = day, t.made
		t.made++
		t.open[day] = b
		t.waiting = append(t.waiting, b)
	}
	t.last = b
	return b
}

func (t *table) newBlock() *block {
	b := &block{table: t, columns: make([]column, len(t.layouts))}
	for i := range t.layouts {
		b.columns[i].layout = t.layouts[i]
		b.columns[i].rows = &b.rows
		b.input = append(b.input, proto.InputColumn{Name: t.layouts[i].name, Data: &b.columns[i]})
	}
	return b
}

// recycle gives the first waiting block back when it is stored. Few are kept,
// so that one big batch does not hold its memory for ever.
func (t *table) recycle() {
	b := t.waiting[0]
	n := copy(t.waiting, t.waiting[1:])
	t.waiting[n] = nil
	t.waiting = t.waiting[:n]
	delete(t.open, b.day)
	t.last = nil
	if len(t.free) < 4 {
		b.reset()
		t.free = append(t.free, b)
	}
}

func (b *block) reset() {
	b.rows = 0
	for i := range b.columns {
		b.columns[i].reset()
	}
}

func (b *block) size() int {
	n := 0
	for i := range b.columns {
		n += b.columns[i].size()
	}
	return n
}

// firstSeen is the first_seen of row i, in microseconds.
func (b *block) firstSeen(i int) int64 {
	return int64(binary.LittleEndian.Uint64(b.columns[b.table.first].data[8*i:]))
}

// native is the block as a file of FORMAT Native.
func (b *block) native() []byte {
	var buf proto.Buffer
	buf.PutInt(len(b.columns))
	buf.PutInt(b.rows)
	for i := range b.columns {
		c := &b.columns[i]
		buf.PutString(c.name)
		buf.PutString(string(c.typ))
		c.EncodeColumn(&buf)
	}
	return buf.Buf
}

// rowTypes are the tables in the order in which a batch is stored: calls last,
// so that whoever sees a call finds what belongs to it.
var rowTypes = [...]struct {
	table string
	row   reflect.Type
}{
	{"messages", reflect.TypeFor[record.Message]()},
	{"streams", reflect.TypeFor[record.Stream]()},
	{"intervals", reflect.TypeFor[record.Interval]()},
	{"reports", reflect.TypeFor[record.Report]()},
	{"attempts", reflect.TypeFor[record.Attempt]()},
	{"hops", reflect.TypeFor[record.Hop]()},
	{"drops", reflect.TypeFor[record.Drop]()},
	{"links", reflect.TypeFor[record.Link]()},
	{"hosts", reflect.TypeFor[record.Host]()},
	{"calls", reflect.TypeFor[record.Call]()},
}

package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// A stamp is a time as its column shows it.
type stamp struct {
	time.Time
	digits int // of the second's fraction; dateOnly for a Date
}

const dateOnly = -1

// digitsOf says how the times of a column are shown, by its type.
func digitsOf(typ string) int {
	if _, rest, ok := strings.Cut(typ, "DateTime64("); ok && rest[0] >= '0' && rest[0] <= '9' {
		return int(rest[0] - '0')
	}
	if strings.Contains(typ, "Date") && !strings.Contains(typ, "DateTime") {
		return dateOnly
	}
	return 0
}

func (t stamp) format(layout, end string) string {
	if t.digits == dateOnly {
		return t.Time.Format(time.DateOnly)
	}
	if t.digits > 0 {
		layout += ".000000000"[:1+t.digits]
	}
	return t.Time.Format(layout + end)
}

// plain brings a scanned cell to few Go types: nil, bool, string, json.Number
// for every number, stamp, netip.Addr, []any and pairs. digits is that of the
// column's times.
func plain(v reflect.Value, digits int) any {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		if b, ok := reflect.TypeAssert[*big.Int](v); ok {
			return json.Number(b.String())
		}
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return stamp{x, digits}
	case net.IP:
		a, _ := netip.AddrFromSlice(x)
		return a.Unmap()
	case netip.Addr:
		return x.Unmap()
	case decimal.Decimal:
		return json.Number(x.String())
	case big.Int:
		return json.Number(x.String())
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if s, ok := reflect.TypeAssert[fmt.Stringer](v); ok { // intervals, times of day
			return s.String()
		}
		return json.Number(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return json.Number(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32:
		return number(v.Float(), 32)
	case reflect.Float64:
		return number(v.Float(), 64)
	case reflect.Slice, reflect.Array:
		if s, ok := reflect.TypeAssert[fmt.Stringer](v); ok { // UUID
			return s.String()
		}
		all := make([]any, v.Len())
		for i := range all {
			all[i] = plain(v.Index(i), digits)
		}
		return all
	case reflect.Map:
		var all pairs
		for _, k := range v.MapKeys() {
			all = append(all, pair{text(plain(k, digits)), plain(v.MapIndex(k), digits)})
		}
		slices.SortFunc(all, func(a, b pair) int { return strings.Compare(a.key, b.key) })
		return all
	}
	if s, ok := reflect.TypeAssert[fmt.Stringer](v); ok {
		return s.String()
	}
	if b, err := json.Marshal(v.Interface()); err == nil {
		return json.RawMessage(b)
	}
	return fmt.Sprint(v.Interface())
}

// number writes a float as ClickHouse does; what JSON cannot hold becomes nan
// and inf.
func number(f float64, bits int) any {
	switch {
	case math.IsNaN(f):
		return notFinite("nan")
	case math.IsInf(f, 1):
		return notFinite("inf")
	case math.IsInf(f, -1):
		return notFinite("-inf")
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return json.Number(strconv.FormatFloat(f, format, -1, bits))
}

// notFinite is a float that is no number: text for people, null in JSON.
type notFinite string

// MarshalJSON gives null.
func (notFinite) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// pairs are a map in order of its keys.
type pairs []pair

type pair struct {
	key   string
	value any
}

// MarshalJSON gives an object.
func (p pairs) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, kv := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, kv.key)
		b = append(b, ':')
		b = appendJSON(b, kv.value)
	}
	return append(b, '}'), nil
}

// text is a value for people: what is nested is written as JSON.
func text(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case json.Number:
		return string(x)
	case notFinite:
		return string(x)
	case bool:
		return strconv.FormatBool(x)
	case stamp:
		return x.format(time.DateTime, "")
	case netip.Addr:
		return x.String()
	}
	return string(appendJSON(nil, v))
}

// appendJSON appends a value of plain as JSON. Angle brackets stay as they
// are: SIP is full of them.
func appendJSON(b []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(b, "null"...)
	case json.Number:
		return append(b, x...)
	case bool:
		return strconv.AppendBool(b, x)
	case stamp:
		return append(append(append(b, '"'), x.format("2006-01-02T15:04:05", "Z07:00")...), '"')
	case netip.Addr:
		return append(append(append(b, '"'), x.String()...), '"')
	case []any:
		b = append(b, '[')
		for i, e := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case pairs:
		one, _ := x.MarshalJSON() // its own fails on nothing
		return append(b, one...)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return append(b, "null"...)
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})...)
}

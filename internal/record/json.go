package record

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// AppendJSON appends a row as one JSON object without a line end: "type"
// first, then its fields in order. Unknown is null.
func AppendJSON(dst []byte, row any) []byte {
	v := reflect.ValueOf(row).Elem()
	dst = append(dst, `{"type":"`...)
	dst = append(dst, Type(row)...)
	dst = append(dst, '"')
	for _, m := range membersOf(v.Type()) {
		dst = append(dst, m.name...)
		dst = m.value(dst, v.FieldByIndex(m.index))
	}
	return append(dst, '}')
}

// member is how one field of a row is written.
type member struct {
	name  string // with what stands around it: ,"call_id":
	index []int
	value appender
}

// appender appends an addressable value of the type that it was made for.
type appender func(dst []byte, v reflect.Value) []byte

var memberCache sync.Map // reflect.Type -> []member

func membersOf(row reflect.Type) []member {
	if m, ok := memberCache.Load(row); ok {
		return m.([]member)
	}
	var m []member
	for _, f := range Fields(row) {
		m = append(m, member{`,"` + f.Name + `":`, f.Index, appenderOf(f.Type)})
	}
	memberCache.Store(row, m)
	return m
}

func appenderOf(t reflect.Type) appender {
	switch t {
	case reflect.TypeFor[time.Time]():
		return appendTime
	case reflect.TypeFor[netip.Addr]():
		return appendAddr
	}
	switch t.Kind() {
	case reflect.Pointer:
		elem := appenderOf(t.Elem())
		return func(dst []byte, v reflect.Value) []byte {
			if v.IsNil() {
				return append(dst, "null"...)
			}
			return elem(dst, v.Elem())
		}
	case reflect.String:
		return func(dst []byte, v reflect.Value) []byte { return appendString(dst, v.String()) }
	case reflect.Bool:
		return func(dst []byte, v reflect.Value) []byte { return strconv.AppendBool(dst, v.Bool()) }
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Int8:
		return func(dst []byte, v reflect.Value) []byte { return strconv.AppendInt(dst, v.Int(), 10) }
	case reflect.Uint, reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		return func(dst []byte, v reflect.Value) []byte { return strconv.AppendUint(dst, v.Uint(), 10) }
	case reflect.Float64:
		return appendFloat
	case reflect.Slice:
		return listAppender(appenderOf(t.Elem()))
	case reflect.Map:
		return mapAppender(appenderOf(t.Elem()))
	}
	panic(fmt.Sprintf("record: no JSON for %s", t))
}

func listAppender(elem appender) appender {
	return func(dst []byte, v reflect.Value) []byte {
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = elem(dst, v.Index(i))
		}
		return append(dst, ']')
	}
}

// mapAppender sorts the keys, so that the same row gives the same bytes.
func mapAppender(elem appender) appender {
	return func(dst []byte, v reflect.Value) []byte {
		dst = append(dst, '{')
		if v.Len() > 0 {
			keys := v.MapKeys()
			slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
			for i, k := range keys {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = append(appendString(dst, k.String()), ':')
				dst = elem(dst, v.MapIndex(k))
			}
		}
		return append(dst, '}')
	}
}

// appendTime writes RFC 3339 with the microseconds that a row has. Their
// format is that of time.RFC3339Nano, for which package time has a fast way.
func appendTime(dst []byte, v reflect.Value) []byte {
	t := v.Addr().Interface().(*time.Time).UTC()
	t = t.Add(-time.Duration(t.Nanosecond() % 1000))
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}

func appendAddr(dst []byte, v reflect.Value) []byte {
	dst = append(dst, '"')
	dst = v.Addr().Interface().(*netip.Addr).AppendTo(dst)
	return append(dst, '"')
}

func appendFloat(dst []byte, v reflect.Value) []byte {
	if f := v.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	return append(dst, "null"...)
}

// appendString quotes s (RFC 8259 section 7). Bytes that are not UTF-8, as
// SIP on the wire may have, become U+FFFD.
func appendString(dst []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	dst = append(dst, '"')
	if plain {
		dst = append(dst, s...)
	} else {
		dst = appendEscaped(dst, s)
	}
	return append(dst, '"')
}

// appendEscaped writes what encoding/json does without its escapes for HTML: a
// From header is full of angle brackets, and people read it.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	from := 0 // of what is to be copied as it stands
	for i := 0; i < len(s); {
		c, size := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(s[i:])
		}
		switch {
		case c == utf8.RuneError && size == 1:
			dst = append(append(dst, s[from:i]...), `\ufffd`...)
		case c == '\u2028' || c == '\u2029':
			dst = append(append(dst, s[from:i]...), `\u202`...)
			dst = append(dst, hex[c&15])
		case c >= 0x20 && c != '"' && c != '\\':
			i += size
			continue
		default:
			dst = append(append(dst, s[from:i]...), '\\')
			switch c {
			case '"', '\\':
				dst = append(dst, byte(c))
			case '\n':
				dst = append(dst, 'n')
			case '\r':
				dst = append(dst, 'r')
			case '\t':
				dst = append(dst, 't')
			case '\b':
				dst = append(dst, 'b')
			case '\f':
				dst = append(dst, 'f')
			default:
				dst = append(dst, 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		i += size
		from = i
	}
	return append(dst, s[from:]...)
}

package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// timeFormat is RFC 3339 with the microseconds that a row has.
const timeFormat = "2006-01-02T15:04:05.999999Z07:00"

// AppendJSON appends a row as one JSON object without a line end: "type"
// first, then its fields in order. Unknown is null.
func AppendJSON(dst []byte, row any) []byte {
	v := reflect.ValueOf(row).Elem()
	dst = append(dst, `{"type":"`...)
	dst = append(dst, Type(row)...)
	dst = append(dst, '"')
	for _, f := range Fields(v.Type()) {
		dst = append(dst, ',', '"')
		dst = append(dst, f.Name...)
		dst = append(dst, '"', ':')
		dst = appendValue(dst, v.FieldByIndex(f.Index))
	}
	return append(dst, '}')
}

func appendValue(dst []byte, v reflect.Value) []byte {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return append(dst, "null"...)
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		dst = append(dst, '"')
		dst = x.UTC().AppendFormat(dst, timeFormat)
		return append(dst, '"')
	case netip.Addr:
		dst = append(dst, '"')
		dst = x.AppendTo(dst)
		return append(dst, '"')
	}
	switch v.Kind() {
	case reflect.String:
		return appendString(dst, v.String())
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool())
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Int8:
		return strconv.AppendInt(dst, v.Int(), 10)
	case reflect.Uint, reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case reflect.Float64:
		if f := v.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(dst, f, 'f', -1, 64)
		}
		return append(dst, "null"...)
	case reflect.Slice:
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, v.Index(i))
		}
		return append(dst, ']')
	case reflect.Map:
		dst = append(dst, '{')
		keys := v.MapKeys() // sorted, so that the same row gives the same bytes
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, k.String()), ':')
			dst = appendValue(dst, v.MapIndex(k))
		}
		return append(dst, '}')
	}
	panic(fmt.Sprintf("record: no JSON for %s", v.Type()))
}

// appendString quotes s. Bytes that are not UTF-8, as SIP on the wire may
// have, become U+FFFD.
func appendString(dst []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	b, err := json.Marshal(s)
	if err != nil { // no string fails
		return append(dst, `""`...)
	}
	return append(dst, b...)
}

package media

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScan reads JSON that other programs wrote: it takes numbers in strings,
// skips what nobody asked for, and stops at the first byte that is no JSON. It
// allocates only for strings with escapes. err is set once and sticks.
type jsonScan struct {
	b     []byte
	i     int
	depth int
	err   error
	most  float64 // numbers above are refused; 0 takes any
}

// within fails where a number is larger than what s takes.
func (s *jsonScan) within(v float64) {
	if s.most != 0 && math.Abs(v) > s.most && s.err == nil {
		s.err = fmt.Errorf("the number %g before offset %d is more than can be counted", v, s.i)
	}
}

// maxJSONDepth bounds the nesting of hostile input.
const maxJSONDepth = 32

var errJSONTruncated = errors.New("the JSON ends too early")

func (s *jsonScan) fail(what string) {
	if s.err != nil {
		return
	}
	if s.i >= len(s.b) {
		s.err = errJSONTruncated
		return
	}
	s.err = fmt.Errorf("%s at offset %d: found %q", what, s.i, s.b[s.i])
}

// peek returns the next byte that is no white space, 0 at the end.
func (s *jsonScan) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		if c := s.b[s.i]; c > ' ' || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

func (s *jsonScan) expect(c byte) bool {
	if s.err != nil {
		return false
	}
	if s.peek() != c {
		s.fail("want " + strconv.QuoteRune(rune(c)))
		return false
	}
	s.i++
	return true
}

// list reads what stands between open and end, separated by commas. A value
// of another kind is skipped.
func (s *jsonScan) list(open, end byte, each func()) {
	if s.err != nil {
		return
	}
	if s.peek() != open {
		s.skip()
		return
	}
	if s.depth++; s.depth > maxJSONDepth {
		s.err = fmt.Errorf("JSON nested deeper than %d", maxJSONDepth)
		return
	}
	defer func() { s.depth-- }()
	s.i++
	if s.peek() == end {
		s.i++
		return
	}
	for s.err == nil {
		each()
		switch s.peek() {
		case ',':
			s.i++
		case end:
			s.i++
			return
		default:
			s.fail("want ',' or " + strconv.QuoteRune(rune(end)))
		}
	}
}

// object calls each for every key, which is borrowed; each reads the value, or
// leaves it, and it is skipped.
func (s *jsonScan) object(each func(key []byte)) {
	s.list('{', '}', func() {
		key := s.text()
		if !s.expect(':') {
			return
		}
		value := s.i
		if each(key); s.i == value && s.err == nil {
			s.skip()
		}
	})
}

func (s *jsonScan) array(each func()) { s.list('[', ']', each) }

// skip reads any value.
func (s *jsonScan) skip() {
	switch c := s.peek(); c {
	case '{':
		s.object(func([]byte) {})
	case '[':
		s.array(s.skip)
	case '"':
		s.text()
	default:
		s.word()
	}
}

// word reads a number or a literal.
func (s *jsonScan) word() []byte {
	s.peek()
	from := s.i
	for s.i < len(s.b) {
		c := s.b[s.i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E' {
			s.i++
			continue
		}
		break
	}
	if s.i == from {
		s.fail("want a value")
	}
	return s.b[from:s.i]
}

// scalar reads a number, a string or a literal, as its text.
func (s *jsonScan) scalar() []byte {
	if s.err != nil {
		return nil
	}
	switch s.peek() {
	case '"':
		return s.text()
	case '{', '[':
		s.skip()
		return nil
	}
	return s.word()
}

// number reads a number, in a string too; what is none is 0.
func (s *jsonScan) number() float64 {
	f, err := strconv.ParseFloat(string(s.scalar()), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	s.within(f)
	return f
}

// integer reads a signed integer exactly, and a fraction truncated.
func (s *jsonScan) integer() int64 {
	if n, ok := s.digits(); ok {
		return int64(n)
	}
	w := s.scalar()
	if n, err := strconv.ParseInt(string(w), 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(string(w), 64)
	if err != nil || !(f > -1<<63 && f < 1<<63) {
		return 0
	}
	return int64(f)
}

// digits reads a number of at most 18 digits and nothing else, as nearly all
// are; where there is another value it reads nothing and returns false.
func (s *jsonScan) digits() (n uint64, ok bool) {
	if s.err != nil {
		return 0, false
	}
	s.peek()
	for i, c := range s.b[s.i:] {
		switch {
		case c >= '0' && c <= '9' && i < 18:
			n = n*10 + uint64(c-'0')
		case i > 0 && (c == ',' || c == '}' || c == ']'):
			s.i += i
			return n, true
		default:
			return 0, false
		}
	}
	return 0, false
}

// unsigned reads an unsigned integer exactly; a negative one is 0.
func (s *jsonScan) unsigned() uint64 {
	if n, ok := s.digits(); ok {
		s.within(float64(n))
		return n
	}
	w := s.scalar()
	if n, err := strconv.ParseUint(string(w), 10, 64); err == nil {
		s.within(float64(n))
		return n
	}
	f, err := strconv.ParseFloat(string(w), 64)
	if err != nil || !(f > 0 && f < 1<<64) {
		return 0
	}
	s.within(f)
	return uint64(f)
}

func (s *jsonScan) u32() uint32 { return uint32(min(s.unsigned(), math.MaxUint32)) }
func (s *jsonScan) u16() uint16 { return uint16(min(s.unsigned(), math.MaxUint16)) }
func (s *jsonScan) u8() uint8   { return uint8(min(s.unsigned(), math.MaxUint8)) }

func (s *jsonScan) boolean() bool {
	w := string(s.scalar())
	return w == "true" || w == "1"
}

// text reads a string; it aliases the input unless there are escapes.
func (s *jsonScan) text() []byte {
	if !s.expect('"') {
		return nil
	}
	rest := s.b[s.i:]
	for n, c := range rest {
		if c == '"' {
			s.i += n + 1
			return rest[:n:n]
		}
		if c == '\\' {
			s.i += n
			return s.escaped(append([]byte(nil), rest[:n]...))
		}
	}
	s.i = len(s.b)
	s.fail("want '\"'")
	return nil
}

// escaped reads the rest of a string from its first escape on.
func (s *jsonScan) escaped(out []byte) []byte {
	for s.i < len(s.b) {
		c := s.b[s.i]
		s.i++
		if c == '"' {
			return out
		}
		if c != '\\' {
			out = append(out, c)
			continue
		}
		if s.i >= len(s.b) {
			break
		}
		c = s.b[s.i]
		s.i++
		switch c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := s.unit()
			if utf16.IsSurrogate(r) && s.i+1 < len(s.b) && s.b[s.i] == '\\' && s.b[s.i+1] == 'u' {
				s.i += 2
				r = utf16.DecodeRune(r, s.unit())
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	s.fail("want '\"'")
	return nil
}

// unit reads the four digits of a \u escape.
func (s *jsonScan) unit() rune {
	if s.i+4 > len(s.b) {
		s.i = len(s.b)
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(s.b[s.i:s.i+4]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	s.i += 4
	return rune(n)
}

// end refuses what stands behind the value. A zero byte and what follows it
// is let pass: some emitters send the C string's end.
func (s *jsonScan) end() error {
	if s.err == nil && s.peek() != 0 {
		s.fail("want the end")
	}
	return s.err
}

// appendText writes a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendText(dst, text []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', byte(c))
		case c < 0x20:
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			dst = utf8.AppendRune(dst, c)
		}
		i += n
	}
	return append(dst, '"')
}

// key writes a comma where one is due, and a key.
func key(dst []byte, name string) []byte {
	if n := len(dst); n > 0 && dst[n-1] != '{' && dst[n-1] != '[' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// item writes a comma where one is due in an array.
func item(dst []byte) []byte {
	if n := len(dst); n > 0 && dst[n-1] != '[' {
		dst = append(dst, ',')
	}
	return dst
}

func appendUint[T ~uint8 | ~uint16 | ~uint32 | ~uint64](dst []byte, name string, v T) []byte {
	return strconv.AppendUint(key(dst, name), uint64(v), 10)
}

// appendArray writes an array of what one writes of each, or nothing where
// there are none.
func appendArray[T any](dst []byte, name string, all []T, one func(dst []byte, x *T) []byte) []byte {
	if len(all) == 0 {
		return dst
	}
	dst = append(key(dst, name), '[')
	for i := range all {
		dst = one(item(dst), &all[i])
	}
	return append(dst, ']')
}

// appendNumber writes one number of an array.
func appendNumber[T ~uint8 | ~uint32](dst []byte, v *T) []byte {
	return strconv.AppendUint(dst, uint64(*v), 10)
}

func appendInt(dst []byte, name string, v int64) []byte {
	return strconv.AppendInt(key(dst, name), v, 10)
}

// appendFloat writes the shortest text that reads back as the same value.
func appendFloat(dst []byte, name string, v float64) []byte {
	return strconv.AppendFloat(key(dst, name), v, 'g', -1, 64)
}

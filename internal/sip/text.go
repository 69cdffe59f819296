package sip

import "bytes"

// Character classes of RFC 3261 section 25.1, as bits of charClass.
const (
	classToken  = 1 << iota // token
	classWord               // word, and "@": what a Call-ID is made of
	classHost               // hostname and IPv4address; "_" is in no grammar and in many networks
	classUser               // user, password: unreserved, user-unreserved and the start of an escape
	classSpace              // SP, HTAB, CR, LF: what linear white space is made of
	classDigit              // DIGIT
	classScheme             // scheme of RFC 3986 section 3.1
)

var charClass = func() (t [256]uint8) {
	set := func(class uint8, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= class
		}
	}
	for c := range 26 {
		t['a'+c] |= classToken | classWord | classHost | classUser | classScheme
		t['A'+c] |= classToken | classWord | classHost | classUser | classScheme
	}
	for c := range 10 {
		t['0'+c] |= classToken | classWord | classHost | classUser | classScheme | classDigit
	}
	set(classToken, "-.!%*_+`'~")
	set(classWord, "-.!%*_+`'~()<>:\\\"/[]?{}@")
	set(classHost, "-._")
	set(classUser, "-_.!~*'()&=+$,;?/:%#")
	set(classScheme, "+-.")
	set(classSpace, " \t\r\n")
	return t
}()

func isSpace(c byte) bool { return charClass[c]&classSpace != 0 }

// allOf says whether every byte is in the class; true for none.
func allOf(b []byte, class uint8) bool {
	for _, c := range b {
		if charClass[c]&class == 0 {
			return false
		}
	}
	return true
}

// trim cuts linear white space, folds included, at both ends. What was not empty stays a part of b.
func trim(b []byte) []byte { return trimRight(trimLeft(b)) }

func trimLeft(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	return b
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// spaceIndex is the place of the first white space, -1 when there is none.
func spaceIndex(b []byte) int {
	for i, c := range b {
		if isSpace(c) {
			return i
		}
	}
	return -1
}

// quoteEnd is the place of the quote that ends the quoted string which begins at b[0], -1 when none does.
func quoteEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unquote cuts the quotes of a quoted string; the escapes inside stay. Anything else is returned as it is.
func unquote(b []byte) []byte {
	if len(b) == 0 || b[0] != '"' {
		return b
	}
	if end := quoteEnd(b); end >= 0 {
		return b[1:end]
	}
	return b[1:]
}

// cutOutside divides b at the first separator that stands neither in a quoted string nor between angle brackets.
func cutOutside(b []byte, sep byte) (before, after []byte, found bool) {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case sep:
			return b[:i:i], b[i+1:], true
		case '"':
			end := quoteEnd(b[i:])
			if end < 0 {
				return b, nil, false
			}
			i += end
		case '<':
			end := bytes.IndexByte(b[i:], '>')
			if end < 0 {
				return b, nil, false
			}
			i += end
		}
	}
	return b, nil, false
}

// nextParam cuts the first parameter off a list divided by sep: its name, its value without quotes, what follows.
// White space around every part is cut (RFC 3261 section 25.1, EQUAL and SEMI).
func nextParam(b []byte, sep byte) (name, value, rest []byte) {
	one, rest, _ := cutOutside(b, sep)
	name, value, _ = bytes.Cut(one, equalSign)
	return trim(name), unquote(trim(value)), rest
}

var equalSign = []byte("=")

// param finds a parameter by lower-case or mixed-case name.
func param(list []byte, sep byte, name string) ([]byte, bool) {
	for len(list) > 0 {
		var n, v []byte
		n, v, list = nextParam(list, sep)
		if equalFoldAny(n, name) {
			return v, true
		}
	}
	return nil, false
}

// number reads decimal digits only, up to limit. White space around must be gone.
func number(b []byte, limit uint64) (uint64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		if n = n*10 + uint64(c-'0'); n > limit {
			return 0, false // limit is far under 2^64/10, so that this comes before any overflow
		}
	}
	return n, true
}

// AppendUnescaped appends a URI part with its %XX escapes resolved (RFC 3261 section 19.1.2); what is no escape stays.
func AppendUnescaped(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) {
			hi, lo := unhex(b[i+1]), unhex(b[i+2])
			if hi < 16 && lo < 16 {
				dst = append(dst, hi<<4|lo)
				i += 2
				continue
			}
		}
		dst = append(dst, b[i])
	}
	return dst
}

// AppendUnquoted appends the inside of a quoted string with its backslashes resolved (RFC 3261 section 25.1, quoted-pair).
func AppendUnquoted(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		dst = append(dst, b[i])
	}
	return dst
}

func unhex(c byte) byte {
	switch {
	case c-'0' < 10:
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

package packet

import "bytes"

// verdict is what the first bytes of a stream say.
type verdict uint8

const (
	no verdict = iota
	yes
	maybe // more bytes are needed
)

const (
	maxStartLine = 8192 // bytes; a longer line is no start line
	maxMethod    = 32   // bytes; the longest registered method has 9
)

// startLine tells whether b begins with the start line of a SIP message
// (RFC 3261 section 7): "SIP/x.y nnn" or "Method Request-URI SIP/x.y". It asks
// for the form only, so that a wrong version or a strange URI reaches the parser.
func startLine(b []byte) verdict {
	const version = "SIP/"
	n := 0
	for n < len(b) && n < len(version) && b[n]&^0x20 == version[n]&^0x20 {
		n++
	}
	if n == len(b) {
		return maybe
	}
	if n == len(version) {
		return statusLine(b)
	}
	for n = 0; n < len(b) && isToken(b[n]); n++ {
		if n == maxMethod {
			return no
		}
	}
	if n == len(b) {
		return maybe
	}
	if n == 0 || b[n] != ' ' {
		return no
	}
	end := bytes.IndexByte(b[:min(len(b), maxStartLine)], '\n')
	if end < 0 {
		if len(b) < maxStartLine && isText(b[n:]) {
			return maybe
		}
		return no
	}
	line := bytes.TrimRight(b[n:end], " \t\r")
	space := bytes.LastIndexByte(line, ' ')
	if space < 1 || len(line)-space-1 < len("SIP/2.0") || !bytes.EqualFold(line[space+1:space+5], []byte(version)) ||
		line[space+5] < '0' || line[space+5] > '9' || len(bytes.TrimSpace(line[:space])) == 0 {
		return no
	}
	return yes
}

// statusLine tells whether b, which begins with "SIP/", goes on as
// "2.0 nnn".
func statusLine(b []byte) verdict {
	const form = "SIP/0.0 000"
	for i := 4; i < len(form); i++ {
		if i == len(b) {
			return maybe
		}
		switch form[i] {
		case '0':
			if b[i] < '0' || b[i] > '9' {
				return no
			}
		default:
			if b[i] != form[i] {
				return no
			}
		}
	}
	return yes
}

// isToken tells whether c may stand in a method (RFC 3261 section 25.1).
func isToken(c byte) bool {
	switch {
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		return true
	}
	switch c {
	case '-', '.', '!', '%', '*', '_', '+', '`', '\'', '~':
		return true
	}
	return false
}

// isText tells whether the last byte seen so far could stand in a start line.
// Looking at one byte a call is enough to leave binary streams early.
func isText(b []byte) bool {
	c := b[len(b)-1]
	return c >= ' ' && c != 0x7f || c == '\r' || c == '\t'
}

// nextStart finds the first start line in b that begins a line. When there is
// none it returns the begin of the last line if that could become one, else
// len(b), and maybe.
func nextStart(b []byte) (int, verdict) {
	at := 0
	for {
		if v := startLine(b[at:]); v != no {
			// A start line cannot span lines, so maybe is the last line.
			return at, v
		}
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 || at+n+1 == len(b) {
			return len(b), maybe
		}
		at += n + 1
	}
}

// headersEnd finds the end of the empty line that ends the headers, looking
// from the line end at or after scan on. When it is not there yet, it returns
// 0 and where to look from next time. A bare LF ends a line here too.
func headersEnd(b []byte, scan int) (end, rescan int) {
	for {
		n := bytes.IndexByte(b[scan:], '\n')
		if n < 0 {
			return 0, len(b)
		}
		scan += n
		switch rest := b[scan+1:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return scan + 2, 0
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return scan + 3, 0
		case len(rest) == 0, len(rest) == 1 && rest[0] == '\r':
			return 0, scan
		}
		scan++
	}
}

// maxContentLength stops the digits of a Content-Length; whatever exceeds the
// stream's budget is treated alike.
const maxContentLength = 1 << 30

// contentLength finds the Content-Length in a whole header section, compact
// form "l" and folded value included. Without one, or with one that is no
// number, the body is empty: in a stream its end cannot be known (RFC 3261
// section 18.3 requires the header field there).
func contentLength(b []byte) int {
	for {
		n := bytes.IndexByte(b, '\n')
		if n < 0 || n+1 >= len(b) {
			return 0
		}
		b = b[n+1:]
		switch b[0] {
		case 'l', 'L', 'c', 'C':
		default:
			continue
		}
		name, value, ok := bytes.Cut(b, []byte{':'})
		if !ok {
			return 0
		}
		name = bytes.TrimRight(name, " \t")
		if !(len(name) == 1 && name[0]|0x20 == 'l') && !bytes.EqualFold(name, []byte("Content-Length")) {
			continue
		}
		return number(unfold(value))
	}
}

// unfold skips white space before a header value, line folding included.
func unfold(b []byte) []byte {
	for i := range b {
		switch b[i] {
		case ' ', '\t', '\r':
		case '\n':
			if i+1 == len(b) || b[i+1] != ' ' && b[i+1] != '\t' {
				return nil
			}
		default:
			return b[i:]
		}
	}
	return nil
}

func number(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		if n = n*10 + int(c-'0'); n > maxContentLength {
			return maxContentLength
		}
	}
	return n
}

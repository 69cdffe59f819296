// Package scrub hides the secrets in SIP messages that are kept.
package scrub

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"unsafe"

	"github.com/earshot-voip/earshot/internal/sip"
)

// Rules name what is hidden; lengths are kept.
type Rules struct {
	Digest bool // response and nonce count of credentials
	SDES   bool // keys of a=crypto
	DTMF   bool // digits in INFO
	Bodies bool // of MESSAGE
}

// All hides everything that is a secret.
func All() Rules { return Rules{true, true, true, true} }

// Hide hides in raw, a copy of the bytes that m was parsed from, what must not
// be stored: the response and nonce count of digest credentials, SDES keys, DTMF
// digits in INFO and the bodies of MESSAGE. Lengths are kept, so that the text
// stays what it was in every other way. It returns what it hid. Where a header
// is broken it hides too much rather than too little.
func (s Rules) Hide(raw []byte, m *sip.Message) []string {
	raw = raw[len(raw)-len(m.Raw):] // m has no CRLFs before the start line
	hid := []string{}
	if s.Digest && hideDigest(raw, m) {
		hid = append(hid, "digest")
	}
	body := m.Body()
	if len(body) == 0 {
		return hid
	}
	is := func(method string) bool { // by the request line or by CSeq, which may differ in what is broken
		return m.Request && string(m.Method) == method || string(m.CSeqMethod()) == method
	}
	if s.Bodies && is("MESSAGE") && hide(raw, m.Raw, body) {
		hid = append(hid, "body")
	}
	if s.DTMF && is("INFO") && hideDTMF(raw, m) {
		hid = append(hid, "dtmf")
	}
	if s.SDES && hideSDES(raw, m.Raw, body) {
		hid = append(hid, "sdes")
	}
	return hid
}

var digestHeaders = [...]string{"Authorization", "Proxy-Authorization", "Authentication-Info", "Proxy-Authentication-Info"}

func hideDigest(raw []byte, m *sip.Message) bool {
	found := false
	for name, v := range m.Fields() {
		// The answer to credentials proves that the server knows the password
		// too (RFC 7616 section 3.5).
		if !slices.ContainsFunc(digestHeaders[:], func(h string) bool { return strings.EqualFold(string(name), h) }) {
			continue
		}
		for secret := range secrets(v) {
			found = hide(raw, m.Raw, secret) || found
		}
	}
	return found
}

// secrets gives the values of every response and nonce count in a header with
// credentials: of several, too, and of one without a scheme.
func secrets(v []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := 0; i < len(v); {
			begin := i
			for i < len(v) && isToken(v[i]) {
				i++
			}
			name := v[begin:i]
			if len(name) == 0 { // a divider, or a string that is nobody's value
				i = valueEnd(v, i, 1)
				continue
			}
			at := skipSpace(v, i)
			if at >= len(v) || v[at] != '=' {
				continue
			}
			at = skipSpace(v, at+1)
			if i = valueEnd(v, at, 0); i == at {
				continue
			}
			value := bytes.Trim(v[at:i], `"`)
			for _, secret := range [...]string{"response", "rspauth", "nc"} {
				if strings.EqualFold(string(name), secret) && !yield(value) {
					return
				}
			}
		}
	}
}

func isToken(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func skipSpace(v []byte, i int) int {
	for i < len(v) && bytes.IndexByte([]byte(" \t\r\n"), v[i]) >= 0 {
		i++
	}
	return i
}

// valueEnd is where the quoted string or the token at i ends; least bytes are
// taken in any case. A string without an end goes to the end.
func valueEnd(v []byte, i, least int) int {
	if i < len(v) && v[i] == '"' {
		for i++; i < len(v) && v[i] != '"'; i++ {
			if v[i] == '\\' {
				i++
			}
		}
		return min(i+1, len(v))
	}
	end := i + least
	for end < len(v) && least == 0 && bytes.IndexByte([]byte(", \t\r\n"), v[end]) < 0 {
		end++
	}
	return end
}

// hide overwrites in raw the bytes that part occupies in whole.
func hide(raw, whole, part []byte) bool {
	at := offset(whole, part)
	if at < 0 || at+len(part) > len(raw) {
		return false
	}
	for i := range part {
		if c := raw[at+i]; c != '\r' && c != '\n' {
			raw[at+i] = '*'
		}
	}
	return true
}

// offset is where part, a slice of whole, begins in it; -1 when it is none.
func offset(whole, part []byte) int {
	if len(part) == 0 || len(whole) == 0 {
		return -1
	}
	at := int(uintptr(unsafe.Pointer(&part[0])) - uintptr(unsafe.Pointer(&whole[0])))
	if at < 0 || at+len(part) > len(whole) {
		return -1
	}
	return at
}

// dtmfTypes are the content types in which INFO carries digits.
var dtmfTypes = [...]string{
	"application/dtmf-relay", "application/dtmf", "application/vnd.nortelnetworks.digits", "audio/telephone-event", "application/telephone-event",
}

// hideDTMF hides the digit of application/dtmf-relay ("Signal=5") and of its
// kin, and the whole of a body that is nothing but digits ("5").
func hideDTMF(raw []byte, m *sip.Message) bool {
	found := false
	for _, t := range dtmfTypes {
		for line := range bytes.Lines(m.Part(t)) {
			name, value, ok := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte("="))
			switch {
			case !ok:
				found = hide(raw, m.Raw, name) || found
			case !bytes.EqualFold(bytes.TrimSpace(name), []byte("duration")):
				found = hide(raw, m.Raw, bytes.TrimSpace(value)) || found
			}
		}
	}
	return found
}

// hideSDES hides the key of every a=crypto line (RFC 4568 section 9.2), in
// whatever body it stands.
func hideSDES(raw, whole, body []byte) bool {
	found := false
	for line := range bytes.Lines(body) {
		line = bytes.TrimLeft(line, " \t")
		if len(line) < 9 || !bytes.EqualFold(line[:9], []byte("a=crypto:")) {
			continue
		}
		for rest := line; ; {
			at := indexFold(rest, "inline:")
			if at < 0 {
				break
			}
			key := rest[at+len("inline:"):]
			end := bytes.IndexAny(key, "|; \r\n")
			if end < 0 {
				end = len(key)
			}
			found = hide(raw, whole, key[:end]) || found
			rest = key[end:]
		}
	}
	return found
}

// indexFold is bytes.Index of ASCII text in any case. bytes.ToLower would move
// what stands behind bytes that are no UTF-8.
func indexFold(b []byte, text string) int {
	for i := 0; i+len(text) <= len(b); i++ {
		if strings.EqualFold(string(b[i:i+len(text)]), text) {
			return i
		}
	}
	return -1
}

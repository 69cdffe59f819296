package analyzer

import (
	"bytes"
	"strings"
	"unsafe"

	"github.com/earshot-voip/earshot/internal/sip"
)

// hide hides in raw, a copy of the message's bytes, what must not be stored:
// the response and nonce count of digest credentials, SDES keys, DTMF digits
// in INFO and the bodies of MESSAGE. Lengths are kept, so that the text stays
// what it was in every other way. It returns what it hid.
func (s Scrub) hide(raw []byte, m *sip.Message) []string {
	hid := []string{}
	if s.Digest && hideDigest(raw, m) {
		hid = append(hid, "digest")
	}
	body := m.Body()
	if len(body) == 0 {
		return hid
	}
	method := m.CSeqMethod()
	if s.Bodies && string(method) == "MESSAGE" && hide(raw, m.Raw, body) {
		hid = append(hid, "body")
	}
	if s.DTMF && string(method) == "INFO" && bytes.Contains(bytes.ToLower(m.Get(sip.HeaderContentType)), []byte("dtmf")) && hideDTMF(raw, m.Raw, body) {
		hid = append(hid, "dtmf")
	}
	if s.SDES && hideSDES(raw, m.Raw, m.SDP()) {
		hid = append(hid, "sdes")
	}
	return hid
}

func hideDigest(raw []byte, m *sip.Message) bool {
	found := false
	for name, v := range m.Fields() {
		if !strings.EqualFold(string(name), "Authorization") && !strings.EqualFold(string(name), "Proxy-Authorization") {
			continue
		}
		for _, p := range [...]string{"response", "nc"} {
			if secret := sip.DigestParam(v, p); len(secret) > 0 && hide(raw, m.Raw, secret) {
				found = true
			}
		}
	}
	return found
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

// hideDTMF hides the digit of application/dtmf-relay ("Signal=5") and the
// whole of application/dtmf ("5").
func hideDTMF(raw, whole, body []byte) bool {
	found := false
	for line := range bytes.Lines(body) {
		name, value, ok := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte("="))
		switch {
		case !ok:
			found = hide(raw, whole, name) || found
		case bytes.EqualFold(bytes.TrimSpace(name), []byte("signal")):
			found = hide(raw, whole, value) || found
		}
	}
	return found
}

// hideSDES hides the key of every a=crypto line (RFC 4568 section 9.2).
func hideSDES(raw, whole, sdp []byte) bool {
	found := false
	for line := range bytes.Lines(sdp) {
		if !bytes.HasPrefix(line, []byte("a=crypto:")) {
			continue
		}
		rest := line
		for {
			at := bytes.Index(rest, []byte("inline:"))
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

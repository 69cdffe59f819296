package sip

import (
	"bytes"
	"slices"
)

// maxMethod bounds how far a first token is searched; RFC 4475 section 3.1.1.2 has one of 43 bytes.
const maxMethod = 128

// IsSIP says whether b begins like a SIP message: "SIP/x.y ", or a method token whose line ends in a SIP version, or a
// well-known method before a SIP URI, whatever its line ends in. CRLFs before are skipped (RFC 3261 section 7.5).
// It looks at the first line only, and at the first byte only for nearly everything that is not SIP.
func IsSIP(b []byte) bool {
	b = b[leadingCRLF(b):]
	if len(b) > 7 && hasVersion(b) && (b[7] == ' ' || b[7] == '\t') {
		return true
	}
	n := methodLength(b)
	if n == 0 {
		return false
	}
	line, _, _ := bytes.Cut(b, newline)
	_, _, version := cutRequestLine(line, n)
	return version != nil || knownMethod(line[:n]) && looksLikeURI(line[n:])
}

var newline = []byte("\n")

func leadingCRLF(b []byte) int {
	n := 0
	for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
		n++
	}
	return n
}

// methodLength is the length of the token that a space or tab ends, 0 when b begins with no such thing.
func methodLength(b []byte) int {
	for i := range min(len(b), maxMethod+1) {
		if charClass[b[i]]&classToken != 0 {
			continue
		}
		if b[i] == ' ' || b[i] == '\t' {
			return i
		}
		return 0
	}
	return 0
}

// hasVersion says whether b begins with "SIP/", a digit, a dot and a digit; SIP in any case (RFC 3261 section 7.1).
func hasVersion(b []byte) bool {
	return len(b) >= 7 && equalFold(b[:4], "sip/") && b[4]-'0' < 10 && b[5] == '.' && b[6]-'0' < 10
}

// cutRequestLine divides a line whose method is n bytes long. version is nil when the last word is no SIP version;
// sloppy says that there are other separators than one space each.
func cutRequestLine(line []byte, n int) (uri []byte, sloppy bool, version []byte) {
	rest := line[n:]
	if len(rest) > 0 && rest[len(rest)-1] == '\r' {
		rest = rest[:len(rest)-1]
	}
	whole := trimRight(rest)
	sloppy = len(whole) != len(rest)
	last := bytes.LastIndexAny(whole, " \t")
	if last < 0 {
		return nil, true, nil
	}
	if word := whole[last+1:]; hasVersion(word) || len(word) >= 4 && equalFold(word[:4], "sip/") {
		version = word
		whole = whole[:last]
	} else {
		sloppy = true
		last = len(whole)
	}
	uri = trim(whole)
	return uri, sloppy || len(uri) != len(whole)-1 || rest[0] != ' ' || last < len(rest) && rest[last] != ' ', version
}

// looksLikeURI says whether the first word after a method is a URI that only telephony uses.
func looksLikeURI(b []byte) bool {
	b = trimLeft(b)
	return len(b) >= 4 && (equalFold(b[:4], "sip:") || equalFold(b[:4], "tel:") ||
		len(b) >= 5 && equalFold(b[:5], "sips:") ||
		len(b) >= 12 && equalFold(b[:12], "urn:service:"))
}

// knownMethod says whether a method is of the IANA registry. Methods have one case (RFC 3261 section 7.1).
func knownMethod(b []byte) bool {
	switch string(b) {
	case "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO",
		"REFER", "MESSAGE", "UPDATE":
		return true
	}
	return false
}

// readStartLine fills the start line's fields from a line without its LF; false when it is not one of SIP.
func (m *Message) readStartLine(line []byte) bool {
	if hasVersion(line) && len(line) > 7 && (line[7] == ' ' || line[7] == '\t') {
		m.readStatusLine(bytes.TrimSuffix(line, carriageReturn))
		return true
	}
	n := methodLength(line)
	if n == 0 {
		return false
	}
	uri, sloppy, version := cutRequestLine(line, n)
	if version == nil && !(knownMethod(line[:n]) && looksLikeURI(uri)) {
		return false
	}
	m.Request, m.Method, m.RequestURI = true, line[:n:n], slices.Clip(uri)
	if sloppy {
		m.Defects |= BadStartLine
	}
	if version != nil && string(version[3:]) != "/2.0" {
		m.Defects |= BadVersion
	}
	if len(uri) == 0 || bytes.IndexByte(uri, '<') >= 0 || spaceIndex(uri) >= 0 {
		m.Defects |= BadURI // RFC 4475 sections 3.1.2.7 and 3.1.2.8
	}
	return true
}

var carriageReturn = []byte("\r")

// readStatusLine reads "SIP/2.0 SP 3DIGIT SP Reason-Phrase" (RFC 3261 section 7.2).
func (m *Message) readStatusLine(line []byte) {
	if string(line[3:7]) != "/2.0" {
		m.Defects |= BadVersion
	}
	rest := trimLeft(line[8:])
	if line[7] != ' ' || len(rest) != len(line)-8 {
		m.Defects |= BadStartLine
	}
	digits := rest
	if i := spaceIndex(rest); i >= 0 {
		digits = rest[:i]
		m.Reason = trim(rest[i:])
	} else {
		m.Defects |= BadStartLine // even an empty phrase has its space before
	}
	if n, ok := number(digits, 699); ok && len(digits) == 3 && n >= 100 {
		m.Status = int(n)
	} else {
		m.Defects |= BadStatus
	}
}

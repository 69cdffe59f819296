// Package sip is a lenient, zero-copy view of SIP messages, of their URIs, Via and other structured headers, and of SDP.
//
// A monitor sees what is on the wire, not what should be: Parse reads all that it can and reports the rest as Defects.
// Every []byte that this package returns is a part of the payload that was parsed: nobody writes through it, and it is
// valid as long as the payload is.
package sip

import (
	"bytes"
	"math"
	"unicode/utf8"
)

const (
	// MaxFields is how many header fields the index keeps.
	MaxFields = 128
	// MaxMessage is the length over which a message has the defect Oversize: what one UDP datagram can hold at most.
	MaxMessage = math.MaxUint16
	// MaxField is the length over which a header field makes the defect OversizeHeader.
	MaxField = 8192
)

// Message is a view over one payload. The zero value is ready; reuse it for the next payload, since it is about 2 KiB.
type Message struct {
	Raw        []byte  // what was parsed, without CRLFs before the start line
	Request    bool    // a request, else a response
	Method     []byte  // of the request line; nil for a response
	RequestURI []byte  // the request line's URI as it is written; nil for a response
	Status     int     // 100 to 699; 0 for a request and where the code is none of these
	Reason     []byte  // the reason phrase of a response, perhaps empty
	Defects    Defects // what Parse saw; Check adds what is wrong inside header values

	headerEnd  int // where the body begins in Raw
	bodyEnd    int
	cseqNumber uint32
	cseqMethod []byte
	fieldCount int
	first      [headerCount]uint8 // 1 + index of the first field of each known header, 0 when absent
	last       [headerCount]uint8
	fields     [MaxFields]field
}

// field is one header field. Offsets are into Raw.
type field struct {
	name, value, valueEnd uint32
	nameLength            uint16
	header                Header
	next                  uint8 // 1 + index of the next field of the same known header, 0 at the last
}

// Parse makes m a view over b; false when b has no recognisable SIP start line. It never panics, and allocates nothing.
// It indexes the header section in one pass and checks framing, the mandatory headers and CSeq.
func (m *Message) Parse(b []byte) bool {
	m.reset()
	b = b[leadingCRLF(b):]
	if uint64(len(b)) > math.MaxUint32 {
		b = b[:math.MaxUint32] // offsets have 32 bits
	}
	end := bytes.IndexByte(b, '\n')
	line := b
	if end >= 0 {
		line = b[:end]
	}
	if !m.readStartLine(line) {
		m.reset()
		return false
	}
	m.Raw = b
	if len(b) > MaxMessage {
		m.Defects |= Oversize
	}
	if end < 0 {
		m.Defects |= NoEndOfHeaders
		m.headerEnd = len(b)
	} else {
		if end == 0 || b[end-1] != '\r' {
			m.Defects |= BareLF
		}
		m.headerEnd = m.indexFields(end + 1)
	}
	m.checkHeaderBytes()
	m.checkPresence()
	m.readCSeq()
	m.readContentLength()
	return true
}

func (m *Message) reset() {
	m.Raw, m.Method, m.RequestURI, m.Reason, m.cseqMethod = nil, nil, nil, nil, nil
	m.Request, m.Status, m.Defects = false, 0, 0
	m.headerEnd, m.bodyEnd, m.cseqNumber, m.fieldCount = 0, 0, 0, 0
	m.first, m.last = [headerCount]uint8{}, [headerCount]uint8{}
}

// indexFields walks the header section from at, and gives where the body begins.
func (m *Message) indexFields(at int) int {
	b := m.Raw
	var open *field // the field whose value a folded line continues
	for at < len(b) {
		next := len(b)
		end := len(b)
		if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
			end = at + i
			next = end + 1
			if i > 0 && b[end-1] == '\r' {
				end--
			} else {
				m.Defects |= BareLF
			}
		} else if b[end-1] == '\r' {
			end--
		}
		switch {
		case end == at:
			if next == at+1 || next == at+2 && b[next-1] == '\n' {
				return next
			}
		case b[at] == ' ' || b[at] == '\t':
			if open != nil {
				open.extend(b, at, end)
				if end-int(open.name) > MaxField {
					m.Defects |= OversizeHeader
				}
			} else if m.fieldCount == 0 {
				m.Defects |= BadHeaderLine // nothing to continue but the start line
			}
		default:
			open = m.addField(at, end)
		}
		at = next
	}
	m.Defects |= NoEndOfHeaders
	return len(b)
}

// addField indexes one line as a field; nil when it is none or there is no room.
func (m *Message) addField(at, end int) *field {
	line := m.Raw[at:end]
	if len(line) > MaxField {
		m.Defects |= OversizeHeader
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		m.Defects |= BadHeaderLine
		return nil
	}
	name := line[:colon]
	for len(name) > 0 && (name[len(name)-1] == ' ' || name[len(name)-1] == '\t') {
		name = name[:len(name)-1] // HCOLON of RFC 3261 section 25.1 lets white space stand before the colon
	}
	if len(name) > math.MaxUint16 {
		m.Defects |= BadHeaderLine
		return nil
	}
	if m.fieldCount == MaxFields {
		m.Defects |= TooManyHeaders
		return nil
	}
	h := lookupHeader(name)
	if h == HeaderOther && !allOf(name, classToken) {
		m.Defects |= BadHeaderLine
	}
	f := &m.fields[m.fieldCount]
	m.fieldCount++
	*f = field{name: uint32(at), nameLength: uint16(len(name)), header: h}
	f.value = uint32(at + colon + 1)
	f.valueEnd = f.value
	f.extend(m.Raw, at+colon+1, end)
	if h == HeaderOther {
		return f
	}
	if m.first[h] == 0 {
		m.first[h] = uint8(m.fieldCount)
	} else {
		m.fields[m.last[h]-1].next = uint8(m.fieldCount)
		if singleHeaders[h] {
			m.Defects |= DuplicateSingle
		}
	}
	m.last[h] = uint8(m.fieldCount)
	return f
}

// extend lets the value go on to what stands between at and end, without the white space around. Only the new bytes are
// looked at: thousands of empty folds must not cost their square.
func (f *field) extend(b []byte, at, end int) {
	for at < end && isSpace(b[at]) {
		at++
	}
	for end > at && isSpace(b[end-1]) {
		end--
	}
	if at == end {
		return
	}
	if f.value == f.valueEnd {
		f.value = uint32(at)
	}
	f.valueEnd = uint32(end)
}

// checkHeaderBytes looks for bytes that have no place in a header section.
func (m *Message) checkHeaderBytes() {
	b := m.Raw[:m.headerEnd]
	for rest := b; ; {
		i := bytes.IndexByte(rest, 0)
		if i < 0 {
			break
		}
		if i == 0 || rest[i-1] != '\\' {
			m.Defects |= NULByte
			break
		}
		rest = rest[i+1:]
	}
	if !utf8.Valid(b) {
		m.Defects |= InvalidUTF8
	}
}

// checkPresence sees that the headers of RFC 3261 section 8.1.1 are there.
func (m *Message) checkPresence() {
	if m.first[HeaderCallID] == 0 {
		m.Defects |= MissingCallID
	}
	if m.first[HeaderFrom] == 0 {
		m.Defects |= MissingFrom
	}
	if m.first[HeaderTo] == 0 {
		m.Defects |= MissingTo
	}
	if m.first[HeaderVia] == 0 {
		m.Defects |= MissingVia
	}
	if m.first[HeaderCSeq] == 0 {
		m.Defects |= MissingCSeq
	}
	if m.Request && m.first[HeaderMaxForwards] == 0 {
		m.Defects |= MissingMaxForwards
	}
}

// readCSeq reads "1*DIGIT LWS Method" (RFC 3261 section 20.16; the number is under 2^31, section 8.1.1.5).
func (m *Message) readCSeq() {
	v := m.Get(HeaderCSeq)
	if v == nil {
		return
	}
	digits, method := v, []byte(nil)
	if i := spaceIndex(v); i >= 0 {
		var more []byte
		digits = v[:i]
		if method, more = word(trimLeft(v[i:])); len(more) > 0 {
			m.Defects |= BadCSeq
		}
	}
	n, ok := number(digits, math.MaxInt32)
	if ok {
		m.cseqNumber = uint32(n)
	}
	if !ok || len(method) == 0 || !allOf(method, classToken) {
		m.Defects |= BadCSeq
	}
	if len(method) == 0 {
		return
	}
	m.cseqMethod = method
	if m.Request && !bytes.Equal(method, m.Method) {
		m.Defects |= CSeqMethodMismatch
	}
}

// readContentLength finds where the body ends: where Content-Length says, if that is sane, else at the end of Raw.
func (m *Message) readContentLength() {
	m.bodyEnd = len(m.Raw)
	v := m.Get(HeaderContentLength)
	if v == nil {
		return
	}
	n, ok := number(v, math.MaxUint32)
	if !ok {
		m.Defects |= BadContentLength
		return
	}
	if m.differingLengths(v) {
		return // RFC 4475 section 3.3.9: nobody can know
	}
	switch have := uint64(len(m.Raw) - m.headerEnd); {
	case n > have:
		m.Defects |= ContentLengthLong
	case n < have:
		m.Defects |= ContentLengthShort
		m.bodyEnd = m.headerEnd + int(n)
	}
}

func (m *Message) differingLengths(first []byte) bool {
	for i := m.first[HeaderContentLength]; i != 0; i = m.fields[i-1].next {
		if !bytes.Equal(m.value(i), first) {
			return true
		}
	}
	return false
}

// value is the value of the field with the 1-based index i, its capacity cut.
func (m *Message) value(i uint8) []byte {
	f := &m.fields[i-1]
	return m.Raw[f.value:f.valueEnd:f.valueEnd]
}

func (m *Message) name(i uint8) []byte {
	f := &m.fields[i-1]
	return m.Raw[f.name : f.name+uint32(f.nameLength)]
}

package sip

import (
	"bytes"
	"math"
)

// Check looks into the header values, adds what is wrong there to m.Defects, and gives all of them. It costs a few
// times as much as Parse, allocates nothing, and leaves the body's SDP to SDP.Parse.
func (m *Message) Check() Defects {
	d := m.Defects
	if bareCR(m.Raw[:m.headerEnd]) {
		d |= BareCR
	}
	if m.Request {
		d |= checkRequestURI(m.RequestURI)
	}
	if id := m.CallID(); id != nil && (len(id) == 0 || !allOf(id, classWord)) {
		d |= BadCallID
	}
	if v := m.Get(HeaderFrom); v != nil {
		a, found := ParseAddress(v)
		d |= found | emptyParams(a.Params)
		if a.Tag == nil {
			d |= MissingFromTag
		}
	}
	if v := m.Get(HeaderTo); v != nil {
		a, found := ParseAddress(v)
		d |= found | emptyParams(a.Params)
	}
	for _, h := range addressLists {
		if m.first[h] != 0 {
			d |= m.checkAddresses(h)
		}
	}
	d |= m.checkVias() | m.checkNumbers()
	if v := m.Get(HeaderDate); v != nil && !isDate(v) {
		d |= BadDate
	}
	if v := m.Get(HeaderContentType); v != nil && m.headerEnd < m.bodyEnd {
		d |= checkMultipart(v, m.Body())
	}
	m.Defects = d
	return d
}

// addressLists are the lists whose values are addresses with parameters.
var addressLists = [...]Header{
	HeaderContact, HeaderRoute, HeaderRecordRoute, HeaderPath, HeaderServiceRoute,
	HeaderPAssertedIdentity, HeaderDiversion, HeaderReferTo,
}

// bareCR says whether a CR stands without its LF.
func bareCR(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			return false
		}
		if i+1 < len(b) && b[i+1] != '\n' {
			return true
		}
		b = b[i+1:]
	}
}

func checkRequestURI(b []byte) Defects {
	u, d := ParseURI(b)
	if u.Headers != nil {
		d |= EscapedHeaderInURI // RFC 4475 section 3.1.2.11
	}
	return d
}

func (m *Message) checkAddresses(h Header) Defects {
	var d Defects
	for v := range m.Values(h) {
		a, found := ParseAddress(v)
		d |= found&^UnknownScheme | emptyParams(a.Params) // a Contact may be of any scheme
		if h != HeaderContact {
			continue
		}
		if e, ok := a.Param("expires"); ok && !isNumber(e, math.MaxUint32) {
			d |= BadNumber
		}
	}
	return d
}

// emptyParams says whether a parameter has no name (RFC 4475 section 3.1.2.1).
func emptyParams(params []byte) Defects {
	if params == nil {
		return 0
	}
	for more := true; more; {
		var one []byte
		one, params, more = cutOutside(params, ';')
		name, _, _ := cut(one, '=')
		if name = trim(name); len(name) == 0 || !allOf(name, classToken) {
			return BadAddress
		}
	}
	return 0
}

func (m *Message) checkVias() Defects {
	var d Defects
	top := true
	for v := range m.Values(HeaderVia) {
		via, found := ParseVia(v)
		d |= found
		if top && (!via.Magic() || len(via.Branch) == len(magicCookie)) {
			d |= NoMagicCookie
		}
		top = false
		if string(via.Host) == "255.255.255.255" {
			d |= BroadcastVia
		}
	}
	return d
}

// checkNumbers holds the values of RFC 4475 sections 3.1.2.4 and 3.1.2.5 against their ranges.
func (m *Message) checkNumbers() Defects {
	if v := m.Get(HeaderMaxForwards); v != nil && !isNumber(v, 255) {
		return BadNumber
	}
	for _, h := range deltaSeconds {
		v := m.Get(h)
		if v == nil {
			continue
		}
		// Retry-After may have a comment after the number, and all but Expires may have parameters.
		end := bytes.IndexAny(v, " \t\r\n;(")
		if end < 0 {
			end = len(v)
		}
		if !isNumber(v[:end], math.MaxUint32) {
			return BadNumber
		}
	}
	for v := range m.Values(HeaderWarning) {
		code, _ := word(v)
		if len(code) != 3 || !isNumber(code, 999) {
			return BadNumber
		}
	}
	return 0
}

var deltaSeconds = [...]Header{
	HeaderExpires, HeaderMinExpires, HeaderRetryAfter, HeaderSessionExpires, HeaderMinSE, HeaderRSeq,
}

func isNumber(b []byte, limit uint64) bool {
	_, ok := number(b, limit)
	return ok
}

// isDate says whether b is as "Sat, 13 Nov 2010 23:29:00 GMT" (RFC 3261 section 20.17): the places only, not the calendar.
func isDate(b []byte) bool {
	const form = "Aaa, 00 Aaa 0000 00:00:00 GMT"
	if len(b) != len(form) {
		return false
	}
	for i := range len(form) {
		switch form[i] {
		case '0':
			if b[i]-'0' > 9 {
				return false
			}
		case 'A', 'a':
			if lowerCase(b[i])-'a' > 25 {
				return false
			}
		default:
			if b[i] != form[i] {
				return false
			}
		}
	}
	return true
}

package sip

import (
	"bytes"
	"slices"
)

// Address is a view of a name-addr or addr-spec with its header parameters: From, To, Contact, Route, P-Asserted-Identity.
type Address struct {
	Display []byte // without quotes; AppendUnquoted resolves backslashes; nil when there is none
	URI     URI
	Tag     []byte // of From and To; nil when there is none
	Params  []byte // the header's parameters, without the ";" before: tag, expires, q, +sip.instance ...
}

// ParseAddress reads one address and says what is wrong with it: BadAddress, UnterminatedQuote, UnbracketedURI, and
// what ParseURI says of its URI. It gives what it could read in any case. RFC 3261 section 20.10.
func ParseAddress(b []byte) (Address, Defects) {
	var a Address
	var defects Defects
	b = trim(b)
	rest := b
	if len(rest) > 0 && rest[0] == '"' {
		if end := quoteEnd(rest); end >= 0 {
			a.Display, rest = rest[1:end:end], rest[end+1:]
		} else {
			defects |= UnterminatedQuote
			rest = rest[1:]
		}
	}
	var uri []byte
	if open := bytes.IndexByte(rest, '<'); open >= 0 {
		if name := trim(rest[:open]); a.Display == nil && len(name) > 0 {
			a.Display = slices.Clip(name)
			if defects == 0 && !isDisplayName(name) {
				defects |= BadAddress // RFC 4475 section 3.1.2.15
			}
		} else if len(name) > 0 {
			defects |= BadAddress
		}
		var closed bool
		uri, rest, closed = cut(rest[open+1:], '>')
		if !closed {
			defects |= BadAddress
		}
		if rest = trimLeft(rest); len(rest) > 0 {
			if rest[0] != ';' {
				defects |= BadAddress
			} else {
				rest = rest[1:]
			}
		}
	} else {
		if a.Display != nil {
			defects |= BadAddress // a quoted name needs brackets
		}
		// Without brackets the parameters are the header's, not the URI's (RFC 3261 section 20).
		uri, rest, _ = cut(rest, ';')
		uri = trim(uri)
		if bytes.IndexByte(uri, '?') >= 0 || bytes.IndexByte(uri, ',') >= 0 {
			defects |= UnbracketedURI
		}
	}
	var d Defects
	a.URI, d = ParseURI(slices.Clip(uri))
	a.Params = trim(rest)
	if len(a.Params) == 0 {
		a.Params = nil
	} else {
		a.Tag, _ = param(a.Params, ';', "tag")
	}
	return a, defects | d
}

// isDisplayName says whether b is what may stand unquoted before "<": tokens and white space.
func isDisplayName(b []byte) bool {
	for _, c := range b {
		if charClass[c]&(classToken|classSpace) == 0 {
			return false
		}
	}
	return true
}

// Param gives the value of a header parameter by name in any case, without quotes, and whether it is there at all.
func (a Address) Param(name string) ([]byte, bool) { return param(a.Params, ';', name) }

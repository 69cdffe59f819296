package sip

import "bytes"

// URI is a view of a URI. Escapes (%XX) stay as they are; AppendUnescaped resolves them.
//
//	sip, sips   User, Password, Host, Port, Params, Headers
//	tel         User is the number as it is written; Params
//	urn         Host is all after "urn:", as "service:sos"; Params
//	others      Host is all after the scheme
//
// "*" is a Host without a scheme, and so is what cannot be understood.
type URI struct {
	Scheme, User, Password []byte
	Host                   []byte // of an IPv6 reference without its brackets
	Port                   uint16 // 0 when it is not given
	Params, Headers        []byte // without the ";" and "?" before
}

// ParseURI reads a URI and says what is wrong with it: BadURI, UnknownScheme, LooseIPv6. It gives what it could read
// in any case. RFC 3261 section 19.1, RFC 3966, RFC 5031.
func ParseURI(b []byte) (URI, Defects) {
	var defects Defects
	whole := trim(b)
	if len(whole) != len(b) || len(whole) == 0 || spaceIndex(whole) >= 0 {
		defects = BadURI
	}
	if len(whole) == 1 && whole[0] == '*' {
		return URI{Host: whole}, defects
	}
	if len(whole) > 1 && whole[0] == '<' {
		defects |= BadURI
		whole, _, _ = bytes.Cut(whole[1:], closingBracket)
	}
	colon := schemeLength(whole)
	if colon == 0 {
		u, d := parseSIPURI(whole)
		return u, defects | d | BadURI
	}
	scheme, rest := whole[:colon:colon], whole[colon+1:]
	var u URI
	switch {
	case equalFold(scheme, "sip"), equalFold(scheme, "sips"):
		var d Defects
		u, d = parseSIPURI(rest)
		defects |= d
	case equalFold(scheme, "tel"):
		u.User, u.Params, _ = cut(rest, ';')
		if len(u.User) == 0 {
			defects |= BadURI
		}
	case equalFold(scheme, "urn"):
		u.Host, u.Params, _ = cut(rest, ';')
		if len(u.Host) == 0 {
			defects |= BadURI
		}
	default:
		u.Host = rest
		defects |= UnknownScheme
	}
	u.Scheme = scheme
	return u, defects
}

var closingBracket = []byte(">")

// schemeLength is where the colon after the scheme stands, 0 when there is no scheme.
func schemeLength(b []byte) int {
	for i, c := range b {
		if c == ':' {
			return i
		}
		if charClass[c]&classScheme == 0 || i == 0 && lowerCase(c)-'a' >= 26 {
			return 0
		}
	}
	return 0
}

// parseSIPURI reads what follows "sip:".
func parseSIPURI(b []byte) (URI, Defects) {
	var u URI
	var defects Defects
	// The user part may hold ";" and "?" unescaped, so the "@" comes first (RFC 4475 sections 3.1.1.2 and 3.1.1.9).
	user, rest, found := cut(b, '@')
	if !found {
		rest = b
	} else {
		// A user part with a bare "@" in it is an error, and common where mail addresses are accounts.
		end := bytes.IndexAny(rest, ";?")
		if end < 0 {
			end = len(rest)
		}
		if at := bytes.LastIndexByte(rest[:end], '@'); at >= 0 {
			defects |= BadURI
			cutAt := len(user) + 1 + at
			user, rest = b[:cutAt:cutAt], b[cutAt+1:]
		}
		if len(user) == 0 || !allOf(user, classUser) {
			if defects |= BadURI; len(user) == 0 {
				user = nil
			}
		}
		u.User, u.Password, _ = cut(user, ':')
	}
	rest, u.Headers, _ = cut(rest, '?')
	rest, u.Params, _ = cut(rest, ';')
	var d Defects
	u.Host, u.Port, d = parseHostPort(rest)
	if d.Has(BadVia) {
		d = d&^BadVia | BadURI
	}
	return u, defects | d
}

// cut is bytes.Cut at a byte, the part before with its capacity cut.
func cut(b []byte, sep byte) (before, after []byte, found bool) {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i:i], b[i+1:], true
	}
	return b, nil, false
}

// parseHostPort reads "host [ : port ]" with an IPv6 reference as the host too. The defect for what is wrong is BadVia,
// which the reader of a URI renames.
func parseHostPort(b []byte) (host []byte, port uint16, defects Defects) {
	var after []byte
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return b[1:], 0, BadVia
		}
		host, after = b[1:end:end], trimLeft(b[end+1:])
		if a, ok := ParseAddr(host); !ok || a.Is4() {
			defects |= LooseIPv6
		}
		if len(after) > 0 {
			if after[0] != ':' {
				return host, 0, defects | BadVia
			}
			after = after[1:]
		} else {
			return host, 0, defects
		}
	} else {
		var found bool
		host, after, found = cut(b, ':')
		host = trimRight(host)
		if found && bytes.IndexByte(after, ':') >= 0 {
			return b, 0, BadVia // an IPv6 address without brackets: RFC 5118 section 4.2
		}
		if len(host) == 0 || !allOf(host, classHost) {
			defects |= BadVia
		}
		if !found {
			return host, 0, defects
		}
	}
	n, ok := number(trim(after), 65535)
	if !ok {
		defects |= BadVia
	}
	return host, uint16(n), defects
}

// Param gives the value of a URI parameter by name in any case, and whether it is there at all. A parameter without a
// value has an empty one.
func (u URI) Param(name string) ([]byte, bool) { return param(u.Params, ';', name) }

// Header gives the value of a header that a URI carries after its "?", as Replaces in Refer-To; still escaped.
func (u URI) Header(name string) ([]byte, bool) { return param(u.Headers, '&', name) }

// IsSIP says whether the scheme is sip or sips.
func (u URI) IsSIP() bool { return equalFold(u.Scheme, "sip") || equalFold(u.Scheme, "sips") }

// IsTel says whether the scheme is tel.
func (u URI) IsTel() bool { return equalFold(u.Scheme, "tel") }

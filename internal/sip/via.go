package sip

// Via is a view of one Via value (RFC 3261 section 20.42, RFC 3581).
type Via struct {
	Transport []byte // UDP, TCP, TLS, SCTP, WS, WSS ... as it is written
	Host      []byte // sent-by, of an IPv6 reference without its brackets
	Port      uint16 // of sent-by, 0 when it is not given
	Branch    []byte // nil when there is none
	Received  []byte // the address without brackets, nil when there is none
	RPort     uint16 // 0 when it is not there or has no value; Param("rport") tells these apart
	Params    []byte // without the ";" before
}

// ParseVia reads one Via value and says what is wrong with it: BadVia, LooseIPv6. It gives what it could read in any case.
func ParseVia(b []byte) (Via, Defects) {
	var v Via
	b = trim(b)
	head, params, hasParams := cut(b, ';')
	defects := v.readHead(head)
	if !hasParams {
		return v, defects
	}
	v.Params = params
	for len(params) > 0 {
		var name, value []byte
		name, value, params = nextParam(params, ';')
		switch {
		case len(name) == 0:
			defects |= BadVia
		case equalFold(name, "branch"):
			v.Branch = value
		case equalFold(name, "received"):
			v.Received = value
			if len(value) > 1 && value[0] == '[' && value[len(value)-1] == ']' {
				v.Received = value[1 : len(value)-1]
				defects |= LooseIPv6 // RFC 5118 section 4.5
			}
		case equalFold(name, "rport"):
			n, ok := number(value, 65535)
			if !ok && len(value) > 0 {
				defects |= BadVia
			}
			v.RPort = uint16(n)
		}
	}
	return v, defects
}

// readHead reads sent-protocol and sent-by, all before the parameters.
func (v *Via) readHead(head []byte) Defects {
	// sent-protocol is name SLASH version SLASH transport, and SLASH has white space around.
	name, rest, ok1 := cut(head, '/')
	version, rest, ok2 := cut(rest, '/')
	if !ok1 || !ok2 || !allOf(trim(name), classToken) || !allOf(trim(version), classToken) {
		return BadVia
	}
	rest = trim(rest)
	end := spaceIndex(rest)
	if end < 0 {
		v.Transport = rest
		return BadVia
	}
	v.Transport = rest[:end:end]
	var defects Defects
	v.Host, v.Port, defects = parseHostPort(trimLeft(rest[end:]))
	if !allOf(v.Transport, classToken) {
		defects |= BadVia
	}
	return defects
}

// Magic says whether the branch begins with the cookie of RFC 3261 section 8.1.1.7, which makes it unique in time and space.
func (v Via) Magic() bool { return len(v.Branch) >= 7 && string(v.Branch[:7]) == magicCookie }

const magicCookie = "z9hG4bK"

// Param gives the value of a parameter by name in any case, and whether it is there at all.
func (v Via) Param(name string) ([]byte, bool) { return param(v.Params, ';', name) }

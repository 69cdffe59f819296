package sip

// ParseReason reads one value of a Reason header (RFC 3326): "Q.850;cause=16;text=...". cause is 0 when it is not
// given; text has no quotes and is nil when it is not given.
func ParseReason(b []byte) (protocol []byte, cause int, text []byte) {
	protocol, params, _ := cut(trim(b), ';')
	protocol = trim(protocol)
	if v, ok := param(params, ';', "cause"); ok {
		n, _ := number(v, 1<<31-1)
		cause = int(n)
	}
	text, _ = param(params, ';', "text")
	return protocol, cause, text
}

// DigestParam gives a parameter of Authorization, WWW-Authenticate and their kin (username, realm, nonce, response ...)
// without quotes; nil when it is not there. RFC 3261 section 20.7, RFC 7616.
func DigestParam(header []byte, name string) []byte {
	header = trim(header)
	i := spaceIndex(header)
	if i < 0 {
		return nil
	}
	v, ok := param(header[i:], ',', name)
	if !ok {
		return nil
	}
	return v
}

// Param gives a parameter of a list that semicolons divide, by name in any case, without quotes; nil when it is not there.
// It reads what stands behind a header's value, and headers that are nothing else, as P-Charging-Vector (RFC 7315 section 5.6).
func Param(list []byte, name string) []byte {
	v, _ := param(list, ';', name)
	return v
}

// HasParam reports whether a list that semicolons divide has a parameter, with or without a value.
func HasParam(list []byte, name string) bool {
	_, ok := param(list, ';', name)
	return ok
}

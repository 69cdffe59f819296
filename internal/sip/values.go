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

package sip

import (
	"bytes"
	"net/netip"
)

// ParseAddr reads an IP address without allocating: dotted IPv4, or IPv6 as RFC 4291 section 2.2 writes it, with or
// without brackets, without a zone. It accepts what netip.ParseAddr accepts.
func ParseAddr(b []byte) (netip.Addr, bool) {
	if len(b) > 2 && b[0] == '[' && b[len(b)-1] == ']' {
		b = b[1 : len(b)-1]
	}
	for _, c := range b {
		switch c {
		case '.':
			a, ok := parseIPv4(b)
			if !ok {
				return netip.Addr{}, false
			}
			return netip.AddrFrom4(a), true
		case ':':
			a, ok := parseIPv6(b)
			return a, ok
		}
	}
	return netip.Addr{}, false
}

func parseIPv4(b []byte) (a [4]byte, ok bool) {
	for i := range 4 {
		part := b
		if i < 3 {
			var found bool
			if part, b, found = cut(b, '.'); !found {
				return a, false
			}
		}
		n, ok := number(part, 255)
		if !ok || len(part) > 1 && part[0] == '0' {
			return a, false
		}
		a[i] = byte(n)
	}
	return a, true
}

func parseIPv6(b []byte) (netip.Addr, bool) {
	var a [16]byte
	at, gap := 0, -1 // bytes written; where "::" stood
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		gap, b = 0, b[2:]
	}
	for len(b) > 0 {
		if at == 16 {
			return netip.Addr{}, false
		}
		group, rest, more := cut(b, ':')
		if !more && at <= 12 && (gap >= 0 || at == 12) && bytes.IndexByte(group, '.') >= 0 {
			v4, ok := parseIPv4(group)
			if !ok {
				return netip.Addr{}, false
			}
			at += copy(a[at:], v4[:])
			break
		}
		n, ok := hexGroup(group)
		if !ok {
			return netip.Addr{}, false
		}
		a[at], a[at+1] = byte(n>>8), byte(n)
		at += 2
		if !more {
			break
		}
		if len(rest) == 0 {
			return netip.Addr{}, false // a single colon at the end
		}
		if rest[0] == ':' {
			if gap >= 0 {
				return netip.Addr{}, false
			}
			gap, rest = at, rest[1:]
		}
		b = rest
	}
	if gap < 0 {
		return netip.AddrFrom16(a), at == 16
	}
	if at == 16 {
		return netip.Addr{}, false
	}
	var whole [16]byte
	copy(whole[:], a[:gap])
	copy(whole[16-(at-gap):], a[gap:at])
	return netip.AddrFrom16(whole), true
}

func hexGroup(b []byte) (n uint16, ok bool) {
	if len(b) == 0 || len(b) > 4 {
		return 0, false
	}
	for _, c := range b {
		d := unhex(c)
		if d > 15 {
			return 0, false
		}
		n = n<<4 | uint16(d)
	}
	return n, true
}

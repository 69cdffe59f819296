package thin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"iter"

	"github.com/earshot-voip/earshot/internal/sip"
)

// numbers masks the digits of user parts and display names where they stand.
type numbers struct {
	keep   int
	mac    hash.Hash // nil: stars
	whole  []byte    // the hash of all digits of a number
	common []byte    // that of those which its forms have in common
	digits []byte
	masked bool // since the caller made it false
}

func newNumbers(opt Options) numbers {
	n := numbers{keep: opt.Keep}
	if opt.Mask == MaskHash {
		n.mac = hmac.New(sha256.New, opt.Key)
	}
	return n
}

// commonDigits at its end are what the forms of a number have in common, without
// the prefixes of country and trunk: links between legs are found by them.
const commonDigits = 7

// mask overwrites every digit of b but the last that are kept; a "+" and visual
// separators (RFC 3966 section 5.1.1) stay where they are. A hash is of the
// digits alone, and what is common to the forms of a number stays common.
func (n *numbers) mask(b []byte) {
	n.digits = n.digits[:0]
	for i := range digits(b) {
		n.digits = append(n.digits, b[i])
	}
	left := len(n.digits) - n.keep
	if left <= 0 {
		return
	}
	n.masked = true
	if n.mac != nil {
		n.whole = n.sum(n.whole[:0], n.digits)
		n.common = n.sum(n.common[:0], n.digits[max(0, len(n.digits)-commonDigits):])
	}
	at := 0
	for i := range digits(b) {
		if at == left {
			break
		}
		switch {
		case n.mac != nil:
			b[i] = n.digit(len(n.digits) - 1 - at)
		case isEscape(b, i-2):
			b[i-1], b[i] = '2', 'A' // "%2A" is a star
		default:
			b[i] = '*'
		}
		at++
	}
}

func (n *numbers) sum(to, digits []byte) []byte {
	n.mac.Reset()
	n.mac.Write(digits)
	return n.mac.Sum(to)
}

// digit is that which a hash puts so many places before the last.
func (n *numbers) digit(place int) byte {
	if place < commonDigits {
		return '0' + n.common[place]%10
	}
	return '0' + n.whole[place%len(n.whole)]%10
}

// digits gives where the digits of b stand: of one that is escaped ("%35", RFC
// 3261 section 19.1.2) the last byte. Those of other escapes are none.
func digits(b []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < len(b); i++ {
			if isEscape(b, i) {
				i += 2
				if b[i-1] != '3' {
					continue
				}
			}
			if isDigit(b[i]) && !yield(i) {
				return
			}
		}
	}
}

func isEscape(b []byte, i int) bool {
	return i >= 0 && i+2 < len(b) && b[i] == '%' && isHex(b[i+1]) && isHex(b[i+2])
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func isHex(c byte) bool { return isDigit(c) || (c|0x20)-'a' <= 5 }

// address masks one value of a header that holds addresses.
func (n *numbers) address(value []byte) {
	a, _ := sip.ParseAddress(value)
	n.mask(a.Display)
	if open := bytes.IndexByte(value, '<'); open >= 0 {
		n.uris(value[open:])
		return
	}
	// Without brackets parameters are the header's (RFC 3261 section 20).
	uri, params, _ := bytes.Cut(value, []byte(";"))
	n.uris(uri)
	n.uris(params)
}

// uris masks the number of every sip, sips and tel URI in b.
func (n *numbers) uris(b []byte) {
	for {
		scheme, rest, found := bytes.Cut(b, []byte(":"))
		if !found {
			return
		}
		switch {
		case endsIn(scheme, "sip"), endsIn(scheme, "sips"):
			n.mask(userOf(rest))
		case endsIn(scheme, "tel"):
			n.mask(until(rest, endOfURI+";?,"))
		}
		b = rest
	}
}

// endOfURI are what no URI has in it.
const endOfURI = "<>\" \t\r\n"

func until(b []byte, chars string) []byte {
	if i := bytes.IndexAny(b, chars); i >= 0 {
		return b[:i]
	}
	return b
}

// endsIn reports whether b ends in a scheme, and not in a longer word.
func endsIn(b []byte, scheme string) bool {
	at := len(b) - len(scheme)
	if at < 0 || !bytes.EqualFold(b[at:], []byte(scheme)) {
		return false
	}
	return at == 0 || (b[at-1]|0x20)-'a' >= 26 && !isDigit(b[at-1])
}

// userOf is the user of what follows "sip:", without its parameters and its
// password; or a number in the place of the host, as some phones write it.
func userOf(b []byte) []byte {
	b = until(b, endOfURI)
	user, rest, found := bytes.Cut(b, []byte("@"))
	if !found {
		host := until(b, ":;?,")
		for _, c := range host {
			if !isDigit(c) && c != '+' && c != '-' {
				return nil
			}
		}
		return host
	}
	// A bare "@" in a user part is an error, and common where mail addresses are accounts.
	if at := bytes.LastIndexByte(until(rest, ";?,"), '@'); at >= 0 {
		user = b[:len(user)+1+at]
	}
	return until(user, ":;")
}

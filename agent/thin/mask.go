package thin

import (
	"bytes"
	"slices"
	"strings"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

// mask gives the packet a copy of its payload with numbers masked and bodies
// hidden. No byte moves, so that every length stays true, and the message is to
// any reader what it was but for these digits.
func (f *Filter) mask(p *packet.Packet) Reason {
	f.buf = append(f.buf[:0], p.Payload...)
	m := &f.message
	// The views of m are parts of buf, which is ours to write to.
	if !m.Parse(f.buf) || m.Defects.Has(sip.TooManyHeaders) {
		return Unmaskable // headers that have no place in the index would stay as they are
	}
	f.numbers.masked = false
	hidden := f.hideBodies(m)
	if f.opt.Mask != MaskNone {
		f.maskHeaders(m)
	}
	if hidden {
		f.Counters.Hidden++
	}
	if f.numbers.masked {
		f.Counters.Masked++
	}
	p.Payload = f.buf
	return Kept
}

// addressHeaders have a display name, which is often the number once more.
var addressHeaders = [...]sip.Header{
	sip.HeaderFrom, sip.HeaderTo, sip.HeaderContact, sip.HeaderPAssertedIdentity, sip.HeaderPPreferredIdentity, sip.HeaderRemotePartyID,
	sip.HeaderDiversion, sip.HeaderHistoryInfo, sip.HeaderReferTo, sip.HeaderReferredBy, sip.HeaderPServedUser, sip.HeaderPCalledPartyID,
}

func (f *Filter) maskHeaders(m *sip.Message) {
	n := &f.numbers
	n.uris(m.RequestURI)
	for _, h := range addressHeaders {
		for value := range m.Values(h) {
			n.address(value)
		}
	}
	for name, value := range m.Fields() {
		switch h := sip.HeaderOf(name); h {
		case sip.HeaderCallID, sip.HeaderVia, sip.HeaderReplaces, sip.HeaderJoin, sip.HeaderTargetDialog:
			// They name calls and hops. What looks like a URI there is none.
		case sip.HeaderIdentity:
			token, _, _ := bytes.Cut(value, []byte(";"))
			n.masked = hideToken(token) || n.masked
		case sip.HeaderAuthorization, sip.HeaderProxyAuthorization:
			user, _, _ := bytes.Cut(sip.DigestParam(value, "username"), []byte("@"))
			if bytes.IndexByte(user, ':') < 0 { // else it is a URI
				n.mask(user)
			}
			n.uris(value)
		default:
			if !slices.Contains(addressHeaders[:], h) && !strings.EqualFold(string(name), "In-Reply-To") {
				n.uris(value)
			}
		}
	}
}

// maskRTCP masks the users in source descriptions: a CNAME is user@host (RFC
// 3550 section 6.5.1), and the user often a number.
func (f *Filter) maskRTCP(p *packet.Packet) Reason {
	if !bytes.HasPrefix(p.Payload, []byte("{")) {
		return Unmaskable // binary, as few emitters send it
	}
	f.buf = append(f.buf[:0], p.Payload...)
	f.numbers.masked = false
	for _, rest, found := bytes.Cut(f.buf, sdesText); found; _, rest, found = bytes.Cut(rest, sdesText) {
		text := bytes.TrimLeft(rest, " \t\r\n:")
		text = until(bytes.TrimPrefix(text, []byte(`"`)), `"`)
		if _, isHost := sip.ParseAddr(text); !isHost {
			f.numbers.mask(until(text, "@"))
		}
	}
	if f.numbers.masked {
		f.Counters.Masked++
	}
	p.Payload = f.buf
	return Kept
}

// sdesText is before each text in the JSON of RTCP.
var sdesText = []byte(`"text"`)

// hideToken overwrites a PASSporT (RFC 8225), which has both numbers in base64,
// and reports whether there was any.
func hideToken(token []byte) bool {
	found := false
	for i, c := range token {
		if isDigit(c) || (c|0x20)-'a' < 26 || bytes.IndexByte([]byte("-_.+/="), c) >= 0 {
			token[i], found = '*', true
		}
	}
	return found
}

package thin

import (
	"bytes"
	"strings"

	"github.com/earshot-voip/earshot/internal/sip"
)

// hideBodies hides the parts of a body that must not leave, and masks the
// numbers in those that may: with a mask these are the ones of which it is known
// where numbers stand. It reports whether something was hidden.
func (f *Filter) hideBodies(m *sip.Message) bool {
	hidden, plain := false, len(m.Get(sip.HeaderContentEncoding)) == 0
	for contentType, part := range m.Parts() {
		name, _, _ := strings.Cut(string(contentType), ";")
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case name == "application/sdp", contentType == nil && bytes.HasPrefix(part, []byte("v=0")):
			f.maskLines(part, f.numbers.origin)
		case plain && !f.opt.SDPOnly && (name == "application/vq-rtcpxr" || name == "message/sipfrag"):
			f.maskLines(part, f.numbers.line)
		default:
			hidden = hide(part) || hidden
		}
	}
	return hide(m.Behind()) || hidden
}

func (f *Filter) maskLines(part []byte, mask func(line []byte)) {
	if f.opt.Mask == MaskNone {
		return
	}
	for line := range bytes.Lines(part) {
		mask(line)
	}
}

// origin masks a line of SDP that names the user (RFC 8866 section 5.2), or a
// phone (section 5.6).
func (n *numbers) origin(line []byte) {
	switch {
	case bytes.HasPrefix(line, []byte("o=")):
		n.mask(until(line[2:], " \t\r\n"))
	case bytes.HasPrefix(line, []byte("p=")):
		n.mask(line[2:])
	default:
		n.uris(line)
	}
}

// line masks a line of a report (RFC 6035) or of a piece of SIP (RFC 3420):
// "LocalID: 1001 <sip:1001@example.com>", or a start line.
func (n *numbers) line(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if bytes.IndexByte(value, '<') >= 0 && bytes.IndexByte(name, ' ') < 0 {
		n.address(value)
		return
	}
	n.uris(line)
}

// hide overwrites b but for its line ends, and reports whether there was
// anything to hide.
func hide(b []byte) bool {
	found := false
	for i, c := range b {
		if c != '\r' && c != '\n' {
			b[i], found = '*', true
		}
	}
	return found
}

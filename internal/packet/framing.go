package packet

import (
	"bytes"
	"time"
)

// streamKind is what a TCP stream turned out to be.
type streamKind uint8

const (
	undecided streamKind = iota
	sipStream
	hepStream
	foreign // something else: only counted
	closed  // ended by FIN, RST or the table
)

// How many reads in a row may find no start line before an undecided stream
// counts as foreign. A stream joined in its middle may be within a long body.
const (
	maxMissesOpened = 3
	maxMissesJoined = 12
)

// read takes bytes that continue s, gives the messages they complete, and
// keeps the begin of the next one. A message that lies whole in data is given
// from there, without a copy.
func (d *Decoder) read(s *stream, data []byte, t time.Time) {
	before := len(d.out)
	s.skipped = false
	if len(s.buf) == 0 {
		if n := d.split(s, data, t); n < len(data) {
			s.buf = append([]byte(nil), data[n:]...)
		}
	} else {
		// Packets may alias what is cut off in front: it is not written again.
		s.buf = append(s.buf, data...)
		if s.buf = s.buf[d.split(s, s.buf, t):]; len(s.buf) == 0 {
			s.buf = nil
		}
	}
	switch {
	case s.kind == foreign:
		s.buf, s.scan, s.need = nil, 0, 0
		d.settle(s, &d.stats.Undecoded[s.reason])
	case len(s.buf) > d.opt.StreamBytes:
		d.abandon(s, ReasonTCPBudget)
	case len(d.out) > before:
		d.settle(s, &d.stats.Decoded)
	case len(s.buf) > 0: // held
	case !s.skipped:
		d.settle(s, &d.stats.Control)
	case s.proven:
		d.settle(s, &d.stats.Undecoded[ReasonTCPResync])
	default:
		d.settle(s, &d.stats.Undecoded[ReasonTCPNotSIP])
	}
}

// split gives the messages in b and returns how many bytes are done with.
func (d *Decoder) split(s *stream, b []byte, t time.Time) int {
	at := 0
	for at < len(b) && s.kind != foreign {
		n, more := 0, false
		if s.hep && s.kind != sipStream {
			n, more = d.splitHEP(s, b[at:], t)
		} else {
			n, more = d.splitSIP(s, b[at:], t)
		}
		at += n
		if more {
			break
		}
	}
	return at
}

// splitSIP passes over what precedes a message, or gives one message. It
// returns the bytes it is done with, and whether it needs more.
func (d *Decoder) splitSIP(s *stream, b []byte, t time.Time) (int, bool) {
	if s.scan == 0 { // at the begin of a message
		if n := len(b) - len(bytes.TrimLeft(b, "\r\n")); n > 0 {
			return n, false // keep-alive (RFC 5626 section 3.5.1)
		}
		switch startLine(b) {
		case maybe:
			return 0, true
		case no:
			return d.resync(s, b)
		case yes:
			s.kind, s.misses = sipStream, 0
			d.prove(s)
		}
	}
	if s.need == 0 {
		var end int
		if end, s.scan = headersEnd(b, s.scan); end == 0 {
			return 0, true
		}
		s.need = end + contentLength(b[:end])
		s.scan = end
		if s.need > d.opt.StreamBytes {
			// Too long to wait for. The headers are evidence; the next start
			// line is looked for in what follows them.
			d.stats.Cut++
			return d.give(s, b[:end], KindSIP, t), false
		}
	}
	if len(b) < s.need {
		return 0, true
	}
	return d.give(s, b[:s.need], KindSIP, t), false
}

// resync passes over bytes that begin no message, up to the next start line.
func (d *Decoder) resync(s *stream, b []byte) (int, bool) {
	if s.kind == undecided {
		if r, ok := foreignReason(b); ok {
			s.kind, s.reason = foreign, r
			return len(b), false
		}
	}
	s.skipped = true
	n, found := nextStart(b)
	if found == yes {
		return n, false
	}
	return n, d.missed(s)
}

// missed counts a read without a begin of a message. It returns true: more
// bytes are needed.
func (d *Decoder) missed(s *stream) bool {
	if s.kind == undecided {
		limit := maxMissesJoined
		if s.opened {
			limit = maxMissesOpened
		}
		if s.misses++; s.misses >= limit {
			s.kind, s.reason = foreign, ReasonTCPNotSIP
		}
	}
	return true
}

// splitHEP frames HEP3: "HEP3", then the length of the whole in 2 bytes.
func (d *Decoder) splitHEP(s *stream, b []byte, t time.Time) (int, bool) {
	magic := []byte("HEP3")
	if n := min(len(b), len(magic)); !bytes.Equal(b[:n], magic[:n]) {
		if s.kind == undecided {
			if startLine(b) == yes {
				s.kind = sipStream
				d.prove(s)
				return 0, false
			}
			if r, ok := foreignReason(b); ok {
				s.kind, s.reason = foreign, r
				return len(b), false
			}
		}
		s.skipped = true
		if n := bytes.Index(b, magic); n > 0 {
			return n, false
		}
		n := len(b) - len(magic) + 1
		for n = max(n, 0); !bytes.HasPrefix(magic, b[n:]); n++ {
		}
		return n, d.missed(s)
	}
	if len(b) < 6 {
		return 0, true
	}
	length := int(be.Uint16(b[4:]))
	if length < 6 {
		s.skipped = true
		return len(magic), false
	}
	s.kind, s.misses = hepStream, 0
	d.prove(s)
	if len(b) < length {
		return 0, true
	}
	return d.give(s, b[:length], KindUnknown, t), false
}

// give emits one message and makes ready for the next.
func (d *Decoder) give(s *stream, b []byte, k Kind, t time.Time) int {
	s.scan, s.need = 0, 0
	d.emit(s, b, k, t)
	return len(b)
}

func (d *Decoder) emit(s *stream, b []byte, k Kind, t time.Time) {
	p := d.slot()
	p.Time = t
	p.Src, p.Dst = s.src, s.dst
	p.Transport = TCP
	p.Kind = k
	p.TTL, p.DSCP = s.ttl, s.dscp
	p.VLAN = s.key.vlan
	p.WireLen = s.wireLen
	p.Payload = b
}

// returns tells whether a foreign stream carries SIP after all: a connection
// that was joined in the middle of something long.
func (s *stream) returns(data []byte) bool {
	return s.reason == ReasonTCPNotSIP && startLine(data) == yes
}

// foreignReason recognises what is not plain SIP at the begin of a stream or,
// where it was joined, of a segment.
func foreignReason(b []byte) (Reason, bool) {
	switch {
	case len(b) >= 3 && b[0] >= 20 && b[0] <= 23 && b[1] == 3 && b[2] <= 4:
		return ReasonTLS, true // a record (RFC 8446 section 5.1)
	case bytes.HasPrefix(b, []byte("GET ")), bytes.HasPrefix(b, []byte("HTTP/1.1 101")):
		// The opening handshake (RFC 6455 section 4).
		return ReasonWebSocket, bytes.Contains(bytes.ToLower(b), []byte("websocket"))
	case len(b) > 4 && b[0]&0xf0 == 0x80 && b[1] == 126:
		// An unmasked frame (RFC 6455 section 5.2) of 126 bytes and more.
		return ReasonWebSocket, startLine(b[4:]) == yes
	}
	return 0, false
}

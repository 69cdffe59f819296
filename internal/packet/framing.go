package packet

import (
	"bytes"
	"time"
)

// streamKind is what an octet stream turned out to be.
type streamKind uint8

const (
	undecided streamKind = iota
	sipStream
	hepStream
	webSocketStream
	tlsRecords
	foreign // something else: only counted
	closed  // ended by FIN, RST or the table
)

// framing is how messages are found in an octet stream.
type framing struct {
	kind      streamKind
	transport Transport
	reason    Reason // why a foreign stream gives nothing
	hep       bool   // HEP3 may be in it
	opened    bool   // its begin was seen
	misses    int    // reads that found no begin of a message, while undecided

	buf     []byte // in order, from the begin of a message on
	scan    int    // the headers do not end before it
	need    int    // length of the message that begins buf, 0 until known
	skipped bool   // the latest read passed over bytes that gave no message,
	why     Reason // and for this reason

	web webSocket // valid iff kind is webSocketStream
}

// waiting is the number of bytes that wait for more.
func (f *framing) waiting() int { return len(f.buf) + len(f.web.message) }

// drop lets go of what waits for more.
func (f *framing) drop() {
	f.buf, f.scan, f.need, f.web.message = nil, 0, 0, nil
}

// skip notes that bytes gave no message.
func (f *framing) skip(why Reason) { f.skipped, f.why = true, why }

// refuse gives the stream up: from now on it is only counted.
func (f *framing) refuse(why Reason) { f.kind, f.reason = foreign, why }

// How many reads in a row may find no start line before an undecided stream
// counts as foreign. A stream joined in its middle may be within a long body.
const (
	maxMissesOpened = 3
	maxMissesJoined = 12
)

// read takes bytes that continue s and books the frames that they came in.
func (d *Decoder) read(s *stream, data []byte, t time.Time) {
	before := len(d.out)
	s.skipped = false
	d.feed(s, &s.framing, data, t)
	held := s.waiting()
	if s.tls != nil {
		held += s.tls.plain.waiting()
	}
	switch {
	case s.kind == foreign:
		s.drop()
		d.endTLS(s)
		d.settle(s, &d.stats.Undecoded[s.reason])
	case held > d.opt.StreamBytes:
		d.abandon(s, ReasonTCPBudget)
	case len(d.out) > before:
		d.settle(s, &d.stats.Decoded)
	case held > 0: // until more comes
	case !s.skipped:
		d.settle(s, &d.stats.Control)
	default:
		d.settle(s, &d.stats.Undecoded[s.why])
	}
}

// feed gives the messages that data completes, and keeps the begin of the next
// one. A message that lies whole in data is given from there, without a copy.
func (d *Decoder) feed(s *stream, f *framing, data []byte, t time.Time) {
	if len(f.buf) == 0 {
		if n := d.split(s, f, data, t); n < len(data) {
			f.buf = append([]byte(nil), data[n:]...)
		}
		return
	}
	// Packets may alias what is cut off in front: it is not written again.
	f.buf = append(f.buf, data...)
	if f.buf = f.buf[d.split(s, f, f.buf, t):]; len(f.buf) == 0 {
		f.buf = nil
	}
}

// split gives the messages in b and returns how many bytes are done with.
func (d *Decoder) split(s *stream, f *framing, b []byte, t time.Time) int {
	at := 0
	for at < len(b) && f.kind != foreign {
		n, more := 0, false
		switch {
		case f.kind == tlsRecords:
			n, more = d.splitTLS(s, b[at:], t)
		case f.kind == webSocketStream:
			n, more = d.splitWebSocket(s, f, b[at:], t)
		case f.hep && f.kind != sipStream:
			n, more = d.splitHEP(s, f, b[at:], t)
		default:
			n, more = d.splitSIP(s, f, b[at:], t)
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
func (d *Decoder) splitSIP(s *stream, f *framing, b []byte, t time.Time) (int, bool) {
	if f.scan == 0 { // at the begin of a message
		if n := len(b) - len(bytes.TrimLeft(b, "\r\n")); n > 0 {
			return n, false // keep-alive (RFC 5626 section 3.5.1)
		}
		switch startLine(b) {
		case maybe:
			return 0, true
		case no:
			return d.resync(s, f, b)
		case yes:
			f.kind, f.misses = sipStream, 0
			d.prove(s)
		}
	}
	if f.need == 0 {
		var end int
		if end, f.scan = headersEnd(b, f.scan); end == 0 {
			return 0, true
		}
		f.need = end + contentLength(b[:end])
		f.scan = end
		if f.need > d.opt.StreamBytes {
			// Too long to wait for. The headers are evidence; the next start
			// line is looked for in what follows them.
			d.stats.Cut++
			return d.give(s, f, b[:end], KindSIP, t), false
		}
	}
	if len(b) < f.need {
		return 0, true
	}
	return d.give(s, f, b[:f.need], KindSIP, t), false
}

// resync passes over bytes that begin no message, up to the next start line.
func (d *Decoder) resync(s *stream, f *framing, b []byte) (int, bool) {
	if f.kind == undecided {
		if n, known := d.recognise(s, f, b); known != no {
			return n, known == maybe
		}
	}
	f.skip(lostReason(s))
	n, found := nextStart(b)
	if found == yes {
		return n, false
	}
	return n, f.missed()
}

// lostReason is why bytes between messages are not decoded.
func lostReason(s *stream) Reason {
	if s.proven {
		return ReasonTCPResync
	}
	return ReasonTCPNotSIP
}

// missed counts a read without a begin of a message. It returns true: more
// bytes are needed.
func (f *framing) missed() bool {
	if f.kind == undecided {
		limit := maxMissesJoined
		if f.opened {
			limit = maxMissesOpened
		}
		if f.misses++; f.misses >= limit {
			f.refuse(ReasonTCPNotSIP)
		}
	}
	return true
}

// splitHEP frames HEP3: "HEP3", then the length of the whole in 2 bytes.
func (d *Decoder) splitHEP(s *stream, f *framing, b []byte, t time.Time) (int, bool) {
	magic := []byte("HEP3")
	if n := min(len(b), len(magic)); !bytes.Equal(b[:n], magic[:n]) {
		if f.kind == undecided {
			if startLine(b) == yes {
				f.kind = sipStream
				d.prove(s)
				return 0, false
			}
			if n, known := d.recognise(s, f, b); known != no {
				return n, known == maybe
			}
		}
		f.skip(lostReason(s))
		if n := bytes.Index(b, magic); n > 0 {
			return n, false
		}
		n := len(b) - len(magic) + 1
		for n = max(n, 0); !bytes.HasPrefix(magic, b[n:]); n++ {
		}
		return n, f.missed()
	}
	if len(b) < 6 {
		return 0, true
	}
	length := int(be.Uint16(b[4:]))
	if length < 6 {
		f.skip(lostReason(s))
		return len(magic), false
	}
	f.kind, f.misses = hepStream, 0
	d.prove(s)
	if len(b) < length {
		return 0, true
	}
	return d.give(s, f, b[:length], KindUnknown, t), false
}

// give emits one message and makes ready for the next.
func (d *Decoder) give(s *stream, f *framing, b []byte, k Kind, t time.Time) int {
	f.scan, f.need = 0, 0
	d.emit(s, f, b, k, t)
	return len(b)
}

func (d *Decoder) emit(s *stream, f *framing, b []byte, k Kind, t time.Time) {
	p := d.slot()
	p.Time = t
	p.Src, p.Dst = s.src, s.dst
	p.Transport = f.transport
	p.Kind = k
	p.TTL, p.DSCP = s.ttl, s.dscp
	p.VLAN = s.key.vlan
	p.WireLen = s.wireLen
	p.Payload = b
}

// cut gives a message whose rest will not come, with as much of its body as
// there is, if its headers are whole.
func (d *Decoder) cut(s *stream, f *framing) bool {
	b := f.buf
	switch {
	case f.kind == sipStream && f.need > 0:
	case f.kind == webSocketStream:
		if b = f.web.partial(b); startLine(b) != yes {
			return false
		}
		if end, _ := headersEnd(b, 0); end == 0 {
			return false
		}
	default:
		return false
	}
	d.stats.Cut++
	d.emit(s, f, b, KindSIP, s.last)
	return true
}

// returns tells whether a foreign stream carries SIP after all: a connection
// that was joined in the middle of something long.
func (s *stream) returns(data []byte) bool {
	return s.reason == ReasonTCPNotSIP && len(data) > 0 && (startLine(data) == yes || frameOfSIP(data) == yes)
}

// recognise tells what is not plain SIP at the begin of a stream or, where it
// was joined, of a segment, and how many bytes it is done with.
func (d *Decoder) recognise(s *stream, f *framing, b []byte) (int, verdict) {
	if f.transport == TCP && (b[0] >= 20 && b[0] <= 23) {
		if v := d.toTLS(s, b); v != no {
			return 0, v
		}
	}
	if len(b) >= 3 && b[0] >= 20 && b[0] <= 23 && b[1] == 3 && b[2] <= 4 { // a record (RFC 8446 section 5.1)
		f.refuse(ReasonTLS)
		return len(b), yes
	}
	if isSTUN(b) || len(b) > 2 && isSTUN(b[2:]) { // in the frames of RFC 4571, too
		f.refuse(ReasonTCPSTUN)
		return len(b), yes
	}
	if end, v := upgrade(b); v != no {
		if v == yes {
			f.toWebSocket(speaksSIP(b[:end]))
		}
		return end, v
	}
	v := frameOfSIP(b)
	if v == yes {
		f.toWebSocket(true)
	}
	return 0, v
}

// isSTUN tells whether b begins with a STUN message (RFC 8489 section 5), by its
// magic cookie.
func isSTUN(b []byte) bool {
	return len(b) >= 8 && b[0]>>6 == 0 && be.Uint32(b[4:]) == 0x2112a442
}

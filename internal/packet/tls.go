package packet

import (
	"container/list"
	"errors"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/tlsview"
)

const (
	// tlsKeyWait is how long, in packet time, records wait for their secrets: a
	// key log is written a moment after the handshake.
	tlsKeyWait = 5 * time.Second
	// maxUnread is how many records in a row may be damaged before a stream of
	// TLS is given up.
	maxUnread = 16
)

// tlsStream is the TLS in one direction of a TCP connection.
type tlsStream struct {
	conn   *tlsview.Conn // shared with the other direction
	half   *tlsview.Half
	plain  framing // of the plain text
	unread int     // damaged records in a row

	// While secrets are waited for:
	waits  *list.Element // in Decoder.tlsWaiting
	since  time.Time     // when the first record that waits came
	news   uint64        // Conn.News when they were last looked for
	frames int           // frames that are in buf
	held   []segment     // what came since, behind buf
	bytes  int           // in held
}

// toTLS goes on with records, if secrets may be there for them: without any, a
// stream of TLS is only counted. It is maybe where more bytes will tell whether
// this is the begin of a connection.
func (d *Decoder) toTLS(s *stream, b []byte) verdict {
	if d.opt.TLSKeys == nil || !d.opt.TLSKeys.Hope() {
		return no
	}
	if is, known := tlsview.IsHello(b); !known {
		return maybe
	} else if !is {
		return no
	}
	var conn *tlsview.Conn
	if other := d.other(s); other != nil && other.tls != nil {
		conn = other.tls.conn
	} else {
		conn = tlsview.NewConn(d.opt.TLSKeys)
	}
	if k := s.key; k.tunnel != 0 {
		k.tunnel = 0
		d.tunnelled[k] = s
	}
	s.kind = tlsRecords
	s.tls = &tlsStream{conn: conn, half: conn.Half(), plain: framing{transport: TLS, opened: s.opened}}
	return yes
}

// other is the other direction of a connection, nil when it was not seen. In a
// tunnel, whose directions may have names of their own, it is the one of these
// addresses that began TLS last: were it that of another tunnel, its secrets
// would open nothing.
func (d *Decoder) other(s *stream) *stream {
	k := s.key
	k.src, k.dst = k.dst, k.src
	k.srcPort, k.dstPort = k.dstPort, k.srcPort
	if other := d.streams[k]; other != nil || k.tunnel == 0 {
		return other
	}
	k.tunnel = 0
	return d.tunnelled[k]
}

// endTLS lets go of the TLS in s.
func (d *Decoder) endTLS(s *stream) {
	if s.tls == nil {
		return
	}
	s.tls = nil
	k := s.key
	k.tunnel = 0
	if d.tunnelled[k] == s {
		delete(d.tunnelled, k)
	}
}

// splitTLS takes one record, and the plain text in it.
func (d *Decoder) splitTLS(s *stream, b []byte, t time.Time) (int, bool) {
	n, ok := s.tls.half.RecordLen(b)
	if !ok {
		s.skip(ReasonTLS)
		s.tls.half.Lost()
		return 1, false
	}
	if n == 0 || len(b) < n {
		return 0, true
	}
	plain, err := s.tls.half.Read(b[:n])
	switch {
	case errors.Is(err, tlsview.ErrWait):
		d.waitForKeys(s, t)
		return 0, true
	case errors.Is(err, tlsview.ErrCipher):
		s.refuse(ReasonTLSCipher)
		return n, false
	case err != nil: // what looked like a record may be none
		s.skip(ReasonTLS)
		s.tls.half.Lost()
		if s.tls.unread++; s.tls.unread >= maxUnread {
			s.refuse(ReasonTLS)
		}
		return 1, false
	}
	s.tls.unread = 0
	if len(plain) > 0 {
		s.tls.plain.skipped = false
		d.feed(s, &s.tls.plain, plain, t)
		if s.tls.plain.skipped {
			s.skip(s.tls.plain.why)
		}
		if s.tls.plain.kind == foreign {
			s.refuse(s.tls.plain.reason)
		}
	}
	return n, false
}

// waitForKeys notes that s cannot be read further yet.
func (d *Decoder) waitForKeys(s *stream, t time.Time) {
	s.tls.news = s.tls.conn.News()
	if s.tls.waits == nil {
		s.tls.since, s.tls.frames = t, s.frames
		s.tls.waits = d.tlsWaiting.PushBack(s)
		d.nextSweep = min(d.nextSweep, d.stats.Frames+sweepGappedEvery)
	}
}

// waiting tells whether s waits for secrets.
func (t *tlsStream) waiting() bool { return t != nil && t.waits != nil }

// holdTLS keeps a copy of bytes that continue a stream that waits for secrets.
func (d *Decoder) holdTLS(s *stream, data []byte, missing int, t time.Time) {
	s.tls.held = append(s.tls.held, segment{data: slices.Clone(data), missing: missing, time: t, frames: s.frames - s.tls.frames})
	s.tls.bytes += len(data)
	s.frames = s.tls.frames
	if len(s.buf)+s.tls.bytes > unprovenBytes || len(s.tls.held) > maxQueue {
		d.giveUpTLS(s)
	}
}

// resumeTLS reads on, in both directions, if there is news. What the directions
// give stands in order of time.
func (d *Decoder) resumeTLS(s *stream) {
	if !s.tls.waiting() || s.tls.news == s.tls.conn.News() {
		return
	}
	before := len(d.out)
	d.resumeHalf(s)
	if other := d.other(s); other != nil && other.tls.waiting() {
		d.resumeHalf(other)
	}
	slices.SortStableFunc(d.out[before:], func(a, b Packet) int { return a.Time.Compare(b.Time) })
}

func (d *Decoder) resumeHalf(s *stream) {
	held := s.tls.held
	d.stopWaiting(s)
	d.read(s, nil, s.tls.since)
	for _, g := range held {
		s.frames += g.frames
		d.take(s, g.data, g.missing, g.time)
	}
	d.account(s)
}

func (d *Decoder) stopWaiting(s *stream) {
	d.tlsWaiting.Remove(s.tls.waits)
	s.tls.waits, s.tls.held, s.tls.bytes = nil, nil, 0
}

// giveUpTLS only counts s from now on: its secrets did not come.
func (d *Decoder) giveUpTLS(s *stream) {
	for _, g := range s.tls.held {
		s.frames += g.frames
	}
	d.stopWaiting(s)
	s.refuse(ReasonTLS)
	s.drop()
	d.endTLS(s)
	d.settle(s, &d.stats.Undecoded[ReasonTLS])
	d.account(s)
}

// expireTLS reads on where secrets came, and gives up where they are late at
// packet time t.
func (d *Decoder) expireTLS(t time.Time) {
	if keys := d.opt.TLSKeys; keys != nil && keys.Added() != d.keysAdded {
		d.keysAdded = keys.Added()
		all := make([]*stream, 0, d.tlsWaiting.Len())
		for e := d.tlsWaiting.Front(); e != nil; e = e.Next() {
			all = append(all, e.Value.(*stream))
		}
		for _, s := range all {
			d.resumeTLS(s)
			d.endBoth(s)
		}
	}
	for e := d.tlsWaiting.Front(); e != nil; e = d.tlsWaiting.Front() {
		s := e.Value.(*stream)
		if t.Sub(s.tls.since) <= tlsKeyWait {
			break
		}
		d.giveUpTLS(s)
		d.endBoth(s)
	}
}

// endBoth ends the directions of a connection of which nothing more will come:
// either may have waited for the other.
func (d *Decoder) endBoth(s *stream) {
	if other := d.other(s); other != nil {
		d.endIfDone(other)
	}
	d.endIfDone(s)
}

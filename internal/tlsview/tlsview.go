// Package tlsview reads the plain text of TLS connections of which the session
// secrets are known: TLS 1.2 (RFC 5246) and 1.3 (RFC 8446) with the AEAD suites
// that the standard library and x/crypto have. It reads one record at a time and
// knows nothing of TCP.
package tlsview

import (
	"errors"
	"slices"
)

var (
	// ErrWait says that a record cannot be read yet: the secrets are not known,
	// or the other direction's hello was not read. The same record may be given
	// again.
	ErrWait = errors.New("the secrets of the TLS connection are not known yet")
	// ErrCipher says that the connection has a version or a cipher suite that is
	// not read.
	ErrCipher = errors.New("the version or cipher suite of the TLS connection is not read")
	// ErrDamaged says that no key opens a record, or that it is none.
	ErrDamaged = errors.New("the TLS record is damaged, or some before it are missing")
)

// Content types (RFC 8446 section 5.1).
const (
	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeApplicationData  = 23
)

const (
	headerLen = 5
	// maxRecord is the longest body: 2^14 bytes and what a cipher of TLS 1.2 may
	// add (RFC 5246 section 6.2.3).
	maxRecord = 1<<14 + 2048
)

// RecordLen is the length of the record that b begins with, header included. It
// is 0 when b is too short to tell, and not ok when it begins with no record.
func (h *Half) RecordLen(b []byte) (n int, ok bool) {
	if h.searching && len(b) > 0 && b[0] != typeApplicationData {
		return 0, false // what is looked for is sure to be one of these
	}
	return recordLen(b)
}

func recordLen(b []byte) (n int, ok bool) {
	if len(b) > 0 && (b[0] < typeChangeCipherSpec || b[0] > typeApplicationData) ||
		len(b) > 1 && b[1] != 3 || len(b) > 2 && b[2] > 4 {
		return 0, false
	}
	if len(b) < headerLen {
		return 0, true
	}
	n = int(b[3])<<8 | int(b[4])
	return headerLen + n, n <= maxRecord
}

// IsHello tells whether b begins with the record of a hello, with which a
// connection begins. Before 6 bytes of it are there it is unknown.
func IsHello(b []byte) (is, known bool) {
	_, ok := recordLen(b)
	if !ok || len(b) > 0 && b[0] != typeHandshake {
		return false, true
	}
	if len(b) <= headerLen {
		return false, false
	}
	return b[headerLen] == clientHello || b[headerLen] == serverHello, true
}

// Conn is what both directions of a connection share.
type Conn struct {
	keys *Keys

	clientRandom, serverRandom [32]byte
	version                    uint16
	suite                      *suite // nil until the ServerHello was read
	err                        error  // ErrCipher
	hellos                     uint64 // hellos that were read
}

// NewConn begins a connection whose secrets will be in keys.
func NewConn(keys *Keys) *Conn { return &Conn{keys: keys} }

// News is another number when what ErrWait was returned for may have come.
func (c *Conn) News() uint64 { return c.hellos + c.keys.added.Load() }

// Half is one direction of a connection.
type Half struct {
	conn   *Conn
	server bool

	partial []byte // the begin of a handshake message
	skip    int    // bytes of one that tells nothing here

	current   *opener // nil: records are plain
	next      *opener // that of the next secret of TLS 1.3, once it is known
	epoch     epoch   // of current
	searching bool    // records are missing: their number is not known
}

// maxMissing is how many records in a row may be missing for the next to be read.
const maxMissing = 64

// Half begins one of the two directions of a connection; its hello tells which.
func (c *Conn) Half() *Half { return &Half{conn: c} }

// Lost notes that bytes are missing before the next record.
func (h *Half) Lost() {
	h.searching = h.current != nil
	h.partial, h.skip = nil, 0
}

// Read takes a whole record, header included, and returns the application data
// in it, in memory of its own. Most records of a handshake have none.
func (h *Half) Read(record []byte) ([]byte, error) {
	if n, ok := recordLen(record); !ok || n != len(record) {
		return nil, ErrDamaged
	}
	kind, body := record[0], record[headerLen:]
	if h.conn.err != nil {
		return nil, h.conn.err
	}
	if h.current != nil && !h.current.inner { // TLS 1.2
		return h.read12(kind, record)
	}
	switch kind {
	case typeHandshake:
		return nil, h.handshake(body)
	case typeChangeCipherSpec:
		return nil, h.changeCipherSpec()
	case typeApplicationData:
		return h.read13(record)
	}
	return nil, nil // an alert in the clear
}

// read12 reads a protected record of TLS 1.2, whose type stands outside.
func (h *Half) read12(kind byte, record []byte) ([]byte, error) {
	plain, err := h.open(h.current, record)
	if err != nil {
		return nil, err
	}
	switch kind {
	case typeApplicationData:
		return plain, nil
	case typeHandshake: // Finished, or a renegotiation
		return nil, h.handshake(plain)
	case typeChangeCipherSpec:
		if err = h.changeCipherSpec(); err != nil {
			h.current.seq-- // for when it is given again
		}
	}
	return nil, err
}

// changeCipherSpec goes on with the keys that the handshake agreed on (RFC 5246
// section 7.1). In TLS 1.3 it means nothing (RFC 8446 section 5).
func (h *Half) changeCipherSpec() error {
	c := h.conn
	switch {
	case c.version == version13:
		return nil
	case c.suite == nil:
		return ErrWait
	}
	master := c.keys.secret(masterSecret, c.clientRandom)
	if master == nil {
		return ErrWait
	}
	o, err := c.suite.opener12(master, c.clientRandom, c.serverRandom, h.server)
	if err != nil {
		return ErrCipher
	}
	h.current = o
	return nil
}

// read13 reads a protected record of TLS 1.3. Which secret protects it is found
// by trying the present one, then the next: authentication makes that as sure as
// reading the Finished, EndOfEarlyData and KeyUpdate messages that change it, and
// it works where those are missing.
func (h *Half) read13(record []byte) ([]byte, error) {
	c := h.conn
	if c.suite == nil {
		return nil, ErrWait
	}
	if c.version != version13 {
		return nil, ErrDamaged
	}
	if h.current == nil && !h.begin13() {
		return nil, ErrWait
	}
	plain, err := h.open(h.current, record)
	if err != nil {
		if !h.advance13() {
			return nil, ErrWait
		}
		if plain, err = h.open(h.next, record); err != nil {
			return nil, err
		}
		h.current, h.next, h.epoch = h.next, nil, h.epoch.following()
	}
	// Zeros pad; before them stands the type (RFC 8446 section 5.4).
	for n, b := range slices.Backward(plain) {
		switch b {
		case 0:
			continue
		case typeApplicationData:
			return plain[:n], nil
		}
		return nil, nil
	}
	return nil, ErrDamaged
}

// begin13 begins with the first secret: that of early data, where the client
// sent some, else that of the handshake.
func (h *Half) begin13() bool {
	for _, e := range []epoch{earlyData, handshakeTraffic} {
		if secret := h.conn.keys.secret(e.label(h.server), h.conn.clientRandom); secret != nil {
			h.current, h.epoch = h.conn.suite.opener13(secret), e
			return h.current != nil
		}
	}
	return false
}

// advance13 makes next ready. It returns false when its secret is not known.
func (h *Half) advance13() bool {
	if h.next != nil {
		return true
	}
	if h.epoch == applicationTraffic {
		h.next = h.current.updated()
	} else if secret := h.conn.keys.secret(h.epoch.following().label(h.server), h.conn.clientRandom); secret != nil {
		h.next = h.conn.suite.opener13(secret)
	}
	return h.next != nil
}

// open opens a record with the next sequence number or, where records are
// missing, with one of those after it.
func (h *Half) open(o *opener, record []byte) ([]byte, error) {
	tries := uint64(1)
	if h.searching {
		tries += maxMissing
	}
	for n := range tries {
		if plain, ok := o.open(record, o.seq+n); ok {
			o.seq += n + 1
			h.searching = false
			return plain, nil
		}
	}
	return nil, ErrDamaged
}

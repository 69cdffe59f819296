package tlsview

import (
	"crypto/sha256"
	"encoding/binary"
)

const (
	version12 = 0x0303
	version13 = 0x0304

	clientHello = 1
	serverHello = 2

	extensionSupportedVersions = 43

	// maxHello bounds the hello that is collected from several records.
	maxHello = 64 << 10
)

// helloRetryRequest is the random of a ServerHello that is none (RFC 8446
// section 4.1.3).
var helloRetryRequest = sha256.Sum256([]byte("HelloRetryRequest"))

// handshake takes handshake messages, which may span records (RFC 8446 section
// 5.1), and reads the hellos.
func (h *Half) handshake(b []byte) error {
	n := min(h.skip, len(b))
	h.skip -= n
	h.partial = append(h.partial, b[n:]...)
	for len(h.partial) >= 4 {
		length := 4 + int(h.partial[1])<<16 + int(h.partial[2])<<8 + int(h.partial[3])
		kind := h.partial[0]
		if kind != clientHello && kind != serverHello {
			n := min(length, len(h.partial))
			h.skip, h.partial = length-n, h.partial[n:]
			continue
		}
		if length > maxHello {
			return ErrDamaged
		}
		if len(h.partial) < length {
			return nil
		}
		h.server = kind == serverHello
		if err := h.conn.hello(kind, h.partial[4:length]); err != nil {
			return err
		}
		h.partial = h.partial[length:]
	}
	if len(h.partial) == 0 {
		h.partial = nil
	}
	return nil
}

// hello reads a ClientHello or ServerHello: version (2), random (32), session id
// (1 and more) and, of the server, cipher suite (2), compression (1), extensions.
func (c *Conn) hello(kind byte, b []byte) error {
	if len(b) < 35 || len(b) < 35+int(b[34]) {
		return ErrDamaged
	}
	c.hellos++
	if kind == clientHello {
		random := [32]byte(b[2:])
		if c.clientRandom != [32]byte{} && c.clientRandom != random { // a renegotiation
			c.suite = nil
		}
		c.clientRandom = random
		return nil
	}
	version, random := binary.BigEndian.Uint16(b), [32]byte(b[2:])
	b = b[35+int(b[34]):]
	if random == helloRetryRequest {
		c.version = version13
		return nil
	}
	if len(b) < 3 {
		return ErrDamaged
	}
	id, compression := binary.BigEndian.Uint16(b), b[2]
	if v := selectedVersion(b[3:]); v != 0 {
		version = v
	}
	c.version, c.serverRandom, c.suite = version, random, suites[id]
	if c.suite == nil || version != c.suite.version || compression != 0 {
		c.err = ErrCipher
		return ErrCipher
	}
	return nil
}

// selectedVersion finds supported_versions among a ServerHello's extensions: 0
// where it is not there.
func selectedVersion(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	for b = b[2:]; len(b) >= 4; {
		id, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if b = b[4:]; n > len(b) {
			return 0
		}
		if id == extensionSupportedVersions && n == 2 {
			return binary.BigEndian.Uint16(b)
		}
		b = b[n:]
	}
	return 0
}

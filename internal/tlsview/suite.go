package tlsview

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// suite is a cipher suite.
type suite struct {
	version  uint16 // the only one that has it
	keyLen   int
	aead     func(key []byte) (cipher.AEAD, error)
	hash     func() hash.Hash
	explicit bool // half of the nonce stands in the record (RFC 5288 section 3)
}

func gcm(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

var (
	aes128     = &suite{version12, 16, gcm, sha256.New, true}
	aes256     = &suite{version12, 32, gcm, sha512.New384, true}
	chacha     = &suite{version12, chacha20poly1305.KeySize, chacha20poly1305.New, sha256.New, false}
	aes128TLS3 = &suite{version13, 16, gcm, sha256.New, false}
	aes256TLS3 = &suite{version13, 32, gcm, sha512.New384, false}
	chachaTLS3 = &suite{version13, chacha20poly1305.KeySize, chacha20poly1305.New, sha256.New, false}
)

// suites are those that are read, by their numbers at IANA. Given the master
// secret, it is all one how it was agreed on.
var suites = map[uint16]*suite{
	0x009c: aes128, 0x009e: aes128, 0x00a0: aes128, 0x00a2: aes128, 0x00a4: aes128, 0x00a6: aes128, // RFC 5288
	0x009d: aes256, 0x009f: aes256, 0x00a1: aes256, 0x00a3: aes256, 0x00a5: aes256, 0x00a7: aes256,
	0x00a8: aes128, 0x00aa: aes128, 0x00ac: aes128, // RFC 5487, with a pre-shared key
	0x00a9: aes256, 0x00ab: aes256, 0x00ad: aes256,
	0xc02b: aes128, 0xc02d: aes128, 0xc02f: aes128, 0xc031: aes128, // RFC 5289
	0xc02c: aes256, 0xc02e: aes256, 0xc030: aes256, 0xc032: aes256,
	0xd001: aes128, 0xd002: aes256, // RFC 8442
	0xcca8: chacha, 0xcca9: chacha, 0xccaa: chacha, 0xccab: chacha, 0xccac: chacha, 0xccad: chacha, 0xccae: chacha, // RFC 7905
	0x1301: aes128TLS3, 0x1302: aes256TLS3, 0x1303: chachaTLS3, // RFC 8446 appendix B.4
}

// opener opens the records that one key protects.
type opener struct {
	suite  *suite
	aead   cipher.AEAD
	iv     [12]byte
	inner  bool   // TLS 1.3: the type of a record stands inside
	secret []byte // of TLS 1.3
	seq    uint64 // of the next record
}

// opener12 derives the key of one direction (RFC 5246 section 6.3): the key
// block is two keys, then two IVs, without keys of a MAC.
func (s *suite) opener12(master []byte, clientRandom, serverRandom [32]byte, server bool) (*opener, error) {
	ivLen := 12
	if s.explicit {
		ivLen = 4
	}
	seed := append(append([]byte("key expansion"), serverRandom[:]...), clientRandom[:]...)
	block := prf(s.hash, master, seed, 2*s.keyLen+2*ivLen)
	keys, ivs := block[:2*s.keyLen], block[2*s.keyLen:]
	if server {
		keys, ivs = keys[s.keyLen:], ivs[ivLen:]
	}
	aead, err := s.aead(keys[:s.keyLen])
	if err != nil {
		return nil, err
	}
	o := &opener{suite: s, aead: aead}
	copy(o.iv[:], ivs[:ivLen])
	return o, nil
}

// prf is the pseudo-random function of TLS 1.2 (RFC 5246 section 5). The seed
// begins with the label.
func prf(h func() hash.Hash, secret, seed []byte, n int) []byte {
	mac := hmac.New(h, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:n]
}

// opener13 derives the key of a traffic secret (RFC 8446 section 7.3). It is nil
// where the secret is of another length than the suite's.
func (s *suite) opener13(secret []byte) *opener {
	if len(secret) != s.hash().Size() {
		return nil
	}
	o := &opener{suite: s, inner: true, secret: secret}
	var err error
	if o.aead, err = s.aead(s.expand(secret, "key", s.keyLen)); err != nil {
		return nil
	}
	copy(o.iv[:], s.expand(secret, "iv", len(o.iv)))
	return o
}

// updated is the opener after a KeyUpdate (RFC 8446 section 7.2).
func (o *opener) updated() *opener {
	return o.suite.opener13(o.suite.expand(o.secret, "traffic upd", len(o.secret)))
}

// expand is HKDF-Expand-Label without context (RFC 8446 section 7.1).
func (s *suite) expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{byte(n >> 8), byte(n), byte(len(label))}, label...)
	out, err := hkdf.Expand(s.hash, secret, string(append(info, 0)), n)
	if err != nil { // only of more than 255 hashes
		return nil
	}
	return out
}

// open opens a record of a sequence number. Its plain text is in memory of its own.
func (o *opener) open(record []byte, seq uint64) ([]byte, bool) {
	nonce, sealed := o.iv, record[headerLen:]
	if o.suite.explicit {
		if len(sealed) < 8 {
			return nil, false
		}
		copy(nonce[4:], sealed[:8])
		sealed = sealed[8:]
	} else {
		binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^seq)
	}
	n := len(sealed) - o.aead.Overhead()
	if n < 0 {
		return nil, false
	}
	data := record[:headerLen]
	if !o.inner { // RFC 5246 section 6.2.3.3
		data = binary.BigEndian.AppendUint64(nil, seq)
		data = append(data, record[0], record[1], record[2], byte(n>>8), byte(n))
	}
	plain, err := o.aead.Open(make([]byte, 0, n), nonce[:], sealed, data)
	return plain, err == nil
}

package synth

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"time"
)

const stunCookie = 0x2112a442

// iceEnd is one end's credentials and the address that its checks come from.
type iceEnd struct {
	at         netip.AddrPort
	ufrag, pwd string
}

func (s *script) iceEnd(at netip.AddrPort) iceEnd { return iceEnd{at, s.hex(2), s.hex(12)} }

// checks is a connectivity check in both directions, each answered
// (RFC 8445 7), at the clock.
func (s *script) checks(d *dialog, a, b iceEnd) {
	for i, ends := range [][2]iceEnd{{a, b}, {b, a}} {
		from, to := ends[0], ends[1]
		id := make([]byte, 12)
		for k := range id {
			id[k] = byte(s.rng.Uint32())
		}
		attrs := stunAttr(nil, 0x0006, []byte(to.ufrag+":"+from.ufrag))                       // USERNAME
		attrs = stunAttr(attrs, 0x0024, binary.BigEndian.AppendUint32(nil, 1845501695))       // PRIORITY
		attrs = stunAttr(attrs, 0x8029+uint16(1-i), binary.BigEndian.AppendUint64(nil, 1234)) // ICE-CONTROLLING, -CONTROLLED
		s.datagram(emission{src: from.at, dst: to.at, callID: d.callID, payload: stun(0x0001, id, attrs, to.pwd)})
		s.wait(12 * time.Millisecond)
		s.datagram(emission{src: to.at, dst: from.at, callID: d.callID, payload: stun(0x0101, id, stunAttr(nil, 0x0020, xorAddress(from.at)), to.pwd)})
		s.wait(8 * time.Millisecond)
	}
}

func stunAttr(b []byte, kind uint16, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// xorAddress is XOR-MAPPED-ADDRESS of an IPv4 address (RFC 8489 14.2).
func xorAddress(a netip.AddrPort) []byte {
	ip := a.Addr().As4()
	b := binary.BigEndian.AppendUint16([]byte{0, 1}, a.Port()^(stunCookie>>16))
	return binary.BigEndian.AppendUint32(b, binary.BigEndian.Uint32(ip[:])^stunCookie)
}

// stun is a message with MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 14.5, 14.7).
func stun(kind uint16, id, attrs []byte, key string) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint32(b, stunCookie)
	b = append(append(b, id...), attrs...)
	size := func(extra int) { binary.BigEndian.PutUint16(b[2:], uint16(len(b)-20+extra)) }
	size(24)
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write(b)
	b = stunAttr(b, 0x0008, mac.Sum(nil))
	size(8)
	return stunAttr(b, 0x8028, binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)^0x5354554e))
}

// handshake is a DTLS 1.2 exchange as far as it can be read in the clear:
// two hellos, then the change of cipher and a sealed Finished of each side.
func (s *script) handshake(d *dialog, a, b netip.AddrPort) {
	random := func(n int) []byte {
		out := make([]byte, n)
		for i := range out {
			out[i] = byte(s.rng.Uint32())
		}
		return out
	}
	record := func(kind byte, epoch, number uint16, body []byte) []byte { // RFC 6347 4.1
		r := []byte{kind, 0xfe, 0xfd}
		r = binary.BigEndian.AppendUint16(r, epoch)
		r = append(r, 0, 0, 0, 0)
		r = binary.BigEndian.AppendUint16(r, number)
		r = binary.BigEndian.AppendUint16(r, uint16(len(body)))
		return append(r, body...)
	}
	hello := func(kind byte, rest []byte) []byte { // RFC 6347 4.2.2
		body := append(append([]byte{0xfe, 0xfd}, random(32)...), rest...)
		n := byte(len(body))
		return record(22, 0, 0, append([]byte{kind, 0, 0, n, 0, 0, 0, 0, 0, 0, 0, n}, body...))
	}
	useSRTP := []byte{0, 9, 0, 14, 0, 5, 0, 2, 0, 1, 0} // extension 14: SRTP_AES128_CM_HMAC_SHA1_80
	client := append([]byte{0, 0, 0, 2, 0xc0, 0x2b, 1, 0}, useSRTP...)
	server := append([]byte{0, 0xc0, 0x2b, 0}, useSRTP...)
	for _, step := range []struct {
		from, to netip.AddrPort
		payload  []byte
	}{
		{a, b, hello(1, client)},
		{b, a, hello(2, server)},
		{a, b, append(record(20, 0, 1, []byte{1}), record(22, 1, 0, random(48))...)},
		{b, a, append(record(20, 0, 1, []byte{1}), record(22, 1, 0, random(48))...)},
	} {
		s.datagram(emission{src: step.from, dst: step.to, callID: d.callID, payload: step.payload})
		s.wait(20 * time.Millisecond)
	}
}

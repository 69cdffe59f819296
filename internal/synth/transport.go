package synth

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// over is a call whose signalling travels in another transport than UDP.
func over(transport packet.Transport) func(*script) {
	return func(s *script) {
		if transport == packet.WS { // where other programs look for it
			s.bob.sip = netip.AddrPortFrom(s.bob.sip.Addr(), 8080)
		}
		d := s.call(s.alice, s.bob)
		d.transport = transport
		c := d.connect()
		d.talk(3 * time.Second)
		d.ended(c)
	}
}

// The opening handshake of WebSocket, with the key of RFC 6455 section 1.3 and
// the subprotocol of RFC 7118 section 4.1.
const (
	upgradeRequest = "GET / HTTP/1.1\r\nHost: sip-ws.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n"
	upgradeResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)

// webSocketFrame is b as a text message of one frame, masked where a client
// sends it (RFC 6455 section 5.2).
func webSocketFrame(b []byte, mask [4]byte, client bool) []byte {
	f := []byte{0x81}
	switch {
	case len(b) < 126:
		f = append(f, byte(len(b)))
	default: // no message here has 64 KiB
		f = binary.BigEndian.AppendUint16(append(f, 126), uint16(len(b)))
	}
	if !client {
		return append(f, b...)
	}
	f[1] |= 0x80
	f = append(f, mask[:]...)
	for i, c := range b {
		f = append(f, c^mask[i&3])
	}
	return f
}

// association is one direction of an SCTP association.
type association struct {
	tag uint32 // that its packets carry: the other side chose it
	tsn uint32 // of its next chunk
	ssn uint16
}

// userMessage sends b over SCTP, on the association of m's parties; the first
// message sets it up (RFC 9260 section 5.1).
func (s *script) userMessage(m *msg, b []byte) {
	there, back := [2]netip.AddrPort{m.by.sip, m.peer.sip}, [2]netip.AddrPort{m.peer.sip, m.by.sip}
	if s.associations[there] == nil {
		to, from := &association{s.rng.Uint32(), s.rng.Uint32(), 0}, &association{s.rng.Uint32(), s.rng.Uint32(), 0}
		s.associations[there], s.associations[back] = to, from
		cookie := []byte("cookie that the server gave ")
		s.chunk(there, 0, sctpInit, 0, initiation(from.tag, to.tsn), nil)
		s.chunk(back, from.tag, sctpInitAck, 0, append(initiation(to.tag, from.tsn), parameter(7, cookie)...), nil)
		s.chunk(there, to.tag, sctpCookieEcho, 0, cookie, nil)
		s.chunk(back, from.tag, sctpCookieAck, 0, nil, nil)
	}
	a := s.associations[there]
	v := binary.BigEndian.AppendUint32(nil, a.tsn)
	v = binary.BigEndian.AppendUint16(v, 0) // stream
	v = binary.BigEndian.AppendUint16(v, a.ssn)
	v = append(append(v, 0, 0, 0, 0), b...)
	m.at = s.now
	s.chunk(there, a.tag, sctpData, 3, v, m) // begin and end: the whole message
	ack := binary.BigEndian.AppendUint32(nil, a.tsn)
	ack = binary.BigEndian.AppendUint32(ack, 1<<16)
	s.chunk(back, s.associations[back].tag, sctpSack, 0, append(ack, 0, 0, 0, 0), nil)
	a.tsn++
	a.ssn++
}

// Chunk types (RFC 9260 section 3.2).
const (
	sctpData       = 0
	sctpInit       = 1
	sctpInitAck    = 2
	sctpSack       = 3
	sctpCookieEcho = 10
	sctpCookieAck  = 11
)

// initiation is the value of INIT and INIT ACK: tag, window, streams, first TSN.
func initiation(tag, tsn uint32) []byte {
	v := binary.BigEndian.AppendUint32(nil, tag)
	v = binary.BigEndian.AppendUint32(v, 1<<16)
	v = append(v, 0, 10, 0, 10)
	return binary.BigEndian.AppendUint32(v, tsn)
}

func parameter(kind uint16, value []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	return append(binary.BigEndian.AppendUint16(b, uint16(4+len(value))), value...)
}

// chunk sends a packet of one chunk.
func (s *script) chunk(way [2]netip.AddrPort, tag uint32, kind, flags byte, value []byte, whole *msg) {
	s.ipIDs++
	b := append([]byte{kind, flags}, binary.BigEndian.AppendUint16(nil, uint16(4+len(value)))...)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	e := emission{at: s.now, src: way[0], dst: way[1], transport: packet.SCTP, dscp: 24, ttl: 62, ipID: s.ipIDs, payload: b, tag: tag, msg: whole}
	if whole != nil {
		e.kind, e.callID = packet.KindSIP, whole.dialog.callID
	}
	s.items = append(s.items, e)
	s.now += 100
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendSCTP appends the common header and the chunks (RFC 9260 section 3.1).
func appendSCTP(s []byte, e *emission, chunks []byte) []byte {
	at := len(s)
	s = binary.BigEndian.AppendUint16(s, e.src.Port())
	s = binary.BigEndian.AppendUint16(s, e.dst.Port())
	s = binary.BigEndian.AppendUint32(s, e.tag)
	s = append(s, 0, 0, 0, 0)
	s = append(s, chunks...)
	binary.LittleEndian.PutUint32(s[at+8:], crc32.Checksum(s[at:], castagnoli)) // appendix A
	return s
}

package synth

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// datagram is a frame read back by a decoder that shares nothing with the
// writer but the RFCs.
type datagram struct {
	at       time.Time
	src, dst netip.AddrPort
	stream   bool // TCP or SCTP
	payload  []byte
}

// reader decodes frames, verifies every checksum and joins IPv4 fragments.
type reader struct {
	parts map[[10]byte][]byte
}

var errFragment = errors.New("fragment")

func checksum(parts ...[]byte) uint16 {
	var total uint32
	for _, p := range parts {
		for i, b := range p {
			if i%2 == 0 {
				total += uint32(b) << 8
			} else {
				total += uint32(b)
			}
		}
	}
	for total>>16 != 0 {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}

func (r *reader) read(f packet.Frame) (datagram, error) {
	d := datagram{at: f.Time}
	b := f.Data
	if len(b) < 60 || len(b) != f.WireLen || len(b) > mtu+14 {
		return d, fmt.Errorf("frame of %d bytes, %d on the wire", len(b), f.WireLen)
	}
	kind := binary.BigEndian.Uint16(b[12:])
	b = b[14:]
	var protocol byte
	var pseudo []byte
	var src, dst netip.Addr
	switch kind {
	case 0x0800:
		if checksum(b[:20]) != 0xffff {
			return d, errors.New("wrong IPv4 checksum")
		}
		id := [10]byte(append(append([]byte(nil), b[12:20]...), b[4:6]...))
		flags := binary.BigEndian.Uint16(b[6:])
		protocol = b[9]
		src, _ = netip.AddrFromSlice(b[12:16])
		dst, _ = netip.AddrFromSlice(b[16:20])
		pseudo = append(pseudo, b[12:20]...)
		b = b[20:binary.BigEndian.Uint16(b[2:])]
		if flags&0x3fff != 0 {
			if r.parts == nil {
				r.parts = map[[10]byte][]byte{}
			}
			if at := int(flags&0x1fff) * 8; at != len(r.parts[id]) {
				return d, fmt.Errorf("fragment at %d, not %d", at, len(r.parts[id]))
			}
			r.parts[id] = append(r.parts[id], b...)
			if flags&0x2000 != 0 {
				return d, errFragment
			}
			b = r.parts[id]
			delete(r.parts, id)
		}
	case 0x86dd:
		protocol = b[6]
		src, _ = netip.AddrFromSlice(b[8:24])
		dst, _ = netip.AddrFromSlice(b[24:40])
		pseudo = append(pseudo, b[8:40]...)
		b = b[40 : 40+binary.BigEndian.Uint16(b[4:])]
	default:
		return d, fmt.Errorf("ethertype %04x", kind)
	}
	if protocol == 132 { // RFC 9260 section 3.1
		sum := binary.LittleEndian.Uint32(b[8:])
		if crc32.Checksum(slices.Concat(b[:8], make([]byte, 4), b[12:]), crc32.MakeTable(crc32.Castagnoli)) != sum {
			return d, errors.New("wrong SCTP checksum")
		}
		d.src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b))
		d.dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
		d.stream = true
		if b[12] == 0 { // DATA
			d.payload = b[12+16 : 12+binary.BigEndian.Uint16(b[14:])]
		}
		return d, nil
	}
	pseudo = append(pseudo, 0, protocol)
	pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(b)))
	if checksum(pseudo, b) != 0xffff {
		return d, errors.New("wrong transport checksum")
	}
	d.src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b))
	d.dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	switch protocol {
	case 17:
		if int(binary.BigEndian.Uint16(b[4:])) != len(b) {
			return d, errors.New("wrong UDP length")
		}
		d.payload = b[8:]
	case 6:
		d.stream = true
		d.payload = unframed(b[20:])
	default:
		return d, fmt.Errorf("protocol %d", protocol)
	}
	return d, nil
}

// unframed is the payload of a segment that is one WebSocket frame of 126 bytes
// and more, unmasked; of any other the segment itself.
func unframed(b []byte) []byte {
	if len(b) < 8 || b[0] != 0x81 || b[1]&0x7f != 126 {
		return b
	}
	if b[1] == 126 {
		return b[4:]
	}
	out := slices.Clone(b[8:])
	for i := range out {
		out[i] ^= b[4+i%4]
	}
	return out
}

// isSIP says whether a payload begins like a SIP message.
func isSIP(b []byte) bool {
	line, _, ok := bytes.Cut(b, []byte("\r\n"))
	return ok && (strings.HasPrefix(string(line), "SIP/2.0 ") || strings.HasSuffix(string(line), " SIP/2.0"))
}

// isRTP says whether a payload is RTP and no RTCP (RFC 5761 4), STUN, DTLS or
// UDPTL.
func isRTP(b []byte) bool {
	return len(b) >= 12 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223)
}

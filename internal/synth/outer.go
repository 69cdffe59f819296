package synth

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

var be = binary.BigEndian

// The ends of tunnels: gateways of an operator (RFC 6598), documentation
// addresses, and a Teredo client with its server.
const (
	tunnelEnds4 = "64400001 64400002"
	tunnelEnds6 = "20010db8 00ff0000 00000000 00000001  20010db8 00ff0000 00000000 00000002"
	teredoEnds  = "20010000 64400002 00001234 9bbffffe  20010db8 00ff0000 00000000 00000002"
)

// octets reads hexadecimal digits, with spaces where they help.
func octets(digits string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err) // one of the constants here is mistyped
	}
	return b
}

// sized is a header that ends with the length of what follows it.
func sized(digits string, rest []byte) []byte {
	return be.AppendUint16(octets(digits), uint16(len(rest)))
}

// ethernet is a frame between the ends of a tunnel.
func ethernet(etherType uint16, b []byte) []byte {
	f := append(octets("020064400002 020064400001"), byte(etherType>>8), byte(etherType))
	f = append(f, b...)
	for len(f) < 60 {
		f = append(f, 0)
	}
	return f
}

// ipPacket is that of a frame, without the padding behind it.
func ipPacket(f []byte) []byte {
	b := f[14:]
	if b[0]>>4 == 4 {
		return b[:be.Uint16(b[2:])]
	}
	return b[:40+int(be.Uint16(b[4:]))]
}

// carried is what follows the EtherType, without padding where its length is known.
func carried(f []byte) []byte {
	if t := be.Uint16(f[12:]); t == 0x0800 || t == 0x86dd {
		return ipPacket(f)
	}
	return f[14:]
}

// ipInIP is the protocol number of the IP packet of a frame inside another.
func ipInIP(f []byte) byte {
	if f[14]>>4 == 4 {
		return 4
	}
	return 41
}

func outerIPv4(id uint16, proto byte, b []byte) []byte {
	h := be.AppendUint16(octets("4500"), uint16(20+len(b)))
	h = be.AppendUint16(h, id)
	h = append(h, 0, 0, 64, proto, 0, 0)
	h = append(h, octets(tunnelEnds4)...)
	be.PutUint16(h[10:], ^fold(sum(0, h)))
	return append(h, b...)
}

func outerIPv6(next byte, ends string, b []byte) []byte {
	h := be.AppendUint16(octets("60000000"), uint16(len(b)))
	h = append(h, next, 64)
	return slices.Concat(h, octets(ends), b)
}

// outerUDP has no checksum, as tunnels over IPv4 may (RFC 6935).
func outerUDP(port uint16, b []byte) []byte {
	h := be.AppendUint16(octets("c350"), port)
	h = be.AppendUint16(h, uint16(8+len(b)))
	return append(append(h, 0, 0), b...)
}

// ppp is the datagram of a frame with the protocol field before it.
func ppp(f []byte) []byte {
	if ipInIP(f) == 4 {
		return append(octets("0021"), ipPacket(f)...)
	}
	return append(octets("0057"), ipPacket(f)...)
}

// gpe is a header of VXLAN's generic protocol extension.
func gpe(f []byte) []byte {
	next := byte(1)
	if ipInIP(f) == 41 {
		next = 2
	}
	return slices.Concat(octets("0c0000"), []byte{next}, octets("00126700"), ipPacket(f))
}

// greKey is GRE with checksum, key and sequence number.
func greKey(f []byte) []byte {
	b := slices.Concat(octets("b000"), f[12:14], octets("00000000 00000007 00000001"), carried(f))
	be.PutUint16(b[4:], ^fold(sum(0, b)))
	return b
}

// fragmentSize is what a fragment carries, so little that RTP is cut, too.
const fragmentSize = 128

// fragments yields the frame of an IP packet in fragments. One that is a
// fragment already, or small, goes as it is.
func (w *wrapping) fragments(f []byte, yield func([]byte) bool) bool {
	b := ipPacket(f)
	header := 40
	if b[0]>>4 == 4 {
		header = 20
		if be.Uint16(b[6:])&0x3fff != 0 {
			return yield(f)
		}
	} else if b[6] == 44 {
		return yield(f)
	}
	rest := b[header:]
	if len(rest) <= fragmentSize {
		return yield(f)
	}
	w.n++
	id := uint32(w.n)
	for at := 0; at < len(rest); at += fragmentSize {
		end := min(at+fragmentSize, len(rest))
		h := slices.Clone(b[:header])
		if header == 20 {
			be.PutUint16(h[2:], uint16(20+end-at))
			flags := uint16(at / 8)
			if end < len(rest) {
				flags |= 0x2000
			}
			be.PutUint16(h[6:], flags)
			be.PutUint16(h[10:], 0)
			be.PutUint16(h[10:], ^fold(sum(0, h)))
		} else {
			be.PutUint16(h[4:], uint16(8+end-at))
			flags := uint16(at)
			if end < len(rest) {
				flags |= 1
			}
			h = append(h, h[6], 0)
			h[6] = 44
			h = be.AppendUint16(h, flags)
			h = be.AppendUint32(h, id)
		}
		if !yield(append(slices.Clone(f[:14]), append(h, rest[at:end]...)...)) {
			return false
		}
	}
	return true
}

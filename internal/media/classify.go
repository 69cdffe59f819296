package media

import "encoding/binary"

// Class is what the first bytes of a datagram between media ports say it is.
type Class uint8

const (
	ClassUnknown Class = iota
	ClassRTP
	ClassRTCP
	ClassSTUN
	ClassTURN // ChannelData, RFC 8656 section 12.4
	ClassDTLS
	ClassZRTP
	ClassT38 // UDPTL, ITU-T T.38 section 9.1
)

// String returns the class as it appears in counters.
func (c Class) String() string {
	switch c {
	case ClassRTP:
		return "rtp"
	case ClassRTCP:
		return "rtcp"
	case ClassSTUN:
		return "stun"
	case ClassTURN:
		return "turn"
	case ClassDTLS:
		return "dtls"
	case ClassZRTP:
		return "zrtp"
	case ClassT38:
		return "t38"
	case ClassUnknown:
	}
	return "unknown"
}

// Classify tells the protocols that share a media port apart by their first
// byte (RFC 7983 section 7) and by the structure behind it, so that a stray
// datagram is unknown rather than a guess. UDPTL has no place in that scheme
// and is tried last; what SDP announced as udptl is T.38 whatever this says.
func Classify(b []byte) Class {
	if len(b) == 0 {
		return ClassUnknown
	}
	switch first := b[0]; {
	case first <= 3 && LooksLikeSTUN(b):
		return ClassSTUN
	case first >= 16 && first <= 19 && LooksLikeZRTP(b):
		return ClassZRTP
	case first >= 20 && first <= 63 && LooksLikeDTLS(b):
		return ClassDTLS
	case first >= 64 && first <= 79 && LooksLikeTURN(b):
		return ClassTURN
	case first >= 128 && first <= 191:
		if LooksLikeRTCP(b) {
			return ClassRTCP
		}
		if LooksLikeRTP(b) {
			return ClassRTP
		}
	}
	if LooksLikeT38(b) {
		return ClassT38
	}
	return ClassUnknown
}

// isRTCPType tells RTCP from RTP by the second byte: RTCP packet types 192 to
// 223, which are RTP payload types 64 to 95 with the marker set; RFC 5761
// section 4 keeps RTP away from them.
func isRTCPType(b byte) bool { return b >= 192 && b <= 223 }

// LooksLikeRTP reports whether b can be an RTP packet: version 2, a payload
// type outside RTCP's range, room for CSRCs and extension.
func LooksLikeRTP(b []byte) bool {
	var h RTPHeader
	return h.Parse(b) && !isRTCPType(b[1])
}

// LooksLikeRTCP reports whether b begins with an RTCP packet: version 2, a
// packet type of RFC 5761 section 4, a length in 32-bit words that fits. The
// packets behind the first are not looked at: SRTCP encrypts them.
func LooksLikeRTCP(b []byte) bool {
	if len(b) < 8 || b[0]>>6 != 2 || !isRTCPType(b[1]) {
		return false
	}
	return 4+4*int(binary.BigEndian.Uint16(b[2:])) <= len(b)
}

// stunCookie is the magic cookie of RFC 8489 section 5.
const stunCookie = 0x2112a442

// LooksLikeSTUN reports whether b is one STUN message of RFC 5389 or later.
func LooksLikeSTUN(b []byte) bool {
	return len(b) >= 20 && b[0] <= 3 && binary.BigEndian.Uint32(b[4:]) == stunCookie &&
		b[3]&3 == 0 && 20+int(binary.BigEndian.Uint16(b[2:])) <= len(b)
}

// LooksLikeTURN reports whether b is TURN ChannelData: a channel number of
// 0x4000 to 0x4fff and a length that fits (RFC 8656 section 12.4). Over UDP the
// padding to four bytes may be absent.
func LooksLikeTURN(b []byte) bool {
	if len(b) < 4 || b[0]>>4 != 4 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	return 4+n <= len(b) && len(b) <= 4+n+3
}

// LooksLikeDTLS reports whether b begins with a DTLS record (RFC 6347 section
// 4.1, RFC 9147 section 4): content type, version 1.0, 1.2 or 1.3's legacy
// one, and a length that fits.
func LooksLikeDTLS(b []byte) bool {
	return len(b) >= 13 && b[0] >= 20 && b[0] <= 26 && b[1] == 0xfe && (b[2] == 0xff || b[2] == 0xfd) &&
		13+int(binary.BigEndian.Uint16(b[11:])) <= len(b)
}

// zrtpMagic is "ZRTP" in place of an RTP timestamp, RFC 6189 section 5.
const zrtpMagic = 0x5a525450

// LooksLikeZRTP reports whether b is a ZRTP packet (RFC 6189 section 5).
func LooksLikeZRTP(b []byte) bool {
	return len(b) >= 28 && b[0]>>4 == 1 && binary.BigEndian.Uint32(b[4:]) == zrtpMagic
}

// LooksLikeT38 guesses UDPTL: sequence number, a primary packet with its
// length, then redundancy that ends exactly where the datagram does, or parity
// (ITU-T T.38 section 9.1.4). Open types are one byte of length here: a fax
// packet above 127 bytes is not recognised.
func LooksLikeT38(b []byte) bool {
	if len(b) < 6 {
		return false
	}
	primary := int(b[2])
	at := 3 + primary
	if primary == 0 || primary > 127 || at+2 > len(b) {
		return false
	}
	switch b[at] {
	case 0x00: // secondary IFP packets
		count := int(b[at+1])
		at += 2
		for range count {
			if at >= len(b) || b[at] > 127 {
				return false
			}
			at += 1 + int(b[at])
		}
		return at == len(b)
	case 0x80: // parity: spans (one byte of length, one of value) and data
		return at+3 <= len(b) && b[at+1] == 1
	}
	return false
}

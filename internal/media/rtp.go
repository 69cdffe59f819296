package media

import "encoding/binary"

// RTPHeader is the fixed header of RFC 3550 section 5.1 and where the payload
// lies. It is reused: Parse overwrites every field.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|V=2|P|X|  CC   |M|     PT      |       sequence number         |
//	|                           timestamp                           |
//	|                             SSRC                              |
//	|                   CC CSRCs, then the extension                |
type RTPHeader struct {
	SSRC        uint32
	Timestamp   uint32 // in units of the payload type's clock
	Sequence    uint16
	PayloadType uint8 // 0..127
	Marker      bool
	CSRCs       uint8 // 0..15
	Extension   bool
	// Padding is how many bytes at the end are no payload. It is 0 when the
	// packet claims more than it has: an SRTP packet encrypts the count, and a
	// capture that cut the packet lost it.
	Padding uint8
	// PayloadOffset and PayloadLen place the payload in the parsed bytes.
	PayloadOffset int
	PayloadLen    int
}

// rtpHeaderLen is the fixed part, without CSRCs and extension.
const rtpHeaderLen = 12

// Parse reads the header of one RTP packet and reports whether b can be one:
// version 2, and long enough for its CSRCs and its extension. It reads
// nothing but structure; LooksLikeRTP also tells RTP from RTCP.
func (h *RTPHeader) Parse(b []byte) bool {
	if len(b) < rtpHeaderLen || b[0]>>6 != 2 {
		return false
	}
	h.PayloadType = b[1] & 0x7f
	h.Marker = b[1]&0x80 != 0
	h.Sequence = binary.BigEndian.Uint16(b[2:])
	h.Timestamp = binary.BigEndian.Uint32(b[4:])
	h.SSRC = binary.BigEndian.Uint32(b[8:])
	if b[0]&0x3f == 0 { // no padding, extension or CSRC: nearly every packet
		h.CSRCs, h.Extension, h.Padding = 0, false, 0
		h.PayloadOffset, h.PayloadLen = rtpHeaderLen, len(b)-rtpHeaderLen
		return true
	}
	return h.parseRest(b)
}

// ParseCut is Parse of a packet from whose end the capture cut so many bytes. How
// many of them are padding the last one told.
func (h *RTPHeader) ParseCut(b []byte, cut int) bool {
	if !h.Parse(b) {
		return false
	}
	if cut > 0 {
		h.PayloadLen += int(h.Padding) + cut
		h.Padding = 0
	}
	return true
}

// parseRest reads what few packets have: CSRCs, extension and padding.
func (h *RTPHeader) parseRest(b []byte) bool {
	h.CSRCs = b[0] & 0x0f
	h.Extension = b[0]&0x10 != 0
	h.Padding = 0
	offset := rtpHeaderLen + 4*int(h.CSRCs)
	if h.Extension {
		if len(b) < offset+4 {
			return false
		}
		offset += 4 + 4*int(binary.BigEndian.Uint16(b[offset+2:]))
	}
	if len(b) < offset {
		return false
	}
	h.PayloadOffset, h.PayloadLen = offset, len(b)-offset
	if b[0]&0x20 != 0 && h.PayloadLen > 0 {
		if n := b[len(b)-1]; int(n) <= h.PayloadLen {
			h.Padding = n
			h.PayloadLen -= int(n)
		}
	}
	return true
}

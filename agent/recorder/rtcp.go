package recorder

import (
	"encoding/binary"

	"github.com/earshot-voip/earshot/internal/media"
)

// maxRTCP is more than any report needs.
const maxRTCP = 4 << 10

// appendRTCP appends what is kept of a compound packet, up to where it is none
// any more: whole are reports, feedback and BYE; of SDES the CNAME, while what
// tells of persons becomes asterisks (names, addresses, telephone numbers, RFC
// 3550 section 6.5), as does what applications add. Lengths are kept. What is
// behind a first header that lies, or is encrypted, is left out: nobody knows
// that it is RTCP.
func appendRTCP(dst, b []byte) []byte {
	if len(b) > maxRTCP {
		b = b[:maxRTCP]
	}
	for len(b) >= 8 && b[0]>>6 == 2 {
		n := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) || n < 8 {
			break
		}
		at := len(dst)
		dst = append(dst, b[:n]...)
		known, ok := keepRTCP(dst[at:], int(b[0]&0x1f))
		if !ok {
			return append(dst[:at], b[:8]...)
		}
		stars(dst[at+known:])
		b = b[n:]
	}
	if len(dst) == 0 && len(b) >= 8 {
		return append(dst, b[:8]...) // header and SSRC
	}
	return dst
}

// keepRTCP gives how many bytes of one packet are to be kept; ok is false
// where it is not what its type says.
func keepRTCP(b []byte, count int) (n int, ok bool) {
	switch b[1] {
	case media.TypeSR:
		n = 28 + 24*count
	case media.TypeRR:
		n = 8 + 24*count
	case media.TypeSDES:
		return len(b), hideSDES(b[4:], count)
	case media.TypeBYE:
		n = 4 + 4*count
	case media.TypeAPP:
		n = 12
	case media.TypeRTPFB, media.TypePSFB:
		return len(b), len(b) >= 12
	case media.TypeXR:
		return len(b), true
	default:
		n = 8
	}
	return n, n <= len(b)
}

// hideSDES hides the items of count chunks.
func hideSDES(b []byte, count int) bool {
	const cname = 1
	for at := 0; count > 0; count-- {
		at += 4 // SSRC
		for {
			if at >= len(b) {
				return false
			}
			if b[at] == 0 { // the end of the chunk, which is filled up to 32 bits
				at = at&^3 + 4
				break
			}
			if at+2 > len(b) || at+2+int(b[at+1]) > len(b) {
				return false
			}
			end := at + 2 + int(b[at+1])
			if b[at] != cname {
				stars(b[at+2 : end])
			}
			at = end
		}
	}
	return true
}

func stars(b []byte) {
	for i := range b {
		b[i] = '*'
	}
}

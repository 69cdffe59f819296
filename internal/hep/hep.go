// Package hep turns HEP datagrams and frames (versions 1, 2 and 3) into
// packet.Packet and back.
//
// HEP3 is a six-byte header and chunks back to back, every integer
// big-endian:
//
//	 0      4        6                    12
//	+------+--------+--------+------+--------+------+---
//	| HEP3 | length | vendor | type | length | body | ...
//	+------+--------+--------+------+--------+------+---
//
// Both lengths include their own headers. Chunks come in any order, and a
// reader skips those that it does not know.
//
// HEP1 and HEP2 are C structs and carry SIP only; see legacy.go.
package hep

import "encoding/binary"

const (
	headerLen      = 6 // of a HEP3 frame
	chunkHeaderLen = 6
	maxFrame       = 1<<16 - 1 // the length field has 16 bits
)

// Error says why a frame was refused or could not be written. It is a closed
// set: String gives a short name that serves as the label of a counter.
type Error uint8

const (
	// ErrShort is a frame that ends before its header does.
	ErrShort Error = iota + 1
	// ErrMagic is a frame whose first bytes are of no version of HEP.
	ErrMagic
	// ErrLength is a frame whose length field is not the length of the frame.
	ErrLength
	// ErrChunk is a chunk that ends outside its frame, or whose body has not
	// the size of its type.
	ErrChunk
	// ErrAddress is a frame without a source or destination address, or of an
	// address family that does not go with the address.
	ErrAddress
	// ErrCompression is compressed bytes that are not zlib, gzip or deflate.
	ErrCompression
	// ErrTooLarge is a payload that inflates beyond Decoder.MaxInflated, or
	// that fits no frame when it is written.
	ErrTooLarge

	errorEnd
)

// Errors are all values of Error, for registering a counter of each.
func Errors() []Error {
	var all []Error
	for e := ErrShort; e < errorEnd; e++ {
		all = append(all, e)
	}
	return all
}

// String is the short name of e, a label value.
func (e Error) String() string {
	switch e {
	case ErrShort:
		return "short"
	case ErrMagic:
		return "bad_magic"
	case ErrLength:
		return "bad_length"
	case ErrChunk:
		return "bad_chunk"
	case ErrAddress:
		return "no_address"
	case ErrCompression:
		return "bad_compression"
	case ErrTooLarge:
		return "too_large"
	default:
		return "unknown"
	}
}

func (e Error) Error() string {
	switch e {
	case ErrShort:
		return "hep: frame ends inside its header"
	case ErrMagic:
		return "hep: not HEP: the first bytes are neither HEP3, EEP3 nor version 1 or 2"
	case ErrLength:
		return "hep: length field does not match the frame"
	case ErrChunk:
		return "hep: chunk ends outside the frame or has the wrong size for its type"
	case ErrAddress:
		return "hep: no usable source and destination address"
	case ErrCompression:
		return "hep: compressed bytes are neither zlib, gzip nor deflate"
	case ErrTooLarge:
		return "hep: payload is larger than allowed"
	default:
		return "hep: unknown error"
	}
}

// FrameLen tells the length of the HEP3 frame at the start of b, header
// included: the only framing that HEP has on a byte stream. It needs the
// first 6 bytes and returns ErrShort when b has fewer that could still become
// a frame. After ErrMagic or ErrLength a stream cannot be brought back into
// step: close it.
//
// HEP1, HEP2 and gzipped frames have no length and cannot travel on a stream.
func FrameLen(b []byte) (int, error) {
	n := min(len(b), 4)
	if !isMagic(b[:n]) {
		return 0, ErrMagic
	}
	if len(b) < headerLen {
		return 0, ErrShort
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length < headerLen {
		return 0, ErrLength
	}
	return length, nil
}

// isMagic tells whether b, at most 4 bytes, is or begins the magic of a HEP3
// frame: HEP3, or EEP3 (revision 37 of the specification), or EEP1
// (draft-dubovikov-eep-hep-00, the same layout).
func isMagic(b []byte) bool {
	for i, c := range b {
		switch i {
		case 0:
			if c != 'H' && c != 'E' {
				return false
			}
		case 1:
			if c != 'E' {
				return false
			}
		case 2:
			if c != 'P' {
				return false
			}
		case 3:
			if c != '3' && (c != '1' || b[0] != 'E') {
				return false
			}
		}
	}
	return true
}

package hep

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"hash/adler32"
	"io"
)

// inflater unpacks compressed payloads and frames, keeping its readers and
// buffers from one frame to the next.
type inflater struct {
	src  bytes.Reader
	gzip gzip.Reader
	raw  io.ReadCloser

	// A gzipped frame may hold a compressed payload: two buffers.
	frameBuf, payloadBuf []byte
}

// frame unpacks a gzipped frame. What follows the gzip stream is no frame.
func (f *inflater) frame(b []byte, limit int) ([]byte, error) {
	var err error
	f.frameBuf, err = f.gunzip(f.frameBuf[:0], b, min(limit, maxFrame))
	return f.frameBuf, err
}

// payload unpacks the body of chunk 16. The specification says "gzip or
// inflate" and emitters send zlib (RFC 1950), so the first bytes decide: gzip
// (RFC 1952), zlib, and else deflate without a header (RFC 1951).
func (f *inflater) payload(b []byte, limit int) ([]byte, error) {
	var err error
	switch {
	case len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b:
		f.payloadBuf, err = f.gunzip(f.payloadBuf[:0], b, limit)
	case isZlib(b):
		f.payloadBuf, err = f.unzlib(f.payloadBuf[:0], b, limit)
	default:
		f.payloadBuf, err = f.inflate(f.payloadBuf[:0], b, limit)
	}
	return f.payloadBuf, err
}

// isZlib checks the two header bytes of RFC 1950 2.2: method 8 with a window
// of at most 32 KiB, and a check value.
func isZlib(b []byte) bool {
	return len(b) >= 2 && b[0]&0x0f == 8 && b[0]>>4 <= 7 && (uint(b[0])<<8|uint(b[1]))%31 == 0
}

func (f *inflater) gunzip(dst, b []byte, limit int) ([]byte, error) {
	f.src.Reset(b)
	if err := f.gzip.Reset(&f.src); err != nil {
		return dst, ErrCompression
	}
	f.gzip.Multistream(false)
	return readAll(dst, &f.gzip, limit)
}

// unzlib is RFC 1950: a header of two bytes, deflate, and the Adler-32 of what
// was deflated. The standard library's reader allocates for each stream.
func (f *inflater) unzlib(dst, b []byte, limit int) ([]byte, error) {
	const presetDictionary = 1 << 5
	if b[1]&presetDictionary != 0 {
		return dst, ErrCompression
	}
	dst, err := f.inflate(dst, b[2:], limit)
	if err != nil {
		return dst, err
	}
	sum := b[len(b)-f.src.Len():]
	if len(sum) < 4 || binary.BigEndian.Uint32(sum) != adler32.Checksum(dst) {
		return dst, ErrCompression
	}
	return dst, nil
}

func (f *inflater) inflate(dst, b []byte, limit int) ([]byte, error) {
	f.src.Reset(b)
	if f.raw == nil {
		f.raw = flate.NewReader(&f.src)
	} else if err := f.raw.(flate.Resetter).Reset(&f.src, nil); err != nil {
		return dst, ErrCompression
	}
	return readAll(dst, f.raw, limit)
}

// readAll appends what r gives to dst, up to limit bytes.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	if cap(dst) == 0 {
		dst = make([]byte, 0, min(limit+1, 16<<10))
	}
	for {
		if len(dst) > limit {
			return dst, ErrTooLarge
		}
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), limit+1)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			if len(dst) > limit {
				return dst, ErrTooLarge
			}
			return dst, nil
		}
		if err != nil {
			if len(dst) > limit {
				return dst, ErrTooLarge
			}
			return dst, ErrCompression
		}
	}
}

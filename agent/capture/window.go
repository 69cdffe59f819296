package capture

import (
	"bytes"
	"errors"
	"io"
)

// windowSize is large enough to make system calls rare and small enough to
// stay in the processor's cache.
const windowSize = 256 << 10

// errShort says that the input ended before the bytes that were asked for.
var errShort = errors.New("input ended")

// window is a buffered reader that lends its bytes instead of copying them.
// What peek lends is valid until the next peek.
type window struct {
	r      io.Reader
	buf    []byte
	at     int   // begin of what was read and not yet consumed
	end    int   // its end
	offset int64 // of at, in the input
	owed   int64 // bytes to come that are to be discarded; the window is empty, then
	err    error // of r, kept until the bytes before it are consumed
}

// peek lends the next n bytes without consuming them. When the input ends
// before, it lends what there is with errShort, or with the reader's error.
// ErrTimeout of the reader is not the end: the same peek may succeed later.
func (w *window) peek(n int) ([]byte, error) {
	if w.end-w.at >= n {
		return w.buf[w.at : w.at+n], nil
	}
	return w.fill(n)
}

// fill reads until n bytes are there. The buffer grows as bytes arrive, not as
// a length field promises.
func (w *window) fill(n int) ([]byte, error) {
	if err := w.pay(); err != nil {
		return nil, err
	}
	buf := w.buf
	if len(buf) < windowSize { // it rested
		buf = make([]byte, windowSize)
	}
	w.end = copy(buf, w.buf[w.at:w.end])
	w.buf, w.at = buf, 0
	for w.end < n && w.err == nil {
		if w.end == len(w.buf) {
			grown := make([]byte, 2*len(w.buf))
			copy(grown, w.buf)
			w.buf = grown
		}
		var got int
		got, w.err = w.r.Read(w.buf[w.end:])
		w.end += got
	}
	if w.end >= n {
		return w.buf[:n], nil
	}
	err := w.err
	switch {
	case errors.Is(err, io.EOF):
		err = errShort
	case errors.Is(err, ErrTimeout):
		w.err = nil
	}
	return w.buf[:w.end], err
}

// rest gives the buffer back until more is peeked, but for what is in it.
func (w *window) rest() {
	w.buf = bytes.Clone(w.buf[w.at:w.end])
	w.at, w.end = 0, len(w.buf)
}

// skip consumes n bytes that were lent.
func (w *window) skip(n int) {
	w.at += n
	w.offset += int64(n)
}

// discard consumes n bytes without keeping them. Those that are not there before
// ErrTimeout are discarded when they come.
func (w *window) discard(n int64) error {
	w.owed = n
	return w.pay()
}

func (w *window) pay() error {
	for owed := w.owed; owed > 0; owed = w.owed {
		if w.at == w.end {
			w.owed = 0 // for fill
			_, err := w.fill(1)
			if w.owed = owed; err != nil {
				return err
			}
		}
		step := int(min(owed, int64(w.end-w.at)))
		w.skip(step)
		w.owed -= int64(step)
	}
	return nil
}

// Read consumes bytes into b, for a decompressor on top of the window.
func (w *window) Read(b []byte) (int, error) {
	if w.at == w.end {
		if _, err := w.peek(1); err != nil {
			return 0, ended(err)
		}
	}
	n := copy(b, w.buf[w.at:w.end])
	w.skip(n)
	return n, nil
}

// ReadByte keeps gzip from putting a buffer of its own on top.
func (w *window) ReadByte() (byte, error) {
	b, err := w.peek(1)
	if err != nil {
		return 0, ended(err)
	}
	w.skip(1)
	return b[0], nil
}

// ended is the error of peek as an io.Reader tells it.
func ended(err error) error {
	if errors.Is(err, errShort) {
		return io.EOF
	}
	return err
}

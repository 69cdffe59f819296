package capture

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// headSize is how much of a file's begin is compared to find that its name and
// inode were used again: it holds a first packet's time, in pcapng too.
const headSize = 1 << 10

// errAnew says that a file was cut to nothing and is written anew.
var errAnew = errors.New("written anew")

// tail reads a file to which somebody writes: what is not there yet is
// ErrTimeout, until it is over.
type tail struct {
	path string
	info os.FileInfo // which file it is, and what it was like when it was looked at last
	over bool        // nobody writes to it any more: its end is io.EOF
	file *os.File    // nil while it is not open
	at   int64       // bytes read
	head []byte      // the first of them
}

// Read returns errAnew when what follows is no continuation of what it gave before.
func (t *tail) Read(b []byte) (int, error) {
	if err := t.open(); err != nil {
		return 0, err
	}
	n, err := t.file.ReadAt(b, t.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if !t.over {
		if anew, err := t.anew(n); anew || err != nil {
			return 0, errors.Join(err, errAnew)
		}
	}
	if t.at == int64(len(t.head)) {
		t.head = append(t.head, b[:min(n, headSize-len(t.head))]...)
	}
	t.at += int64(n)
	switch {
	case n > 0:
		return n, nil
	case t.over:
		return 0, io.EOF
	}
	return 0, ErrTimeout
}

// anew tells whether the n bytes read last are those of another content. Looking
// after they were read leaves no moment in between.
func (t *tail) anew(n int) (bool, error) {
	info, err := t.file.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() < t.at+int64(n) {
		return n == 0, nil // bytes that were there before it was cut are good
	}
	begin := make([]byte, len(t.head))
	if _, err := t.file.ReadAt(begin, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return !bytes.Equal(begin, t.head), nil
}

func (t *tail) open() error {
	if t.file != nil {
		return nil
	}
	missing := ErrTimeout // its new name is found, or that it has none
	if t.over {
		missing = io.EOF
	}
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return missing
	}
	if err != nil {
		return openError(err)
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(info, t.info) {
		err = missing
	}
	if err != nil {
		f.Close()
		return err
	}
	t.file = f
	return nil
}

// close lets the file go; Read opens it again.
func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}

// rewind begins again with the first byte.
func (t *tail) rewind() {
	t.close()
	t.at, t.head = 0, t.head[:0]
}

package capture

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/earshot-voip/earshot/internal/packet"
)

// File is a capture file being read. It belongs to one goroutine, but for
// Progress.
type File struct {
	name   string
	next   func() (packet.Frame, error) // nil for pcap, which is called straight
	in     *window
	read   *countingReader
	size   int64
	closer io.Closer
	err    error // what ended the file; stays
	keyLog func(lines []byte)
	zipped bool

	pcap   pcapFile
	pcapng pcapngFile
}

// Open opens a capture file; "-" is standard input. Errors name the path.
func Open(path string) (*File, error) {
	if path == "-" {
		return OpenReader("standard input", os.Stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &os.PathError{Op: "read", Path: path, Err: errors.New("is a directory")}
	}
	if err != nil {
		f.Close()
		return nil, openError(err)
	}
	c, err := OpenReader(path, f)
	if err != nil {
		f.Close()
		return nil, err
	}
	c.closer = f
	if info.Mode().IsRegular() {
		c.size = info.Size()
	}
	return c, nil
}

// openError says once that it was opening that failed: errors of os say it, too.
func openError(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("open capture file: %s: %w", p.Path, p.Err)
	}
	return fmt.Errorf("open capture file: %w", err)
}

// OpenReader reads a capture from r; name stands for it in errors.
func OpenReader(name string, r io.Reader) (*File, error) {
	f := newFile(name, r)
	if err := f.open(true); err != nil {
		return nil, err
	}
	return f, nil
}

func newFile(name string, r io.Reader) *File {
	f := &File{name: name, read: &countingReader{r: r}}
	f.in = &window{r: f.read}
	return f
}

// open looks at the first bytes and chooses the format.
func (f *File) open(mayUnzip bool) error {
	head, err := f.in.peek(4)
	if errors.Is(err, errShort) {
		if len(head) == 0 {
			return &FormatError{Path: f.name, Found: "an empty file"}
		}
		return &FormatError{Path: f.name, Found: describe(head)}
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.name, err)
	}
	if mayUnzip && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(f.in)
		switch {
		case errors.Is(err, ErrTimeout):
			return err
		case err != nil:
			return &FormatError{Path: f.name, Found: "a damaged gzip header"}
		}
		f.in, f.zipped = &window{r: z}, true
		return f.open(false)
	}
	if binary.BigEndian.Uint32(head) == blockSection {
		f.pcapng = pcapngFile{file: f}
		f.next = f.pcapng.next
		return f.pcapng.open()
	}
	f.pcap = pcapFile{file: f}
	return f.pcap.open(head)
}

// Next returns the next frame, io.EOF at the end, a *TruncatedError where the
// file is cut short, a *FormatError where it is damaged. After an error it
// returns the same error again.
func (f *File) Next() (fr packet.Frame, err error) {
	switch {
	case f.err != nil:
		err = f.err
	case f.next == nil:
		err = f.pcap.next(&fr)
	default:
		if fr, err = f.next(); !errors.Is(err, ErrTimeout) {
			f.err = err
		}
	}
	return fr, err
}

// OnKeyLog has take get the TLS key logs that a pcapng file holds (its decryption
// secrets blocks), each before the frames behind it. They are borrowed.
func (f *File) OnKeyLog(take func(lines []byte)) { f.keyLog = take }

// Name is the path, as it was given to Open.
func (f *File) Name() string { return f.name }

// Progress returns how many bytes of the file have been read, compressed ones
// of a gzip file, and its size, 0 when that is not known. Any goroutine may ask.
func (f *File) Progress() (read, size int64) { return f.read.n.Load(), f.size }

// Drops returns what the file itself tells about frames that its capture lost
// (interface statistics of pcapng); pcap tells nothing.
func (f *File) Drops() Drops { return f.pcapng.drops() }

// Close closes the file that Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// fail turns a failure to read the record at offset into what Next returns.
func (f *File) fail(err error, offset int64) error {
	switch {
	case errors.Is(err, ErrTimeout):
		return err
	case errors.Is(err, errShort), errors.Is(err, io.ErrUnexpectedEOF):
		return &TruncatedError{Path: f.name, Offset: offset}
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return &FormatError{Path: f.name, Offset: max(offset, 1), Found: err.Error()}
	}
	if corrupt, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return &FormatError{Path: f.name, Offset: max(offset, 1), Found: corrupt.Error()}
	}
	return fmt.Errorf("read %s at byte %d: %w", f.name, offset, err)
}

// describe names what a file that is no capture begins with.
func describe(head []byte) string {
	for _, k := range []struct{ magic, name string }{
		{"snoo", "a Solaris snoop file"},
		{"GMBU", "a Microsoft Network Monitor file"},
		{"RTSS", "a Microsoft Network Monitor 1 file"},
		{"PK\x03\x04", "a zip archive"},
		{"\x28\xb5\x2f\xfd", "zstd-compressed bytes"},
		{"\x04\x22\x4d\x18", "lz4-compressed bytes"},
		{"\xfd7zX", "xz-compressed bytes"},
		{"BZh", "bzip2-compressed bytes"},
		{"\x7fELF", "a program"},
		{"\x1f\x8b", "gzip in gzip"},
	} {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.name
		}
	}
	for _, c := range head {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c > '~' {
			return fmt.Sprintf("the bytes %x", head)
		}
	}
	return fmt.Sprintf("text that begins with %q", head)
}

// countingReader counts what was read of the file itself.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}

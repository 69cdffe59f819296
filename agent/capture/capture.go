// Package capture reads frames: from pcap and pcapng files, gzip-compressed
// ones and standard input among them, and from network interfaces by AF_PACKET or libpcap.
package capture

import (
	"errors"
	"fmt"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Source gives captured frames one after the other. Next returns io.EOF after
// the last. A Frame's Data is borrowed: it is valid until the next call.
type Source interface {
	Next() (packet.Frame, error)
}

// ErrTimeout is what Next of a Live, or of a Series that is followed, returns when
// no frame came for a while, a fifth of a second at most. It is no failure: call again.
var ErrTimeout = errors.New("no frame within the timeout")

// Drops is how many frames a capture point could not keep.
type Drops struct {
	Received         uint64 // frames that passed the filter, the dropped ones of the kernel included
	DroppedKernel    uint64 // by the kernel, since the reader was too slow
	DroppedInterface uint64 // by the interface or its driver; 0 where it does not tell
	Freezes          uint64 // times that the kernel's ring was full; what came meanwhile is in DroppedKernel
}

// TruncatedError says that a capture ends within a record. All records before
// it have been given.
type TruncatedError struct {
	Path   string
	Offset int64 // where the record begins that is not whole; in the uncompressed bytes of a gzip file
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("%s: truncated: the record at byte %d is not whole; what precedes it was read", e.Path, e.Offset)
}

// FormatError says that a file is no capture, or is damaged from Offset on.
type FormatError struct {
	Path   string
	Offset int64 // in the uncompressed bytes of a gzip file
	Found  string
}

func (e *FormatError) Error() string {
	if e.Offset == 0 {
		return fmt.Sprintf("%s: not a capture file: found %s, want pcap or pcapng, plain or gzip-compressed", e.Path, e.Found)
	}
	return fmt.Sprintf("%s: damaged at byte %d: %s; what precedes it was read", e.Path, e.Offset, e.Found)
}

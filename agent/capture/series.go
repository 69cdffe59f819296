package capture

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// SeriesOptions say which files are read as one capture.
type SeriesOptions struct {
	Paths  []string // files, and directories of files
	Follow bool     // wait for more
	Log    *slog.Logger
}

// Series reads files as one capture, in order of time: those of directories, as
// tcpdump -G and dumpcap -b write them, each opened when its first packet is
// due. One that cannot be read is said, and the rest goes on.
//
// A followed Series gives what is added to files, and new files, as they come: of
// frames that are there at the same time the earliest is first. Files are told apart
// by what they are, not by their names, so that one that is renamed is not
// read again, and one whose name is used again is. Next returns ErrTimeout when there
// is none for a while. All methods belong to one goroutine.
type Series struct {
	opt     SeriesOptions
	members map[string]*member // by path
	parted  []parted
	due     queue
	lent    *member // whose frame Next returned last; it is due[0]
	keyLog  func(lines []byte)
	full    bool // said that there are more than maxMembers
	away    map[string]bool
	lost    Drops   // that members told which are no more
	errs    []error // why members were not read whole, where nothing is followed
	closed  bool

	frames   uint64
	last     time.Time // of the frame returned last
	idle     time.Time // since when there was none, by the wall clock; zero is since now
	lookDue  time.Time // for new files
	round    int       // looks
	number   int       // members so far
	captures int       // files that were opened as such
	waiting  int       // members that came to wait since idle ones were closed
}

const (
	lookEvery = 200 * time.Millisecond
	// maxMembers bounds the files that are remembered, of which maxOpen are kept
	// open while they wait.
	maxMembers = 1 << 16
	maxOpen    = 64
	// zippedAfter is how long a gzip file has to have been left alone before it
	// is read again from its begin for what was added.
	zippedAfter = time.Second
	// writerDelay is how much later than its time a frame may be in the file.
	writerDelay = 2 * time.Second
)

// parted is a capture that has gone: its gzip-compressed copy may come.
type parted struct {
	path  string
	first time.Time
}

const maxParted = 1 << 10

// OpenSeries finds the files. Paths that are not there are errors, and so are named
// files that are no captures where they are not followed.
func OpenSeries(o SeriesOptions) (*Series, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Series{opt: o, members: map[string]*member{}, away: map[string]bool{}}
	s.opt.Paths = nil
	for _, path := range o.Paths {
		s.opt.Paths = append(s.opt.Paths, filepath.Clean(path))
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, openError(err)
		case info.IsDir():
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("open capture file: %s: not a file or directory that can be followed", path)
		case !o.Follow:
			f, err := Open(path)
			if err != nil {
				return nil, err
			}
			f.Close()
		}
	}
	s.look()
	if s.captures == 0 && len(s.errs) == 0 && !o.Follow {
		return nil, fmt.Errorf("open capture files: %s: no capture among %d files; want pcap or pcapng, plain or gzip-compressed",
			strings.Join(o.Paths, ", "), len(s.members))
	}
	return s, nil
}

// Next returns the next frame. Where the Series is not followed, the failures of
// its files come, joined, in place of io.EOF.
func (s *Series) Next() (packet.Frame, error) {
	if s.closed {
		return packet.Frame{}, io.EOF
	}
	if m := s.lent; m != nil { // the frame was borrowed until now
		s.lent = nil
		s.settle(s.pull(m))
	}
	if s.frames++; s.opt.Follow && s.frames&1023 == 0 && time.Now().After(s.lookDue) {
		s.look()
	}
	for waited := false; ; {
		for len(s.due) > 0 {
			m := s.due[0]
			if m.file != nil {
				s.lent, s.last, s.idle = m, m.head.Time, time.Time{}
				return m.head, nil
			}
			s.settle(s.begin(m))
		}
		if !s.opt.Follow {
			s.closed = true
			if err := errors.Join(s.errs...); err != nil {
				return packet.Frame{}, err
			}
			return packet.Frame{}, io.EOF
		}
		if s.idle.IsZero() {
			s.idle = time.Now()
		}
		if waited {
			return packet.Frame{}, ErrTimeout
		}
		waited = true
		time.Sleep(min(time.Until(s.lookDue), lookEvery))
		if !time.Now().Before(s.lookDue) {
			s.look()
		}
	}
}

// settle restores the queue after its first member has moved on, if it has a frame.
func (s *Series) settle(has bool) {
	if has {
		heap.Fix(&s.due, 0)
	} else {
		heap.Pop(&s.due)
	}
}

// Now is the time that has come: that of the latest frame and, when none came for a
// while, what has passed since by the wall clock. It is zero before the first
// frame, and as old as the files are.
func (s *Series) Now() time.Time {
	if s.last.IsZero() || s.idle.IsZero() {
		return s.last
	}
	return s.last.Add(max(0, time.Since(s.idle)-writerDelay))
}

// OnKeyLog has take get the TLS key logs that the files hold, as File.OnKeyLog does.
func (s *Series) OnKeyLog(take func(lines []byte)) { s.keyLog = take }

// Progress returns how many bytes have been read, and how many there are.
func (s *Series) Progress() (read, size int64) {
	for _, m := range s.members {
		read, size = read+m.at, size+m.info.Size()
	}
	return read, size
}

// Drops sums what the files tell about frames that their captures lost.
func (s *Series) Drops() (Drops, error) {
	sum := s.lost
	for _, m := range s.members {
		sum.add(m.dropped())
	}
	return sum, nil
}

func (d *Drops) add(o Drops) {
	d.Received += o.Received
	d.DroppedKernel += o.DroppedKernel
	d.DroppedInterface += o.DroppedInterface
}

// Close ends the Series; Next returns io.EOF from now on.
func (s *Series) Close() {
	s.closed = true
	for _, m := range s.members {
		m.close()
	}
	for _, m := range s.due { // those that have lost their names among them
		m.close()
	}
}

// queue is the members that have a frame, or are known to, the earliest first.
type queue []*member

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if c := q[i].head.Time.Compare(q[j].head.Time); c != 0 {
		return c < 0
	}
	return q[i].number < q[j].number
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is for package heap, as is Pop.
func (q *queue) Push(x any) { *q = append(*q, x.(*member)) }

// Pop takes the last.
func (q *queue) Pop() any {
	last := len(*q) - 1
	m := (*q)[last]
	*q = (*q)[:last]
	m.queued = false
	return m
}

package capture

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// member is a file of a Series.
type member struct {
	tail
	number int       // orders what has the same time
	file   *File     // nil before its first packet is due, and while a gzip file waits for more
	first  time.Time // of the first packet; zero while there is none
	given  uint64    // frames
	known  Drops     // while file is nil
	head   packet.Frame
	queued bool // it has a head, or its first packet is the head
	dead   bool // no more is read of it unless it is written anew
	said   bool // what is wrong with it

	asked  int64     // its size when it was asked for frames last
	looked time.Time // its modification time, then
	stale  time.Time // when a gzip file was seen to grow that is not read yet
	active int       // the look that found it changed last
}

func (m *member) dropped() Drops {
	if m.file != nil {
		return m.file.Drops()
	}
	return m.known
}

// shut lets the file go: what comes next begins with its first byte.
func (m *member) shut() {
	m.known = m.dropped()
	m.file = nil
	m.rewind()
}

// ask makes a member that has no frame look for one, and tells whether it has.
func (s *Series) ask(m *member) bool {
	switch {
	case m.first.IsZero():
		return s.probe(m)
	case m.file == nil:
		return s.begin(m)
	}
	return s.pull(m)
}

// probe finds when the first packet was, and lets the file go until it is due.
func (s *Series) probe(m *member) bool {
	file := newFile(m.path, &m.tail)
	err := file.open(true)
	if err == nil {
		s.captures++
		m.head, err = file.Next()
	}
	m.rewind()
	format, isFormat := errors.AsType[*FormatError](err)
	switch {
	case err == nil:
	case errors.Is(err, ErrTimeout), errors.Is(err, errAnew): // until it changes
		return false
	case errors.Is(err, io.EOF):
		s.skip(m, "a capture without packets")
		return false
	case isFormat && format.Offset == 0: // a directory may hold anything
		s.skip(m, "no capture: found "+format.Found)
		return false
	default:
		s.end(m, err)
		return false
	}
	m.head.Data = nil
	m.first = m.head.Time
	if s.copied(m) {
		m.dead = true
		s.opt.Log.Info("compressed copy of a capture that was read is left out", "file", m.path)
		return false
	}
	return true
}

// skip leaves out a file that gives nothing and lacks nothing.
func (s *Series) skip(m *member, why string) {
	m.dead = true
	if !m.said {
		m.said = true
		s.opt.Log.Warn("file is left out", "file", m.path, "reason", why)
	}
}

// begin opens a member, beyond what was given of it.
func (s *Series) begin(m *member) bool {
	m.rewind()
	if err := m.open(); errors.Is(err, io.EOF) {
		return s.end(m, fmt.Errorf("%s: it was removed before it was read", m.path))
	}
	file := newFile(m.path, &m.tail)
	err := file.open(true)
	for skip := m.given; err == nil && skip > 0; skip-- {
		var f packet.Frame
		if f, err = file.Next(); err == nil && skip == m.given && !f.Time.Equal(m.first) {
			err = errAnew
		}
	}
	if err != nil {
		return s.end(m, err)
	}
	file.OnKeyLog(s.keyLog)
	m.file = file
	return s.pull(m)
}

// pull reads the next frame of an open member.
func (s *Series) pull(m *member) bool {
	var err error
	if m.head, err = m.file.Next(); err != nil {
		return s.end(m, err)
	}
	m.given++
	return true
}

// end does what follows from a member having no frame for now, or no more. It tells
// whether there is one all the same: the first of what was written anew.
func (s *Series) end(m *member, err error) bool {
	switch {
	case errors.Is(err, ErrTimeout):
		switch {
		case m.file == nil:
			m.rewind()
		case m.file.zipped: // a decompressor cannot go on
			m.shut()
		default:
			m.file.in.rest()
			if s.waiting++; s.waiting > maxOpen {
				s.shutIdle()
			}
		}
		return false
	case errors.Is(err, errAnew):
		return s.again(m)
	}
	m.dead = true
	m.close()
	m.known, m.file = m.dropped(), nil
	if m.over && s.opt.Follow {
		s.leave(m)
	}
	if errors.Is(err, io.EOF) || m.said {
		return false
	}
	m.said = true
	if !s.opt.Follow {
		s.errs = append(s.errs, err)
		return false
	}
	s.opt.Log.Warn("capture file was not read whole", "error", err)
	return false
}

// again begins with a member that is written anew.
func (s *Series) again(m *member) bool {
	s.lost.add(m.dropped())
	m.shut()
	m.known, m.first, m.given = Drops{}, time.Time{}, 0
	m.dead, m.said = false, false
	return s.probe(m)
}

// copied tells whether a member is the gzip-compressed copy of one that was there,
// as tcpdump -z gzip makes it.
func (s *Series) copied(m *member) bool {
	plain, ok := strings.CutSuffix(m.path, ".gz")
	if !ok {
		return false
	}
	if p := s.members[plain]; p != nil && p.first.Equal(m.first) {
		return true
	}
	for _, p := range s.parted {
		if p.path == plain && p.first.Equal(m.first) {
			return true
		}
	}
	return false
}

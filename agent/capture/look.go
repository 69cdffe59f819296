package capture

import (
	"cmp"
	"container/heap"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// look finds the files that there are now, and asks those that have changed.
func (s *Series) look() {
	began := time.Now()
	s.round++
	found, gone := s.meet(s.list())
	// Where there are many files looking takes its time, and no more than a tenth of all.
	took := time.Since(began)
	for _, m := range gone { // first: a compressed copy may be among the others
		s.part(m)
	}
	for _, path := range slices.Sorted(maps.Keys(s.members)) {
		s.visit(s.members[path], found, began)
	}
	s.shutIdle()
	s.lookDue = time.Now().Add(max(lookEvery, 10*took))
}

// list gives the files by their paths.
func (s *Series) list() map[string]os.FileInfo {
	files := map[string]os.FileInfo{}
	add := func(path string) bool {
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() {
			if _, known := s.members[path]; known || len(files) < maxMembers {
				files[path] = info
			} else if !s.full {
				s.full = true
				s.opt.Log.Error("too many capture files: the others are left out", "most", maxMembers)
			}
		}
		return err == nil && info.IsDir()
	}
	for _, path := range s.opt.Paths {
		if !add(path) {
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			if !s.away[path] {
				s.opt.Log.Warn("directory cannot be read", "error", err)
			}
			s.away[path] = true
			continue
		}
		delete(s.away, path)
		for _, e := range entries {
			// A link to the latest file would be a second name of it.
			if !strings.HasPrefix(e.Name(), ".") && e.Type().IsRegular() {
				add(filepath.Join(path, e.Name()))
			}
		}
	}
	return files
}

// meet matches members with files: by name, then, since they may have been
// renamed, by what they are. It tells whether new ones were found, and which have
// gone.
func (s *Series) meet(files map[string]os.FileInfo) (found bool, gone []*member) {
	before := s.members
	s.members = make(map[string]*member, len(files))
	var unknown []string
	for path, info := range files {
		if m := before[path]; m != nil && os.SameFile(m.info, info) {
			m.info = info
			s.members[path] = m
			delete(before, path)
		} else {
			unknown = append(unknown, path)
		}
	}
	slices.Sort(unknown)
	for _, path := range unknown {
		m := take(before, files[path])
		if m == nil {
			s.number++
			m = &member{number: s.number, asked: -1}
			m.over = !s.opt.Follow
			found = true
		}
		m.path, m.info = path, files[path]
		s.members[path] = m
	}
	return found, slices.SortedFunc(maps.Values(before), func(a, b *member) int { return cmp.Compare(a.number, b.number) })
}

func take(members map[string]*member, info os.FileInfo) *member {
	for path, m := range members {
		if os.SameFile(m.info, info) {
			delete(members, path)
			return m
		}
	}
	return nil
}

// visit asks a member that may have something new. When a new file was found,
// one that is open is asked whatever its size was: its writer may have
// ended it between the two looks.
func (s *Series) visit(m *member, found bool, now time.Time) {
	if m.queued {
		return
	}
	size, modified := m.info.Size(), m.info.ModTime()
	changed := size != m.asked || !modified.Equal(m.looked)
	cut := size < m.asked
	m.asked, m.looked = size, modified
	if changed {
		m.active = s.round
	}
	has := false
	switch zipped := !m.first.IsZero() && m.file == nil; {
	case cut && (m.dead || zipped):
		has = s.again(m)
	case m.dead && !m.first.IsZero():
		if changed && m.open() == nil {
			if anew, err := m.anew(0); anew && err == nil {
				has = s.again(m)
			}
			m.close()
		}
	case m.dead && changed: // what it is may be told by what was added
		m.dead = false
		has = s.probe(m)
	case m.dead:
	case zipped && changed:
		m.stale = now
	case zipped:
		if !m.stale.IsZero() && now.Sub(m.stale) >= zippedAfter {
			m.stale = time.Time{}
			has = s.ask(m)
		}
	case changed || found && m.tail.file != nil:
		has = s.ask(m)
	}
	if has {
		s.enqueue(m)
	}
}

func (s *Series) enqueue(m *member) {
	m.queued = true
	heap.Push(&s.due, m)
}

// part reads a member that has lost its name to its end: at once, if it has
// nothing yet, else in its turn.
func (s *Series) part(m *member) {
	m.over = true
	if len(s.parted) == maxParted {
		s.parted = slices.Delete(s.parted, 0, 1)
	}
	s.parted = append(s.parted, parted{m.path, m.first})
	if !m.queued && !m.dead && m.tail.file != nil && s.ask(m) {
		s.enqueue(m)
	}
	if !m.queued {
		s.leave(m)
	}
}

// leave forgets a member.
func (s *Series) leave(m *member) {
	s.lost.add(m.dropped())
	m.known, m.file = Drops{}, nil
	m.close()
}

// shutIdle closes files that wait, but for those that were written to last.
func (s *Series) shutIdle() {
	s.waiting = 0
	var open []*member
	for _, m := range s.members {
		if m.tail.file != nil && !m.queued {
			open = append(open, m)
		}
	}
	if len(open) <= maxOpen {
		return
	}
	slices.SortFunc(open, func(a, b *member) int { return cmp.Compare(a.active, b.active) })
	for _, m := range open[:len(open)-maxOpen] {
		m.close()
	}
}

package uplink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// spool keeps chunks on disk, in order, until they are sent: one transaction a
// call, on the disk when it returns, so that neither the end of the process nor
// that of the machine takes what is in it. What is more than max makes room
// by forgetting the oldest. One goroutine uses it.
type spool struct {
	db    *bbolt.DB
	path  string
	name  string // drawn when the file was made
	max   int64
	bytes int64    // of heads
	heads []head   // the chunks, oldest first
	sent  uint64   // the id of the chunk that was removed last
	gone  []uint64 // ids of chunks that are removed, but on disk still
	held  uint64   // id of a chunk that is on its way: it is not forgotten to make room
}

// head is what is known of a chunk without reading it.
type head struct {
	id      uint64
	bytes   int64 // as stored
	packets int
}

// packets is how many wait.
func (s *spool) packets() (n int64) {
	for _, h := range s.heads {
		n += int64(h.packets)
	}
	return n
}

var (
	chunksBucket = []byte("chunks")
	aboutBucket  = []byte("about")
	nameKey      = []byte("name")
	lastKey      = []byte("last")
)

// shrinkAbove is the file size above which an empty spool begins a new file: a
// bbolt file only grows.
const shrinkAbove = 64 << 20

// openSpool opens or creates the file. One that is damaged is put aside, and
// told of in setAside.
func openSpool(path string, limit int64) (s *spool, setAside string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, "", fmt.Errorf("create the spool's folder: %w", err)
	}
	s = &spool{path: path, max: limit}
	if err = s.open(); err != nil && !errors.Is(err, berrors.ErrTimeout) && !errors.Is(err, os.ErrPermission) {
		setAside = fmt.Sprintf("%s.damaged-%d", path, time.Now().Unix())
		if os.Rename(path, setAside) != nil {
			return nil, "", fmt.Errorf("open the spool %s: %w", path, err)
		}
		err = s.open()
	}
	if errors.Is(err, berrors.ErrTimeout) {
		err = errors.New("another agent uses it; give one of them another folder with agent.spool_dir")
	}
	if err != nil {
		return nil, "", fmt.Errorf("open the spool %s: %w", path, err)
	}
	return s, setAside, nil
}

func (s *spool) open() (err error) {
	defer func() {
		if r := recover(); r != nil { // bbolt panics on some damaged files
			err = fmt.Errorf("damaged: %v", r)
		}
	}()
	db, err := bbolt.Open(s.path, 0o640, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	s.db, s.bytes, s.heads = db, 0, nil
	err = db.Update(func(tx *bbolt.Tx) error {
		about, err := tx.CreateBucketIfNotExists(aboutBucket)
		if err != nil {
			return err
		}
		if name := about.Get(nameKey); name != nil {
			s.name = string(name)
		} else {
			if s.name == "" { // else this is the file that shrink makes
				s.name = strconv.FormatInt(time.Now().UnixNano(), 36)
			}
			if err := about.Put(nameKey, []byte(s.name)); err != nil {
				return err
			}
		}
		if last := about.Get(lastKey); len(last) == 8 {
			s.sent = binary.BigEndian.Uint64(last)
		}
		b, err := tx.CreateBucketIfNotExists(chunksBucket)
		if err != nil {
			return err
		}
		return b.ForEach(func(k, v []byte) error {
			if len(k) != 8 || len(v) < headLen {
				return fmt.Errorf("damaged: key of %d bytes, chunk of %d", len(k), len(v))
			}
			s.heads = append(s.heads, head{binary.BigEndian.Uint64(k), int64(len(v)), int(binary.BigEndian.Uint32(v))})
			s.bytes += int64(len(v))
			return nil
		})
	})
	if err != nil {
		err = errors.Join(err, db.Close())
	}
	return err
}

func (s *spool) close() error { return errors.Join(s.purge(), s.db.Close()) }

func key(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// lastID is the id of the newest chunk, 0 when there is none.
func (s *spool) lastID() uint64 {
	if len(s.heads) == 0 {
		return s.sent
	}
	return s.heads[len(s.heads)-1].id
}

// put stores chunks, whose ids are larger than all before but for a first one
// that is smaller than all. It gives the chunks that had to be forgotten for
// them, without their frames.
func (s *spool) put(chunks []*chunk) (forgotten []*chunk, err error) {
	heads, bytes := slices.Clone(s.heads), s.bytes
	err = s.db.Update(func(tx *bbolt.Tx) error {
		if err := s.removeGone(tx); err != nil {
			return err
		}
		b := tx.Bucket(chunksBucket)
		b.FillPercent = 1 // keys only grow
		for _, c := range chunks {
			v := c.encode()
			if err := b.Put(key(c.id), v); err != nil {
				return err
			}
			h := head{c.id, int64(len(v)), c.packets}
			bytes += h.bytes
			if len(heads) > 0 && h.id < heads[0].id {
				heads = slices.Insert(heads, 0, h)
			} else {
				heads = append(heads, h)
			}
		}
		for i := 0; i < len(heads)-1 && bytes > s.max; {
			h := heads[i]
			if h.id == s.held {
				i++
				continue
			}
			c := &chunk{id: h.id, packets: h.packets}
			if v := b.Get(key(h.id)); len(v) >= headLen {
				c.first, c.last = at(v[4:]), at(v[12:])
			}
			if err := b.Delete(key(h.id)); err != nil {
				return err
			}
			forgotten = append(forgotten, c)
			bytes -= h.bytes
			heads = slices.Delete(heads, i, i+1)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write to the spool %s: %w", s.path, err)
	}
	s.heads, s.bytes, s.gone = heads, bytes, s.gone[:0]
	for _, c := range chunks {
		c.stored = true
	}
	return forgotten, nil
}

func at(b []byte) time.Time { return time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC() }

// oldest reads the oldest chunk; nil when there is none. A chunk that cannot
// be read is gone, and the error says so.
func (s *spool) oldest() (c *chunk, err error) {
	if len(s.heads) == 0 {
		return nil, nil
	}
	id := s.heads[0].id
	err = s.db.View(func(tx *bbolt.Tx) (err error) {
		c, err = decodeChunk(id, tx.Bucket(chunksBucket).Get(key(id)))
		return err
	})
	if err != nil {
		err = fmt.Errorf("read the spool %s: %w", s.path, err)
		return nil, errors.Join(err, s.remove(&chunk{id: id}, false))
	}
	return c, nil
}

// remove forgets a chunk that was sent. If the disk does not take that, it is
// still not given again by this process. A lazy removal is written along with
// what comes next: then a chunk may be sent again after the process was killed.
func (s *spool) remove(c *chunk, lazy bool) error {
	s.sent = max(s.sent, c.id)
	if len(s.heads) == 0 || s.heads[0].id != c.id {
		return nil // it was forgotten meanwhile, to make room
	}
	s.bytes -= s.heads[0].bytes
	s.heads = s.heads[1:]
	s.gone = append(s.gone, c.id)
	if lazy && len(s.gone) < maxGone {
		return nil
	}
	return s.purge()
}

// maxGone is how many removals are put off.
const maxGone = 256

// purge writes the removals that were put off.
func (s *spool) purge() error {
	if len(s.gone) == 0 {
		return nil
	}
	if err := s.db.Update(s.removeGone); err != nil {
		return fmt.Errorf("write to the spool %s: %w", s.path, err)
	}
	s.gone = s.gone[:0]
	if len(s.heads) == 0 {
		return s.shrink()
	}
	return nil
}

func (s *spool) removeGone(tx *bbolt.Tx) error {
	if len(s.gone) == 0 {
		return nil
	}
	b := tx.Bucket(chunksBucket)
	for _, id := range s.gone {
		if err := b.Delete(key(id)); err != nil {
			return err
		}
	}
	return tx.Bucket(aboutBucket).Put(lastKey, key(s.gone[len(s.gone)-1]))
}

// shrink begins the file anew when it is empty and large.
func (s *spool) shrink() error {
	info, err := os.Stat(s.path)
	if err != nil || info.Size() < shrinkAbove {
		return err
	}
	if err := errors.Join(s.db.Close(), os.Remove(s.path)); err != nil {
		return fmt.Errorf("shrink the spool %s: %w", s.path, err)
	}
	if err := s.open(); err != nil {
		return fmt.Errorf("shrink the spool %s: %w", s.path, err)
	}
	return nil
}

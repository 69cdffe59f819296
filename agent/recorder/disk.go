package recorder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is a chunk on disk: this header in little-endian, then its records.
//
//	| "EARSHOT", version 1  | number                |
//	| first time, ns        | last time, ns         |
//	| bytes     | CRC-32C   |
type file struct {
	seq         uint64
	first, last int64
	size        int64 // of the whole file
}

const (
	fileMagic  = "EARSHOT\x01"
	fileHeader = 40
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (r *Recorder) path(seq uint64) string {
	return filepath.Join(r.opt.Dir, fmt.Sprintf("ring-%016x.rec", seq))
}

// findFiles finds what an earlier process left. A file that is no whole chunk
// is shown when somebody reads it.
func (r *Recorder) findFiles() {
	names, err := filepath.Glob(filepath.Join(r.opt.Dir, "ring-*.rec"))
	if err != nil {
		r.fail("the folder of the ring, which cannot be read", err)
	}
	slices.Sort(names)
	for _, name := range names {
		var f file
		if _, err := fmt.Sscanf(filepath.Base(name), "ring-%016x.rec", &f.seq); err != nil || name != r.path(f.seq) {
			continue
		}
		info, err := os.Stat(name)
		if err == nil {
			f.size = info.Size()
			err = readHead(name, &f)
		}
		if err != nil {
			// It is there all the same, and goes with the oldest.
			r.fail("a file of the ring, which cannot be read", err)
		}
		r.files = append(r.files, f)
		r.onDisk += f.size
	}
}

func readHead(name string, f *file) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	var head [fileHeader]byte
	if _, err := in.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	f.first, f.last = int64(binary.LittleEndian.Uint64(head[16:])), int64(binary.LittleEndian.Uint64(head[24:]))
	return nil
}

var errDamaged = errors.New("it is damaged, or not whole")

// readFile gives the records of a chunk.
func (r *Recorder) readFile(f *file) ([]byte, error) {
	b, err := os.ReadFile(r.path(f.seq))
	if err != nil {
		return nil, err
	}
	if len(b) < fileHeader || string(b[:8]) != fileMagic || binary.LittleEndian.Uint64(b[8:]) != f.seq {
		return nil, fmt.Errorf("read %s: %w", r.path(f.seq), errDamaged)
	}
	n, sum := binary.LittleEndian.Uint32(b[32:]), binary.LittleEndian.Uint32(b[36:])
	if b = b[fileHeader:]; uint64(n) != uint64(len(b)) || crc32.Checksum(b, castagnoli) != sum {
		return nil, fmt.Errorf("read %s: %w", r.path(f.seq), errDamaged)
	}
	return b, nil
}

// save writes the chunks that are full, and removes files beyond the bounds.
func (r *Recorder) save() {
	r.trim(0)
	for r.opt.Disk > 0 {
		r.mu.Lock()
		i := slices.IndexFunc(r.chunks, func(c *chunk) bool { return c.sealed && !c.saved })
		var c *chunk
		if i >= 0 {
			c = r.chunks[i]
			c.saved = true // or never: a disk that fails is not asked again and again
		}
		r.mu.Unlock()
		if c == nil {
			return
		}
		f := file{seq: c.seq, first: c.first, last: c.last, size: fileHeader + c.published.Load()}
		if f.size > r.opt.Disk {
			continue
		}
		r.trim(f.size)
		if err := r.writeFile(&f, c.buf[:c.published.Load()]); err != nil {
			r.Counts.ChunksUnsaved.Add(1)
			r.fail("a stretch of the ring, which cannot be written", err)
			continue
		}
		r.mu.Lock()
		r.files = append(r.files, f)
		r.onDisk += f.size
		r.mu.Unlock()
	}
}

func (r *Recorder) writeFile(f *file, b []byte) error {
	if err := os.MkdirAll(r.opt.Dir, 0o700); err != nil {
		return err
	}
	head := append(make([]byte, 0, fileHeader), fileMagic...)
	head = binary.LittleEndian.AppendUint64(head, f.seq)
	head = binary.LittleEndian.AppendUint64(head, uint64(f.first))
	head = binary.LittleEndian.AppendUint64(head, uint64(f.last))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(b)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(b, castagnoli))
	name := strings.TrimSuffix(r.path(f.seq), ".rec") + ".new"
	out, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(head)
	if err == nil {
		_, err = out.Write(b)
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = os.Rename(name, r.path(f.seq))
	}
	if err != nil {
		_ = os.Remove(name) // What is left of it has the same name as the next try.
	}
	return err
}

// trim removes the oldest files until n bytes more keep within the bounds.
func (r *Recorder) trim(n int64) {
	now := r.clock.Load()
	for {
		r.mu.Lock()
		if len(r.files) == 0 || r.onDisk+n <= r.opt.Disk && (now == 0 || !r.outside(r.files[0].first, now)) {
			r.mu.Unlock()
			return
		}
		f := r.files[0]
		r.files = r.files[1:]
		r.onDisk -= f.size
		r.mu.Unlock()
		r.Counts.FilesEvicted.Add(1)
		if err := os.Remove(r.path(f.seq)); err != nil && !errors.Is(err, os.ErrNotExist) {
			r.fail("the room of a file of the ring, which cannot be removed", err)
		}
	}
}

func at(ns int64) time.Time { return time.Unix(0, ns).UTC() }

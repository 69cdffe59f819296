package recorder

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/packet"
)

// State is how far a frozen call has come.
type State string

const (
	Open   State = "open"   // it grows while the call goes on
	Whole  State = "whole"  // the call ended, or went silent
	Limit  State = "limit"  // it was too long, or the folder is full
	Failed State = "failed" // its file could not be written
	Cut    State = "cut"    // the process ended before the call did
	None   State = "none"   // nothing of it was in the ring
)

// Frozen says what a frozen call is, as its .json file does.
type Frozen struct {
	Name   string    `json:"name"` // of its files, without .pcap
	CallID string    `json:"call_id,omitempty"`
	Why    Why       `json:"why"`
	Detail string    `json:"detail,omitempty"`
	At     time.Time `json:"at"`
	State  State     `json:"state"`
	Begun  bool      `json:"begun"` // its first INVITE is in it; else the ring did not go back that far
	First  time.Time `json:"first"` // of its packets
	Last   time.Time `json:"last"`
	SIP    uint64    `json:"sip"`
	RTP    uint64    `json:"rtp"`
	RTCP   uint64    `json:"rtcp"`
	Bytes  int64     `json:"bytes"`
	// Gaps is how often the ring let go of something before it was read.
	Gaps int `json:"gaps,omitempty"`
}

// maxFrozen is how many frozen calls are kept.
const maxFrozen = 1000

var errLimit = errors.New("the bound of frozen calls is reached")

// nameOf makes a file name of a Call-ID, which its sender chose.
func nameOf(at time.Time, subject string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject)) // a hash never fails
	safe := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			return c
		}
		return '-'
	}, subject[:min(len(subject), 40)])
	return fmt.Sprintf("%s-%s-%08x", at.Format("20060102T150405Z"), strings.Trim(safe, "-"), h.Sum32())
}

// freeName is name, or what follows it where there is such a one already.
func (r *Recorder) freeName(name string) string {
	free := name
	for n := 2; slices.ContainsFunc(r.frozen, func(f *Frozen) bool { return f.Name == free }); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

// Path is where the pcap of a frozen call is.
func (r *Recorder) Path(f *Frozen) string { return filepath.Join(r.frozenDir(), f.Name+".pcap") }

func (r *Recorder) notePath(f *Frozen) string { return filepath.Join(r.frozenDir(), f.Name+".json") }

// Frozen gives what was frozen, the oldest first.
func (r *Recorder) Frozen() []Frozen {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Frozen, len(r.frozen))
	for i, f := range r.frozen {
		all[i] = *f
	}
	return all
}

// findFrozen finds again what an earlier process froze.
func (r *Recorder) findFrozen() {
	names, err := filepath.Glob(filepath.Join(r.frozenDir(), "*.json"))
	if err != nil {
		r.fail("the folder of frozen calls, which cannot be read", err)
	}
	for _, name := range names {
		var f Frozen
		b, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(b, &f)
		}
		if err != nil || r.notePath(&f) != name {
			r.fail("a frozen call, which cannot be read", fmt.Errorf("read %s: %w", name, errors.Join(err, errDamaged)))
			continue
		}
		if f.State == Open {
			f.State = Cut
		}
		if info, err := os.Stat(r.Path(&f)); err == nil {
			f.Bytes = info.Size()
		}
		r.frozen = append(r.frozen, &f)
		r.kept += f.Bytes
	}
	slices.SortStableFunc(r.frozen, func(a, b *Frozen) int { return a.At.Compare(b.At) })
}

// output is the pcap of a frozen call.
type output struct {
	file   *os.File
	buffer *bufio.Writer
	pcap   *capture.Writer
	framer framer
}

// write appends a record to the pcap of f, which begins with the first one.
func (r *Recorder) write(f *freeze, s *seenFlow, e *entry) error {
	if f.out == nil {
		if err := r.begin(f); err != nil {
			return err
		}
	}
	frame := f.out.framer.frame(&s.flow, e)
	n := int64(16 + len(frame.Data))
	if f.Bytes+n > r.opt.Keep/4 || !r.makeRoom(n) {
		return errLimit
	}
	if err := f.out.pcap.Write(&frame); err != nil {
		return err
	}
	f.Bytes += n
	r.kept += n
	if f.First.IsZero() || frame.Time.Before(f.First) {
		f.First = frame.Time
	}
	if frame.Time.After(f.Last) {
		f.Last = frame.Time
	}
	switch e.kind {
	case message:
		f.SIP++
	case rtp:
		f.RTP++
	case rtcp:
		f.RTCP++
	case addresses: // never here
	}
	return nil
}

// begin creates the files of f.
func (r *Recorder) begin(f *freeze) error {
	if err := os.MkdirAll(r.frozenDir(), 0o700); err != nil {
		return err
	}
	if err := r.note(&f.Frozen); err != nil {
		return err
	}
	file, err := os.OpenFile(r.Path(&f.Frozen), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	out := &output{file: file, buffer: bufio.NewWriterSize(file, 64<<10)}
	if out.pcap, err = capture.NewWriter(out.buffer, packet.LinkEthernet, time.Nanosecond); err != nil {
		return errors.Join(err, file.Close())
	}
	f.out = out
	f.Bytes = 24 // the header of the file
	r.kept += f.Bytes
	r.mu.Lock()
	r.frozen = append(r.frozen, new(f.Frozen))
	r.mu.Unlock()
	return nil
}

// show makes what was written so far readable, and tells of it; at the end of
// f it closes the file.
func (r *Recorder) show(f *freeze) {
	if f.out == nil {
		return
	}
	err := f.out.buffer.Flush()
	if f.State != Open {
		err = errors.Join(err, f.out.file.Close(), r.note(&f.Frozen))
		f.out = nil
	}
	if err != nil {
		r.fail("a frozen call, which cannot be written", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, shown := range r.frozen {
		if shown.Name == f.Name {
			*shown = f.Frozen
		}
	}
}

func (r *Recorder) note(f *Frozen) error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(r.notePath(f), append(b, '\n'), 0o600)
}

// makeRoom removes frozen calls until n bytes more keep within the bounds:
// first those that nobody asked for. It says whether they do.
func (r *Recorder) makeRoom(n int64) bool {
	for r.kept+n > r.opt.Keep {
		if !r.remove(func(f *Frozen) bool { return f.Why == ByMOS }) && !r.remove(func(*Frozen) bool { return true }) {
			return false
		}
	}
	return true
}

// remove removes the oldest frozen call of a kind that does not grow any more.
func (r *Recorder) remove(of func(*Frozen) bool) bool {
	r.mu.Lock()
	i := slices.IndexFunc(r.frozen, func(f *Frozen) bool { return f.State != Open && of(f) })
	if i < 0 {
		r.mu.Unlock()
		return false
	}
	f := *r.frozen[i]
	r.frozen = slices.Delete(r.frozen, i, i+1)
	r.mu.Unlock()
	r.kept -= f.Bytes
	r.Counts.FrozenEvicted.Add(1)
	for _, path := range [...]string{r.Path(&f), r.notePath(&f)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			r.fail("the room of a frozen call, which cannot be removed", err)
		}
	}
	return true
}

// expire removes frozen calls that are too old or too many.
func (r *Recorder) expire() {
	now := at(r.clock.Load())
	for r.opt.KeepFor > 0 && r.remove(func(f *Frozen) bool { return now.Sub(f.At) > r.opt.KeepFor }) {
	}
	for r.frozenCount() > maxFrozen && r.remove(func(*Frozen) bool { return true }) {
	}
}

func (r *Recorder) frozenCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.frozen)
}

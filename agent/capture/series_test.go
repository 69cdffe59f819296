package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/earshot-voip/earshot/internal/packet"
)

// shotsFrom gives n frames of which the first is number from, a millisecond apart.
func shotsFrom(from, n int) []shot {
	list := make([]shot, n)
	for i := range list {
		list[i] = shot{time.Unix(1700000000, 0).Add(time.Duration(from+i) * time.Millisecond).UTC(), 60, fmt.Sprintf("frame %d", from+i)}
	}
	return list
}

func plainPcap(s []shot) []byte { return pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, s) }

// folder is a directory of captures that a test writes.
type folder struct {
	t   *testing.T
	dir string
}

func newFolder(t *testing.T) folder { return folder{t, t.TempDir()} }

func (d folder) path(name string) string { return filepath.Join(d.dir, name) }

func (d folder) write(name string, b []byte) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), b, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d folder) add(name string, b []byte) {
	d.t.Helper()
	f, err := os.OpenFile(d.path(name), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write(b)
		f.Close()
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d folder) rename(from, to string) {
	d.t.Helper()
	if err := os.Rename(d.path(from), d.path(to)); err != nil {
		d.t.Fatal(err)
	}
}

func (d folder) remove(name string) {
	d.t.Helper()
	if err := os.Remove(d.path(name)); err != nil {
		d.t.Fatal(err)
	}
}

// series opens the folder; log gets what it says.
func (d folder) series(follow bool, paths ...string) (s *Series, log *bytes.Buffer) {
	d.t.Helper()
	if len(paths) == 0 {
		paths = []string{d.dir}
	}
	log = &bytes.Buffer{}
	s, err := OpenSeries(SeriesOptions{Paths: paths, Follow: follow, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(s.Close)
	return s, log
}

// wantFrames checks that frames from to to come, in order and once each, and
// nothing else.
func wantFrames(t *testing.T, got []packet.Frame, from, to int) {
	t.Helper()
	var text []string
	for _, f := range got {
		text = append(text, string(f.Data))
	}
	var want []string
	for _, s := range shotsFrom(from, to-from) {
		want = append(want, s.data)
	}
	if !slices.Equal(text, want) {
		t.Errorf("got %d frames %q, want %d, %d to %d", len(text), text, len(want), from, to-1)
	}
}

// now reads what there is until nothing has come for two looks.
func now(t *testing.T, s *Series) (got []packet.Frame) {
	t.Helper()
	for quiet := 0; quiet < 2; {
		f, err := s.Next()
		switch {
		case errors.Is(err, ErrTimeout):
			quiet++
		case err != nil:
			t.Fatal(err)
		default:
			quiet = 0
			f.Data = bytes.Clone(f.Data)
			got = append(got, f)
		}
	}
	return got
}

func TestDirectory(t *testing.T) {
	d := newFolder(t)
	d.write("a.pcap", plainPcap(shotsFrom(20, 10)))
	d.write("b.pcap.gz", zipped(plainPcap(shotsFrom(10, 10))))
	d.write("c.pcap", plainPcap(shotsFrom(0, 10)))
	odd, even := []shot{}, []shot{}
	for i, s := range shotsFrom(30, 10) {
		if i%2 == 0 {
			even = append(even, s)
		} else {
			odd = append(odd, s)
		}
	}
	d.write("d.pcap", plainPcap(odd)) // two interfaces, at the same time
	d.write("e.pcap", plainPcap(even))
	d.write("empty", nil)
	d.write("header.pcap", plainPcap(nil))
	d.write("readme.txt", []byte("these are calls"))
	d.write("c.pcap.gz", zipped(plainPcap(shotsFrom(0, 10))))
	d.write(".hidden.pcap", plainPcap(shotsFrom(0, 10)))
	s, log := d.series(false)
	got, err := all(s)
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	wantFrames(t, got, 0, 40)
	for _, name := range []string{"empty", "header.pcap", "readme.txt", "c.pcap.gz"} {
		if !strings.Contains(log.String(), d.path(name)) {
			t.Errorf("%s was left out, and nothing said of it: %s", name, log)
		}
	}
	read, size := s.Progress()
	if read == 0 || read > size {
		t.Errorf("progress %d of %d", read, size)
	}
}

// A damaged member is an error beside all else that was read.
func TestDirectoryDamaged(t *testing.T) {
	d := newFolder(t)
	whole := plainPcap(shotsFrom(0, 10))
	d.write("a.pcap", whole[:len(whole)-3])
	d.write("b.pcap", plainPcap(shotsFrom(9, 10)))
	s, _ := d.series(false)
	got, err := all(s)
	if _, ok := errors.AsType[*TruncatedError](err); !ok {
		t.Errorf("error %v, want a *TruncatedError", err)
	}
	wantFrames(t, got, 0, 19)
}

func TestDirectoryWithout(t *testing.T) {
	t.Parallel()
	d := newFolder(t)
	if _, err := OpenSeries(SeriesOptions{Paths: []string{d.dir}}); err == nil {
		t.Error("a directory without captures was opened")
	}
	if _, err := OpenSeries(SeriesOptions{Paths: []string{d.path("absent")}, Follow: true}); err == nil {
		t.Error("what is not there was opened")
	}
	s, _ := d.series(true)
	wantFrames(t, now(t, s), 0, 0)
	if !s.Now().IsZero() {
		t.Errorf("it is %v before there was a frame", s.Now())
	}
	d.write("a.pcap", plainPcap(shotsFrom(0, 3)))
	wantFrames(t, now(t, s), 0, 3)
	if late := s.Now().Sub(shotsFrom(2, 1)[0].t); late < 0 || late > time.Minute {
		t.Errorf("it is %v after the last frame, which was read a moment ago", late)
	}
	s.Close()
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after Close: %v", err)
	}
}

func TestFollowGrowth(t *testing.T) {
	pcapng := func(s []shot) []byte { return pcapngOf(t, s) }
	for name, bytesOf := range map[string]func([]shot) []byte{"pcap": plainPcap, "pcapng": pcapng} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			d := newFolder(t)
			b := bytesOf(shotsFrom(0, 40))
			d.write("a", nil)
			s, log := d.series(true, d.path("a"))
			var got []packet.Frame
			for step := 1; len(b) > 0; step = step*3%97 + 1 {
				n := min(step, len(b))
				d.add("a", b[:n])
				b = b[n:]
				for {
					s.lookDue = time.Time{} // the test need not wait
					f, err := s.Next()
					if errors.Is(err, ErrTimeout) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					f.Data = bytes.Clone(f.Data)
					got = append(got, f)
				}
			}
			got = append(got, now(t, s)...)
			wantFrames(t, got, 0, 40)
			if log.Len() > 0 {
				t.Errorf("it said %s", log)
			}
		})
	}
}

// pcapngOf writes a pcapng file with blocks of no interest between its packets.
func pcapngOf(t *testing.T, shots []shot) []byte {
	t.Helper()
	le := binary.LittleEndian
	block := func(kind uint32, body []byte) []byte {
		body = append(body, make([]byte, -len(body)&3)...)
		b := le.AppendUint32(nil, kind)
		b = le.AppendUint32(b, uint32(len(body)+12))
		b = append(b, body...)
		return le.AppendUint32(b, uint32(len(body)+12))
	}
	section := func() []byte {
		b := le.AppendUint32(nil, byteOrderMagic)
		b = le.AppendUint16(b, 1)
		b = le.AppendUint16(b, 0)
		b = block(blockSection, append(b, bytes.Repeat([]byte{0xff}, 8)...))
		return append(b, block(blockInterface, []byte{1, 0, 0, 0, 0, 0, 0, 0})...)
	}
	b := section()
	for i, s := range shots {
		if i == len(shots)/2 {
			b = append(b, section()...)
		}
		b = append(b, block(0x0bad, bytes.Repeat([]byte{7}, 3*i))...)
		us := uint64(s.t.UnixMicro())
		p := le.AppendUint32(nil, 0)
		p = le.AppendUint32(p, uint32(us>>32))
		p = le.AppendUint32(p, uint32(us))
		p = le.AppendUint32(p, uint32(len(s.data)))
		p = le.AppendUint32(p, uint32(s.wire))
		b = append(b, block(blockEnhanced, append(p, s.data...))...)
	}
	return b
}

func TestFollowRotation(t *testing.T) {
	t.Parallel()
	d := newFolder(t)
	d.write("cap", plainPcap(shotsFrom(0, 5)))
	s, log := d.series(true)
	wantFrames(t, now(t, s), 0, 5)

	// By renaming: what is written last to the old file comes before the new one.
	d.add("cap", plainPcap(shotsFrom(5, 2))[pcapHeader:])
	d.rename("cap", "cap.1")
	d.write("cap", plainPcap(shotsFrom(7, 3)))
	d.write("other", plainPcap(nil))
	wantFrames(t, now(t, s), 5, 10)
	// A writer that goes on with the renamed file.
	d.add("cap.1", plainPcap(shotsFrom(10, 1))[pcapHeader:])
	wantFrames(t, now(t, s), 10, 11)

	// By using names again: shorter, of the same length, longer than before.
	d.write("cap", plainPcap(shotsFrom(11, 1)))
	wantFrames(t, now(t, s), 11, 12)
	d.write("cap", plainPcap(shotsFrom(12, 1)))
	wantFrames(t, now(t, s), 12, 13)
	d.write("cap", plainPcap(shotsFrom(13, 7)))
	wantFrames(t, now(t, s), 13, 20)

	// Removed with a rest that was not read yet, and made anew.
	d.add("cap", plainPcap(shotsFrom(20, 2))[pcapHeader:])
	d.remove("cap")
	d.write("cap", plainPcap(shotsFrom(22, 2)))
	wantFrames(t, now(t, s), 20, 24)

	// Cut within a record, then anew.
	whole := plainPcap(shotsFrom(24, 2))
	d.write("ring0", whole[:len(whole)-2])
	wantFrames(t, now(t, s), 24, 25)
	d.write("ring0", plainPcap(shotsFrom(25, 3)))
	wantFrames(t, now(t, s), 25, 28)
	if log.Len() > 0 {
		t.Errorf("it said %s", log)
	}
	// Removed within a record.
	d.write("torn", whole[:len(whole)-2])
	wantFrames(t, now(t, s), 24, 25)
	d.remove("torn")
	wantFrames(t, now(t, s), 0, 0)
	if !strings.Contains(log.String(), "truncated") {
		t.Errorf("of a record that never became whole it said %q", log)
	}
}

func TestFollowZipped(t *testing.T) {
	t.Parallel()
	d := newFolder(t)
	d.write("a.pcap", plainPcap(shotsFrom(0, 5)))
	s, log := d.series(true)
	wantFrames(t, now(t, s), 0, 5)
	// tcpdump -z gzip: a compressed copy takes the place of what was read.
	d.write("a.pcap.gz", zipped(plainPcap(shotsFrom(0, 5))))
	d.remove("a.pcap")
	wantFrames(t, now(t, s), 0, 0)
	if !strings.Contains(log.String(), "compressed copy") {
		t.Errorf("of the copy it said %q", log)
	}
	// One that comes in pieces, and a second gzip member after it.
	b := zipped(plainPcap(shotsFrom(5, 2000)))
	d.write("b.pcap.gz", b[:len(b)/2])
	got := now(t, s)
	d.add("b.pcap.gz", b[len(b)/2:])
	until := time.Now().Add(zippedAfter + 2*lookEvery)
	for time.Now().Before(until) {
		got = append(got, now(t, s)...)
	}
	wantFrames(t, got, 5, 2005)
	d.add("b.pcap.gz", zipped(plainPcap(shotsFrom(2005, 5))[pcapHeader:]))
	got = nil
	for until := time.Now().Add(zippedAfter + 4*lookEvery); time.Now().Before(until); {
		got = append(got, now(t, s)...)
	}
	wantFrames(t, got, 2005, 2010)
}

// More files than are kept open wait, and each may grow.
func TestFollowMany(t *testing.T) {
	t.Parallel()
	d := newFolder(t)
	const files = 3 * maxOpen
	name := func(i int) string { return fmt.Sprintf("%03d.pcap", files-i) }
	for i := range files {
		d.write(name(i), plainPcap(shotsFrom(i*10, 10)))
	}
	s, log := d.series(true)
	wantFrames(t, now(t, s), 0, files*10)
	open := 0
	for _, m := range s.members {
		if m.tail.file != nil {
			open++
		}
	}
	if open > maxOpen {
		t.Errorf("%d files are open, want %d at most", open, maxOpen)
	}
	for i := range files {
		d.add(name(i), plainPcap(shotsFrom(files*10+i, 1))[pcapHeader:])
	}
	wantFrames(t, now(t, s), files*10, files*11)
	for i := range files {
		d.remove(name(i))
	}
	wantFrames(t, now(t, s), 0, 0)
	if len(s.members) != 0 || len(s.due) != 0 || log.Len() > 0 {
		t.Errorf("%d members and %d due after all files have gone; it said %s", len(s.members), len(s.due), log)
	}
}

// TestFollowWriter has a writer of its own that writes records in pieces and rotates,
// by new names, by renaming and by using names again, while the reader reads.
func TestFollowWriter(t *testing.T) {
	t.Parallel()
	const rounds, perFile = 12, 400
	for name, rotate := range map[string]func(d folder, round int) string{
		"names": func(_ folder, round int) string { return fmt.Sprintf("cap-%02d.pcap", round) },
		"ring":  func(_ folder, round int) string { return fmt.Sprintf("cap%d", round%4) },
		"rename": func(d folder, round int) string {
			if round > 0 {
				d.rename("cap", fmt.Sprintf("cap.%d", round))
			}
			return "cap"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newFolder(t)
			s, log := d.series(true)
			var read atomic.Int64
			done := make(chan struct{})
			go func() {
				defer close(done)
				for round := range rounds {
					for int(read.Load()) < (round-2)*perFile { // no ring is used up faster than it is read
						time.Sleep(10 * time.Millisecond)
					}
					f, err := os.Create(d.path(rotate(d, round)))
					if err != nil {
						t.Error(err)
						return
					}
					b := plainPcap(shotsFrom(round*perFile, perFile))
					for step := 1000; len(b) > 0; step = step*7%3001 + 1 {
						n := min(step, len(b))
						if _, err := f.Write(b[:n]); err != nil {
							t.Error(err)
						}
						b = b[n:]
						time.Sleep(10 * time.Millisecond)
					}
					f.Close()
				}
			}()
			var got []packet.Frame
			until := time.Now().Add(30 * time.Second)
			for len(got) < rounds*perFile && time.Now().Before(until) {
				f, err := s.Next()
				if err == nil {
					f.Data = bytes.Clone(f.Data)
					got = append(got, f)
					read.Add(1)
				}
			}
			got = append(got, now(t, s)...)
			read.Store(rounds * perFile)
			<-done
			wantFrames(t, got, 0, rounds*perFile)
			if log.Len() > 0 {
				t.Errorf("it said %s", log)
			}
		})
	}
}

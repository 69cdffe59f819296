package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// shot is a frame that a test wants in a file, and to get back.
type shot struct {
	t    time.Time
	wire int
	data string
}

var shots = []shot{
	{time.Unix(1700000000, 123456000).UTC(), 5, "alpha"},
	{time.Unix(1700000001, 999999000).UTC(), 60, "beta"},
	{time.Unix(1700000002, 0).UTC(), 0, ""},
	{time.Unix(1700000002, 1000).UTC(), 9, "gammaaaaa"},
}

// pcapBytes writes a pcap file; unit is 1000 for microseconds, 1 for nanoseconds.
func pcapBytes(order binary.AppendByteOrder, magic uint32, unit int, link uint32, shots []shot) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = order.AppendUint32(b, 65535)
	b = order.AppendUint32(b, link)
	for _, s := range shots {
		b = order.AppendUint32(b, uint32(s.t.Unix()))
		b = order.AppendUint32(b, uint32(s.t.Nanosecond()/unit))
		b = order.AppendUint32(b, uint32(len(s.data)))
		b = order.AppendUint32(b, uint32(s.wire))
		if magic == magicKuznetzov {
			b = append(b, 1, 0, 0, 0, 8, 0, 4, 0)
		}
		b = append(b, s.data...)
	}
	return b
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// all reads to the end and returns copies.
func all(src Source) (got []packet.Frame, err error) {
	for {
		f, err := src.Next()
		if err != nil {
			return got, err
		}
		f.Data = bytes.Clone(f.Data)
		got = append(got, f)
	}
}

// inMemory opens a capture file that is well enough to be opened.
func inMemory(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := OpenReader("test", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// whole reads to an end that is no failure.
func whole(t testing.TB, src Source) []packet.Frame {
	t.Helper()
	got, err := all(src)
	if !errors.Is(err, io.EOF) {
		t.Fatalf("%d frames, then %v", len(got), err)
	}
	return got
}

func checkShots(t *testing.T, got []packet.Frame, want []shot) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d frames, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if !g.Time.Equal(w.t) || g.Time.Location() != time.UTC || g.WireLen != w.wire || string(g.Data) != w.data {
			t.Errorf("frame %d: got %v %d %q, want %v %d %q", i, g.Time, g.WireLen, g.Data, w.t, w.wire, w.data)
		}
	}
}

func TestPcap(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, c := range []struct {
			name  string
			magic uint32
			unit  int
		}{{"micro", magicMicro, 1000}, {"nano", magicNano, 1}, {"kuznetzov", magicKuznetzov, 1000}} {
			plain := pcapBytes(order, c.magic, c.unit, 1, shots)
			for name, b := range map[string][]byte{"plain": plain, "gzip": zipped(plain)} {
				t.Run(fmt.Sprint(c.name, order, name), func(t *testing.T) {
					f := inMemory(t, b)
					got := whole(t, f)
					checkShots(t, got, shots)
					if got[0].Link != packet.LinkEthernet {
						t.Errorf("link %d", got[0].Link)
					}
					if read, _ := f.Progress(); read != int64(len(b)) {
						t.Errorf("progress %d of %d", read, len(b))
					}
				})
			}
		}
	}
}

// TestLinkTypeFlags has the length of the frame check sequence beside the link type.
func TestLinkTypeFlags(t *testing.T) {
	f := inMemory(t, pcapBytes(binary.LittleEndian, magicMicro, 1000, 0x54000000|276, shots))
	if fr, err := f.Next(); err != nil || fr.Link != packet.LinkSLL2 {
		t.Errorf("link %d, %v", fr.Link, err)
	}
}

// TestTruncatedPcap cuts a file at every byte.
func TestTruncatedPcap(t *testing.T) {
	file := pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, shots)
	starts := []int{24}
	for _, s := range shots {
		starts = append(starts, starts[len(starts)-1]+16+len(s.data))
	}
	for n := range file {
		f, err := OpenReader("cut.pcap", bytes.NewReader(file[:n]))
		if n < 24 {
			if err == nil {
				t.Fatalf("cut at %d: no error", n)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := all(f)
		records := 0
		for records+1 < len(starts) && starts[records+1] <= n {
			records++
		}
		checkShots(t, got, shots[:records])
		if starts[records] == n {
			if !errors.Is(err, io.EOF) {
				t.Errorf("cut at %d, between records: %v", n, err)
			}
			continue
		}
		cut, ok := errors.AsType[*TruncatedError](err)
		if !ok || cut.Offset != int64(starts[records]) || cut.Path != "cut.pcap" {
			t.Errorf("cut at %d: got %v, want the offset %d", n, err, starts[records])
		}
		if _, again := f.Next(); !errors.Is(again, err) {
			t.Errorf("the error does not stay: %v", again)
		}
	}
}

func TestTruncatedGzip(t *testing.T) {
	many := slices.Repeat(shots, 1000)
	b := zipped(pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, many))
	f, err := OpenReader("cut.pcap.gz", bytes.NewReader(b[:len(b)-100]))
	if err != nil {
		t.Fatal(err)
	}
	got, err := all(f)
	if _, ok := errors.AsType[*TruncatedError](err); !ok || len(got) == 0 {
		t.Errorf("%d frames, %v", len(got), err)
	}
	checkShots(t, got, many[:len(got)])
}

func TestAbsurdLength(t *testing.T) {
	b := pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, shots[:1])
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, 0xfffffff0)
	b = append(b, make([]byte, 1000)...)
	f, err := OpenReader("absurd.pcap", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	got, err := all(f)
	damage, ok := errors.AsType[*FormatError](err)
	if len(got) != 1 || !ok || damage.Offset != 24+16+5 {
		t.Errorf("%d frames, %v", len(got), err)
	}
	if len(f.in.buf) > windowSize {
		t.Errorf("the window grew to %d", len(f.in.buf))
	}
}

// TestLargeRecord needs more than one window.
func TestLargeRecord(t *testing.T) {
	want := []shot{shots[0], {shots[0].t, 900000, strings.Repeat("x", 900000)}, shots[1]}
	f := inMemory(t, pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, want))
	checkShots(t, whole(t, f), want)
}

func TestNoCapture(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "missing.pcap"), "no such file"},
		{dir, "is a directory"},
		{write("empty", ""), "an empty file"},
		{write("text", "INVITE sip:a SIP/2.0"), `text that begins with "INVI"`},
		{write("binary", "\x01\x02\x03\x04\x05"), "the bytes 01020304"},
		{write("zip", "PK\x03\x04...."), "a zip archive"},
		{write("snoop", "snoop\x00\x00\x00"), "a Solaris snoop file"},
		{write("short", "ab"), `text that begins with "ab"`},
		{write("gz", string(zipped([]byte("hello world")))), `text that begins with "hell"`},
		{write("badgz", "\x1f\x8b\x07\x00xxxxxxxxxxx"), "a damaged gzip header"},
		{write("gzgz", string(zipped(zipped([]byte("hello world"))))), "gzip in gzip"},
		{write("version", "\xd4\xc3\xb2\xa1\x07\x00\x01\x00"+strings.Repeat("\x00", 16)), "pcap of version 7.1"},
	} {
		f, err := Open(c.path)
		if err == nil {
			f.Close()
			t.Errorf("%s: no error", c.path)
			continue
		}
		if s := err.Error(); !strings.Contains(s, c.want) || !strings.Contains(s, c.path) || strings.Contains(s, "\n") {
			t.Errorf("%s: got %q, want %q in it", c.path, s, c.want)
		}
	}
}

func TestOpenKnowsItsSize(t *testing.T) {
	b := pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, shots)
	path := filepath.Join(t.TempDir(), "a.pcap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	whole(t, f)
	if read, size := f.Progress(); read != int64(len(b)) || size != int64(len(b)) {
		t.Errorf("progress %d of %d, want %d", read, size, len(b))
	}
}

// slowReader gives a byte at a time, as a pipe may.
type slowReader struct{ r io.Reader }

func (s slowReader) Read(b []byte) (int, error) { return s.r.Read(b[:1]) }

func TestSlowReader(t *testing.T) {
	f, err := OpenReader("pipe", slowReader{bytes.NewReader(pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, shots))})
	if err != nil {
		t.Fatal(err)
	}
	checkShots(t, whole(t, f), shots)
}

func TestNextAllocatesNothing(t *testing.T) {
	b := pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, slices.Repeat(shots, 5000))
	f := inMemory(t, b)
	if n := testing.AllocsPerRun(10000, func() { f.Next() }); n != 0 {
		t.Errorf("%v allocations a frame, want 0", n)
	}
}

func TestMerge(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1700000000, int64(ms)*1e6).UTC() }
	open := func(b []byte) Source { return inMemory(t, b) }
	file := func(s ...shot) []byte { return pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, s) }
	a := file(shot{at(1), 2, "a1"}, shot{at(5), 2, "a5"}, shot{at(9), 2, "a9"})
	b := file(shot{at(1), 2, "b1"}, shot{at(2), 2, "b2"}, shot{at(9), 2, "b9"})
	c := file()
	d := file(shot{at(0), 2, "d0"}, shot{at(9), 2, "d9"})
	text := func(got []packet.Frame) string {
		var s []string
		for _, f := range got {
			s = append(s, string(f.Data))
		}
		return strings.Join(s, " ")
	}
	got, err := all(Merge([]Source{open(a), open(b), open(c), open(d)}))
	if want := "d0 a1 b1 b2 a5 a9 b9 d9"; !errors.Is(err, io.EOF) || text(got) != want {
		t.Errorf("got %q, %v; want %q", text(got), err, want)
	}
	// One file cut short: the others are read on, and the failure comes last.
	got, err = all(Merge([]Source{open(a[:len(a)-1]), open(b)}))
	if want := "a1 b1 b2 a5 b9"; text(got) != want {
		t.Errorf("got %q, want %q", text(got), want)
	}
	if _, ok := errors.AsType[*TruncatedError](err); !ok {
		t.Errorf("got %v, want the truncation", err)
	}
	if _, err := Merge(nil).Next(); !errors.Is(err, io.EOF) {
		t.Errorf("nothing to merge: %v", err)
	}
}

func BenchmarkPcap(b *testing.B) {
	one := shot{shots[0].t, 214, strings.Repeat("x", 214)}
	file := pcapBytes(binary.LittleEndian, magicMicro, 1000, 1, slices.Repeat([]shot{one}, 100000))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n == 0 {
			b.StopTimer()
		}
		f := inMemory(b, file)
		b.StartTimer()
		for n = 0; ; n++ {
			if _, err := f.Next(); err != nil {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/frame")
}

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// blocks writes pcapng.
type blocks struct {
	order binary.AppendByteOrder
	b     []byte
}

func (w *blocks) block(kind uint32, body []byte) {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	w.b = w.order.AppendUint32(w.b, kind)
	w.b = w.order.AppendUint32(w.b, uint32(len(body)+12))
	w.b = append(w.b, body...)
	w.b = w.order.AppendUint32(w.b, uint32(len(body)+12))
}

func (w *blocks) section() {
	b := w.order.AppendUint32(nil, byteOrderMagic)
	b = w.order.AppendUint16(b, 1)
	b = w.order.AppendUint16(b, 0)
	w.block(blockSection, append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
}

func (w *blocks) option(b []byte, code uint16, value []byte) []byte {
	b = w.order.AppendUint16(b, code)
	b = w.order.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func (w *blocks) iface(link uint16, snap uint32, options []byte) {
	b := w.order.AppendUint16(nil, link)
	b = w.order.AppendUint16(b, 0)
	b = w.order.AppendUint32(b, snap)
	w.block(blockInterface, append(b, options...))
}

func (w *blocks) enhanced(id uint32, units uint64, data string) {
	b := w.order.AppendUint32(nil, id)
	b = w.order.AppendUint32(b, uint32(units>>32))
	b = w.order.AppendUint32(b, uint32(units))
	b = w.order.AppendUint32(b, uint32(len(data)))
	b = w.order.AppendUint32(b, uint32(len(data)+100))
	w.block(blockEnhanced, append(b, data...))
}

// sample has two sections, interfaces with all kinds of clock, and blocks of
// all kinds.
func sample(order binary.AppendByteOrder) []byte {
	w := &blocks{order: order}
	w.section()
	w.iface(1, 0, nil)                                             // microseconds
	w.iface(101, 0, w.option(nil, optionResolution, []byte{9}))    // nanoseconds
	w.iface(113, 3, w.option(nil, optionResolution, []byte{0x8a})) // 1/1024 s
	w.iface(276, 0, w.option(nil, optionResolution, []byte{12}))   // picoseconds
	off := w.option(nil, optionTimeOffset, w.order.AppendUint64(nil, 1700000000))
	w.iface(0, 0, off)
	w.block(4, []byte("names, to be skipped"))
	w.enhanced(0, 1700000000_123456, "micro")
	w.enhanced(1, 1700000000_123456789, "nano")
	w.enhanced(2, 1700000000<<10|512, "binary")
	w.enhanced(3, 17e17+5_000_000_000_00, "pico") // 1.7e6 s + 0.5 s
	w.enhanced(4, 1_500000, "offset")
	w.block(blockSimple, append(w.order.AppendUint32(nil, 6), "simple"...))
	old := w.order.AppendUint16(nil, 1)
	old = w.order.AppendUint16(old, 0)
	old = w.order.AppendUint32(old, uint32(uint64(1700000001_000000000)>>32))
	old = w.order.AppendUint32(old, uint32(uint64(1700000001_000000000)&0xffffffff))
	old = w.order.AppendUint32(old, 3)
	old = w.order.AppendUint32(old, 3)
	w.block(blockPacket, append(old, "old"...))
	stats := append(w.order.AppendUint32(nil, 1), make([]byte, 8)...)
	stats = w.option(stats, optionReceived, w.order.AppendUint64(nil, 100))
	stats = w.option(stats, optionInterfaceDr, w.order.AppendUint64(nil, 7))
	stats = w.option(stats, optionSystemDrop, w.order.AppendUint64(nil, 5))
	w.block(blockStatistics, stats)
	w.section()
	w.iface(228, 0, nil)
	w.enhanced(0, 1700000005_000000, "second section")
	return w.b
}

func TestPcapng(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, zip := range []bool{false, true} {
			b := sample(order)
			if zip {
				b = zipped(b)
			}
			f := inMemory(t, b)
			got := whole(t, f)
			want := []struct {
				data string
				link packet.LinkType
				wire int
				t    time.Time
			}{
				{"micro", 1, 105, time.Unix(1700000000, 123456000)},
				{"nano", 101, 104, time.Unix(1700000000, 123456789)},
				{"binary", 113, 106, time.Unix(1700000000, 500000000)},
				{"pico", 276, 104, time.Unix(1700000, 500000000)},
				{"offset", 0, 106, time.Unix(1700000001, 500000000)},
				{"simple", 1, 6, time.Unix(1700000001, 500000000)},
				{"old", 101, 3, time.Unix(1700000001, 0)},
				{"second section", 228, 114, time.Unix(1700000005, 0)},
			}
			if len(got) != len(want) {
				t.Fatalf("got %d frames, want %d", len(got), len(want))
			}
			for i, w := range want {
				g := got[i]
				if string(g.Data) != w.data || g.Link != w.link || g.WireLen != w.wire || !g.Time.Equal(w.t) {
					t.Errorf("frame %d: got %q %d %d %v, want %+v", i, g.Data, g.Link, g.WireLen, g.Time, w)
				}
			}
			if d := f.Drops(); d != (Drops{Received: 100, DroppedKernel: 5, DroppedInterface: 7}) {
				t.Errorf("drops %+v", d)
			}
		}
	}
}

// TestMixedOrder has sections of both byte orders in one file, as cat makes it.
func TestMixedOrder(t *testing.T) {
	f := inMemory(t, append(sample(binary.LittleEndian), sample(binary.BigEndian)...))
	if got := whole(t, f); len(got) != 16 {
		t.Errorf("%d frames", len(got))
	}
}

// TestTruncatedPcapng cuts a file at every byte: never another error, and at
// least what a shorter cut gave.
func TestTruncatedPcapng(t *testing.T) {
	file := sample(binary.BigEndian)
	before := 0
	for n := 28; n < len(file); n++ {
		f, err := OpenReader("cut", bytes.NewReader(file[:n]))
		if err != nil {
			t.Fatal(n, err)
		}
		got, err := all(f)
		cut, truncated := errors.AsType[*TruncatedError](err)
		if !errors.Is(err, io.EOF) && !truncated {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if truncated && (cut.Offset >= int64(n) || cut.Offset%4 != 0) {
			t.Errorf("cut at %d: offset %d", n, cut.Offset)
		}
		if len(got) < before {
			t.Errorf("cut at %d: %d frames, fewer than %d", n, len(got), before)
		}
		before = len(got)
	}
}

func TestDamagedPcapng(t *testing.T) {
	begin := func() *blocks {
		w := &blocks{order: binary.LittleEndian}
		w.section()
		w.iface(1, 0, nil)
		return w
	}
	for _, c := range []struct {
		want string
		make func(w *blocks)
	}{
		{"interface 3, of which there are 1", func(w *blocks) { w.enhanced(3, 0, "x") }},
		{"a block of 4294967292 bytes", func(w *blocks) { w.b = append(w.b, "\x06\x00\x00\x00\xfc\xff\xff\xff1234"...) }},
		{"a block of 4 bytes", func(w *blocks) { w.b = append(w.b, "\x06\x00\x00\x00\x04\x00\x00\x001234"...) }},
		{"timestamp resolution 0x63", func(w *blocks) { w.iface(1, 0, w.option(nil, optionResolution, []byte{99})) }},
		{"timestamp resolution 0xff", func(w *blocks) { w.iface(1, 0, w.option(nil, optionResolution, []byte{255})) }},
		{"a packet of 1000 bytes", func(w *blocks) {
			w.block(blockEnhanced, append(make([]byte, 12), 0xe8, 3, 0, 0, 0xe8, 3, 0, 0))
		}},
		{"a packet block of 16 bytes", func(w *blocks) { w.block(blockEnhanced, make([]byte, 4)) }},
		{"byte order mark", func(w *blocks) { w.b = append(w.b, "\x0a\x0d\x0d\x0a\x1c\x00\x00\x00abcd"...) }},
	} {
		w := begin()
		w.enhanced(0, 1, "good")
		offset := len(w.b)
		c.make(w)
		f, err := OpenReader("bad.pcapng", bytes.NewReader(w.b))
		if err != nil {
			t.Fatal(err)
		}
		got, err := all(f)
		damage, ok := errors.AsType[*FormatError](err)
		if len(got) != 1 || !ok || damage.Offset != int64(offset) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d frames, %v; want %q at %d", len(got), err, c.want, offset)
		}
	}
}

// TestSecrets: TLS key logs are given before the frames behind them, whatever
// their length says; other secrets are not.
func TestSecrets(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		w := &blocks{order: order}
		secrets := func(kind, length uint32, text string) {
			w.block(blockSecrets, append(order.AppendUint32(order.AppendUint32(nil, kind), length), text...))
		}
		w.section()
		w.iface(1, 0, nil)
		secrets(secretsTLS, 5, "first")
		w.enhanced(0, 1, "frame")
		secrets(0x57474b4c, 4, "wireguard")
		secrets(secretsTLS, 0xffffffff, "long")
		w.block(blockSecrets, []byte{1, 2, 3})
		secrets(secretsTLS, 0, "")
		w.block(blockSecrets, make([]byte, maxRecord))
		w.enhanced(0, 1, "frame")
		f, err := OpenReader("test", bytes.NewReader(w.b))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		f.OnKeyLog(func(lines []byte) { got = append(got, string(lines)) })
		for want := 1; ; want += 2 {
			if _, err := f.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if len(got) != want {
				t.Errorf("before a frame: %q", got)
			}
		}
		if strings.Join(got, "|") != "first|long|" {
			t.Errorf("%q", got)
		}
	}
}

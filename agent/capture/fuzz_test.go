package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

// FuzzPcap reads any bytes as a capture file: no panic, an end, frames that lie
// within the input, and no window larger than a record may be.
func FuzzPcap(f *testing.F) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		f.Add(pcapBytes(order, magicMicro, 1000, 1, shots))
		f.Add(pcapBytes(order, magicNano, 1, 101, shots))
		f.Add(pcapBytes(order, magicKuznetzov, 1000, 113, shots))
		f.Add(sample(order))
		f.Add(zipped(sample(order)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := OpenReader("fuzz", bytes.NewReader(b))
		if err != nil {
			return
		}
		got := 0
		zip := len(b) > 1 && b[0] == 0x1f && b[1] == 0x8b
		for {
			fr, err := file.Next()
			if err != nil {
				break
			}
			got += len(fr.Data)
			if fr.WireLen < 0 || !zip && got > len(b) {
				t.Fatalf("%d bytes of frames in %d, wire length %d", got, len(b), fr.WireLen)
			}
			if zip && got > 1<<24 {
				return
			}
		}
		if len(file.in.buf) > 2*maxRecord+windowSize {
			t.Fatalf("the window grew to %d", len(file.in.buf))
		}
	})
}

// pieces gives bytes up to one of the cuts, then ErrTimeout once, and so on.
type pieces struct {
	b    []byte
	cuts []int
	at   int
}

func (p *pieces) Read(b []byte) (int, error) {
	n := min(len(b), len(p.b)-p.at)
	if len(p.cuts) > 0 {
		n = min(n, max(0, p.cuts[0]-p.at))
		if n == 0 {
			p.cuts = p.cuts[1:]
			return 0, ErrTimeout
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	copy(b, p.b[p.at:p.at+n])
	p.at += n
	return n, nil
}

// FuzzPieces reads a file that comes in pieces: it gives the frames of the whole, and
// ends as it does.
func FuzzPieces(f *testing.F) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		f.Add(pcapBytes(order, magicMicro, 1000, 1, shots), uint16(30), uint16(50))
		f.Add(sample(order), uint16(80), uint16(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, first, then uint16) {
		if len(b) > 1 && b[0] == 0x1f && b[1] == 0x8b {
			return // a decompressor does not go on
		}
		whole, err := OpenReader("fuzz", bytes.NewReader(b))
		if err != nil {
			return
		}
		want, wantErr := all(whole)
		p := &pieces{b: b}
		for at := int(first); at < len(b) && len(p.cuts) < 1000; at += int(then) + 1 {
			p.cuts = append(p.cuts, at)
		}
		file, err := OpenReader("fuzz", p)
		if errors.Is(err, ErrTimeout) {
			return // it is opened again from its begin
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []packet.Frame
		for {
			some, err := all(file)
			got = append(got, some...)
			if errors.Is(err, ErrTimeout) {
				continue
			}
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("it ends with %v, the whole with %v", err, wantErr)
			}
			break
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%d frames in pieces, %d of the whole", len(got), len(want))
		}
	})
}

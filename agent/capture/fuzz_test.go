package capture

import (
	"bytes"
	"encoding/binary"
	"testing"
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

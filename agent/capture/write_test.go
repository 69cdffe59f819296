package capture

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/packet"
)

// TestWriter: what is written is read again, to the unit of the file.
func TestWriter(t *testing.T) {
	at := time.Date(2026, 1, 5, 10, 0, 0, 123456789, time.UTC)
	frames := []packet.Frame{
		{Time: at, Link: packet.LinkEthernet, WireLen: 3, Data: []byte{1, 2, 3}},
		{Time: at.Add(time.Second), Link: packet.LinkEthernet, WireLen: 1500, Data: []byte{4}},
	}
	for _, unit := range []time.Duration{time.Microsecond, time.Nanosecond} {
		var b bytes.Buffer
		w, err := NewWriter(&b, packet.LinkEthernet, unit)
		if err != nil {
			t.Fatal(err)
		}
		for i := range frames {
			if err := w.Write(&frames[i]); err != nil {
				t.Fatal(err)
			}
		}
		f, err := OpenReader("written", &b)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range frames {
			want.Time = want.Time.Truncate(unit)
			got, err := f.Next()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("in units of %v, want (-), got (+):\n%s", unit, d)
			}
		}
		if _, err := f.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the last frame: %v", err)
		}
	}
}

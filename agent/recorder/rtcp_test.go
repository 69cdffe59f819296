package recorder

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/earshot-voip/earshot/internal/media"
)

// part is one packet of a compound one.
func part(pt uint8, count int, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	b := []byte{0x80 | byte(count), pt}
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)/4))
	return append(b, body...)
}

// sdes is one chunk: type and text in turn.
func sdes(items ...any) []byte {
	b := []byte{0, 0, 0, 9}
	for i := 0; i < len(items); i += 2 {
		s := items[i+1].(string)
		b = append(append(b, byte(items[i].(int)), byte(len(s))), s...)
	}
	return part(media.TypeSDES, 1, append(b, 0))
}

func app(data string) []byte {
	return part(media.TypeAPP, 0, append([]byte("\x00\x00\x00\x09NAME"), data...))
}

func sr(blocks int) []byte { return part(media.TypeSR, blocks, bytes.Repeat([]byte{1}, 24+24*blocks)) }

func compound(parts ...[]byte) []byte { return append(sr(1), bytes.Join(parts, nil)...) }

func TestAppendRTCP(t *testing.T) {
	bye := part(media.TypeBYE, 1, []byte("\x00\x00\x00\x09\x04done"))
	xr := part(media.TypeXR, 0, bytes.Repeat([]byte{7}, 44))
	nack := part(media.TypeRTPFB, 1, bytes.Repeat([]byte{3}, 12))
	extended := part(media.TypeRR, 1, append(bytes.Repeat([]byte{1}, 28), "tail"...))
	f := func(name string, in, want []byte) {
		t.Helper()
		before := bytes.Clone(in)
		if got := appendRTCP(nil, in); !bytes.Equal(got, want) {
			t.Errorf("%s: kept is\n%q\nwant\n%q", name, got, want)
		}
		if !bytes.Equal(in, before) {
			t.Errorf("%s: wrote through the packet", name)
		}
	}
	f("reports", compound(xr, nack), compound(xr, nack))
	f("cname and name", compound(sdes(1, "host", 2, "Alice")), compound(sdes(1, "host", 2, "*****")))
	f("private", compound(sdes(8, "\x03abcdef", 1, "h")), compound(sdes(8, "*******", 1, "h")))
	f("application", compound(app("datadata")), compound(app("********")))
	f("reason", compound(bye), compound(append(bye[:8:8], "********"...)))
	f("behind blocks", extended, append(extended[:32:32], "****"...))
	f("what follows", append(compound(), "speech and more of it"...), compound())
	f("a length that lies", append(compound(), 0x80, 200, 0, 99, 1, 2, 3, 4), compound())
	f("encrypted", append([]byte{0x81, 200, 0, 2, 0, 0, 0, 9}, "encrypted or speech"...), []byte{0x81, 200, 0, 2, 0, 0, 0, 9})
	f("an item that lies", append([]byte{0x81, 202, 0, 2, 0, 0, 0, 9}, 2, 99, 'a', 'b'), []byte{0x81, 202, 0, 2, 0, 0, 0, 9})
	f("nothing", []byte{0x80, 200}, nil)
}

// FuzzRTCP: never longer than it was, and of each byte what it was or a star.
func FuzzRTCP(f *testing.F) {
	f.Add(compound(sdes(1, "host", 2, "Alice"), app("data")))
	f.Add([]byte{0x81, 200, 0, 2, 0, 0, 0, 9, 1, 2, 3, 4})
	f.Add([]byte{0x81, 202, 0, 2, 0, 0, 0, 9, 2, 99, 'a', 'b'})
	f.Fuzz(func(t *testing.T, b []byte) {
		got := appendRTCP(nil, b)
		if len(got) > len(b) {
			t.Fatalf("%d bytes of %d", len(got), len(b))
		}
		for i, c := range got {
			if c != b[i] && c != '*' {
				t.Fatalf("byte %d became %q", i, c)
			}
		}
	})
}

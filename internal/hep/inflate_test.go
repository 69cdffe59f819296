package hep

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

func squeezed(w io.WriteCloser, out *bytes.Buffer, b []byte) []byte {
	if _, err := w.Write(b); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	return squeezed(gzip.NewWriter(&out), &out, b)
}

func zlibbed(b []byte) []byte {
	var out bytes.Buffer
	return squeezed(zlib.NewWriter(&out), &out, b)
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		panic(err)
	}
	return squeezed(w, &out, b)
}

func TestInflate(t *testing.T) {
	want := bytes.Repeat([]byte("INVITE sip:bob@example.com SIP/2.0\r\n"), 40)
	var d Decoder
	var p packet.Packet
	// Twice, so that the readers are used again.
	for range 2 {
		for name, body := range map[string][]byte{"gzip": gzipped(want), "zlib": zlibbed(want), "deflate": deflated(want)} {
			b := frame(addresses(), generic(chunkCompressed, string(body)))
			for _, whole := range []bool{false, true} {
				if whole {
					b = gzipped(b)
				}
				if err := d.Decode(b, &p); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !bytes.Equal(p.Payload, want) {
					t.Errorf("%s: payload %q", name, p.Payload)
				}
				if !d.Extra.Inflated || d.Extra.Gzipped != whole || !d.Extra.Has(chunkCompressed) {
					t.Errorf("%s: %+v", name, d.Extra)
				}
			}
		}
	}
	// A payload as captured goes before a compressed one.
	b := frame(addresses(), generic(chunkCompressed, "\xff garbage"), generic(chunkPayload, "BYE"))
	if err := d.Decode(b, &p); err != nil || string(p.Payload) != "BYE" {
		t.Errorf("both payloads: %q, %v", p.Payload, err)
	}
}

func TestInflateBound(t *testing.T) {
	var p packet.Packet
	for name, pack := range map[string]func([]byte) []byte{"gzip": gzipped, "zlib": zlibbed, "deflate": deflated} {
		at := frame(addresses(), generic(chunkCompressed, string(pack(make([]byte, 1<<20)))))
		over := frame(addresses(), generic(chunkCompressed, string(pack(make([]byte, 1<<20+1)))))
		var d Decoder
		if err := d.Decode(at, &p); err != nil || len(p.Payload) != 1<<20 {
			t.Errorf("%s of 1 MiB: %d bytes, %v", name, len(p.Payload), err)
		}
		if err := d.Decode(over, &p); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s of 1 MiB and a byte: %v", name, err)
		}
		if n := cap(d.inflater.payloadBuf); n > 3<<20 {
			t.Errorf("%s: buffer of %d bytes", name, n)
		}
		d.MaxInflated = 100
		if err := d.Decode(frame(addresses(), generic(chunkCompressed, string(pack(make([]byte, 101))))), &p); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s of 101 bytes with a bound of 100: %v", name, err)
		}
	}
	bomb := gzipped(make([]byte, 1<<20))
	var d Decoder
	if err := d.Decode(bomb, &p); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a frame cannot have 1 MiB: %v", err)
	}
}

// TestInflateDamaged: a checksum that fails is damage, not a payload.
func TestInflateDamaged(t *testing.T) {
	for name, body := range map[string][]byte{"gzip": gzipped([]byte("INVITE")), "zlib": zlibbed([]byte("INVITE"))} {
		body[len(body)-1] ^= 1
		var d Decoder
		var p packet.Packet
		if err := d.Decode(frame(addresses(), generic(chunkCompressed, string(body))), &p); !errors.Is(err, ErrCompression) {
			t.Errorf("%s with a damaged checksum: %v, payload %q", name, err, p.Payload)
		}
	}
}

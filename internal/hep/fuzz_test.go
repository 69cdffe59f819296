package hep

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/packet"
)

// FuzzDecode: no frame harms the decoder, and what it accepts survives being
// written and read again.
func FuzzDecode(f *testing.F) {
	for _, v := range refused {
		f.Add(v.b)
	}
	for _, b := range frames(f) {
		f.Add(b)
	}
	f.Add(gzipped(frame(addresses(), generic(chunkCompressed, string(deflated([]byte("INVITE")))))))
	f.Add(frame(addresses(), chunk(VendorGenesys, 15, "x"), generic(chunkMOS, "\x01\xb8")))
	var o Options // across inputs, as its compressor is
	f.Fuzz(func(t *testing.T, b []byte) {
		d := Decoder{MaxInflated: 1 << 18}
		var p packet.Packet
		err := d.Decode(b, &p)
		if n, lenErr := FrameLen(b); lenErr == nil && (n < headerLen || n > maxFrame) {
			t.Fatalf("FrameLen = %d", n)
		}
		if err != nil {
			e, ok := errors.AsType[Error](err)
			if !ok || e.String() == "unknown" {
				t.Fatalf("error outside the closed set: %v", err)
			}
			return
		}
		if p.Src.Addr().Is4In6() || p.Dst.Addr().Is4In6() {
			t.Fatalf("address not unmapped: %v, %v", p.Src, p.Dst)
		}
		frame, err := Append(nil, &p, &o)
		if errors.Is(err, ErrTooLarge) {
			return // what was inflated may not fit
		}
		if err != nil {
			t.Fatal(err)
		}
		var again packet.Packet
		if err := new(Decoder).Decode(frame, &again); err != nil {
			t.Fatalf("written again: %v", err)
		}
		if len(p.Payload) == 0 {
			p.Payload = nil // an empty chunk is not written
		}
		if diff := cmp.Diff(p, again, equalAddr); diff != "" {
			t.Fatalf("-first +again\n%s", diff)
		}
	})
}

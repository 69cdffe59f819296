package media

import (
	"encoding/hex"
	"testing"

	"github.com/pion/rtp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var clean []byte
	for i := range len(s) {
		if s[i] != ' ' && s[i] != '\n' && s[i] != '\t' {
			clean = append(clean, s[i])
		}
	}
	b, err := hex.DecodeString(string(clean))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rtpSeeds are packets of every shape the header can have.
var rtpSeeds = []struct {
	name, hex       string
	ok              bool
	offset, payload int
}{
	{"plain", "80 00 0001 00000002 00000003 ffff", true, 12, 2},
	{"no payload", "80 80 0001 00000002 00000003", true, 12, 0},
	{"two CSRCs", "82 00 0001 00000002 00000003 00000004 00000005 ff", true, 20, 1},
	{"CSRC cut", "81 00 0001 00000002 00000003 0000", false, 0, 0},
	{"extension", "90 60 0001 00000002 00000003 bede0001 10000000 ffff", true, 20, 2},
	{"extension cut", "90 60 0001 00000002 00000003 bede0002 10000000", false, 0, 0},
	{"extension without header", "90 60 0001 00000002 00000003 bede", false, 0, 0},
	{"padding", "a0 00 0001 00000002 00000003 ff 000003", true, 12, 1},
	{"padding only", "a0 00 0001 00000002 00000003 00000004", true, 12, 0},
	{"padding longer than the packet", "a0 00 0001 00000002 00000003 ffffffff", true, 12, 4},
	{"version 1", "40 00 0001 00000002 00000003", false, 0, 0},
	{"short", "80 00 0001 00000002 000000", false, 0, 0},
	{"empty", "", false, 0, 0},
}

func TestParseRTP(t *testing.T) {
	for _, c := range rtpSeeds {
		h := RTPHeader{CSRCs: 9, Extension: true, Padding: 9, Marker: true} // as if used before
		b := unhex(t, c.hex)
		ok := h.Parse(b)
		if ok != c.ok || ok && (h.PayloadOffset != c.offset || h.PayloadLen != c.payload || h.SSRC != 3 || h.Timestamp != 2 || h.Sequence != 1) {
			t.Errorf("%s: %v, %+v", c.name, ok, h)
		}
		if ok {
			comparePion(t, b, &h)
		}
	}
}

// comparePion uses pion/rtp as an oracle. It refuses padding that the packet
// has no room for; we call that no padding.
func comparePion(t *testing.T, b []byte, h *RTPHeader) {
	t.Helper()
	var p rtp.Packet
	if err := p.Unmarshal(b); err != nil {
		return
	}
	if p.SSRC != h.SSRC || p.SequenceNumber != h.Sequence || p.Timestamp != h.Timestamp || p.PayloadType != h.PayloadType ||
		p.Marker != h.Marker || len(p.CSRC) != int(h.CSRCs) || p.Extension != h.Extension || len(p.Payload) != h.PayloadLen {
		t.Errorf("%x: pion reads %+v with %d bytes, we %+v", b, p.Header, len(p.Payload), *h)
	}
}

func FuzzRTP(f *testing.F) {
	for _, c := range rtpSeeds {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var h RTPHeader
		if !h.Parse(b) {
			if LooksLikeRTP(b) {
				t.Error("looks like RTP but does not parse")
			}
			return
		}
		if h.PayloadOffset < 12 || h.PayloadLen < 0 || h.PayloadOffset+h.PayloadLen+int(h.Padding) != len(b) {
			t.Errorf("%+v of %d bytes", h, len(b))
		}
		comparePion(t, b, &h)
		Classify(b)
	})
}

// TestParseCutRTP knows the length that a packet had, but not what of it was padding.
func TestParseCutRTP(t *testing.T) {
	b := append([]byte{0xa0, 8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, make([]byte, 160)...)
	b[12+159], b[12+19] = 4, 9
	for _, c := range []struct{ kept, payload, padding int }{{172, 156, 4}, {32, 160, 0}, {12, 160, 0}} {
		var h RTPHeader
		if !h.ParseCut(b[:c.kept], len(b)-c.kept) || h.PayloadLen != c.payload || int(h.Padding) != c.padding || h.PayloadOffset != 12 {
			t.Errorf("%d bytes kept: %+v", c.kept, h)
		}
	}
	var h RTPHeader
	if h.ParseCut(b[:11], 161) {
		t.Error("a header that is not whole")
	}
}

func TestClassify(t *testing.T) {
	f := func(name, s string, want Class) {
		t.Helper()
		if got := Classify(unhex(t, s)); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("RTP", "80 00 0001 00000002 00000003 ffff", ClassRTP)
	f("RTP, marker and PT 101", "80 e5 0001 00000002 00000003 05000010", ClassRTP)
	f("RTP, PT 63 and marker", "80 bf 0001 00000002 00000003 05", ClassRTP)
	f("sender report", "80 c8 0006 00000001 0000000000000000 00000000 00000000 00000000", ClassRTCP)
	f("RTCP type 223", "80 df 0001 00000001", ClassRTCP)
	f("RTCP type 224 is RTP with PT 96", "80 e0 0001 00000001 00000001", ClassRTP)
	f("RTCP whose length does not fit", "80 c8 0009 00000001", ClassUnknown)
	f("STUN binding", "0001 0000 2112a442 000000000000000000000000", ClassSTUN)
	f("STUN without cookie", "0001 0000 00000000 000000000000000000000000", ClassUnknown)
	f("TURN ChannelData", "4001 0004 01020304", ClassTURN)
	f("TURN ChannelData cut", "4001 0014 01020304", ClassUnknown)
	f("DTLS 1.2 handshake", "16 fefd 0000000000000000 0002 0100", ClassDTLS)
	f("TLS over TCP", "16 0303 0000000000000000 0002 0100", ClassUnknown)
	f("ZRTP hello", "1000 0001 5a525450 00000001 505a 0000 48656c6c6f202020 00000000", ClassZRTP)
	f("T.38 with no redundancy", "0005 01 06 00 00", ClassT38)
	f("T.38 with two", "0005 02 0a0b 00 02 01 0c 01 0d", ClassT38)
	f("T.38 that ends elsewhere", "0005 02 0a0b 00 02 01 0c 01 0d 00", ClassUnknown)
	f("keep-alive", "0d0a0d0a", ClassUnknown)
	f("one byte", "80", ClassUnknown)
	f("nothing", "", ClassUnknown)
}

func TestStaticPayloadTypes(t *testing.T) {
	f := func(pt uint8, name string, clock uint32, media string) {
		t.Helper()
		s, ok := StaticPayloadType(pt)
		if !ok || s.Name != name || s.ClockRate != clock || s.Media != media {
			t.Errorf("%d: %+v, %v", pt, s, ok)
		}
	}
	f(0, "PCMU", 8000, "audio")
	f(8, "PCMA", 8000, "audio")
	f(9, "G722", 8000, "audio")
	f(6, "DVI4", 16000, "audio")
	f(18, "G729", 8000, "audio")
	f(34, "H263", 90000, "video")
	for _, pt := range []uint8{1, 2, 35, 72, 96, 127, 255} {
		if s, ok := StaticPayloadType(pt); ok {
			t.Errorf("%d is %+v", pt, s)
		}
	}
}

func TestParseRTPDoesNotAllocate(t *testing.T) {
	b := unhex(t, "b2 00 0001 00000002 00000003 00000004 00000005 bede0001 10000000 ff01")
	var h RTPHeader
	if n := testing.AllocsPerRun(1000, func() { h.Parse(b); Classify(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParseRTP(b *testing.B) {
	p := make([]byte, 172)
	p[0] = 0x80
	var h RTPHeader
	b.ReportAllocs()
	for b.Loop() {
		h.Parse(p)
	}
}

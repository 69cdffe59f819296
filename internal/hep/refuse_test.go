package hep

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

// frame builds a HEP3 frame of chunks, with the right length.
func frame(chunks ...[]byte) []byte {
	b := append([]byte("HEP3\x00\x00"), bytes.Join(chunks, nil)...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	return b
}

func chunk(vendor Vendor, typ uint16, body string) []byte {
	return append(appendHeader(nil, vendor, typ, len(body)), body...)
}

func generic(typ uint16, body string) []byte { return chunk(VendorGeneric, typ, body) }

// addresses are the chunks that every SIP frame needs.
func addresses() []byte {
	return slices.Concat(generic(chunkSrc4, "\xc0\x00\x02\x01"), generic(chunkDst4, "\xc6\x33\x64\x07"),
		generic(chunkSrcPort, "\x13\xc4"), generic(chunkDstPort, "\x13\xc6"), generic(chunkKind, "\x01"))
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// refused are frames that must be refused, and why. The first group kills
// other collectors.
var refused = []struct {
	name string
	b    []byte
	want Error
}{
	{"one byte 02", unhex("02"), ErrShort},
	{"HEP2 header alone", unhex("02 10 02 11 13c4 13c4"), ErrShort},
	{"family empty", frame(generic(chunkFamily, ""), addresses()), ErrChunk},
	{"kind empty", frame(addresses(), generic(chunkKind, "")), ErrChunk},
	{"port of one byte", frame(addresses(), generic(chunkSrcPort, "\x13")), ErrChunk},
	{"4 bytes", []byte("HEP3"), ErrShort},
	{"6 bytes", []byte("HEP3\x00\x06"), ErrAddress},
	{"chunk length 0", frame(addresses(), unhex("0000 000f 0000")), ErrChunk},
	{"address of one byte", frame(generic(chunkSrc4, "\x7f"), addresses()), ErrChunk},

	{"empty", nil, ErrShort},
	{"one byte 01", unhex("01"), ErrShort},
	{"H", []byte("H"), ErrShort},
	{"SIP", []byte("OPTIONS sip:a SIP/2.0\r\n"), ErrMagic},
	{"RTP", unhex("8000 0001 00000000 00000001"), ErrMagic},
	{"HTTP", []byte("HEAD / HTTP/1.1\r\n"), ErrMagic},
	{"HEP4", []byte("HEP4\x00\x06"), ErrMagic},
	{"HEP1 in letters", []byte("HEP1\x00\x06"), ErrMagic},
	{"length 0", []byte("HEP3\x00\x00"), ErrLength},
	{"length 5", []byte("HEP3\x00\x05"), ErrLength},
	{"length beyond the datagram", []byte("HEP3\x00\x07"), ErrLength},
	{"bytes behind the frame", append(frame(addresses()), 0), ErrLength},
	{"chunk length 5", frame(addresses(), unhex("0000 000f 0005")), ErrChunk},
	{"chunk beyond the frame", frame(addresses(), unhex("0000 000f 0007")), ErrChunk},
	{"half a chunk header", frame(addresses(), unhex("0000 000f 00")), ErrChunk},
	{"no addresses", frame(generic(chunkKind, "\x01"), generic(chunkPayload, "OPTIONS")), ErrAddress},
	{"one address", frame(generic(chunkKind, "\x01"), generic(chunkSrc4, "abcd")), ErrAddress},
	{"a family each", frame(generic(chunkKind, "\x01"), generic(chunkSrc4, "abcd"), generic(chunkDst6, strings.Repeat("x", 16))), ErrAddress},
	{"seconds of 8 bytes", frame(addresses(), generic(chunkSeconds, "12345678")), ErrChunk},
	{"own boot id of 4 bytes", frame(addresses(), chunk(VendorEarshot, ownBoot, "1234")), ErrChunk},
	{"own TTL empty", frame(addresses(), chunk(VendorEarshot, ownTTL, "")), ErrChunk},
	{"own sequence of 4 bytes", frame(addresses(), chunk(VendorEarshot, ownSequence, "1234")), ErrChunk},
	{"own wire length of 2 bytes", frame(addresses(), chunk(VendorEarshot, ownWireLen, "12")), ErrChunk},
	{"own transport empty", frame(addresses(), chunk(VendorEarshot, ownTransport, "")), ErrChunk},
	{"garbage compressed", frame(addresses(), generic(chunkCompressed, "\xff\xff\xff\xff")), ErrCompression},
	{"zlib header alone", frame(addresses(), generic(chunkCompressed, "\x78\x9c")), ErrCompression},
	{"gzip header alone", frame(addresses(), generic(chunkCompressed, "\x1f\x8b")), ErrCompression},
	{"gzip of nothing as frame", unhex("1f8b"), ErrCompression},
	{"gzip in gzip as frame", gzipped(gzipped(frame(addresses()))), ErrMagic},

	{"HEP2 of another length", unhex("02 11 02 11 13c4 13c4 c0000201 c6336407 00"), ErrLength},
	{"HEP2 without addresses", unhex("02 10 02 11 13c4 13c4 c0000201"), ErrShort},
	{"HEP2 without time", unhex("02 10 02 11 13c4 13c4 c0000201 c6336407"), ErrShort},
	{"HEP2 with half a time", unhex("02 10 02 11 13c4 13c4 c0000201 c6336407 8ff3e458 a7ff0100 01"), ErrShort},
	{"HEP1 IPv6 family, IPv4 length", unhex("01 10 0a 11 13c4 13c4 c0000201 c6336407"), ErrAddress},
	{"HEP1 IPv4 family, IPv6 length", append(unhex("01 28 02 11 13c4 13c4"), make([]byte, 32)...), ErrAddress},
	{"HEP1 IPv6 cut", append(unhex("01 28 0a 11 13c4 13c4"), make([]byte, 31)...), ErrShort},
}

func TestRefused(t *testing.T) {
	var d Decoder
	for _, v := range refused {
		var p packet.Packet
		if err := d.Decode(v.b, &p); !errors.Is(err, v.want) {
			t.Errorf("%s: error %v, want %v", v.name, err, v.want)
		}
	}
	// The decoder still works.
	var p packet.Packet
	if err := d.Decode(frame(addresses(), generic(chunkPayload, "OPTIONS")), &p); err != nil || string(p.Payload) != "OPTIONS" {
		t.Errorf("a good frame afterwards: %q, %v", p.Payload, err)
	}
}

// TestGarbageInside: what a chunk holds is not HEP's to judge.
func TestGarbageInside(t *testing.T) {
	var d Decoder
	var p packet.Packet
	for _, payload := range []string{"\x00\xff garbage, not SIP", `{"sender_information":{"ntp_time`} {
		if err := d.Decode(frame(addresses(), generic(chunkPayload, payload)), &p); err != nil || string(p.Payload) != payload {
			t.Errorf("payload %q: %q, %v", payload, p.Payload, err)
		}
	}
}

// TestCutAnywhere refuses every proper prefix of a frame.
func TestCutAnywhere(t *testing.T) {
	sip := sipPacket()
	b := mustAppend(t, &sip, &Options{Boot: 1, AuthKey: "key"})
	var d Decoder
	var p packet.Packet
	for n := range b {
		if err := d.Decode(b[:n], &p); err == nil {
			t.Errorf("%d of %d bytes: no error", n, len(b))
		}
		short := slices.Clone(b[:n])
		if n >= headerLen {
			binary.BigEndian.PutUint16(short[4:], uint16(n))
			_ = d.Decode(short, &p) // some cuts fall between chunks
		}
	}
}

func TestErrorNames(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range Errors() {
		name := e.String()
		if name == "unknown" || seen[name] || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("label %q", name)
		}
		if !strings.HasPrefix(e.Error(), "hep: ") || e.Error() == Error(0).Error() {
			t.Errorf("%s has the text %q", name, e.Error())
		}
		seen[name] = true
	}
	if len(seen) != 7 {
		t.Errorf("%d errors, want 7", len(seen))
	}
}

func TestFrameLen(t *testing.T) {
	for _, v := range []struct {
		b    string
		n    int
		want error
	}{
		{"", 0, ErrShort},
		{"H", 0, ErrShort},
		{"HEP3\x01", 0, ErrShort},
		{"HEP3\x01\x02", 258, nil},
		{"HEP3\x00\x06HEP3", 6, nil},
		{"EEP3\x00\x08", 8, nil},
		{"EEP1\x00\x08", 8, nil},
		{"HEP3\x00\x05", 0, ErrLength},
		{"HEP3\x00\x00", 0, ErrLength},
		{"G", 0, ErrMagic},
		{"HTTP/1.1 200", 0, ErrMagic},
		{"HEP2\x00\x08", 0, ErrMagic},
		{"\x02\x10\x02\x11", 0, ErrMagic},
		{"\x1f\x8b\x08\x00", 0, ErrMagic},
	} {
		if n, err := FrameLen([]byte(v.b)); n != v.n || !errors.Is(err, v.want) {
			t.Errorf("FrameLen(%q) = %d, %v; want %d, %v", v.b, n, err, v.n, v.want)
		}
	}
}

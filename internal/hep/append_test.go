package hep

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/packet"
)

func drawAddr(t *rapid.T, what string) netip.AddrPort {
	port := rapid.Uint16().Draw(t, what+" port")
	raw := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, what)
	if rapid.Bool().Draw(t, what+" is IPv4") {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw)), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(raw)).Unmap(), port)
}

func drawPacket(t *rapid.T) packet.Packet {
	text := rapid.StringMatching(`[a-z0-9.@-]{0,40}`)
	p := packet.Packet{
		Src: drawAddr(t, "src"), Dst: drawAddr(t, "dst"),
		Transport: rapid.SampledFrom([]packet.Transport{
			packet.TransportUnknown, packet.TCP, packet.UDP, packet.SCTP, packet.TLS, packet.WS, 47,
		}).Draw(t, "transport"),
		Kind:    packet.Kind(rapid.Byte().Draw(t, "kind")),
		TTL:     rapid.Byte().Draw(t, "ttl"),
		DSCP:    rapid.ByteRange(0, 63).Draw(t, "dscp"),
		VLAN:    rapid.Uint16Range(0, 4095).Draw(t, "vlan"),
		WireLen: rapid.IntRange(0, 1<<32-1).Draw(t, "wire length"),
		AgentID: rapid.Uint32().Draw(t, "agent id"),
		Node:    text.Draw(t, "node"),
		Domain:  text.Draw(t, "domain"),
	}
	if rapid.Bool().Draw(t, "has time") {
		p.Time = time.UnixMicro(rapid.Int64Range(1e6, (1<<32)*1e6-1).Draw(t, "time")).UTC()
	}
	if id := text.Draw(t, "correlation id"); id != "" {
		p.CorrelationID = []byte(id)
	}
	if payload := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "payload"); len(payload) > 0 {
		p.Payload = payload
	}
	return p
}

// TestAppendDecode: what Append writes, Decode reads.
func TestAppendDecode(t *testing.T) {
	var d Decoder // shared, so that nothing may be left of the frame before
	var o Options
	rapid.Check(t, func(t *rapid.T) {
		want := drawPacket(t)
		o.Compress = rapid.Bool().Draw(t, "compress")
		o.Boot = rapid.Uint64().Draw(t, "boot")
		o.Sequence = rapid.Uint64().Draw(t, "sequence")
		o.AuthKey = rapid.StringMatching(`[a-z]{0,10}`).Draw(t, "key")
		prefix := []byte("before")
		b, err := Append(prefix, &want, &o)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(b, prefix) {
			t.Fatalf("what was there is gone: %q", b[:len(prefix)])
		}
		b = b[len(prefix):]
		if n, err := FrameLen(b); n != len(b) || err != nil {
			t.Fatalf("FrameLen = %d, %v; want %d", n, err, len(b))
		}
		var got packet.Packet
		if err := d.Decode(b, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, equalAddr); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
		x := d.Extra
		if x.Boot != o.Boot || o.Boot != 0 && x.Sequence != o.Sequence || string(x.AuthKey) != o.AuthKey || x.Unknown != 0 || x.Malformed != 0 || len(d.Vendors()) != 0 {
			t.Fatalf("%+v of %+v", x, o)
		}
	})
}

// TestAppendBounds: a payload is written whole, compressed if it must be, or
// not at all.
func TestAppendBounds(t *testing.T) {
	noise := make([]byte, 1<<16)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(noise)
	p := sipPacket()
	p.Payload = nil
	overhead := len(mustAppend(t, &p, nil)) + chunkHeaderLen

	p.Payload = noise[:maxFrame-overhead]
	if b := mustAppend(t, &p, nil); len(b) != maxFrame {
		t.Errorf("largest frame has %d bytes, want %d", len(b), maxFrame)
	}
	p.Payload = noise[:maxFrame-overhead+1]
	for _, o := range []*Options{nil, {}, {Compress: true}} {
		if b, err := Append([]byte("x"), &p, o); !errors.Is(err, ErrTooLarge) || string(b) != "x" {
			t.Errorf("noise that does not fit: %d bytes, %v", len(b), err)
		}
	}

	p.Payload = bytes.Repeat([]byte("v=0\r\n"), 20000)
	var d Decoder
	var got packet.Packet
	for _, o := range []*Options{nil, {}} {
		if err := d.Decode(mustAppend(t, &p, o), &got); err != nil || !bytes.Equal(got.Payload, p.Payload) || !d.Extra.Inflated {
			t.Errorf("100,000 bytes that compress: %d back, %v", len(got.Payload), err)
		}
	}

	p.Payload = []byte("BYE")
	p.CorrelationID = noise[:40000]
	p.Domain = strings.Repeat("d", 30000)
	if b, err := Append(nil, &p, nil); !errors.Is(err, ErrTooLarge) || len(b) != 0 {
		t.Errorf("texts that do not fit: %d bytes, %v", len(b), err)
	}
}

func TestCompressWhereShorter(t *testing.T) {
	o := &Options{Compress: true}
	var d Decoder
	var got packet.Packet
	for _, v := range []struct {
		payload  []byte
		inflated bool
	}{
		{bytes.Repeat([]byte("a=candidate\r\n"), 100), true},
		{[]byte("short"), false},
		{[]byte(strings.Repeat("a", minCompress-1)), false},
	} {
		p := sipPacket()
		p.Payload = v.payload
		if err := d.Decode(mustAppend(t, &p, o), &got); err != nil || !bytes.Equal(got.Payload, v.payload) || d.Extra.Inflated != v.inflated {
			t.Errorf("%.20q: inflated %v, %v", v.payload, d.Extra.Inflated, err)
		}
	}
}

func TestAppendAddress(t *testing.T) {
	p := sipPacket()
	p.Dst = netip.AddrPort{}
	if b, err := Append([]byte("x"), &p, nil); !errors.Is(err, ErrAddress) || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

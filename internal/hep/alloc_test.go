package hep

import (
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

// frames are one of each kind that the hot path sees.
func frames(t testing.TB) map[string][]byte {
	sip := sipPacket()
	six := sipPacket()
	six.Src, six.Dst = v6(1), v6(2)
	sip.Payload = sip.Payload[:min(len(sip.Payload), 800)]
	// What Kamailio sends: 12 chunks.
	plain := packet.Packet{Time: sip.Time, Src: sip.Src, Dst: sip.Dst, Transport: packet.UDP, Kind: packet.KindSIP, AgentID: 2001, Payload: sip.Payload}
	return map[string][]byte{
		"HEP3 12 chunks": mustAppend(t, &plain, &Options{AuthKey: "myHep"}),
		"HEP3 IPv4":      mustAppend(t, &sip, nil),
		"HEP3 own":       mustAppend(t, &sip, &Options{Boot: 1, Sequence: 2, AuthKey: "key"}),
		"HEP3 IPv6":      mustAppend(t, &six, nil),
		"HEP2":           append(unhex("02"+legacyIPv4+"8ff3e458 a7ff0100 0100 0000"), sip.Payload...),
		"HEP1":           append(unhex("01"+legacyIPv4), sip.Payload...),
		"zlib":           mustAppend(t, &sip, &Options{Compress: true}),
	}
}

func TestDecodeAllocations(t *testing.T) {
	for name, b := range frames(t) {
		var d Decoder
		var p packet.Packet
		if n := testing.AllocsPerRun(200, func() {
			if err := d.Decode(b, &p); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	// A refusal costs a counter.
	var d Decoder
	var p packet.Packet
	for _, v := range refused {
		if v.want == ErrCompression {
			continue // the standard library makes an error
		}
		if n := testing.AllocsPerRun(50, func() { _ = d.Decode(v.b, &p) }); n != 0 {
			t.Errorf("%s: %v allocations", v.name, n)
		}
	}
}

func TestDecodeAllocationsTwoAgents(t *testing.T) {
	p := sipPacket()
	one := mustAppend(t, &p, nil)
	p.Node, p.Domain = "edge-2", "other"
	two := mustAppend(t, &p, nil)
	var d Decoder
	if n := testing.AllocsPerRun(200, func() {
		_ = d.Decode(one, &p)
		_ = d.Decode(two, &p)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendAllocations(t *testing.T) {
	p := sipPacket()
	buf := make([]byte, 0, 4096)
	for name, o := range map[string]*Options{"nil": nil, "own": {Boot: 1, AuthKey: "key", Node: "n"}, "compressed": {Compress: true}} {
		if n := testing.AllocsPerRun(200, func() {
			if _, err := Append(buf, &p, o); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, frame := range frames(b) {
		b.Run(name, func(b *testing.B) {
			var d Decoder
			var p packet.Packet
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decode(frame, &p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	p := sipPacket()
	for name, o := range map[string]*Options{"IPv4": nil, "own": {Boot: 1, AuthKey: "key"}, "compressed": {Compress: true}} {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, 0, 4096)
			b.SetBytes(int64(len(p.Payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Append(buf, &p, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFloor copies a frame: what any reader of it costs at least.
func BenchmarkFloor(b *testing.B) {
	frame := frames(b)["HEP3 IPv4"]
	dst := make([]byte, len(frame))
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		copy(dst, frame)
	}
}

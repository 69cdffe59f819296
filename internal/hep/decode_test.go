package hep

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/packet"
)

// TestExtra has every generic chunk that Packet has no field for.
func TestExtra(t *testing.T) {
	b := frame(addresses(),
		generic(chunkFamily, "\x02"), generic(chunkProtocol, "\x06"), generic(chunkKeepAlive, "\x00\x1e"), generic(chunkAuthKey, "myHep"),
		generic(chunkSrcMAC, "\x00\x00\x01\x02\x03\x04\x05\x06"), generic(chunkDstMAC, "\x11\x12\x13\x14\x15\x16"),
		generic(chunkEtherType, "\x08\x00"), generic(chunkTCPFlags, "\x18"), generic(chunkTOS, "\xba"), generic(chunkMOS, "\x01\xb8"),
		generic(chunkRFactor, "\x00\x5d"), generic(chunkGeo, "52.5,13.4"), generic(chunkJitter, "\x00\x00\x00\x07"),
		generic(chunkTransactionType, "call"), generic(chunkJSONKeys, "a,b"), generic(chunkTagValues, "x"), generic(chunkTagType, "\x00\x02"),
		generic(chunkEventType, "\x00\x01"), generic(chunkGroupID, "g"),
		generic(0x19, "reserved"), generic(0x7fff, "unknown"))
	want := Extra{
		Version: 3, Family: 2, Protocol: 6, KeepAlive: 30, AuthKey: []byte("myHep"),
		SrcMAC: [6]byte{1, 2, 3, 4, 5, 6}, DstMAC: [6]byte{0x11, 0x12, 0x13, 0x14, 0x15, 0x16},
		EtherType: 0x800, TCPFlags: 0x18, TOS: 0xba, MOS: 440, RFactor: 93, Geo: []byte("52.5,13.4"), Jitter: 7,
		TransactionType: []byte("call"), JSONKeys: []byte("a,b"), TagValues: []byte("x"), TagType: 2, EventType: 1, GroupID: []byte("g"),
		Unknown: 2,
	}
	var d Decoder
	var p packet.Packet
	if err := d.Decode(b, &p); err != nil {
		t.Fatal(err)
	}
	got := d.Extra
	got.present = 0
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Extra{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if p.DSCP != 46 || p.Transport != packet.TCP {
		t.Errorf("DSCP %d, transport %v; want 46, tcp", p.DSCP, p.Transport)
	}
	told := []uint16{
		1, 2, 3, 4, 7, 8, 11, 0x0d, 0x0e, 0x14, 0x15, 0x16, 0x17, 0x18, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29,
	}
	for typ := range uint16(0x80) {
		want := false
		for _, w := range told {
			want = want || w == typ
		}
		if d.Extra.Has(typ) != want {
			t.Errorf("Has(%#x) = %v, want %v", typ, !want, want)
		}
	}

	// The next frame has none of it.
	if err := d.Decode(frame(addresses()), &p); err != nil {
		t.Fatal(err)
	}
	if d.Extra.Has(chunkMOS) || d.Extra.MOS != 0 || d.Extra.AuthKey != nil || d.Extra.Unknown != 0 {
		t.Errorf("left from the frame before: %+v", d.Extra)
	}
}

// TestExtraMalformed: what nothing depends on may be wrong without the frame
// being refused.
func TestExtraMalformed(t *testing.T) {
	b := frame(addresses(), generic(chunkMOS, "4.40"), generic(chunkTOS, ""), generic(chunkSrcMAC, "1234567"), generic(chunkPayload, "ACK"))
	var d Decoder
	var p packet.Packet
	if err := d.Decode(b, &p); err != nil || string(p.Payload) != "ACK" {
		t.Fatalf("%q, %v", p.Payload, err)
	}
	if d.Extra.Malformed != 3 || d.Extra.Has(chunkMOS) || d.Extra.Has(chunkTOS) || d.Extra.Has(chunkSrcMAC) {
		t.Errorf("%+v", d.Extra)
	}
}

// TestVendorApart: a vendor's chunk is never taken for the generic one of the
// same type.
func TestVendorApart(t *testing.T) {
	var evil [][]byte
	for typ := range uint16(64) {
		evil = append(evil, chunk(VendorGenesys, typ, "conversation"))
	}
	b := frame(append([][]byte{addresses(), generic(chunkPayload, "INVITE")}, evil[:20]...)...)
	var d Decoder
	var p packet.Packet
	if err := d.Decode(b, &p); err != nil {
		t.Fatal(err)
	}
	if string(p.Payload) != "INVITE" || p.Kind != packet.KindSIP || p.Src != netip.MustParseAddrPort("192.0.2.1:5060") {
		t.Errorf("%+v, payload %q", p, p.Payload)
	}
	got := d.Vendors()
	if len(got) != 16 || d.VendorDropped != 4 {
		t.Fatalf("%d vendor chunks kept, %d dropped; want 16, 4", len(got), d.VendorDropped)
	}
	for i, v := range got {
		if v.Vendor != VendorGenesys || v.Type != uint16(i) || string(v.Body) != "conversation" {
			t.Errorf("vendor chunk %d is %d, %d, %q", i, v.Vendor, v.Type, v.Body)
		}
	}
	if err := d.Decode(frame(addresses(), chunk(VendorEarshot, 999, "later"), chunk(VendorEarshot, ownDomain, "lab")), &p); err != nil {
		t.Fatal(err)
	}
	if got := d.Vendors(); p.Domain != "lab" || len(got) != 1 || got[0].Type != 999 {
		t.Errorf("domain %q, vendor chunks %v", p.Domain, got)
	}
}

func TestOwnChunks(t *testing.T) {
	p := sipPacket()
	o := Options{Boot: 0xfedcba9876543210, Sequence: 42, AuthKey: "secret", KeepAlive: 5, AgentID: 7, Node: "other"}
	b := mustAppend(t, &p, &o)
	var d Decoder
	var got packet.Packet
	if err := d.Decode(b, &got); err != nil {
		t.Fatal(err)
	}
	x := d.Extra
	if x.Boot != o.Boot || x.Sequence != 42 || string(x.AuthKey) != "secret" || x.KeepAlive != 5 {
		t.Errorf("%+v", x)
	}
	if got.AgentID != 7 || got.Node != "other" || got.Domain != "lab" || got.TTL != 63 || got.DSCP != 24 || got.WireLen != 842 {
		t.Errorf("%+v", got)
	}
	if x.TOS != 24<<2 {
		t.Errorf("TOS %#x", x.TOS)
	}
	// TLS is TCP to everybody else.
	p.Transport = packet.TLS
	if err := d.Decode(mustAppend(t, &p, nil), &got); err != nil || d.Extra.Protocol != 6 || got.Transport != packet.TLS {
		t.Errorf("TLS: protocol %d, transport %v, %v", d.Extra.Protocol, got.Transport, err)
	}
}

func TestMappedAddresses(t *testing.T) {
	mapped := "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"
	for name, b := range map[string][]byte{
		"in IPv4 chunks": frame(generic(chunkSrc4, mapped+"\x4f\x8e\x56\x76"), generic(chunkDst4, mapped+"\xd4\x30\xc5\x96"), generic(chunkKind, "\x01")),
		"in IPv6 chunks": frame(generic(chunkSrc6, mapped+"\x4f\x8e\x56\x76"), generic(chunkDst6, mapped+"\xd4\x30\xc5\x96"), generic(chunkKind, "\x01")),
	} {
		var d Decoder
		var p packet.Packet
		if err := d.Decode(b, &p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.Src != netip.MustParseAddrPort("79.142.86.118:0") || p.Dst != netip.MustParseAddrPort("212.48.197.150:0") {
			t.Errorf("%s: %v to %v", name, p.Src, p.Dst)
		}
	}
}

func TestBothFamilies(t *testing.T) {
	both := frame(addresses(), generic(chunkSrc6, strings.Repeat("a", 16)), generic(chunkDst6, strings.Repeat("b", 16)), generic(chunkFamily, "\x0a"))
	var d Decoder
	var p packet.Packet
	if err := d.Decode(both, &p); err != nil || !p.Src.Addr().Is6() || !p.Dst.Addr().Is6() || p.Src.Port() != 5060 {
		t.Errorf("family 10: %v to %v, %v", p.Src, p.Dst, err)
	}
	both[len(both)-1] = 2
	if err := d.Decode(both, &p); err != nil || !p.Src.Addr().Is4() || !p.Dst.Addr().Is4() {
		t.Errorf("family 2: %v to %v, %v", p.Src, p.Dst, err)
	}
}

func TestTime(t *testing.T) {
	u32 := func(n uint32) string { return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) }
	for _, v := range []struct {
		sec, usec uint32
		want      time.Time
	}{
		{1795354939, 194140, time.Unix(1795354939, 194140000)},
		{1795354939, 999_999, time.Unix(1795354939, 999999000)},
		{1795354939, 1_000_000, time.Unix(1795354940, 0)},
		{1795354939, 2_000_000, time.Unix(1795354939, 999999000)},
		{1795354939, 4294967295, time.Unix(1795354939, 999999000)},
		{4294967295, 0, time.Unix(4294967295, 0)},
		{0, 500, time.Time{}},
	} {
		var d Decoder
		var p packet.Packet
		if err := d.Decode(frame(addresses(), generic(chunkSeconds, u32(v.sec)), generic(chunkMicros, u32(v.usec))), &p); err != nil {
			t.Fatal(err)
		}
		if !p.Time.Equal(v.want) || p.Time.Location() != time.UTC {
			t.Errorf("%d s %d us: %v, want %v", v.sec, v.usec, p.Time, v.want.UTC())
		}
	}
}

func TestText(t *testing.T) {
	var d Decoder
	var p packet.Packet
	b := frame(addresses(), generic(chunkNode, "sbc-1\x00"), generic(chunkCorrelation, "id@host\x00\x00"))
	if err := d.Decode(b, &p); err != nil || p.Node != "sbc-1" || string(p.CorrelationID) != "id@host" {
		t.Errorf("node %q, correlation id %q, %v", p.Node, p.CorrelationID, err)
	}
	if err := d.Decode(frame(addresses(), generic(chunkCorrelation, "\x00")), &p); err != nil || p.CorrelationID != nil || p.Node != "" {
		t.Errorf("node %q, correlation id %q, %v", p.Node, p.CorrelationID, err)
	}
}

// TestNamesBounded has an emitter that invents a name for each frame.
func TestNamesBounded(t *testing.T) {
	var d Decoder
	var p packet.Packet
	for i := range 10 * maxNames {
		want := fmt.Sprintf("node-%d", i)
		if err := d.Decode(frame(addresses(), generic(chunkNode, want)), &p); err != nil || p.Node != want {
			t.Fatalf("%q, %v", p.Node, err)
		}
		if n := len(d.nodes.names); n > maxNames {
			t.Fatalf("%d names kept", n)
		}
	}
	long := strings.Repeat("n", maxNameLen+1)
	if err := d.Decode(frame(addresses(), generic(chunkNode, long)), &p); err != nil || p.Node != long {
		t.Errorf("long name: %q, %v", p.Node, err)
	}
	if _, kept := d.nodes.names[long]; kept {
		t.Error("a long name is kept")
	}
}

// TestNothingAliasesLonger: appending to what is borrowed cannot write into
// the next chunk.
func TestNothingAliasesLonger(t *testing.T) {
	b := frame(addresses(), generic(chunkCorrelation, "id"), generic(chunkPayload, "BYE"), generic(chunkAuthKey, "key"))
	var d Decoder
	var p packet.Packet
	if err := d.Decode(b, &p); err != nil {
		t.Fatal(err)
	}
	if cap(p.Payload) != 3 || cap(p.CorrelationID) != 2 {
		t.Errorf("capacities %d, %d", cap(p.Payload), cap(p.CorrelationID))
	}
}

func TestClamp(t *testing.T) {
	now := time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC)
	const skew = time.Hour
	for _, v := range []struct {
		name    string
		t, want time.Time
		clamped bool
	}{
		{"now", now, now, false},
		{"an hour late", now.Add(-skew), now.Add(-skew), false},
		{"an hour early", now.Add(skew), now.Add(skew), false},
		{"later still", now.Add(-skew - 1), now, true},
		{"earlier still", now.Add(skew + 1), now, true},
		{"none", time.Time{}, now, true},
		{"1970", time.Unix(0, 0), now, true},
		{"2106", time.Unix(1<<32-1, 0), now, true},
		{"NTP seconds", time.Unix(now.Unix()+2208988800-3, 0), now.Add(-3 * time.Second), true},
	} {
		if got, clamped := Clamp(v.t, now, skew); !got.Equal(v.want) || clamped != v.clamped {
			t.Errorf("%s: %v, %v; want %v, %v", v.name, got, clamped, v.want, v.clamped)
		}
	}
}

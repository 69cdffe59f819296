package hep

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

const legacyIPv4 = "10 02 11 13c4 13ce 0a580102 0a580005"

func TestHEP2(t *testing.T) {
	// Of a dump in sipcapture/homer issue 220: a struct of 12 bytes.
	dump := unhex("8ff3e458 a7ff0100 0100 0000")
	dumpTime := time.Unix(0x58e4f38f, 0x0001ffa7*1000)
	// Of Kamailio 5.6: read big-endian it is of 2001.
	kamailio := unhex("3bf1026b cde10300 d107 0000")
	be := unhex("6b02f13b 0003e1cd 07d1")
	for _, v := range []struct {
		name   string
		header []byte
		sip    string
		time   time.Time
		agent  uint32
	}{
		{"little-endian, padded", dump, "INVITE sip:a SIP/2.0\r\n", dumpTime, 1},
		{"little-endian, packed", dump[:10], "INVITE sip:a SIP/2.0\r\n", dumpTime, 1},
		{"Kamailio", kamailio, "SIP/2.0 200 OK\r\n", time.Unix(1795354939, 254413000), 2001},
		{"big-endian, packed", be, "BYE sip:a SIP/2.0\r\n", time.Unix(1795354939, 254413000), 2001},
		{"big-endian, padded", append(slices.Clone(be), 0, 0), "BYE sip:a SIP/2.0\r\n", time.Unix(1795354939, 254413000), 2001},
		{"padding not cleared", unhex("8ff3e458 a7ff0100 0100 8a7f"), "SUBSCRIBE sip:a SIP/2.0\r\n", dumpTime, 1},
		{"padding of letters", unhex("8ff3e458 a7ff0100 0100 4142"), "INVITE sip:a SIP/2.0\r\n", dumpTime, 1},
		{"unknown method, packed", dump[:10], "FOO sip:a SIP/2.0\r\n", dumpTime, 1},
		{"unknown method, padded", dump, "FOO sip:a SIP/2.0\r\n", dumpTime, 1},
		{"keep-alive, packed", dump[:10], "\r\n\r\n", dumpTime, 1},
		{"keep-alive, padded", dump, "\r\n\r\n", dumpTime, 1},
		{"nothing, packed", dump[:10], "", dumpTime, 1},
		{"nothing, padded", dump, "", dumpTime, 1},
		{"no plausible time", unhex("ffffffff ffffffff 0100 0000"), "ACK sip:a SIP/2.0\r\n", time.Time{}, 1},
	} {
		b := append(append(unhex("02"+legacyIPv4), v.header...), v.sip...)
		var d Decoder
		var p packet.Packet
		if err := d.Decode(b, &p); err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		if !p.Time.Equal(v.time) || p.AgentID != v.agent || string(p.Payload) != v.sip {
			t.Errorf("%s: %v, agent %d, payload %q; want %v, %d, %q", v.name, p.Time, p.AgentID, p.Payload, v.time.UTC(), v.agent, v.sip)
		}
		if p.Kind != packet.KindSIP || p.Transport != packet.UDP || d.Extra.Version != 2 ||
			p.Src != netip.MustParseAddrPort("10.88.1.2:5060") || p.Dst != netip.MustParseAddrPort("10.88.0.5:5070") {
			t.Errorf("%s: %+v", v.name, p)
		}
	}
}

// TestHEP2ByteOrder tries the times of an agent's life in both orders: the
// date that was meant comes out, but for the few that mean one in either.
func TestHEP2ByteOrder(t *testing.T) {
	wrong := 0
	const total = 20000
	for i := range total {
		sec := uint32(1199145600 + i*76543)
		usec := uint32(i*7919) % 1e6
		var le, be [10]byte
		binary.LittleEndian.PutUint32(le[:], sec)
		binary.LittleEndian.PutUint32(le[4:], usec)
		binary.BigEndian.PutUint32(be[:], sec)
		binary.BigEndian.PutUint32(be[4:], usec)
		want := time.Unix(int64(sec), int64(usec)*1000)
		if got, _ := timeHeader(le[:]); !got.Equal(want) {
			t.Fatalf("little-endian %d.%06d: %v", sec, usec, got)
		}
		if got, _ := timeHeader(be[:]); !got.Equal(want) {
			wrong++
		}
	}
	if wrong > total/500 {
		t.Errorf("%d of %d big-endian times are taken for little-endian", wrong, total)
	}
}

func TestHEP1(t *testing.T) {
	const sip = "OPTIONS sip:a SIP/2.0\r\n"
	var d Decoder
	var p packet.Packet
	if err := d.Decode(append(unhex("01"+legacyIPv4), sip...), &p); err != nil {
		t.Fatal(err)
	}
	if !p.Time.IsZero() || p.AgentID != 0 || string(p.Payload) != sip || p.Dst != netip.MustParseAddrPort("10.88.0.5:5070") || d.Extra.Version != 1 {
		t.Errorf("%+v, payload %q", p, p.Payload)
	}
}

func TestLegacyIPv6(t *testing.T) {
	const sip = "OPTIONS sip:a SIP/2.0\r\n"
	// AF_INET6 of Linux, Windows, FreeBSD and macOS.
	for _, family := range []string{"0a", "17", "1c", "1e"} {
		b := unhex("02 28" + family + "06 13c4 13ce 20010db8000000000000000000000001 20010db8000000000000000000000002 8ff3e458 a7ff0100 0100 0000")
		var d Decoder
		var p packet.Packet
		if err := d.Decode(append(b, sip...), &p); err != nil {
			t.Fatalf("family %s: %v", family, err)
		}
		if p.Src != netip.MustParseAddrPort("[2001:db8::1]:5060") || p.Dst != netip.MustParseAddrPort("[2001:db8::2]:5070") ||
			p.Transport != packet.TCP || p.AgentID != 1 || string(p.Payload) != sip {
			t.Errorf("family %s: %+v, payload %q", family, p, p.Payload)
		}
	}
}

// TestKamailioFakeProtocol: Kamailio has one number for TLS, WS and WSS, and
// only TCP is certain.
func TestKamailioFakeProtocol(t *testing.T) {
	b := append(unhex("01 10 02 16 13c4 13ce 0a580102 0a580005"), "OPTIONS"...)
	var d Decoder
	var p packet.Packet
	if err := d.Decode(b, &p); err != nil || p.Transport != packet.TCP || d.Extra.Protocol != 22 {
		t.Errorf("transport %v, protocol %d, %v", p.Transport, d.Extra.Protocol, err)
	}
}

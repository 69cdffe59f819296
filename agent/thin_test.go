package agent

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/agent/thin"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// thinned plays twenty calls with media and RTCP between their own addresses, and
// gives the kinds of packets that left, by Call-ID.
func thinned(options thin.Options) (x *tap, left map[string]map[packet.Kind]int) {
	x = newTap(func(o *Options) { o.Thin = options })
	for i := range 20 {
		call := "call-" + string(rune('a'+i))
		a := netip.AddrPortFrom(alice.Addr(), uint16(10_000+4*i))
		b := netip.AddrPortFrom(bob.Addr(), uint16(20_000+4*i))
		x.invite(0, call, a)
		x.invite(0, call, b)
		x.talk(time.Second, a, b, uint32(i), 0, 600)
		x.udp(14*time.Second, netip.AddrPortFrom(a.Addr(), a.Port()+1), netip.AddrPortFrom(b.Addr(), b.Port()+1), []byte{0x80, 200, 0, 6, 0, 0, 0, byte(i), 28: 0}[:28])
	}
	x.Close()
	left = map[string]map[packet.Kind]int{}
	for i := range x.out {
		p := &x.out[i]
		call := string(p.CorrelationID)
		if p.Kind == packet.KindSIP {
			_, call, _ = strings.Cut(string(p.Payload), "Call-ID: ")
			call, _, _ = strings.Cut(call, "\r\n")
		}
		if left[call] == nil {
			left[call] = map[packet.Kind]int{}
		}
		left[call][p.Kind]++
	}
	return x, left
}

// TestSampledCalls: a call leaves with its media and RTCP, or nothing of it does.
func TestSampledCalls(t *testing.T) {
	_, all := thinned(thin.Options{})
	x, left := thinned(thin.Options{Sample: 50})
	if len(all) != 20 || len(left) < 5 || len(left) > 15 {
		t.Fatalf("%d calls, %d of them sampled", len(all), len(left))
	}
	var out uint64
	for call, kinds := range all {
		if kinds[packet.KindSIP] != 2 || kinds[packet.KindRTCP] != 1 || kinds[packet.KindReport] < 3 {
			t.Fatalf("%s: %v", call, kinds)
		}
		for kind, n := range kinds {
			if got := left[call][kind]; left[call] != nil && got != n || left[call] == nil && got != 0 {
				t.Errorf("%s: %v, of %v", call, left[call], kinds)
			}
			if left[call] == nil {
				out += uint64(n)
			}
		}
	}
	if c := x.Counters; c.Thin.By[thin.Sample] != out || c.Undecoded()["thin_sample"] != out || c.SIP != 40 {
		t.Errorf("%d left out; counters %+v", out, c)
	}
}

// TestCallOfAUser: who is in the Request-URI alone takes the media along.
func TestCallOfAUser(t *testing.T) {
	x, left := thinned(thin.Options{Users: []*regexp.Regexp{regexp.MustCompile("^b$")}})
	if len(left) != 0 || x.Counters.Thin.By[thin.User] == 0 {
		t.Errorf("%v left; %+v", left, x.Counters.Thin)
	}
}

func TestMediaOfAnAddress(t *testing.T) {
	x, left := thinned(thin.Options{Addresses: []netip.Prefix{netip.PrefixFrom(bob.Addr(), 32)}})
	for call, kinds := range left {
		if len(kinds) != 1 || kinds[packet.KindSIP] != 1 {
			t.Errorf("%s: %v", call, kinds)
		}
	}
	if len(left) != 20 || x.Counters.Thin.By[thin.Address] < 20*5 {
		t.Errorf("%d calls left; %+v", len(left), x.Counters.Thin)
	}
}

// TestRateIsADrop: what configuration did not name is a row of drops; what it
// did name is none.
func TestRateIsADrop(t *testing.T) {
	x, _ := thinned(thin.Options{Rate: 5, Methods: []string{"OPTIONS"}})
	x.udp(20*time.Second, alice, bob, []byte("OPTIONS sip:b SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n"))
	x.Close()
	var drops []packet.Drop
	messages := 0
	for i := range x.out {
		switch p := &x.out[i]; p.Kind {
		case packet.KindDrop:
			d, err := packet.ParseDrop(p.Payload)
			if err != nil {
				t.Fatal(err)
			}
			drops = append(drops, d)
		case packet.KindSIP:
			messages++
		default:
		}
	}
	var n uint64
	for _, d := range drops {
		n += d.Count
		if d.Stage != "agent" || d.Reason != "thin_rate" {
			t.Errorf("drop %+v", d)
		}
	}
	if c := x.Counters.Thin.By; n == 0 || n != c[thin.Rate] || messages+int(n) != 40 || c[thin.Method] != 1 {
		t.Errorf("%d messages left, %d are drops; counters %v", messages, n, c)
	}
}

// TestMaskedAgent: what leaves is masked, SDP was read as it was, and the
// captured packet stays as it is.
func TestMaskedAgent(t *testing.T) {
	x := newTap(func(o *Options) { o.Thin = thin.Options{Mask: thin.MaskStar, Keep: 1} })
	b := bytes.Replace(sipWith("one", alice), []byte("sip:b@"), []byte("sip:+123@"), 1)
	was := bytes.Clone(b)
	x.udp(0, alice, bob, b)
	x.invite(0, "one", bob)
	x.talk(time.Second, alice, bob, 7, 0, 100)
	x.Close()
	want := bytes.Replace(was, []byte("sip:+123@"), []byte("sip:+**3@"), 1)
	if !bytes.Equal(b, was) || !bytes.Equal(x.out[0].Payload, want) {
		t.Errorf("sent %s", x.out[0].Payload)
	}
	if packets, calls := x.sum(); packets != 100 || len(calls) != 1 || calls[0] != "one" {
		t.Errorf("%d packets of %v", packets, calls)
	}
}

// TestThinCostsNothing: SIP and RTCP leave without an allocation where nothing
// is configured.
func TestThinCostsNothing(t *testing.T) {
	x := New(Defaults(), func(*packet.Packet) {})
	message := []byte("SIP/2.0 200 OK\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\n\r\n")
	report := []byte{0x80, 200, 0, 6, 27: 0}
	p := packet.Packet{Time: began, Src: alice, Dst: bob, Transport: packet.UDP}
	if n := testing.AllocsPerRun(100, func() {
		p.Kind, p.Payload = packet.KindUnknown, message
		x.Observe(&p)
		p.Kind, p.Payload = packet.KindUnknown, report
		x.Observe(&p)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if x.thin != nil || x.Counters.SIP == 0 || x.Counters.RTCP == 0 {
		t.Errorf("counters %+v", x.Counters)
	}
}

// TestThinnedHEP: what is unwrapped is thinned as what is on the wire.
func TestThinnedHEP(t *testing.T) {
	x := newTap(func(o *Options) {
		o.Thin = thin.Options{Mask: thin.MaskStar, Methods: []string{"INVITE"}, Users: []*regexp.Regexp{regexp.MustCompile("^b$")}}
	})
	for _, inner := range []packet.Packet{
		{Kind: packet.KindLog, Payload: []byte("+4930123456 calls")},
		{Kind: packet.KindRTCP, Payload: []byte(`{"sdes_information":[{"type":1,"text":"30123@a"}]}`)},
		{Kind: packet.KindSIP, Payload: sipWith("one", alice)},
		{Kind: packet.KindSIP, Payload: []byte("OPTIONS sip:b@a SIP/2.0\r\nCall-ID: two\r\nCSeq: 1 OPTIONS\r\n\r\n")},
		{Kind: packet.KindRTPStat, CorrelationID: []byte("two"), Payload: []byte("{}")},
	} {
		inner.Time, inner.Src, inner.Dst, inner.Transport = began, alice, bob, packet.UDP
		b, err := hep.Append(nil, &inner, &hep.Options{})
		if err != nil {
			t.Fatal(err)
		}
		x.udp(0, alice, netip.MustParseAddrPort("192.0.2.50:9060"), b)
	}
	if len(x.out) != 1 || string(x.out[0].Payload) != `{"sdes_information":[{"type":1,"text":"*****@a"}]}` {
		t.Errorf("%d left: %+v", len(x.out), x.out)
	}
	if c := x.Counters.Thin.By; c[thin.Unmaskable] != 1 || c[thin.Method] != 1 || c[thin.User] != 2 || c[thin.Kept] != 1 {
		t.Errorf("counters %v", c)
	}
}

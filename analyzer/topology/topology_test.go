package topology

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

var t0 = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// stage feeds a Table.
type stage struct {
	*Table
	at   time.Time
	told []*Host // a copy of each at that time
	m    sip.Message
}

func newStage(opt Options) *stage {
	s := &stage{at: t0}
	s.Table = New(opt, func(h *Host) { c := *h; s.told = append(s.told, &c) })
	return s
}

// send is a message from one host to another. Method is of a request, or behind
// the status of a response: "200 INVITE". More are header lines.
func (s *stage) send(src, dst, what string, vias int, more ...string) {
	var b strings.Builder
	method, tag := what, ""
	if status, of, ok := strings.Cut(what, " "); ok {
		method, tag = of, ";tag=b"
		fmt.Fprintf(&b, "SIP/2.0 %s Whatever\r\n", status)
	} else {
		fmt.Fprintf(&b, "%s sip:bob@example.com SIP/2.0\r\n", method)
	}
	for i := range vias {
		fmt.Fprintf(&b, "Via: SIP/2.0/UDP 192.0.2.%d;branch=z9hG4bK%d\r\n", 200+i, i)
	}
	head := "From: <sip:alice@example.com>;tag=a\r\nTo: <sip:alice@example.com>" + tag + "\r\n"
	for _, h := range more {
		if strings.HasPrefix(h, "From:") {
			head = h + ";tag=a\r\nTo" + strings.TrimPrefix(h, "From") + tag + "\r\n"
		}
	}
	b.WriteString(head + "Call-ID: c@example.com\r\nCSeq: 1 " + method + "\r\n")
	for _, h := range more {
		if !strings.HasPrefix(h, "From:") {
			b.WriteString(h + "\r\n")
		}
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	if !s.m.Parse([]byte(b.String())) {
		panic(b.String())
	}
	s.Message(&packet.Packet{Domain: "default", Src: port(src), Dst: port(dst)}, &s.m, s.at)
	s.at = s.at.Add(10 * time.Millisecond)
}

func (s *stage) seen(host string) *Host { return s.hosts[keyOf("default", netip.MustParseAddr(host))] }

func port(host string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(host), 5060) }

func (s *stage) stream(src, dst string, ssrc uint32) {
	s.Stream(&Stream{Domain: "default", Src: port(src), Dst: port(dst), SSRC: ssrc, First: s.at}, s.at)
}

func (s *stage) is(t *testing.T, host string, class Class) {
	t.Helper()
	h := s.seen(host)
	if h == nil {
		t.Errorf("%s is not known", host)
		return
	}
	if got := h.Class(); got != class {
		t.Errorf("%s is %s (%.2f of %v), want %s: %s", host, got, h.Confidence(), h.roles(), class, strings.Join(h.Evidence(), "; "))
	}
	if sure := h.Confidence(); sure < 0 || sure > 1 || (class == Unknown) != (sure == 0) {
		t.Errorf("%s is %s with a confidence of %v", host, class, sure)
	}
}

const (
	alice = "198.51.100.20"
	bob   = "203.0.113.40"
	box   = "192.0.2.10"
)

func TestProxy(t *testing.T) {
	s := newStage(Defaults())
	s.send(alice, box, "INVITE", 1, "User-Agent: phone")
	s.send(box, bob, "INVITE", 2, "User-Agent: phone", "Record-Route: <sip:"+box+";lr>")
	s.send(box, alice, "100 INVITE", 1, "Server: proxy")
	s.send(bob, box, "200 INVITE", 2, "Server: other", "Record-Route: <sip:"+box+";lr>")
	s.send(box, alice, "200 INVITE", 1, "Server: other", "Record-Route: <sip:"+box+";lr>")
	s.is(t, box, Proxy)
	s.is(t, alice, Phone)
	s.is(t, bob, Phone)
	for host, agent := range map[string]string{alice: "phone", box: "proxy", bob: "other"} {
		if got := s.seen(host).Agent; got != agent {
			t.Errorf("%s calls itself %q, want %q", host, got, agent)
		}
	}
}

// TestProxySeenFromOneSide: no request of it was seen, but it names itself.
func TestProxySeenFromOneSide(t *testing.T) {
	s := newStage(Defaults())
	s.send(alice, box, "INVITE", 1)
	s.send(box, alice, "200 INVITE", 1, "Record-Route: <sip:"+box+":5060;lr>")
	s.is(t, box, Proxy)
	s = newStage(Defaults())
	s.send(alice, box, "INVITE", 1)
	s.send(box, alice, "200 INVITE", 1, "Record-Route: <sip:"+bob+";lr>") // anybody can write that
	s.is(t, box, Phone)
	if s.Len() != 2 {
		t.Errorf("%d hosts, want 2: who is named only was not seen", s.Len())
	}
}

func TestB2BUA(t *testing.T) {
	s := newStage(Defaults())
	s.send(alice, box, "INVITE", 1)
	s.send(box, bob, "INVITE", 1)
	s.send(bob, box, "200 INVITE", 1)
	s.send(box, alice, "200 INVITE", 1)
	s.is(t, box, Phone)
	s.Bridged("default", netip.MustParseAddr(box))
	s.is(t, box, B2BUA)
}

// TestPBX: no leg is tied to another, but it registers phones and makes calls.
func TestPBX(t *testing.T) {
	s := newStage(Defaults())
	for range 3 {
		s.send(alice, box, "REGISTER", 1)
		s.send(box, alice, "401 REGISTER", 1)
		s.send(alice, box, "REGISTER", 1)
		s.send(box, alice, "200 REGISTER", 1)
	}
	s.is(t, box, Registrar)
	s.is(t, alice, Phone)
	for range 3 {
		s.send(alice, box, "INVITE", 1)
		s.send(box, bob, "INVITE", 1)
		s.send(bob, box, "200 INVITE", 1)
		s.send(box, alice, "200 INVITE", 1)
	}
	s.is(t, box, B2BUA)
	if got := fmt.Sprint(s.seen(box).Roles()); got != "[b2bua registrar]" {
		t.Errorf("roles %s", got)
	}
}

// TestRegistrarBehindProxy: who hands REGISTER on is no registrar.
func TestRegistrarBehindProxy(t *testing.T) {
	s := newStage(Defaults())
	const registrar = "192.0.2.50"
	for range 4 {
		s.send(alice, box, "REGISTER", 1)
		s.send(box, registrar, "REGISTER", 2)
		s.send(registrar, box, "200 REGISTER", 2)
		s.send(box, alice, "200 REGISTER", 1)
	}
	s.is(t, box, Proxy)
	s.is(t, registrar, Registrar)
	if roles := s.seen(box).Roles(); len(roles) != 1 {
		t.Errorf("roles of the proxy are %v", roles)
	}
}

func TestRelay(t *testing.T) {
	s := newStage(Defaults())
	s.stream(alice, box, 1)
	s.stream(box, bob, 1)
	s.stream(box, alice, 2) // the one that comes in is told of later
	s.stream(bob, box, 2)
	s.is(t, box, Relay)
	s.is(t, alice, Unknown)
	s.stream(box, bob, 1) // at another capture point
	if c := s.seen(box).Counts; c.StreamsSent != 2 || c.StreamsRelayed != 2 || c.StreamsReceived != 2 {
		t.Errorf("%d sent, %d relayed, %d received; want 2 of each", c.StreamsSent, c.StreamsRelayed, c.StreamsReceived)
	}
}

// TestEchoIsNoRelay: a load generator sends back what it gets, SSRC and all.
func TestEchoIsNoRelay(t *testing.T) {
	s := newStage(Defaults())
	for range 5 {
		s.stream(alice, bob, 7)
		s.stream(bob, alice, 7)
		s.at = s.at.Add(time.Minute)
	}
	s.is(t, bob, Unknown)
	if n := s.seen(bob).Counts.StreamsRelayed; n != 0 {
		t.Errorf("%d relayed", n)
	}
}

// TestMixer changes the SSRC, and does nothing but media with many.
func TestMixer(t *testing.T) {
	s := newStage(Defaults())
	for i := range uint32(6) {
		peer := fmt.Sprintf("198.51.100.%d", i+1)
		s.stream(peer, box, 2*i)
		s.stream(box, peer, 2*i+1)
		s.is(t, peer, Unknown) // may be the other address of a phone
	}
	s.is(t, box, Relay)
}

func TestGateway(t *testing.T) {
	s := newStage(Defaults())
	for i := range 20 {
		s.send(bob, box, "INVITE", 1, fmt.Sprintf("From: <sip:+4930%07d@example.net>", i))
		s.send(box, bob, "200 INVITE", 1)
	}
	s.is(t, bob, Gateway)
}

// TestSite: many phones behind one address register there.
func TestSite(t *testing.T) {
	s := newStage(Defaults())
	for i := range 20 {
		from := fmt.Sprintf("From: <sip:2%02d@example.com>", i)
		s.send(alice, box, "REGISTER", 1, from)
		s.send(box, alice, "200 REGISTER", 1, from)
		s.send(alice, box, "INVITE", 1, from)
		s.send(box, alice, "200 INVITE", 1, from)
	}
	s.is(t, alice, Phone)
	s.is(t, box, Registrar)
}

// TestScanner: who is never answered is nothing, whatever it sends.
func TestScanner(t *testing.T) {
	s := newStage(Defaults())
	for i := range 100 {
		from := fmt.Sprintf("From: <sip:%d@example.com>", i)
		s.send(alice, box, "REGISTER", 1, from)
		s.send(box, alice, "404 REGISTER", 1, from)
		s.send(alice, bob, "INVITE", 1, from)
		s.send(bob, alice, "403 INVITE", 1, from)
		s.send(alice, bob, "OPTIONS", 1, from)
	}
	s.is(t, alice, Unknown)
	s.is(t, box, Unknown)
}

// TestSnare: a host that only ever asks for a password is less surely a
// registrar than one that takes it.
func TestSnare(t *testing.T) {
	s := newStage(Defaults())
	for range 9 {
		s.send(alice, box, "REGISTER", 1)
		s.send(box, alice, "401 REGISTER", 1)
	}
	s.is(t, box, Registrar)
	before := s.seen(box).Confidence()
	s.send(box, alice, "200 REGISTER", 1)
	if after := s.seen(box).Confidence(); before > 0.5 || after < 0.9 {
		t.Errorf("confidence %v before it took a password, %v behind", before, after)
	}
}

// TestHopByHop: a proxy's CANCEL and its ACK to a refusal have one Via.
func TestHopByHop(t *testing.T) {
	s := newStage(Defaults())
	s.send(box, bob, "INVITE", 2)
	for range 10 {
		s.send(box, bob, "CANCEL", 1, "User-Agent: phone")
		s.send(box, bob, "ACK", 1, "User-Agent: phone")
	}
	s.is(t, box, Proxy)
	if agent := s.seen(box).Agent; agent != "" {
		t.Errorf("the proxy calls itself %q", agent)
	}
}

func TestConfigured(t *testing.T) {
	opt := Defaults()
	opt.Hosts = []Configured{
		{Network: netip.MustParsePrefix("192.0.2.0/24"), Name: "core"},
		{Network: netip.MustParsePrefix("192.0.2.10/32"), Name: "sbc-1", Class: B2BUA},
	}
	opt.Trunks = []Trunk{{"wide", netip.MustParsePrefix("203.0.113.0/24")}, {"carrier", netip.MustParsePrefix("203.0.113.40/31")}}
	s := newStage(opt)
	s.send(box, bob, "INVITE", 2)
	s.send("192.0.2.11", bob, "INVITE", 2)
	s.is(t, box, B2BUA)
	s.is(t, bob, Gateway)
	s.is(t, "192.0.2.11", Proxy)
	for host, want := range map[string]string{box: "sbc-1", "192.0.2.11": "core", bob: ""} {
		if got := s.seen(host).Name(); got != want {
			t.Errorf("%s is named %q, want %q", host, got, want)
		}
	}
	for host, want := range map[string]string{bob: "carrier", "203.0.113.42": "wide", alice: "", "2001:db8::1": ""} {
		if got := s.TrunkOf(netip.MustParseAddr(host)); got != want {
			t.Errorf("%s is of trunk %q, want %q", host, got, want)
		}
	}
}

// TestTold: a new class within a minute, all that did something each hour, the
// rest at the end; and nothing twice.
func TestTold(t *testing.T) {
	s := newStage(Defaults())
	s.Advance(t0)
	s.send(alice, box, "INVITE", 1)
	s.send(box, bob, "INVITE", 2)
	told := func(at time.Duration, want string) {
		t.Helper()
		s.told = nil
		s.Advance(t0.Add(at))
		got := ""
		for _, h := range s.told {
			got += fmt.Sprintf("%s %s;", h.Addr, h.Class())
		}
		if got != want {
			t.Errorf("after %s: told of %q, want %q", at, got, want)
		}
	}
	told(30*time.Second, "")
	told(61*time.Second, "192.0.2.10 proxy;")
	s.send(box, bob, "INVITE", 2)
	told(3*time.Minute, "")
	told(61*time.Minute, "192.0.2.10 proxy;198.51.100.20 unknown;203.0.113.40 unknown;")
	told(122*time.Minute, "")
	s.send(bob, box, "200 INVITE", 2)
	s.told = nil
	s.Close()
	if len(s.told) != 2 {
		t.Errorf("told of %d at the end, want 2", len(s.told))
	}
	s.Close()
	if len(s.told) != 2 {
		t.Errorf("told of %d twice", len(s.told)-2)
	}
}

// TestMostOfWhatItDoes counts, not what happened once.
func TestMostOfWhatItDoes(t *testing.T) {
	box := netip.MustParseAddr(box)
	many := func(s *stage, n, vias int) {
		for range n {
			s.send(box.String(), bob, "INVITE", vias)
			s.send(bob, box.String(), "200 INVITE", vias)
		}
	}
	s := newStage(Defaults()) // a phone of which a link and a Via are wrong
	many(s, 20, 1)
	s.Bridged("default", box)
	many(s, 1, 2)
	s.is(t, box.String(), Phone)

	s = newStage(Defaults()) // a proxy with a link that is wrong
	many(s, 10, 2)
	many(s, 1, 1)
	s.Bridged("default", box)
	s.is(t, box.String(), Proxy)

	s = newStage(Defaults()) // an SBC that hands on some calls as a proxy does
	many(s, 10, 1)
	many(s, 8, 2)
	for range 10 {
		s.Bridged("default", box)
	}
	s.is(t, box.String(), B2BUA)
	if got := fmt.Sprint(s.seen(box.String()).Roles()); got != "[b2bua proxy]" {
		t.Errorf("roles %s", got)
	}

	s = newStage(Defaults()) // a proxy and registrar that makes some calls of its own
	for range 5 {
		s.send(alice, box.String(), "REGISTER", 1)
		s.send(box.String(), alice, "200 REGISTER", 1)
		s.send(alice, box.String(), "INVITE", 1)
		many(s, 1, 2)
		s.send(box.String(), alice, "200 INVITE", 1)
	}
	many(s, 3, 1)
	if got := fmt.Sprint(s.seen(box.String()).Roles()); got != "[proxy registrar]" {
		t.Errorf("roles %s", got)
	}
}

// TestRefusedRegistrations make no site of phones.
func TestRefusedRegistrations(t *testing.T) {
	s := newStage(Defaults())
	for i := range 20 {
		from := fmt.Sprintf("From: <sip:2%02d@example.com>", i)
		s.send(bob, box, "REGISTER", 1, from)
		s.send(box, bob, "403 REGISTER", 1, from)
		s.send(bob, box, "INVITE", 1, from)
		s.send(box, bob, "200 INVITE", 1)
	}
	s.is(t, bob, Gateway)
}

// TestOneAddress: what programs of one host tell each other shows nothing.
func TestOneAddress(t *testing.T) {
	s := newStage(Defaults())
	s.send(box, box, "INVITE", 2)
	s.stream(box, box, 1)
	if s.Len() != 0 {
		t.Errorf("%d hosts", s.Len())
	}
}

// TestSSRCAgain: the same SSRC much later is another stream.
func TestSSRCAgain(t *testing.T) {
	s := newStage(Defaults())
	for range 5 {
		s.stream(alice, box, 1)
		s.at = s.at.Add(time.Minute)
		s.stream(box, bob, 1)
		s.at = s.at.Add(time.Minute)
	}
	s.is(t, box, Unknown)
}

// TestEvicted: of a host that makes room a row is written where it is something;
// a flood of made-up addresses writes none.
func TestEvicted(t *testing.T) {
	opt := Defaults()
	opt.MaxHosts = 10
	s := newStage(opt)
	s.send(alice, box, "INVITE", 1)
	s.send(box, bob, "INVITE", 2)
	s.at = s.at.Add(time.Minute)
	for i := range 100 {
		s.send(fmt.Sprintf("10.0.0.%d", i+1), bob, "OPTIONS", 1)
		s.at = s.at.Add(time.Second)
	}
	if s.Len() != 10 || s.Counters.Evicted != 93 {
		t.Errorf("%d hosts, %d evicted; want 10 and 93", s.Len(), s.Counters.Evicted)
	}
	if len(s.told) != 1 || s.told[0].Addr.String() != box || s.told[0].Class() != Proxy {
		t.Errorf("told of %d hosts, want the proxy alone", len(s.told))
	}
	if h := s.seen(bob); h == nil || h.Counts.InvitesReceived != 1 {
		t.Error("who goes on doing something was forgotten")
	}
}

// TestDomains: customers use the same private addresses.
func TestDomains(t *testing.T) {
	s := newStage(Defaults())
	s.send(box, bob, "INVITE", 2)
	s.send(box, bob, "INVITE", 2)
	for range 2 {
		s.Message(&packet.Packet{Domain: "other", Src: port(bob), Dst: port(box)}, &s.m, s.at)
	}
	s.is(t, box, Proxy)
	s.is(t, bob, Unknown)
	if h := s.hosts[keyOf("other", netip.MustParseAddr(bob))]; h == nil || h.Class() != Proxy || h.Domain != "other" {
		t.Error("the proxy of the other domain is none")
	}
}

func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5, 10, 30, 100, 200} {
		var d distinct
		for i := range n {
			d.addBytes(fmt.Append(nil, "+4930", 10_000+i))
			d.addBytes(fmt.Append(nil, "+4930", 10_000+i))
		}
		if got, most := int(d.count()), 1+n/5; got < n-most || got > n+most {
			t.Errorf("%d of %d", got, n)
		}
	}
	var hosts distinct
	for i := range 100 {
		hosts.addAddr(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	if got := hosts.count(); got < 80 || got > 120 {
		t.Errorf("%d hosts of 100", got)
	}
}

// TestBounded: whatever comes, the table keeps its cap, its list has what its
// map has, and the one that was silent longest goes.
func TestBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := Defaults()
		opt.MaxHosts = rapid.IntRange(0, 6).Draw(t, "most")
		s := newStage(opt)
		most := max(opt.MaxHosts, 2)
		hosts := []string{alice, bob, box, "10.0.0.1", "10.0.0.2", "2001:db8::1", "0.0.0.0", "224.0.1.75", "10.0.0.3"}
		made := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			src, dst := rapid.SampledFrom(hosts).Draw(t, "src"), rapid.SampledFrom(hosts).Draw(t, "dst")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				s.send(src, dst, rapid.SampledFrom([]string{"INVITE", "REGISTER", "OPTIONS", "BYE"}).Draw(t, "method"), rapid.IntRange(0, 3).Draw(t, "vias"))
			case 1:
				s.send(src, dst, rapid.SampledFrom([]string{"200 INVITE", "200 REGISTER", "401 REGISTER", "200 OPTIONS"}).Draw(t, "answer"), 1)
			case 2:
				s.stream(src, dst, rapid.Uint32Range(0, 3).Draw(t, "ssrc"))
			case 3:
				s.Bridged("default", netip.MustParseAddr(src))
			case 4:
				s.at = s.at.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "s")) * time.Second)
				s.Advance(s.at)
			}
			made++
			listed := 0
			var last *Host
			for h := s.front; h != nil; h = h.behind {
				if h.before != last || s.hosts[keyOf(h.Domain, h.Addr)] != h {
					t.Fatal("the list is broken")
				}
				if last != nil && last.unwritten != h.unwritten && h.unwritten || last != nil && !last.unswept && h.unswept {
					t.Fatal("what is to be told of is not in front")
				}
				for i, sure := range h.roles() {
					if !(sure >= 0 && sure <= 1) {
						t.Fatalf("%s with a confidence of %v", order[i], sure)
					}
				}
				last = h
				listed++
			}
			if s.back != last || listed != s.Len() || listed > most {
				t.Fatalf("%d listed, %d known, at most %d", listed, s.Len(), most)
			}
		}
	})
}

// TestFlowsAreBounded: as many SSRCs as an attacker likes.
func TestFlowsAreBounded(t *testing.T) {
	s := newStage(Defaults())
	for i := range uint32(100_000) {
		s.stream(alice, bob, i)
	}
	for i := range 100 {
		s.at = s.at.Add(time.Minute)
		s.stream(alice, fmt.Sprintf("10.0.0.%d", i), 0)
	}
	if n := len(s.flows.ring); n > s.opt.MaxStreams || len(s.flows.latest) > n {
		t.Errorf("%d streams of %d SSRCs, want at most %d", n, len(s.flows.latest), s.opt.MaxStreams)
	}
	n := 0
	for range s.flows.of(flowKey{maphash.String(seed, "default"), 0}) {
		n++
	}
	if n != maxFlows {
		t.Errorf("%d streams of one SSRC are looked at, want %d", n, maxFlows)
	}
}

// TestFlows compares the ring with a list.
func TestFlows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFlows(rapid.IntRange(1, 6).Draw(t, "most"))
		var all []flow
		for i := range rapid.IntRange(1, 40).Draw(t, "n") {
			is := flow{key: flowKey{1, rapid.Uint32Range(0, 3).Draw(t, "ssrc")}, first: int64(i)}
			f.add(&is)
			all = append(all, is)
			for ssrc := range uint32(4) {
				var got, want []int64
				for o := range f.of(flowKey{1, ssrc}) {
					got = append(got, o.first)
				}
				for _, o := range slices.Backward(all[max(0, len(all)-f.most):]) {
					if o.key.ssrc == ssrc {
						want = append(want, o.first)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("SSRC %d: %v, want %v", ssrc, got, want)
				}
			}
		}
	})
}

func TestAgentIsCut(t *testing.T) {
	s := newStage(Defaults())
	s.send(alice, bob, "INVITE", 1, "User-Agent: "+strings.Repeat("é", 100))
	if got := s.seen(alice).Agent; got != strings.Repeat("é", maxAgent/2) {
		t.Errorf("%q", got)
	}
}

// forwarded is an INVITE as a proxy sends it.
const forwardedInvite = "INVITE sip:bob@203.0.113.40:5060 SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP 198.51.100.20;branch=z9hG4bK2\r\n" +
	"Record-Route: <sip:192.0.2.10;lr>\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\n" +
	"Call-ID: c@198.51.100.20\r\nCSeq: 1 INVITE\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\nMax-Forwards: 69\r\nContent-Length: 0\r\n\r\n"

// TestMessageAllocatesNothing of hosts that are known.
func TestMessageAllocatesNothing(t *testing.T) {
	tb := New(Defaults(), func(*Host) {})
	var m sip.Message
	m.Parse([]byte(forwardedInvite))
	p := &packet.Packet{Domain: "default", Src: port(box), Dst: port(bob)}
	tb.Message(p, &m, t0)
	if n := testing.AllocsPerRun(100, func() { tb.Message(p, &m, t0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkMessage is of the message that costs most: an INVITE with a
// Record-Route, among 50,000 hosts.
func BenchmarkMessage(b *testing.B) {
	tb := New(Defaults(), func(*Host) {})
	var m sip.Message
	m.Parse([]byte(forwardedInvite))
	ps := make([]packet.Packet, 50_000)
	for i := range ps {
		ps[i] = packet.Packet{Domain: "default", Src: port(box), Dst: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)}
		tb.Message(&ps[i], &m, t0)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		tb.Message(&ps[i%len(ps)], &m, t0)
		i += 7919
	}
}

// BenchmarkMessageInDialog is of a message as most are: a BYE.
func BenchmarkMessageInDialog(b *testing.B) {
	tb := New(Defaults(), func(*Host) {})
	var m sip.Message
	m.Parse([]byte(strings.NewReplacer("INVITE", "BYE", "Record-Route: <sip:192.0.2.10;lr>\r\n", "").Replace(forwardedInvite)))
	p := &packet.Packet{Domain: "default", Src: port(box), Dst: port(bob)}
	b.ReportAllocs()
	for b.Loop() {
		tb.Message(p, &m, t0)
	}
}

// BenchmarkStream is of a stream that is relayed.
func BenchmarkStream(b *testing.B) {
	tb := New(Defaults(), func(*Host) {})
	b.ReportAllocs()
	in := Stream{Domain: "default", Src: port(alice), Dst: port(box), First: t0}
	out := Stream{Domain: "default", Src: port(box), Dst: port(bob), First: t0}
	for b.Loop() {
		tb.Stream(&in, t0)
		tb.Stream(&out, t0)
		in.SSRC++
		out.SSRC++
	}
}

// BenchmarkSweep is of 10,000 hosts that did something within a minute.
func BenchmarkSweep(b *testing.B) {
	s := newStage(Defaults())
	for i := range 10_000 {
		s.send(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), box, "INVITE", 1)
	}
	for h := s.front; h != nil; h = h.behind {
		h.told = placeOf(h.Class())
	}
	now := t0
	s.Advance(now)
	for b.Loop() {
		for h := s.front; h != nil; h = h.behind {
			h.unswept = true
		}
		now = now.Add(time.Minute)
		s.written = now
		s.Advance(now)
	}
}

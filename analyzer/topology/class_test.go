package topology

import (
	"fmt"
	"net/netip"
	"testing"
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
	s.Bridged("default", netip.MustParseAddr(box), true)
	s.is(t, box, B2BUA)
}

// TestLikelyB2BUA: four legs that likely go on from another one weigh as much as
// one that surely does.
func TestLikelyB2BUA(t *testing.T) {
	s := newStage(Defaults())
	for i := range 16 {
		s.send(alice, box, "INVITE", 1)
		s.send(box, bob, "INVITE", 1)
		s.send(bob, box, "200 INVITE", 1)
		s.send(box, alice, "200 INVITE", 1)
		s.Bridged("default", netip.MustParseAddr(box), false)
		if i == 2 {
			s.is(t, box, Phone)
		}
	}
	s.is(t, box, B2BUA)
	likely := s.seen(box).Confidence()
	for range 4 {
		s.Bridged("default", netip.MustParseAddr(box), true)
	}
	if sure := s.seen(box).Confidence(); likely != 0.8 || sure <= likely {
		t.Errorf("confidence %v of what is likely, %v where a quarter is sure", likely, sure)
	}
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
	s.Bridged("default", box, true)
	many(s, 1, 2)
	s.is(t, box.String(), Phone)

	s = newStage(Defaults()) // a proxy with a link that is wrong
	many(s, 10, 2)
	many(s, 1, 1)
	s.Bridged("default", box, true)
	s.is(t, box.String(), Proxy)

	s = newStage(Defaults()) // an SBC that hands on some calls as a proxy does
	many(s, 10, 1)
	many(s, 8, 2)
	for range 10 {
		s.Bridged("default", box, true)
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

package topology

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/packet"
)

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
				s.Bridged("default", netip.MustParseAddr(src), rapid.Bool().Draw(t, "sure"))
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

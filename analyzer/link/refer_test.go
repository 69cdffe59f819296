package link

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestRefer(t *testing.T) {
	alice, bob := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.1")
	for _, c := range []struct {
		name, refer, uri, header string
		from                     netip.Addr
		after                    float64
		want                     string
	}{
		{"the one that was asked calls the target", "<sip:carol@example.com>", "sip:carol@192.0.2.1", "", alice, 1, "b>a refer a 2"},
		{"the INVITE names who asked", "<sip:carol@example.com>", "sip:carol@192.0.2.1", "Referred-By: <sip:bob@example.com>", bob, 1, "b>a refer a 2"},
		{"a number in two forms", "<tel:+44-20-7946-0123>", "sip:02079460123@192.0.2.1", "", alice, 1, "b>a refer a 2"},
		{"somebody else calls the target", "<sip:carol@example.com>", "sip:carol@192.0.2.1", "", bob, 1, ""},
		{"the one that was asked calls another one", "<sip:carol@example.com>", "sip:dave@192.0.2.1", "", alice, 1, ""},
		{"too late", "<sip:carol@example.com>", "sip:carol@192.0.2.1", "", alice, 40, ""},
		{"with Replaces", "<sip:carol@example.com?Replaces=c%40x%3Bto-tag%3D1%3Bfrom-tag%3D2>", "sip:dave@192.0.2.1", "", alice, 1, "c@x>a dialog/Replaces a 2"},
	} {
		b := newBench()
		a := b.leg("a", 0)
		b.leg("c@x", 0.5)
		b.Referred(a, message("REFER sip:alice@example.com SIP/2.0", "a", "Refer-To: "+c.refer, "Referred-By: <sip:bob@example.com>"), alice, at(5), false)
		b.ReferAnswered(a, message("SIP/2.0 202 Accepted", "a"), at(5))
		b.Advance(at(5 + c.after))
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		l := b.leg("b", 5+c.after)
		b.Invite(l, message("INVITE "+c.uri+" SIP/2.0", "b", headers...), c.from, netip.Addr{}, at(5+c.after))
		if got := b.says(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestReferRefused: who refuses, or is asked again with credentials, is asked for
// nothing; and from a PBX others call the same number, too.
func TestReferRefused(t *testing.T) {
	pbx := netip.MustParseAddr("198.51.100.1")
	play := func(answer, caller string) string {
		b := newBench()
		a := b.Leg("default", "a", at(0), &told{Start: at(0), Caller: "+12025550142", Callee: "+442079460123"})
		b.Invite(a, message("INVITE sip:bob@example.com SIP/2.0", "a"), pbx, netip.Addr{}, at(0))
		b.Referred(a, message("REFER sip:alice@example.com SIP/2.0", "a", "Refer-To: <sip:300@example.com>"), pbx, at(5), false)
		if answer != "" {
			b.ReferAnswered(a, message("SIP/2.0 "+answer, "a"), at(5))
		}
		l := b.Leg("default", "b", at(6), &told{Start: at(6), Caller: caller, Callee: "300"})
		b.Invite(l, message("INVITE sip:300@example.com SIP/2.0", "b"), pbx, netip.Addr{}, at(6))
		return b.says()
	}
	for _, c := range []struct{ answer, caller, want string }{
		{"202 Accepted", "+12025550142", "b>a refer a 2"},
		{"202 Accepted", "+12025550199", "b>a refer likely 0.50"},
		{"603 Decline", "+12025550142", ""},
		{"407 Proxy Authentication Required", "+12025550142", ""},
		{"", "+12025550142", ""},
	} {
		if got := play(c.answer, c.caller); got != c.want {
			t.Errorf("%s, %s calls: %q, want %q", c.answer, c.caller, got, c.want)
		}
	}
}

// TestReferNames: a leg that Refer-To names in Replaces is linked once the REFER is
// accepted, and where the tags are those of its dialog.
func TestReferNames(t *testing.T) {
	for _, c := range []struct{ target, answer, want string }{
		{"<sip:c@x?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>", "202 Accepted", "c>a dialog/Replaces a 2"},
		{"<sip:c@x?Subject=y&replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>", "200 OK", "c>a dialog/Replaces a 2"},
		{`"see ?Replaces=d" <sip:c@x?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>`, "202 Accepted", "c>a dialog/Replaces a 2"},
		{"<sip:c@x?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D7>", "202 Accepted", "c>a dialog/Replaces likely 0.50"},
		{"<sip:c@x?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>", "603 Decline", ""},
		{"<sip:c@x?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>", "", ""},
	} {
		b := newBench()
		a := b.between(1, 2, "a", 0, &told{})
		b.between(3, 4, "c", 0.5, &told{})
		b.Referred(a, message("REFER sip:alice@example.com SIP/2.0", "a", "Refer-To: "+c.target), host(1), at(5), false)
		b.want(t, "")
		if c.answer != "" {
			b.ReferAnswered(a, message("SIP/2.0 "+c.answer, "a"), at(5))
		}
		if got := b.says(); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.target, c.answer, got, c.want)
		}
	}
}

// TestTwoTransfers: one user transfers two callers to one target. Who calls it is the
// one that was asked, by its host, else its number, else its domain.
func TestTwoTransfers(t *testing.T) {
	for _, c := range []struct {
		name            string
		host1, host2    int
		caller1         string
		caller2         string
		domain1         string
		domain2         string
		by1, by2        string
		target1, calls1 string
		want            string
	}{
		{"by host", 1, 2, "555", "555", "ex.com", "ex.com", "100@ex.com", "100@ex.com", "200", "200", "n1>a1 refer a1 2; n2>a2 refer a2 2"},
		{"by number", 1, 1, "555", "666", "ex.com", "ex.com", "100@ex.com", "100@ex.com", "200", "200", "n1>a1 refer a1 2; n2>a2 refer a2 2"},
		{"by the domain that asked", 1, 1, "", "", "192.0.2.9", "192.0.2.9", "100@t1.com", "100@t2.com", "200", "200", "n1>a1 refer a1 2; n2>a2 refer a2 2"},
		{"by the domain of the target", 1, 1, "", "", "t1.com", "t2.com", "100@192.0.2.9", "100@192.0.2.9", "200", "200", "n1>a1 refer a1 2; n2>a2 refer a2 2"},
		{"by nothing", 1, 1, "", "", "ex.com", "ex.com", "100@ex.com", "100@ex.com", "200", "200", "n1>a2 refer likely 0.50; n2>a2 refer likely 0.50"},
		{"the same digits in another country", 1, 2, "555", "666", "ex.com", "ex.com", "100@ex.com", "100@ex.com", "+12025550199", "+49305550199", "n2>a2 refer a2 2"},
	} {
		b := newBench()
		asks := func(l *Leg, at_ float64, host_ int, user, domain, by string) {
			b.Referred(l, message("REFER sip:x@example.com SIP/2.0", l.CallID, fmt.Sprintf("Refer-To: <sip:%s@%s>", user, domain), fmt.Sprintf("Referred-By: <sip:%s>", by)), host(host_), at(at_), false)
			b.ReferAnswered(l, message("SIP/2.0 202 Accepted", l.CallID), at(at_))
		}
		calls := func(id string, at_ float64, host_ int, caller, user, domain, by string) {
			f := &told{Start: at(at_), Caller: caller, Src: host(host_), Dst: host(103)}
			b.Invite(b.Leg("default", id, f.Start, f), message(fmt.Sprintf("INVITE sip:%s@%s SIP/2.0", user, domain), id, fmt.Sprintf("Referred-By: <sip:%s>", by)), f.Src, f.Dst, f.Start)
		}
		a1, a2 := b.between(c.host1, 100, "a1", 0, &told{Caller: c.caller1}), b.between(c.host2, 100, "a2", 1, &told{Caller: c.caller2})
		asks(a1, 5, c.host1, c.target1, c.domain1, c.by1)
		asks(a2, 5.2, c.host2, "200", c.domain2, c.by2)
		calls("n1", 5.3, c.host1, c.caller1, c.calls1, c.domain1, c.by1)
		calls("n2", 5.4, c.host2, c.caller2, "200", c.domain2, c.by2)
		if got := b.says(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestInviteBeforeAccepted: the INVITE that a REFER asks for may be seen before the
// 202, or the 202 not at all; one that says who asked is known all the same.
func TestInviteBeforeAccepted(t *testing.T) {
	play := func(by, answer string, from int) string {
		b := newBench()
		a := b.between(1, 2, "a", 0, &told{Caller: "100"})
		b.Referred(a, message("REFER sip:alice@example.com SIP/2.0", "a", "Refer-To: <sip:300@example.com>", "Referred-By: <sip:200@example.com>"), host(1), at(3), false)
		if answer != "" {
			b.ReferAnswered(a, message("SIP/2.0 "+answer, "a"), at(3))
		}
		var headers []string
		if by != "" {
			headers = append(headers, "Referred-By: "+by)
		}
		f := &told{Start: at(3.005), Caller: "100", Src: host(from), Dst: host(4)}
		b.Invite(b.Leg("default", "b", f.Start, f), message("INVITE sip:300@example.com SIP/2.0", "b", headers...), f.Src, f.Dst, f.Start)
		return b.says()
	}
	for _, c := range []struct {
		by, answer string
		from       int
		want       string
	}{
		{"<sip:200@example.com>", "", 1, "b>a refer a 2"},
		{"<sip:200@example.com>", "", 5, ""},
		{"<sip:201@example.com>", "", 1, ""},
		{"", "", 1, ""},
		{"<sip:200@example.com>", "603 Decline", 1, ""},
	} {
		if got := play(c.by, c.answer, c.from); got != c.want {
			t.Errorf("Referred-By %q, answer %q, from %d: %q, want %q", c.by, c.answer, c.from, got, c.want)
		}
	}
}

// TestReferSentAgain: whoever sends one REFER again and again, to ever other hosts,
// makes the table no larger.
func TestReferSentAgain(t *testing.T) {
	b := newBench()
	a := b.invite("a", 0)
	m := message("REFER sip:alice@example.com SIP/2.0", "a", "Refer-To: <sip:300@example.com>")
	for i := range 2000 {
		b.Referred(a, m, netip.AddrFrom4([4]byte{192, 0, 2, byte(i % 200)}), at(5), false)
	}
	if len(b.asked) != 1 || len(b.asked[0].hosts) != maxHosts || b.Counters.Refused != 2000-10*maxHosts {
		t.Errorf("%d REFERs, %d hosts of the first, %d refused; want 1, %d and %d", len(b.asked), len(b.asked[0].hosts), b.Counters.Refused, maxHosts, 2000-10*maxHosts)
	}
}

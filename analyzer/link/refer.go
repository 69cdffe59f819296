package link

import (
	"bytes"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

// asked is a REFER: somebody is asked to call a target.
type asked struct {
	leg    *Leg
	target party
	by     party        // of Referred-By, else the user of From
	hosts  []netip.Addr // that it was sent to, the one that was asked among them
	names  []dialogName // that it names, which counts when it is accepted
	cseq   uint32
	agreed bool // answered 2xx, or nobody can tell
	until  time.Time
	domain string
}

// party is the user and host of a URI, as they are written.
type party struct{ user, host string }

// dialogName is a dialog as a header names it.
type dialogName struct {
	callID, detail string
	tags           [2]string
}

const (
	// referWithin is how long after a REFER its INVITE may come.
	referWithin = 30 * time.Second
	maxAsked    = 10_000
	maxHosts    = 16 // hops of one REFER; it may be sent again and again
)

// Named is the leg that Target-Dialog, or another header of its form, names.
func (t *Table) Named(domain string, header []byte) *Leg {
	callID, _ := dialogOf(header)
	return t.Find(domain, callID)
}

// Referred takes a REFER in a leg, which asks whoever signals from host. Of one
// outside of its dialog nobody can tell how it was answered.
func (t *Table) Referred(l *Leg, m *sip.Message, host netip.Addr, at time.Time, outside bool) {
	target := m.Get(sip.HeaderReferTo)
	if len(target) == 0 {
		return
	}
	cseq, _ := m.CSeq()
	if i := slices.IndexFunc(t.asked, func(a asked) bool { return a.leg == l && a.cseq == cseq }); i >= 0 { // at another hop
		switch a := &t.asked[i]; {
		case slices.Contains(a.hosts, host):
		case len(a.hosts) >= maxHosts:
			t.Counters.Refused++
		default:
			a.hosts = append(a.hosts, host)
		}
		return
	}
	a := asked{leg: l, target: partyIn(target), by: partyIn(m.Get(sip.HeaderReferredBy)), hosts: []netip.Addr{host}, cseq: cseq, until: at.Add(referWithin), domain: l.Domain}
	if a.by.user == "" {
		from := m.From()
		a.by = party{user: string(from.URI.User)}
	}
	for _, named := range [...]struct {
		by    sip.Header
		value []byte
	}{{sip.HeaderTargetDialog, m.Get(sip.HeaderTargetDialog)}, {sip.HeaderReplaces, replacesIn(target)}} {
		if len(named.value) > 0 {
			callID, tags := dialogOf(named.value)
			a.names = append(a.names, dialogName{string(callID), named.by.String(), tags})
		}
	}
	if len(t.asked) >= maxAsked {
		t.Counters.Refused++
		t.asked = t.asked[1:]
	}
	t.asked = append(t.asked, a)
	if outside {
		t.agree(&t.asked[len(t.asked)-1], at)
	}
}

// ReferAnswered takes the final response to a REFER: one that is refused, or has to
// be sent again with credentials, asks nobody.
func (t *Table) ReferAnswered(l *Leg, m *sip.Message, at time.Time) {
	cseq, _ := m.CSeq()
	i := slices.IndexFunc(t.asked, func(a asked) bool { return a.leg == l && a.cseq == cseq })
	switch {
	case i < 0 || m.Status < 200:
	case m.Status < 300:
		t.agree(&t.asked[i], at)
	default:
		t.asked = slices.Delete(t.asked, i, i+1)
	}
}

// agree takes it that a REFER was accepted.
func (t *Table) agree(a *asked, at time.Time) {
	a.agreed = true
	for _, n := range a.names {
		t.names([]byte(n.callID), &naming{by: a.leg, tags: n.tags, method: Dialog, detail: n.detail, agreed: true}, at)
	}
	a.names = nil
}

// referred looks for the REFER that an INVITE follows: by its target, and by who
// asked, or by the host and the number of the one that was asked. One user may
// transfer two callers to one target.
func (t *Table) referred(l *Leg, m *sip.Message, src netip.Addr, at time.Time) {
	if len(t.asked) == 0 {
		return
	}
	uri, _ := sip.ParseURI(m.RequestURI)
	target, by := party{string(uri.User), string(uri.Host)}, partyIn(m.Get(sip.HeaderReferredBy))
	best, most, next := -1, 0., 0.
	for i := range slices.Backward(t.asked) {
		a := &t.asked[i]
		if a.domain != l.Domain || a.leg == l || a.until.Before(at) || !a.target.is(target) {
			continue
		}
		switch c := a.followedBy(l, by, slices.Contains(a.hosts, src)); {
		case c > most:
			if best >= 0 && t.asked[best].leg != a.leg {
				next = most
			}
			best, most = i, c
		case a.leg != t.asked[max(best, 0)].leg:
			next = max(next, c)
		}
	}
	switch {
	case best < 0 || most == 0:
	case next == most: // there is nothing to tell them apart
		t.link(l, t.asked[best].leg, Refer, "", even, at)
	default:
		t.link(l, t.asked[best].leg, Refer, "", min(most, sure), at)
		if most > even {
			t.asked = slices.Delete(t.asked, best, best+1)
		}
	}
}

// followedBy is how sure it is that an INVITE to the target of the REFER is the one
// that it asked for. Of several that are sure, the host that was asked and its
// number tell which.
func (a *asked) followedBy(l *Leg, by party, hostAsked bool) float64 {
	b := &a.leg.begin
	known := l.begin.sameCaller(b) || alike(l.begin.caller, b.callee) || alike(l.begin.caller, b.target)
	c := 0.
	switch named := by.is(a.by); {
	case !a.agreed && !(named && hostAsked): // an INVITE may be seen before the 202, but for its own REFER alone
		return 0
	case named:
		c = sure
		if hostAsked {
			c += 0.02
		}
	case !hostAsked || by.user != "" && a.by.host != "" && !same(by.user, a.by.user): // another one asked
		return 0
	case b.caller != 0 && !known: // a PBX, from which others call, too
		return even
	default:
		c = 0.85
	}
	if known {
		c += 0.01
	}
	return c
}

// replacesIn is the Replaces header in a Refer-To URI.
func replacesIn(target []byte) []byte {
	a, _ := sip.ParseAddress(target)
	for h := range bytes.SplitSeq(a.URI.Headers, []byte("&")) {
		name, value, _ := bytes.Cut(h, []byte("="))
		if !bytes.EqualFold(name, []byte("Replaces")) {
			continue
		}
		if plain, err := url.PathUnescape(string(value)); err == nil {
			return []byte(plain)
		}
	}
	return nil
}

// partyIn is the URI in a name-addr or addr-spec.
func partyIn(v []byte) party {
	a, _ := sip.ParseAddress(v)
	return party{string(a.URI.User), string(a.URI.Host)}
}

// is reports whether two URIs are of one user: in one domain, where both have one.
// An address may stand for any.
func (p party) is(o party) bool {
	return same(p.user, o.user) && (!isDomain(p.host) || !isDomain(o.host) || strings.EqualFold(p.host, o.host))
}

func isDomain(host string) bool {
	_, err := netip.ParseAddr(host)
	return host != "" && err != nil
}

// same reports whether two users are one number or name. Of two international
// numbers every digit counts.
func same(x, y string) bool {
	d := digits(x)
	if len(d) == 0 || !bytes.Equal(d, digits(y)) {
		return false
	}
	return !strings.HasPrefix(x, "+") || !strings.HasPrefix(y, "+") || whole(x) == whole(y)
}

func whole(number string) string {
	return strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "").Replace(number)
}

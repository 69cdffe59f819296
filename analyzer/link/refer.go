package link

import (
	"bytes"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

// asked is a REFER: somebody is asked to call a target.
type asked struct {
	leg    *Leg
	user   string       // of the target, as it is written
	by     string       // user of Referred-By or From
	hosts  []netip.Addr // that it was sent to, the one that was asked among them
	cseq   uint32
	agreed bool // answered 2xx, or nobody can tell
	until  time.Time
	domain string
}

const (
	// referWithin is how long after a REFER its INVITE may come.
	referWithin = 30 * time.Second
	maxAsked    = 10_000
	maxHosts    = 16 // hops of one REFER; it may be sent again and again
)

// Named is the leg that Target-Dialog, or another header of its form, names.
func (t *Table) Named(domain string, header []byte) *Leg { return t.Find(domain, dialogOf(header)) }

// Referred takes a REFER in a leg, which asks whoever signals from host. Of one
// outside of its dialog nobody can tell how it was answered.
func (t *Table) Referred(l *Leg, m *sip.Message, host netip.Addr, at time.Time, outside bool) {
	target := m.Get(sip.HeaderReferTo)
	if len(target) == 0 {
		return
	}
	if v := m.Get(sip.HeaderTargetDialog); len(v) > 0 {
		t.names(l, dialogOf(v), Dialog, sip.HeaderTargetDialog.String(), at)
	}
	if replaced := replacesIn(target); len(replaced) > 0 {
		t.names(l, replaced, Dialog, sip.HeaderReplaces.String(), at)
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
	a := asked{leg: l, user: userIn(target), by: userIn(m.Get(sip.HeaderReferredBy)), hosts: []netip.Addr{host}, cseq: cseq, agreed: outside, until: at.Add(referWithin), domain: l.Domain}
	if a.by == "" {
		from := m.From()
		a.by = string(from.URI.User)
	}
	if len(t.asked) >= maxAsked {
		t.Counters.Refused++
		t.asked = t.asked[1:]
	}
	t.asked = append(t.asked, a)
}

// ReferAnswered takes the final response to a REFER: one that is refused, or has to
// be sent again with credentials, asks nobody.
func (t *Table) ReferAnswered(l *Leg, m *sip.Message) {
	cseq, _ := m.CSeq()
	i := slices.IndexFunc(t.asked, func(a asked) bool { return a.leg == l && a.cseq == cseq })
	switch {
	case i < 0 || m.Status < 200:
	case m.Status < 300:
		t.asked[i].agreed = true
	default:
		t.asked = slices.Delete(t.asked, i, i+1)
	}
}

// referred looks for the REFER that an INVITE follows: by its target, and by who
// asked, or by the host and the number of the one that was asked.
func (t *Table) referred(l *Leg, m *sip.Message, src netip.Addr, at time.Time) {
	if len(t.asked) == 0 {
		return
	}
	uri, _ := sip.ParseURI(m.RequestURI)
	by := userIn(m.Get(sip.HeaderReferredBy))
	for i, a := range slices.Backward(t.asked) {
		if !a.agreed || a.domain != l.Domain || a.leg == l || a.until.Before(at) || !same(a.user, string(uri.User)) {
			continue
		}
		b := &a.leg.begin
		confidence := 0.
		switch {
		case same(by, a.by):
			confidence = sure
		case slices.Contains(a.hosts, src) && (b.caller == 0 || l.begin.sameCaller(b) || alike(l.begin.caller, b.callee) || alike(l.begin.caller, b.target)):
			confidence = 0.85
		case slices.Contains(a.hosts, src): // a PBX, from which others call, too
			confidence = 0.5
		default:
			continue
		}
		t.link(l, a.leg, Refer, "", confidence, at)
		if confidence > 0.8 {
			t.asked = slices.Delete(t.asked, i, i+1)
		}
		return
	}
}

// replacesIn is the Call-ID of a Replaces header in a Refer-To URI.
func replacesIn(target []byte) []byte {
	i := bytes.Index(bytes.ToLower(target), []byte("replaces="))
	if i < 1 || target[i-1] != '?' && target[i-1] != '&' {
		return nil
	}
	v := target[i+len("replaces="):]
	if end := bytes.IndexAny(v, "&>"); end >= 0 {
		v = v[:end]
	}
	plain, err := url.PathUnescape(string(v))
	if err != nil {
		return nil
	}
	return dialogOf([]byte(plain))
}

// userIn is the user of the URI in a name-addr or addr-spec.
func userIn(v []byte) string {
	if i := bytes.IndexByte(v, '<'); i >= 0 {
		v = v[i+1:]
	}
	if i := bytes.IndexAny(v, ">?"); i >= 0 {
		v = v[:i]
	}
	u, _ := sip.ParseURI(bytes.TrimSpace(v))
	return string(u.User)
}

// same reports whether two users are one number or name.
func same(x, y string) bool {
	d := digits(x)
	return len(d) > 0 && bytes.Equal(d, digits(y))
}

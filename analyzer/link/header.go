package link

import (
	"bytes"
	"net/netip"
	"regexp"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

// Rule is a header of INVITEs that ties legs together.
type Rule struct {
	Name string
	// CallID is set when its value is the Call-ID of another leg; else all
	// legs of a call have the same value.
	CallID bool
	// Match finds the value within the header: its first group, or all that it
	// matches. nil is the whole header.
	Match *regexp.Regexp
}

// DefaultRules are the headers that standards and wide-spread boxes have for
// it.
func DefaultRules() []Rule {
	return []Rule{
		// RFC 7989: the caller's half stays the same at every hop. The nil UUID
		// names nobody.
		{Name: "Session-ID", Match: regexp.MustCompile(`^\s*([0-9a-fA-F]{32})`)},
		{Name: "P-Charging-Vector", Match: regexp.MustCompile(`icid-value\s*=\s*"?([^";,\s]+)`)}, // RFC 7315
		{Name: "X-CID", CallID: true},
		{Name: "X-Call-ID", CallID: true},
		{Name: "Cisco-Guid"},
		{Name: "AV-Global-Session-ID"},
		{Name: "X-BroadWorks-Correlation-Info"},
		{Name: "X-Genesys-CallUUID"},
	}
}

// value is what a header says by the rule; nil where it says nothing.
func (r *Rule) value(header []byte) []byte {
	v := bytes.TrimSpace(header)
	if r.Match != nil {
		m := r.Match.FindSubmatch(v)
		switch {
		case m == nil:
			return nil
		case len(m) > 1:
			v = m[1]
		default:
			v = m[0]
		}
	}
	if len(v) > 512 || len(bytes.Trim(v, "0-")) == 0 { // nothing, or a nil UUID
		return nil
	}
	return v
}

// Invite takes a leg's first INVITE, at each hop.
func (t *Table) Invite(l *Leg, m *sip.Message, src, dst netip.Addr, at time.Time) {
	if !l.invited { // else it is the same INVITE at another hop
		l.invited = true
		t.number(l)
	}
	for i := range t.opt.Headers {
		r := &t.opt.Headers[i]
		for header := range m.ValuesName(r.Name) {
			v := r.value(header)
			switch {
			case v == nil:
			case r.CallID:
				t.names(l, v, Header, r.Name, at)
			default:
				for _, o := range t.share(l, hash('h', l.Domain, []byte(r.Name), bytes.ToLower(v))) {
					confidence := float64(certain)
					if alike(l.begin.src, o.begin.src) && alike(l.begin.dst, o.begin.dst) {
						confidence = 0.5 // two calls between the same hosts: it is a box's constant, or it tries again
					}
					t.link(l, o, Header, r.Name, confidence, at)
				}
			}
		}
	}
	for _, h := range [...]sip.Header{sip.HeaderReplaces, sip.HeaderJoin, sip.HeaderTargetDialog} {
		if v := m.Get(h); len(v) > 0 {
			t.names(l, dialogOf(v), Dialog, h.String(), at)
		}
	}
	hops := uint8(0)
	for range m.Vias() {
		hops = min(hops+1, 250)
	}
	if hops >= l.hops && dst.IsValid() { // where it came out of the proxies
		l.hops, l.begin.dst = hops, hashAddr(dst)
	}
	t.referred(l, m, src, at)
}

// dialogOf is the Call-ID that Replaces, Join and Target-Dialog name.
func dialogOf(v []byte) []byte {
	id, _, _ := bytes.Cut(v, []byte(";"))
	return bytes.TrimSpace(id)
}

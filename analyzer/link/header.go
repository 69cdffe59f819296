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
	if len(v) > 512 || isPlaceholder(v) {
		return nil
	}
	return v
}

// isPlaceholder reports whether a value is what boxes write that have none.
func isPlaceholder(v []byte) bool {
	v = bytes.ToLower(bytes.Trim(v, "\"'<>{}[]() \t"))
	switch string(v) {
	case "none", "null", "nil", "n/a", "na", "unknown", "undefined":
		return true
	}
	return len(bytes.Trim(bytes.TrimPrefix(v, []byte("0x")), "0-")) == 0 // nothing, or a nil UUID
}

// Invite takes a leg's first INVITE, at each hop.
func (t *Table) Invite(l *Leg, m *sip.Message, src, dst netip.Addr, at time.Time) {
	first := !l.invited // else it is the same INVITE at another hop
	if first {
		l.invited = true
		t.number(l)
	}
	vias := uint8(0)
	for range m.Vias() {
		vias = min(vias+1, 250)
	}
	l.passes(src, dst, vias)
	if first {
		t.settleNamed(l, false, at)
	}
	for i := range t.opt.Headers {
		r := &t.opt.Headers[i]
		for header := range m.ValuesName(r.Name) {
			switch v := r.value(header); {
			case v == nil:
			case r.CallID:
				t.names(v, &naming{by: l, method: Header, detail: r.Name}, at)
			default:
				t.shares(l, hash('h', l.Domain, []byte(r.Name), bytes.ToLower(v)), r.Name, at)
			}
		}
	}
	for _, h := range [...]sip.Header{sip.HeaderReplaces, sip.HeaderJoin, sip.HeaderTargetDialog} {
		if v := m.Get(h); len(v) > 0 {
			callID, tags := dialogOf(v)
			t.names(callID, &naming{by: l, tags: tags, method: Dialog, detail: h.String()}, at)
		}
	}
	t.referred(l, m, src, at)
}

// Answered takes a 2xx to a leg's INVITE.
func (t *Table) Answered(l *Leg, at time.Time) { t.settleNamed(l, false, at) }

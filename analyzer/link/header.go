package link

import (
	"bytes"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

// Direction is which way messages go whose header is read: to the callee, as
// INVITEs do, or back from him, as their 2xx do.
type Direction uint8

// The directions.
const (
	Requests Direction = iota
	Responses
	Both
)

// Rule is a header that ties legs together.
type Rule struct {
	Name      string
	Direction Direction
	// CallID is set when its value is the Call-ID of another leg; else all
	// legs of a call have the same value.
	CallID bool
	// Match finds the values within the header, wherever it matches: its first group,
	// or all that it matches. nil is the whole header.
	Match *regexp.Regexp
}

// DefaultRules are the headers that standards and wide-spread boxes have for
// it.
func DefaultRules() []Rule {
	return []Rule{
		// RFC 7989: the halves of both ends stay the same at every hop, each of them
		// first in what its own end sends. The nil UUID names nobody.
		{Name: "Session-ID", Direction: Both, Match: regexp.MustCompile(`[0-9a-fA-F]{32}`)},
		{Name: "P-Charging-Vector", Match: regexp.MustCompile(`icid-value\s*=\s*"?([^";,\s]+)`)}, // RFC 7315
		{Name: "X-CID", CallID: true},
		{Name: "X-Call-ID", CallID: true},
		{Name: "Cisco-Guid"},
		{Name: "AV-Global-Session-ID"},
		{Name: "X-BroadWorks-Correlation-Info"},
		{Name: "X-Genesys-CallUUID"},
	}
}

// maxValues is how many values of one header are read.
const maxValues = 4

// values are what a header says by the rule.
func (r *Rule) values(header []byte) [][]byte {
	found := [][][]byte{{bytes.TrimSpace(header)}}
	if r.Match != nil {
		found = r.Match.FindAllSubmatch(found[0][0], maxValues)
	}
	var values [][]byte
	for _, groups := range found {
		if v := groups[min(1, len(groups)-1)]; len(v) <= 512 && !isPlaceholder(v) {
			values = append(values, v)
		}
	}
	return values
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
		if r.Direction == Responses {
			continue
		}
		for header := range m.ValuesName(r.Name) {
			for _, v := range r.values(header) {
				if r.CallID {
					t.names(v, &naming{by: l, method: Header, detail: r.Name}, at)
				} else {
					t.shares(l, r.key(l.Domain, v), r.Name, at)
				}
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
func (t *Table) Answered(l *Leg, m *sip.Message, at time.Time) {
	t.settleNamed(l, false, at)
	for i := range t.opt.Headers {
		r := &t.opt.Headers[i]
		if r.Direction == Requests {
			continue
		}
		for header := range m.ValuesName(r.Name) {
			for _, v := range r.values(header) {
				if r.CallID {
					t.names(v, &naming{by: l, method: Header, detail: r.Name}, at)
					continue
				}
				key := r.key(l.Domain, v)
				if e := l.more(); !slices.Contains(e.keys, key) && len(e.answers) < maxValues {
					e.answers = append(e.answers, key)
				}
				t.shares(l, key, r.Name, at)
			}
		}
	}
}

// key is that of a value among Table.keys.
func (r *Rule) key(domain string, value []byte) uint64 {
	return hash('h', domain, []byte(r.Name), bytes.ToLower(value))
}

package topology

import (
	"bytes"
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

// Message takes a SIP message that was not seen before at its hop.
func (t *Table) Message(p *packet.Packet, m *sip.Message, at time.Time) {
	if p.Src.Addr() == p.Dst.Addr() {
		return // programs of one host: nobody can tell which of them does what
	}
	src, dst := t.host(p.Domain, p.Src.Addr(), at), t.host(p.Domain, p.Dst.Addr(), at)
	if m.Request {
		src.Counts.RequestsSent++
		dst.Counts.RequestsReceived++
		request(src, dst, m, at)
		return
	}
	src.Counts.ResponsesSent++
	dst.Counts.ResponsesReceived++
	response(src, dst, m, at)
}

// request takes a request. A client's own has one Via; each proxy adds one (RFC
// 3261 section 16.6). CANCEL and the ACK to a refusal go from hop to hop with
// one Via, whoever sends them, so that one Via of theirs says nothing.
func request(src, dst *Host, m *sip.Message, at time.Time) {
	forwarded := forwarded(m)
	if forwarded {
		src.Counts.Forwarded++
	}
	switch string(m.Method) {
	case "ACK", "CANCEL":
		return
	}
	if !forwarded {
		src.speaks(m, at)
	}
	switch string(m.Method) {
	case "INVITE":
		dst.Counts.InvitesReceived++
		if forwarded {
			src.Counts.InvitesForwarded++
		} else {
			src.Counts.InvitesOriginated++
		}
		routes(m, src, nil)
		if bytes.Contains(m.Get(sip.HeaderTo), inDialog) {
			return // its Request-URI is a Contact
		}
		if !forwarded {
			src.users.addBytes(m.From().URI.User)
		}
		uri, _ := sip.ParseURI(m.RequestURI)
		dst.users.addBytes(uri.User)
	case "REGISTER":
		if forwarded {
			src.Counts.RegistersForwarded++
			return
		}
		src.Counts.RegistersSent++
		user := m.To().URI.User
		src.registered.addBytes(user)
		src.users.addBytes(user)
	case "OPTIONS":
		src.Counts.OptionsSent++
	}
}

// inDialog is in the To of a request in a dialog (RFC 3261 section 12.2.1.1).
var inDialog = []byte(";tag=")

// forwarded reports whether a request has more than one Via.
func forwarded(m *sip.Message) bool {
	n := 0
	for range m.Values(sip.HeaderVia) {
		if n++; n > 1 {
			return true
		}
	}
	return false
}

func response(src, dst *Host, m *sip.Message, at time.Time) {
	// A proxy hands on the Server of others; its own are the 100, which goes one
	// hop, and the 407.
	if m.Status == 100 || m.Status == 407 || src.Counts.Forwarded == 0 && src.Counts.RecordRouted == 0 {
		src.speaks(m, at)
	}
	success := m.Status >= 200 && m.Status < 300
	_, method := m.CSeq()
	switch string(method) {
	case "INVITE":
		if success {
			src.Counts.InvitesAnswered++
			dst.Counts.AnswersReceived++
			routes(m, src, dst)
		}
	case "REGISTER":
		switch {
		case success:
			src.Counts.RegistersAnswered++
			dst.Counts.RegistersAccepted++
			src.users.addBytes(m.To().URI.User)
		case m.Status == 401 || m.Status == 407:
			src.Counts.RegistersChallenged++
		}
	case "OPTIONS":
		if m.Status >= 200 {
			src.Counts.OptionsAnswered++
		}
	}
}

// maxRoutes is how many Record-Routes are looked at.
const maxRoutes = 16

// routes counts for both ends of a message whether it names them in
// Record-Route, as proxies do that stay on the path of a dialog (RFC 3261
// section 16.6). Others that it names may be anybody.
func routes(m *sip.Message, src, dst *Host) {
	var bySrc, byDst bool
	n := 0
	for a := range m.Addresses(sip.HeaderRecordRoute) {
		if n++; n > maxRoutes {
			break
		}
		addr, ok := sip.ParseAddr(a.URI.Host)
		if !ok {
			continue
		}
		addr = addr.Unmap()
		bySrc = bySrc || addr == src.Addr
		byDst = byDst || dst != nil && addr == dst.Addr
	}
	if bySrc {
		src.Counts.RecordRouted++
	}
	if byDst {
		dst.Counts.RecordRouted++
	}
}

const (
	maxAgent = 128 // bytes
	// agentFor is how long a User-Agent stands at least: behind NAT many phones
	// have one address.
	agentFor = time.Minute
)

// speaks notes what a host calls itself.
func (h *Host) speaks(m *sip.Message, at time.Time) {
	v := m.Get(sip.HeaderUserAgent)
	if len(v) == 0 {
		v = m.Get(sip.HeaderServer)
	}
	v = clip(v)
	if len(v) == 0 || string(v) == h.Agent || h.Agent != "" && time.Duration(at.UnixNano()-h.agentSince) < agentFor {
		return
	}
	h.Agent, h.agentSince = string(v), at.UnixNano()
}

// clip cuts text, and no rune of it.
func clip(v []byte) []byte {
	if len(v) <= maxAgent {
		return v
	}
	end := maxAgent
	for end > maxAgent-utf8.UTFMax && !utf8.RuneStart(v[end]) {
		end--
	}
	return v[:end]
}

// Bridged says that a host which was seen lies between two legs of a call, or
// is but likely to.
func (t *Table) Bridged(domain string, addr netip.Addr, sure bool) {
	if h := t.hosts[keyOf(domain, addr)]; h != nil { // else it was forgotten
		if sure {
			h.Counts.Bridged++
		} else {
			h.Counts.BridgedLikely++
		}
		t.toFront(h)
	}
}

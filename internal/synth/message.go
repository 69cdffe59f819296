package synth

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/earshot-voip/earshot/internal/packet"
)

// field is one header line.
type field struct{ name, value string }

// msg is a SIP message on one hop.
type msg struct {
	method    string // of CSeq
	status    int    // 0 for a request
	start     string // the start line
	head      []field
	body      string
	sdp       *sdp // that body is; nil where it is something else
	compact   bool
	transport packet.Transport

	dialog   *dialog
	by, peer *party // who sent it on this hop, and to whom
	up       *msg   // the same message on the hop before
	at       micros // when the tap saw it; valid once it was sent
}

// mod changes a message before it is sent.
type mod func(*msg)

func with(name, value string) mod {
	return func(m *msg) { m.head = append(m.head, field{name, value}) }
}

func withBody(kind, body string) mod {
	return func(m *msg) {
		m.set("Content-Type", kind)
		m.body = body
	}
}

func withSDP(s *sdp) mod {
	set := withBody("application/sdp", s.String())
	return func(m *msg) {
		set(m)
		m.sdp = s
	}
}

// to replaces the Request-URI.
func to(uri string) mod {
	return func(m *msg) { m.start = m.method + " " + uri + " SIP/2.0" }
}

// replaced sets a header in its place.
func replaced(name, value string) mod { return func(m *msg) { m.set(name, value) } }

func (m *msg) get(name string) string {
	for _, f := range m.head {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// set replaces the first header of that name, or appends it.
func (m *msg) set(name, value string) {
	for i := range m.head {
		if m.head[i].name == name {
			m.head[i].value = value
			return
		}
	}
	m.head = append(m.head, field{name, value})
}

func (m *msg) push(name, value string) { m.head = append([]field{{name, value}}, m.head...) }

// uri is the Request-URI.
func (m *msg) uri() string { return strings.Split(m.start, " ")[1] }

// cseq is the number of CSeq.
func (m *msg) cseq() int {
	n, _ := strconv.Atoi(strings.Fields(m.get("CSeq"))[0])
	return n
}

// first is the message on the first hop that it took.
func (m *msg) first() *msg {
	for m.up != nil {
		m = m.up
	}
	return m
}

func (m *msg) clone() *msg {
	c := *m
	c.head = append([]field(nil), m.head...)
	return &c
}

// shortNames are the compact forms of RFC 3261 7.3.3 and RFC 3515, 3892, 4028.
var shortNames = map[string]string{
	"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Content-Type": "c", "Content-Length": "l",
	"Supported": "k", "Subject": "s", "Content-Encoding": "e", "Refer-To": "r", "Referred-By": "b", "Session-Expires": "x",
}

func (m *msg) bytes() []byte {
	var b []byte
	b = append(b, m.start...)
	b = append(b, "\r\n"...)
	line := func(name, value string) {
		if short := shortNames[name]; m.compact && short != "" {
			name = short
		}
		b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
	}
	for _, f := range m.head {
		line(f.name, f.value)
	}
	line("Content-Length", strconv.Itoa(len(m.body)))
	b = append(b, "\r\n"...)
	return append(b, m.body...)
}

// reasons are the phrases of RFC 3261 21 and its kin.
var reasons = map[int]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK", 202: "Accepted",
	302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 407: "Proxy Authentication Required",
	408: "Request Timeout", 422: "Session Interval Too Small", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
	491: "Request Pending", 503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline",
}

// party is a user agent or proxy with its addresses.
type party struct {
	user    string
	display string
	host    string // of its address of record
	sip     netip.AddrPort
	rtp     netip.AddrPort
	agent   string
	contact netip.AddrPort // that it tells, when not sip
	told    netip.AddrPort // the media address in its SDP, when not rtp
	urn     string         // instead of an address of record
	old     bool           // RFC 2543: neither magic cookie nor From tag

	session, version uint64 // of its SDP (RFC 8866 5.2)
}

func (p *party) uri() string {
	if p.urn != "" {
		return p.urn
	}
	return "sip:" + p.user + "@" + p.host
}

func (p *party) name() string {
	if p.display == "" {
		return "<" + p.uri() + ">"
	}
	return strconv.Quote(p.display) + " <" + p.uri() + ">"
}

func (p *party) contactURI() string {
	at := p.sip
	if p.contact.IsValid() {
		at = p.contact
	}
	return "sip:" + p.user + "@" + at.String()
}

func (p *party) via(transport packet.Transport, branch string) string {
	at := p.sip
	if p.contact.IsValid() {
		at = p.contact
	}
	v := "SIP/2.0/" + strings.ToUpper(transport.String()) + " " + at.String()
	if branch == "" {
		return v
	}
	return v + ";branch=" + branch + ";rport"
}

// answeredVia is the Via that a response carries: with where the request
// came from (RFC 3581 4).
func answeredVia(via string, from netip.AddrPort) string {
	if head, ok := strings.CutSuffix(via, ";rport"); ok {
		return fmt.Sprintf("%s;rport=%d;received=%s", head, from.Port(), from.Addr())
	}
	return via
}

package topology

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

var t0 = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// stage feeds a Table.
type stage struct {
	*Table
	at   time.Time
	told []*Host // a copy of each at that time
	m    sip.Message
}

func newStage(opt Options) *stage {
	s := &stage{at: t0}
	s.Table = New(opt, func(h *Host) { c := *h; s.told = append(s.told, &c) })
	return s
}

// send is a message from one host to another. Method is of a request, or behind
// the status of a response: "200 INVITE". More are header lines.
func (s *stage) send(src, dst, what string, vias int, more ...string) {
	var b strings.Builder
	method, tag := what, ""
	if status, of, ok := strings.Cut(what, " "); ok {
		method, tag = of, ";tag=b"
		fmt.Fprintf(&b, "SIP/2.0 %s Whatever\r\n", status)
	} else {
		fmt.Fprintf(&b, "%s sip:bob@example.com SIP/2.0\r\n", method)
	}
	for i := range vias {
		fmt.Fprintf(&b, "Via: SIP/2.0/UDP 192.0.2.%d;branch=z9hG4bK%d\r\n", 200+i, i)
	}
	head := "From: <sip:alice@example.com>;tag=a\r\nTo: <sip:alice@example.com>" + tag + "\r\n"
	for _, h := range more {
		if strings.HasPrefix(h, "From:") {
			head = h + ";tag=a\r\nTo" + strings.TrimPrefix(h, "From") + tag + "\r\n"
		}
	}
	b.WriteString(head + "Call-ID: c@example.com\r\nCSeq: 1 " + method + "\r\n")
	for _, h := range more {
		if !strings.HasPrefix(h, "From:") {
			b.WriteString(h + "\r\n")
		}
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	if !s.m.Parse([]byte(b.String())) {
		panic(b.String())
	}
	s.Message(&packet.Packet{Domain: "default", Src: port(src), Dst: port(dst)}, &s.m, s.at)
	s.at = s.at.Add(10 * time.Millisecond)
}

func (s *stage) seen(host string) *Host { return s.hosts[keyOf("default", netip.MustParseAddr(host))] }

func port(host string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(host), 5060) }

func (s *stage) stream(src, dst string, ssrc uint32) {
	s.Stream(&Stream{Domain: "default", Src: port(src), Dst: port(dst), SSRC: ssrc, First: s.at}, s.at)
}

func (s *stage) is(t *testing.T, host string, class Class) {
	t.Helper()
	h := s.seen(host)
	if h == nil {
		t.Errorf("%s is not known", host)
		return
	}
	if got := h.Class(); got != class {
		t.Errorf("%s is %s (%.2f of %v), want %s: %s", host, got, h.Confidence(), h.roles(), class, strings.Join(h.Evidence(), "; "))
	}
	if sure := h.Confidence(); sure < 0 || sure > 1 || (class == Unknown) != (sure == 0) {
		t.Errorf("%s is %s with a confidence of %v", host, class, sure)
	}
}

const (
	alice = "198.51.100.20"
	bob   = "203.0.113.40"
	box   = "192.0.2.10"
)

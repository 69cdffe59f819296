package synth

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// sdp is a session description (RFC 8866).
type sdp struct {
	user             string
	session, version uint64
	conn             netip.Addr
	attrs            []string // of the session
	media            []mediaLine
}

// mediaLine is an m= section.
type mediaLine struct {
	kind   string
	port   uint16
	proto  string
	codecs []codec
	format string // instead of codecs
	conn   netip.Addr
	attrs  []string
	dir    string // sendrecv, sendonly, recvonly, inactive
}

// sdp describes one audio stream at the media address that p tells; each
// call raises the version.
func (p *party) sdp(codecs ...codec) *sdp {
	at := p.rtp
	if p.told.IsValid() {
		at = p.told
	}
	p.version++
	return &sdp{
		user: "-", session: p.session, version: p.session + p.version, conn: at.Addr(),
		media: []mediaLine{{kind: "audio", port: at.Port(), proto: "RTP/AVP", codecs: codecs, dir: "sendrecv"}},
	}
}

// direction sets the direction of the first medium.
func (s *sdp) direction(dir string) *sdp {
	s.media[0].dir = dir
	return s
}

// attr adds attributes to the first medium.
func (s *sdp) attr(lines ...string) *sdp {
	s.media[0].attrs = append(s.media[0].attrs, lines...)
	return s
}

func address(a netip.Addr) string {
	if a.Is4() {
		return "IN IP4 " + a.String()
	}
	return "IN IP6 " + a.String()
}

func (s *sdp) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("v=0")
	line("o=%s %d %d %s", s.user, s.session, s.version, address(s.conn))
	line("s=-")
	line("c=%s", address(s.conn))
	line("t=0 0")
	for _, a := range s.attrs {
		line("a=%s", a)
	}
	for _, m := range s.media {
		formats := []string{m.format}
		if m.format == "" {
			formats = nil
			for _, c := range m.codecs {
				formats = append(formats, strconv.Itoa(int(c.pt)))
			}
		}
		line("m=%s %d %s %s", m.kind, m.port, m.proto, strings.Join(formats, " "))
		if m.conn.IsValid() {
			line("c=%s", address(m.conn))
		}
		for _, c := range m.codecs {
			line("a=rtpmap:%d %s", c.pt, c.rtpmap)
			if c.fmtp != "" {
				line("a=fmtp:%d %s", c.pt, c.fmtp)
			}
		}
		if m.kind == "audio" && len(m.codecs) > 0 {
			line("a=ptime:%d", m.codecs[0].ptime.Milliseconds())
		}
		for _, a := range m.attrs {
			line("a=%s", a)
		}
		if m.dir != "" {
			line("a=%s", m.dir)
		}
	}
	return b.String()
}

package sip

import "net/netip"

// How much of one session description is kept; more is the defect SDPTooMany.
const (
	MaxMedia      = 32
	MaxFormats    = 64
	MaxCandidates = 64
	MaxSSRCs      = 32
	maxLines      = 16 // crypto lines of a medium, groups of a session
)

// Direction is which way media may flow, as the sender of the description sees it (RFC 8866 section 6.7).
type Direction uint8

// SendRecv is the default.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// String gives the name of the attribute.
func (d Direction) String() string {
	switch d {
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	default:
		return "sendrecv"
	}
}

// Origin is the o= line (RFC 8866 section 5.2). Its version grows with every change of the description (RFC 3264 section 8).
type Origin struct {
	Username  []byte
	SessionID []byte
	Version   []byte
	Address   []byte     // as it is written
	Addr      netip.Addr // invalid when Address is a host name
}

// SDP is a view of a session description. The zero value is ready; reuse it, its slices keep their room.
type SDP struct {
	Origin      Origin
	SessionName []byte
	Addr        netip.Addr // of the session's c=; invalid when there is none or it names a host
	Direction   Direction  // of the session; media inherit it
	Media       []Media
	Bundles     [][]byte // the identification tags, divided by spaces, of each a=group:BUNDLE (RFC 9143)
	ICELite     bool
	ICE         bool   // a=ice-ufrag of the session
	Fingerprint []byte // of the session (RFC 8122); media inherit it
	Setup       []byte // of the session (RFC 4145); media inherit it
	Defects     Defects

	present uint8 // which of the mandatory lines were seen
}

// Media is one m= section (RFC 8866 section 5.14).
type Media struct {
	Type        []byte // audio, video, image, application ...
	Port        uint16 // 0: rejected or switched off (RFC 3264 section 6)
	PortCount   int    // 1 unless the m= line says otherwise
	Proto       []byte // RTP/AVP, RTP/SAVP, UDP/TLS/RTP/SAVPF, udptl ...
	Addr        netip.Addr
	Direction   Direction
	Formats     []Format
	Ptime       uint16 // ms, 0 when it is not given
	Maxptime    uint16 // ms, 0 when it is not given
	RTCPPort    uint16 // of a=rtcp (RFC 3605), 0 when it is not given
	RTCPAddr    netip.Addr
	RTCPMux     bool // RFC 5761
	Crypto      bool // media are encrypted: a secure profile, a=crypto or a fingerprint
	CryptoLines [][]byte
	Fingerprint []byte
	Setup       []byte
	Candidates  []Candidate
	ICE         bool // a=ice-ufrag or candidates, here or in the session
	Mid         []byte
	Label       []byte // RFC 4574
	SSRCs       []SSRC // RFC 5576

	connection bool // a c= line of its own was seen
	directed   bool // a direction of its own was seen
}

// Format is one format of an m= line, with what a=rtpmap and a=fmtp say of it.
type Format struct {
	Text        []byte // as it is written in the m= line
	PayloadType int    // 0 to 127; -1 when the format is no number, as t38
	Codec       []byte // encoding name as it is written; of RFC 3551 when a static type has no rtpmap; else nil
	ClockRate   uint32 // Hz, 0 when it is not known
	Channels    uint8  // 1 unless rtpmap says otherwise
	Fmtp        []byte // parameters of a=fmtp without the format
	Mapped      bool   // a=rtpmap named it
}

// Candidate is one a=candidate line (RFC 8839 section 5.1).
type Candidate struct {
	Component int
	Transport []byte
	Addr      netip.AddrPort // invalid address when it is a name, as of mDNS
	Type      []byte         // host, srflx, prflx, relay
	RelAddr   netip.AddrPort // raddr and rport; zero when they are not given
}

// SSRC is one synchronisation source that a description announces.
type SSRC struct {
	ID    uint32
	CName []byte // nil when it is not given
}

// Parse makes s a view over b. It never fails: what it cannot read is a defect. It allocates only while the slices of
// s have not grown to the size of the descriptions that it meets.
func (s *SDP) Parse(b []byte) {
	s.reset()
	var medium *Media
	for len(b) > 0 {
		var line []byte
		line, b, _ = cut(b, '\n')
		line = trimRight(line)
		if len(line) == 0 {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			s.Defects |= SDPBadLine
			continue
		}
		value := line[2:len(line):len(line)]
		switch line[0] {
		case 'm':
			if len(s.Media) == MaxMedia {
				s.Defects |= SDPTooMany
				s.inherit()
				return
			}
			medium = s.addMedia()
			medium.readLine(value, &s.Defects)
		case 'a':
			if medium == nil {
				s.readAttribute(value)
			} else {
				medium.readAttribute(value, &s.Defects)
			}
		case 'c':
			s.readConnection(value, medium)
		default:
			if medium == nil {
				s.readSessionLine(line[0], value)
			}
		}
	}
	if s.present&allPresent != allPresent {
		s.Defects |= SDPMissingLine
	}
	s.inherit()
}

const (
	sawVersion = 1 << iota
	sawOrigin
	sawName
	sawTime
	sawConnection // not mandatory: every medium may have its own
	allPresent    = sawVersion | sawOrigin | sawName | sawTime
)

func (s *SDP) reset() {
	*s = SDP{Media: s.Media[:0], Bundles: s.Bundles[:0]}
}

// addMedia appends a section, with the room that an earlier use of its place has left.
func (s *SDP) addMedia() *Media {
	n := len(s.Media)
	if n < cap(s.Media) {
		s.Media = s.Media[:n+1]
	} else {
		s.Media = append(s.Media, Media{})
	}
	m := &s.Media[n]
	*m = Media{
		PortCount: 1, Formats: m.Formats[:0], CryptoLines: m.CryptoLines[:0],
		Candidates: m.Candidates[:0], SSRCs: m.SSRCs[:0],
	}
	return m
}

func (s *SDP) readSessionLine(letter byte, value []byte) {
	switch letter {
	case 'v':
		s.present |= sawVersion
		if string(value) != "0" {
			s.Defects |= SDPBadLine
		}
	case 'o':
		s.present |= sawOrigin
		s.readOrigin(value)
	case 's':
		s.present |= sawName
		s.SessionName = value
	case 't':
		s.present |= sawTime
	}
}

func (s *SDP) readOrigin(value []byte) {
	var nettype, addrtype []byte
	s.Origin.Username, value = word(value)
	s.Origin.SessionID, value = word(value)
	s.Origin.Version, value = word(value)
	nettype, value = word(value)
	addrtype, value = word(value)
	s.Origin.Address, value = word(value)
	if string(nettype) != "IN" || len(addrtype) == 0 || len(s.Origin.Address) == 0 || len(value) > 0 ||
		!allOf(s.Origin.SessionID, classDigit) || !allOf(s.Origin.Version, classDigit) {
		s.Defects |= SDPBadOrigin
	}
	s.Origin.Addr, _ = ParseAddr(s.Origin.Address)
}

// readConnection reads "IN IP4 address[/ttl][/count]" (RFC 8866 section 5.7). A medium may have several; the first counts.
func (s *SDP) readConnection(value []byte, medium *Media) {
	addr, defects := connection(value)
	s.Defects |= defects
	switch {
	case medium == nil:
		if !s.Addr.IsValid() {
			s.Addr = addr
		}
		s.present |= sawConnection
	case !medium.connection:
		medium.Addr, medium.connection = addr, true
	}
}

func connection(value []byte) (netip.Addr, Defects) {
	nettype, value := word(value)
	addrtype, value := word(value)
	text, _ := word(value)
	text, _, _ = cut(text, '/')
	if string(nettype) != "IN" || len(addrtype) != 3 || len(text) == 0 {
		return netip.Addr{}, SDPBadConnection
	}
	addr, ok := ParseAddr(text)
	switch {
	case ok:
		return addr, 0
	case allOf(text, classHost):
		return netip.Addr{}, SDPHostname
	}
	return netip.Addr{}, SDPBadConnection
}

// word cuts the first word off, and the spaces after it.
func word(b []byte) (first, rest []byte) {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	end := spaceIndex(b)
	if end < 0 {
		return b, nil
	}
	return b[:end:end], trimLeft(b[end:])
}

// inherit gives to media what the session says and they do not.
func (s *SDP) inherit() {
	for i := range s.Media {
		m := &s.Media[i]
		if !m.connection {
			m.Addr = s.Addr
			if m.Port != 0 && s.present&sawConnection == 0 {
				s.Defects |= SDPNoConnection
			}
		}
		if !m.directed {
			m.Direction = s.Direction
		}
		if m.Fingerprint == nil {
			m.Fingerprint = s.Fingerprint
		}
		if m.Setup == nil {
			m.Setup = s.Setup
		}
		m.ICE = m.ICE || s.ICE || len(m.Candidates) > 0
		m.Crypto = m.Crypto || len(m.CryptoLines) > 0 || m.Fingerprint != nil || isSecure(m.Proto)
		m.completeFormats()
	}
}

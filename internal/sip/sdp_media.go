package sip

import (
	"bytes"
	"net/netip"
)

// readLine reads "audio 49170[/2] RTP/AVP 0 8 96" (RFC 8866 section 5.14).
func (m *Media) readLine(value []byte, defects *Defects) {
	var port []byte
	m.Type, value = word(value)
	port, value = word(value)
	m.Proto, value = word(value)
	port, count, several := cut(port, '/')
	n, ok := number(port, 65535)
	m.Port = uint16(n)
	if several {
		c, counted := number(count, 65535)
		ok = ok && counted
		m.PortCount = max(1, int(c))
	}
	if !ok || len(m.Proto) == 0 || len(value) == 0 {
		*defects |= SDPBadMedia
	}
	for len(value) > 0 {
		var text []byte
		text, value = word(value)
		if len(text) == 0 {
			break
		}
		if len(m.Formats) == MaxFormats {
			*defects |= SDPTooMany
			break
		}
		f := Format{Text: text, PayloadType: -1, Channels: 1}
		if n, ok := number(text, 127); ok {
			f.PayloadType = int(n)
		}
		m.Formats = append(m.Formats, f)
	}
}

// readAttribute reads one a= line of a medium, without the "a=".
func (m *Media) readAttribute(line []byte, defects *Defects) {
	name, value, _ := cut(line, ':')
	switch string(name) {
	case "rtpmap":
		m.readRtpmap(value, defects)
	case "fmtp":
		format, params := word(value)
		if f := m.format(format); f != nil {
			f.Fmtp = params
		}
	case "ptime":
		m.Ptime = milliseconds(value, defects)
	case "maxptime":
		m.Maxptime = milliseconds(value, defects)
	case "rtcp":
		m.readRTCP(value, defects)
	case "rtcp-mux", "rtcp-mux-only":
		m.RTCPMux = true
	case "crypto":
		if len(m.CryptoLines) == maxLines {
			*defects |= SDPTooMany
			return
		}
		m.CryptoLines = append(m.CryptoLines, value)
	case "fingerprint":
		m.Fingerprint = value
	case "setup":
		m.Setup = value
	case "candidate":
		m.readCandidate(value, defects)
	case "ice-ufrag":
		m.ICE = true
	case "mid":
		m.Mid = value
	case "label":
		m.Label = value
	case "ssrc":
		m.readSSRC(value, defects)
	default:
		if d, ok := direction(name); ok {
			m.Direction, m.directed = d, true
		}
	}
}

// readAttribute reads one a= line of the session, without the "a=".
func (s *SDP) readAttribute(line []byte) {
	name, value, _ := cut(line, ':')
	switch string(name) {
	case "group":
		kind, tags := word(value)
		if string(kind) != "BUNDLE" {
			return
		}
		if len(s.Bundles) == maxLines {
			s.Defects |= SDPTooMany
			return
		}
		s.Bundles = append(s.Bundles, tags)
	case "ice-lite":
		s.ICELite = true
	case "ice-ufrag":
		s.ICE = true
	case "fingerprint":
		s.Fingerprint = value
	case "setup":
		s.Setup = value
	default:
		if d, ok := direction(name); ok {
			s.Direction = d
		}
	}
}

func direction(name []byte) (Direction, bool) {
	switch string(name) {
	case "sendrecv":
		return SendRecv, true
	case "sendonly":
		return SendOnly, true
	case "recvonly":
		return RecvOnly, true
	case "inactive":
		return Inactive, true
	}
	return SendRecv, false
}

// format finds a format of the m= line by its text.
func (m *Media) format(text []byte) *Format {
	for i := range m.Formats {
		if bytes.Equal(m.Formats[i].Text, text) {
			return &m.Formats[i]
		}
	}
	return nil
}

// readRtpmap reads "96 opus/48000[/2]" (RFC 8866 section 6.6). A map of a format that the m= line does not have is no
// defect: offers often carry leftovers.
func (m *Media) readRtpmap(value []byte, defects *Defects) {
	text, encoding := word(value)
	if len(encoding) == 0 {
		*defects |= SDPBadAttribute
		return
	}
	f := m.format(text)
	if f == nil {
		return
	}
	name, rest, hasRate := cut(encoding, '/')
	rate, channels, hasChannels := cut(rest, '/')
	f.Codec, f.Mapped = trim(name), true
	if !hasRate {
		*defects |= SDPNoClockRate
		return
	}
	n, ok := number(trim(rate), 1<<32-1)
	f.ClockRate = uint32(n)
	if !ok || n == 0 {
		*defects |= SDPBadAttribute
	}
	if hasChannels {
		// Of video and of some codecs what stands here is another parameter, so it is no defect when it is no count.
		if c, ok := number(trim(channels), 255); ok && c > 0 {
			f.Channels = uint8(c)
		}
	}
}

// milliseconds reads a time that is whole milliseconds by the grammar and has a fraction in some networks.
func milliseconds(value []byte, defects *Defects) uint16 {
	whole, _, _ := cut(trim(value), '.')
	n, ok := number(whole, 65535)
	if !ok {
		*defects |= SDPBadAttribute
	}
	return uint16(n)
}

// readRTCP reads "53020 [IN IP4 126.16.64.4]" (RFC 3605 section 2.1).
func (m *Media) readRTCP(value []byte, defects *Defects) {
	port, value := word(value)
	n, ok := number(port, 65535)
	if !ok {
		*defects |= SDPBadAttribute
		return
	}
	m.RTCPPort = uint16(n)
	if len(value) > 0 {
		addr, d := connection(value)
		if d.Has(SDPBadConnection) {
			d = SDPBadAttribute
		}
		m.RTCPAddr = addr
		*defects |= d
	}
}

// readCandidate reads "foundation component transport priority address port typ type [raddr a rport p] ..."
// (RFC 8839 section 5.1).
func (m *Media) readCandidate(value []byte, defects *Defects) {
	var c Candidate
	var component, addr, port, typ []byte
	_, value = word(value)
	component, value = word(value)
	c.Transport, value = word(value)
	_, value = word(value)
	addr, value = word(value)
	port, value = word(value)
	typ, value = word(value)
	c.Type, value = word(value)
	n, okComponent := number(component, 256)
	p, okPort := number(port, 65535)
	if !okComponent || !okPort || string(typ) != "typ" || len(c.Type) == 0 {
		*defects |= SDPBadAttribute
		return
	}
	c.Component = int(n)
	a, _ := ParseAddr(addr)
	c.Addr = netip.AddrPortFrom(a, uint16(p))
	var related netip.Addr
	var relatedPort uint64
	for len(value) > 0 {
		var key, text []byte
		key, value = word(value)
		text, value = word(value)
		switch string(key) {
		case "raddr":
			related, _ = ParseAddr(text)
		case "rport":
			relatedPort, _ = number(text, 65535)
		}
	}
	if related.IsValid() {
		c.RelAddr = netip.AddrPortFrom(related, uint16(relatedPort))
	}
	if len(m.Candidates) == MaxCandidates {
		*defects |= SDPTooMany
		return
	}
	m.Candidates = append(m.Candidates, c)
}

// readSSRC reads "1234 cname:x" (RFC 5576 section 4.1), one entry a source.
func (m *Media) readSSRC(value []byte, defects *Defects) {
	id, attribute := word(value)
	n, ok := number(id, 1<<32-1)
	if !ok {
		*defects |= SDPBadAttribute
		return
	}
	var source *SSRC
	for i := range m.SSRCs {
		if m.SSRCs[i].ID == uint32(n) {
			source = &m.SSRCs[i]
		}
	}
	if source == nil {
		if len(m.SSRCs) == MaxSSRCs {
			*defects |= SDPTooMany
			return
		}
		m.SSRCs = append(m.SSRCs, SSRC{ID: uint32(n)})
		source = &m.SSRCs[len(m.SSRCs)-1]
	}
	if name, text, _ := cut(attribute, ':'); string(name) == "cname" {
		source.CName = text
	}
}

// isSecure says whether a profile is one of SRTP: RTP/SAVP, RTP/SAVPF, UDP/TLS/RTP/SAVPF ...
func isSecure(proto []byte) bool {
	return bytes.Contains(proto, []byte("SAVP")) || bytes.Contains(proto, []byte("DTLS"))
}

// RTP gives the address that media are to be sent to, as far as the description knows: not valid for a host name.
func (m *Media) RTP() netip.AddrPort { return netip.AddrPortFrom(m.Addr, m.Port) }

// RTCP gives the address that RTCP is to be sent to: that of RTP with rtcp-mux, of a=rtcp where it stands, else the
// port after that of RTP (RFC 3550 section 11). An offer with rtcp-mux may still see RTCP at either place.
func (m *Media) RTCP() netip.AddrPort {
	switch {
	case m.RTCPPort != 0:
		if m.RTCPAddr.IsValid() {
			return netip.AddrPortFrom(m.RTCPAddr, m.RTCPPort)
		}
		return netip.AddrPortFrom(m.Addr, m.RTCPPort)
	case m.RTCPMux || m.Port == 0 || m.Port == 65535:
		return m.RTP()
	}
	return netip.AddrPortFrom(m.Addr, m.Port+1)
}

// Transport is the section whose address and candidates the media of section i
// use: the first accepted one of its BUNDLE group (RFC 9143 section 7.2), else
// itself. Until the answer accepts the group, its own may be used, too.
func (s *SDP) Transport(i int) *Media {
	m := &s.Media[i]
	if len(m.Mid) == 0 {
		return m
	}
	for _, tags := range s.Bundles {
		if !hasTag(tags, m.Mid) {
			continue
		}
		for j := range s.Media {
			if o := &s.Media[j]; o.Port != 0 && len(o.Mid) > 0 && hasTag(tags, o.Mid) {
				return o
			}
		}
	}
	return m
}

// hasTag reports whether one of the tags, divided by spaces, is tag.
func hasTag(tags, tag []byte) bool {
	for len(tags) > 0 {
		var one []byte
		if one, tags = word(tags); bytes.Equal(one, tag) {
			return true
		}
	}
	return false
}

// Placed reports whether an address tells where media go to: not 0.0.0.0, which
// stands for hold, or for candidates that are told instead.
func (m *Media) Placed() bool { return m.Port != 0 && m.Addr.IsValid() && !m.Addr.IsUnspecified() }

// Held says whether the sender of the description asks not to be sent media: sendonly, inactive, or the address 0.0.0.0
// of RFC 2543 where no candidates stand for it.
func (m *Media) Held() bool {
	return m.Direction == SendOnly || m.Direction == Inactive || m.Addr.IsValid() && m.Addr.IsUnspecified() && !m.ICE
}

// completeFormats names the static payload types that have no a=rtpmap.
func (m *Media) completeFormats() {
	for i := range m.Formats {
		f := &m.Formats[i]
		if f.PayloadType < 0 || f.PayloadType >= len(staticTypes) || staticTypes[f.PayloadType].codec == "" {
			continue
		}
		static := &staticTypes[f.PayloadType]
		if !f.Mapped {
			f.Codec, f.Channels = staticNames[f.PayloadType], static.channels
		}
		if f.ClockRate == 0 && (!f.Mapped || equalFoldAny(f.Codec, static.codec)) {
			f.ClockRate = static.clockRate
		}
	}
}

type staticType struct {
	codec     string
	clockRate uint32
	channels  uint8
}

// staticTypes are the payload types that RFC 3551 section 6, tables 4 and 5, assigns. G722's clock is 8,000 there, in error and for good.
var staticTypes = [35]staticType{
	0: {"PCMU", 8000, 1}, 3: {"GSM", 8000, 1}, 4: {"G723", 8000, 1}, 5: {"DVI4", 8000, 1}, 6: {"DVI4", 16000, 1},
	7: {"LPC", 8000, 1}, 8: {"PCMA", 8000, 1}, 9: {"G722", 8000, 1}, 10: {"L16", 44100, 2}, 11: {"L16", 44100, 1},
	12: {"QCELP", 8000, 1}, 13: {"CN", 8000, 1}, 14: {"MPA", 90000, 1}, 15: {"G728", 8000, 1}, 16: {"DVI4", 11025, 1},
	17: {"DVI4", 22050, 1}, 18: {"G729", 8000, 1}, 25: {"CelB", 90000, 1}, 26: {"JPEG", 90000, 1}, 28: {"nv", 90000, 1},
	31: {"H261", 90000, 1}, 32: {"MPV", 90000, 1}, 33: {"MP2T", 90000, 1}, 34: {"H263", 90000, 1},
}

// staticNames are the codecs of staticTypes as bytes, made once so that a parse makes none.
var staticNames = func() (names [len(staticTypes)][]byte) {
	for i := range staticTypes {
		names[i] = []byte(staticTypes[i].codec)
	}
	return names
}()

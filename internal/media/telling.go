package media

import "github.com/earshot-voip/earshot/internal/signal"

// SetPayload tells what SDP said of a payload type: its encoding name ("opus",
// "telephone-event", "CN") and clock rate in Hz. It may be called at any time
// and again. If the stream was metered at the candidate rates, the history of
// the right one is kept.
func (m *Meter) SetPayload(pt uint8, name string, clockRate uint32) {
	m.set(pt, name, clockRate, false)
}

func (m *Meter) set(pt uint8, name string, clockRate uint32, video bool) {
	pt &= 0x7f
	if clockRate == 0 {
		if s, ok := StaticPayloadType(pt); ok {
			clockRate = s.ClockRate
		}
	}
	kind := kindOf(name)
	m.learn(payload{pt: pt, kind: kind, video: video, clock: clockRate, codec: signal.CodecOf(name, clockRate)})
	if m.candidates != nil && pt == m.unknownPT {
		if kind != kindMedia {
			clockRate = 0 // what was metered was no media
		}
		m.chooseCandidate(clockRate)
	}
	if pt == m.pt {
		m.use(m.lookup(pt))
	}
}

// learn replaces what was known of a payload type. There are 128 of them.
func (m *Meter) learn(p payload) {
	for i := range m.payloads {
		if m.payloads[i].pt == p.pt {
			if old := m.payloads[i]; old.told != 0 && old.told == p.clock { // the same again
				p.told, p.clock = old.told, old.clock
			}
			m.payloads[i] = p
			return
		}
	}
	m.payloads = append(m.payloads, p)
}

// lookup returns what is known of a payload type: told, guessed or static.
func (m *Meter) lookup(pt uint8) payload {
	for i := range m.payloads {
		if m.payloads[i].pt == pt {
			return m.payloads[i]
		}
	}
	if s, ok := StaticPayloadType(pt); ok {
		return payload{pt: pt, kind: kindOf(s.Name), video: s.Media == "video" && s.Name != "MP2T", clock: s.ClockRate, codec: signal.CodecOf(s.Name, s.ClockRate)}
	}
	return payload{pt: pt, kind: kindUnknown}
}

// use makes p the payload type of the latest packet.
func (m *Meter) use(p payload) {
	if p.kind == kindMedia && p.clock == 0 {
		p.kind = kindUnknown // named, but metered like what has no name
	}
	m.pt, m.kind, m.clock, m.video = p.pt, p.kind, p.clock, p.video
	m.unsure = p.guessed || p.kind == kindUnknown
	m.msPerTick = 0
	m.codec = signal.None
	if m.sound != nil && m.sound.listens {
		m.codec = p.codec
	}
	if p.kind == kindMedia {
		m.msPerTick = 1000 / float64(p.clock)
		m.mediaClock = p.clock
		m.unknownRun = 0
		if m.candidates != nil && m.candidates[0].empty() {
			m.jitter, m.candidates = jitterTrack{}, nil // a stray packet of unknown type came first
		}
	}
}

// resolve finds kind and clock of a packet's payload type when it changed, or
// when nobody told them.
func (m *Meter) resolve(h *RTPHeader, packet []byte) {
	p := m.lookup(h.PayloadType)
	if p.kind == kindUnknown && !p.guessed || p.kind == kindEvent && p.guessed {
		p.kind, p.guessed = kindUnknown, true
		if looksLikeEvent(h, packet) {
			p.kind = kindEvent
		}
		m.learn(p)
	}
	if p.pt != m.pt {
		m.stepValid = false
		m.pace = pace{done: p.told != 0}
	}
	m.use(p)
}

// looksLikeEvent guesses RFC 4733 section 2.3 where no SDP names the payload
// type: a dynamic one, four bytes, a DTMF digit or flash (or a gateway's named
// signal event), the reserved bit 0. No audio codec in use has frames of four
// bytes; if a packet of the same type with another length follows, the guess
// is dropped.
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     event     |E|R| volume    |          duration             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
func looksLikeEvent(h *RTPHeader, packet []byte) bool {
	if h.PayloadType < 96 || h.PayloadLen != 4 || len(packet) < h.PayloadOffset+4 {
		return false
	}
	event := packet[h.PayloadOffset]
	return packet[h.PayloadOffset+1]&0x40 == 0 && (event <= 16 || event >= 192 && event <= 193)
}

package packet

import (
	"bytes"
	"time"
)

// Opcodes and bits of a frame (RFC 6455 section 5.2).
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPong         = 10

	bitFIN  = 0x80
	bitRSV1 = 0x40 // compressed: permessage-deflate (RFC 7692 section 6)
	bitsRSV = 0x70
	bitMask = 0x80

	maxControlFrame = 125 // bytes of payload
	maxHandshake    = 16 << 10
)

// webSocket is one direction of a WebSocket connection.
type webSocket struct {
	sip     bool   // the handshake named it, or a message was SIP
	lost    bool   // where frames begin is not known
	within  bool   // a message began and did not end
	refused bool   // that message gives nothing: it is compressed
	message []byte // its fragments up to now, unmasked
}

// toWebSocket goes on with frames. sip tells that they are known to carry SIP.
func (f *framing) toWebSocket(sip bool) {
	f.kind, f.misses = webSocketStream, 0
	f.web = webSocket{sip: sip}
	if f.transport == TCP || f.transport == TLS {
		f.transport = WS
	}
}

// lose notes that bytes are missing.
func (w *webSocket) lose() {
	w.lost, w.within, w.refused, w.message = true, false, false, nil
}

// upgrade tells whether b begins with an opening handshake (RFC 6455 section
// 4), and how long it is.
func upgrade(b []byte) (int, verdict) {
	if !bytes.HasPrefix(b, []byte("GET ")) && !bytes.HasPrefix(b, []byte("HTTP/1.1 101")) {
		return 0, no
	}
	end, _ := headersEnd(b, 0)
	switch {
	case end == 0 && len(b) < maxHandshake:
		return 0, maybe
	case end == 0, !bytes.Contains(bytes.ToLower(b[:end]), []byte("\nupgrade:")),
		!bytes.Contains(bytes.ToLower(b[:end]), []byte("websocket")):
		return 0, no
	}
	return end, yes
}

// speaksSIP tells whether a handshake offers or takes the subprotocol sip
// (RFC 7118 section 4.1).
func speaksSIP(handshake []byte) bool {
	for line := range bytes.Lines(handshake) {
		name, value, _ := bytes.Cut(line, []byte{':'})
		if !bytes.EqualFold(name, []byte("Sec-WebSocket-Protocol")) {
			continue
		}
		for protocol := range bytes.SplitSeq(value, []byte{','}) {
			if bytes.EqualFold(bytes.TrimSpace(protocol), []byte("sip")) {
				return true
			}
		}
	}
	return false
}

// frameHeader is the header of a frame.
type frameHeader struct {
	size   int // bytes of the header
	flags  byte
	mask   []byte // nil where the payload is not masked
	length uint64 // of the payload
}

// readFrameHeader is not ok where b is too short.
func readFrameHeader(b []byte) (h frameHeader, ok bool) {
	if len(b) < 2 {
		return frameHeader{}, false
	}
	h = frameHeader{size: 2, flags: b[0], length: uint64(b[1] &^ bitMask)}
	switch h.length {
	case 126:
		h.size = 4
	case 127:
		h.size = 10
	}
	masked := b[1]&bitMask != 0
	if masked {
		h.size += 4
	}
	if len(b) < h.size {
		return frameHeader{}, false
	}
	switch h.length {
	case 126:
		h.length = uint64(be.Uint16(b[2:]))
	case 127:
		h.length = be.Uint64(b[2:])
	}
	if masked {
		h.mask = b[h.size-4 : h.size]
	}
	return h, true
}

func (h *frameHeader) opcode() byte { return h.flags & 0x0f }

// valid tells whether the header may be one (RFC 6455 section 5.2): a stream
// that has lost its frames gives any bytes.
func (h *frameHeader) valid() bool {
	switch op := h.opcode(); {
	case op <= opBinary:
		return h.flags&(bitsRSV&^bitRSV1) == 0
	case op >= opClose && op <= opPong:
		return h.flags&bitsRSV == 0 && h.flags&bitFIN != 0 && h.length <= maxControlFrame
	}
	return false
}

// unmask appends payload, which begins the frame's, to b.
func (h *frameHeader) unmask(b, payload []byte) []byte {
	at := len(b)
	b = append(b, payload...)
	if h.mask != nil {
		for i := range payload {
			b[at+i] ^= h.mask[i&3]
		}
	}
	return b
}

// frameOfSIP tells whether b begins with a frame that begins a SIP message.
func frameOfSIP(b []byte) verdict {
	if op := b[0] & 0x0f; op != opText && op != opBinary || b[0]&bitsRSV != 0 {
		return no
	}
	h, ok := readFrameHeader(b)
	if !ok {
		return maybe
	}
	if h.length < uint64(len("SIP/2.0 200")) || h.length > maxContentLength {
		return no
	}
	payload := b[h.size:min(uint64(len(b)), uint64(h.size)+min(h.length, maxStartLine))]
	if h.mask != nil {
		payload = h.unmask(nil, payload)
	}
	if len(payload) == 0 {
		return maybe
	}
	v := startLine(payload)
	if v == maybe && uint64(len(payload)) == h.length {
		return no // it would have to go on in another frame
	}
	return v
}

// splitWebSocket takes one frame, and gives the message that it completes.
func (d *Decoder) splitWebSocket(s *stream, f *framing, b []byte, t time.Time) (int, bool) {
	w := &f.web
	if w.lost {
		switch frameOfSIP(b) {
		case no:
			f.skip(lostReason(s))
			return len(b), true
		case maybe:
			return 0, true
		case yes:
			w.lost = false
		}
	}
	h, ok := readFrameHeader(b)
	if !ok {
		return 0, true
	}
	if op := h.opcode(); !h.valid() || op < opClose && (op == opContinuation) != w.within || h.length > uint64(d.opt.StreamBytes) {
		// No frame, or one too long to wait for.
		w.lose()
		f.skip(lostReason(s))
		if !w.sip {
			f.refuse(ReasonWebSocket)
		}
		return len(b), true
	}
	end := h.size + int(h.length)
	if len(b) < end {
		return 0, true
	}
	payload := b[h.size:end]
	switch op := h.opcode(); {
	case op >= opClose:
		return end, false
	case op != opContinuation:
		w.refused = h.flags&bitRSV1 != 0
	}
	w.within = h.flags&bitFIN == 0
	if w.refused {
		f.skip(ReasonWebSocketDeflate)
		return end, false
	}
	if h.mask != nil || w.within || w.message != nil {
		w.message = h.unmask(w.message, payload)
		payload = w.message
	}
	if !w.within {
		w.message = nil
		d.webSocketMessage(s, f, payload, t)
	}
	return end, false
}

// webSocketMessage gives a message, which is one of SIP (RFC 7118 section 5).
func (d *Decoder) webSocketMessage(s *stream, f *framing, b []byte, t time.Time) {
	b = bytes.TrimLeft(b, "\r\n")
	switch {
	case len(b) == 0: // keep-alive (RFC 5626 section 3.5.1)
	case startLine(b) == yes:
		f.web.sip = true
		d.prove(s)
		d.emit(s, f, b, KindSIP, t)
	default:
		f.skip(ReasonWebSocket)
		if f.misses++; f.misses >= maxMissesOpened && !f.web.sip {
			f.refuse(ReasonWebSocket)
		}
	}
}

// partial is what there is of the message whose last frame begins b.
func (w *webSocket) partial(b []byte) []byte {
	h, ok := readFrameHeader(b)
	if !ok || w.refused || h.flags&bitRSV1 != 0 || h.opcode() > opBinary {
		return w.message
	}
	return h.unmask(w.message, b[h.size:])
}

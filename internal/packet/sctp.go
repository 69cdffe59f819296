package packet

import (
	"bytes"
	"net/netip"
)

// Chunk types and flags of SCTP.
const (
	chunkDATA  = 0  // RFC 9260 section 3.3.1
	chunkIDATA = 64 // RFC 8260 section 2.1

	flagEnd       = 1
	flagBegin     = 2
	flagUnordered = 4

	sctpHeader  = 12
	dataHeader  = 16
	idataHeader = 20
)

// sctp decodes a packet (RFC 9260 section 3) and gives the SIP messages that it
// completes, one a user message (RFC 4168 section 5). They are given as they
// come: none waits for one before it that has to be sent again.
func (d *Decoder) sctp(b []byte) {
	if len(b) < sctpHeader {
		d.short()
		return
	}
	k := associationKey{be.Uint32(b[4:]), be.Uint16(b), be.Uint16(b[2:]), d.at.vlan, d.at.tunnel}
	outcome, rest := chunkControl, b[sctpHeader:]
	if len(rest) < 4 {
		outcome = chunkMalformed
	}
	for len(rest) >= 4 {
		length := int(be.Uint16(rest[2:]))
		if length < 4 || length > len(rest)+d.at.missing {
			outcome = max(outcome, chunkMalformed)
			break
		}
		chunk := rest[:min(length, len(rest))]
		if rest[0] == chunkDATA || rest[0] == chunkIDATA {
			outcome = max(outcome, d.chunk(k, chunk, len(chunk) < length))
		}
		rest = rest[min(len(rest), (length+3)&^3):]
	}
	switch outcome {
	case chunkControl:
		d.book(&d.stats.Control)
	case chunkMalformed:
		d.short()
	case chunkOther:
		d.count(ReasonSCTP)
	case chunkHeld: // its fragment counts the frames
	case chunkGiven:
		d.book(&d.stats.Decoded)
	}
}

// chunkOutcome is what became of a chunk. Of those of a packet the greatest
// says where its frames are counted.
type chunkOutcome uint8

const (
	chunkControl   chunkOutcome = iota // no user data, or such as came before
	chunkMalformed                     // a length that contradicts the bytes, or cut off
	chunkOther                         // user data that is not SIP
	chunkGiven                         // it completed a message
	chunkHeld                          // a fragment that waits
)

// book counts the frames of the packet at hand, once.
func (d *Decoder) book(c *uint64) {
	*c += uint64(d.at.frames)
	d.at.frames = 0
}

// chunk takes the user data of a DATA or I-DATA chunk.
func (d *Decoder) chunk(k associationKey, b []byte, cut bool) chunkOutcome {
	header := dataHeader
	if b[0] == chunkIDATA {
		header = idataHeader
	}
	if len(b) <= header { // RFC 9260 section 6.10: no user data is an error
		return chunkMalformed
	}
	tsn := be.Uint32(b[4:])
	p := part{
		of:     userMessage{stream: be.Uint16(b[8:]), flags: b[0] | b[1]&flagUnordered},
		place:  tsn,
		begin:  b[1]&flagBegin != 0,
		end:    b[1]&flagEnd != 0,
		Packet: d.userData(k, b[header:]),
	}
	if b[0] == chunkIDATA {
		p.of.id, p.place = be.Uint32(b[12:]), be.Uint32(b[16:])
		if p.begin { // the PPID stands where others have the FSN
			p.place = 0
		}
	}
	a := d.association(k, tsn)
	if a.repeats(tsn) {
		return chunkControl
	}
	switch {
	case cut:
		if p.begin && wholeHeaders(p.Payload) {
			d.stats.Cut++
			return d.giveUserMessage(a, p.Packet)
		}
		return chunkMalformed
	case p.begin && p.end:
		return d.giveUserMessage(a, p.Packet)
	case p.begin && startLine(trimCRLF(p.Payload)) == no:
		return chunkOther
	}
	return d.assemble(a, p)
}

// userData is a Packet of user data of the packet at hand.
func (d *Decoder) userData(k associationKey, b []byte) Packet {
	src, dst := addresses(d.at.ip)
	p := Packet{
		Time:      d.at.time,
		Src:       netip.AddrPortFrom(src, k.srcPort),
		Dst:       netip.AddrPortFrom(dst, k.dstPort),
		Transport: SCTP,
		Kind:      KindSIP,
		VLAN:      d.at.vlan,
		WireLen:   d.at.wireLen,
		Payload:   b,
	}
	p.TTL, p.DSCP = hop(d.at.ip)
	return p
}

// giveUserMessage gives a whole user message if it is SIP.
func (d *Decoder) giveUserMessage(a *association, p Packet) chunkOutcome {
	p.Payload = trimCRLF(p.Payload)
	if len(p.Payload) == 0 {
		return chunkControl // keep-alive
	}
	if startLine(p.Payload) != yes {
		return chunkOther
	}
	d.proveAssociation(a)
	*d.slot() = p
	return chunkGiven
}

func trimCRLF(b []byte) []byte { return bytes.TrimLeft(b, "\r\n") }

// wholeHeaders tells whether b begins with the whole header section of a SIP
// message.
func wholeHeaders(b []byte) bool {
	if startLine(b) != yes {
		return false
	}
	end, _ := headersEnd(b, 0)
	return end > 0
}

// userMessage tells to which message a fragment belongs.
type userMessage struct {
	stream uint16
	flags  uint8  // chunkIDATA and flagUnordered
	id     uint32 // MID of I-DATA; of DATA, the TSNs in a row say it
}

// part is a fragment of a user message. Its Payload is the fragment's.
type part struct {
	of         userMessage
	place      uint32 // TSN, or FSN of I-DATA
	begin, end bool
	frames     int
	Packet
}

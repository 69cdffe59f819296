package synth

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/rtcp"

	"github.com/earshot-voip/earshot/internal/packet"
)

// reportEvery is how often an endpoint reports (RFC 3550 6.2: 5 s at least).
const reportEvery = 5 * time.Second

// reporter is the RTCP of one endpoint of a session: what it sends, and how
// what it receives came in. It is a source; each report is made when it is
// due, from what the tap has seen until then.
type reporter struct {
	src, dst netip.AddrPort
	callID   string
	own      *streamMeter // nil: it sends no media
	heard    *streamMeter // nil: it hears none
	sender   *sender
	other    *reporter
	away     time.Duration // one way between the tap and this endpoint
	due      micros        // at the tap
	until    micros
	bye      bool
	copied   bool // the tap's switch copies each packet

	repeat []byte // the copy that is due

	srAt, srNTP  uint64 // last sender report: at the tap in us, and the middle of its NTP time
	sentBefore   uint64
	expectBefore uint64
	uniqueBefore uint64
	finished     bool
}

func (p *reporter) peek() (micros, bool) { return p.due, !p.finished }

func (p *reporter) take(r *run, e *emission) bool {
	*e = emission{
		at: p.due, src: p.src, dst: p.dst, transport: packet.UDP, kind: packet.KindRTCP, dscp: 46, ttl: 62,
		ipID: uint16(p.due/1000) + p.src.Port(), callID: p.callID, sealed: p.sender.srtp,
	}
	if p.repeat != nil {
		e.payload, e.ipID, p.repeat = p.repeat, uint16((p.due-30)/1000)+p.src.Port(), nil
		p.due += inMicros(reportEvery) - 30
		p.finished = p.due > p.until
		return true
	}
	last := p.due+inMicros(reportEvery) > p.until
	e.payload = p.report(r, p.bye && last)
	if p.copied {
		p.repeat = e.payload
		p.due += 30
		return true
	}
	p.due += inMicros(reportEvery)
	p.finished = last
	return true
}

// ntp is the NTP form of a time (RFC 5905: 32.32 since 1900).
func ntp(t time.Time) uint64 {
	us := uint64(t.UnixMicro())
	return (us/1e6+2208988800)<<32 | (us%1e6<<32)/1e6
}

func (p *reporter) report(r *run, bye bool) []byte {
	var blocks []rtcp.ReceptionReport
	if p.heard != nil && p.heard.number > 0 {
		blocks = append(blocks, p.block())
	}
	var packets []rtcp.Packet
	if p.own != nil && p.own.sent > p.sentBefore {
		left := p.due - inMicros(p.away) // when the endpoint sent it, on its own clock
		now := ntp(r.time(left))
		p.srAt, p.srNTP = uint64(p.due), now>>16&0xffffffff
		s := p.sender
		packets = append(packets, &rtcp.SenderReport{
			SSRC: s.ssrc, NTPTime: now,
			RTPTime:     p.own.flow.ts + uint32(int64(left-p.own.flow.now)*int64(s.clock)/1e6),
			PacketCount: uint32(p.own.sent), OctetCount: uint32(p.own.octets), Reports: blocks,
		})
		p.sentBefore = p.own.sent
	} else {
		packets = append(packets, &rtcp.ReceiverReport{SSRC: p.sender.ssrc, Reports: blocks})
	}
	packets = append(packets, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: p.sender.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: p.sender.cname}},
	}}})
	if bye {
		packets = append(packets, &rtcp.Goodbye{Sources: []uint32{p.sender.ssrc}})
	}
	b, err := rtcp.Marshal(packets)
	if err != nil {
		panic("synth: own RTCP does not marshal: " + err.Error())
	}
	if p.sender.srtp {
		// RFC 3711 3.4: clear to the sender's SSRC, then ciphertext, E and
		// index, tag.
		for i := 8; i < len(b); i++ {
			b[i] ^= byte(i*73 + int(p.due))
		}
		b = binary.BigEndian.AppendUint32(b, 1<<31|uint32(p.sentBefore))
		b = append(b, b[8:18]...)
	}
	return b
}

// block is the reception report about what p hears: nothing is lost after the
// tap, so it says what the tap saw (RFC 3550 6.4.1).
func (p *reporter) block() rtcp.ReceptionReport {
	h := p.heard
	expected := h.expected()
	lost := int64(expected) - int64(h.unique)
	b := rtcp.ReceptionReport{
		SSRC: h.key.ssrc, TotalLost: uint32(lost), Jitter: uint32(h.jitter),
		LastSequenceNumber: h.high,
	}
	if interval := expected - p.expectBefore; interval > 0 {
		gone := int64(interval) - int64(h.unique-p.uniqueBefore)
		b.FractionLost = uint8(min(max(gone, 0)*256/int64(interval), 255))
	}
	p.expectBefore, p.uniqueBefore = expected, h.unique
	about := &rtcpAbout{lost: lost, jitterMs: float64(b.Jitter) * 1000 / float64(max(h.codec.clock, 1))}
	if p.other != nil && p.other.srNTP != 0 {
		held := p.due - micros(p.other.srAt) - 2*inMicros(p.away)
		if held >= 0 {
			b.LastSenderReport = uint32(p.other.srNTP)
			b.Delay = uint32(int64(held) * 65536 / 1e6)
			about.rttMs = new(float64(2*p.away) / float64(time.Millisecond))
		}
	}
	if about.rttMs == nil && h.report != nil {
		about.rttMs = h.report.rttMs
	}
	h.report = about
	return b
}

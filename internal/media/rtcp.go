package media

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// RTCP packet types.
const (
	TypeSR    = 200 // RFC 3550 section 6.4.1
	TypeRR    = 201 // RFC 3550 section 6.4.2
	TypeSDES  = 202
	TypeBYE   = 203
	TypeAPP   = 204
	TypeRTPFB = 205 // RFC 4585
	TypePSFB  = 206
	TypeXR    = 207 // RFC 3611
)

// RTCP is one compound packet. It is reused: ParseRTCP empties it and appends
// into its slices. Byte slices alias the parsed bytes.
type RTCP struct {
	SSRC    uint32  // of the first packet
	Types   []uint8 // packet types in order
	Senders []SenderReport
	Blocks  []ReportBlock // of all SR and RR packets
	SDES    []SDESItem
	Bye     []uint32 // SSRCs that left
	// ByeReason is the reason of the last BYE; nil when it told none.
	ByeReason []byte
	Apps      []App
	VoIP      []VoIPMetrics
	Reference []ReceiverReference
	DLRR      []DLRR
	MOS       []MOSBlock
	// Encrypted is set when the bytes behind the first packet's header and
	// SSRC are SRTCP's (RFC 3711 section 3.4): then only SSRC and the first
	// type are known.
	Encrypted bool
}

// SenderReport is the sender information of an SR.
type SenderReport struct {
	SSRC    uint32
	NTP     uint64 // seconds since 1900 and 2^-32 s, RFC 3550 section 4
	RTPTime uint32 // the same moment in the stream's RTP clock
	Packets uint32
	Octets  uint32
}

// ReportBlock is what a receiver said of one stream it hears, RFC 3550
// section 6.4.1.
type ReportBlock struct {
	Reporter     uint32 // SSRC of whoever reports
	SSRC         uint32 // the stream reported on
	FractionLost uint8  // of 256, since the report before
	Lost         int32  // cumulative, expected minus received, duplicates included: may be negative (24 bits)
	Highest      uint32 // extended highest sequence number
	Jitter       uint32 // in RTP clock units
	LSR          uint32 // middle 32 bits of the NTP time of the last SR; 0 when none came
	DLSR         uint32 // time since that SR, 1/65536 s
}

// SDESItem is one source description item, RFC 3550 section 6.5.
type SDESItem struct {
	SSRC uint32
	Type uint8 // 1 CNAME, 2 NAME, 3 EMAIL, 4 PHONE, 5 LOC, 6 TOOL, 7 NOTE, 8 PRIV
	Text []byte
}

// App is one application-defined packet, RFC 3550 section 6.7.
type App struct {
	SSRC    uint32
	Subtype uint8
	Name    [4]byte
	Data    []byte
}

// VoIPMetrics is an XR block of type 7, RFC 3611 section 4.7, as it is on the
// wire: rates in 1/256, durations and delays in ms, levels in dBm, 127 where
// R, signal, noise, RERL and MOS are not known, MOS times 10.
type VoIPMetrics struct {
	Reporter, SSRC                 uint32
	LossRate, DiscardRate          uint8
	BurstDensity, GapDensity       uint8
	BurstDuration, GapDuration     uint16
	RoundTripDelay, EndSystemDelay uint16
	SignalLevel, NoiseLevel        int8
	RERL, Gmin                     uint8
	RFactor, ExtRFactor            uint8
	MOSLQ, MOSCQ                   uint8
	RXConfig                       uint8
	JBNominal, JBMaximum, JBAbsMax uint16
}

// ReceiverReference is an XR block of type 4, RFC 3611 section 4.4: the SR
// timestamp of who sends no media.
type ReceiverReference struct {
	Reporter uint32
	NTP      uint64
}

// DLRR is one sub-block of an XR block of type 5, RFC 3611 section 4.5: the
// answer to a ReceiverReference.
type DLRR struct {
	Reporter  uint32
	SSRC      uint32 // of who sent the reference
	LRR, DLRR uint32 // as LSR and DLSR of a report block
}

// MOSBlock is one segment of an XR block of type 29, RFC 7266 section 3, raw.
type MOSBlock struct {
	Reporter, SSRC uint32
	Interval       uint8  // I: 1 sampled, 2 interval, 3 cumulative
	Segment        uint32 // one segment as on the wire; Row reads it
}

// Errors of ParseRTCP.
var (
	errRTCPShort   = errors.New("parse RTCP: shorter than a header and an SSRC")
	errRTCPVersion = errors.New("parse RTCP: the version is not 2")
)

// ParseRTCP reads a compound packet. On an error r has what came before it.
// Where the first packet's header is sound but its body is not what its type
// says, or bytes follow that are no RTCP, it is SRTCP: r.Encrypted is set,
// nothing of the body is kept, and the error is nil.
func ParseRTCP(b []byte, r *RTCP) error {
	r.reset()
	if len(b) < 8 {
		return errRTCPShort
	}
	if b[0]>>6 != 2 {
		return errRTCPVersion
	}
	if !isRTCPType(b[1]) {
		return fmt.Errorf("parse RTCP: packet type %d is none (192 to 223)", b[1])
	}
	r.SSRC = binary.BigEndian.Uint32(b[4:])
	first, whole := b[1], b
	for len(b) > 0 {
		var n int
		if len(b) >= 4 {
			n = 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		}
		if len(b) < 4 || b[0]>>6 != 2 || !isRTCPType(b[1]) || n > len(b) {
			if looksEncrypted(whole) {
				r.encrypted(first)
				return nil
			}
			if len(r.Types) > 0 && isSRTCPTrailer(b) {
				return nil // authenticated, but not encrypted
			}
			return fmt.Errorf("parse RTCP: no packet at offset %d of %d bytes", len(whole)-len(b), len(whole))
		}
		body := b[4:n]
		if b[0]&0x20 != 0 && len(body) > 0 { // padding, of the last packet only
			if pad := int(body[len(body)-1]); pad > 0 && pad <= len(body) {
				body = body[:len(body)-pad]
			}
		}
		r.Types = append(r.Types, b[1])
		if !r.packet(b[1], b[0]&0x1f, body) {
			if looksEncrypted(whole) {
				r.encrypted(first)
				return nil
			}
			return fmt.Errorf("parse RTCP: the body of packet type %d at offset %d is shorter than its count of %d", b[1], len(whole)-len(b), b[0]&0x1f)
		}
		b = b[n:]
	}
	return nil
}

// looksEncrypted tells SRTCP from a damaged packet: behind the encrypted
// compound come the E flag and 31 bits of index, and an authentication tag of
// 4, 10 or 16 bytes (RFC 3711 section 3.4), or the tag first with AEAD (RFC
// 7714 section 9.2).
func looksEncrypted(b []byte) bool {
	for _, tag := range [...]int{10, 4, 0} {
		at := len(b) - tag - 4
		if at < 8 {
			continue
		}
		// The index begins at a random number only by the rare choice; in use
		// it counts from 0 or 1.
		if index := binary.BigEndian.Uint32(b[at:]); index&0x8000_0000 != 0 && index&0x7f00_0000 == 0 {
			return true
		}
	}
	return false
}

// isSRTCPTrailer reports whether b is an SRTCP index without the E flag and a
// tag of a usual length.
func isSRTCPTrailer(b []byte) bool {
	return (len(b) == 14 || len(b) == 8) && b[0] == 0
}

func (r *RTCP) reset() {
	*r = RTCP{
		Types: r.Types[:0], Senders: r.Senders[:0], Blocks: r.Blocks[:0], SDES: r.SDES[:0],
		Bye: r.Bye[:0], Apps: r.Apps[:0], VoIP: r.VoIP[:0], Reference: r.Reference[:0],
		DLRR: r.DLRR[:0], MOS: r.MOS[:0],
	}
}

func (r *RTCP) encrypted(first uint8) {
	ssrc := r.SSRC
	r.reset()
	r.SSRC, r.Encrypted = ssrc, true
	r.Types = append(r.Types, first)
}

// packet reads the body of one packet, and reports whether it was as long as
// its header says.
func (r *RTCP) packet(kind, count uint8, b []byte) bool {
	switch kind {
	case TypeSR:
		if len(b) < 24+24*int(count) {
			return false
		}
		ssrc := binary.BigEndian.Uint32(b)
		r.Senders = append(r.Senders, SenderReport{
			SSRC: ssrc, NTP: binary.BigEndian.Uint64(b[4:]), RTPTime: binary.BigEndian.Uint32(b[12:]),
			Packets: binary.BigEndian.Uint32(b[16:]), Octets: binary.BigEndian.Uint32(b[20:]),
		})
		r.blocks(ssrc, count, b[24:])
	case TypeRR:
		if len(b) < 4+24*int(count) {
			return false
		}
		r.blocks(binary.BigEndian.Uint32(b), count, b[4:])
	case TypeSDES:
		return r.sdes(count, b)
	case TypeBYE:
		if len(b) < 4*int(count) {
			return false
		}
		for i := range int(count) {
			r.Bye = append(r.Bye, binary.BigEndian.Uint32(b[4*i:]))
		}
		if b = b[4*int(count):]; len(b) > 0 && 1+int(b[0]) <= len(b) {
			r.ByeReason = b[1 : 1+int(b[0])]
		}
	case TypeAPP:
		if len(b) < 8 {
			return false
		}
		r.Apps = append(r.Apps, App{binary.BigEndian.Uint32(b), count, [4]byte(b[4:8]), b[8:]})
	case TypeXR:
		return r.xr(b)
	}
	return true
}

func (r *RTCP) blocks(reporter uint32, count uint8, b []byte) {
	for i := range int(count) {
		at := b[24*i:]
		r.Blocks = append(r.Blocks, ReportBlock{
			Reporter: reporter, SSRC: binary.BigEndian.Uint32(at), FractionLost: at[4],
			Lost:    signed24(binary.BigEndian.Uint32(at[4:])),
			Highest: binary.BigEndian.Uint32(at[8:]), Jitter: binary.BigEndian.Uint32(at[12:]),
			LSR: binary.BigEndian.Uint32(at[16:]), DLSR: binary.BigEndian.Uint32(at[20:]),
		})
	}
}

// signed24 extends the sign of the low 24 bits.
func signed24(v uint32) int32 { return int32(v<<8) >> 8 }

// sdes reads chunks: an SSRC, items, a null item, padding to 32 bits.
func (r *RTCP) sdes(count uint8, b []byte) bool {
	for range count {
		if len(b) < 4 {
			return false
		}
		ssrc := binary.BigEndian.Uint32(b)
		at := 4
		for at < len(b) && b[at] != 0 {
			if at+2 > len(b) || at+2+int(b[at+1]) > len(b) {
				return false
			}
			end := at + 2 + int(b[at+1])
			r.SDES = append(r.SDES, SDESItem{ssrc, b[at], b[at+2 : end]})
			at = end
		}
		b = b[min(at/4*4+4, len(b)):]
	}
	return true
}

// XR block types, RFC 3611 section 4 and RFC 7266.
const (
	xrReference = 4
	xrDLRR      = 5
	xrVoIP      = 7
	xrMOS       = 29
)

// xr reads the blocks of one XR packet; those that it does not know are
// skipped.
func (r *RTCP) xr(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	reporter := binary.BigEndian.Uint32(b)
	b = b[4:]
	for len(b) >= 4 {
		n := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			return false
		}
		body := b[4:n]
		switch b[0] {
		case xrReference:
			if len(body) < 8 {
				return false
			}
			r.Reference = append(r.Reference, ReceiverReference{reporter, binary.BigEndian.Uint64(body)})
		case xrDLRR:
			for at := body; len(at) >= 12; at = at[12:] {
				r.DLRR = append(r.DLRR, DLRR{
					reporter, binary.BigEndian.Uint32(at), binary.BigEndian.Uint32(at[4:]), binary.BigEndian.Uint32(at[8:]),
				})
			}
		case xrVoIP:
			if len(body) < 32 {
				return false
			}
			r.VoIP = append(r.VoIP, voipMetrics(reporter, body))
		case xrMOS:
			if len(body) < 4 {
				return false
			}
			ssrc := binary.BigEndian.Uint32(body)
			for at := body[4:]; len(at) >= 4; at = at[4:] {
				r.MOS = append(r.MOS, MOSBlock{reporter, ssrc, b[1] >> 6, binary.BigEndian.Uint32(at)})
			}
		}
		b = b[n:]
	}
	return len(b) == 0
}

func voipMetrics(reporter uint32, b []byte) VoIPMetrics {
	u16 := binary.BigEndian.Uint16
	return VoIPMetrics{
		Reporter: reporter, SSRC: binary.BigEndian.Uint32(b),
		LossRate: b[4], DiscardRate: b[5], BurstDensity: b[6], GapDensity: b[7],
		BurstDuration: u16(b[8:]), GapDuration: u16(b[10:]),
		RoundTripDelay: u16(b[12:]), EndSystemDelay: u16(b[14:]),
		SignalLevel: int8(b[16]), NoiseLevel: int8(b[17]), RERL: b[18], Gmin: b[19],
		RFactor: b[20], ExtRFactor: b[21], MOSLQ: b[22], MOSCQ: b[23],
		RXConfig: b[24], JBNominal: u16(b[26:]), JBMaximum: u16(b[28:]), JBAbsMax: u16(b[30:]),
	}
}

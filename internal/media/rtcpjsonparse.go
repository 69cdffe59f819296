package media

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
)

// rtcpJSON is what ParseRTCPJSON gathers before it knows how keys belong
// together: emitters write them in any order.
type rtcpJSON struct {
	jsonScan
	r      *RTCP
	first  uint8
	sender SenderReport
	xr     VoIPMetrics // report_blocks_xr
	told   []int       // report blocks that name their reporter
	isRTCP bool        // a key that only RTCP JSON has was seen
}

var errNoRTCPJSON = errors.New("parse RTCP JSON: the object has none of ssrc, type, sender_information, report_blocks")

// ParseRTCPJSON reads RTCP JSON of any HEP emitter into r. It takes numbers in
// strings and missing keys; cumulative loss that was sent unsigned, as 32
// bits with the fraction in front, or shifted by 8 bits beyond 24 is put
// right; a sender's time in Unix seconds and microseconds becomes NTP. On an
// error r is what was read until then.
func ParseRTCPJSON(b []byte, r *RTCP) error {
	r.reset()
	s := rtcpJSON{jsonScan: jsonScan{b: b}, r: r}
	if s.peek() != '{' {
		s.fail("want an object")
	}
	s.object(s.key)
	if err := s.end(); err != nil {
		return fmt.Errorf("parse RTCP JSON: %w", err)
	}
	if !s.isRTCP {
		return errNoRTCPJSON
	}
	s.finish()
	return nil
}

func (s *rtcpJSON) key(name []byte) {
	r := s.r
	switch string(name) {
	case "ssrc":
		r.SSRC, s.isRTCP = s.u32(), true
	case "type":
		s.first, s.isRTCP = s.u8(), true
	case "sender_information":
		s.sender, s.isRTCP = s.senderReport(), true
	case "report_blocks":
		s.isRTCP = true
		s.array(func() { s.block() })
	case "report_blocks_xr":
		if s.peek() == '[' {
			s.array(func() { s.xr = s.voip() })
		} else {
			s.xr = s.voip()
		}
	case "sdes_information":
		s.array(func() { r.SDES = append(r.SDES, s.sdesItem()) })
	case "types":
		s.array(func() { r.Types = append(r.Types, s.u8()) })
	case "senders":
		s.array(func() { r.Senders = append(r.Senders, s.senderReport()) })
	case "xr_voip":
		s.array(func() { r.VoIP = append(r.VoIP, s.voip()) })
	case "xr_rrt":
		s.array(func() { r.Reference = append(r.Reference, s.rrt()) })
	case "xr_dlrr":
		s.array(func() { r.DLRR = append(r.DLRR, s.dlrr()) })
	case "xr_mos":
		s.array(func() { r.MOS = append(r.MOS, s.mos()) })
	case "bye":
		s.array(func() { r.Bye = append(r.Bye, s.u32()) })
	case "bye_reason":
		r.ByeReason = s.text()
	case "bye_reason_hex":
		r.ByeReason = s.hex()
	case "apps":
		s.array(func() { r.Apps = append(r.Apps, s.app()) })
	case "encrypted":
		r.Encrypted = s.boolean()
	}
}

// finish ties together what stood in different keys.
func (s *rtcpJSON) finish() {
	r := s.r
	if len(r.Senders) == 0 && (s.sender != SenderReport{}) {
		s.sender.SSRC = r.SSRC
		r.Senders = append(r.Senders, s.sender)
	}
	for i := range r.Blocks {
		if !slices.Contains(s.told, i) {
			r.Blocks[i].Reporter = r.SSRC
		}
	}
	if len(r.VoIP) == 0 && (s.xr != VoIPMetrics{}) {
		s.xr.Reporter = r.SSRC
		r.VoIP = append(r.VoIP, s.xr)
	}
	if len(r.Types) == 0 && s.first != 0 {
		r.Types = append(r.Types, s.first)
	}
}

func (s *rtcpJSON) senderReport() SenderReport {
	var x SenderReport
	var sec, low, exact uint64
	s.object(func(name []byte) {
		switch string(name) {
		case "ntp":
			exact = s.unsigned()
		case "ssrc":
			x.SSRC = s.u32()
		case "ntp_timestamp_sec":
			sec = s.unsigned()
		case "ntp_timestamp_usec":
			low = s.unsigned()
		case "rtp_timestamp":
			x.RTPTime = s.u32()
		case "packets":
			x.Packets = s.u32()
		case "octets":
			x.Octets = s.u32()
		}
	})
	x.NTP = exact
	if exact == 0 {
		x.NTP = ntp(sec, low)
	}
	return x
}

// unixToNTP is 1970 in seconds since 1900.
const unixToNTP = 2_208_988_800

// ntp joins seconds and what is named microseconds: NTP seconds with the
// fraction in 2^-32 s, or Unix seconds with microseconds.
func ntp(sec, low uint64) uint64 {
	if sec == 0 && low == 0 {
		return 0
	}
	sec, low = min(sec, math.MaxUint32), min(low, math.MaxUint32)
	// Unix seconds of a call are above 10^9 (the year 2001) and, until 2040,
	// below what NTP says since 1970.
	if sec > 1_000_000_000 && sec < unixToNTP && low < 1_000_000 {
		return (sec+unixToNTP)<<32 | (low<<32)/1_000_000
	}
	return sec<<32 | low
}

func (s *rtcpJSON) block() {
	var x ReportBlock
	var lost int64
	s.object(func(name []byte) {
		switch string(name) {
		case "reporter_ssrc":
			x.Reporter = s.u32()
			s.told = append(s.told, len(s.r.Blocks))
		case "source_ssrc":
			x.SSRC = s.u32()
		case "highest_seq_no":
			x.Highest = s.u32()
		case "fraction_lost":
			x.FractionLost = s.u8()
		case "ia_jitter":
			x.Jitter = s.u32()
		case "packets_lost":
			lost = s.integer()
		case "lsr":
			x.LSR = s.u32()
		case "dlsr":
			x.DLSR = s.u32()
		}
	})
	x.Lost = cumulativeLost(lost)
	s.r.Blocks = append(s.r.Blocks, x)
}

// cumulativeLost puts right what emitters made of a signed number of 24 bits:
// unsigned (16777214 for -2), sign-extended and then unsigned (4294967294),
// the 32-bit word with the fraction lost in front, or the word shifted left by
// 8 bits. A shifted number that still fits in 24 bits cannot be told from a
// large one and stands.
func cumulativeLost(v int64) int32 {
	switch {
	case v >= -1<<23 && v < 1<<24:
		return signed24(uint32(v))
	case v > 0 && v <= math.MaxUint32 && v&0xff == 0 && v>>24 != 0xff:
		return signed24(uint32(v >> 8))
	case v > 0 && v <= math.MaxUint32:
		return signed24(uint32(v))
	case v < 0:
		return -1 << 23
	}
	return 1<<23 - 1
}

func (s *rtcpJSON) voip() VoIPMetrics {
	var x VoIPMetrics
	s.object(func(name []byte) {
		switch string(name) {
		case "reporter_ssrc":
			x.Reporter = s.u32()
		case "source_ssrc", "id":
			x.SSRC = s.u32()
		case "fraction_lost":
			x.LossRate = s.u8()
		case "fraction_discard":
			x.DiscardRate = s.u8()
		case "burst_density":
			x.BurstDensity = s.u8()
		case "gap_density":
			x.GapDensity = s.u8()
		case "burst_duration":
			x.BurstDuration = s.u16()
		case "gap_duration":
			x.GapDuration = s.u16()
		case "round_trip_delay":
			x.RoundTripDelay = s.u16()
		case "end_system_delay":
			x.EndSystemDelay = s.u16()
		case "signal_level":
			x.SignalLevel = s.i8()
		case "noise_level":
			x.NoiseLevel = s.i8()
		case "rerl":
			x.RERL = s.u8()
		case "gmin":
			x.Gmin = s.u8()
		case "r_factor":
			x.RFactor = s.u8()
		case "ext_r_factor":
			x.ExtRFactor = s.u8()
		case "mos_lq":
			x.MOSLQ = s.u8()
		case "mos_cq":
			x.MOSCQ = s.u8()
		case "rx_config":
			x.RXConfig = s.u8()
		case "jb_nominal":
			x.JBNominal = s.u16()
		case "jb_maximum":
			x.JBMaximum = s.u16()
		case "jb_abs_max":
			x.JBAbsMax = s.u16()
		}
	})
	return x
}

func (s *jsonScan) i8() int8 { return int8(min(max(s.integer(), math.MinInt8), math.MaxInt8)) }

func (s *rtcpJSON) sdesItem() SDESItem {
	var x SDESItem
	s.object(func(name []byte) {
		switch string(name) {
		case "sdes_chunk_ssrc":
			x.SSRC = s.u32()
		case "type":
			x.Type = s.u8()
		case "text":
			x.Text = s.text()
		case "text_hex":
			x.Text = s.hex()
		}
	})
	return x
}

func (s *rtcpJSON) rrt() ReceiverReference {
	var x ReceiverReference
	s.object(func(name []byte) {
		switch string(name) {
		case "reporter_ssrc":
			x.Reporter = s.u32()
		case "ntp":
			x.NTP = s.unsigned()
		}
	})
	return x
}

func (s *rtcpJSON) dlrr() DLRR {
	var x DLRR
	s.object(func(name []byte) {
		switch string(name) {
		case "reporter_ssrc":
			x.Reporter = s.u32()
		case "source_ssrc":
			x.SSRC = s.u32()
		case "lrr":
			x.LRR = s.u32()
		case "dlrr":
			x.DLRR = s.u32()
		}
	})
	return x
}

func (s *rtcpJSON) mos() MOSBlock {
	var x MOSBlock
	s.object(func(name []byte) {
		switch string(name) {
		case "reporter_ssrc":
			x.Reporter = s.u32()
		case "source_ssrc":
			x.SSRC = s.u32()
		case "interval":
			x.Interval = s.u8()
		case "segment":
			x.Segment = s.u32()
		}
	})
	return x
}

func (s *rtcpJSON) app() App {
	var x App
	s.object(func(name []byte) {
		switch string(name) {
		case "ssrc":
			x.SSRC = s.u32()
		case "subtype":
			x.Subtype = s.u8()
		case "name_hex":
			copy(x.Name[:], s.hex())
		case "data_hex":
			x.Data = s.hex()
		}
	})
	return x
}

// hex reads bytes from a string of hexadecimal digits; nil where it is none.
func (s *jsonScan) hex() []byte {
	text := s.scalar()
	b, err := hex.AppendDecode(make([]byte, 0, len(text)/2), text)
	if err != nil {
		return nil
	}
	return b
}

package media

import (
	"encoding/hex"
	"fmt"
	"unicode/utf8"
)

// AppendRTCPJSON appends r as one JSON object, the payload of
// packet.KindRTCP: first the keys that every HEP emitter and server knows
// (sender_information, ssrc, type, report_count, report_blocks,
// report_blocks_xr, sdes_information), then our own for what these can't
// hold: "types", "senders" where there are several, "xr_voip", "xr_rrt",
// "xr_dlrr", "xr_mos", "bye", "bye_reason", "apps", "encrypted".
//
// ntp_timestamp_usec has, as rtpengine and captagent write it, the lower 32
// bits of the NTP timestamp and no microseconds.
func AppendRTCPJSON(dst []byte, r *RTCP) []byte {
	dst = append(dst, '{')
	if len(r.Senders) > 0 {
		dst = r.Senders[0].appendJSON(key(dst, "sender_information"), false)
	}
	dst = appendUint(dst, "ssrc", r.SSRC)
	if len(r.Types) > 0 {
		dst = appendUint(dst, "type", r.Types[0])
	}
	dst = appendUint(dst, "report_count", uint32(len(r.Blocks)))
	dst = append(key(dst, "report_blocks"), '[')
	for i := range r.Blocks {
		dst = r.Blocks[i].appendJSON(item(dst), r.SSRC)
	}
	dst = append(dst, ']')
	if len(r.VoIP) > 0 {
		dst = r.VoIP[0].appendJSON(key(dst, "report_blocks_xr"), false)
	}
	if len(r.SDES) > 0 {
		dst = appendUint(dst, "sdes_ssrc", r.SDES[0].SSRC)
		dst = append(key(dst, "sdes_information"), '[')
		for _, it := range r.SDES {
			dst = append(item(dst), '{')
			dst = appendUint(dst, "sdes_chunk_ssrc", it.SSRC)
			dst = appendUint(dst, "type", it.Type)
			dst = append(appendBytes(dst, "text", it.Text), '}')
		}
		dst = append(dst, ']')
	}
	return append(appendOwn(dst, r), '}')
}

// appendOwn writes the keys that only Earshot reads.
func appendOwn(dst []byte, r *RTCP) []byte {
	if len(r.Types) > 1 {
		dst = append(key(dst, "types"), '[')
		for _, t := range r.Types {
			dst = append(item(dst), fmt.Sprint(t)...)
		}
		dst = append(dst, ']')
	}
	if len(r.Senders) > 1 || len(r.Senders) == 1 && !r.Senders[0].plain(r.SSRC) {
		dst = append(key(dst, "senders"), '[')
		for i := range r.Senders {
			dst = r.Senders[i].appendJSON(item(dst), true)
		}
		dst = append(dst, ']')
	}
	if len(r.VoIP) > 0 {
		dst = append(key(dst, "xr_voip"), '[')
		for i := range r.VoIP {
			dst = r.VoIP[i].appendJSON(item(dst), true)
		}
		dst = append(dst, ']')
	}
	if len(r.Reference) > 0 {
		dst = append(key(dst, "xr_rrt"), '[')
		for _, x := range r.Reference {
			dst = appendUint(append(item(dst), '{'), "reporter_ssrc", x.Reporter)
			dst = append(appendUint(dst, "ntp", x.NTP), '}')
		}
		dst = append(dst, ']')
	}
	if len(r.DLRR) > 0 {
		dst = append(key(dst, "xr_dlrr"), '[')
		for _, x := range r.DLRR {
			dst = appendUint(append(item(dst), '{'), "reporter_ssrc", x.Reporter)
			dst = appendUint(dst, "source_ssrc", x.SSRC)
			dst = appendUint(dst, "lrr", x.LRR)
			dst = append(appendUint(dst, "dlrr", x.DLRR), '}')
		}
		dst = append(dst, ']')
	}
	if len(r.MOS) > 0 {
		dst = append(key(dst, "xr_mos"), '[')
		for _, x := range r.MOS {
			dst = appendUint(append(item(dst), '{'), "reporter_ssrc", x.Reporter)
			dst = appendUint(dst, "source_ssrc", x.SSRC)
			dst = appendUint(dst, "interval", x.Interval)
			dst = append(appendUint(dst, "segment", x.Segment), '}')
		}
		dst = append(dst, ']')
	}
	if len(r.Bye) > 0 {
		dst = append(key(dst, "bye"), '[')
		for _, ssrc := range r.Bye {
			dst = append(item(dst), fmt.Sprint(ssrc)...)
		}
		dst = append(dst, ']')
	}
	if r.ByeReason != nil {
		dst = appendBytes(dst, "bye_reason", r.ByeReason)
	}
	if len(r.Apps) > 0 {
		dst = append(key(dst, "apps"), '[')
		for _, x := range r.Apps {
			dst = appendUint(append(item(dst), '{'), "ssrc", x.SSRC)
			dst = appendUint(dst, "subtype", x.Subtype)
			dst = append(key(dst, "name_hex"), '"')
			dst = append(hex.AppendEncode(dst, x.Name[:]), '"')
			dst = append(key(dst, "data_hex"), '"')
			dst = append(hex.AppendEncode(dst, x.Data), '"', '}')
		}
		dst = append(dst, ']')
	}
	if r.Encrypted {
		dst = append(key(dst, "encrypted"), "true"...)
	}
	return dst
}

// appendBytes writes text, and its bytes beside it where they are no text.
func appendBytes(dst []byte, name string, text []byte) []byte {
	dst = appendText(key(dst, name), text)
	if !utf8.Valid(text) {
		dst = append(key(dst, name+"_hex"), '"')
		dst = append(hex.AppendEncode(dst, text), '"')
	}
	return dst
}

// plain reports whether sender_information alone brings x back.
func (x *SenderReport) plain(ssrc uint32) bool {
	return *x != SenderReport{SSRC: x.SSRC} && x.SSRC == ssrc && ntp(x.NTP>>32, x.NTP&0xffff_ffff) == x.NTP
}

func (x *SenderReport) appendJSON(dst []byte, withSSRC bool) []byte {
	dst = append(dst, '{')
	if withSSRC {
		dst = appendUint(dst, "ssrc", x.SSRC)
		dst = appendUint(dst, "ntp", x.NTP)
	}
	dst = appendUint(dst, "ntp_timestamp_sec", x.NTP>>32)
	dst = appendUint(dst, "ntp_timestamp_usec", uint32(x.NTP))
	dst = appendUint(dst, "octets", x.Octets)
	dst = appendUint(dst, "rtp_timestamp", x.RTPTime)
	return append(appendUint(dst, "packets", x.Packets), '}')
}

func (x *ReportBlock) appendJSON(dst []byte, ssrc uint32) []byte {
	dst = append(dst, '{')
	if x.Reporter != ssrc {
		dst = appendUint(dst, "reporter_ssrc", x.Reporter)
	}
	dst = appendUint(dst, "source_ssrc", x.SSRC)
	dst = appendUint(dst, "highest_seq_no", x.Highest)
	dst = appendUint(dst, "fraction_lost", x.FractionLost)
	dst = appendUint(dst, "ia_jitter", x.Jitter)
	dst = appendInt(dst, "packets_lost", int64(x.Lost))
	dst = appendUint(dst, "lsr", x.LSR)
	return append(appendUint(dst, "dlsr", x.DLSR), '}')
}

func (x *VoIPMetrics) appendJSON(dst []byte, whole bool) []byte {
	dst = append(dst, '{')
	if whole {
		dst = appendUint(dst, "reporter_ssrc", x.Reporter)
	}
	dst = appendUint(dst, "source_ssrc", x.SSRC)
	dst = appendUint(dst, "fraction_lost", x.LossRate)
	dst = appendUint(dst, "fraction_discard", x.DiscardRate)
	dst = appendUint(dst, "burst_density", x.BurstDensity)
	dst = appendUint(dst, "gap_density", x.GapDensity)
	dst = appendUint(dst, "burst_duration", x.BurstDuration)
	dst = appendUint(dst, "gap_duration", x.GapDuration)
	dst = appendUint(dst, "round_trip_delay", x.RoundTripDelay)
	dst = appendUint(dst, "end_system_delay", x.EndSystemDelay)
	if whole {
		dst = appendInt(dst, "signal_level", int64(x.SignalLevel))
		dst = appendInt(dst, "noise_level", int64(x.NoiseLevel))
		dst = appendUint(dst, "rerl", x.RERL)
		dst = appendUint(dst, "gmin", x.Gmin)
		dst = appendUint(dst, "r_factor", x.RFactor)
		dst = appendUint(dst, "ext_r_factor", x.ExtRFactor)
		dst = appendUint(dst, "mos_lq", x.MOSLQ)
		dst = appendUint(dst, "mos_cq", x.MOSCQ)
		dst = appendUint(dst, "rx_config", x.RXConfig)
		dst = appendUint(dst, "jb_nominal", x.JBNominal)
		dst = appendUint(dst, "jb_maximum", x.JBMaximum)
		dst = appendUint(dst, "jb_abs_max", x.JBAbsMax)
	}
	return append(dst, '}')
}

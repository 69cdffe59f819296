package media

import (
	"encoding/hex"
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
	}
	dst = appendArray(dst, "sdes_information", r.SDES, func(dst []byte, x *SDESItem) []byte {
		dst = appendUint(append(dst, '{'), "sdes_chunk_ssrc", x.SSRC)
		dst = appendUint(dst, "type", x.Type)
		return append(appendBytes(dst, "text", x.Text), '}')
	})
	return append(appendOwn(dst, r), '}')
}

// appendOwn writes the keys that only Earshot reads.
func appendOwn(dst []byte, r *RTCP) []byte {
	if len(r.Types) > 1 {
		dst = appendArray(dst, "types", r.Types, appendNumber)
	}
	if len(r.Senders) > 1 || len(r.Senders) == 1 && !r.Senders[0].plain(r.SSRC) {
		dst = appendArray(dst, "senders", r.Senders, func(dst []byte, x *SenderReport) []byte { return x.appendJSON(dst, true) })
	}
	dst = appendArray(dst, "xr_voip", r.VoIP, func(dst []byte, x *VoIPMetrics) []byte { return x.appendJSON(dst, true) })
	dst = appendArray(dst, "xr_rrt", r.Reference, func(dst []byte, x *ReceiverReference) []byte {
		dst = appendUint(append(dst, '{'), "reporter_ssrc", x.Reporter)
		return append(appendUint(dst, "ntp", x.NTP), '}')
	})
	dst = appendArray(dst, "xr_dlrr", r.DLRR, func(dst []byte, x *DLRR) []byte {
		dst = appendUint(append(dst, '{'), "reporter_ssrc", x.Reporter)
		dst = appendUint(dst, "source_ssrc", x.SSRC)
		dst = appendUint(dst, "lrr", x.LRR)
		return append(appendUint(dst, "dlrr", x.DLRR), '}')
	})
	dst = appendArray(dst, "xr_mos", r.MOS, func(dst []byte, x *MOSBlock) []byte {
		dst = appendUint(append(dst, '{'), "reporter_ssrc", x.Reporter)
		dst = appendUint(dst, "source_ssrc", x.SSRC)
		dst = appendUint(dst, "interval", x.Interval)
		return append(appendUint(dst, "segment", x.Segment), '}')
	})
	dst = appendArray(dst, "bye", r.Bye, appendNumber)
	if r.ByeReason != nil {
		dst = appendBytes(dst, "bye_reason", r.ByeReason)
	}
	dst = appendArray(dst, "apps", r.Apps, func(dst []byte, x *App) []byte {
		dst = appendUint(append(dst, '{'), "ssrc", x.SSRC)
		dst = appendUint(dst, "subtype", x.Subtype)
		dst = appendHex(dst, "name_hex", x.Name[:])
		return append(appendHex(dst, "data_hex", x.Data), '}')
	})
	if r.Encrypted {
		dst = append(key(dst, "encrypted"), "true"...)
	}
	return dst
}

// appendBytes writes text, and its bytes beside it where they are no text.
func appendBytes(dst []byte, name string, text []byte) []byte {
	dst = appendText(key(dst, name), text)
	if !utf8.Valid(text) {
		dst = appendHex(dst, name+"_hex", text)
	}
	return dst
}

func appendHex(dst []byte, name string, b []byte) []byte {
	dst = append(key(dst, name), '"')
	return append(hex.AppendEncode(dst, b), '"')
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

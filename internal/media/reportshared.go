package media

import (
	"strconv"

	"github.com/earshot-voip/earshot/internal/packet"
)

// AppendShared appends the keys that other servers read of HEP type 34 to a
// report that AppendJSON gave, p being the packet that is to carry it: so
// streams show in them, too. Times are Unix seconds, jitter and gaps in ms of
// the interval, packets those of the interval. There is no MOS among them: a
// stream is scored where its call is known.
func (r *Report) AppendShared(dst []byte, p *packet.Packet) []byte {
	dst = dst[:len(dst)-1]
	if r.Final {
		dst = append(key(dst, "TYPE"), `"HANGUP"`...)
	} else {
		dst = append(key(dst, "TYPE"), `"PERIODIC"`...)
	}
	if len(p.CorrelationID) > 0 {
		dst = appendText(key(dst, "CORRELATION_ID"), p.CorrelationID)
		dst = appendText(key(dst, "RTP_SIP_CALL_ID"), p.CorrelationID)
	}
	dst = append(p.Src.Addr().AppendTo(append(key(dst, "SRC_IP"), '"')), '"')
	dst = appendUint(dst, "SRC_PORT", p.Src.Port())
	dst = append(p.Dst.Addr().AppendTo(append(key(dst, "DST_IP"), '"')), '"')
	dst = appendUint(dst, "DST_PORT", p.Dst.Port())
	dst = append(key(dst, "SSRC"), '"', '0', 'x')
	dst = append(strconv.AppendUint(dst, uint64(r.SSRC), 16), '"')
	dst = appendUint(dst, "CODEC_PT", r.PayloadType)
	dst = appendUint(dst, "REPORT_START", uint64(r.Start.Unix()))
	dst = appendUint(dst, "REPORT_END", uint64(r.Start.Add(Interval).Unix()))
	dst = appendUint(dst, "REPORT_TS", uint64(p.Time.Unix()))
	dst = appendUint(dst, "TOTAL_PK", r.Delta.Packets)
	dst = appendUint(dst, "EXPECTED_PK", r.Delta.Expected)
	dst = appendUint(dst, "PACKET_LOSS", r.Delta.Lost)
	dst = appendUint(dst, "OUT_ORDER", r.Delta.Reordered)
	dst = appendUint(dst, "TL_BYTE", r.Delta.Bytes)
	dst = appendFloat(dst, "MAX_DELTA", r.DeltaMaxMs)
	if len(r.Jitter) == 1 && r.Jitter[0].N > 0 && r.Jitter[0].ClockRate > 0 { // else its clock is not known
		j := r.Jitter[0]
		ms := 1000 / float64(j.ClockRate)
		dst = appendFloat(dst, "JITTER", j.Last*ms)
		dst = appendFloat(dst, "MEAN_JITTER", j.Sum/float64(j.N)*ms)
		dst = appendFloat(dst, "MAX_JITTER", j.Max*ms)
		dst = appendUint(dst, "CLOCK", j.ClockRate)
	}
	return append(dst, '}')
}

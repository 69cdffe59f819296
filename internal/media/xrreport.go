package media

import (
	"strconv"

	"github.com/earshot-voip/earshot/internal/record"
)

// Row is an XR block of type 7 as a row: its rates in percent, its MOS not
// times ten. A block that came without its second half, as the JSON of other
// emitters does, tells nothing of that.
func (x *VoIPMetrics) Row() record.Report {
	pct := func(v uint8) *float64 { return new(100 * float64(v) / 256) }
	ms := func(v uint16) *float64 { return new(float64(v)) }
	score := func(v uint8) *float64 {
		if v == 127 {
			return nil
		}
		return new(float64(v))
	}
	rating := func(v uint8) *float64 { // 0 to 100, RFC 3611 section 4.7.5
		if v > 100 {
			return nil
		}
		return new(float64(v))
	}
	mos := func(v uint8) *float64 {
		if v < 10 || v > 50 {
			return nil
		}
		return new(float64(v) / 10)
	}
	level := func(v int8) *float64 {
		if v == 127 {
			return nil
		}
		return new(float64(v))
	}
	r := record.Report{
		Source: "rtcp_xr", Metrics: new("local"), SSRC: ssrc(x.SSRC), RemoteSSRC: ssrc(x.SSRC), LocalSSRC: ssrc(x.Reporter), Other: map[string]string{},
		NLRPct: pct(x.LossRate), JDRPct: pct(x.DiscardRate), BLDPct: pct(x.BurstDensity), GLDPct: pct(x.GapDensity),
		BDMs: ms(x.BurstDuration), GDMs: ms(x.GapDuration), ESDMs: ms(x.EndSystemDelay),
	}
	if x.RoundTripDelay != 0 { // 0 is none yet (RFC 3611 section 4.7.3)
		r.RTDMs = ms(x.RoundTripDelay)
	}
	if x.Gmin == 0 && x.RFactor == 0 && x.MOSLQ == 0 && x.MOSCQ == 0 && x.RXConfig == 0 && x.SignalLevel == 0 && x.JBMaximum == 0 {
		return r
	}
	r.SLDBm, r.NLDBm, r.RERLDB, r.GMIN = level(x.SignalLevel), level(x.NoiseLevel), score(x.RERL), new(x.Gmin)
	r.RLQ, r.ExtRI, r.MOSLQ, r.MOSCQ = rating(x.RFactor), rating(x.ExtRFactor), mos(x.MOSLQ), mos(x.MOSCQ)
	r.PLC, r.JBA, r.JBR = new(x.RXConfig>>6), new(x.RXConfig>>4&3), new(x.RXConfig&15)
	r.JBNMs, r.JBMMs, r.JBXMs = ms(x.JBNominal), ms(x.JBMaximum), ms(x.JBAbsMax)
	return r
}

// ssrc is NULL where an emitter left it out: its JSON then has 0.
func ssrc(v uint32) *uint32 {
	if v == 0 {
		return nil
	}
	return new(v)
}

// Row is one segment of an XR block of type 29 as a row. The fields are those
// of RFC 7266 section 3.2 (checked with the text of its last draft, 17): one
// bit S, 8 of the algorithm's id, 7 of the payload type; then a MOS of 7:9
// bits, or, where S is set, 3 bits of a channel and a MOS of 7:6 bits. The two
// highest values mean out of range and unavailable. ok is false for what its
// receiver must discard, a sampled value. That a measurement information block
// (RFC 6776) must stand beside it is not asked: JSON of other emitters has none.
func (x *MOSBlock) Row() (r record.Report, ok bool) {
	r = record.Report{
		Source: "rtcp_xr_mos", Metrics: new("local"), SSRC: ssrc(x.SSRC), RemoteSSRC: ssrc(x.SSRC), LocalSSRC: ssrc(x.Reporter),
		PayloadType: new(uint8(x.Segment >> 16 & 0x7f)), Other: map[string]string{"calg_id": strconv.Itoa(int(x.Segment >> 23 & 0xff))},
	}
	switch x.Interval {
	case 1:
		return r, false
	case 2:
		r.Kind = new("interval")
	case 3:
		r.Other["span"] = "cumulative"
	}
	value, one := x.Segment&0xffff, uint32(1<<9)
	most := uint32(0xffff)
	if x.Segment>>31 == 1 {
		r.Other["channel"] = strconv.Itoa(int(x.Segment >> 13 & 7))
		value, one, most = x.Segment&0x1fff, 1<<6, 0x1fff
	}
	if value >= most-1 {
		return r, true
	}
	// Scores of algorithms that count to 10 or 100 are no MOS of ours. The
	// effects of delay are in it.
	if mos := float64(value) / float64(one); mos >= 1 && mos <= 5 {
		r.MOSCQ = new(roundMs(mos))
	} else {
		r.Other["mos"] = strconv.FormatFloat(roundMs(mos), 'f', -1, 64)
	}
	return r, true
}

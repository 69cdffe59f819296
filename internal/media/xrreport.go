package media

import "github.com/earshot-voip/earshot/internal/record"

// Row is an XR block of type 7 as a row: its rates in percent, its MOS not
// times ten.
func (x *VoIPMetrics) Row() record.Report {
	pct := func(v uint8) *float64 { return new(100 * float64(v) / 256) }
	ms := func(v uint16) *float64 { return new(float64(v)) }
	score := func(v uint8) *float64 {
		if v == 127 {
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
	return record.Report{
		Source: "rtcp_xr", Metrics: new("local"), SSRC: new(x.SSRC), RemoteSSRC: new(x.SSRC), LocalSSRC: new(x.Reporter), Other: map[string]string{},
		NLRPct: pct(x.LossRate), JDRPct: pct(x.DiscardRate), BLDPct: pct(x.BurstDensity), GLDPct: pct(x.GapDensity),
		BDMs: ms(x.BurstDuration), GDMs: ms(x.GapDuration), RTDMs: ms(x.RoundTripDelay), ESDMs: ms(x.EndSystemDelay),
		SLDBm: level(x.SignalLevel), NLDBm: level(x.NoiseLevel), RERLDB: score(x.RERL), GMIN: new(x.Gmin),
		RLQ: score(x.RFactor), ExtRI: score(x.ExtRFactor), MOSLQ: mos(x.MOSLQ), MOSCQ: mos(x.MOSCQ),
		PLC: new(x.RXConfig >> 6), JBA: new(x.RXConfig >> 4 & 3), JBR: new(x.RXConfig & 15),
		JBNMs: ms(x.JBNominal), JBMMs: ms(x.JBMaximum), JBXMs: ms(x.JBAbsMax),
	}
}

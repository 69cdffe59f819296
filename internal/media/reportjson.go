package media

import (
	"fmt"
	"strconv"
	"time"
)

// AppendJSON appends the report as one JSON object, the payload of
// packet.KindReport. Nothing is lost: ParseReport gives an equal Report back.
//
// Keys that other servers read from HEP type 34 have their place beside these.
func (r *Report) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendUint(dst, "ssrc", r.SSRC)
	dst = appendTime(dst, "start", r.Start)
	dst = appendTime(dst, "first", r.First)
	dst = appendTime(dst, "last", r.Last)
	if r.Final {
		dst = append(key(dst, "final"), "true"...)
	}
	dst = r.Delta.appendJSON(key(dst, "delta"))
	dst = r.Total.appendJSON(key(dst, "total"))
	dst = appendUint(dst, "pt", r.PayloadType)
	dst = appendArray(dst, "pts", r.PayloadTypes, func(dst []byte, p *PayloadCount) []byte {
		dst = appendUint(append(dst, '{'), "pt", p.PT)
		return append(appendUint(dst, "n", p.N), '}')
	})
	dst = appendArray(dst, "jitter", r.Jitter, appendJitter)
	dst = appendArray(dst, "total_jitter", r.TotalJitter, appendJitter)
	if r.FirstSeq != 0 {
		dst = appendUint(dst, "first_seq", r.FirstSeq)
	}
	if r.Head != 0 {
		dst = appendUint(dst, "head", r.Head)
	}
	dst = appendFloat(dst, "delta_max_ms", r.DeltaMaxMs)
	dst = appendFloat(dst, "ptime_ms", r.PtimeMs)
	dst = appendUint(dst, "ts_step", r.TimestampStep)
	dst = appendUint(dst, "ttl_min", r.TTLMin)
	dst = appendUint(dst, "ttl_max", r.TTLMax)
	dst = appendUint(dst, "dscp", r.DSCP)
	if r.VLAN != 0 {
		dst = appendUint(dst, "vlan", r.VLAN)
	}
	dst = r.Heard.appendJSON(key(dst, "heard"))
	dst = r.BurstGap.appendJSON(key(dst, "burst_gap"))
	dst = appendFloat(dst, "transit_min_ms", r.TransitMinMs)
	dst = appendFloat(dst, "playout_ms", r.PlayoutMs)
	if len(r.Holes) > 0 {
		dst = appendArray(dst, "holes", r.Holes, func(dst []byte, h *Hole) []byte {
			dst = appendTime(appendTime(append(dst, '{'), "from", h.From), "to", h.To)
			if h.Lost {
				dst = appendUint(append(key(dst, "lost"), "true"...), "missing", h.Missing)
			}
			return append(dst, '}')
		})
	}
	if len(r.JitterSpread) > 0 {
		dst = appendArray(dst, "jitter_spread", r.JitterSpread, func(dst []byte, c *SpreadCount) []byte {
			dst = strconv.AppendUint(append(dst, '['), uint64(c[0]), 10)
			return append(strconv.AppendUint(append(dst, ','), uint64(c[1]), 10), ']')
		})
	}
	if r.Frames != (Frames{}) {
		dst = r.Frames.appendJSON(key(dst, "frames"))
	}
	if r.Signal.Samples > 0 {
		dst = appendSignal(key(dst, "signal"), &r.Signal)
	}
	if r.ClockRate != 0 {
		dst = appendUint(dst, "clock_rate", r.ClockRate)
	}
	if r.SSRCChanged {
		dst = append(key(dst, "ssrc_changed"), "true"...)
	}
	return append(dst, '}')
}

func appendTime(dst []byte, name string, t time.Time) []byte {
	dst = append(key(dst, name), '"')
	return append(t.UTC().AppendFormat(dst, time.RFC3339Nano), '"')
}

// appendJSON leaves out what is 0 of all that is rare.
func (c *Counts) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendUint(dst, "packets", c.Packets)
	dst = appendUint(dst, "bytes", c.Bytes)
	dst = appendUint(dst, "expected", c.Expected)
	dst = appendRare(dst, "lost", c.Lost)
	dst = appendRare(dst, "duplicates", c.Duplicates)
	dst = appendRare(dst, "reordered", c.Reordered)
	dst = appendRare(dst, "restarts", c.Restarts)
	dst = appendRare(dst, "jumps", c.Jumps)
	dst = appendRare(dst, "events", c.Events)
	dst = appendRare(dst, "dtmf", c.DTMF)
	dst = appendRare(dst, "cn", c.CN)
	return append(dst, '}')
}

func (f *Frames) appendJSON(dst []byte) []byte {
	dst = appendUint(append(dst, '{'), "frames", f.Frames)
	dst = appendFloat(dst, "gap_max_ms", f.GapMaxMs)
	dst = appendUint(dst, "freezes", f.Freezes)
	dst = appendFloat(dst, "freeze_ms", f.FreezeMs)
	return append(appendFloat(dst, "span_ms", f.SpanMs), '}')
}

func (s *jsonScan) frames() Frames {
	var f Frames
	s.object(func(name []byte) {
		switch string(name) {
		case "frames":
			f.Frames = s.unsigned()
		case "gap_max_ms":
			f.GapMaxMs = s.number()
		case "freezes":
			f.Freezes = s.unsigned()
		case "freeze_ms":
			f.FreezeMs = s.number()
		case "span_ms":
			f.SpanMs = s.number()
		}
	})
	return f
}

func appendJitter(dst []byte, j *Jitter) []byte {
	dst = appendUint(append(dst, '{'), "clock", j.ClockRate)
	dst = appendFloat(dst, "sum", j.Sum)
	dst = appendUint(dst, "n", j.N)
	dst = appendFloat(dst, "max", j.Max)
	return append(appendFloat(dst, "last", j.Last), '}')
}

// What a report may say, and be kept: meters count and measure far less.
const (
	mostTold = 1 << 48
	lastYear = 2105
)

// ParseReport reads what AppendJSON wrote. Unknown keys are skipped. A report
// that counts more lost than expected is refused: no meter says that.
func ParseReport(b []byte) (Report, error) {
	var r Report
	s := jsonScan{b: b, most: mostTold}
	if s.peek() != '{' {
		s.fail("want an object")
	}
	s.object(func(name []byte) {
		switch string(name) {
		case "ssrc":
			r.SSRC = s.u32()
		case "start":
			r.Start = s.time()
		case "first":
			r.First = s.time()
		case "last":
			r.Last = s.time()
		case "final":
			r.Final = s.boolean()
		case "delta":
			r.Delta = s.counts()
		case "total":
			r.Total = s.counts()
		case "pt":
			r.PayloadType = s.u8() & 0x7f
		case "pts":
			r.PayloadTypes = boundedArray(&s, maxPayloadTypes, s.payloadCount)
		case "jitter":
			r.Jitter = boundedArray(&s, len(CandidateRates), s.jitter)
		case "total_jitter":
			r.TotalJitter = boundedArray(&s, len(CandidateRates), s.jitter)
		case "first_seq":
			r.FirstSeq = s.u32() & 0x1ffff
		case "head":
			r.Head = s.u16() & 0x1ff
		case "delta_max_ms":
			r.DeltaMaxMs = s.number()
		case "ptime_ms":
			r.PtimeMs = s.number()
		case "ts_step":
			r.TimestampStep = s.u32()
		case "ttl_min":
			r.TTLMin = s.u8()
		case "ttl_max":
			r.TTLMax = s.u8()
		case "dscp":
			r.DSCP = s.u8() & 0x3f
		case "vlan":
			r.VLAN = s.u16()
		case "heard":
			r.Heard = s.heard()
		case "burst_gap":
			r.BurstGap = s.burstGap()
		case "transit_min_ms":
			r.TransitMinMs = s.number()
		case "playout_ms":
			r.PlayoutMs = s.number()
		case "holes":
			r.Holes = boundedArray(&s, maxHoles, s.hole)
		case "jitter_spread":
			r.JitterSpread = boundedArray(&s, spreadBuckets, s.spreadCount)
		case "frames":
			r.Frames = s.frames()
		case "signal":
			r.Signal = s.signal()
		case "clock_rate":
			r.ClockRate = s.u32()
		case "ssrc_changed":
			r.SSRCChanged = s.boolean()
		}
	})
	if err := s.end(); err != nil {
		return Report{}, fmt.Errorf("parse stream report: %w", err)
	}
	if r.Start.IsZero() {
		return Report{}, fmt.Errorf("parse stream report: SSRC %d has no start", r.SSRC)
	}
	if r.Delta.Lost > r.Delta.Expected || r.Total.Lost > r.Total.Expected {
		return Report{}, fmt.Errorf("parse stream report: SSRC %d lost more packets than were expected", r.SSRC)
	}
	if !r.Signal.Plausible() {
		return Report{}, fmt.Errorf("parse stream report: SSRC %d is louder or longer than can be", r.SSRC)
	}
	return r, nil
}

// time reads a time in RFC 3339.
func (s *jsonScan) time() time.Time {
	text := s.scalar()
	if s.err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		s.err = fmt.Errorf("time %q is not RFC 3339", text)
	} else if !t.IsZero() && (t.Before(time.Unix(0, 0)) || t.Year() > lastYear) {
		s.err = fmt.Errorf("time %q is not between 1970 and %d", text, lastYear)
	}
	return t.UTC()
}

func (s *jsonScan) counts() Counts {
	var c Counts
	s.object(func(name []byte) {
		switch string(name) {
		case "packets":
			c.Packets = s.unsigned()
		case "bytes":
			c.Bytes = s.unsigned()
		case "expected":
			c.Expected = s.unsigned()
		case "lost":
			c.Lost = s.unsigned()
		case "duplicates":
			c.Duplicates = s.unsigned()
		case "reordered":
			c.Reordered = s.unsigned()
		case "restarts":
			c.Restarts = s.unsigned()
		case "jumps":
			c.Jumps = s.unsigned()
		case "events":
			c.Events = s.unsigned()
		case "dtmf":
			c.DTMF = s.unsigned()
		case "cn":
			c.CN = s.unsigned()
		}
	})
	return c
}

func (s *jsonScan) payloadCount() PayloadCount {
	var p PayloadCount
	s.object(func(name []byte) {
		switch string(name) {
		case "pt":
			p.PT = s.u8() & 0x7f
		case "n":
			p.N = s.unsigned()
		}
	})
	return p
}

func (s *jsonScan) jitter() Jitter {
	var j Jitter
	s.object(func(name []byte) {
		switch string(name) {
		case "clock":
			j.ClockRate = s.u32()
		case "sum":
			j.Sum = s.number()
		case "n":
			j.N = s.unsigned()
		case "max":
			j.Max = s.number()
		case "last":
			j.Last = s.number()
		}
	})
	return j
}

// JitterFor returns mean and maximum jitter of the interval in ms by a
// stream's clock rate, and whether the report has it.
func (r *Report) JitterFor(clockRate uint32) (meanMs, maxMs float64, ok bool) {
	return jitterFor(r.Jitter, clockRate)
}

// TotalJitterFor returns mean and maximum jitter since the stream began.
func (r *Report) TotalJitterFor(clockRate uint32) (meanMs, maxMs float64, ok bool) {
	return jitterFor(r.TotalJitter, clockRate)
}

// jitterFor chooses by clock rate. An only entry is of the right clock: one
// entry means that the meter knew the rate. Asking for rate 0 takes an only
// entry and refuses to choose among several.
func jitterFor(entries []Jitter, clockRate uint32) (meanMs, maxMs float64, ok bool) {
	for _, j := range entries {
		if j.N > 0 && (j.ClockRate == clockRate || len(entries) == 1) {
			return j.Sum / float64(j.N), j.Max, true
		}
	}
	return 0, 0, false
}

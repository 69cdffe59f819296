package media

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// Limits of quality told as JSON.
const (
	maxToldJSON = 64 << 10 // bytes
	maxToldKeys = 128
)

// ParseToldJSON reads what another HEP emitter measured of a stream, as one
// JSON object. kind is the payload type of HEP, since the same key is of
// another unit in another type. The keys of each are those that emitters
// write, as read in their public sources:
//
//   - 34 and 35, upper case: RTP agents, hepfix and horaclifix (MOS, RFACTOR,
//     JITTER in ms, TOTAL_PK ...). hepfix and horaclifix tell MOS and R times 100;
//   - 38: horaclifix, one object for both flows of an SBC (INC_..., OUT_...),
//     which gives two rows. Of its jitter nobody says the unit;
//   - 32, lower case: forge-media. Its jitter is in units of an unnamed clock.
//
// What has no column, or cannot be read, is in Other. ok is false where the
// object tells no quality by a key that is known.
func ParseToldJSON(b []byte, kind uint8) (rows []record.Report, ok bool) {
	if len(b) > maxToldJSON {
		return nil, false
	}
	told := map[string]string{}
	s := jsonScan{b: b}
	if s.peek() != '{' {
		return nil, false
	}
	s.object(func(key []byte) {
		if c := s.peek(); c == '{' || c == '[' || len(told) >= maxToldKeys {
			return // skipped
		}
		isText := s.peek() == '"'
		if v := s.scalar(); s.err == nil && (isText || string(v) != "null") {
			told[clipText(string(key))] = clipText(strings.TrimSpace(string(v)))
		}
	})
	if s.end() != nil {
		return nil, false
	}
	switch kind {
	case 32:
		return toldByMediaServer(told)
	case 38:
		return toldBySBC(told)
	}
	return toldByAgent(told, kind)
}

// taking moves values from an object into columns; what is left is Other.
type taking map[string]string

// take gives the value of the first key that is there to a column. Where that
// does not take it, it stays.
func (t taking) take(set func(v string) bool, keys ...string) (taken bool) {
	for _, k := range keys {
		v, there := t[k]
		if there && set(v) {
			delete(t, k)
			return true
		}
	}
	return false
}

// has reports whether any of the flags is set: not all of them are asked for
// their effect.
func has(flags ...bool) bool {
	for _, f := range flags {
		if f {
			return true
		}
	}
	return false
}

func toldByAgent(t taking, kind uint8) (rows []record.Report, ok bool) {
	var r record.Report
	t.take(textTo(&r.CallID), "CORRELATION_ID", "RTP_SIP_CALL_ID")
	if r.CallID != nil && t["RTP_SIP_CALL_ID"] == *r.CallID {
		delete(t, "RTP_SIP_CALL_ID")
	}
	ssrc := t.take(ssrcTo(&r.SSRC), "SSRC")
	// The source of the stream is the remote end of who hears it.
	t.take(hostTo(&r.RemoteIP), "SRC_IP")
	t.take(portTo(&r.RemotePort), "SRC_PORT")
	t.take(hostTo(&r.LocalIP), "DST_IP")
	t.take(portTo(&r.LocalPort), "DST_PORT")
	if t["CODEC_NAME"] != t["CODEC_PT"] { // horaclifix has one number for both
		t.take(textTo(&r.PayloadDesc), "CODEC_NAME")
		t.take(func(v string) bool { r.PayloadType = unsignedOf[uint8](v, 7); return r.PayloadType != nil }, "CODEC_PT")
		t.take(func(v string) bool { r.SampleRate = unsignedOf[uint32](v, 32); return r.SampleRate != nil }, "CLOCK")
	}
	t.take(func(v string) bool {
		k, known := map[string]string{"PERIODIC": "interval", "HANGUP": "interval", "FINAL": "session"}[v]
		if known {
			r.Kind = &k
		}
		return known
	}, "TYPE")
	t.take(unixTo(&r.StartTime), "REPORT_START")
	t.take(unixTo(&r.StopTime), "REPORT_END")
	ok = t.score(&r.MOS, &r.R, [...]string{"MEAN_MOS", "MOS"}, [...]string{"MEAN_RFACTOR", "RFACTOR"})
	ok = has(ok,
		t.take(jitterTo(&r.JitterMs), "MEAN_JITTER", "JITTER"),
		t.take(lostTo(&r.PacketsLost), "PACKET_LOSS", "TOTAL_PACKET_LOSS", "CUM_PACKET_LOSS"))
	// Type 35 of horaclifix counts packets of RTCP here, and names no SSRC.
	if kind != 35 || ssrc {
		ok = has(ok,
			t.take(countTo(&r.PacketsReceived), "TOTAL_PK", "TOTAL_PACKETS"),
			t.take(countTo(&r.PacketsExpected), "EXPECTED_PK", "TOTAL_EXPECTED_PK"))
		t.take(countTo(&r.OctetsReceived), "TL_BYTE", "TOTAL_BYTES")
	}
	r.Other = t
	return []record.Report{r}, ok
}

// score reads MOS and R. An emitter that tells MOS times 100 does so of R.
func (t taking) score(mos, r **float64, mosKeys, rKeys [2]string) bool {
	scale := 1.
	ok := t.take(func(v string) bool {
		n := numberOf(v)
		if n != nil && *n >= 100 && *n <= 500 {
			scale, *n = 100, *n/100
		}
		if n == nil || *n < 1 || *n > 5 {
			return false
		}
		*mos = n
		return true
	}, mosKeys[:]...)
	return has(ok, ok && t.take(func(v string) bool {
		n := numberOf(v)
		if n == nil || *n < 0 || *n/scale > 150 { // G.107.2 ends at 148
			return false
		}
		*r = new(*n / scale)
		return true
	}, rKeys[:]...))
}

// toldBySBC reads both flows. Which addresses belong to which flow differs by
// the version of the emitter, so that they stay in Other.
func toldBySBC(t taking) (rows []record.Report, ok bool) {
	for _, flow := range [...]string{"INC", "OUT"} {
		r := record.Report{Other: taking{}}
		mine := taking{}
		for k, v := range t {
			if rest, is := strings.CutPrefix(k, flow+"_"); is {
				mine[rest] = v
			} else if !strings.HasPrefix(k, "INC_") && !strings.HasPrefix(k, "OUT_") || strings.HasSuffix(k, "_REALM") {
				r.Other[k] = v
			}
		}
		known := mine.score(&r.MOS, &r.R, [...]string{"MOS", "MOS"}, [...]string{"RVAL", "RVAL"})
		known = has(known,
			mine.take(lostTo(&r.PacketsLost), "RTP_PK_LOSS"),
			mine.take(countTo(&r.PacketsReceived), "RTP_PK"))
		mine.take(countTo(&r.OctetsReceived), "RTP_BYTE")
		mine.take(textTo(&r.CallID), "ID")
		for k, v := range mine {
			r.Other[flow+"_"+k] = v
		}
		if known {
			r.Other["flow"] = strings.ToLower(flow)
			rows = append(rows, r)
		}
	}
	return rows, len(rows) > 0
}

func toldByMediaServer(t taking) (rows []record.Report, ok bool) {
	var r record.Report
	t.take(ssrcTo(&r.SSRC), "ssrc")
	ok = has(
		t.take(func(v string) bool {
			n := numberOf(v)
			if n == nil || *n < 0 || *n > 1 {
				return false
			}
			r.NLRPct = new(100 * *n)
			return true
		}, "fraction_lost"),
		t.take(lostTo(&r.PacketsLost), "packets_lost"),
		t.take(countTo(&r.PacketsReceived), "packets_received"),
		t.take(func(v string) bool { return score(&r.MOS, v) }, "mos"))
	_, jitter := t["jitter"]
	r.Other = t
	return []record.Report{r}, ok || jitter
}

// IsJSONObject reports whether b begins as one, which no report of RFC 6035
// does.
func IsJSONObject(b []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte{'{'}) }

func textTo(to **string) func(string) bool {
	return func(v string) bool { *to = text(v); return *to != nil }
}

func countTo(to **uint64) func(string) bool { return func(v string) bool { return count(to, v) } }
func lostTo(to **int64) func(string) bool   { return func(v string) bool { return lost(to, v) } }
func jitterTo(to **float64) func(string) bool {
	return func(v string) bool { *to = positive(v); return *to != nil }
}

// ssrcTo reads an SSRC, decimal or with 0x; 0 is none.
func ssrcTo(to **uint32) func(string) bool {
	return func(v string) bool {
		n := unsignedOf[uint32](v, 32)
		if n == nil || *n == 0 {
			return false
		}
		*to = n
		return true
	}
}

func hostTo(to **string) func(string) bool {
	return func(v string) bool {
		a, err := netip.ParseAddr(v)
		if err != nil || a.IsUnspecified() {
			return false
		}
		*to = new(a.Unmap().WithZone("").String())
		return true
	}
}

func portTo(to **uint16) func(string) bool {
	return func(v string) bool {
		n := unsignedOf[uint16](v, 16)
		if n == nil || *n == 0 {
			return false
		}
		*to = n
		return true
	}
}

// unixTo reads seconds since 1970; 0 is no time.
func unixTo(to **time.Time) func(string) bool {
	return func(v string) bool {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n <= 0 || n > math.MaxUint32 {
			return false
		}
		*to = new(time.Unix(n, 0).UTC())
		return true
	}
}

package media

import (
	"bytes"
	"maps"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// Limits of a voice quality report; who sends it chooses its size.
const (
	maxVQLines = 128
	maxVQPairs = 256
	maxVQText  = 256
)

// ParseVQReport reads a body of type application/vq-rtcpxr (RFC 6035 section
// 4.6): a row for the local metrics and one for the remote ones, as far as they
// are there. It is lenient where devices are: any case, blanks around colons
// and signs, the older "Metrics:", lines of a report inside or outside of the
// metrics. What it does not know is in Other. ok is false for what is no report.
func ParseVQReport(body []byte) (rows []record.Report, ok bool) {
	kind := ""
	var base record.Report
	base.Other = map[string]string{}
	at := &base
	lines := 0
	for line := range bytes.Lines(body) {
		if lines++; lines > maxVQLines {
			break
		}
		text := strings.TrimSpace(string(line[:min(len(line), 4*maxVQText)]))
		if text == "" {
			continue
		}
		section, rest, _ := strings.Cut(text, ":")
		section, rest = strings.ToLower(strings.TrimSpace(section)), strings.TrimSpace(rest)
		switch section {
		case "vqsessionreport", "vqintervalreport", "vqalertreport":
			kind = strings.TrimSuffix(strings.TrimPrefix(section, "vq"), "report")
			if rest != "" {
				base.Other["report"] = clipText(rest)
			}
			continue
		case "localmetrics", "metrics", "remotemetrics":
			side := "local"
			if section == "remotemetrics" {
				side = "remote"
			}
			if len(rows) < 2 {
				rows = append(rows, record.Report{Metrics: &side, Other: map[string]string{}})
			}
			at = &rows[len(rows)-1]
			continue
		}
		if kind == "" {
			return nil, false
		}
		vqLine(at, &base, section, rest, text)
	}
	if kind == "" {
		return nil, false
	}
	if len(rows) == 0 {
		rows = []record.Report{{Other: map[string]string{}}}
	}
	for i := range rows {
		inherit(&rows[i], &base)
		rows[i].Kind = &kind
		rows[i].SSRC = rows[i].RemoteSSRC // what the reporter hears is what the other one sends
		if rows[i].Metrics != nil && *rows[i].Metrics == "remote" {
			rows[i].SSRC = rows[i].LocalSSRC
		}
	}
	return rows, true
}

// vqLine takes one line. What names the call and its ends belongs to the whole
// report, wherever it stands.
func vqLine(r, base *record.Report, section, rest, line string) {
	switch section {
	case "callid":
		base.CallID = text(rest)
	case "localid", "fromid":
		base.LocalID = text(rest)
	case "remoteid", "toid":
		base.RemoteID = text(rest)
	case "origid":
		base.OrigID = text(rest)
	case "localgroup":
		base.LocalGroup = text(rest)
	case "remotegroup":
		base.RemoteGroup = text(rest)
	case "localmac":
		base.LocalMAC = text(rest)
	case "dialogid":
		base.DialogID = text(rest)
	case "localaddr":
		vqPairs(rest, func(key, value string) { vqAddr(key, value, &base.LocalIP, &base.LocalPort, &base.LocalSSRC) })
	case "remoteaddr":
		vqPairs(rest, func(key, value string) { vqAddr(key, value, &base.RemoteIP, &base.RemotePort, &base.RemoteSSRC) })
	default:
		if !strings.Contains(line, ":") || strings.Contains(section, "=") { // "Type=OWD Severity=Critical Dir=local"
			section, rest = "", line
		}
		vqPairs(rest, func(key, value string) {
			if !vqField(r, key, value) && len(r.Other) < maxVQPairs {
				name := strings.ToLower(key)
				if section != "" {
					name = section + "." + name
				}
				r.Other[name] = clipText(value)
			}
		})
	}
}

// vqPairs splits "KEY=VALUE KEY="VA LUE" KEY=VA LUE": Poly does not quote
// "PD=G.711 A-Law", so that a value goes on to the key of the next one.
func vqPairs(s string, each func(key, value string)) {
	for range maxVQPairs {
		s = strings.TrimLeft(s, " \t;")
		key, rest, found := strings.Cut(s, "=")
		if !found {
			return
		}
		key, rest = strings.TrimSpace(key), strings.TrimLeft(rest, " \t")
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
		} else {
			i := nextPair(rest)
			value, rest = strings.TrimRight(rest[:i], " \t"), rest[i:]
		}
		each(key, strings.TrimSuffix(value, ";"))
		s = rest
	}
}

// nextPair finds where the key of the next pair begins: the last word before a
// sign that has a word before it. "annexb=no" is all value.
func nextPair(s string) int {
	for from := 0; ; {
		sign := strings.IndexByte(s[from:], '=')
		if sign < 0 {
			return len(s)
		}
		before := strings.TrimRight(s[:from+sign], " \t")
		if i := strings.LastIndexAny(before, " \t"); i >= from {
			return i + 1
		}
		from += sign + 1
	}
}

func vqAddr(key, value string, ip **string, port **uint16, ssrc **uint32) {
	switch strings.ToUpper(key) {
	case "IP":
		if a, err := netip.ParseAddr(strings.Trim(value, "[]")); err == nil {
			*ip = text(a.Unmap().String())
		} else {
			*ip = text(value)
		}
	case "PORT":
		*port = unsignedOf[uint16](value, 16)
	case "SSRC":
		if *ssrc = unsignedOf[uint32](value, 32); *ssrc != nil && **ssrc == 0 { // not known to the device
			*ssrc = nil
		}
	}
}

// unsignedOf reads a number, decimal or with 0x; nil when it is none.
func unsignedOf[T uint8 | uint16 | uint32](s string, bits int) *T {
	n, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		if n, err = strconv.ParseUint(s, 10, bits); err != nil { // 0123
			return nil
		}
	}
	return new(T(n))
}

func numberOf(s string) *float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v != v || v > 1e12 || v < -1e12 {
		return nil
	}
	return &v
}

func timeOf(s string) *time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return nil
	}
	return new(t.UTC().Truncate(time.Microsecond))
}

func text(s string) *string {
	if s = clipText(s); s == "" {
		return nil
	}
	return &s
}

func clipText(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxVQText)], "") }

// vqField sets the column of a key. It reports whether there is one that can
// have the value: a MOS of 42 is none.
func vqField(r *record.Report, key, value string) bool {
	key = strings.ToUpper(key)
	number, _, _ := strings.Cut(strings.TrimSpace(value), " ") // "5.0 %"
	if at, least, most := vqNumber(r, key); at != nil {
		v := numberOf(number)
		if v == nil || *v < least || *v > most {
			return false
		}
		*at = v
		return true
	}
	if at, least, most := vqEstimate(r, key); at != nil {
		v := numberOf(number)
		switch {
		case v == nil:
			return false
		case *v == 127: // not available (RFC 3611 section 4.7)
			return true
		case *v < least || *v > most:
			return false
		}
		*at = v
		return true
	}
	if at, most := vqCode(r, key); at != nil {
		v := unsignedOf[uint8](number, 8)
		if v == nil || *v > most {
			return false
		}
		*at = v
		return true
	}
	switch key {
	case "START":
		r.StartTime = timeOf(value)
	case "STOP":
		r.StopTime = timeOf(value)
	case "PD":
		r.PayloadDesc = text(value)
	case "SR":
		r.SampleRate = unsignedOf[uint32](number, 32)
	case "FO":
		r.FrameOctets = unsignedOf[uint32](number, 32)
	case "FPP":
		r.FramesPerPacket = unsignedOf[uint32](number, 32)
	case "FMTP":
		r.Fmtp = text(value)
	case "SSUP":
		r.SilenceSuppression = text(value)
	default:
		return false
	}
	return true
}

// vqNumber finds the column of a number and the values that it may have; nil
// where the key has none.
func vqNumber(r *record.Report, key string) (at **float64, least, most float64) {
	endless := math.Inf(1)
	switch key {
	case "FD":
		return &r.FrameDurationMs, 0, endless
	case "PPS":
		return &r.PacketsPerS, 0, endless
	case "JBN":
		return &r.JBNMs, 0, endless
	case "JBM":
		return &r.JBMMs, 0, endless
	case "JBX":
		return &r.JBXMs, 0, endless
	case "BD":
		return &r.BDMs, 0, endless
	case "GD":
		return &r.GDMs, 0, endless
	case "RTD":
		return &r.RTDMs, 0, endless
	case "ESD":
		return &r.ESDMs, 0, endless
	case "OWD":
		return &r.OWDMs, 0, endless
	case "SOWD":
		return &r.SOWDMs, 0, endless
	case "IAJ":
		return &r.IAJMs, 0, endless
	case "MAJ":
		return &r.MAJMs, 0, endless
	case "NLR":
		return &r.NLRPct, 0, 100
	case "JDR":
		return &r.JDRPct, 0, 100
	case "BLD":
		return &r.BLDPct, 0, 100
	case "GLD":
		return &r.GLDPct, 0, 100
	}
	return nil, 0, 0
}

// vqEstimate finds the column of a number that may be told as unavailable, and
// the values that it may have: R goes to 120 (RFC 6035 section 4.6.2, G.107.1),
// levels are what eight bits of RFC 3611 hold.
func vqEstimate(r *record.Report, key string) (at **float64, least, most float64) {
	switch key {
	case "SL":
		return &r.SLDBm, -128, 126
	case "NL":
		return &r.NLDBm, -128, 126
	case "RERL":
		return &r.RERLDB, 0, 255
	case "RLQ":
		return &r.RLQ, 0, 120
	case "RCQ":
		return &r.RCQ, 0, 120
	case "EXTRI":
		return &r.ExtRI, 0, 120
	case "EXTRO":
		return &r.ExtRO, 0, 120
	case "MOSLQ":
		return &r.MOSLQ, 1, 5
	case "MOSCQ":
		return &r.MOSCQ, 1, 5
	}
	return nil, 0, 0
}

// vqCode finds the column of a code, and the highest.
func vqCode(r *record.Report, key string) (at **uint8, most uint8) {
	switch key {
	case "PT":
		return &r.PayloadType, 127
	case "PLC":
		return &r.PLC, 3
	case "JBA":
		return &r.JBA, 3
	case "JBR":
		return &r.JBR, 15
	case "GMIN":
		return &r.GMIN, 255
	}
	return nil, 0
}

// inherit gives a row what was said of the whole report.
func inherit(r, base *record.Report) {
	r.CallID, r.LocalID, r.RemoteID, r.OrigID, r.DialogID = base.CallID, base.LocalID, base.RemoteID, base.OrigID, base.DialogID
	r.LocalGroup, r.RemoteGroup, r.LocalMAC = base.LocalGroup, base.RemoteGroup, base.LocalMAC
	r.LocalIP, r.LocalPort, r.LocalSSRC = base.LocalIP, base.LocalPort, base.LocalSSRC
	r.RemoteIP, r.RemotePort, r.RemoteSSRC = base.RemoteIP, base.RemotePort, base.RemoteSSRC
	maps.Copy(r.Other, base.Other)
}

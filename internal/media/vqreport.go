package media

import (
	"bytes"
	"maps"
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

// vqPairs splits "KEY=VALUE KEY="VA LUE"".
func vqPairs(s string, each func(key, value string)) {
	for range maxVQPairs {
		s = strings.TrimLeft(s, " \t;")
		key, rest, found := strings.Cut(s, "=")
		if !found {
			return
		}
		key, rest = strings.TrimSpace(key), strings.TrimLeft(rest, " \t")
		value := rest
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
		} else if i := strings.IndexAny(rest, " \t"); i >= 0 {
			value, rest = rest[:i], rest[i:]
		} else {
			rest = ""
		}
		each(key, strings.TrimSuffix(value, ";"))
		s = rest
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
		*ssrc = unsignedOf[uint32](value, 32)
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

// known is numberOf where 127 says that the value is not available (RFC 3611
// section 4.7).
func known(s string) *float64 {
	if v := numberOf(s); v != nil && *v != 127 {
		return v
	}
	return nil
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

// vqField sets the column of a key, and reports whether there is one.
func vqField(r *record.Report, key, value string) bool {
	key = strings.ToUpper(key)
	if at := vqNumber(r, key); at != nil {
		*at = numberOf(value)
		return true
	}
	if at := vqEstimate(r, key); at != nil {
		*at = known(value)
		return true
	}
	switch key {
	case "START":
		r.StartTime = timeOf(value)
	case "STOP":
		r.StopTime = timeOf(value)
	case "PT":
		r.PayloadType = unsignedOf[uint8](value, 8)
	case "PD":
		r.PayloadDesc = text(value)
	case "SR":
		r.SampleRate = unsignedOf[uint32](value, 32)
	case "FO":
		r.FrameOctets = unsignedOf[uint32](value, 32)
	case "FPP":
		r.FramesPerPacket = unsignedOf[uint32](value, 32)
	case "FMTP":
		r.Fmtp = text(value)
	case "PLC":
		r.PLC = unsignedOf[uint8](value, 8)
	case "SSUP":
		r.SilenceSuppression = text(value)
	case "JBA":
		r.JBA = unsignedOf[uint8](value, 8)
	case "JBR":
		r.JBR = unsignedOf[uint8](value, 8)
	case "GMIN":
		r.GMIN = unsignedOf[uint8](value, 8)
	default:
		return false
	}
	return true
}

// vqNumber finds the column of a number; nil where the key has none.
func vqNumber(r *record.Report, key string) **float64 {
	switch key {
	case "FD":
		return &r.FrameDurationMs
	case "PPS":
		return &r.PacketsPerS
	case "JBN":
		return &r.JBNMs
	case "JBM":
		return &r.JBMMs
	case "JBX":
		return &r.JBXMs
	case "NLR":
		return &r.NLRPct
	case "JDR":
		return &r.JDRPct
	case "BLD":
		return &r.BLDPct
	case "BD":
		return &r.BDMs
	case "GLD":
		return &r.GLDPct
	case "GD":
		return &r.GDMs
	case "RTD":
		return &r.RTDMs
	case "ESD":
		return &r.ESDMs
	case "OWD":
		return &r.OWDMs
	case "SOWD":
		return &r.SOWDMs
	case "IAJ":
		return &r.IAJMs
	case "MAJ":
		return &r.MAJMs
	}
	return nil
}

// vqEstimate finds the column of a number that may be told as unavailable.
func vqEstimate(r *record.Report, key string) **float64 {
	switch key {
	case "SL":
		return &r.SLDBm
	case "NL":
		return &r.NLDBm
	case "RERL":
		return &r.RERLDB
	case "RLQ":
		return &r.RLQ
	case "RCQ":
		return &r.RCQ
	case "EXTRI":
		return &r.ExtRI
	case "EXTRO":
		return &r.ExtRO
	case "MOSLQ":
		return &r.MOSLQ
	case "MOSCQ":
		return &r.MOSCQ
	}
	return nil
}

// inherit gives a row what was said of the whole report.
func inherit(r, base *record.Report) {
	r.CallID, r.LocalID, r.RemoteID, r.OrigID, r.DialogID = base.CallID, base.LocalID, base.RemoteID, base.OrigID, base.DialogID
	r.LocalGroup, r.RemoteGroup, r.LocalMAC = base.LocalGroup, base.RemoteGroup, base.LocalMAC
	r.LocalIP, r.LocalPort, r.LocalSSRC = base.LocalIP, base.LocalPort, base.LocalSSRC
	r.RemoteIP, r.RemotePort, r.RemoteSSRC = base.RemoteIP, base.RemotePort, base.RemoteSSRC
	maps.Copy(r.Other, base.Other)
}

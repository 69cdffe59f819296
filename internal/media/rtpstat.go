package media

import (
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/earshot-voip/earshot/internal/record"
)

// Limits of a header that tells statistics.
const (
	maxRTPStat      = 4096 // bytes
	maxRTPStatPairs = 64
)

// ParseRTPStat reads the value of a header X-RTP-Stat or P-RTP-Stat, which no
// standard describes: pairs KEY=value with ';' or ',' between them. Keys that
// all vendors mean alike (manuals of AudioCodes, Poly and Cisco, the source of
// baresip) have columns. LA stays in Other, since it is latency, the size of
// the buffer or the round trip, and so do the other keys, and what has a value
// that cannot be read. ok is false where no key is known.
func ParseRTPStat(value []byte) (r record.Report, ok bool) {
	r.Other = map[string]string{}
	if len(value) > maxRTPStat {
		return r, false
	}
	bareSIP, avm := false, false
	jitter := ""
	for _, p := range rtpStatPairs(string(value)) {
		name, v := strings.ToUpper(p[0]), p[1]
		switch name {
		case "EX":
			bareSIP = strings.EqualFold(v, "BareSip")
		case "ES", "ER", "QS", "QR", "RB", "SB":
			avm = true
		case "JI":
			jitter, ok = v, true
			continue
		}
		if rtpStatField(&r, name, v) {
			ok = true
		} else {
			r.Other[clipText(p[0])] = clipText(v)
		}
	}
	if jitter != "" && !rtpStatJitter(&r, jitter, bareSIP, avm) {
		r.Other["JI"] = clipText(jitter)
	}
	return r, ok
}

// rtpStatPairs splits the header. What has no '=' belongs to the value before
// it.
func rtpStatPairs(value string) [][2]string {
	divider := ","
	if strings.Contains(value, ";") {
		divider = ";"
	}
	var pairs [][2]string
	for part := range strings.SplitSeq(value, divider) {
		name, v, found := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		switch {
		case found && name != "":
			if len(pairs) >= maxRTPStatPairs {
				return pairs
			}
			pairs = append(pairs, [2]string{name, strings.TrimSpace(v)})
		case len(pairs) > 0 && strings.TrimSpace(part) != "":
			pairs[len(pairs)-1][1] += divider + strings.TrimSpace(part)
		}
	}
	return pairs
}

// rtpStatField sets the column of a key, and reports whether there is one and
// the value fits.
func rtpStatField(r *record.Report, name, v string) bool {
	switch name {
	case "PS":
		return count(&r.PacketsSent, v)
	case "OS":
		return count(&r.OctetsSent, v)
	case "PR":
		return count(&r.PacketsReceived, v)
	case "OR":
		return count(&r.OctetsReceived, v)
	case "PL": // of what is received, and of what is sent
		in, out, both := strings.Cut(v, ",")
		return lost(&r.PacketsLost, in) && (!both || lost(&r.RemotePacketsLost, out))
	case "EN":
		r.CodecSent = text(v)
	case "DE":
		r.PayloadDesc = text(v)
	case "IP": // own end, other end
		local, remote, both := strings.Cut(v, ",")
		return both && endOf(&r.LocalIP, &r.LocalPort, local) && endOf(&r.RemoteIP, &r.RemotePort, remote)
	case "MOS":
		return score(&r.MOS, v)
	default:
		return false
	}
	return true
}

func count(to **uint64, s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	if err == nil {
		*to = &n
	}
	return err == nil
}

func lost(to **int64, s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil {
		*to = &n
	}
	return err == nil
}

// score reads a MOS on the scale from 1 to 5.
func score(to **float64, s string) bool {
	v := numberOf(s)
	if v == nil || *v < 1 || *v > 5 {
		return false
	}
	*to = v
	return true
}

// endOf reads host and port; a host of 0 is none.
func endOf(ip **string, port **uint16, s string) bool {
	ap, err := netip.ParseAddrPort(strings.TrimSpace(s))
	if err != nil {
		return false
	}
	if a := ap.Addr().Unmap().WithZone(""); !a.IsUnspecified() {
		*ip = new(a.String())
	}
	*port = new(ap.Port())
	return true
}

// rtpStatJitter reads JI: one number in ms, and from baresip two in units of
// the codecs' clocks, of what it receives and of what the other end told. AVM's
// are of a unit that could not be verified, so that they are not read.
func rtpStatJitter(r *record.Report, s string, bareSIP, avm bool) bool {
	in, out, both := strings.Cut(s, ",")
	v := positive(in)
	if v == nil || !bareSIP && (both || avm) {
		return false
	}
	if !bareSIP {
		r.JitterMs = v
		return true
	}
	clock := codecClock(r.PayloadDesc)
	if clock == 0 {
		return false
	}
	r.JitterMs = new(roundMs(*v / clock))
	if !both {
		return true
	}
	v, clock = positive(out), codecClock(r.CodecSent)
	if v == nil || clock == 0 {
		return false
	}
	r.RemoteJitterMs = new(roundMs(*v / clock))
	return true
}

func positive(s string) *float64 {
	if v := numberOf(strings.TrimSpace(s)); v != nil && *v >= 0 {
		return v
	}
	return nil
}

// codecClock is the kHz of "PCMU/8000"; 0 where it is not told.
func codecClock(codec *string) float64 {
	if codec == nil {
		return 0
	}
	_, rate, _ := strings.Cut(*codec, "/")
	rate, _, _ = strings.Cut(rate, "/")
	hz, err := strconv.ParseUint(rate, 10, 32)
	if err != nil || hz < 1000 {
		return 0
	}
	return float64(hz) / 1000
}

// roundMs keeps microseconds.
func roundMs(v float64) float64 { return math.Round(v*1000) / 1000 }

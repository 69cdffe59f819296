package explain

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"
	"unicode"
)

// longest is how much of a text from the wire is shown.
const longest = 120

// clean makes text from the wire fit for a terminal.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return s
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func address(a netip.Addr, port *uint16) string {
	if port == nil {
		return a.Unmap().String()
	}
	return netip.AddrPortFrom(a.Unmap(), *port).String()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// seconds writes a length of time as people say it.
func seconds(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	if d >= time.Minute {
		d = d.Round(time.Second)
	}
	switch {
	case d < time.Second && d > -time.Second:
		return fmt.Sprintf("%.0f ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return strings.TrimSuffix(fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second), " 0 s")
	}
	d = d.Round(time.Minute)
	return strings.TrimSuffix(fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute), " 0 min")
}

// offset writes a time into the call: +1:05, -0:03, +1:00:00. It is rounded
// down, also before the zero: there is no -0:00.
func offset(d time.Duration) string {
	sign, n := "+", int(math.Floor(d.Seconds()))
	if n < 0 {
		sign, n = "-", -n
	}
	if n >= 3600 {
		return fmt.Sprintf("%s%d:%02d:%02d", sign, n/3600, n/60%60, n%60)
	}
	return fmt.Sprintf("%s%d:%02d", sign, n/60, n%60)
}

// sentence makes one of parts.
func sentence(parts []string) string {
	if len(parts) == 0 {
		return "Nothing is known of how it went."
	}
	s := strings.Join(parts, ", ") + "."
	r := []rune(s)
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}

func percentOf(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

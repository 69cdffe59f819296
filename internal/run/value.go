package run

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that also understands whole or fractional days
// ("90d"), which retention is told in.
type Duration time.Duration

const day = 24 * time.Hour

// UnmarshalText reads "250ms", "1h30m", "90d" and "0".
func (d *Duration) UnmarshalText(b []byte) error {
	s := string(b)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(math.Abs(n) <= math.MaxInt64/float64(day)-1) {
			return errDuration
		}
		*d = Duration(n * float64(day))
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return errDuration
	}
	*d = Duration(v)
	return nil
}

var errDuration = fmt.Errorf("a duration such as 250ms, 30s, 12h or 90d")

// String gives what UnmarshalText reads, as short as it is exact: "90d",
// "10m", "1m30s".
func (d Duration) String() string {
	v := time.Duration(d)
	if v == 0 {
		return "0s"
	}
	if v%day == 0 && (v >= 2*day || v <= -2*day) {
		return strconv.FormatInt(int64(v/day), 10) + "d"
	}
	// time.Duration writes 10m0s and 12h0m0s.
	s := v.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Size is a number of bytes.
type Size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	// The longer suffixes first: "KiB" ends in "B" too.
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"TB", 1e12},
	{"GB", 1e9},
	{"MB", 1e6},
	{"kB", 1e3},
	{"KB", 1e3},
	{"B", 1},
	{"", 1},
}

// UnmarshalText reads "65535", "64KiB", "1.5GiB", "2GB" (10^9).
func (s *Size) UnmarshalText(b []byte) error {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(string(b), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(n >= 0 && n*float64(u.bytes) < math.MaxInt64) {
			return errSize
		}
		*s = Size(math.Round(n * float64(u.bytes)))
		return nil
	}
	return errSize
}

var errSize = fmt.Errorf("a size in bytes such as 65535, 64KiB or 2GiB")

// String gives what UnmarshalText reads, in the largest binary unit that is
// exact.
func (s Size) String() string {
	for _, u := range sizeUnits[:4] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText is String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MOS is a mean opinion score; 0 is none.
type MOS float64

// UnmarshalText reads "3.1" and "0".
func (m *MOS) UnmarshalText(b []byte) error {
	n, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(n == 0 || n >= 1 && n <= 5) {
		return errMOS
	}
	*m = MOS(n)
	return nil
}

var errMOS = fmt.Errorf("a MOS from 1 to 5 such as 3.1, or 0")

// MarshalText gives what UnmarshalText reads.
func (m MOS) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m), 'f', -1, 64), nil
}

// LogFormat is the form of log lines: text or json.
type LogFormat string

// UnmarshalText takes text and json.
func (f *LogFormat) UnmarshalText(b []byte) error {
	switch v := LogFormat(b); v {
	case "text", "json":
		*f = v
		return nil
	}
	return fmt.Errorf("text or json")
}

// MarshalText is the name itself.
func (f LogFormat) MarshalText() ([]byte, error) { return []byte(f), nil }

// Network is a netip.Prefix that is also told as one address.
type Network struct{ netip.Prefix }

// UnmarshalText reads "192.0.2.0/24", "2001:db8::/32" and "192.0.2.1".
func (n *Network) UnmarshalText(b []byte) error {
	if p, err := netip.ParsePrefix(string(b)); err == nil {
		if p.Addr().Is4In6() { // would match no IPv4 packet
			return errNetwork
		}
		n.Prefix = p.Masked()
		return nil
	}
	a, err := netip.ParseAddr(string(b))
	if err != nil || a.Zone() != "" {
		return errNetwork
	}
	n.Prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
	return nil
}

var errNetwork = fmt.Errorf("a network such as 192.0.2.0/24, or an address")

// Ports is a range of ports, both ends included.
type Ports struct{ First, Last uint16 }

// UnmarshalText reads "5060" and "10000-20000".
func (p *Ports) UnmarshalText(b []byte) error {
	first, last, ranged := strings.Cut(string(b), "-")
	if !ranged {
		last = first
	}
	x, err1 := strconv.ParseUint(first, 10, 16)
	y, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || x == 0 || y < x {
		return errPorts
	}
	p.First, p.Last = uint16(x), uint16(y)
	return nil
}

var errPorts = fmt.Errorf("a port from 1 to 65535, or a range such as 10000-20000")

func (p Ports) String() string {
	if p.First == p.Last {
		return strconv.Itoa(int(p.First))
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

// MarshalText is String.
func (p Ports) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Pattern is a regular expression (RE2).
type Pattern struct{ *regexp.Regexp }

// UnmarshalText compiles the expression.
func (p *Pattern) UnmarshalText(b []byte) error {
	re, err := regexp.Compile(string(b))
	if err != nil || len(b) == 0 {
		return errPattern
	}
	p.Regexp = re
	return nil
}

var errPattern = fmt.Errorf("a regular expression (RE2) such as ^49301234[0-9]*$")

// Equal reports whether two are the same expression.
func (p Pattern) Equal(o Pattern) bool { return p.String() == o.String() }

// LinkHeader is a header that ties the legs of a call together.
type LinkHeader struct {
	Name      string
	CallID    bool           // it names the Call-ID of another leg; else all legs have the same value
	Direction string         // response (2xx to an INVITE) or both; "" is INVITEs alone
	Match     *regexp.Regexp // nil is the whole header
}

// UnmarshalText reads "NAME same" and "NAME call-id", either with "response" or
// "both", and with a regular expression, behind it.
func (h *LinkHeader) UnmarshalText(b []byte) error {
	name, rest, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	kind, match, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if !isHeaderPattern(name) || strings.HasSuffix(name, "*") || kind != "same" && kind != "call-id" {
		return errLinkHeader
	}
	h.Name, h.CallID, h.Direction, h.Match = name, kind == "call-id", "", nil
	if first, more, _ := strings.Cut(strings.TrimSpace(match), " "); first == "response" || first == "both" {
		h.Direction, match = first, more
	}
	if match = strings.TrimSpace(match); match != "" {
		re, err := regexp.Compile(match)
		if err != nil {
			return errLinkHeader
		}
		if re.MatchString("") { // it would match before it comes to the value
			return errLinkMatch
		}
		h.Match = re
	}
	if !h.CallID && h.Match == nil && slices.ContainsFunc(unlikeLinks, func(n string) bool { return strings.EqualFold(n, name) }) {
		return errLinkSame
	}
	return nil
}

// unlikeLinks are headers that are the same in calls that have nothing to do with
// each other: to one callee, from one phone.
var unlikeLinks = []string{
	"To", "t", "From", "f", "Contact", "m", "CSeq", "Max-Forwards", "User-Agent", "Allow",
	"Supported", "k", "Content-Type", "c", "Content-Length", "l", "P-Asserted-Identity",
}

var errLinkMatch = fmt.Errorf("a regular expression that does not match an empty value, such as id=([0-9]+)")

var errLinkSame = fmt.Errorf("a header that only the legs of one call have in common; with a regular expression behind it this one may be, such as From same ;call=([0-9a-f]+)")

var errLinkHeader = fmt.Errorf("a header and what it is, such as Session-ID same, or X-CID call-id; behind it response or both where 2xx have it, and a regular expression (RE2) where it is not the whole header")

func (h LinkHeader) String() string {
	s := h.Name + " same"
	if h.CallID {
		s = h.Name + " call-id"
	}
	if h.Direction != "" {
		s += " " + h.Direction
	}
	if h.Match != nil {
		s += " " + h.Match.String()
	}
	return s
}

// MarshalText is String.
func (h LinkHeader) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Equal reports whether two are the same rule.
func (h LinkHeader) Equal(o LinkHeader) bool { return h.String() == o.String() }

// Host is what configuration says of an address, or of all in a network.
type Host struct {
	Network Network
	Name    string
	Class   string // "" where it is learned
}

// hostClasses are what a host may be configured to be.
var hostClasses = []string{"phone", "registrar", "proxy", "b2bua", "relay", "gateway"}

// UnmarshalText reads "192.0.2.10 sbc-1" and "192.0.2.0/24 phones phone".
func (h *Host) UnmarshalText(b []byte) error {
	words := strings.Fields(string(b))
	if len(words) < 2 || len(words) > 3 || !isName(words[1]) || len(words) == 3 && !slices.Contains(hostClasses, words[2]) {
		return errHost
	}
	var is Host
	if err := is.Network.UnmarshalText([]byte(words[0])); err != nil {
		return errHost
	}
	is.Name = words[1]
	if len(words) == 3 {
		is.Class = words[2]
	}
	*h = is
	return nil
}

var errHost = fmt.Errorf("an address or network, its name and, where it is known, its class (%s), such as 192.0.2.10 sbc-1 b2bua", strings.Join(hostClasses, ", "))

func (h Host) String() string {
	s := h.Network.text() + " " + h.Name
	if h.Class != "" {
		s += " " + h.Class
	}
	return s
}

// MarshalText is String.
func (h Host) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Trunk is a network of a carrier. A trunk may have several.
type Trunk struct {
	Name    string
	Network Network
}

// UnmarshalText reads "carrier-a 203.0.113.0/28".
func (t *Trunk) UnmarshalText(b []byte) error {
	words := strings.Fields(string(b))
	if len(words) != 2 || !isName(words[0]) {
		return errTrunk
	}
	var n Network
	if err := n.UnmarshalText([]byte(words[1])); err != nil {
		return errTrunk
	}
	t.Name, t.Network = words[0], n
	return nil
}

var errTrunk = fmt.Errorf("the name of a trunk and a network or address of it, such as carrier-a 203.0.113.0/28")

func (t Trunk) String() string { return t.Name + " " + t.Network.text() }

// MarshalText is String.
func (t Trunk) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// text is the network as short as UnmarshalText reads it.
func (n Network) text() string {
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.Prefix.String()
}

// isName takes what is shown in rows and compared in keys.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

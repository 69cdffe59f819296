package dialog

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/sip"
)

// began is second 0 of every script.
var began = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

var hosts = map[string]netip.AddrPort{
	"a": netip.MustParseAddrPort("198.51.100.1:5060"),
	"p": netip.MustParseAddrPort("192.0.2.10:5060"),
	"q": netip.MustParseAddrPort("192.0.2.20:5060"),
	"b": netip.MustParseAddrPort("203.0.113.1:5060"),
	"c": netip.MustParseAddrPort("203.0.113.2:5060"),
}

// seen is one message of a script and when it was seen.
type seen struct {
	at   time.Time
	raw  []byte
	path [2]netip.AddrPort
	node string // tap when empty
}

// parse reads a script: a message a line,
//
//	seconds from>to METHOD|status FROMTAG/TOTAG cseq[METHOD] [key=value ...]
//
// "0.2 b>a 180 A/B 1INVITE". The keys are id (Call-ID), via (branches from the
// top, "|" between), sdp (direction, or an address), node (that saw it), h (a
// header, "_" for a space, may come again). Empty lines and what follows # are left out.
func parse(t testing.TB, script string) []seen {
	t.Helper()
	var out []seen
	for line := range strings.Lines(script) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < 5 {
			t.Fatalf("short line %q", line)
		}
		secs, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		from, to, _ := strings.Cut(f[1], ">")
		fromTag, toTag, _ := strings.Cut(f[3], "/")
		digits := len(f[4]) - len(strings.TrimLeft(f[4], "0123456789"))
		cseq, method := f[4][:digits], f[4][digits:]
		_, err = strconv.Atoi(f[2])
		response := err == nil
		if method == "" {
			method = f[2]
		}
		id, via, sdp, node := "call-1", "", "", ""
		var headers []string
		for _, opt := range f[5:] {
			k, v, _ := strings.Cut(opt, "=")
			switch k {
			case "id":
				id = v
			case "via":
				via = v
			case "sdp":
				sdp = v
			case "node":
				node = v
			case "h":
				headers = append(headers, strings.ReplaceAll(v, "_", " "))
			default:
				t.Fatalf("unknown key in %q", line)
			}
		}
		if via == "" {
			group := method
			if group == "CANCEL" {
				group = "INVITE"
			}
			via = group + cseq + fromTag
		}
		var b strings.Builder
		if response {
			fmt.Fprintf(&b, "SIP/2.0 %s Reason\r\n", f[2])
		} else {
			fmt.Fprintf(&b, "%s sip:bob@example.com SIP/2.0\r\n", f[2])
		}
		for branch := range strings.SplitSeq(via, "|") {
			fmt.Fprintf(&b, "Via: SIP/2.0/UDP host-%s;branch=z9hG4bK%s\r\n", branch, branch)
		}
		tag := func(name string) string {
			if name == "" {
				return ""
			}
			return ";tag=" + name
		}
		alice, bob := "<sip:alice@example.com>", "<sip:bob@example.com>"
		if strings.HasPrefix(fromTag, "B") { // a request of the callee's side
			alice, bob = bob, alice
		}
		fmt.Fprintf(&b, "From: %s%s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: %s %s\r\n", alice, tag(fromTag), bob, tag(toTag), id, cseq, method)
		for _, h := range headers {
			b.WriteString(h + "\r\n")
		}
		body := ""
		if sdp != "" {
			body = sdpOf(sdp, hosts[from].Addr())
			b.WriteString("Content-Type: application/sdp\r\n")
		}
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
		out = append(out, seen{began.Add(time.Duration(math.Round(secs * float64(time.Second)))), []byte(b.String()), [2]netip.AddrPort{hosts[from], hosts[to]}, node})
	}
	return out
}

// sdpOf is a session description: a direction at the port 4000 of a host, or
// "none" for c=0.0.0.0, or the m= line's kinds "audio+video", "image".
func sdpOf(what string, host netip.Addr) string {
	conn, direction, lines := host.String(), "sendrecv", "m=audio 4000 RTP/AVP 0\r\n"
	switch what {
	case "none":
		conn = "0.0.0.0"
	case "video":
		lines += "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
	case "novideo":
		lines += "m=video 0 RTP/AVP 96\r\n"
	case "image":
		lines = "m=image 4000 udptl t38\r\n"
	default:
		direction = what
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\na=%s\r\n%s", host, conn, direction, lines)
}

// table is a Table with what tests look at.
type table struct {
	*Table
	m    sip.Message
	over []*Call
}

func newTable(change ...func(*Options)) *table {
	o := Defaults()
	for _, f := range change {
		f(&o)
	}
	return &table{Table: NewTable(o, nil)}
}

func (x *table) play(all []seen) {
	for i := range all {
		x.see(&all[i])
	}
}

func (x *table) see(s *seen) Seen {
	x.over = append(x.over, x.Advance(s.at)...)
	x.m.Parse(s.raw)
	return x.Observe(packetOf(*s), &x.m)
}

func packetOf(s seen) *packet.Packet {
	return &packet.Packet{
		Time: s.at, Src: s.path[0], Dst: s.path[1], Transport: packet.UDP, Kind: packet.KindSIP, Domain: "default", Node: cmp.Or(s.node, "tap"), Payload: s.raw,
	}
}

// rows ends the input, at a time if it is not zero, and gives all rows.
func (x *table) rows(end time.Time) []*record.Call {
	if !end.IsZero() {
		x.over = append(x.over, x.Advance(end)...)
	}
	x.over = append(x.over, x.Close(x.now)...)
	var out []*record.Call
	for _, c := range x.over {
		for _, r := range c.Rows() {
			out = append(out, r.Call)
		}
	}
	return out
}

// brief is a row in one line: state, status, To tag, seconds of start, ring,
// answer and end, who hung up, flags.
func brief(r *record.Call) string {
	at := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return strconv.FormatFloat(t.Sub(began).Seconds(), 'g', -1, 64)
	}
	status, by := "-", "-"
	if r.FinalStatus != nil {
		status = strconv.Itoa(int(*r.FinalStatus))
	}
	if r.HangupBy != nil {
		by = *r.HangupBy
	}
	out := fmt.Sprintf("%s %s %s %s %s %s %s %s", r.State, status, r.ToTag, at(r.StartTime), at(r.RingTime), at(r.AnswerTime), at(r.EndTime), by)
	for _, f := range r.Flags {
		out += " " + f
	}
	return out
}

func briefs(rows []*record.Call) string {
	var out []string
	for _, r := range rows {
		out = append(out, brief(r))
	}
	return strings.Join(out, "\n")
}

// pathOf is one of the ways between a and b, by number.
func pathOf(i int) [2]netip.AddrPort {
	if i%2 == 0 {
		return [2]netip.AddrPort{hosts["a"], hosts["b"]}
	}
	return [2]netip.AddrPort{hosts["b"], hosts["a"]}
}

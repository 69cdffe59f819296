package link

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/sip"
)

var began = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }

// told is a Source that tests fill.
type told Facts

func (f *told) Facts() Facts { return Facts(*f) }

func (f *told) Dialog(tag, other string) bool { return tag+other == "12" || tag+other == "21" }

// bench is a Table under test.
type bench struct {
	*Table
	links []Link
}

func newBench(change ...func(*Options)) *bench {
	b := &bench{}
	opt := Defaults()
	for _, c := range change {
		c(&opt)
	}
	b.Table = New(opt, func(l Link) { b.links = append(b.links, l) })
	return b
}

// leg begins a leg of which only its Call-ID counts.
func (b *bench) leg(id string, when float64) *Leg {
	return b.Leg("default", id, at(when), &told{Start: at(when)})
}

// host is one of the hosts that calls go between here.
func host(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }

// invite begins a leg by an INVITE with headers: the first from a phone to a box,
// the others from the box on.
func (b *bench) invite(id string, when float64, headers ...string) *Leg {
	from, to := 1, 9
	if len(b.legs) > 0 {
		from, to = 9, 20+len(b.legs)
	}
	return b.between(from, to, id, when, &told{}, headers...)
}

// between begins a leg from one host to another.
func (b *bench) between(from, to int, id string, when float64, f *told, headers ...string) *Leg {
	f.Start, f.Src, f.Dst = at(when), host(from), host(to)
	l := b.Leg("default", id, f.Start, f)
	b.Invite(l, message("INVITE sip:bob@example.com SIP/2.0", id, headers...), f.Src, f.Dst, f.Start)
	return l
}

// final plays the final response to the INVITE of a leg, and writes it.
func (b *bench) final(l *Leg, when float64, status uint16, headers ...string) {
	f := l.source.(*told)
	if f.Status = status; status < 300 {
		f.Answer = at(when)
		b.Answered(l, message("SIP/2.0 200 OK", l.CallID, headers...), f.Answer)
		return
	}
	f.End = at(when)
	b.Written(l, f.End)
}

func message(start, id string, headers ...string) *sip.Message {
	var m sip.Message
	raw := start + "\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: " + id +
		"\r\nCSeq: 1 INVITE\r\n" + strings.Join(append(headers, "Content-Length: 0"), "\r\n") + "\r\n\r\n"
	if !m.Parse([]byte(raw)) {
		panic(raw)
	}
	return &m
}

// says is the links in short: leg, other, method, session, legs, merged or not.
func (b *bench) says() string {
	var out []string
	for _, l := range b.links {
		s := fmt.Sprintf("%s>%s %s", l.Leg.CallID, l.Other.CallID, l.Method)
		if l.Detail != "" {
			s += "/" + l.Detail
		}
		if l.Merged {
			s += fmt.Sprintf(" %s %d", l.SessionID, l.Legs)
		} else {
			s += fmt.Sprintf(" likely %.2f", l.Confidence)
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func (b *bench) want(t *testing.T, links string) {
	t.Helper()
	if got := b.says(); got != links {
		t.Errorf("links\n  %s\nwant\n  %s", got, links)
	}
}

func TestHeaders(t *testing.T) {
	const id = "ab30317f1a784dc48ff824d0d3715d86"
	for _, c := range []struct{ name, first, second, want string }{
		{"Session-ID", "Session-ID: " + id + ";remote=00000000000000000000000000000000", "Session-ID: " + strings.ToUpper(id) + ";remote=47755a9de7794ba387653f2099600ef2", "b>a header/Session-ID a 2"},
		{"the nil UUID", "Session-ID: 00000000000000000000000000000000", "Session-ID: 00000000000000000000000000000000", ""},
		{"another one", "Session-ID: " + id, "Session-ID: 47755a9de7794ba387653f2099600ef2", ""},
		{"icid", `P-Charging-Vector: icid-value="AyretyU0dm+6O2IrT5tAFrbHLso";orig-ioi=a`, "P-Charging-Vector: icid-value=AyretyU0dm+6O2IrT5tAFrbHLso; orig-ioi=b", "b>a header/P-Charging-Vector a 2"},
		{"the first leg's Call-ID", "", "X-CID: a", "b>a header/X-CID a 2"},
		{"the second leg's Call-ID", "X-CID: b", "", "b>a header/X-CID a 2"},
		{"its own Call-ID", "X-CID: a", "X-CID: b", ""},
		{"Replaces", "", "Replaces: a;to-tag=1;from-tag=2", "b>a dialog/Replaces a 2"},
		{"Join", "", "Join: a;to-tag=1;from-tag=2", "b>a dialog/Join a 2"},
		{"Target-Dialog", "", "Target-Dialog: a;local-tag=1;remote-tag=2", "b>a dialog/Target-Dialog a 2"},
		{"two of them", "Cisco-Guid: 1-2-3-4", "Cisco-Guid: 1-2-3-4\r\nX-CID: a", "b>a header/X-CID a 2; b>a header/Cisco-Guid a 2"},
		{"a header of nobody's", "X-Trunk: 4", "X-Trunk: 4", ""},
		{"by configuration", "X-Site: call=17;x", "X-Site: y;call=17", "b>a header/X-Site a 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(func(o *Options) {
				o.Headers = append(o.Headers, Rule{Name: "X-Site", Match: regexp.MustCompile(`call=\d+`)})
			})
			for i, h := range []string{c.first, c.second} {
				var headers []string
				if h != "" {
					headers = []string{h}
				}
				b.final(b.invite(string(rune('a'+i)), float64(i), headers...), float64(i)+0.5, 200)
			}
			b.want(t, c.want)
		})
	}
}

// TestDomains: customers use each other's Call-IDs, numbers and headers.
func TestDomains(t *testing.T) {
	b := newBench()
	x, y := b.Leg("one", "a", at(0), &told{Start: at(0)}), b.Leg("two", "a", at(1), &told{Start: at(1)})
	b.Invite(x, message("INVITE sip:bob@example.com SIP/2.0", "a", "Cisco-Guid: 7"), netip.Addr{}, netip.Addr{}, at(0))
	b.Invite(y, message("INVITE sip:bob@example.com SIP/2.0", "a", "Cisco-Guid: 7", "X-CID: a"), netip.Addr{}, netip.Addr{}, at(1))
	host := netip.MustParseAddr("10.0.0.1")
	for _, l := range []*Leg{x, y} {
		b.Stream(l, Stream{SSRC: 7, Src: host, Dst: host.Next(), First: at(1)})
		b.Written(l, at(1))
	}
	b.want(t, "")
	if x == y || x.SessionID() != "a" || y.SessionID() != "a" {
		t.Error("two domains have one leg")
	}
}

// TestLate: a leg whose row is written cannot have it changed: a row of its own
// tells where it belongs. Once forgotten it is linked no more.
func TestLate(t *testing.T) {
	b := newBench()
	a := b.invite("a", 10, "Cisco-Guid: 1")
	b.invite("b", 11, "Cisco-Guid: 1")
	b.Written(a, at(20))
	b.Written(b.Find("default", []byte("b")), at(20))
	b.want(t, "b>a header/Cisco-Guid a 2")
	b.links = nil
	b.final(b.invite("earlier", 9, "X-CID: b"), 10, 200) // seen late
	b.want(t, "b>earlier header/X-CID earlier 3; a>b session earlier 3")
	b.Advance(at(20).Add(b.opt.Remember))
	if b.Len() != 1 {
		t.Fatalf("%d legs are left", b.Len())
	}
	b.links = nil
	b.invite("later", 30, "X-CID: b", "Cisco-Guid: 1")
	b.want(t, "")
}

// TestEvidenceAddsUp: two weak kinds of evidence are a strong one.
func TestEvidenceAddsUp(t *testing.T) {
	b := newBench()
	x, y := b.leg("a", 0), b.leg("b", 1)
	b.link(x, y, Numbers, "", 0.7, at(1))
	b.link(y, x, SSRC, "", 0.7, at(2))
	b.link(y, x, SSRC, "", 0.7, at(3))
	b.want(t, "b>a numbers likely 0.70; b>a ssrc a 2")
	// What is no surer than even is a constant or a crowd, and adds nothing.
	b = newBench()
	x, y = b.leg("a", 0), b.leg("b", 1)
	b.link(x, y, Numbers, "", 0.75, at(1))
	b.link(y, x, SSRC, "", 0.5, at(2))
	b.link(y, x, Header, "X", 0.5, at(3))
	b.want(t, "b>a numbers likely 0.75; b>a ssrc likely 0.75; b>a header/X likely 0.75")
}

// TestSessions: whatever is linked and whenever rows are written, a session has
// the name of its earliest leg, and what was said of each leg, last of all, is
// true.
func TestSessions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench()
		n := rapid.IntRange(1, 12).Draw(t, "legs")
		var legs []*Leg
		row := make([]string, n) // session_id of the row of calls, as far as it is written
		group := make([]int, n)
		for i := range n {
			legs = append(legs, b.leg(fmt.Sprint("leg", i), float64(rapid.IntRange(0, 5).Draw(t, "began"))))
			group[i] = i
		}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			i, j := rapid.IntRange(0, n-1).Draw(t, "i"), rapid.IntRange(0, n-1).Draw(t, "j")
			if rapid.Bool().Draw(t, "written") {
				if row[i] == "" {
					b.Written(legs[i], at(10))
					row[i] = legs[i].SessionID()
				}
				continue
			}
			b.link(legs[i], legs[j], Header, "X", certain, at(11))
			from, to := group[i], group[j]
			for k := range group {
				if group[k] == from {
					group[k] = to
				}
			}
		}
		for i, l := range legs {
			var same []*Leg
			for j := range legs {
				if group[j] == group[i] {
					same = append(same, legs[j])
				}
			}
			first := slices.MinFunc(same, func(x, y *Leg) int {
				if later(x, y) {
					return 1
				}
				return -1
			})
			if l.SessionID() != first.CallID || l.Legs() != len(same) {
				t.Fatalf("%s has session %s of %d legs, want %s of %d", l.CallID, l.SessionID(), l.Legs(), first.CallID, len(same))
			}
			if row[i] == "" {
				row[i] = l.SessionID() // as it is written now
			}
			said, most := row[i], 0
			for _, k := range b.links {
				if k.Leg == l && k.Merged && k.Legs >= most {
					said, most = k.SessionID, k.Legs
				}
			}
			if said != first.CallID {
				t.Fatalf("%s: the rows say session %s, want %s: %s", l.CallID, said, first.CallID, b.says())
			}
		}
	})
}

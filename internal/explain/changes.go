package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/earshot-voip/earshot/internal/record"
)

// Bounds of what is compared and told: who sends a message chooses how much is
// in it.
const (
	mostFields    = 256 // header lines of a message
	mostBodyLines = 256
	mostChanges   = 30 // lines told of one message
)

// changes tells what each box changed in the INVITE, and in the 2xx on its way
// back, beside what every proxy has to.
func (s *story) changes(messages []*record.Message) {
	passes := s.passes()
	if len(passes) == 0 {
		return
	}
	s.printf("\nChanged on the way\n")
	found := false
	for _, p := range passes[:min(mostHops, len(passes))] {
		before, after := s.text(messages, p.in, ""), s.text(messages, p.out, "")
		if before != nil && after != nil {
			found = true
			s.change(fmt.Sprintf("INVITE at %s%s", address(p.out.SrcIP, nil), p.target()), before, after)
		}
		for _, m := range messages {
			answer := s.answer(m, p.out)
			if answer == nil {
				continue
			}
			if passed := s.text(messages, p.in, answer.tag()); passed != nil {
				s.change(fmt.Sprintf("%d at %s", *m.Status, address(p.out.SrcIP, nil)), answer, passed)
			}
			break
		}
	}
	if !found {
		s.printf("  Unknown: the messages are not stored, or no longer.\n")
	}
}

// text is the INVITE of a hop, or the 2xx to it with a To tag; nil when there
// is none.
func (s *story) text(messages []*record.Message, h *record.Hop, tag string) *text {
	for _, m := range messages {
		if tag != "" {
			if t := s.answer(m, h); t != nil && t.tag() == tag {
				return t
			}
		} else if s.of(m, h) && m.Status == nil && m.SrcIP == h.SrcIP && m.DstIP == h.DstIP {
			return read(m.Raw)
		}
	}
	return nil
}

// answer is a message if it is a 2xx to the INVITE of a hop.
func (s *story) answer(m *record.Message, h *record.Hop) *text {
	if !s.of(m, h) || m.Status == nil || *m.Status < 200 || *m.Status > 299 {
		return nil
	}
	return read(m.Raw)
}

// of reports whether a message is of the transaction of a hop.
func (s *story) of(m *record.Message, h *record.Hop) bool {
	return m.Domain == h.Domain && m.CallID == s.call.CallID && m.Method == "INVITE" && m.Branch == h.Branch && m.CSeq != nil && *m.CSeq == h.CSeq
}

// text is a message as far as it is compared.
type text struct {
	start string
	head  []headerLine
	body  []string
	sdp   bool
	bytes int // of the body
}

// headerLine is one header line: key is the same for all ways to write its name.
type headerLine struct{ key, name, value string }

// short are the compact forms of header names.
var short = map[string]string{
	"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "c": "content-type", "l": "content-length", "k": "supported", "s": "subject",
	"e": "content-encoding", "r": "refer-to", "b": "referred-by", "x": "session-expires", "o": "event", "u": "allow-events", "a": "accept-contact",
	"j": "reject-contact", "d": "request-disposition", "y": "identity", "n": "identity-info",
}

// routing are the headers that a proxy has to change (RFC 3261 section 16.6).
var routing = []string{"via", "route", "record-route", "max-forwards", "content-length"}

// read takes a message apart. What it does not understand it leaves out.
func read(raw string) *text {
	raw = strings.ReplaceAll(raw, "\r\n", "\n")
	head, body, _ := strings.Cut(strings.TrimLeft(raw, "\n"), "\n\n")
	t := &text{bytes: len(body)}
	for i, l := range slices.Collect(limited(head, mostFields)) {
		name, value, ok := strings.Cut(l, ":")
		switch n := len(t.head); {
		case i == 0:
			t.start = l
		case n > 0 && (strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t")): // folded
			t.head[n-1].value += " " + strings.TrimSpace(l)
		case ok:
			name = strings.TrimSpace(name)
			key := strings.ToLower(name)
			if long := short[key]; long != "" {
				key = long
			}
			t.head = append(t.head, headerLine{key, name, strings.TrimSpace(value)})
		}
	}
	if t.sdp = strings.HasPrefix(body, "v=0"); t.sdp {
		t.body = slices.Collect(limited(strings.TrimRight(body, "\n"), mostBodyLines))
	}
	return t
}

// limited are the first lines of s.
func limited(s string, most int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		n := 0
		for l := range strings.SplitSeq(s, "\n") {
			if n++; n > most || !yield(l) {
				return
			}
		}
	}
}

// values are those of a header, in order.
func (t *text) values(key string) []string {
	var out []string
	for _, l := range t.head {
		if l.key == key {
			out = append(out, l.value)
		}
	}
	return out
}

// tag is that of To.
func (t *text) tag() string {
	for _, v := range t.values("to") {
		if _, tag, ok := strings.Cut(v, ";tag="); ok {
			tag, _, _ = strings.Cut(tag, ";")
			return tag
		}
	}
	return ""
}

// change tells what became of a message.
func (s *story) change(what string, before, after *text) {
	lines, routed := diff(before, after)
	beside := strings.Join(routed, ", ")
	switch {
	case len(lines) == 0 && beside == "":
		s.printf("  %s: nothing\n", what)
	case len(lines) == 0:
		s.printf("  %s: nothing but %s\n", what, beside)
	case beside == "":
		s.printf("  %s\n", what)
	default:
		s.printf("  %s, beside %s\n", what, beside)
	}
	for _, l := range lines[:min(mostChanges, len(lines))] {
		s.printf("    %s\n", l)
	}
	if more := len(lines) - mostChanges; more > 0 {
		s.printf("    and %s\n", plural(more, "more line", "more lines"))
	}
}

// diff are the lines that went (-) and came (+), and the names of the routing
// headers among them, of which no line is told.
func diff(before, after *text) (lines, routed []string) {
	if before.start != after.start {
		lines = append(lines, replaced(before.start, after.start)...)
	}
	var done []string
	for _, l := range slices.Concat(before.head, after.head) {
		if slices.Contains(done, l.key) {
			continue
		}
		done = append(done, l.key)
		gone, come := before.values(l.key), after.values(l.key)
		if slices.Equal(gone, come) {
			continue
		}
		if slices.Contains(routing, l.key) {
			routed = append(routed, clean(l.name))
			continue
		}
		lines = append(lines, header(l.name, without(gone, come), without(come, gone))...)
	}
	slices.Sort(routed)
	switch {
	case before.sdp && after.sdp:
		lines = append(lines, sdpDiff(before.body, after.body)...)
	case before.bytes != after.bytes:
		lines = append(lines, fmt.Sprintf("(the body has %d bytes, had %d)", after.bytes, before.bytes))
	}
	return lines, routed
}

// header are the values of one header that went and came.
func header(name string, gone, come []string) []string {
	if len(gone) == 0 && len(come) == 0 {
		return []string{"(" + clean(name) + ": another order)"}
	}
	if len(gone) == 1 && len(come) == 1 {
		return replaced(name+": "+gone[0], name+": "+come[0])
	}
	var out []string
	for _, v := range gone {
		out = append(out, "- "+clean(name+": "+v))
	}
	for _, v := range come {
		out = append(out, "+ "+clean(name+": "+v))
	}
	return out
}

// replaced are two lines of which one took the place of the other. Of long
// ones that differ behind what is shown, the beginning is left out.
func replaced(gone, come string) []string {
	g, c := []rune(gone), []rune(come)
	same := 0
	for same < min(len(g), len(c)) && g[same] == c[same] {
		same++
	}
	if same > longest/2 && max(len(g), len(c)) > longest {
		from := same - longest/4
		gone, come = "…"+string(g[from:]), "…"+string(c[from:])
	}
	return []string{"- " + clean(gone), "+ " + clean(come)}
}

// without are the values of x that y does not have, each as often as it is
// missing.
func without(x, y []string) []string {
	left := slices.Clone(y)
	var out []string
	for _, v := range x {
		if i := slices.Index(left, v); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			out = append(out, v)
		}
	}
	return out
}

// sdpDiff are the lines of a session description that went and came, each
// below the m= line that it belongs to.
func sdpDiff(before, after []string) []string {
	var out []string
	under, told := "", true
	tell := func(sign, line string) {
		if media := strings.HasPrefix(line, "m="); media {
			under, told = line, sign != " "
		}
		if sign == " " {
			return
		}
		if !told {
			out, told = append(out, "  "+clean(under)), true
		}
		out = append(out, sign+" "+clean(line))
	}
	// common[i][j] is how many lines before[i:] and after[j:] have in common.
	common := make([][]int, len(before)+1)
	for i := range common {
		common[i] = make([]int, len(after)+1)
	}
	for i, gone := range slices.Backward(before) {
		for j, come := range slices.Backward(after) {
			if gone == come {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			tell(" ", before[i])
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			tell("-", before[i])
			i++
		default:
			tell("+", after[j])
			j++
		}
	}
	return out
}

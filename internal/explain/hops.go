package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/earshot-voip/earshot/internal/record"
)

// mostHops are told of a call.
const mostHops = 20

// pass is a hop and the one before it: between them is a box.
type pass struct {
	in, out *record.Hop
	forks   bool // the box has other branches, too
}

// target is what the hop leads to.
func (p *pass) target() string {
	if !p.forks {
		return ""
	}
	return " to " + address(p.out.DstIP, &p.out.DstPort)
}

// box is what lies between the two hops.
func (p *pass) box() string {
	box := address(p.out.SrcIP, nil)
	if p.out.SrcIP == p.out.DstIP || p.out.SrcIP == p.in.SrcIP { // several on one host
		box = address(p.out.SrcIP, &p.out.SrcPort)
	}
	if n := int(p.out.Hop) - int(p.in.Hop) - 1; n > 0 {
		box = fmt.Sprintf("The way from %s to %s, %s not seen,", address(p.in.DstIP, nil), box, plural(n, "hop", "hops"))
	}
	return box
}

// passes are the pairs of hops of one INVITE.
func (s *story) passes() []pass {
	var out []pass
	for _, h := range s.hops {
		if h.ParentBranch == nil {
			continue
		}
		p := pass{out: h}
		for _, o := range s.hops {
			if o != h && o.CSeq == h.CSeq && o.Branch == *h.ParentBranch {
				p.in = o
			}
			p.forks = p.forks || o != h && o.CSeq == h.CSeq && o.ParentBranch != nil && *o.ParentBranch == *h.ParentBranch
		}
		if p.in != nil {
			out = append(out, p)
		}
	}
	return out
}

// way tells each hop of the INVITE, and who took the time.
func (s *story) way() {
	passes := s.passes()
	if len(passes) == 0 {
		return
	}
	shown := s.hops[:min(mostHops, len(s.hops))]
	several := func(differ func(x, y *record.Hop) bool) bool {
		return slices.ContainsFunc(shown, func(h *record.Hop) bool { return differ(h, shown[0]) })
	}
	nodes := several(func(x, y *record.Hop) bool { return x.Node != y.Node })
	retries := several(func(x, y *record.Hop) bool { return x.CSeq != y.CSeq })
	s.printf("\nHops of the INVITE\n")
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, h := range shown {
		fmt.Fprintf(w, "  %s\t%s%s to %s by %s\t%s", h.StartTime.UTC().Format("15:04:05.000"), strings.Repeat("  ", min(8, int(h.Hop))),
			address(h.SrcIP, &h.SrcPort), address(h.DstIP, &h.DstPort), cmp.Or(clean(h.Transport), "?"), progressOf(h))
		if retries {
			fmt.Fprintf(w, "\tCSeq %d", h.CSeq)
		}
		if nodes {
			fmt.Fprintf(w, "\tseen at %s", cmp.Or(clean(h.Node), "?"))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	for text := range strings.Lines(b.String()) {
		s.printf("%s\n", strings.TrimRight(text, " \n"))
	}
	if more := len(s.hops) - len(shown); more > 0 {
		s.printf("  and %d more\n", more)
	}
	for i, p := range passes {
		if slices.Contains(shown, p.out) {
			s.printf("  %s\n", p.who())
		}
		if last := i+1 == len(passes) || passes[i+1].in != p.in; last && slices.Contains(shown, p.in) {
			s.ownAnswer(p.in, passes)
		}
	}
}

// progressOf is how the transaction went on.
func progressOf(h *record.Hop) string {
	var parts []string
	if h.RingMs != nil {
		parts = append(parts, "rang after "+took(*h.RingMs))
	}
	switch {
	case h.Status == nil:
		parts = append(parts, "no final response")
	case h.FinalMs == nil:
		parts = append(parts, fmt.Sprintf("%d at an unknown time", *h.Status))
	default:
		parts = append(parts, fmt.Sprintf("%d after %s", *h.Status, took(*h.FinalMs)))
	}
	if h.Retransmissions > 0 {
		parts = append(parts, plural(int(h.Retransmissions), "message sent again", "messages sent again"))
	}
	return strings.Join(parts, ", ")
}

// who says what the box took of the time, and what was spent behind it.
func (p *pass) who() string {
	h := p.out
	answered := h.ReturnMs != nil || h.PassedMs != nil
	status := "response"
	if h.Status != nil {
		status = fmt.Sprint(*h.Status)
	}
	text := p.box() + " took "
	switch {
	case h.PassedMs != nil && (h.ForwardMs == nil || h.ClockErrorMs != nil && *h.ClockErrorMs > *h.PassedMs/3):
		text += fmt.Sprintf("%s to pass the INVITE on%s and the %s back%s, both together: ", took(max(0, *h.PassedMs-waited(h.ForwardWaitMs)-waited(h.ReturnWaitMs))),
			p.target(), status, beside(waited(h.ForwardWaitMs)+waited(h.ReturnWaitMs)))
		if value(h.Clocks) == "same" {
			text += "more is not known"
		} else {
			text += "its two sides were seen by nodes with clocks of their own"
		}
	case h.ForwardMs != nil:
		text += fmt.Sprintf("%s to pass the INVITE on%s%s", took(max(0, *h.ForwardMs-waited(h.ForwardWaitMs))), p.target(), beside(waited(h.ForwardWaitMs)))
		if h.ReturnMs != nil {
			text += fmt.Sprintf(", %s to pass the %s back%s", took(max(0, *h.ReturnMs-waited(h.ReturnWaitMs))), status, beside(waited(h.ReturnWaitMs)))
		}
		if h.ClockErrorMs != nil {
			text += fmt.Sprintf(", each to within %s", took(*h.ClockErrorMs))
		}
	default:
		text += "an unknown time to pass the INVITE on" + p.target()
	}
	switch {
	case h.BeyondMs != nil && answered:
		text += "; behind it " + took(*h.BeyondMs)
	case h.BeyondMs != nil:
		text += fmt.Sprintf("; behind it came %s after %s, which is not what it passed back", status, took(*h.BeyondMs))
	}
	return text + "."
}

// beside tells of time in which a box waited for its branches. Less is the
// time that it takes to send to all of them.
func beside(ms float64) string {
	if ms < 50 {
		return ""
	}
	return fmt.Sprintf(" (beside %s in which it waited for other branches)", took(ms))
}

// ownAnswer says where a final response came from that no branch gave.
func (s *story) ownAnswer(in *record.Hop, passes []pass) {
	if in.Status == nil || slices.ContainsFunc(passes, func(p pass) bool { return p.in == in && (p.out.ReturnMs != nil || p.out.PassedMs != nil) }) {
		return
	}
	s.printf("  The %d to %s is of %s itself, or of a branch that was not seen.\n", *in.Status, address(in.SrcIP, nil), address(in.DstIP, nil))
}

func waited(ms *float64) float64 {
	if ms == nil {
		return 0
	}
	return *ms
}

// took writes a time of a box, which may be short.
func took(ms float64) string {
	switch {
	case ms < 0.05:
		return "less than 0.1 ms"
	case ms < 9.95:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return seconds(ms)
}

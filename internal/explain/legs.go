package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// Leg is what a story tells of another leg of its call.
type Leg struct {
	Domain, CallID, SessionID string // SessionID of its row: links may say more
	FirstSeen                 time.Time
	Caller, Callee            string
	State                     record.State
	MosLQ, RCeiling           *float64
}

// LegOf is a call as a leg.
func LegOf(c *record.Call) Leg {
	return Leg{c.Domain, c.CallID, c.SessionID, c.FirstSeen, c.Caller, c.Callee, c.State, c.MosLQ, c.RCeiling}
}

// SessionOf is the session of a leg by all that is known: its row, and links
// that were found when that was written.
func SessionOf(domain, callID, session string, links []*record.Link) string {
	legs := uint32(0)
	for _, l := range links {
		if l.Merged && l.Domain == domain && l.CallID == callID && l.Legs >= legs {
			session, legs = l.SessionID, l.Legs
		}
	}
	return session
}

// mostLegs are listed of a call.
const mostLegs = 20

// legs tells which other legs the end-to-end call has, how that is known, and
// which ones are only likely to be of it.
func (s *story) legs(rows *Rows) {
	c := s.call
	session := SessionOf(c.Domain, c.CallID, c.SessionID, rows.Links)
	var all []Leg
	for _, l := range rows.Legs {
		if l.Domain == c.Domain && SessionOf(l.Domain, l.CallID, l.SessionID, rows.Links) == session && (l.CallID != c.CallID || l.FirstSeen.Equal(c.FirstSeen)) {
			all = append(all, l)
		}
	}
	slices.SortStableFunc(all, func(x, y Leg) int {
		return cmp.Or(x.FirstSeen.Compare(y.FirstSeen), strings.Compare(x.CallID, y.CallID))
	})
	all = slices.CompactFunc(all, func(x, y Leg) bool { return x.CallID == y.CallID })
	if len(all) > 1 {
		s.printf("\nThe call has %d legs\n", len(all))
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for i, l := range all {
			if i == mostLegs {
				fmt.Fprintf(w, "  and %d more\n", len(all)-mostLegs)
				break
			}
			mos := "no MOS"
			if l.MosLQ != nil {
				mos = fmt.Sprintf("MOS %.2f", *l.MosLQ)
			}
			how := "this one"
			if l.CallID != c.CallID {
				how = linkedBy(rows.Links, l.Domain, l.CallID, true)
			}
			fmt.Fprintf(w, "  %s\t%s to %s\t%s\t%s\t%s\t%s\n", l.FirstSeen.UTC().Format(time.TimeOnly), cmp.Or(clean(l.Caller), "somebody"), cmp.Or(clean(l.Callee), "somebody"),
				l.State, mos, clean(l.CallID), how)
		}
		w.Flush()
		for text := range strings.Lines(b.String()) {
			s.printf("%s\n", strings.TrimRight(text, " \n"))
		}
	}
	for _, l := range rows.Links {
		other := l.LinkedCallID
		if other == c.CallID {
			other = l.CallID
		}
		if l.Merged || l.Domain != c.Domain || l.CallID != c.CallID && l.LinkedCallID != c.CallID ||
			SessionOf(l.Domain, other, "", rows.Links) == session || slices.ContainsFunc(all, func(o Leg) bool { return o.CallID == other }) {
			continue
		}
		s.printf("  Likely of the same call: %s (%s, confidence %.2f)\n", clean(other), method(l), l.Confidence)
	}
}

// linkedBy is how a leg is tied to another one, by the surest of its links.
func linkedBy(links []*record.Link, domain, callID string, merged bool) string {
	var best *record.Link
	for _, l := range links {
		if l.Domain == domain && l.Merged == merged && (l.CallID == callID || l.LinkedCallID == callID) && l.Method != "session" && (best == nil || l.Confidence > best.Confidence) {
			best = l
		}
	}
	if best == nil {
		return ""
	}
	return fmt.Sprintf("by %s (%.2f)", method(best), best.Confidence)
}

func method(l *record.Link) string {
	text := map[string]string{
		"dialog": "its header", "header": "its header", "refer": "the REFER that asked for it", "media": "the same media addresses",
		"ssrc": "the same media", "numbers": "numbers and time", "session": "another leg",
	}[l.Method]
	if l.Detail != nil {
		text += " " + clean(*l.Detail)
	}
	return cmp.Or(text, clean(l.Method))
}

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
// that were found when that was written, as the view legs has it.
func SessionOf(leg Leg, links []*record.Link) string {
	var latest *record.Link
	for _, l := range links {
		if l.Merged && leg.has(l) && (latest == nil || cmp.Or(l.FirstSeen.Compare(latest.FirstSeen), cmp.Compare(l.Legs, latest.Legs)) >= 0) {
			latest = l
		}
	}
	if latest == nil {
		return leg.SessionID
	}
	return latest.SessionID
}

// clocksDiffer is by how much later a node may have seen a leg begin than its
// row says, which has the earliest time of all nodes.
const clocksDiffer = 5 * time.Second

// has reports whether a link is of this use of the leg's Call-ID. One that was
// found before it began is of an earlier one, or known to its row.
func (leg Leg) has(l *record.Link) bool {
	return l.Domain == leg.Domain && l.CallID == leg.CallID && !l.FirstSeen.Add(-clocksDiffer).After(leg.FirstSeen) &&
		!(l.Time.Before(leg.FirstSeen) && l.FirstSeen.Before(leg.FirstSeen))
}

// in reports whether a link has this use of the leg's Call-ID at either end. The
// other end is a leg that began before.
func (leg Leg) in(l *record.Link) bool {
	return leg.has(l) || l.Domain == leg.Domain && l.LinkedCallID == leg.CallID && !l.FirstSeen.Before(leg.FirstSeen.Add(-clocksDiffer))
}

// mostLegs are listed of a call.
const mostLegs = 20

// legs tells which other legs the end-to-end call has, how that is known, and
// which ones are only likely to be of it.
func (s *story) legs(rows *Rows) {
	c := s.call
	session := SessionOf(LegOf(c), rows.Links)
	var all []Leg
	for _, l := range rows.Legs {
		if l.Domain == c.Domain && SessionOf(l, rows.Links) == session && (l.CallID != c.CallID || l.FirstSeen.Equal(c.FirstSeen)) {
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
				how = linkedBy(rows.Links, l)
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
		merged := func(o *record.Link) bool {
			return o.Merged && o.Domain == c.Domain && o.CallID == other && o.SessionID == session
		}
		if l.Merged || !LegOf(c).in(l) || slices.ContainsFunc(rows.Links, merged) || slices.ContainsFunc(all, func(o Leg) bool { return o.CallID == other }) {
			continue
		}
		s.printf("  Likely of the same call: %s (%s, confidence %.2f)\n", clean(other), method(l), l.Confidence)
	}
}

// linkedBy is how a leg is tied to another one, by the surest of its links.
func linkedBy(links []*record.Link, leg Leg) string {
	var best *record.Link
	for _, l := range links {
		if l.Merged && leg.in(l) && l.Method != "session" && (best == nil || l.Confidence > best.Confidence) {
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

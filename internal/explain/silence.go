package explain

import (
	"fmt"
	"slices"
)

// silence says where media was missing that should have been there.
func (s *story) silence(d *direction) []string {
	m := d.sums
	if m.SilentMs == nil || *m.SilentMs <= ms(audible) {
		return nil
	}
	text := fmt.Sprintf("%s in all in which media of the %s should have come and did not", seconds(*m.SilentMs), d.who)
	if len(d.voice) == 0 {
		return []string{text + ": nothing came from the beginning to the end"}
	}
	out := []string{text}
	first, last := d.voice[0].StartTime, d.voice[0].EndTime
	for _, st := range d.voice[1:] {
		if st.StartTime.Before(first) {
			first = st.StartTime
		}
		if st.EndTime.After(last) {
			last = st.EndTime
		}
	}
	left := *m.SilentMs
	if a := s.call.AnswerTime; a != nil && first.Sub(*a) > audible {
		left -= ms(first.Sub(*a))
		out = append(out, fmt.Sprintf("the %s's media began %s after the answer", d.who, seconds(ms(first.Sub(*a)))))
	}
	if e := s.call.EndTime; e != nil && e.Sub(last) > audible {
		left -= ms(e.Sub(last))
		what := "BYE"
		if slices.Contains(s.call.Flags, "no_bye") {
			what = "end of the call"
		}
		out = append(out, fmt.Sprintf("the %s's media stopped %s before the %s", d.who, seconds(ms(e.Sub(last))), what))
	}
	if left > ms(audible) {
		out = append(out, fmt.Sprintf("it was missing for %s in between", seconds(left)))
	}
	return out
}

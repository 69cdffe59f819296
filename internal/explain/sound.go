package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

const (
	// Speech has -26 dBov by custom (ITU-T P.800); people complain of what is
	// some 15 dB away from that.
	faint = -41.
	harsh = -11.
)

// sound says what the packets carried, where that was decoded.
func (d *direction) sound() []string {
	m := d.sums
	if m.SilencePct == nil {
		return nil
	}
	if m.LevelDBov == nil {
		return []string{"nothing but silence: " + fmt.Sprintf("no packet of the %s reaches -55 dBov", d.who)}
	}
	text := fmt.Sprintf("%.1f dBov", *m.LevelDBov)
	switch {
	case *m.LevelDBov < faint:
		text += ", which is faint for speech"
	case *m.LevelDBov > harsh:
		text += ", which is very loud for speech"
	}
	text += fmt.Sprintf("; silent for %.0f %% of the time", *m.SilencePct)
	if m.NoiseDBov != nil {
		text += fmt.Sprintf(", with noise of %.1f dBov", *m.NoiseDBov)
	}
	out := []string{text}
	if quiet := d.stretches(func(it *record.Interval) bool { return it.SilencePct != nil && *it.SilencePct >= 99 && it.Packets > 0 }); quiet != "" {
		out = append(out, fmt.Sprintf("packets came and carried nothing %s", quiet))
	}
	if m.ClippingPct != nil && *m.ClippingPct > 0 {
		text := fmt.Sprintf("too loud for its codec in %.1f %% of the time: its peaks are clipped", *m.ClippingPct)
		if when := d.stretches(func(it *record.Interval) bool { return it.ClippingPct != nil && *it.ClippingPct >= 1 }); when != "" {
			text += " " + when
		}
		out = append(out, text)
	}
	return out
}

// mostStretches is how many stretches of time a sentence names.
const mostStretches = 4

// stretches names the times in which the intervals are such.
func (d *direction) stretches(such func(*record.Interval) bool) string {
	var from, to []time.Time
	for _, it := range d.spans {
		if !such(it) {
			continue
		}
		if n := len(to); n > 0 && !it.Time.After(to[n-1]) {
			to[n-1] = it.Time.Add(width)
			continue
		}
		from, to = append(from, it.Time), append(to, it.Time.Add(width))
	}
	if len(from) == 0 {
		return ""
	}
	var parts []string
	for i := range from[:min(len(from), mostStretches)] {
		parts = append(parts, fmt.Sprintf("%s-%s", from[i].UTC().Format(time.TimeOnly), to[i].UTC().Format(time.TimeOnly)))
	}
	text := "at " + strings.Join(parts, ", ")
	if more := len(from) - mostStretches; more > 0 {
		text += fmt.Sprintf(" and %d times more", more)
	}
	return text
}

// mutes are the sides whose packets came and carried nothing.
func (s *story) mutes() string {
	if !slices.Contains(s.call.Flags, "silent_audio") {
		return ""
	}
	var who []string
	for _, d := range s.sides {
		if slices.ContainsFunc(d.voice, func(st *record.Stream) bool { return slices.Contains(st.Flags, "silent_audio") }) {
			who = append(who, d.who)
		}
	}
	switch len(who) {
	case 0:
		return "a side"
	case 1:
		return "the " + who[0]
	}
	return "both sides"
}

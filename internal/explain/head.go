package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// head says who called whom, when, and how it ended.
func (s *story) head() {
	c := s.call
	s.printf("Call %s\n", clean(c.CallID))
	s.printf("  %s called %s\n", party(c.Caller, c.CallerHost, c.CallerDisplay, c.CallerAgent), party(c.Callee, c.CalleeHost, nil, c.CalleeAgent))
	s.printf("  %s UTC%s", c.FirstSeen.UTC().Format(time.DateTime), s.path())
	if len(c.Nodes) > 0 {
		s.printf(", seen at %s", clean(strings.Join(c.Nodes, ", ")))
	}
	if c.MeasuredAt != nil {
		s.printf(", its media measured at %s", clean(*c.MeasuredAt))
	}
	if c.Domain != "default" && c.Domain != "" {
		s.printf(" (domain %s)", clean(c.Domain))
	}
	s.printf("\n  %s\n", sentence(s.course()))
	s.networks()
	if len(s.attempts) > 1 || len(s.attempts) == 1 && !s.attempts[0].Won && c.State != record.Open {
		for _, a := range s.attempts {
			s.printf("  Tried %s: %s\n", target(a), outcome(a))
		}
	}
	if flags := remarks(c.Flags); len(flags) > 0 {
		s.printf("  Flags: %s\n", strings.Join(flags, ", "))
	}
	s.printf("\n%s\n", s.verdict())
}

func party(user, host string, display, agent *string) string {
	if user == "" {
		user = "somebody"
	}
	text := clean(user)
	var more []string
	if display != nil && *display != user && *display != "" {
		more = append(more, `"`+clean(*display)+`"`)
	}
	if host != "" {
		more = append(more, clean(host))
	}
	if agent != nil && *agent != "" {
		more = append(more, clean(*agent))
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return text
}

func (s *story) path() string {
	c := s.call
	if c.SrcIP == nil || c.DstIP == nil {
		return ""
	}
	return fmt.Sprintf(", %s to %s by %s", address(*c.SrcIP, c.SrcPort), address(*c.DstIP, c.DstPort), cmp.Or(clean(c.Transport), "?"))
}

// course are the parts of a sentence on how the call went.
func (s *story) course() []string {
	c := s.call
	var parts []string
	switch {
	case c.PddMs != nil:
		parts = append(parts, "rang after "+seconds(*c.PddMs))
	case c.SrdMs != nil && c.State != record.Answered:
		parts = append(parts, "progress after "+seconds(*c.SrdMs))
	}
	if c.SetupMs != nil {
		parts = append(parts, "was answered after "+seconds(*c.SetupMs))
	} else if c.AnswerTime != nil {
		parts = append(parts, "was answered")
	}
	if c.DurationMs != nil {
		parts = append(parts, "lasted "+seconds(*c.DurationMs))
	}
	status := ""
	if c.FinalStatus != nil {
		status = fmt.Sprint(*c.FinalStatus)
		if c.FinalReason != nil {
			status += " " + clean(*c.FinalReason)
		}
	}
	switch c.State {
	case record.Answered:
		switch by := value(c.HangupBy); {
		case slices.Contains(c.Flags, "no_bye"):
			parts = append(parts, "no BYE was seen")
		case by == "network":
			parts = append(parts, "the network ended it")
		case by != "":
			parts = append(parts, "the "+by+" hung up")
		default:
			parts = append(parts, "nobody knows who hung up")
		}
	case record.Open:
		parts = append(parts, "is in progress, or its end was not seen")
	case record.Cancelled:
		switch {
		case slices.Contains(c.Flags, "answered_elsewhere"):
			parts = append(parts, "was called off: another phone answered")
		case value(c.HangupBy) == "network":
			parts = append(parts, "the network called it off before an answer")
		default:
			parts = append(parts, "the caller gave up before an answer")
		}
	case record.Timeout:
		parts = append(parts, "got no final response")
	case record.Busy, record.Rejected, record.Unauthenticated, record.Redirected, record.Failed:
		after := ""
		if c.EndTime != nil && c.StartTime != nil {
			after = " after " + seconds(ms(c.EndTime.Sub(*c.StartTime)))
		}
		what := "failed"
		if c.State != record.Failed {
			what = fmt.Sprintf("failed (%s)", c.State)
		}
		parts = append(parts, fmt.Sprintf("%s with %s%s", what, cmp.Or(status, "no status seen"), after))
	default:
		parts = append(parts, string(c.State))
	}
	if c.CauseQ850 != nil {
		parts = append(parts, fmt.Sprintf("Q.850 cause %d%s", *c.CauseQ850, location(c)))
	}
	if c.CauseSIP != nil {
		parts = append(parts, fmt.Sprintf("SIP cause %d", *c.CauseSIP))
	}
	return parts
}

func target(a *record.Attempt) string {
	text := value(a.RequestHost)
	if a.DstIP != nil {
		at := address(*a.DstIP, a.DstPort)
		if text != "" && !strings.HasPrefix(at, text) {
			at += " for " + clean(text)
		}
		text = at
	}
	if a.TrunkOut != nil {
		text += " (trunk " + clean(*a.TrunkOut) + ")"
	}
	return cmp.Or(text, "an unknown target")
}

func outcome(a *record.Attempt) string {
	text := "no final response"
	if a.Status != nil {
		text = strings.TrimSpace(fmt.Sprintf("%d %s", *a.Status, clean(value(a.Reason))))
	}
	if a.EndTime != nil && a.StartTime != nil {
		text += " after " + seconds(ms(a.EndTime.Sub(*a.StartTime)))
	}
	if a.Won {
		text += ", which made the call"
	}
	return text
}

// remarks are flags that no other sentence tells.
func remarks(flags []string) []string {
	told := []string{"plc_assumed", "codec_configured", "no_bye", "capture_loss", "one_way_audio", "no_media", "silent_audio", "source_mismatch"}
	var out []string
	for _, f := range flags {
		if !slices.Contains(told, f) {
			out = append(out, clean(f))
		}
	}
	return out
}

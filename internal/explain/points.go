package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// heard is what the receiver of the direction told by RTCP.
func (d *direction) heard() string {
	m := d.sums
	var parts []string
	if m.RtcpLost != nil {
		text := fmt.Sprintf("%d lost", *m.RtcpLost)
		if m.RtcpLossPct != nil {
			text += fmt.Sprintf(" (%.2f %%)", *m.RtcpLossPct)
		}
		if m.Lost != nil {
			text += fmt.Sprintf(", here %d", *m.Lost)
			if m.LossPct != nil {
				text += fmt.Sprintf(" (%.2f %%)", *m.LossPct)
			}
		}
		parts = append(parts, text)
	} else if m.RtcpLossPct != nil {
		parts = append(parts, fmt.Sprintf("%.2f %% lost", *m.RtcpLossPct))
	}
	if m.RtcpJitterMs != nil {
		text := fmt.Sprintf("jitter %.1f ms", *m.RtcpJitterMs)
		if m.JitterMeanMs != nil {
			text += fmt.Sprintf(", here %.1f ms", *m.JitterMeanMs)
		}
		parts = append(parts, text)
	}
	if m.RttMs != nil {
		parts = append(parts, fmt.Sprintf("round trip %.0f ms", *m.RttMs))
	}
	if len(parts) == 0 {
		return ""
	}
	return "told by RTCP: " + strings.Join(parts, "; ")
}

// seen is one capture point of a stream.
func (d *direction) seen(st *record.Stream) string {
	text := fmt.Sprintf("at %s: %s to %s", clean(st.Node), address(st.SrcIP, &st.SrcPort), address(st.DstIP, &st.DstPort))
	if st.VLAN != nil {
		text += fmt.Sprintf(", VLAN %d", *st.VLAN)
	}
	if st.Segment != nil {
		text += ", segment " + clean(*st.Segment)
	}
	if st.SegmentLost != nil {
		text += " (since the point before: " + arose(st) + ")"
	}
	text += fmt.Sprintf(", SSRC %d", st.SSRC)
	switch {
	case slices.Contains(d.voice, st):
	case slices.Contains(st.Flags, "foreign_stream"):
		text += ", foreign: not counted"
	case st.Media != nil && *st.Media == "video":
		text += ", video: not scored"
	default:
		text += ", not counted again"
	}
	if !slices.Contains(d.voice, st) || len(d.voice) > 1 {
		text += fmt.Sprintf(": %d packets, %d lost", st.Packets, st.Lost)
		if st.MosLQ != nil {
			text += fmt.Sprintf(", MOS %.2f", *st.MosLQ)
		}
		text += frames(st)
	}
	var flags []string
	for _, f := range st.Flags {
		if !slices.Contains([]string{"plc_assumed", "codec_configured", "foreign_stream", "silent_audio"}, f) { // told elsewhere
			flags = append(flags, clean(f))
		}
	}
	if len(flags) > 0 {
		text += " (" + strings.Join(flags, ", ") + ")"
	}
	return text
}

// worstTold is the report block that told of most loss, beside ours of the
// interval in which it came.
func (s *story) worstTold(d *direction) string {
	var worst *record.Report
	n := 0
	for _, r := range s.blocks {
		if s.about(r) != d || r.NLRPct == nil {
			continue
		}
		n++
		if worst == nil || *r.NLRPct > *worst.NLRPct {
			worst = r
		}
	}
	if worst == nil || *worst.NLRPct == 0 {
		return ""
	}
	text := fmt.Sprintf("worst of its %s: %.2f %% lost, at %s", plural(n, "report", "reports"), *worst.NLRPct, worst.Time.UTC().Format(time.TimeOnly))
	var lost, expected uint64
	for _, it := range d.spans { // an interval with an outage has two rows
		if !worst.Time.Before(it.Time) && worst.Time.Before(it.Time.Add(width)) && worst.SSRC != nil && it.SSRC == *worst.SSRC {
			lost, expected = lost+it.Lost, expected+it.Expected
		}
	}
	if expected > 0 {
		text += fmt.Sprintf(", here %.2f %% from %s", percentOf(lost, expected), worst.Time.Truncate(width).UTC().Format(time.TimeOnly))
	}
	return text
}

// frames is how video came, "" where there is none.
func frames(st *record.Stream) string {
	if st.FPS == nil || st.Freezes == nil || st.FrameGapMaxMs == nil {
		return ""
	}
	text := fmt.Sprintf(", %.1f frames/s", *st.FPS)
	if *st.Freezes == 0 {
		return text + fmt.Sprintf(", no freeze (longest gap %.0f ms)", *st.FrameGapMaxMs)
	}
	return text + fmt.Sprintf(", frozen for %.1f s in all (%d x, longest gap %.1f s)", *st.FreezeMs/1000, *st.Freezes, *st.FrameGapMaxMs/1000)
}

// arose is what arose between two points of the path.
func arose(st *record.Stream) string {
	parts := []string{fmt.Sprintf("%d lost", *st.SegmentLost)}
	if n := *st.SegmentLost; n < 0 { // nothing arises on the way
		parts[0] = fmt.Sprintf("%d more packets than the capture has there", -n)
	}
	if st.SegmentJitterMs != nil {
		parts = append(parts, fmt.Sprintf("%+.1f ms of jitter", *st.SegmentJitterMs))
	}
	if st.SegmentDelayMs != nil {
		parts = append(parts, fmt.Sprintf("%.1f ms of delay", *st.SegmentDelayMs))
	}
	return strings.Join(parts, ", ")
}

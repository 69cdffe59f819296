package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// mostReports is how many reports are told of; of more the last of each
// reporter's.
const mostReports = 6

// mostLacks are told of one by one.
const mostLacks = 4

// told are the quality reports of endpoints and switches, beside ours.
func (s *story) told() {
	if len(s.reports) == 0 {
		return
	}
	all := slices.Clone(s.reports)
	slices.SortStableFunc(all, func(x, y *record.Report) int {
		return cmp.Or(x.Time.Compare(y.Time), strings.Compare(x.Source, y.Source), x.ReporterIP.Compare(y.ReporterIP))
	})
	s.printf("\nReports of endpoints (%d)\n", len(all))
	if len(all) > mostReports {
		type teller struct {
			source, ip, metrics string
			ssrc                uint32
		}
		last := map[teller]int{}
		key := func(r *record.Report) teller {
			t := teller{r.Source, r.ReporterIP.String(), value(r.Metrics), 0}
			if r.SSRC != nil {
				t.ssrc = *r.SSRC
			}
			return t
		}
		for i, r := range all {
			last[key(r)] = i
		}
		var kept []*record.Report
		for i, r := range all {
			if last[key(r)] == i {
				kept = append(kept, r)
			}
		}
		s.printf("  the last of each reporter and stream:\n")
		all = kept[max(0, len(kept)-2*mostReports):]
	}
	for _, r := range all {
		s.printf("  %s %s (%s): %s\n", r.Time.UTC().Format(time.TimeOnly), r.ReporterIP.Unmap(), kindOf(r), s.reported(r))
	}
}

func kindOf(r *record.Report) string {
	parts := []string{clean(r.Source)}
	for _, p := range [...]*string{r.Kind, r.Metrics} {
		if p != nil && *p != "" {
			parts = append(parts, clean(*p))
		}
	}
	return strings.Join(parts, ", ")
}

// about is the direction whose stream a report is about; nil where nobody
// knows.
func (s *story) about(r *record.Report) *direction {
	for _, d := range s.sides {
		if r.Direction != nil && *r.Direction == d.key || r.Direction == nil && r.SSRC != nil && slices.Contains(d.sums.SSRCs, *r.SSRC) {
			return d
		}
	}
	return nil
}

// reported is what a report says, and ours of the same stream.
func (s *story) reported(r *record.Report) string {
	d := s.about(r)
	var ours record.Side
	var parts []string
	if d != nil {
		ours = *d.sums
	}
	add := func(name string, told, here *float64, format string) {
		if told == nil {
			return
		}
		text := name + " " + fmt.Sprintf(format, *told)
		if here != nil {
			text += " (here " + fmt.Sprintf(format, *here) + ")"
		}
		parts = append(parts, text)
	}
	add("MOS-LQ", r.MOSLQ, ours.MosLQ, "%.2f")
	add("MOS-CQ", r.MOSCQ, ours.MosCQ, "%.2f")
	add("MOS", r.MOS, ours.MosLQ, "%.2f")
	add("R-LQ", r.RLQ, ours.RLQ, "%.1f")
	add("R-CQ", r.RCQ, nil, "%.1f")
	add("R", r.R, ours.RLQ, "%.1f")
	add("loss", r.NLRPct, ours.LossPct, "%.2f %%")
	add("lost", number(r.PacketsLost), number(ours.Lost), "%.0f")
	add("received", number(r.PacketsReceived), number(ours.Packets), "%.0f")
	var late *float64
	if d != nil && d.total.late != nil && d.total.expected > 0 {
		late = new(percentOf(*d.total.late, d.total.expected))
	}
	add("discarded", r.JDRPct, late, "%.2f %%")
	add("jitter", r.IAJMs, ours.JitterMeanMs, "%.1f ms")
	add("jitter", r.JitterMs, ours.JitterMeanMs, "%.1f ms")
	add("mean absolute jitter", r.MAJMs, nil, "%.1f ms")
	add("round trip", r.RTDMs, ours.RttMs, "%.0f ms")
	add("end system delay", r.ESDMs, nil, "%.0f ms")
	add("one-way delay", r.OWDMs, nil, "%.0f ms")
	text := strings.Join(parts, ", ")
	if text == "" {
		text = "no figure of quality in it"
	}
	if d != nil {
		text = d.name + ": " + text
	}
	return text
}

func number[T int64 | uint64](n *T) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}

// unknown says what nobody knows of the call, and why.
func (s *story) unknown(lacks []string) {
	c := s.call
	var out []string
	add := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	has := func(flag string) bool { return slices.Contains(c.Flags, flag) }
	media := c.MediaSeen != "unknown" && c.MediaSeen != "none"
	established := c.AnswerTime != nil
	if has("truncated") {
		add("The beginning of the call was not seen: times and counts are of what was.")
	}
	if has("evicted") {
		add("The call was let go of early, as there were too many: what came later is not in it.")
	}
	if has("capture_loss") {
		add("The monitor itself lost packets during the call: loss may be its own, not the network's.")
	}
	for _, d := range s.drops[:min(5, len(s.drops))] {
		add("The monitor was blind: %s at %s lost %d (%s) from %s to %s.", clean(d.Stage), clean(d.Node), d.Count, clean(d.Reason),
			d.FromTime.UTC().Format(time.TimeOnly), d.ToTime.UTC().Format(time.TimeOnly))
	}
	switch {
	case c.MediaSeen == "unknown" && established:
		add("Media is unknown: no agent is known to see the addresses that SDP announced (signalling only, or media that bypasses us). Nothing is called silent.")
	case c.MediaSeen == "none":
		add("No media came by, though an agent sees these addresses: so there is no codec, loss or MOS.")
	}
	if has("source_mismatch") {
		add("%s", s.stranger())
	}
	for i, d := range s.sides {
		s.doubts(d, add)
		if d.sums.SilencePct == nil && d.sums.Packets != nil && s.sides[1-i].sums.SilencePct != nil {
			add("What the %s's packets carry is unknown: they are encrypted, or of a codec that is not decoded.", d.who)
		}
	}
	if media && c.MosCQ == nil && established {
		add("MOS-CQ is unknown: no RTCP tells a round trip, and a delay of 0 would be a claim.")
	}
	if media && c.A.RtcpLost == nil && c.B.RtcpLost == nil && c.A.RttMs == nil && c.B.RttMs == nil {
		add("Neither end told anything by RTCP.")
	}
	if has("plc_assumed") {
		add("G.711 is scored as if its receiver conceals loss, which nobody can see (media.g711_plc).")
	}
	if len(lacks) > mostLacks {
		lacks = []string{strings.Join(lacks, ", ")}
	}
	for _, l := range lacks {
		add("This store has no %s: it was made by an older release, and what it would say is unknown.", l)
	}
	if len(out) == 0 {
		return
	}
	s.printf("\nUnknown, or to be taken with care\n")
	for _, text := range out {
		s.printf("  - %s\n", text)
	}
}

// stranger tells of media from a host that nobody named, which is the one host
// whose stream was not found by what SDP told.
func (s *story) stranger() string {
	var who, from string
	for _, d := range s.sides {
		for _, st := range d.voice {
			if host := st.SrcIP.Unmap().String(); st.Match == "nat" && who == "" {
				who, from = d.who, host
			} else if st.Match == "nat" && (who != d.who || from != host) {
				return "Media of the call came from a host that neither SDP nor signalling named: a relay or NAT unknown to them, or a stranger."
			}
		}
	}
	if who == "" {
		return "Media of the call came from a host that neither SDP nor signalling named."
	}
	return fmt.Sprintf("What counts as the %s's media came from %s, a host that neither SDP nor signalling named: a relay or NAT unknown to them, or a stranger.", who, from)
}

// doubts are about one direction.
func (s *story) doubts(d *direction, add func(string, ...any)) {
	c := s.call
	media := c.MediaSeen != "unknown" && c.MediaSeen != "none"
	if !media {
		return
	}
	if d.sums.Packets == nil && d.sums.SilentMs == nil && c.AnswerTime != nil {
		add("Media of the %s was not seen, and no agent is known to see its addresses: nothing is said of it.", d.who)
		return
	}
	if d.sums.MosLQ == nil && d.sums.Packets != nil {
		add("MOS from %s is unknown: %s.", d.name, d.unscored())
	}
	if d.sums.SilentMs == nil && c.AnswerTime != nil && d.sums.Packets != nil {
		add("Whether the %s fell silent is unknown: it is not known whether its media would have been seen.", d.who)
	}
	for _, st := range d.voice {
		codec := value(st.Codec)
		if codec == "" {
			codec = "its codec"
		}
		switch {
		case st.ModelStatus == nil:
		case slices.Contains(st.Flags, "codec_configured"):
			add("The impairment factors of %s are the configuration's (media.codecs), which calls them %s.", clean(codec), clean(*st.ModelStatus))
		case *st.ModelStatus != "std":
			add("Of the impairment factors of %s one at least is %s: no published standard has it (`earshot codecs` has their source).", clean(codec), clean(*st.ModelStatus))
		}
	}
}

// unscored is why a direction has no MOS.
func (d *direction) unscored() string {
	flag := func(f string) bool {
		return slices.ContainsFunc(d.voice, func(st *record.Stream) bool { return slices.Contains(st.Flags, f) })
	}
	switch {
	case d.sums.Codec == nil:
		return "its codec is not known"
	case flag("mos_no_speech"):
		return "nothing but events or comfort noise came"
	case flag("mos_short"):
		return "there is less than a second of media"
	case flag("mos_no_codec"):
		return "there are no impairment factors for " + clean(*d.sums.Codec)
	case *d.sums.Packets < 50:
		return "there is too little media to judge"
	}
	return "no interval of it could be scored"
}

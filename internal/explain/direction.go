package explain

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// audible is how long a silence is told of.
const audible = time.Second

// ptimeMs is how much media a packet has: of the first stream that tells, else
// what most have.
func (d *direction) ptimeMs() float64 {
	for _, st := range d.voice {
		if st.PtimeMs != nil {
			return *st.PtimeMs
		}
	}
	return 20
}

// buffer is the jitter-buffer model that the scores follow. "" where none is.
func (d *direction) buffer() string {
	for _, st := range d.voice {
		if b := value(st.JitterBuffer); b != "" && b != "none" {
			return b
		}
	}
	return ""
}

func bufferName(model string) string {
	switch model {
	case "f50":
		return "fixed 50 ms buffer"
	case "f200":
		return "fixed 200 ms buffer"
	}
	return "adaptive buffer"
}

// ceiling is the best R that the codec allows, on the scale of the direction's
// score: the mean of its streams, as each of theirs is of its intervals.
func (d *direction) ceiling() (best float64, ok bool) {
	weight, scale := 0., d.scale()
	for _, st := range d.voice {
		if st.RCeiling != nil && value(st.Scale) == scale {
			w := float64(max(1, st.Expected))
			best, weight = best+*st.RCeiling*w, weight+w
		}
	}
	switch {
	case weight > 0:
		best /= weight
	case d.total.weight > 0: // no stream: a silence that was scored
		best = d.total.ceiling()
	default:
		return 0, false
	}
	if d.sums.RLQ != nil { // a stream that changed its scale weighs less than its packets
		best = max(best, *d.sums.RLQ)
	}
	return best, true
}

// changed reports whether the intervals have codecs with different ceilings.
func (d *direction) changed() bool {
	low, high := 0., 0.
	for _, it := range d.spans {
		if c := cellOf(it, ""); c.weight > 0 {
			if high == 0 {
				low, high = c.ceiling(), c.ceiling()
			}
			low, high = min(low, c.ceiling()), max(high, c.ceiling())
		}
	}
	return high-low > 0.1
}

// scale is the one that the direction's score is of: that of most packets.
// Scales do not compare, so that a score is never of two.
func (d *direction) scale() string {
	var scale string
	most, packets := uint64(0), map[string]uint64{}
	for _, st := range d.voice {
		if st.Scale == nil {
			continue
		}
		packets[*st.Scale] += max(1, st.Expected)
		if n := packets[*st.Scale]; n > most {
			scale, most = *st.Scale, n
		}
	}
	return scale
}

// otherTotals are the intervals of each other scale in one.
func (d *direction) otherTotals() iter.Seq2[string, cell] {
	return func(yield func(string, cell) bool) {
		for _, s := range scales {
			var sum cell
			for i := range d.others {
				if d.others[i].scale == s.name {
					sum.merge(d.others[i])
				}
			}
			if sum.weight > 0 && !yield(s.name, sum) {
				return
			}
		}
	}
}

// otherScales says what of the direction its score does not tell, "" where it
// tells all.
func (d *direction) otherScales() string {
	var parts []string
	for scale, c := range d.otherTotals() {
		parts = append(parts, fmt.Sprintf("%d on %s", c.expected, scale))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("its codec changed from scale to scale; they do not compare, so that the score is of %s alone, without the packets %s", clean(d.scale()), strings.Join(parts, " and "))
}

// fall is how many R points were lost to all but the codec.
func (d *direction) fall() (float64, bool) {
	c, ok := d.ceiling()
	if !ok || d.sums.RLQ == nil {
		return 0, false
	}
	return max(0, c-*d.sums.RLQ), true
}

// directions tell each side's media.
func (s *story) directions() {
	for _, d := range s.sides {
		s.direction(d)
	}
}

func (s *story) direction(d *direction) {
	m := d.sums
	if len(d.all) == 0 && m.Packets == nil && m.SilentMs == nil && m.RtcpLost == nil && m.RttMs == nil {
		return
	}
	s.printf("\n%s", strings.ToUpper(d.name[:1])+d.name[1:])
	if head := d.quality(); head != "" {
		s.printf(": %s", head)
	}
	s.printf("\n")
	row := func(name, format string, args ...any) { s.printf("  %-10s %s\n", name, fmt.Sprintf(format, args...)) }
	if m.Packets != nil {
		row("packets", "%s", d.packets())
		row("jitter", "%s", d.jitter())
		if b := d.bursts(); b != "" {
			row("bursts", "%s", b)
		}
	} else {
		row("packets", "none seen")
	}
	if why := d.reason(); why != "" {
		row("why", "%s", why)
	}
	if left := d.otherScales(); left != "" {
		row("scale", "%s", left)
	}
	if cq := d.conversation(); cq != "" {
		row("delay", "%s", cq)
	}
	for _, text := range s.silence(d) {
		row("silence", "%s", text)
	}
	for _, text := range d.sound() {
		row("sound", "%s", text)
	}
	if m.HoldMs != nil && *m.HoldMs > 0 {
		row("hold", "%s", seconds(*m.HoldMs))
	}
	if told := d.heard(); told != "" {
		row("other end", "%s", told)
	}
	if told := s.worstTold(d); told != "" {
		row("", "%s", told)
	}
	for _, st := range d.all {
		row("seen", "%s", d.seen(st))
	}
}

func (d *direction) quality() string {
	m := d.sums
	var parts []string
	if m.Codec != nil {
		codec := clean(*m.Codec)
		if i := slices.IndexFunc(d.voice, func(st *record.Stream) bool { return st.PtimeMs != nil }); i >= 0 {
			codec += fmt.Sprintf(" %.0f ms", *d.voice[i].PtimeMs)
		}
		parts = append(parts, codec)
	}
	if scale := d.scale(); scale != "" {
		parts = append(parts, "scale "+clean(scale))
	}
	if m.MosLQ != nil {
		text := fmt.Sprintf("MOS %.2f", *m.MosLQ)
		if m.MosLQMin != nil {
			text += fmt.Sprintf(" (worst interval %.2f)", *m.MosLQMin)
		}
		parts = append(parts, text)
	}
	if c, ok := d.ceiling(); ok && m.RLQ != nil {
		parts = append(parts, rating(*m.RLQ, c))
	} else if ok {
		parts = append(parts, fmt.Sprintf("R at most %.1f", c))
	}
	return strings.Join(parts, ", ")
}

func (d *direction) packets() string {
	m := d.sums
	text := fmt.Sprint(*m.Packets)
	if m.Expected != nil {
		text += fmt.Sprintf(" of %d", *m.Expected)
	}
	if m.Lost != nil {
		text += fmt.Sprintf(", %d lost", *m.Lost)
		if m.LossPct != nil {
			text += fmt.Sprintf(" (%.2f %%)", *m.LossPct)
		}
	}
	if d.total.late != nil {
		text += fmt.Sprintf(", %d too late for the %s", *d.total.late, bufferName(d.buffer()))
	}
	if m.Reordered != nil && *m.Reordered > 0 {
		text += fmt.Sprintf(", %d reordered", *m.Reordered)
	}
	if m.Duplicates != nil && *m.Duplicates > 0 {
		text += fmt.Sprintf(", %d twice", *m.Duplicates)
	}
	if len(m.SSRCs) > 1 {
		text += fmt.Sprintf(", in %d streams one after the other", len(m.SSRCs))
	}
	return text
}

func (d *direction) jitter() string {
	m := d.sums
	if m.JitterMeanMs == nil {
		return "unknown: the clock rate of its codec is not known"
	}
	text := fmt.Sprintf("mean %.1f ms", *m.JitterMeanMs)
	if st := d.main(); st != nil && st.JitterP95Ms != nil {
		text += fmt.Sprintf(", 95 %% below %.1f ms", *st.JitterP95Ms)
	}
	if m.JitterMaxMs != nil {
		text += fmt.Sprintf(", most %.1f ms", *m.JitterMaxMs)
	}
	if st := d.main(); st != nil && st.DeltaMaxMs != nil {
		text += fmt.Sprintf("; longest time between packets %s", seconds(*st.DeltaMaxMs))
	}
	return text
}

// main is the stream with most packets.
func (d *direction) main() *record.Stream {
	var most *record.Stream
	for _, st := range d.voice {
		if most == nil || st.Packets > most.Packets {
			most = st
		}
	}
	return most
}

func (d *direction) bursts() string {
	st := d.main()
	if st == nil || st.Lost == 0 {
		return ""
	}
	var parts []string
	if st.BurstR != nil {
		how := "as if by chance"
		if *st.BurstR >= 1.5 {
			how = "in bursts"
		}
		parts = append(parts, fmt.Sprintf("loss came %s (burst ratio %.1f)", how, *st.BurstR))
	}
	if n := len(st.LossBursts); n > 0 {
		for i := n - 1; i >= 0; i-- {
			if st.LossBursts[i] > 0 {
				run := "longest run " + plural(i+1, "packet", "packets")
				if i == n-1 {
					run += " or more"
				}
				parts = append(parts, run)
				break
			}
		}
	}
	if st.BurstDensityPct != nil && st.BurstMs != nil && st.GapDensityPct != nil {
		parts = append(parts, fmt.Sprintf("bursts last %s on average and lose %.0f %% of their packets, %.1f %% are lost between them", seconds(*st.BurstMs), *st.BurstDensityPct, *st.GapDensityPct))
	}
	return strings.Join(parts, ", ")
}

// reason says what took R from its ceiling. What was taken over the whole
// direction is split as the intervals say.
func (d *direction) reason() string {
	ceiling, ok := d.ceiling()
	if !ok || d.sums.RLQ == nil || d.total.weight == 0 {
		return ""
	}
	codec := d.total.codec / d.total.weight
	text := rating(*d.sums.RLQ, ceiling)
	if d.changed() {
		text += " on average, as its codec or the codec's mode changed"
	} else if codec >= 0.05 {
		text += fmt.Sprintf(" (%.1f less %.1f for the codec)", ceiling+codec, codec)
	}
	fall, _ := d.fall()
	if taken := d.total.loss + d.total.discard + d.total.quiet; taken > 0 {
		text += fmt.Sprintf(": loss took %.1f", fall*d.total.loss/taken)
		if d.total.dropped > 0 {
			text += fmt.Sprintf(", late packets %.1f", fall*d.total.discard/taken)
		}
		if d.total.quiet > 0 {
			text += fmt.Sprintf(", silence %.1f", fall*d.total.quiet/taken)
		}
		return text + fmt.Sprintf(", codec %.1f", codec)
	}
	if fall < 0.05 {
		return text + ": nothing was taken from it"
	}
	return text
}

func (d *direction) conversation() string {
	if d.sums.MosCQ == nil {
		return ""
	}
	text := ""
	if d.total.delayed > 0 && d.total.delay/d.total.delayed < 0.05 {
		text = "takes nothing from a conversation: "
	} else if d.total.delayed > 0 {
		text = fmt.Sprintf("takes another %.1f from a conversation: ", d.total.delay/d.total.delayed)
	}
	return text + fmt.Sprintf("MOS-CQ %.2f", *d.sums.MosCQ)
}

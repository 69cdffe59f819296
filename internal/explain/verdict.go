package explain

import (
	"fmt"
	"slices"

	"github.com/earshot-voip/earshot/internal/record"
)

// verdict is the answer in a line, the details come after it.
func (s *story) verdict() string {
	c := s.call
	over := c.State != record.Answered && c.State != record.Open
	switch c.MediaSeen {
	case "none":
		if over {
			return "In short: it was not answered, and no media was seen."
		}
		return "In short: no media was seen in either direction, at places where it would have been."
	case "unknown":
		if over {
			return "In short: it was not answered, and no media was seen."
		}
		return "In short: nothing is known of its quality: its media passed where nobody listens."
	}
	for _, d := range s.sides {
		if slices.Contains(c.Flags, "one_way_audio") && d.dead(s) {
			return fmt.Sprintf("In short: one-way audio: nothing came from the %s.", d.who)
		}
	}
	if who := s.mutes(); who != "" {
		return fmt.Sprintf("In short: silence from %s: packets came, and carry nothing.", who)
	}
	var worse *direction
	most := 0.
	for _, d := range s.sides {
		if fall, ok := d.fall(); ok && (worse == nil || fall > most) {
			worse, most = d, fall
		}
	}
	if worse == nil {
		return "In short: media was seen, but there is no score for it; see what is unknown below."
	}
	what, during := &worse.total, ""
	for _, d := range s.sides { // what the score of the direction does not tell
		for scale, c := range d.otherTotals() {
			if taken := c.taken(); taken > most && taken >= cheap {
				worse, most, what, during = d, taken, &c, ", while its codec was one of the scale "+scale
			}
		}
	}
	how := "good"
	switch {
	case most >= 30:
		how = "very bad"
	case most >= 15:
		how = "bad"
	case most >= cheap:
		how = "impaired"
	}
	text := "In short: " + how
	if most < cheap {
		if worse.total.mosMin > 0 && worse.total.weight > 0 && !worse.allGood() {
			text += " on the whole, with bad moments"
		}
		return text + "."
	}
	if what.weight == 0 { // scored as a whole: what was counted tells
		what = &cell{weight: 1, loss: float64(what.lost), late: what.late}
		if what.late != nil {
			what.discard = float64(*what.late)
		}
	}
	cause := "loss"
	switch {
	case what.taken() < 0.05: // intervals without score, as of several codecs
		return fmt.Sprintf("%s, worst from %s, for what no interval tells.", text, worse.name)
	case what.quiet > what.loss+what.discard:
		cause = "silence: its media was missing for part of the call"
	case what.discard > what.loss:
		cause = "packets that came too late"
	case what.discard > what.loss/2:
		cause = "loss and packets that came too late"
	}
	return fmt.Sprintf("%s, worst from %s, for %s%s.", text, worse.name, cause, during)
}

func (d *direction) allGood() bool {
	for _, it := range d.spans {
		if c := cellOf(it, d.buffer()); !c.good() {
			return false
		}
	}
	return true
}

// dead reports whether a side sent next to nothing while the call lasted.
func (d *direction) dead(s *story) bool {
	return d.sums.SilentMs != nil && s.call.DurationMs != nil && *d.sums.SilentMs > *s.call.DurationMs/2
}

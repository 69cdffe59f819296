package explain

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

const (
	// width of an interval.
	width = 5 * time.Second
	// cheap is how many R points loss and late packets may cost for an interval
	// to be good: what nobody hears.
	cheap = 5
	// mostLines of a timeline; a longer one is told in longer steps.
	mostLines = 48
)

// steps are the lengths that a line of the timeline may stand for.
var steps = [...]time.Duration{width, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// cell is one direction in one line of the timeline.
type cell struct {
	n              int // intervals
	packets        uint64
	expected, lost uint64
	late           *uint64
	jitter, heard  float64 // sum, weighted by packets; their number
	jitterMost     float64
	silent         int    // intervals that were silent for the most part
	absent         uint64 // packets that were due in them
	scored         int    // intervals with a score

	scale string // NB, WB, FB; mixed where intervals of several were merged; "" without a score

	// Weighted sums over the intervals that have a score. Valid iff weight is
	// not 0.
	weight, r, mos, codec, loss, discard float64
	quiet                                float64 // what silence cost
	dropped                              float64 // weight of the intervals of which it is known what came too late
	mosMin                               float64
	delay, delayed                       float64 // sum, weighted; weight of the intervals whose delay is known
}

// cellOf takes what one interval says; late packets are those of a
// jitter-buffer model.
func cellOf(it *record.Interval, buffer string) cell {
	c := cell{n: 1, packets: it.Packets, expected: it.Expected, lost: it.Lost}
	if it.SSRC == 0 && it.Packets == 0 {
		c.silent, c.absent = 1, it.Expected
	}
	switch buffer {
	case "adaptive":
		c.late = it.AdaptiveDiscarded
	case "f200":
		c.late = it.F200Discarded
	case "f50":
		c.late = it.F50Discarded
	}
	if it.JitterMs != nil {
		w := float64(max(1, it.Packets))
		c.jitter, c.heard, c.jitterMost = *it.JitterMs*w, w, *it.JitterMs
	}
	if it.RLQ != nil && it.MosLQ != nil {
		w := float64(max(1, it.Expected))
		c.scored, c.weight, c.r, c.mos, c.mosMin = 1, w, *it.RLQ*w, *it.MosLQ*w, *it.MosLQ
		c.codec, c.loss, c.discard = zero(it.RCostCodec)*w, zero(it.RCostLoss)*w, zero(it.RCostDiscard)*w
		if it.RCostDiscard != nil {
			c.dropped = w
		}
		if c.silent > 0 {
			c.loss, c.quiet = 0, c.loss
		}
		if it.RCostDelay != nil {
			c.delay, c.delayed = *it.RCostDelay*w, w
		}
		c.scale = scaleOf(c.ceiling() + c.codec/w)
	}
	return c
}

// mixed is the scale of a cell with intervals of several.
const mixed = "mixed"

// scales and their bases: R with every parameter at its default (G.107,
// G.107.1, G.107.2).
var scales = [...]struct {
	name string
	base float64
}{{"NB", 93.2}, {"WB", 129}, {"FB", 148}}

// scaleOf finds the scale by its base, which is the ceiling and what the codec
// costs: intervals do not name theirs.
func scaleOf(base float64) string {
	best := scales[0]
	for _, s := range scales[1:] {
		if math.Abs(s.base-base) < math.Abs(best.base-base) {
			best = s
		}
	}
	return best.name
}

// unscore leaves what was counted, and forgets what was scored.
func (c *cell) unscore() {
	c.scored, c.scale, c.weight, c.r, c.mos, c.codec, c.loss, c.discard, c.quiet, c.dropped, c.mosMin, c.delay, c.delayed = 0, "", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
}

func zero(p *float64) float64 {
	if p == nil {
		return 0
	}
	return *p
}

// merge takes in another interval or line of the same direction.
func (c *cell) merge(o cell) {
	if o.n == 0 {
		return
	}
	switch {
	case c.n == 0:
		c.late = o.late
	case c.late != nil && o.late != nil:
		c.late = new(*c.late + *o.late)
	case c.late == nil:
		c.late = o.late
	}
	if o.weight > 0 {
		if c.weight == 0 {
			c.mosMin = o.mosMin
		}
		c.mosMin = min(c.mosMin, o.mosMin)
	}
	switch {
	case c.scale == "":
		c.scale = o.scale
	case o.scale != "" && o.scale != c.scale:
		c.scale = mixed
	}
	c.n += o.n
	c.packets += o.packets
	c.expected += o.expected
	c.lost += o.lost
	c.jitter += o.jitter
	c.heard += o.heard
	c.jitterMost = max(c.jitterMost, o.jitterMost)
	c.silent += o.silent
	c.absent += o.absent
	c.scored += o.scored
	c.weight += o.weight
	c.r += o.r
	c.mos += o.mos
	c.codec += o.codec
	c.loss += o.loss
	c.discard += o.discard
	c.quiet += o.quiet
	c.dropped += o.dropped
	c.delay += o.delay
	c.delayed += o.delayed
}

// good reports whether nobody would have heard anything amiss beside what the
// codec always does; without a score whether less than 1 % is missing.
func (c *cell) good() bool {
	if c.silent > 0 || c.weight > 0 && c.taken() >= cheap {
		return false
	}
	missing := c.lost
	if c.late != nil {
		missing += *c.late
	}
	return c.weight > 0 || c.expected < 50 || percentOf(missing, c.expected) < 1
}

// taken is the R points that were lost to all but codec and delay; valid iff
// weight is not 0.
func (c *cell) taken() float64 { return (c.loss + c.discard + c.quiet) / c.weight }

// ceiling is the best R that the codec allows; valid iff weight is not 0.
func (c *cell) ceiling() float64 { return c.r/c.weight + c.taken() }

// costs says what took how many points. There is no R below 0: what took more
// took all.
func (c *cell) costs() string {
	if c.weight == 0 {
		return ""
	}
	var parts []string
	for _, p := range [...]struct {
		name string
		cost float64
	}{{"codec", c.codec / c.weight}, {"loss", c.loss / c.weight}, {"late", c.discard / c.weight}, {"delay", c.delay / max(1, c.delayed)}} {
		switch {
		case p.name == "loss" && p.cost >= c.ceiling():
			parts = append(parts, "loss all")
		case p.cost >= 9.95:
			parts = append(parts, fmt.Sprintf("%s %.0f", p.name, p.cost))
		case p.cost >= 0.05:
			parts = append(parts, fmt.Sprintf("%s %.1f", p.name, p.cost))
		}
	}
	return strings.Join(parts, " ")
}

// columns are loss, jitter, MOS and costs.
func (c *cell) columns(ptimeMs float64) [4]string {
	if c.n == 0 {
		return [4]string{"-", "-", "-", ""}
	}
	col := [4]string{"-", "-", "-", c.costs()}
	if c.expected > 0 {
		col[0] = fmt.Sprintf("%.1f", percentOf(c.lost, c.expected))
	}
	if c.heard > 0 {
		col[1] = fmt.Sprintf("%.1f", c.jitter/c.heard)
	}
	if c.scale == mixed {
		col[3] = "codec changed"
	} else if c.weight > 0 {
		mean := c.mos / c.weight
		col[2] = fmt.Sprintf("%.2f", mean)
		if c.scored > 1 && mean-c.mosMin >= 0.05 {
			col[2] = fmt.Sprintf("%.2f (%.2f)", mean, c.mosMin)
		}
	}
	switch {
	case c.silent == c.n:
		col[0], col[3] = "100", "silent"
	case c.silent > 0:
		col[3] = strings.TrimSuffix(fmt.Sprintf("silent %s; %s", seconds(float64(c.absent)*ptimeMs), col[3]), "; ")
	}
	return col
}

// line is one line of the timeline: both directions side by side.
type line struct {
	from, to time.Time
	cells    [2]cell
}

func (l *line) good() bool { return l.cells[0].good() && l.cells[1].good() }

// present says which directions have an interval.
func (l *line) present() [2]bool { return [2]bool{l.cells[0].n > 0, l.cells[1].n > 0} }

// compares reports whether the scores of two lines are of the same scales.
func (l *line) compares(o *line) bool {
	for i := range l.cells {
		if p, q := l.cells[i].scale, o.cells[i].scale; p != "" && q != "" && p != q {
			return false
		}
	}
	return true
}

// lines gives the intervals of both directions in steps of a length.
func (s *story) lines(step time.Duration) []line {
	at := map[time.Time]*line{}
	for i, d := range s.sides {
		for _, it := range d.spans {
			start := it.Time.Truncate(step)
			l := at[start]
			if l == nil {
				l = &line{from: it.Time, to: it.Time}
				at[start] = l
			}
			if it.Time.Before(l.from) {
				l.from = it.Time
			}
			if end := it.Time.Add(width); end.After(l.to) {
				l.to = end
			}
			l.cells[i].merge(cellOf(it, d.buffer()))
		}
	}
	out := make([]line, 0, len(at))
	for _, l := range at {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(x, y line) int { return x.from.Compare(y.from) })
	return fold(out)
}

// fold makes one line of good ones that follow each other.
func fold(lines []line) []line {
	var out []line
	for _, l := range lines {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if last.good() && l.good() && last.present() == l.present() && last.to.Equal(l.from) && last.compares(&l) {
				last.to = l.to
				for i := range last.cells {
					last.cells[i].merge(l.cells[i])
				}
				continue
			}
		}
		out = append(out, l)
	}
	return out
}

// timeline tells each interval, of a long call in longer steps.
func (s *story) timeline() {
	var lines []line
	step := steps[0]
	for _, step = range steps {
		if lines = s.lines(step); len(lines) <= mostLines {
			break
		}
	}
	if len(lines) == 0 {
		return
	}
	zero, from := s.call.FirstSeen, "the first message"
	switch {
	case s.call.AnswerTime != nil:
		zero, from = *s.call.AnswerTime, "the answer"
	case s.call.StartTime != nil:
		zero, from = *s.call.StartTime, "the INVITE"
	}
	how := "intervals of 5 s"
	if step > width {
		how = "steps of " + seconds(ms(step))
	}
	s.printf("\nTimeline, %s from %s (A the caller, B the callee)\n", how, from)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  TIME\tAT\tA>B LOSS %%\tJITTER\tMOS\tR POINTS LOST TO\t|\tB>A LOSS %%\tJITTER\tMOS\tR POINTS LOST TO\n")
	for i, l := range lines {
		if i > 0 && l.from.After(lines[i-1].to) {
			fmt.Fprintf(w, "  \t%s\tno media for %s\n", offset(lines[i-1].to.Sub(zero)), seconds(ms(l.from.Sub(lines[i-1].to))))
		}
		begin := l.from
		if begin.Before(zero) && l.to.After(zero) && s.call.AnswerTime != nil {
			begin = zero // the interval in which it was answered
		}
		clock := l.from.UTC().Format(time.TimeOnly)
		if l.to.Sub(l.from) > width {
			clock += "-" + l.to.UTC().Format(time.TimeOnly)
		}
		a, c := l.cells[0].columns(s.sides[0].ptimeMs()), l.cells[1].columns(s.sides[1].ptimeMs())
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t|\t%s\t%s\t%s\t%s\n", clock, offset(begin.Sub(zero)), a[0], a[1], a[2], a[3], c[0], c[1], c[2], c[3])
	}
	w.Flush()
	for text := range strings.Lines(b.String()) {
		s.printf("%s\n", strings.TrimRight(text, " \n"))
	}
}

// worst tells the intervals in which most was lost, and to what.
func (s *story) worst() {
	type bad struct {
		d    *direction
		it   *record.Interval
		cell cell
	}
	var all []bad
	for _, d := range s.sides {
		for _, it := range d.spans {
			if c := cellOf(it, d.buffer()); !c.good() {
				all = append(all, bad{d, it, c})
			}
		}
	}
	if len(all) == 0 {
		return
	}
	share := func(b *bad) float64 {
		if b.cell.weight > 0 {
			return b.cell.taken()
		}
		return percentOf(b.it.Lost, b.it.Expected)
	}
	slices.SortStableFunc(all, func(x, y bad) int {
		if p, q := share(&x), share(&y); p != q {
			return int(math.Copysign(1, q-p))
		}
		return x.it.Time.Compare(y.it.Time)
	})
	s.printf("\nWorst of %s not good\n", plural(len(all), "interval that is", "intervals that are"))
	for _, b := range all[:min(3, len(all))] {
		s.printf("  %s %s: %s\n", b.it.Time.UTC().Format(time.TimeOnly), b.d.name, b.d.why(&b.cell, b.it))
	}
}

// why explains one interval.
func (d *direction) why(c *cell, it *record.Interval) string {
	var parts []string
	text := ""
	if c.weight > 0 {
		text = fmt.Sprintf("%s, MOS %.2f: ", rating(c.r/c.weight, c.ceiling()), c.mos/c.weight)
	}
	if c.silent > 0 {
		return text + "nothing came for " + seconds(float64(c.absent)*d.ptimeMs())
	}
	loss := fmt.Sprintf("%d of %d packets, %.1f %%", it.Lost, it.Expected, percentOf(it.Lost, it.Expected))
	switch {
	case it.Lost == 0:
		parts = append(parts, "nothing lost")
	case c.weight == 0:
		parts = append(parts, "lost "+loss)
	case c.loss/c.weight >= c.ceiling():
		parts = append(parts, fmt.Sprintf("loss took all of it (%s)", loss))
	default:
		parts = append(parts, fmt.Sprintf("loss took %.1f (%s)", c.loss/c.weight, loss))
	}
	if c.late != nil && *c.late > 0 {
		late := fmt.Sprintf("%d too late for the %s", *c.late, bufferName(d.buffer()))
		if c.weight > 0 {
			late = fmt.Sprintf("late packets %.1f (%s)", c.discard/c.weight, late)
		}
		parts = append(parts, late)
	}
	if c.weight > 0 {
		parts = append(parts, fmt.Sprintf("codec %.1f", c.codec/c.weight))
	}
	if c.delayed > 0 {
		parts = append(parts, fmt.Sprintf("delay %.1f", c.delay/c.delayed))
	}
	if it.JitterMs != nil {
		parts = append(parts, fmt.Sprintf("jitter %.1f ms", *it.JitterMs))
	}
	if it.RttMs != nil {
		parts = append(parts, fmt.Sprintf("round trip %.0f ms", *it.RttMs))
	}
	return text + strings.Join(parts, ", ")
}

// rating writes R beside the best that the codec allows.
func rating(r, ceiling float64) string {
	if r < 0 {
		return fmt.Sprintf("R below 0 of at most %.1f", ceiling)
	}
	return fmt.Sprintf("R %.1f of at most %.1f", r, ceiling)
}

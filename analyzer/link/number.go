package link

import (
	"slices"
	"time"
)

const (
	// maxCandidates is how many legs are kept to compare a leg with: of more
	// that had the same number at the same time none could be told from the rest.
	maxCandidates = 16
	// maxRecent is how many legs of one number an INVITE is compared with.
	maxRecent = 64
	// slack is how much sooner than the leg that it follows from an INVITE may be
	// seen, where two agents tell the time.
	slack = 100 * time.Millisecond
)

// numbered is a leg that lately began under a number.
type numbered struct {
	leg *Leg
	key uint64
}

// number remembers a leg under its numbers, and as a candidate of those that
// began with them lately.
func (t *Table) number(l *Leg) {
	f := l.source.Facts()
	l.begin = f.begin(l.Domain)
	t.age(l.Began)
	b := &l.begin
	for i, k := range [...]uint64{b.callee, b.target, b.diverted, b.caller + 1} { // those of callers apart
		if k <= 1 || i == 1 && k == b.callee || i == 2 && (k == b.callee || k == b.target) {
			continue
		}
		list := t.numbers[k]
		for _, o := range slices.Backward(list) {
			if o == l || o.forgotten || slices.ContainsFunc(l.candidates, func(c candidate) bool { return c.leg == o }) {
				continue
			}
			if alike := t.alike(l, o); alike > 0 {
				l.consider(o, alike)
				o.consider(l, alike)
			}
		}
		if len(list) >= maxRecent {
			list = slices.Delete(list, 0, 1)
		}
		t.numbers[k] = append(list, l)
		t.recent = append(t.recent, numbered{l, k})
	}
}

// alike is what the INVITEs of two legs say of them, whichever came first.
func (t *Table) alike(l, o *Leg) float64 { return max(t.begins(l, o), t.begins(o, l)) }

// candidate is a leg to compare another one with, and how alike they began.
type candidate struct {
	leg   *Leg
	alike float64
}

// consider keeps the candidates that are most alike. Where more are than are kept,
// and none is more alike than the rest, none of them could be told from the others:
// then there are none.
func (l *Leg) consider(o *Leg, alike float64) {
	if alike <= l.crowd { // as many as that were there before
		return
	}
	if len(l.candidates) < maxCandidates {
		l.candidates = append(l.candidates, candidate{o, alike})
		return
	}
	least, most := 0, alike
	for i, c := range l.candidates {
		most = max(most, c.alike)
		if c.alike < l.candidates[least].alike {
			least = i
		}
	}
	c := &l.candidates[least]
	if l.crowd = min(alike, c.alike); alike > c.alike {
		*c = candidate{o, alike}
	}
	if l.crowd == most {
		l.candidates = nil
	}
}

// age drops what began longer ago than the window.
func (t *Table) age(now time.Time) {
	for len(t.recent) > 0 && t.recent[0].leg.Began.Before(now.Add(-t.opt.Window-slack)) {
		old := t.recent[0]
		t.recent[0] = numbered{}
		t.recent = t.recent[1:]
		switch list := t.numbers[old.key]; {
		case len(list) == 0 || list[0] != old.leg: // more of them came than are kept
		case len(list) == 1:
			delete(t.numbers, old.key)
		default:
			t.numbers[old.key] = slices.Delete(list, 0, 1)
		}
	}
}

// byNumbers looks for the leg that one which is over came out of, by numbers, time
// and the box between them; where none is sure, for another one that the box rang
// for the same call. Each leg is asked for itself: a box that rings a group, or a
// chain of boxes, needs no choice between what goes out and what came in.
func (t *Table) byNumbers(l *Leg, at time.Time) {
	best, confidence := t.bestOf(l)
	if confidence < t.opt.MinConfidence {
		if answered, c := t.answeredFor(l); c > max(confidence, even) {
			t.link(l, answered, Numbers, "", c, at)
			return
		}
	}
	if best != nil {
		t.link(l, best, Numbers, "", confidence, at)
	}
}

// margin is by how much one leg fits better than another when there is no doubt.
const margin = 0.2

// bestOf is the leg of another session that fits best as the one before, and better
// than those of its own do. Where a leg of a third session fits as well, each is half
// as likely; and where that one fits a third leg as well, which is no fork of the same
// call: of forks one is answered.
func (t *Table) bestOf(l *Leg) (best *Leg, confidence float64) {
	if len(l.candidates) == 0 {
		return nil, 0
	}
	is := l.now()
	var most, next, have float64
	for _, c := range l.candidates {
		o := c.leg
		if o.forgotten {
			continue
		}
		p := o.now()
		c := t.fits(o, l, &p, &is)
		if back := t.fits(l, o, &is, &p); back > c || back == c && later(o, l) {
			continue // it came out of this one
		}
		switch {
		case c == 0:
		case o.with(l):
			have = max(have, c)
		case c > most:
			if best != nil && !best.with(o) {
				next = most
			}
			best, most = o, c
		case !o.with(best):
			next = max(next, c)
		}
	}
	if best == nil || have >= most { // the one before is known
		return nil, 0
	}
	in := best.now()
	for _, c := range best.candidates {
		o := c.leg
		if o == l || o.forgotten || o.with(l) {
			continue
		}
		p := o.now()
		if l.forks(o) && (is.answer == 0 || p.answer == 0) { // another one that the box rang for the same call
			continue
		}
		next = max(next, t.fits(best, o, &in, &p))
	}
	doubt := max(0, 1-(most-next)/margin, 1-(t.alike(l, best)-max(l.crowd, best.crowd))/margin)
	return best, most * (1 - min(doubt, 1)/2)
}

// forks reports whether a box sends both INVITEs for one caller at one time.
func (l *Leg) forks(o *Leg) bool {
	return alike(l.begin.src, o.begin.src) && l.begin.sameCaller(&o.begin) && l.Began.Sub(o.Began).Abs() <= atOneTime
}

// fits is how sure it is that the first leg went on as the second one: 0 where
// it cannot be, up to 0.95.
func (t *Table) fits(in, out *Leg, i, o *progress) float64 {
	c := t.begins(in, out)
	if c == 0 || in.begin.src == out.begin.src && in.begin.src != 0 || i.end != 0 && i.end < out.Began.UnixNano() {
		return 0
	}
	switch {
	case i.answer != 0 && o.answer > i.answer+int64(slack): // the box answered by itself, or it is another call
		c += 0.15*near(i.end, o.end) - 0.1
	case i.answer != 0 && o.answer != 0:
		c += 0.15*near(i.answer, o.answer) + 0.15*near(i.end, o.end)
	case i.answer == 0 && o.answer == 0:
		if i.status == o.status {
			c += 0.15
		}
		c += 0.15 * near(i.end, o.end)
	case i.answer == 0: // what was answered behind the box was answered before it
		return 0
	case o.elsewhere || o.status == 487: // another one of the group answered
		c += 0.15*near(i.answer, o.end) + 0.15
	case o.status < 300: // the box answers by itself
		c /= 2
	}
	return min(c, sure)
}

// near is 1 for two times that are one, 0 for such as differ by a second.
func near(x, y int64) float64 { return max(0, 1-time.Duration(x-y).Abs().Seconds()) }

// answeredFor is the leg that a box rang for the same call as one that it called off
// when that one was answered. Where two calls had one answered then, each is half as
// likely.
func (t *Table) answeredFor(l *Leg) (answered *Leg, confidence float64) {
	is, next := l.now(), 0.
	if l.joined != nil || is.answer != 0 || is.end == 0 || is.status != 487 && !is.elsewhere {
		return nil, 0
	}
	for _, c := range l.candidates {
		o := c.leg
		if o.forgotten || !l.forks(o) {
			continue
		}
		p := o.now()
		if p.answer == 0 || near(p.answer, is.end) == 0 || o.with(l) {
			continue
		}
		c := 0.4 + 0.3*near(p.answer, is.end)
		if is.elsewhere {
			c += 0.25
		}
		switch {
		case c > confidence:
			if answered != nil && !answered.with(o) {
				next = confidence
			}
			answered, confidence = o, c
		case !o.with(answered):
			next = max(next, c)
		}
	}
	if answered == nil {
		return nil, 0
	}
	doubt := max(0, 1-(confidence-next)/margin, 1-(t.alike(l, answered)-max(l.crowd, answered.crowd))/margin)
	return answered, min(confidence, sure) * (1 - min(doubt, 1)/2)
}

// atOneTime is how far apart a box sends the INVITEs that ring a group.
const atOneTime = time.Second

// begins is what the INVITEs say of it: of called number, caller and the box
// between the legs, two at least; of two legs from one box, that it has one
// caller ring both at one time.
func (t *Table) begins(in, out *Leg) float64 {
	i, o, d := &in.begin, &out.begin, out.Began.Sub(in.Began)
	if d > t.opt.Window || d < -slack || d < 0 && i.sameNode(o) {
		return 0
	}
	c := 0.
	if i.sameCallee(o) {
		c += 0.3
	}
	switch {
	case !i.sameCaller(o):
	case i.masked && o.masked && (i.calling == 0 || o.calling == 0):
		c += 0.1
	default:
		c += 0.2
	}
	switch {
	case alike(i.dst, o.src):
		c += 0.2
	case alike(i.src, o.src):
		if !i.sameCaller(o) || d.Abs() > atOneTime {
			return 0 // two calls of one host
		}
		return likely
	case alike(i.dst, o.dst), alike(i.src, o.dst): // two calls to one host, or to where the first one began
		return 0
	}
	if c < 0.4 {
		return 0
	}
	return c
}

package link

import (
	"slices"
	"time"
)

// sharing is that two legs have one value in a header, but nothing more that shows
// them to be of one call: their box has an address on each side, or rings a group, or
// the value is a constant of its maker. It waits until one of them is over, in which
// time a constant shows itself.
type sharing struct {
	one, other *Leg
	key        uint64
	detail     string
}

// kinship is what a value that two legs share says of them.
type kinship int

const (
	legs      kinship = iota // they are legs of one call
	apart                    // so they are, unless others have the value
	perhaps                  // they may be
	strangers                // they may be, but the value is more likely to be a constant
)

// shares notes a value that a leg has in a header, and links it with the others that
// have it. How many these are does not count: a box may ring a hundred phones. But
// where the value is of calls that cannot be one, it identifies none of them.
func (t *Table) shares(l *Leg, key uint64, detail string, at time.Time) {
	e, have := l.more(), t.keys[key]
	if slices.Contains(have, l) {
		return
	}
	if len(e.keys) >= maxEvidence || len(have) >= maxSession {
		t.Counters.Refused++
		return
	}
	if t.uses[key] > maxConstant {
		t.Counters.Common++
		return
	}
	t.keys[key], e.keys = append(have, l), append(e.keys, key)
	nearest := nearestOf(l, have, func(o *Leg) bool { return l.outOf(o) && !later(o, l) && !t.before(o, l) }) // it came out of that one
	if nearest == nil && slices.ContainsFunc(have, func(o *Leg) bool { return t.kinship(o, l, key) == strangers }) {
		t.use(key)
	}
	if t.uses[key] > 0 {
		if nearest == nil {
			nearest = nearestOf(l, have, func(*Leg) bool { return true })
		}
		if nearest != nil {
			t.link(l, nearest, Header, detail, even, at)
		}
		return
	}
	if nearest != nil {
		t.link(l, nearest, Header, detail, certain, at)
	}
	var waits []*Leg
	for _, o := range have {
		if o == nearest || nearest != nil && o.with(l) {
			continue
		}
		switch t.kinship(o, l, key) {
		case legs:
			t.link(l, o, Header, detail, certain, at)
			nearest = o
		case apart: // the nearest of them is enough, since that one has its own nearest
			waits = append(waits, o)
		case perhaps, strangers:
			t.link(l, o, Header, detail, even, at)
		}
	}
	if o := nearestOf(l, waits, func(o *Leg) bool { return !o.with(l) }); o != nil {
		s := &sharing{l, o, key, detail}
		e.sharings, o.more().sharings = append(e.sharings, s), append(o.more().sharings, s)
	}
}

// nearestOf is the leg that began nearest to another one.
func nearestOf(l *Leg, of []*Leg, which func(*Leg) bool) (nearest *Leg) {
	for _, o := range of {
		if which(o) && (nearest == nil || l.Began.Sub(o.Began).Abs() < l.Began.Sub(nearest.Began).Abs()) {
			nearest = o
		}
	}
	return nearest
}

// kinship is what it says of two legs that they share a value.
func (t *Table) kinship(o, l *Leg, key uint64) kinship {
	if later(o, l) {
		o, l = l, o
	}
	i, n, after := &o.begin, &l.begin, l.Began.Sub(o.Began)
	switch {
	case l.outOf(o) && t.before(o, l):
		return perhaps
	case l.outOf(o) || o.outOf(l) && after <= atOneTime && !i.sameNode(n):
		return legs
	case alike(i.src, n.src) && o.answeredWith(key) && !l.answeredWith(key) && !t.before(o, l):
		return legs // who calls both introduces the one to the other (RFC 3725)
	case alike(i.src, n.src) && l.besides(o): // two calls between the same hosts
		if o.triedBefore(l) || after <= atOneTime && i.sameCaller(n) && !i.sameCallee(n) {
			return perhaps // it tries again, or a group rings behind a proxy
		}
		return strangers
	case alike(i.src, n.src) && i.sameCaller(n) && !o.triedBefore(l):
		switch {
		case after <= atOneTime:
			return apart // a group, where no more than one answers
		case o.now().answer != 0:
			return strangers // its caller is connected
		}
		return perhaps
	case alike(i.src, n.src) && i.sameCaller(n), alike(i.dst, n.dst) && i.sameCaller(n) && i.sameCallee(n):
		if after <= atOneTime || o.triedBefore(l) {
			return legs // one way after the other
		}
		return perhaps
	case alike(i.src, n.src) || alike(i.dst, n.dst) || t.before(o, l):
		return strangers
	case after <= t.opt.Window || i.sameCaller(n) || i.sameCallee(n):
		return apart
	}
	return strangers
}

// answeredWith reports whether a value of a leg comes from who answered.
func (l *Leg) answeredWith(key uint64) bool { return slices.Contains(l.evidence.answers, key) }

// settleShared links what had to wait until a leg was over.
func (t *Table) settleShared(l *Leg, at time.Time) {
	if l.evidence == nil {
		return
	}
	for _, s := range l.evidence.sharings {
		if s.one.with(s.other) {
			continue
		}
		if alike(s.one.begin.src, s.other.begin.src) && s.one.now().answer != 0 && s.other.now().answer != 0 {
			t.use(s.key) // two calls, no group
		}
		confidence := float64(certain)
		if t.uses[s.key] > 0 {
			confidence = even
		}
		t.link(s.one, s.other, Header, s.detail, confidence, at)
	}
	l.evidence.sharings = nil
}

// use counts that a value was a constant.
func (t *Table) use(key uint64) {
	n := t.uses[key]
	if n == 0 && len(t.uses) >= maxUses {
		clear(t.uses)
	}
	t.uses[key] = min(n, maxConstant) + 1
}

// before reports whether a leg was over well before another one began.
func (t *Table) before(o, l *Leg) bool { return o.overBy(l.Began.Add(-t.opt.Window)) }

// triedBefore reports whether a leg was over, and nobody had answered, when another
// one began.
func (l *Leg) triedBefore(o *Leg) bool {
	is := l.now()
	return is.answer == 0 && is.end != 0 && is.end <= o.Began.UnixNano()
}

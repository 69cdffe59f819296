package dialog

import "time"

// Recent remembers hashes for at least one age and at most two, in bounded
// memory: when an age is over or full, the older half is forgotten.
type Recent struct {
	age      time.Duration
	max      int
	since    time.Time
	now, old map[uint64]struct{}
}

// NewRecent remembers at most `most` hashes.
func NewRecent(age time.Duration, most int) Recent {
	return Recent{age: age, max: max(most/2, 1), now: map[uint64]struct{}{}, old: map[uint64]struct{}{}}
}

// Seen reports whether h is remembered, and remembers it.
func (a *Recent) Seen(h uint64, at time.Time) bool {
	if at.Sub(a.since) > a.age || len(a.now) >= a.max {
		if at.Sub(a.since) > 2*a.age {
			clear(a.now)
		}
		a.old, a.now = a.now, a.old
		clear(a.now)
		a.since = at
	}
	known := a.has(h)
	a.now[h] = struct{}{}
	return known
}

func (a *Recent) has(h uint64) bool {
	if _, ok := a.now[h]; ok {
		return true
	}
	_, ok := a.old[h]
	return ok
}

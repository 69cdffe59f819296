package thin

// maxCalls is how many calls that are left out are remembered, at least: those
// of which something was seen last.
const maxCalls = 1 << 16

// calls is a bounded set of calls, by callHash: two generations, of which the
// older one is forgotten when the younger one is full.
type calls struct {
	young, old map[uint64]struct{}
	max        int // of each
}

func newCalls(limit int) calls {
	return calls{young: map[uint64]struct{}{}, old: map[uint64]struct{}{}, max: limit}
}

// has reports whether a call is in the set, and keeps it there.
func (c *calls) has(id uint64) bool {
	if _, ok := c.young[id]; ok {
		return true
	}
	_, ok := c.old[id]
	if ok {
		c.add(id)
	}
	return ok
}

func (c *calls) add(id uint64) {
	if len(c.young) >= c.max {
		c.young, c.old = c.old, c.young
		clear(c.young)
	}
	c.young[id] = struct{}{}
}

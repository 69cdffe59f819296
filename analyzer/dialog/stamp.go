package dialog

import "time"

// stamp is when something of a call was seen, and by which node, in the order
// of Call.nodes from 1: each has a clock of its own.
type stamp struct {
	us   int64 // Unix time; 0 is never
	node uint8
}

func (s stamp) isZero() bool { return s.us == 0 }

// time is the stamp by its own clock.
func (s stamp) time() time.Time {
	if s.us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(s.us)
}

// note takes the earliest time of the node by whose clock the call is told,
// where that one saw it; else of the first that did.
func (s *stamp) note(at time.Time, node, teller uint8) {
	us := at.UnixMicro()
	switch {
	case s.isZero(), node == teller && s.node != teller:
		*s = stamp{us, node}
	case s.node == node:
		s.us = min(s.us, us)
	}
}

// at is a stamp by the clock of the node that tells the call: corrected where
// what both nodes saw says how far their clocks are apart.
func (c *Call) at(s stamp) time.Time {
	if s.node == c.teller || s.isZero() {
		return s.time()
	}
	ahead, _ := c.ahead(s.node)
	return time.UnixMicro(s.us - ahead)
}

// ahead is how far the clock of a node is ahead of that of the node that tells
// the call, us: hop by hop, as for the rows of hops.
func (c *Call) ahead(node uint8) (us int64, ok bool) {
	parents, branches := c.path()
	known := map[uint8]int64{c.teller: 0}
	for range c.nodes { // each round reaches one node further
		for _, t := range c.tries {
			p := parents[t]
			if p == nil || t.seen.node[sent] == p.seen.node[sent] {
				continue
			}
			off, _, ok := t.seen.ahead(&p.seen, answers(t, p, branches[p]), len(branches[p]) == 1)
			if !ok {
				continue
			}
			here, before := t.seen.node[sent], p.seen.node[sent]
			if of, ok := known[before]; ok {
				if _, twice := known[here]; !twice {
					known[here] = of + off
				}
			} else if of, ok := known[here]; ok {
				known[before] = of - off
			}
		}
	}
	us, ok = known[node]
	return us, ok
}

package analyzer

import "time"

// clock is the analyzer's time: the watermark, the least that its active
// nodes have reached. A node that sends nothing for silentAfter is left
// behind, so that timers run for the others; so is one whose packets are older
// than that, as of a capture or a spool that is played: its calls live by the
// lag they come with (dialog.Call).
type clock struct {
	arrival time.Time // how far time has come by what arrived: ticks, else the latest packet
	ticking bool
	nodes   map[string]*nodeClock
	least   time.Time
}

type nodeClock struct {
	latest time.Time // the latest packet time of the node
	active time.Time // arrival when it last sent something
}

const (
	silentAfter = 30 * time.Second
	maxNodes    = 10_000
)

// tick moves the clock by wall time that came over the bus.
func (c *clock) tick(now time.Time) {
	if !c.ticking || now.After(c.arrival) { // what packets said before the first tick counts no more
		c.arrival = now
	}
	c.ticking = true
}

// see moves the clock of one node.
func (c *clock) see(node string, t time.Time) {
	if !c.ticking && t.After(c.arrival) {
		c.arrival = t
	}
	n := c.nodes[node]
	if n == nil {
		if len(c.nodes) >= maxNodes {
			return
		}
		if c.nodes == nil {
			c.nodes = map[string]*nodeClock{}
		}
		n = &nodeClock{}
		c.nodes[node] = n
	}
	n.active = c.arrival
	if c.ticking && t.After(c.arrival) {
		// Nothing live comes from the future: one packet of a fast clock must
		// not end the calls of everybody else.
		t = c.arrival
	}
	if t.After(n.latest) {
		n.latest = t
	}
}

// watermark is the time that nothing which is still to come lies far before.
// It never goes back.
func (c *clock) watermark() time.Time {
	var least time.Time
	for name, n := range c.nodes {
		if c.arrival.Sub(n.active) > silentAfter {
			delete(c.nodes, name)
			continue
		}
		if c.arrival.Sub(n.latest) > silentAfter {
			continue
		}
		if least.IsZero() || n.latest.Before(least) {
			least = n.latest
		}
	}
	if least.IsZero() || least.After(c.arrival) {
		least = c.arrival
	}
	if least.After(c.least) {
		c.least = least
	}
	return c.least
}

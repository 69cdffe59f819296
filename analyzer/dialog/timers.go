package dialog

import "time"

// credentialsAfter is how much longer a challenged call waits for its
// credentials: who types a password takes a while, and the retry is the same
// call (RFC 3261 section 22.2).
const credentialsAfter = time.Minute

// nextDeadline is when the call must be looked at next: when its row is due,
// unless something happens before.
func (c *Call) nextDeadline() time.Time {
	opt := &c.table.opt
	if c.answered() {
		var at time.Time
		for _, l := range c.legs {
			if l.live() {
				at = later(at, c.legDeadline(l))
			}
		}
		return at
	}
	if over, end := c.over(); over {
		return end.Add(c.patience())
	}
	return c.silentEnd().Add(opt.Grace)
}

// patience is how long a call that nobody answered may go on after its final
// response.
func (c *Call) patience() time.Duration {
	if t := c.outcome(); t != nil && (t.status == 401 || t.status == 407) {
		return c.table.opt.Grace + credentialsAfter
	}
	return c.table.opt.Grace
}

// live reports whether the leg became a dialog of its own.
func (l *Leg) live() bool { return !l.answer.isZero() || l.confirmed }

func (c *Call) answered() bool { return c.liveLegs() > 0 }

func (c *Call) liveLegs() int {
	n := 0
	for _, l := range c.legs {
		if l.live() {
			n++
		}
	}
	return n
}

func (c *Call) legDeadline(l *Leg) time.Time {
	opt := &c.table.opt
	if !l.bye.isZero() {
		if !l.byeDone.isZero() {
			return later(l.byeDone.time(), l.bye.time()).Add(opt.Grace)
		}
		return l.bye.time().Add(64*opt.T1 + opt.Grace) // a BYE is repeated until Timer F
	}
	if l.sessionExpires > 0 {
		due := l.refreshed.Add(l.sessionExpires)
		if !c.lastMedia.IsZero() && !l.hold.active() {
			due = later(due, c.lastMedia.Add(opt.NoMedia))
		}
		return due.Add(opt.Grace)
	}
	if !c.lastMedia.IsZero() && !l.hold.active() {
		return later(c.lastMedia, c.lastSeen).Add(opt.NoMedia)
	}
	return c.lastSeen.Add(opt.LongestCall)
}

// Over reports whether a call has ended by its signalling, and when.
func (c *Call) Over() (bool, time.Time) { return c.over() }

// over reports whether a call that nobody answered has ended, and when: all
// tries as the caller made them have a final response. For an answered call it
// reports whether every leg had its BYE.
func (c *Call) over() (bool, time.Time) {
	var end time.Time
	if c.answered() {
		for _, l := range c.legs {
			if !l.live() {
				continue
			}
			if l.bye.isZero() {
				return false, time.Time{}
			}
			end = later(end, l.bye.time())
		}
		return true, end
	}
	for _, l := range c.legs { // a BYE in an early dialog (RFC 3261 section 15)
		if !l.bye.isZero() {
			return true, l.bye.time()
		}
	}
	if c.pending() {
		return false, time.Time{}
	}
	for _, t := range c.tries {
		end = later(end, t.final)
	}
	return !end.IsZero(), end
}

// silentEnd is when a call that waits for a final response ends without one:
// 64 T1 after a CANCEL, Timer C after the latest provisional response, 64 T1
// after the INVITE when there was none.
func (c *Call) silentEnd() time.Time {
	opt := &c.table.opt
	if !c.cancel.isZero() {
		return c.cancel.time().Add(64 * opt.T1)
	}
	if !c.provisional.IsZero() {
		return c.provisional.Add(opt.TimerC)
	}
	if !c.start.isZero() {
		return c.lastTryStart().Add(64 * opt.T1)
	}
	return c.lastSeen.Add(opt.TimerC)
}

// lastTryStart is when the INVITE of the latest CSeq was first sent.
func (c *Call) lastTryStart() time.Time {
	last := c.lastCSeq()
	var at time.Time
	for _, t := range c.tries {
		if t.cseq == last {
			at = earlier(at, t.start)
		}
	}
	if at.IsZero() {
		return c.start.time()
	}
	return at
}

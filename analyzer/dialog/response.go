package dialog

import (
	"slices"
)

// response takes a response; side is the one that sent the request.
func (t *Table) response(e *event, c *Call, leg *Leg, side Side) {
	c.sawHost(side, e)
	status := e.m.Status
	switch string(e.method) {
	case "INVITE":
		if c.initial(e, leg, side) {
			c.initialResponse(e)
		} else {
			c.reinviteResponse(e, leg, side)
		}
	case "BYE":
		if leg == nil {
			leg = c.addLeg(legTag(e, side))
			leg.confirmed = leg.confirmed || c.truncated
		}
		if leg.bye.isZero() { // the BYE itself was not seen
			c.ended(leg, e, side)
		}
		if status >= 200 && status != 401 && status != 407 && side == leg.byeSide {
			leg.byeDone.note(e.at, c.clock(e.p.Node), c.teller)
		}
		if status == 481 {
			c.deny(leg)
		}
	case "UPDATE", "PRACK":
		if status >= 200 && status < 300 {
			c.sdp(e, leg, side.Other())
			c.agree(e, leg, side)
			if string(e.method) == "UPDATE" {
				c.refresh(e, leg)
			}
		} else if status >= 300 {
			c.refuse(e, side)
		}
	case "REFER":
		if status >= 200 && status < 300 {
			c.SetFlag("transferred")
			if leg != nil && leg.referred.IsZero() {
				leg.referred = e.at
			}
		}
	}
}

// initial reports whether a response to an INVITE answers the one that made
// the call rather than a later one in the dialog.
func (c *Call) initial(e *event, leg *Leg, side Side) bool {
	if side == B {
		return false
	}
	if c.findTry(branchOf(e.via, e), e.cseq) != nil || e.cseq == c.lastCSeq() {
		return true
	}
	if slices.Contains(c.inviteSeqs, requestID{e.cseq, A}) {
		return false
	}
	return c.start.isZero() && (leg == nil || !leg.confirmed)
}

func (c *Call) initialResponse(e *event) {
	t := c.tryOf(e)
	status := e.m.Status
	if us := e.at.UnixMicro(); t.first == 0 || us < t.first {
		t.first = us
	}
	node := c.clock(e.p.Node)
	t.noteResponse(e, node)
	if status == 100 {
		c.trying.note(e.at, node, c.teller)
	} else {
		c.responded.note(e.at, node, c.teller)
	}
	t.cause.take(causeOf(e.m))
	c.charged(e.m)
	c.accessed(e.m, B)
	if status > 100 && status < 300 && (c.calleeAgent == "" || status >= 200) {
		if a := agentOf(e.m); len(a) > 0 {
			c.calleeAgent = clip(a, maxText)
		}
	}
	switch {
	case status == 100:
		c.provisional = later(c.provisional, e.at)
	case status < 200:
		c.provisional = later(c.provisional, e.at)
		f := t.fork(e.to.Tag)
		leg := c.addLeg(e.to.Tag)
		for _, r := range [...]*rung{&c.rung, &f.rung, &leg.rung} {
			r.by(status, e.at, node, c.teller)
		}
		c.sdp(e, leg, B)
	case status < 300:
		leg := c.addLeg(e.to.Tag)
		f := t.fork(e.to.Tag)
		f.won = earlier(f.won, e.at)
		before := leg.answer
		if leg.answer.note(e.at, node, c.teller); leg.answer != before {
			leg.status, leg.reason = uint16(status), clip(e.m.Reason, maxText)
		}
		if a := agentOf(e.m); len(a) > 0 {
			leg.agent = clip(a, maxText)
		}
		t.finish(e)
		if t.cancelled && !t.hasParent {
			c.cancelRace = true
		}
		c.sdp(e, leg, B)
		c.agree(e, leg, A)
		c.refresh(e, leg)
	default:
		t.finish(e)
		if l := c.leg(e.to.Tag); l != nil {
			c.deny(l) // its ACK came first
		}
		if status == 401 || status == 407 {
			if remember(&c.challengeIDs, requestID{e.cseq, A}) {
				c.challenges++
			}
		}
	}
}

func (t *try) finish(e *event) {
	if !t.final.IsZero() && !e.at.Before(t.final) {
		return
	}
	t.final, t.status, t.reason, t.toTag = e.at, uint16(e.m.Status), clip(e.m.Reason, maxText), string(e.to.Tag)
}

func (c *Call) reinviteResponse(e *event, leg *Leg, side Side) {
	status := e.m.Status
	switch {
	case status < 200:
		return
	case status < 300:
		if leg == nil {
			leg = c.addLeg(legTag(e, side))
		}
		c.claim(leg)
		leg.alleged = false // the other end agrees
		c.sdp(e, leg, side.Other())
		c.agree(e, leg, side)
		c.refresh(e, leg)
	default:
		c.refuse(e, side) // the call goes on as it was
		if (status == 401 || status == 407) && remember(&c.challengeIDs, requestID{e.cseq, side}) {
			c.challenges++
		}
		if status == 481 && leg != nil {
			c.deny(leg)
		}
	}
}

// refresh starts the session timer anew: the 2xx says the interval, and that
// there is none where it does not (RFC 4028 section 7.2).
func (c *Call) refresh(e *event, leg *Leg) {
	if leg == nil || e.at.Before(leg.refreshed) {
		return
	}
	if leg.sessionExpires = sessionExpires(e.m); leg.sessionExpires > c.table.opt.LongestCall {
		leg.sessionExpires = 0 // an endpoint may name years
	}
	leg.refreshed = later(leg.refreshed, e.at)
}

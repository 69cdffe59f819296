package dialog

import (
	"net/netip"
	"time"
)

// Outline is what a call's signalling shows of it in short. Times are zero
// where nothing was seen.
type Outline struct {
	Caller, Callee, RequestUser string
	Calling, Called             string     // what ISUP, or else P- headers, name them; "" where they do not
	Src, Dst                    netip.Addr // of the first INVITE
	Start, Ring, Answer, End    time.Time
	Status                      uint16 // final response to the INVITE; 0 where there was none
	Elsewhere                   bool   // it was called off since another one answered
}

// Outline is the call as it stands.
func (c *Call) Outline() Outline {
	o := Outline{
		Caller: c.caller, Callee: c.callee, RequestUser: c.requestUser, Src: c.src.Addr(), Dst: c.dst.Addr(),
		Start: c.start.time(), Ring: c.rung.first().time(), Elsewhere: c.answeredByElse,
	}
	o.Calling = c.number()
	if n := c.network; n != nil {
		if n.isupCalling != "" {
			o.Calling = n.isupCalling
		}
		o.Called = n.isupCalled
		if o.Called == "" {
			o.Called = userOf([]byte(n.calledParty))
		}
	}
	o.Answer, _ = c.AnswerTime()
	if ended, at := c.over(); ended {
		o.End = at
	}
	if t := c.outcome(); t != nil {
		o.Status = t.status
	}
	return o
}

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
	Diverted                    string     // user that Diversion or History-Info says was called before; "" where they do not
	Src, Dst                    netip.Addr // of the first INVITE
	Start, Ring, Answer, End    time.Time
	Status                      uint16 // final response to the INVITE; 0 where there was none
	Elsewhere                   bool   // it was called off since another one answered
	Node                        string // that saw all of it; "" where several did
}

// Outline is the call as it stands.
func (c *Call) Outline() Outline {
	o := Outline{
		Caller: c.caller, Callee: c.callee, RequestUser: c.requestUser, Src: c.src.Addr(), Dst: c.dst.Addr(),
		Diverted: c.diverted, Start: c.start.time(), Ring: c.rung.first().time(), Elsewhere: c.answeredByElse,
	}
	if len(c.nodes) == 1 {
		o.Node = c.nodes[0]
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

// HasTags reports whether two tags are those of the caller and of a target of a
// call in progress with the same Call-ID: a dialog, or an early one. Headers have
// them either way round (RFC 3891 section 3), and 0 for a peer without tags.
func (c *Call) HasTags(tag, other string) bool {
	x, y := tagOf(tag), tagOf(other)
	for _, o := range c.table.Find(c.domain, []byte(c.callID)) {
		for _, l := range o.legs {
			if x == o.fromTag && y == l.Tag || y == o.fromTag && x == l.Tag {
				return tag != "" && other != ""
			}
		}
	}
	return false
}

func tagOf(s string) string {
	if s == "0" {
		return ""
	}
	return string(identifier([]byte(s), maxTag))
}

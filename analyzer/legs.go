package analyzer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/analyzer/link"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/sip"
)

// legOf is the call as a leg of an end-to-end call.
func (a *Analyzer) legOf(c *dialog.Call) *link.Leg {
	return a.legs.Leg(c.Domain(), c.CallID(), c.FirstSeen(), (*source)(c))
}

// source tells package link what is known of a call.
type source dialog.Call

// Facts are the outline of the call.
func (s *source) Facts() link.Facts {
	o := (*dialog.Call)(s).Outline()
	return link.Facts{
		Caller: o.Caller, Callee: o.Callee, Target: o.RequestUser, Calling: o.Calling, Called: o.Called, Diverted: o.Diverted, Src: o.Src, Dst: o.Dst,
		Start: o.Start, Answer: o.Answer, End: o.End, Status: o.Status, Elsewhere: o.Elsewhere, Node: o.Node,
	}
}

// Dialog reports whether two tags are those of a dialog of the call's Call-ID.
func (s *source) Dialog(tag, other string) bool { return (*dialog.Call)(s).HasTags(tag, other) }

// linkSIP takes what a message says of other legs.
func (a *Analyzer) linkSIP(p *packet.Packet, m *sip.Message, c *dialog.Call) {
	if a.opt.Link.Off {
		return
	}
	if !m.Request {
		switch method := string(m.CSeqMethod()); {
		case c == nil || m.Status < 200:
		case method == "REFER":
			a.legs.ReferAnswered(a.legOf(c), m, p.Time)
		case method == "INVITE" && m.Status < 300:
			a.legs.Answered(a.legOf(c), m, p.Time)
		}
		return
	}
	switch string(m.Method) {
	case "INVITE":
		if c != nil && len(m.To().Tag) == 0 {
			a.legs.Invite(a.legOf(c), m, p.Src.Addr(), p.Dst.Addr(), p.Time)
		}
	case "REFER":
		var l *link.Leg
		if c != nil {
			l = a.legOf(c)
		} else if l = a.legs.Named(p.Domain, m.Get(sip.HeaderTargetDialog)); l == nil {
			return
		}
		a.legs.Referred(l, m, p.Dst.Addr(), p.Time, c == nil)
	}
}

// linkMedia looks for another leg that announces the same pair of addresses as
// the call of ep does.
func (a *Analyzer) linkMedia(ep *dialog.Endpoint) {
	if a.opt.Link.Off {
		return
	}
	for _, o := range a.binds[mediaAddr{ep.Call.Domain(), ep.Addr}] {
		if o.Call == ep.Call || o.Owner != ep.Owner || o.NAT || ep.NAT {
			continue
		}
		if other, ok := otherEnd(ep, o); ok && !usedAgain(o.Call, ep.Call) {
			a.legs.Pair(a.legOf(ep.Call), a.legOf(o.Call), ep.Addr.Addr(), other.Addr(), ep.Since)
		}
	}
}

// otherEnd is the address that the opposite sides of two calls both announced for the
// same kind of media, be it by a re-INVITE.
func otherEnd(x, y *dialog.Endpoint) (netip.AddrPort, bool) {
	for _, o := range x.Call.Endpoints {
		if o.Owner == x.Owner || o.Media != x.Media || o.NAT || !o.Addr.IsValid() {
			continue
		}
		if slices.ContainsFunc(y.Call.Endpoints, func(p *dialog.Endpoint) bool {
			return p.Owner == o.Owner && p.Media == o.Media && p.Addr == o.Addr && !p.NAT
		}) {
			return o.Addr, true
		}
	}
	return netip.AddrPort{}, false
}

// usedAgain reports whether one of two calls was up, or over, before the other
// began: then it uses the same ports again.
func usedAgain(x, y *dialog.Call) bool {
	if y.FirstSeen().Before(x.FirstSeen()) {
		x, y = y, x
	}
	if at, ok := x.AnswerTime(); ok && at.Before(y.FirstSeen()) {
		return true
	}
	over, at := x.Over()
	return over && !at.After(y.FirstSeen())
}

// linkStream tells the SSRC of a stream that met its call.
func (a *Analyzer) linkStream(s *stream) {
	if a.opt.Link.Off {
		return
	}
	is := link.Stream{SSRC: s.key.ssrc, Src: s.key.src.Addr(), Dst: s.key.dst.Addr(), FromCaller: s.tie.from == dialog.A, First: s.first}
	if s.firstSeq != 0 {
		is.Seq, is.Ptime = uint16(s.firstSeq), time.Duration(s.ptimeMs*float64(time.Millisecond))
	}
	a.legs.Stream(a.legOf(s.tie.call), is)
}

// sessionOf is the session of a call whose row is about to be written.
func (a *Analyzer) sessionOf(c *dialog.Call) string {
	if a.opt.Link.Off {
		return c.CallID()
	}
	l := a.legOf(c)
	a.legs.Written(l, c.LastSeen())
	return l.SessionID()
}

// linked writes a link.
func (a *Analyzer) linked(l link.Link) {
	row := &record.Link{
		Domain: l.Leg.Domain, FirstSeen: micro(l.Leg.Began), Time: micro(l.At), CallID: l.Leg.CallID, LinkedCallID: l.Other.CallID,
		SessionID: l.SessionID, Legs: uint32(l.Legs), Method: string(l.Method), Confidence: round(l.Confidence), Merged: l.Merged,
	}
	if l.Detail != "" {
		row.Detail = new(l.Detail)
	}
	if l.Box.IsValid() {
		a.hosts.Bridged(l.Leg.Domain, l.Box, l.Merged)
	}
	a.Counters.Links++
	a.emit(row)
}

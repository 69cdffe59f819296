package dialog

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

func (t *Table) request(e *event, c *Call, leg *Leg, side Side) {
	c.sawHost(side, e)
	c.causes(e, leg)
	switch string(e.m.Method) {
	case "INVITE":
		if len(e.to.Tag) == 0 {
			t.invite(e, c)
		} else {
			t.reinvite(e, c, leg, side)
		}
	case "ACK":
		if leg != nil {
			leg.acked = true
		}
		c.sdp(e, leg, side)
	case "CANCEL":
		c.cancelled(e)
	case "BYE":
		if leg == nil && len(e.to.Tag) > 0 {
			leg = c.addLeg(legTag(e, side))
			leg.confirmed = true
		}
		if leg == nil {
			leg = c.anyLeg()
		}
		c.byeRequest(e, leg, side)
	case "UPDATE", "PRACK":
		if leg == nil && len(e.to.Tag) > 0 {
			leg = c.addLeg(legTag(e, side))
		}
		c.sdp(e, leg, side)
	case "INFO":
		if ct := e.m.Get(sip.HeaderContentType); hasPrefixFold(ct, "application/dtmf") {
			c.SetFlag("dtmf")
		}
	}
}

// legTag is the callee's tag in a message whose request came from side.
func legTag(e *event, side Side) []byte {
	if side == A {
		return e.to.Tag
	}
	return e.from.Tag
}

func (t *Table) invite(e *event, c *Call) {
	if over, at := c.over(); over && c.findTry(branchOf(e.via, e), e.cseq) == nil && e.cseq > c.lastCSeq() {
		if c.answered() || e.at.Sub(at) > t.opt.Grace {
			c = t.newCall(e) // the Call-ID is used again
			c.sawNode(e.p.Node)
			c.sawHost(A, e)
			t.invite(e, c)
			t.schedule(c)
			return
		}
	}
	if c.start.IsZero() || e.at.Before(c.start) {
		t.firstInvite(e, c)
	}
	c.truncated = false
	if remember(&c.inviteSeqs, requestID{e.cseq, A}) {
		c.invites++
	}
	if u := credentials(e.m); len(u) > 0 {
		c.digestUsername = string(u)
	}
	c.addTry(e)
	c.addProxies(e.m)
	if c.diverted == "" {
		c.diverted = diversion(e.m)
	}
	if rep := e.m.Get(sip.HeaderReplaces); len(rep) > 0 {
		id, _, _ := bytes.Cut(rep, []byte(";"))
		for _, old := range t.Find(c.domain, bytes.TrimSpace(id)) {
			old.SetFlag("transferred")
		}
	}
	c.sdp(e, nil, A)
}

func (t *Table) firstInvite(e *event, c *Call) {
	c.start = e.at
	c.firstSeen = earlier(c.firstSeen, e.at)
	c.src, c.dst, c.transport, c.vlan = e.p.Src, e.p.Dst, e.p.Transport, e.p.VLAN
	c.caller, c.callerHost = string(e.from.URI.User), string(e.from.URI.Host)
	c.callerDisplay = string(e.from.Display)
	c.callee, c.calleeHost = string(e.to.URI.User), string(e.to.URI.Host)
	uri, _ := sip.ParseURI(e.m.RequestURI)
	c.requestUser, c.requestHost = string(uri.User), string(uri.Host)
	c.callerAgent = string(agentOf(e.m))
	for v := range e.m.Values(sip.HeaderPAssertedIdentity) {
		c.asserted = string(v)
		break
	}
	for _, name := range t.opt.Headers {
		if v := e.m.GetName(name); v != nil {
			if c.headers == nil {
				c.headers = map[string]string{}
			}
			c.headers[name] = string(v)
		}
	}
	for _, n := range t.opt.Emergency {
		if c.requestUser == n || c.callee == n || hasPrefixFold(e.m.RequestURI, n) && strings.HasPrefix(n, "urn:") {
			c.SetFlag("emergency")
		}
	}
}

func (t *Table) reinvite(e *event, c *Call, leg *Leg, side Side) {
	if leg == nil {
		leg = c.addLeg(legTag(e, side))
		leg.confirmed = true
	}
	if remember(&c.inviteSeqs, requestID{e.cseq, side}) {
		c.invites++
	}
	c.sdp(e, leg, side)
}

func (c *Call) cancelled(e *event) {
	if t := c.findTry(branchOf(e.via, e), e.cseq); t != nil {
		t.cancelled = earlier(t.cancelled, e.at)
		if t.hasParent {
			return // a proxy calls off one of its forks
		}
	}
	if cause := reasonCause(e.m, "SIP"); cause >= 200 && cause < 300 {
		c.answeredByElse = true
	}
	c.cancel = earlier(c.cancel, e.at)
}

func (c *Call) byeRequest(e *event, leg *Leg, side Side) {
	if leg == nil {
		leg = c.addLeg(nil)
		leg.confirmed = true
	}
	if leg.bye.IsZero() || e.at.Before(leg.bye) {
		leg.bye, leg.byeSide = e.at, side
		leg.hold.end(e.at)
	}
	if leg.answer.IsZero() && c.truncated {
		leg.confirmed = true
	}
}

func (c *Call) sawHost(side Side, e *event) {
	a := e.p.Src.Addr()
	if !e.m.Request { // a response to side's request comes from the other one
		side = side.Other()
	}
	if !slices.Contains(c.signalled[side], a) && len(c.signalled[side]) < 8 {
		c.signalled[side] = append(c.signalled[side], a)
	}
}

// addProxies notes the hosts that an INVITE passed: every Via above the
// caller's own, and every Record-Route.
func (c *Call) addProxies(m *sip.Message) {
	var vias []string
	for v := range m.Vias() {
		vias = append(vias, string(v.Host))
		if len(vias) > 16 {
			break
		}
	}
	if len(vias) > 0 {
		vias = vias[:len(vias)-1]
	}
	slices.Reverse(vias) // in the order in which the INVITE passed them
	for r := range m.Values(sip.HeaderRecordRoute) {
		r = bytes.TrimSpace(r)
		if i := bytes.IndexByte(r, '<'); i >= 0 {
			r = r[i+1:]
			if j := bytes.IndexByte(r, '>'); j >= 0 {
				r = r[:j]
			}
		}
		if u, _ := sip.ParseURI(r); len(u.Host) > 0 {
			vias = append(vias, string(u.Host))
		}
	}
	for _, h := range vias {
		if h != "" && !slices.Contains(c.proxies, h) && len(c.proxies) < 32 {
			c.proxies = append(c.proxies, h)
		}
	}
}

// causes reads the Reason headers (RFC 3326) and the release cause of an ISUP
// body.
func (c *Call) causes(e *event, leg *Leg) {
	q850, code := uint16(reasonCause(e.m, "Q.850")), uint16(reasonCause(e.m, "SIP"))
	if q850 == 0 {
		q850 = isupCause(e.m.Part("application/isup"))
	}
	if q850 == 0 && code == 0 {
		return
	}
	if string(e.method) == "CANCEL" {
		if t := c.findTry(branchOf(e.via, e), e.cseq); t != nil && t.hasParent {
			t.causeQ850 = q850
			return
		}
	}
	if string(e.method) == "INVITE" && !e.m.Request {
		if t := c.findTry(branchOf(e.via, e), e.cseq); t != nil {
			t.causeQ850 = q850
			if t.hasParent {
				return
			}
		}
	}
	to, sipTo := &c.causeQ850, &c.causeSIP
	if leg != nil && string(e.method) == "BYE" {
		to, sipTo = &leg.causeQ850, &leg.causeSIP
	}
	if q850 != 0 {
		*to = q850
	}
	if code != 0 {
		*sipTo = code
	}
}

func reasonCause(m *sip.Message, protocol string) int {
	for v := range m.Values(sip.HeaderReason) {
		if p, cause, _ := sip.ParseReason(v); strings.EqualFold(string(p), protocol) && cause > 0 && cause < 1000 {
			return cause
		}
	}
	return 0
}

// isupCause is the Q.850 cause of an ISUP REL message: type 0x0c, a pointer to
// the mandatory variable part, one to the optional part; the cause indicators
// are a length, the location octet (two where its extension bit is clear) and
// the cause (ITU-T Q.763 3.12).
func isupCause(b []byte) uint16 {
	if len(b) < 2 || b[0] != 0x0c {
		return 0
	}
	at := 1 + int(b[1])
	if at+2 >= len(b) || b[at] < 2 {
		return 0
	}
	i := at + 1
	if b[i]&0x80 == 0 {
		i++ // recommendation octet
	}
	if i+1 >= len(b) {
		return 0
	}
	return uint16(b[i+1] & 0x7f)
}

func credentials(m *sip.Message) []byte {
	for _, h := range [...]sip.Header{sip.HeaderProxyAuthorization, sip.HeaderAuthorization} {
		if v := m.Get(h); len(v) > 0 {
			if u := sip.DigestParam(v, "username"); len(u) > 0 {
				return u
			}
		}
	}
	return nil
}

// diversion is the user part of the last diverting party: Diversion (RFC
// 5806) names the latest first; History-Info (RFC 7044) the latest last, and
// the diverting one is that before it.
func diversion(m *sip.Message) string {
	for v := range m.Values(sip.HeaderDiversion) {
		return userOf(v)
	}
	var entries []string
	for v := range m.Values(sip.HeaderHistoryInfo) {
		entries = append(entries, userOf(v))
		if len(entries) > 64 {
			break
		}
	}
	if len(entries) > 1 {
		return entries[len(entries)-2]
	}
	return ""
}

func userOf(v []byte) string {
	if i := bytes.IndexByte(v, '<'); i >= 0 {
		v = v[i+1:]
		if j := bytes.IndexByte(v, '>'); j >= 0 {
			v = v[:j]
		}
	}
	u, _ := sip.ParseURI(v)
	return string(u.User)
}

func agentOf(m *sip.Message) []byte {
	if v := m.Get(sip.HeaderUserAgent); len(v) > 0 {
		return v
	}
	return m.Get(sip.HeaderServer)
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && strings.EqualFold(string(b[:len(prefix)]), prefix)
}

// sessionExpires is the interval of a Session-Expires header (RFC 4028).
func sessionExpires(m *sip.Message) time.Duration {
	v := m.Get(sip.HeaderSessionExpires)
	v, _, _ = bytes.Cut(v, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimSpace(v)), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

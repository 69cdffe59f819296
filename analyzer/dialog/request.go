package dialog

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

func (t *Table) request(e *event, c *Call, leg *Leg, side Side) {
	c.sawHost(side, e)
	switch string(e.m.Method) {
	case "INVITE":
		if len(e.to.Tag) == 0 {
			t.invite(e, c)
		} else {
			t.reinvite(e, c, leg, side)
		}
	case "ACK":
		if leg == nil && len(e.to.Tag) > 0 {
			leg = c.addLeg(legTag(e, side)) // its 2xx may come out of order
		}
		if leg != nil {
			leg.acked = true
			if c.acksAnswer(e) {
				c.claim(leg)
			}
		}
		c.sdp(e, leg, side)
		c.noteACK(e)
	case "CANCEL":
		c.cancelled(e)
	case "BYE":
		if leg == nil && len(e.to.Tag) > 0 {
			leg = c.addLeg(legTag(e, side))
			c.claim(leg)
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
	hop, node := 0, c.clock(e.p.Node)
	for range e.m.Vias() {
		hop++
	}
	// Of the copies at several hops the one with the fewest Vias is the
	// caller's, whatever the clocks of two agents say.
	if c.start.isZero() || hop < c.startHop && e.cseq == c.tries[0].cseq || hop == c.startHop && node == c.teller && e.at.Before(c.start.time()) {
		t.firstInvite(e, c)
		c.startHop, c.teller = hop, node
	}
	c.start.note(e.at, node, c.teller)
	c.firstSeen = earlier(c.firstSeen, e.at)
	c.truncated = false
	if remember(&c.inviteSeqs, requestID{e.cseq, A}) {
		c.invites++
	}
	if u := credentials(e.m); len(u) > 0 {
		c.digestUsername = clip(u, maxUser)
	}
	c.addTry(e)
	c.addProxies(e.m)
	c.invitedBy(e.m)
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
	c.src, c.dst, c.transport, c.vlan = e.p.Src, e.p.Dst, e.p.Transport, e.p.VLAN
	c.parties(e)
	uri, _ := sip.ParseURI(e.m.RequestURI)
	c.requestUser, c.requestHost = clip(uri.User, maxUser), clip(uri.Host, maxHost)
	c.callerAgent = clip(agentOf(e.m), maxText)
	if e.m.Get(sip.HeaderPAssertedIdentity) != nil {
		c.asserted = "" // that of another hop, see invitedBy
	}
	c.keepHeaders(e.m, t.opt.Headers)
	for _, n := range t.opt.Emergency {
		if c.requestUser == n || c.callee == n || hasPrefixFold(e.m.RequestURI, n) && strings.HasPrefix(n, "urn:") {
			c.SetFlag("emergency")
		}
	}
}

// parties are caller and callee as a message from the caller's side names
// them.
func (c *Call) parties(e *event) {
	c.caller, c.callerHost = clip(e.from.URI.User, maxUser), clip(e.from.URI.Host, maxHost)
	c.callerDisplay = clip(e.from.Display, maxText)
	c.callee, c.calleeHost = clip(e.to.URI.User, maxUser), clip(e.to.URI.Host, maxHost)
}

// keepHeaders keeps the headers of the first INVITE that configuration names;
// a trailing * takes all that begin so. The first value of a name stands.
func (c *Call) keepHeaders(m *sip.Message, names []string) {
	c.headers = nil
	keep := func(name string, value []byte) {
		if c.headers == nil {
			c.headers = map[string]string{}
		}
		if _, ok := c.headers[name]; !ok && len(c.headers) < maxHeaders {
			c.headers[name] = clip(value, maxText)
		}
	}
	for _, name := range names {
		prefix, all := strings.CutSuffix(name, "*")
		if !all {
			if v := m.GetName(name); v != nil {
				keep(name, v)
			}
			continue
		}
		for field, v := range m.Fields() {
			if hasPrefixFold(field, prefix) {
				keep(clip(field, maxHost), v)
			}
		}
	}
}

func (t *Table) reinvite(e *event, c *Call, leg *Leg, side Side) {
	if leg == nil {
		leg = c.addLeg(legTag(e, side))
	}
	c.claim(leg)
	if remember(&c.inviteSeqs, requestID{e.cseq, side}) {
		c.invites++
	}
	c.sdp(e, leg, side)
}

func (c *Call) cancelled(e *event) {
	why := causeOf(e.m)
	if t := c.findTry(branchOf(e.via, e), e.cseq); t != nil {
		t.cancelled = true
		if t.hasParent {
			t.cause.take(why)
			return // a proxy calls off one of its forks
		}
		if t.status >= 200 && t.status < 300 {
			c.cancelRace = true // the caller had not heard of the answer
		}
	}
	if why.sip >= 200 && why.sip < 300 {
		c.answeredByElse = true
	}
	c.cancelCause.take(why)
	c.cancel.note(e.at, c.clock(e.p.Node), c.teller)
}

func (c *Call) byeRequest(e *event, leg *Leg, side Side) {
	if leg == nil {
		leg = c.addLeg(nil)
		c.claim(leg)
	}
	c.ended(leg, e, side)
	leg.cause.take(causeOf(e.m))
	if leg.answer.isZero() && c.truncated {
		leg.confirmed = true
	}
}

// ended notes a BYE: the earliest one counts.
func (c *Call) ended(l *Leg, e *event, side Side) {
	before := l.bye
	l.bye.note(e.at, c.clock(e.p.Node), c.teller)
	if l.bye == before {
		return
	}
	if !before.isZero() && side != l.byeSide {
		l.byeDone = stamp{} // was of the other side's
	}
	l.byeSide = side
	l.hold.end(e.at)
}

// sawHost notes the hosts of a message of side, or of a response to it.
func (c *Call) sawHost(side Side, e *event) {
	if !e.m.Request { // a response to side's request comes from the other one
		side = side.Other()
	}
	note(&c.signalled[side], e.p.Src.Addr())
	note(&c.reached[side.Other()], e.p.Dst.Addr())
}

func note(hosts *[]netip.Addr, a netip.Addr) {
	if !slices.Contains(*hosts, a) && len(*hosts) < 8 {
		*hosts = append(*hosts, a)
	}
}

// addProxies notes the hosts that an INVITE passed: every Via above the
// caller's own, and every Record-Route.
func (c *Call) addProxies(m *sip.Message) {
	var vias []string
	for v := range m.Vias() {
		vias = append(vias, clip(v.Host, maxHost))
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
			vias = append(vias, clip(u.Host, maxHost))
		}
		if len(vias) > 32 {
			break
		}
	}
	for _, h := range vias {
		if h != "" && !slices.Contains(c.proxies, h) && len(c.proxies) < 32 {
			c.proxies = append(c.proxies, h)
		}
	}
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
	return clip(u.User, maxUser)
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

package analyzer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
)

// bind is told of every media address that SDP announces.
func (a *Analyzer) bind(ep *dialog.Endpoint) {
	k := mediaAddr{ep.Call.Domain(), ep.Addr}
	a.linkMedia(ep)
	a.bindTo(a.binds, k, ep)
	if ep.RTCP.Addr().IsValid() && ep.RTCP != ep.Addr && ep.RTCP != nextPort(ep.Addr) {
		a.bindTo(a.rtcpAddr, mediaAddr{k.domain, ep.RTCP}, ep)
	}
}

func nextPort(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

// appendRTCPEnds appends the endpoints whose RTCP address is addr. Few have one
// that does not follow from their media address: the port above it (RFC 3550
// section 11), or the same one with rtcp-mux; only those have a table of their
// own.
func (a *Analyzer) appendRTCPEnds(to []*dialog.Endpoint, domain string, addr netip.AddrPort) []*dialog.Endpoint {
	for _, media := range [...]netip.AddrPort{addr, netip.AddrPortFrom(addr.Addr(), addr.Port()-1)} {
		for _, ep := range a.binds[mediaAddr{domain, media}] {
			if ep.RTCP == addr {
				to = append(to, ep)
			}
		}
	}
	return append(to, a.rtcpAddr[mediaAddr{domain, addr}]...)
}

// maxBinds is how many endpoints may announce one address: calls of a load
// generator, legs of a relay. The latest stand; the others are found by their
// other end.
const maxBinds = 64

func (a *Analyzer) bindTo(to map[mediaAddr][]*dialog.Endpoint, k mediaAddr, ep *dialog.Endpoint) {
	list := to[k]
	if slices.Contains(list, ep) {
		return
	}
	if len(list) >= maxBinds {
		a.Counters.BindsRefused++
		list = slices.Delete(list, 0, 1)
	}
	to[k] = append(list, ep)
}

// unbind forgets the addresses of a call whose row is written.
func (a *Analyzer) unbind(c *dialog.Call) {
	for _, ep := range c.Endpoints {
		unbindFrom(a.binds, mediaAddr{c.Domain(), ep.Addr}, c)
		unbindFrom(a.rtcpAddr, mediaAddr{c.Domain(), ep.RTCP}, c)
		for _, addr := range ep.PastRTCP {
			unbindFrom(a.rtcpAddr, mediaAddr{c.Domain(), addr}, c)
		}
	}
}

func unbindFrom(from map[mediaAddr][]*dialog.Endpoint, k mediaAddr, c *dialog.Call) {
	list, ok := from[k]
	if !ok {
		return
	}
	if list = slices.DeleteFunc(list, func(o *dialog.Endpoint) bool { return o.Call == c }); len(list) == 0 {
		delete(from, k)
		return
	}
	from[k] = list
}

// tie is how a stream belongs to a call.
type tie struct {
	call *dialog.Call
	leg  *dialog.Leg // nil where the addresses do not tell the fork
	from dialog.Side // who sends
	// to is what the receiver announced, sender what the sender did; one of
	// them is nil when NAT hid it.
	to, sender *dialog.Endpoint
	match      string
	strength   int
	since      time.Time
}

// How strongly addresses speak for a call. Equal strength of two calls at one
// time decides nothing, unless both ends agree.
const (
	weakSource = iota + 1 // the sender's address, the receiver is a stranger
	weakTarget            // the receiver's address, the sender is a stranger
	natHost               // one end, and the host that the other end's signalling comes from
	mediaHost             // one end, and the other end's host with another port
	exactPair             // both ends
)

// early is how long before its SDP a stream may begin: media may overtake the
// answer.
const early = 5 * time.Second

// tieOf finds the call of a stream by its addresses.
func (a *Analyzer) tieOf(domain string, src, dst netip.AddrPort, first time.Time) (tie, bool) {
	var best tie
	ambiguous := false
	var legs []*dialog.Call // whose media this is, too
	consider := func(t tie) {
		if first.Before(t.since.Add(-early)) {
			return // the call came later
		}
		switch {
		case t.strength > best.strength:
			best, ambiguous = t, false
		case t.strength < best.strength, t.call == best.call:
			if t.call == best.call && best.leg == nil {
				best.leg = t.leg
			}
		case over(best.call, first) && !over(t.call, first):
			best, ambiguous = t, false
		case !over(best.call, first) && over(t.call, first):
		case t.strength == exactPair:
			// Two legs of one conversation announce the same addresses to each
			// other's peers: the one that began first has both streams. Once a
			// call is answered, a later one uses its ports again.
			earlier, later := best, t
			if later.call.FirstSeen().Before(earlier.call.FirstSeen()) {
				earlier, later = later, earlier
			}
			if at, ok := earlier.call.AnswerTime(); !ok || !at.Before(later.call.FirstSeen()) {
				best, legs = earlier, append(legs, later.call)
			} else if best = earlier; !first.Before(later.call.FirstSeen()) {
				best = later
			}
		default:
			ambiguous = true
		}
	}
	for _, to := range a.binds[mediaAddr{domain, dst}] {
		t := tie{call: to.Call, from: to.Owner.Other(), to: to, leg: to.Leg, since: to.Since}
		t.strength, t.match = weakTarget, "nat"
		for _, ep := range to.Call.Endpoints {
			if ep.Owner == to.Owner || ep.Media != to.Media || to.Leg != nil && ep.Leg != nil && ep.Leg != to.Leg {
				continue
			}
			switch {
			case ep.Addr == src && (ep.NAT || to.NAT):
				if t.strength < mediaHost {
					t.strength, t.match, t.sender = mediaHost, "nat", ep
				}
			case ep.Addr == src && t.strength < exactPair:
				t.strength, t.match, t.sender = exactPair, "sdp", ep
				if ep.ICE || to.ICE {
					t.match = "ice"
				}
				if t.leg == nil {
					t.leg = ep.Leg
				}
			case ep.Addr.Addr() == src.Addr() && !ep.NAT && !to.NAT && t.strength < mediaHost:
				t.strength, t.match = mediaHost, "symmetric"
			}
		}
		if t.strength < natHost && slices.Contains(to.Call.Signalled(t.from), src.Addr()) {
			t.strength = natHost
		}
		consider(t)
	}
	for _, from := range a.binds[mediaAddr{domain, src}] {
		t := tie{call: from.Call, from: from.Owner, sender: from, leg: from.Leg, since: from.Since}
		t.strength, t.match = weakSource, "nat"
		for _, ep := range from.Call.Endpoints {
			if ep.Owner == from.Owner || ep.Media != from.Media || from.Leg != nil && ep.Leg != nil && ep.Leg != from.Leg {
				continue
			}
			switch {
			case ep.Addr == dst && (ep.NAT || from.NAT): // found there, too
			case ep.Addr == dst && t.strength < exactPair: // where too many share dst to have found it there
				t.strength, t.match, t.to = exactPair, "sdp", ep
				if ep.ICE || from.ICE {
					t.match = "ice"
				}
				if t.leg == nil {
					t.leg = ep.Leg
				}
			case ep.Addr.Addr() == dst.Addr() && !ep.NAT && !from.NAT && t.strength < mediaHost:
				t.strength, t.match = mediaHost, "symmetric"
			}
		}
		if t.strength < natHost && slices.Contains(from.Call.Signalled(from.Owner.Other()), dst.Addr()) {
			t.strength = natHost
		}
		consider(t)
	}
	if best.call == nil || ambiguous {
		return tie{}, false
	}
	for _, c := range legs {
		if c != best.call {
			a.mediaOf(c).elsewhere = true
		}
	}
	return best, true
}

// over reports whether a call had ended when a stream began.
func over(c *dialog.Call, first time.Time) bool {
	ended, at := c.Over()
	return ended && first.After(at.Add(time.Second))
}

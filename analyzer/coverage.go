package analyzer

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/record"
)

// coverage is which hosts' media an agent was seen to see, each way apart: a
// tap may have but one direction of a link. It forgets those of which it
// heard longest ago.
type coverage struct {
	now, old map[coverKey]seenBy
	always   []netip.Prefix // both ways, by configuration
}

type coverKey struct {
	domain string
	host   netip.Addr
}

// seenBy are the latest capture points that saw packets of a host leave it and
// come to it; nil where none did.
type seenBy struct{ sends, gets *point }

const maxCovered = 250_000 // hosts in each half

func newCoverage(always []netip.Prefix) coverage {
	return coverage{map[coverKey]seenBy{}, map[coverKey]seenBy{}, always}
}

func (c *coverage) add(by *point, src, dst netip.Addr) {
	k := coverKey{by.domain, src}
	if have := c.now[k]; have.sends != by {
		have.sends = by
		c.set(k, have)
	}
	k.host = dst
	if have := c.now[k]; have.gets != by {
		have.gets = by
		c.set(k, have)
	}
}

func (c *coverage) set(k coverKey, s seenBy) {
	if _, ok := c.now[k]; !ok && len(c.now) >= maxCovered {
		c.now, c.old = c.old, c.now
		clear(c.now)
	}
	c.now[k] = s
}

// of says who sees a host.
func (c *coverage) of(domain string, host netip.Addr) seenBy {
	k := coverKey{domain, host}
	s, before := c.now[k], c.old[k]
	return seenBy{cmp.Or(s.sends, before.sends), cmp.Or(s.gets, before.gets)}
}

// certain reports whether configuration says that a host is covered.
func (c *coverage) certain(host netip.Addr) bool {
	return slices.ContainsFunc(c.always, func(p netip.Prefix) bool { return p.Contains(host) })
}

// coversHost reports whether any media of an announced address is covered: by
// an agent that was still heard from when the call ended.
func (a *Analyzer) coversHost(c *dialog.Call, at []*dialog.Endpoint) bool {
	return slices.ContainsFunc(hostsOf(at), func(h netip.Addr) bool { return a.seesLeave(c, h) || a.seesCome(c, h) })
}

func (a *Analyzer) seesLeave(c *dialog.Call, from netip.Addr) bool {
	return a.covered.certain(from) || a.awake(a.covered.of(c.Domain(), from).sends, c.LastSeen())
}

func (a *Analyzer) seesCome(c *dialog.Call, to netip.Addr) bool {
	return a.covered.certain(to) || a.awake(a.covered.of(c.Domain(), to).gets, c.LastSeen())
}

// awake reports whether a point was heard from at a time, or later: one that
// fell silent sees nothing any more.
func (a *Analyzer) awake(p *point, at time.Time) bool {
	if p == nil {
		return false
	}
	n := a.clock.nodes[p.node]
	if n == nil { // silent by now
		n = p.clock
	}
	return n != nil && n.latest.After(at.Add(-silentAfter))
}

// coversFlow reports whether an agent would have seen the media from one end
// to the other: it saw packets leave the one or come to the other. Where media
// of the opposite direction was seen, its addresses count too (behind NAT they
// are not those of SDP), and so does the signalling of the call where the same
// node has it.
func (a *Analyzer) coversFlow(c *dialog.Call, sender, receiver []*dialog.Endpoint, opposite []*stream) bool {
	from, to := hostsOf(sender), hostsOf(receiver)
	for _, s := range opposite {
		from, to = append(from, s.key.dst.Addr()), append(to, s.key.src.Addr())
	}
	if slices.ContainsFunc(from, func(h netip.Addr) bool { return a.seesLeave(c, h) }) ||
		slices.ContainsFunc(to, func(h netip.Addr) bool { return a.seesCome(c, h) }) {
		return true
	}
	for _, s := range opposite {
		if !c.OnlyNode(s.key.node) || !a.awake(s.key.point, c.LastSeen()) {
			continue
		}
		for _, side := range [...]dialog.Side{dialog.A, dialog.B} {
			if slices.ContainsFunc(c.Signalled(side), func(h netip.Addr) bool { return slices.Contains(from, h) }) ||
				slices.ContainsFunc(c.Reached(side), func(h netip.Addr) bool { return slices.Contains(to, h) }) {
				return true
			}
		}
	}
	return false
}

// hostsOf are the hosts that were announced, where they are those on the wire.
func hostsOf(at []*dialog.Endpoint) []netip.Addr {
	var out []netip.Addr
	for _, ep := range at {
		if !ep.NAT {
			out = append(out, ep.Addr.Addr())
		}
	}
	return out
}

// mediaSeen says which directions were seen. Nothing seen is "none" only
// where an agent is known to cover the addresses that media would have gone
// to, and not where another leg has it.
func (a *Analyzer) mediaSeen(r *record.Call, c *dialog.Call, m *callMedia, leg *dialog.Leg, seen [2]bool, flags map[string]bool) {
	switch {
	case seen[dialog.A] && seen[dialog.B]:
		r.MediaSeen = "both"
	case seen[dialog.A]:
		r.MediaSeen = "a"
	case seen[dialog.B]:
		r.MediaSeen = "b"
	default:
		var ends [2][]*dialog.Endpoint
		for _, ep := range c.Endpoints {
			if leg == nil || ep.Leg == nil || ep.Leg == leg {
				ends[ep.Owner] = append(ends[ep.Owner], ep)
			}
		}
		r.MediaSeen = "unknown"
		if a.coversHost(c, ends[dialog.A]) && a.coversHost(c, ends[dialog.B]) && !m.elsewhere &&
			a.coversFlow(c, ends[dialog.A], ends[dialog.B], nil) && a.coversFlow(c, ends[dialog.B], ends[dialog.A], nil) {
			r.MediaSeen = "none"
			if r.State == record.Answered && r.DurationMs != nil && *r.DurationMs > soon.Seconds()*1000 {
				flags["no_media"] = true
			}
		}
	}
}

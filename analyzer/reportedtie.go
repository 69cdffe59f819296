package analyzer

import (
	"net/netip"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// vote is who may send a stream.
type vote [2]bool

// direction is whose stream it is; nil where nobody or both may send it.
func (v vote) direction() *string {
	switch {
	case v[dialog.A] == v[dialog.B]:
		return nil
	case v[dialog.A]:
		return new(dialog.A.String())
	}
	return new(dialog.B.String())
}

// placeByCallID finds the direction of the stream that a report is about in
// the calls that have the Call-ID which it names, as far as they are open; all
// must agree. call is nil unless it is one.
func (a *Analyzer) placeByCallID(domain string, r *record.Report) (call *dialog.Call) {
	if r.CallID == nil {
		return nil
	}
	calls := a.dialogs.Find(domain, []byte(*r.CallID))
	if len(calls) == 1 {
		a.place(calls[0], r)
		return calls[0]
	}
	var all vote
	for _, c := range calls {
		if one := *r; a.place(c, &one) {
			all[dialog.A] = all[dialog.A] || *one.Direction == dialog.A.String()
			all[dialog.B] = all[dialog.B] || *one.Direction == dialog.B.String()
		}
	}
	r.Direction = all.direction()
	return nil
}

// place tells the direction of a report that does not have it: by the SSRC that
// it names, by both addresses of its session, by both hosts. It reports whether
// the direction is known.
func (a *Analyzer) place(c *dialog.Call, r *record.Report) bool {
	if r.Direction == nil && r.SSRC != nil {
		r.Direction = a.bySSRC(c, *r.SSRC).direction()
	}
	from, to := sessionOf(r)
	for _, port := range [...]bool{true, false} {
		if r.Direction == nil {
			r.Direction = announced(c, from, to, port).direction()
		}
	}
	return r.Direction != nil
}

// sessionOf are the ends of the stream that a report is about. What the
// reporter hears comes from the remote end.
func sessionOf(r *record.Report) (from, to netip.AddrPort) {
	from, to = toldEnd(r.RemoteIP, r.RemotePort), toldEnd(r.LocalIP, r.LocalPort)
	if r.Metrics != nil && *r.Metrics == "remote" {
		from, to = to, from
	}
	return from, to
}

// toldEnd is as much of an end as is told: the host may be invalid, the port 0.
func toldEnd(ip *string, port *uint16) netip.AddrPort {
	var a netip.Addr
	var n uint16
	if ip != nil {
		a, _ = netip.ParseAddr(*ip)
	}
	if port != nil {
		n = *port
	}
	return netip.AddrPortFrom(a.Unmap(), n)
}

// announced asks who announced the addresses between which a stream runs;
// without the port, who announced their hosts.
func announced(c *dialog.Call, from, to netip.AddrPort, port bool) (v vote) {
	is := func(ep *dialog.Endpoint, at netip.AddrPort) bool {
		return at.Addr().IsValid() && ep.Addr.Addr() == at.Addr() && (!port || at.Port() != 0 && ep.Addr.Port() == at.Port())
	}
	for _, ep := range c.Endpoints {
		if is(ep, from) {
			v[ep.Owner] = true
		}
		if is(ep, to) {
			v[ep.Owner.Other()] = true
		}
	}
	return v
}

// between is announced for addresses that were seen, first with their ports.
func between(c *dialog.Call, from, to netip.AddrPort) vote {
	if v := announced(c, from, to, true); v.direction() != nil {
		return v
	}
	return announced(c, from, to, false)
}

// bySSRC asks who sends the streams of a call that have an SSRC.
func (a *Analyzer) bySSRC(c *dialog.Call, ssrc uint32) (v vote) {
	if m := a.calls[c]; m != nil {
		for _, s := range m.streams {
			if s.tied && s.key.ssrc == ssrc {
				v[s.tie.from] = true
			}
		}
	}
	return v
}

// heardAt asks by the addresses of an RTCP packet: who reports receives the
// stream, who is told of it sends it.
func (a *Analyzer) heardAt(c *dialog.Call, p *packet.Packet) (v vote) {
	a.ends[0] = a.appendRTCPEnds(a.ends[0][:0], p.Domain, p.Src)
	a.ends[1] = a.appendRTCPEnds(a.ends[1][:0], p.Domain, p.Dst)
	for i, eps := range a.ends {
		for _, ep := range eps {
			switch {
			case ep.Call != c:
			case i == 0:
				v[ep.Owner.Other()] = true
			default:
				v[ep.Owner] = true
			}
		}
	}
	return v
}

// streamOf is a stream of a call by its SSRC; nil where the call has none.
func (a *Analyzer) streamOf(c *dialog.Call, ssrc uint32) *stream {
	if m := a.calls[c]; m != nil {
		for _, s := range m.streams {
			if s.key.ssrc == ssrc {
				return s
			}
		}
	}
	return nil
}

// How many reports wait for the streams of their call.
const (
	maxCallTold = 8
	maxToldLate = 100_000
)

// keepReport lets a report wait for the end of its call, and reports whether it
// could: media of a short call comes after the message that tells of it.
func (a *Analyzer) keepReport(c *dialog.Call, r *record.Report) bool {
	if c.Written() || a.toldLate >= maxToldLate {
		return false
	}
	m := a.mediaOf(c)
	if len(m.told) >= maxCallTold {
		return false
	}
	m.told = append(m.told, r)
	a.toldLate++
	return true
}

// releaseReports writes the reports that waited, each with the SSRC of the
// voice stream that it is about, where it can be only one.
func (a *Analyzer) releaseReports(c *dialog.Call, m *callMedia) {
	for _, r := range m.told {
		if a.place(c, r) {
			r.SSRC = m.ssrcOf(r)
		}
		a.emit(r)
	}
	a.toldLate -= len(m.told)
	m.told = nil
}

// ssrcOf is the SSRC of the voice streams in the direction of a report: of
// those between its addresses, else of all.
func (m *callMedia) ssrcOf(r *record.Report) *uint32 {
	from, to := sessionOf(r)
	is := func(told, seen netip.AddrPort) bool {
		return (!told.Addr().IsValid() || told.Addr() == seen.Addr()) && (told.Port() == 0 || told.Port() == seen.Port())
	}
	for _, exact := range [...]bool{true, false} {
		var found *uint32
		several := false
		for _, s := range m.streams {
			if !s.tied || s.tie.from.String() != *r.Direction || s.isForeign || s.mediaType() == "video" || s.counts.Packets == 0 || exact && (!is(from, s.key.src) || !is(to, s.key.dst)) {
				continue
			}
			several = several || found != nil && *found != s.key.ssrc
			found = &s.key.ssrc
		}
		if several {
			return nil
		}
		if found != nil {
			return new(*found)
		}
	}
	return nil
}

package analyzer

import (
	"net/netip"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/analyzer/topology"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/sip"
)

// hostSIP tells of a message what its hosts do.
func (a *Analyzer) hostSIP(p *packet.Packet, m *sip.Message, c *dialog.Call) {
	at := p.Time
	if at.IsZero() {
		at = a.clock.arrival
	}
	if at.IsZero() {
		return // nobody knows when
	}
	a.hosts.Message(p, m, at)
	if c != nil && m.Request && string(m.Method) == "INVITE" && len(m.To().Tag) == 0 && a.callIDKept(p, c) {
		a.hosts.Bridged(p.Domain, p.Src.Addr(), true)
	}
}

// callIDKept reports whether a call comes from where another one with its
// Call-ID went to: a B2BUA may keep the Call-ID on both legs.
func (a *Analyzer) callIDKept(p *packet.Packet, c *dialog.Call) bool {
	for _, o := range a.dialogs.Find(c.Domain(), []byte(c.CallID())) {
		if o == c || o.FromTag() == c.FromTag() {
			continue
		}
		if of := o.Outline(); of.Dst == p.Src.Addr() && of.Src != p.Src.Addr() && of.End.IsZero() {
			return true
		}
	}
	return false
}

// hostStream tells of a stream that began.
func (a *Analyzer) hostStream(s *stream) {
	a.hosts.Stream(&topology.Stream{Domain: s.key.domain, Src: s.key.src, Dst: s.key.dst, SSRC: s.key.ssrc, First: s.first}, s.last)
}

// trunks fills the trunks that a call came from and went to: where it went to a
// proxy, that of the try which won, else of the last one.
func (a *Analyzer) trunks(r *record.Call, attempts []*record.Attempt) {
	r.TrunkIn = a.trunkOf(r.SrcIP)
	for _, at := range attempts {
		at.TrunkIn = r.TrunkIn
	}
	for _, at := range attempts {
		if at.TrunkOut = a.trunkOf(at.DstIP); at.TrunkOut != nil {
			r.TrunkOut = at.TrunkOut
			if at.Won {
				break
			}
		}
	}
	if out := a.trunkOf(r.DstIP); out != nil {
		r.TrunkOut = out
	}
}

func (a *Analyzer) trunkOf(ip *netip.Addr) *string {
	if ip == nil {
		return nil
	}
	return known(a.hosts.TrunkOf(*ip))
}

func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// hostRow writes what is known of a host.
func (a *Analyzer) hostRow(h *topology.Host) {
	c := &h.Counts
	row := &record.Host{
		Domain: h.Domain, FirstSeen: micro(h.Last()), Time: micro(h.Last()), Since: micro(h.First()), IP: h.Addr,
		Name: known(h.Name()), Trunk: known(h.Trunk()), Class: string(h.Class()), Confidence: round(h.Confidence()),
		Evidence: h.Evidence(), UserAgent: known(h.Agent),
		RequestsSent: c.RequestsSent, RequestsReceived: c.RequestsReceived, ResponsesSent: c.ResponsesSent, ResponsesReceived: c.ResponsesReceived,
		InvitesOriginated: c.InvitesOriginated, InvitesForwarded: c.InvitesForwarded, InvitesReceived: c.InvitesReceived,
		InvitesAnswered: c.InvitesAnswered, AnswersReceived: c.AnswersReceived,
		RequestsForwarded: c.Forwarded, RecordRouted: c.RecordRouted, LegsJoined: c.Bridged,
		RegistersSent: c.RegistersSent, RegistersForwarded: c.RegistersForwarded, RegistersAnswered: c.RegistersAnswered,
		RegistersChallenged: c.RegistersChallenged, RegistersAccepted: c.RegistersAccepted,
		OptionsSent: c.OptionsSent, OptionsAnswered: c.OptionsAnswered,
		StreamsSent: c.StreamsSent, StreamsReceived: c.StreamsReceived, StreamsRelayed: c.StreamsRelayed,
		Users: h.Users(), Peers: h.Peers(),
	}
	for _, role := range h.Roles() {
		row.Roles = append(row.Roles, string(role))
	}
	a.Counters.Hosts++
	a.emit(row)
}

package topology

import (
	"fmt"
	"slices"
)

// Class is what a host is.
type Class string

// The classes. A host may have several roles; its class is the first of them
// in this order, but for proxy and b2bua, of which it is the surer.
const (
	B2BUA     Class = "b2bua"     // B2BUA, PBX, SBC: the calls that it takes go on as calls of its own
	Proxy     Class = "proxy"     // hands requests on
	Relay     Class = "relay"     // media goes out of it as it comes in
	Registrar Class = "registrar" // answers REGISTER
	Gateway   Class = "gateway"   // of a trunk: an end of calls for many users that do not register there
	Phone     Class = "phone"     // an end of calls for few users
	Unknown   Class = "unknown"
)

// order are the classes that can be learned, in the order in which they count.
var order = [...]Class{B2BUA, Proxy, Relay, Registrar, Gateway, Phone}

// place is where a class stands in order, from 1 on; 0 is unknown.
type place uint8

func placeOf(c Class) place { return place(slices.Index(order[:], c) + 1) }

// IsClass reports whether a host may be configured to be of this class.
func IsClass(name string) bool {
	return placeOf(Class(name)) > 0
}

const (
	// sureEnough is the confidence from which on a host has a role.
	sureEnough = 0.4
	// likelyWorth is how many legs that are but likely to go on from another one
	// weigh as much as one that surely does.
	likelyWorth = 4
	// fewUsers is how many users the phones behind one address have at most, but
	// where they register.
	fewUsers = 8
	// fewPeers is how many hosts of media a host that does nothing else has
	// where it is but the other address of a phone.
	fewPeers = 3
)

// weigh is how sure n pieces of evidence make one, of all that would have been
// evidence: one piece may be chance, many are not; and where less than a share
// of what a host did fits, it is less sure in proportion.
func weigh(n, of uint64, share float64) float64 {
	if n == 0 {
		return 0
	}
	fits := float64(n) / float64(max(n, of))
	return min(1, fits/share) * float64(n) / float64(n+1)
}

// roles are how sure it is, from 0 to 1, that a host is each of order.
func (h *Host) roles() (is [len(order)]float64) {
	c := &h.Counts
	// A quarter of its calls is enough for a B2BUA: of the others a leg may not
	// have been seen, or shows nothing that ties it to another one.
	is[0] = weigh(max(c.Bridged+c.BridgedLikely/likelyWorth, h.bothEnds()), c.InvitesOriginated, 0.25)
	is[1] = weigh(max(c.Forwarded, c.RecordRouted), c.Forwarded+c.InvitesOriginated+c.RegistersSent, 0.5)
	is[2] = max(weigh(c.StreamsRelayed, c.StreamsSent, 0.5), h.mediaOnly())
	// A proxy before a registrar hands on its answers.
	answered := c.RegistersAnswered + c.RegistersChallenged
	is[3] = weigh(answered-min(answered, c.RegistersForwarded), answered, 0.5)
	if c.RegistersAnswered == 0 {
		is[3] *= 0.5 // who asks a scanner for a password may be anything
	}
	if is[0] >= sureEnough || is[1] >= sureEnough || is[3] >= sureEnough {
		return is // what it does as an end of calls is part of that
	}
	users := h.Users()
	if users > fewUsers && (c.RegistersAccepted == 0 || 2*h.registered.count() < users) {
		is[4] = weigh(c.AnswersReceived+c.InvitesAnswered, c.InvitesOriginated+c.InvitesReceived, 0.25)
	} else {
		is[5] = weigh(c.AnswersReceived+c.InvitesAnswered+c.RegistersAccepted, 0, 1)
	}
	return is
}

// bothEnds is how many calls of a host hint at a B2BUA although no leg is tied
// to another: it takes calls and makes calls, and is a registrar or relays
// media besides.
func (h *Host) bothEnds() uint64 {
	c := &h.Counts
	if c.InvitesForwarded > 0 {
		return 0
	}
	return min(c.InvitesOriginated, c.InvitesAnswered, max(c.RegistersAnswered, c.StreamsRelayed))
}

// mediaOnly is how sure it is that a host which was seen to do nothing but
// exchange media with many is a relay: it may mix or transcode, and so change
// the SSRC.
func (h *Host) mediaOnly() float64 {
	c := &h.Counts
	if c.RequestsSent+c.RequestsReceived+c.ResponsesSent+c.ResponsesReceived > 0 || h.Peers() <= fewPeers {
		return 0
	}
	return 0.5 * weigh(min(c.StreamsSent, c.StreamsReceived), 0, 1)
}

// Class is what a host is: as it is configured, of a trunk, or as it behaves.
func (h *Host) Class() Class {
	c, _ := h.judge()
	return c
}

// Confidence is how sure its class is, 0 to 1. Configuration is certain.
func (h *Host) Confidence() float64 {
	_, sure := h.judge()
	return sure
}

func (h *Host) judge() (Class, float64) {
	switch {
	case h.configured != nil && h.configured.Class != "":
		return h.configured.Class, 1
	case h.trunk != nil:
		return Gateway, 1
	}
	is := h.roles()
	if is[1] > is[0] && is[1] >= sureEnough {
		return Proxy, is[1]
	}
	for i, sure := range is {
		if sure >= sureEnough {
			return order[i], sure
		}
	}
	return Unknown, 0
}

// Roles are all that a host behaves as, its class among them.
func (h *Host) Roles() []Class {
	class := h.Class()
	var out []Class
	if class != Unknown {
		out = append(out, class)
	}
	for i, sure := range h.roles() {
		if sure >= sureEnough && order[i] != class {
			out = append(out, order[i])
		}
	}
	return out
}

// Evidence says in words what speaks for the class of a host: what it was seen
// to do.
func (h *Host) Evidence() []string {
	c := &h.Counts
	var out []string
	say := func(yes bool, format string, args ...any) {
		if yes {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	if h.configured != nil {
		say(h.configured.Class != "", "configured as %s", h.configured.Class)
	}
	say(h.trunk != nil, "configured trunk %s", h.Trunk())
	say(c.Bridged > 0, "joins %s", plural(c.Bridged, "pair of legs", "pairs of legs"))
	say(c.BridgedLikely >= likelyWorth, "likely joins %s", plural(c.BridgedLikely, "pair of legs", "pairs of legs"))
	say(c.Forwarded > 0, "forwarded %s, %d of %s", plural(c.Forwarded, "request", "requests"), c.InvitesForwarded,
		plural(c.InvitesForwarded+c.InvitesOriginated, "INVITE", "INVITEs"))
	say(c.RecordRouted > 0, "named in Record-Route of %s", plural(c.RecordRouted, "message", "messages"))
	say(c.StreamsRelayed > 0, "relayed %d of %s that it sent", c.StreamsRelayed, plural(c.StreamsSent, "stream", "streams"))
	say(c.RegistersAnswered+c.RegistersChallenged > 0, "accepted %s and challenged %d", plural(c.RegistersAnswered, "REGISTER", "REGISTERs"), c.RegistersChallenged)
	say(c.RegistersSent > 0, "registered about %s, %d of %s accepted", plural(uint64(h.registered.count()), "user", "users"), c.RegistersAccepted,
		plural(c.RegistersSent, "REGISTER", "REGISTERs"))
	say(c.InvitesOriginated > 0, "made %s", plural(c.InvitesOriginated, "INVITE", "INVITEs"))
	say(c.AnswersReceived > 0, "was answered %s", plural(c.AnswersReceived, "time", "times"))
	say(c.InvitesReceived+c.InvitesAnswered > 0, "took %s, answered %d", plural(c.InvitesReceived, "INVITE", "INVITEs"), c.InvitesAnswered)
	say(c.StreamsSent+c.StreamsReceived > 0, "sent %s and received %d, of about %s", plural(c.StreamsSent, "stream", "streams"), c.StreamsReceived,
		plural(uint64(h.Peers()), "host", "hosts"))
	say(c.OptionsSent+c.OptionsAnswered > 0, "sent %d OPTIONS, answered %d", c.OptionsSent, c.OptionsAnswered)
	users := uint64(h.Users())
	say(users > 0, "about %s", plural(users, "user", "users"))
	return out
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

package dialog

import (
	"bytes"
	"strings"

	"github.com/earshot-voip/earshot/internal/isup"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/sip"
)

// network is what a telephone network says of a call beside SIP: the P- headers
// of an IMS (RFC 7315, 3GPP TS 24.229) and the ISUP that SIP-I carries. Few calls
// have it. The hop that says it first counts, since a network adds it on its
// own hops, and takes it out at its borders.
type network struct {
	icid, origIOI, termIOI string
	visited                string
	served, preferred      string
	calledParty            string
	assertedNumber         string // of a second P-Asserted-Identity
	access                 [2]access

	isupCalled, isupCalling, isupAdditional string
	isupOriginal, isupRedirecting           string
	isupCategory                            uint8
	isup                                    bool // an IAM was seen
}

// access is the access network of one side.
type access struct {
	kind, cell string
	provided   bool // by the network, not by the device
}

func (c *Call) ofNetwork() *network {
	if c.network == nil {
		c.network = &network{}
	}
	return c.network
}

// invitedBy takes what an initial INVITE says of networks, at whatever hop.
func (c *Call) invitedBy(m *sip.Message) {
	c.assert(m)
	c.charged(m)
	c.accessed(m, A)
	c.identify(m, sip.HeaderPServedUser, func(n *network) *string { return &n.served })
	c.identify(m, sip.HeaderPPreferredIdentity, func(n *network) *string { return &n.preferred })
	c.identify(m, sip.HeaderPCalledPartyID, func(n *network) *string { return &n.calledParty })
	for v := range m.Values(sip.HeaderPVisitedNetworkID) {
		fill(&c.ofNetwork().visited, quoted(v), maxHost)
		break
	}
	if i, ok := isupOf(m); ok && i.Type == isup.IAM {
		c.initialAddress(&i)
	}
}

// assert takes P-Asserted-Identity (RFC 3325): of two, one is a sip and one a tel
// URI.
func (c *Call) assert(m *sip.Message) {
	first := true
	for v := range m.Values(sip.HeaderPAssertedIdentity) {
		if first {
			fill(&c.asserted, v, maxText)
			first = false
			continue
		}
		if a, _ := sip.ParseAddress(v); strings.EqualFold(string(a.URI.Scheme), "tel") {
			fill(&c.ofNetwork().assertedNumber, a.URI.User, maxUser)
		}
		break
	}
}

// number is the number of P-Asserted-Identity: of the tel URI, else the user
// of a sip URI that is one; "" where there is none.
func (c *Call) number() string {
	if c.network != nil && c.network.assertedNumber != "" {
		return c.network.assertedNumber
	}
	if c.asserted == "" {
		return ""
	}
	a, _ := sip.ParseAddress([]byte(c.asserted))
	user, _, _ := bytes.Cut(a.URI.User, []byte(";")) // parameters of a number (RFC 3966) stand in the user part
	if len(user) == 0 || len(bytes.Trim(user, "+0123456789-.()")) > 0 || !bytes.ContainsAny(user, "0123456789") {
		return ""
	}
	return string(user)
}

// charged takes P-Charging-Vector (RFC 7315 section 5.6). The terminating network
// names itself in responses.
func (c *Call) charged(m *sip.Message) {
	v := m.Get(sip.HeaderPChargingVector)
	if v == nil {
		return
	}
	n := c.ofNetwork()
	fill(&n.icid, sip.Param(v, "icid-value"), maxText)
	fill(&n.origIOI, sip.Param(v, "orig-ioi"), maxHost)
	fill(&n.termIOI, sip.Param(v, "term-ioi"), maxHost)
}

// cells are the parameters of P-Access-Network-Info that say where in its
// network an access is (RFC 7315 section 5.4, 3GPP TS 24.229 7.2A.4), the most
// exact ones first.
var cells = [...]string{
	"utran-cell-id-3gpp", "cgi-3gpp", "ci-3gpp2", "ci-3gpp2-femto", "i-wlan-node-id", "utran-sai-3gpp",
	"dsl-location", "eth-location", "fiber-location", "gstn-location", "dvb-rcs2-node-id",
}

// accessed takes the access network of the side that a message is of. What the
// network says of it goes before what a device says.
func (c *Call) accessed(m *sip.Message, side Side) {
	for v := range m.Values(sip.HeaderPAccessNetworkInfo) {
		kind, params, _ := bytes.Cut(v, []byte(";"))
		provided := sip.HasParam(params, "network-provided")
		n := &c.ofNetwork().access[side]
		if n.kind != "" && (n.provided || !provided) {
			continue
		}
		*n = access{kind: clip(bytes.TrimSpace(kind), maxHost), provided: provided}
		for _, name := range cells {
			fill(&n.cell, sip.Param(params, name), maxHost)
		}
	}
}

// identify takes the first identity of a header.
func (c *Call) identify(m *sip.Message, h sip.Header, field func(*network) *string) {
	for v := range m.Values(h) {
		fill(field(c.ofNetwork()), identity(v), maxText)
		return
	}
}

// identity is the URI of an address, without password, port and parameters.
func identity(v []byte) []byte {
	a, _ := sip.ParseAddress(v)
	u := a.URI
	if len(u.Scheme) == 0 || len(u.User)+len(u.Host) == 0 {
		return nil
	}
	id := append(bytes.Clone(u.Scheme), ':')
	if id = append(id, u.User...); len(u.User) > 0 && len(u.Host) > 0 {
		id = append(id, '@')
	}
	return append(id, u.Host...)
}

// quoted is a value that may stand in quotes, without its parameters.
func quoted(v []byte) []byte {
	if inner, ok := bytes.CutPrefix(v, []byte{'"'}); ok {
		v, _, _ = bytes.Cut(inner, []byte{'"'})
		return v
	}
	v, _, _ = bytes.Cut(v, []byte{';'})
	return bytes.TrimSpace(v)
}

// fill sets what was not said before.
func fill(field *string, v []byte, most int) {
	if *field == "" && len(v) > 0 {
		*field = clip(v, most)
	}
}

// isupOf is the ISUP message that a SIP message carries (RFC 3204).
func isupOf(m *sip.Message) (isup.Message, bool) {
	part, params := m.PartParams("application/isup")
	version := sip.Param(params, "base")
	if version == nil {
		version = sip.Param(params, "version")
	}
	return isup.Parse(part, isup.VariantOf(string(version)))
}

// initialAddress takes the numbers of an IAM.
func (c *Call) initialAddress(i *isup.Message) {
	n := c.ofNetwork()
	called := i.Called.String()
	if strings.HasPrefix(called, n.isupCalled) { // the first one, or overlap: more of its digits (RFC 3578)
		n.isupCalled = called
	}
	if n.isup {
		return
	}
	n.isup, n.isupCategory = true, i.Category
	n.isupCalling, n.isupAdditional = i.Calling.String(), i.AdditionalCalling.String()
	n.isupOriginal, n.isupRedirecting = i.OriginalCalled.String(), i.Redirecting.String()
}

// row fills the columns.
func (n *network) row(r *record.Call) {
	if n == nil {
		return
	}
	r.PreferredIdentity, r.ServedUser, r.CalledPartyID = text(n.preferred), text(n.served), text(n.calledParty)
	r.ICID, r.OrigIOI, r.TermIOI, r.VisitedNetwork = text(n.icid), text(n.origIOI), text(n.termIOI), text(n.visited)
	r.CallerAccessNetwork, r.CallerCell = text(n.access[A].kind), text(n.access[A].cell)
	r.CalleeAccessNetwork, r.CalleeCell = text(n.access[B].kind), text(n.access[B].cell)
	r.ISUPCalled, r.ISUPCalling, r.ISUPAdditionalCalling = text(n.isupCalled), text(n.isupCalling), text(n.isupAdditional)
	r.ISUPOriginalCalled, r.ISUPRedirecting = text(n.isupOriginal), text(n.isupRedirecting)
	if n.isupCategory != 0 {
		r.ISUPCategory = new(n.isupCategory)
	}
}

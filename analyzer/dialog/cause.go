package dialog

import (
	"strings"

	"github.com/earshot-voip/earshot/internal/isup"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/sip"
)

// cause is why a call, a leg or a try was released. 0 is none: nothing ends
// with cause 0.
type cause struct {
	q850     uint16 // ITU-T Q.850
	sip      uint16 // status
	location uint8  // of q850: index of locations
}

// locations are where a cause of Q.850 comes from (Q.850 2.2.3), by the names of
// RFC 8606; the location is one less than the index, and "" is not told.
var locations = [...]string{
	"", "U", "LPN", "LN", "TN", "RLN", "RPN", "LOC-6", "INTL", "LOC-8", "LOC-9", "BI", "LOC-11", "LOC-12", "LOC-13", "LOC-14", "LOC-15",
}

// take takes what a later message says.
func (c *cause) take(o cause) {
	if o.q850 != 0 {
		c.q850, c.location = o.q850, o.location
	}
	if o.sip != 0 {
		c.sip = o.sip
	}
}

// row fills the columns.
func (c *cause) row(r *record.Call) {
	r.CauseQ850, r.CauseSIP = nonzero(c.q850), nonzero(c.sip)
	r.CauseLocation = text(locations[c.location])
}

// causeOf reads the Reason headers (RFC 3326), else the cause of an ISUP body.
// Values of a nation's own (T1.113) are none of Q.850.
func causeOf(m *sip.Message) cause {
	var c cause
	for v := range m.Values(sip.HeaderReason) {
		protocol, value, _ := sip.ParseReason(v)
		switch {
		case value <= 0 || value >= 1000:
		case c.q850 == 0 && strings.EqualFold(string(protocol), "Q.850"):
			c.q850, c.location = uint16(value), locationOf(v)
		case c.sip == 0 && strings.EqualFold(string(protocol), "SIP"):
			c.sip = uint16(value)
		}
	}
	i, _ := isupOf(m)
	if i.Cause.Value == 0 || i.Cause.Coding != isup.CodingITU {
		return c
	}
	if q := uint16(i.Cause.Value); c.q850 == 0 || c.q850 == q && c.location == 0 {
		c.q850, c.location = q, i.Cause.Location+1
	}
	return c
}

// locationOf is the location of a Reason (RFC 8606).
func locationOf(reason []byte) uint8 {
	told := sip.Param(reason, "location")
	for i, name := range locations {
		if name != "" && strings.EqualFold(string(told), name) {
			return uint8(i)
		}
	}
	return 0
}

package dialog

import (
	"strings"

	"github.com/earshot-voip/earshot/internal/sip"
)

// cause is why a call, a leg or a try was released. 0 is none: nothing ends
// with cause 0.
type cause struct {
	q850 uint16 // ITU-T Q.850
	sip  uint16 // status
}

// take takes what a later message says.
func (c *cause) take(o cause) {
	if o.q850 != 0 {
		c.q850 = o.q850
	}
	if o.sip != 0 {
		c.sip = o.sip
	}
}

// causeOf reads the Reason headers (RFC 3326), else the release cause of an
// ISUP body.
func causeOf(m *sip.Message) cause {
	c := cause{uint16(reasonCause(m, "Q.850")), uint16(reasonCause(m, "SIP"))}
	if c.q850 == 0 {
		c.q850 = isupCause(m.Part("application/isup"))
	}
	return c
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

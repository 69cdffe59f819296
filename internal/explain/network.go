package explain

import (
	"cmp"
	"strings"

	"github.com/earshot-voip/earshot/internal/record"
)

// networks say what the telephone networks on the way call the parties, and
// where they are, one line each for ISUP and IMS; nothing where they say nothing.
func (s *story) networks() {
	c := s.call
	if c.ISUPCalled != nil || c.ISUPCalling != nil {
		said := []string{cmp.Or(value(c.ISUPCalling), "nobody") + " called " + cmp.Or(value(c.ISUPCalled), "nobody")}
		said = tell(said, "shown as", c.ISUPAdditionalCalling)
		said = tell(said, "first called", c.ISUPOriginalCalled)
		said = tell(said, "redirected by", c.ISUPRedirecting)
		s.printf("  ISUP: %s\n", clean(strings.Join(said, ", ")))
	}
	said := tell(nil, "asserted", c.AssertedNumber)
	said = tell(said, "served", c.ServedUser)
	said = tell(said, "called as", c.CalledPartyID)
	said = tell(said, "from operator", c.OrigIOI)
	said = tell(said, "to operator", c.TermIOI)
	said = tell(said, "visiting", c.VisitedNetwork)
	said = tell(said, "the caller by", access(c.CallerAccessNetwork, c.CallerCell))
	said = tell(said, "the callee by", access(c.CalleeAccessNetwork, c.CalleeCell))
	if said = tell(said, "icid", c.ICID); len(said) > 0 {
		s.printf("  Network: %s\n", strings.Join(said, ", "))
	}
}

// tell appends what is known.
func tell(said []string, what string, v *string) []string {
	if v == nil {
		return said
	}
	return append(said, what+" "+clean(*v))
}

// access is an access network and where in it.
func access(kind, cell *string) *string {
	if kind == nil || cell == nil {
		return kind
	}
	return new(*kind + " at " + *cell)
}

// location is where a cause of Q.850 comes from (Q.850 2.2.3).
func location(c *record.Call) string {
	names := map[string]string{
		"U": "a user", "LPN": "the private network of the local user", "LN": "the public network of the local user", "TN": "a transit network",
		"RLN": "the public network of the remote user", "RPN": "the private network of the remote user", "INTL": "an international network",
		"BI": "a network beyond an interworking point",
	}
	if name := names[value(c.CauseLocation)]; name != "" {
		return " from " + name
	}
	return ""
}

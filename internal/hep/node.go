package hep

import (
	"net/netip"
	"strconv"
)

// NodeName names an emitter that does not name itself: by its agent id, or by
// the address its HEP came from.
func NodeName(agentID uint32, from netip.Addr) string {
	if agentID != 0 {
		return "hep-" + strconv.FormatUint(uint64(agentID), 10)
	}
	return from.Unmap().String()
}

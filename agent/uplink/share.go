package uplink

import (
	"hash/fnv"
	"net/netip"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

// share says which collector of several a packet goes to: all packets of a
// Call-ID go to the same one, and those of a pair of addresses where no Call-ID
// is known.
type share struct{ message sip.Message }

func (s *share) of(p *packet.Packet, n int) int {
	h := fnv.New64a()
	id := p.CorrelationID
	if p.Kind == packet.KindSIP && s.message.Parse(p.Payload) {
		id = s.message.CallID()
	}
	if len(id) > 0 {
		h.Write(id)
	} else {
		x, y := p.Src, p.Dst
		if y.Compare(x) < 0 {
			x, y = y, x
		}
		for _, a := range [...]netip.AddrPort{x, y} {
			b := a.Addr().As16()
			h.Write(b[:])
			h.Write([]byte{byte(a.Port() >> 8), byte(a.Port())})
		}
	}
	return int(h.Sum64() % uint64(n))
}

package agent

import (
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

// addrKey is a media address as SDP announced it.
type addrKey = netip.AddrPort

// announcement is what SDP said of one media address: which calls use it and
// what its payload types mean.
type announcement struct {
	calls    [4]string // Call-IDs, the newest first
	payloads []told
	seen     time.Time
	version  uint32 // grows with every SDP that names the address
}

type told struct {
	pt    uint8
	name  string
	clock uint32
}

// announcements is the bounded table of media addresses.
type announcements struct {
	byAddr  map[addrKey]*announcement
	byRTCP  map[addrKey]string
	max     int
	version uint32 // grows with every change, so that streams know when to look again
	swept   time.Time
	Evicted uint64
}

// announcedFor is how long an address is remembered after the last SDP that
// named it: calls with a session timer name it again sooner.
const announcedFor = 4 * time.Hour

func (n *announcements) learn(s *sip.SDP, callID []byte, at time.Time) {
	for i := range s.Media {
		m := &s.Media[i]
		if m.Port == 0 || !m.Addr.IsValid() || m.Addr.IsUnspecified() {
			continue
		}
		list := make([]told, 0, len(m.Formats))
		for j := range m.Formats {
			if f := &m.Formats[j]; f.PayloadType >= 0 && len(f.Codec) > 0 {
				list = append(list, told{uint8(f.PayloadType), string(f.Codec), f.ClockRate})
			}
		}
		addr := netip.AddrPortFrom(m.Addr.Unmap(), m.Port)
		n.add(addr, callID, list, at)
		if rtcp := m.RTCP(); rtcp.Addr().IsValid() && !m.RTCPMux {
			if n.byRTCP == nil || len(n.byRTCP) >= n.max {
				n.byRTCP = map[addrKey]string{} // the addresses of calls to come matter more
			}
			n.byRTCP[netip.AddrPortFrom(rtcp.Addr().Unmap(), rtcp.Port())] = string(callID)
		}
		for j := range m.Candidates {
			c := m.Candidates[j].Addr
			if m.Candidates[j].Component == 1 && c.Addr().IsValid() && !c.Addr().IsUnspecified() {
				n.add(netip.AddrPortFrom(c.Addr().Unmap(), c.Port()), callID, list, at)
			}
		}
	}
}

func (n *announcements) add(addr addrKey, callID []byte, list []told, at time.Time) {
	e := n.byAddr[addr]
	if e == nil {
		if len(n.byAddr) >= n.max {
			n.evict()
		}
		e = &announcement{}
		n.byAddr[addr] = e
	}
	e.seen = at
	e.payloads = list
	e.version++
	if e.calls[0] != string(callID) {
		at := 1
		for at < len(e.calls)-1 && e.calls[at] != string(callID) {
			at++
		}
		copy(e.calls[1:at+1], e.calls[:at])
		e.calls[0] = string(callID)
	}
	n.version++
}

// pair is the newest call that uses both addresses; "" when there is none.
func (n *announcements) pair(src, dst addrKey) string {
	s, d := n.byAddr[src], n.byAddr[dst]
	if s == nil || d == nil {
		return ""
	}
	for _, c := range d.calls {
		for _, other := range s.calls {
			if c != "" && c == other {
				return c
			}
		}
	}
	return ""
}

func (n *announcements) rtcpCall(src, dst addrKey) string {
	if c := n.pair(src, dst); c != "" { // rtcp-mux
		return c
	}
	s, d := n.byRTCP[src], n.byRTCP[dst]
	if s != "" && (d == "" || s == d) {
		return s
	}
	if s == "" {
		return d
	}
	return ""
}

func (n *announcements) sweep(now time.Time) {
	if now.Sub(n.swept) < time.Minute {
		return
	}
	n.swept = now
	for addr, e := range n.byAddr {
		if now.Sub(e.seen) > announcedFor {
			delete(n.byAddr, addr)
		}
	}
}

// evict makes room by forgetting the older half.
func (n *announcements) evict() {
	var from, to time.Time
	for _, e := range n.byAddr {
		if from.IsZero() || e.seen.Before(from) {
			from = e.seen
		}
		if e.seen.After(to) {
			to = e.seen
		}
	}
	middle := from.Add(to.Sub(from) / 2)
	for addr, e := range n.byAddr {
		if !e.seen.After(middle) {
			delete(n.byAddr, addr)
			n.Evicted++
		}
	}
}

package agent

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

// addrKey is a media address as SDP announced it.
type addrKey = netip.AddrPort

// announcement is what SDP said of one media address: which calls use it and
// what its payload types mean.
type announcement struct {
	calls    [4]use // the newest first
	payloads []told
	seen     time.Time
	version  uint32 // grows with every SDP that names the address
	// sealed is whether media here may be encrypted: SDP of its newest call said
	// so once, or keys were agreed on between the addresses (DTLS, ZRTP).
	sealed bool
}

// use is one call's use of a media address.
type use struct {
	call  string    // Call-ID
	since time.Time // of the SDP that first said so
}

type told struct {
	pt    uint8
	name  string
	clock uint32
	video bool
}

// announcements is the bounded table of media addresses.
type announcements struct {
	byAddr  map[addrKey]*announcement
	byRTCP  map[addrKey]rtcpUse
	max     int
	version uint32 // grows with every change, so that streams know when to look again
	swept   time.Time
	evicted uint64
}

// rtcpUse is the latest call's use of an RTCP address.
type rtcpUse struct {
	call string
	seen time.Time
}

// Lengths of what is kept of SDP; who sends it chooses them. A longer Call-ID
// is no correlation id: addresses alone tie its streams.
const (
	maxCallID   = 512
	maxPayloads = 64
	maxName     = 64 // of an encoding
)

// announcedFor is how long an address is remembered after the last SDP that
// named it: calls with a session timer name it again sooner.
const announcedFor = 4 * time.Hour

func (n *announcements) learn(s *sip.SDP, callID []byte, at time.Time) {
	if len(callID) > maxCallID {
		callID = nil
	}
	for i := range s.Media {
		m := &s.Media[i]
		if m.Port == 0 {
			continue
		}
		list := formats(s, i)
		if m.Placed() {
			n.add(netip.AddrPortFrom(m.Addr.Unmap(), m.Port), callID, list, m.Crypto, at)
			if rtcp := m.RTCP(); rtcp.Addr().IsValid() && !m.RTCPMux {
				n.addRTCP(netip.AddrPortFrom(rtcp.Addr().Unmap(), rtcp.Port()), callID, at)
			}
		}
		for j := range m.Candidates {
			c := m.Candidates[j].Addr
			if m.Candidates[j].Component == 1 && c.Addr().IsValid() && !c.Addr().IsUnspecified() {
				n.add(netip.AddrPortFrom(c.Addr().Unmap(), c.Port()), callID, list, m.Crypto, at)
			}
		}
	}
}

var videoType = []byte("video")

// formats are those of an m= line and of all that share its address: by BUNDLE
// (RFC 9143), whose lines may tell no address of their own, or by saying so.
func formats(s *sip.SDP, line int) []told {
	here := &s.Media[line]
	list := make([]told, 0, min(len(here.Formats), maxPayloads))
	for i := range s.Media {
		m := &s.Media[i]
		if m != here && s.Transport(i) != here && (m.Port != here.Port || m.Addr != here.Addr || !m.Placed()) {
			continue
		}
		video := bytes.EqualFold(m.Type, videoType)
		for j := range m.Formats {
			if f := &m.Formats[j]; f.PayloadType >= 0 && len(f.Codec) > 0 && len(f.Codec) <= maxName && len(list) < maxPayloads {
				list = append(list, told{uint8(f.PayloadType), string(f.Codec), f.ClockRate, video})
			}
		}
	}
	return list
}

func (n *announcements) add(addr addrKey, callID []byte, list []told, sealed bool, at time.Time) {
	e := n.byAddr[addr]
	if e == nil {
		if len(n.byAddr) >= n.max {
			n.evicted += forgetOlderHalf(n.byAddr, func(e *announcement) time.Time { return e.seen })
		}
		e = &announcement{}
		n.byAddr[addr] = e
	}
	e.seen = at
	e.payloads = list
	e.sealed = sealed || e.sealed && e.calls[0].call == string(callID)
	e.version++
	if e.calls[0].call != string(callID) {
		i := 1
		for i < len(e.calls)-1 && e.calls[i].call != string(callID) {
			i++
		}
		newest := e.calls[i]
		if newest.call != string(callID) {
			newest = use{string(callID), at}
		}
		copy(e.calls[1:i+1], e.calls[:i])
		e.calls[0] = newest
	}
	n.version++
}

// seal notes that two addresses agree on keys beside SDP.
func (n *announcements) seal(src, dst addrKey) {
	for _, addr := range [...]addrKey{src, dst} {
		if e := n.byAddr[addr]; e != nil && !e.sealed {
			e.sealed = true
			e.version++
			n.version++
		}
	}
}

func (n *announcements) addRTCP(addr addrKey, callID []byte, at time.Time) {
	if n.byRTCP == nil {
		n.byRTCP = map[addrKey]rtcpUse{}
	}
	if _, ok := n.byRTCP[addr]; !ok && len(n.byRTCP) >= n.max {
		n.evicted += forgetOlderHalf(n.byRTCP, func(u rtcpUse) time.Time { return u.seen })
	}
	n.byRTCP[addr] = rtcpUse{string(callID), at}
}

// pair is the newest call that uses both addresses, and since when it uses
// one of them; "" when there is none.
func (n *announcements) pair(src, dst addrKey) (call string, since time.Time) {
	s, d := n.byAddr[src], n.byAddr[dst]
	if s == nil || d == nil {
		return "", time.Time{}
	}
	for _, u := range d.calls {
		for _, other := range s.calls {
			if u.call == "" || u.call != other.call {
				continue
			}
			if other.since.Before(u.since) {
				u.since = other.since
			}
			return u.call, u.since
		}
	}
	return "", time.Time{}
}

// addresses are those that a call announced. It looks at all of them: it is for
// people who ask, not for packets.
func (n *announcements) addresses(callID string) (all []addrKey) {
	for addr, e := range n.byAddr {
		for _, u := range e.calls {
			if u.call == callID {
				all = append(all, addr)
			}
		}
	}
	for addr, u := range n.byRTCP {
		if u.call == callID {
			all = append(all, addr)
		}
	}
	return all
}

func (n *announcements) rtcpCall(src, dst addrKey) string {
	if c, _ := n.pair(src, dst); c != "" { // rtcp-mux
		return c
	}
	s, d := n.byRTCP[src].call, n.byRTCP[dst].call
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
	for addr, u := range n.byRTCP {
		if now.Sub(u.seen) > announcedFor {
			delete(n.byRTCP, addr)
		}
	}
}

// forgetOlderHalf makes room in a table of addresses, and says how many it
// forgot: half of them at once, so that a flood does not have it search for
// the oldest one each time.
func forgetOlderHalf[V any](m map[addrKey]V, seen func(V) time.Time) uint64 {
	times := make([]int64, 0, len(m))
	for _, v := range m {
		times = append(times, seen(v).UnixNano())
	}
	slices.Sort(times)
	middle := times[(len(times)-1)/2]
	before := len(m)
	for addr, v := range m {
		if seen(v).UnixNano() <= middle {
			delete(m, addr)
		}
	}
	return uint64(before - len(m))
}

package dialog

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

// Endpoint is a media address that SDP announced: where its owner wants to
// receive.
type Endpoint struct {
	Call  *Call
	Leg   *Leg // of the callee's addresses, nil for the caller's: all legs share those
	Owner Side
	Addr  netip.AddrPort
	RTCP  netip.AddrPort // equals Addr with rtcp-mux
	// PastRTCP are what RTCP was before: later SDP may say rtcp-mux.
	PastRTCP []netip.AddrPort
	Media    string    // audio, video, image ...
	Since    time.Time // packet time of the SDP that first announced it
	// Hop is 0 for the SDP as its owner sent it; 1, 2 ... for addresses that
	// later hops (an SBC, a media relay) put in its place.
	Hop      int
	NAT      bool // Addr is the host that the owner's signalling came from, with the announced port
	ICE      bool // the pair of addresses is chosen by ICE (RFC 8445)
	SRTP     bool
	Payloads []Payload
	PtimeMs  float64 // a=ptime, 0 when not told
}

// Payload is one payload type of an m= line.
type Payload struct {
	PT       uint8
	Name     string // encoding name in upper case, of the rtpmap or of RFC 3551; "" when neither names it
	Clock    uint32 // Hz; 0 when it is not known
	Channels uint8
	Fmtp     string
}

// direction is what one side's SDP allows it.
type direction struct {
	told       bool
	since      time.Time // of the message that put it in force
	send, recv bool
	image      bool // m=image: T.38
	video      bool
	srtp       bool
}

// offer is SDP in a request, in force once a 2xx answers it.
type offer struct {
	id    requestID
	media direction
}

// exchange tells the versions of one SDP at several hops from each other: all
// have the same CSeq, method, sender and kind of response.
type exchange struct {
	cseq   uint32
	method byte
	class  uint8 // 0 is a request
	owner  Side
	leg    *Leg
	index  int // of the m= line
	addrs  []netip.AddrPort
}

// sdp takes the session description of a message, sent by owner.
func (c *Call) sdp(e *event, leg *Leg, owner Side) {
	body := e.m.SDP()
	if len(body) == 0 {
		return
	}
	var s sip.SDP
	s.Parse(body)
	d := direction{told: true, send: true, recv: true}
	if owner == A {
		leg = nil
	}
	for i := range s.Media {
		m := &s.Media[i]
		kind := string(m.Type)
		at := s.Transport(i)
		if m.Port == 0 && at == m {
			continue // refused or taken away
		}
		switch {
		case kind == "audio":
			d.send, d.recv = canSend(m.Direction), canReceive(m.Direction)
			if m.Addr.IsValid() && !m.Placed() && !m.ICE {
				d.recv = false // hold as RFC 2543 has it
			}
		case kind == "video":
			d.video = true
		case kind == "image" && bytes.EqualFold(m.Proto, []byte("udptl")):
			d.image, d.send, d.recv = true, true, true
		}
		d.srtp = d.srtp || m.Crypto
		c.announce(e, leg, owner, i, m, at)
	}
	switch {
	case string(e.method) == "ACK" || string(e.method) == "PRACK":
		c.apply(e.at, leg, owner, d)
	case e.m.Request:
		id := requestID{e.cseq, owner}
		for i := range c.offers {
			if c.offers[i].id == id {
				c.offers[i].media = d
				return
			}
		}
		if len(c.offers) >= maxOffers {
			c.offers = c.offers[1:]
		}
		c.offers = append(c.offers, offer{id: id, media: d})
	case e.m.Status >= 200:
		c.apply(e.at, leg, owner, d)
	}
}

func canSend(d sip.Direction) bool    { return d != sip.RecvOnly && d != sip.Inactive }
func canReceive(d sip.Direction) bool { return d != sip.SendOnly && d != sip.Inactive }

// announce notes the addresses of one m= line: its own, those of the line at
// whose transport it is bundled, and the candidates of both.
func (c *Call) announce(e *event, leg *Leg, owner Side, index int, m, at *sip.Media) {
	others := candidates(m)
	if at != m {
		if at.Placed() {
			others = append(others, unmap(at.RTP()))
		}
		others = append(others, candidates(at)...)
	}
	var addr netip.AddrPort
	switch {
	case m.Placed():
		addr = unmap(m.RTP())
	case len(others) > 0:
		addr = others[0]
	default:
		return
	}
	ep := Endpoint{
		Call: c, Leg: leg, Owner: owner, Addr: addr, Media: clip(m.Type, maxTag), Since: e.at,
		SRTP: m.Crypto, ICE: m.ICE, Payloads: payloads(m), PtimeMs: float64(m.Ptime),
	}
	ep.RTCP = addr
	if m.Placed() {
		ep.RTCP = unmap(m.RTCP())
	}
	ep.Hop = c.hop(e, leg, owner, index, addr)
	isNew := c.addEndpoint(ep)
	// Where NAT stands between the owner and the tap, or the owner announces the
	// public address of a cloud host, media comes from the host that signalling
	// comes from.
	if host := e.p.Src.Addr().Unmap(); isNew && ep.Hop == 0 && !ep.ICE && host != addr.Addr() {
		behind := ep
		behind.NAT = true
		behind.Addr, behind.RTCP = netip.AddrPortFrom(host, addr.Port()), netip.AddrPortFrom(host, ep.RTCP.Port())
		c.addEndpoint(behind)
	}
	for _, other := range others {
		alt := ep
		alt.Addr, alt.RTCP, alt.ICE = other, other, ep.ICE || at == m
		if alt.Addr != addr {
			c.addEndpoint(alt)
		}
	}
}

// candidates are the addresses of RTP that a line has beside its own.
func candidates(m *sip.Media) []netip.AddrPort {
	var out []netip.AddrPort
	for i := range m.Candidates {
		if cand := &m.Candidates[i]; cand.Component == 1 && cand.Addr.IsValid() && !cand.Addr.Addr().IsUnspecified() {
			out = append(out, unmap(cand.Addr))
		}
	}
	return out
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func payloads(m *sip.Media) []Payload {
	out := make([]Payload, 0, min(len(m.Formats), maxPayloads))
	for i := range m.Formats {
		f := &m.Formats[i]
		if f.PayloadType < 0 {
			continue // t38 and other formats without a number
		}
		if len(out) == maxPayloads {
			break
		}
		out = append(out, Payload{
			PT: uint8(f.PayloadType), Name: strings.ToUpper(clip(f.Codec, maxUser)), Clock: f.ClockRate, Channels: f.Channels, Fmtp: clip(f.Fmtp, maxText),
		})
	}
	return out
}

// addEndpoint reports whether ep was not known.
func (c *Call) addEndpoint(ep Endpoint) bool {
	for _, old := range c.Endpoints {
		if old.Addr == ep.Addr && old.Owner == ep.Owner && old.Leg == ep.Leg && old.Media == ep.Media {
			old.Payloads, old.SRTP, old.PtimeMs = ep.Payloads, ep.SRTP, ep.PtimeMs
			old.Hop = min(old.Hop, ep.Hop)
			if old.RTCP != ep.RTCP && len(old.PastRTCP) < maxPastRTCP {
				old.PastRTCP = append(old.PastRTCP, old.RTCP)
				old.RTCP = ep.RTCP
				c.table.bind(old)
			}
			old.NAT = old.NAT && ep.NAT
			return false
		}
	}
	if len(c.Endpoints) >= maxEndpoints {
		c.table.Counters.Overflow++
		return false
	}
	c.Endpoints = append(c.Endpoints, &ep)
	c.table.bind(&ep)
	return true
}

// hop numbers the version of an address by how many other ones the same SDP
// had before: a message passes its sender's hop first.
func (c *Call) hop(e *event, leg *Leg, owner Side, index int, addr netip.AddrPort) int {
	x := exchange{cseq: e.cseq, method: e.method[0], class: uint8(e.m.Status / 100), owner: owner, leg: leg, index: index}
	if e.m.Request {
		x.method = e.m.Method[0]
	}
	for i := range c.exchanges {
		o := &c.exchanges[i]
		if o.cseq == x.cseq && o.method == x.method && o.class == x.class && o.owner == x.owner && o.leg == x.leg && o.index == x.index {
			for n, a := range o.addrs {
				if a == addr {
					return n
				}
			}
			if len(o.addrs) < 16 {
				o.addrs = append(o.addrs, addr)
			}
			return len(o.addrs) - 1
		}
	}
	x.addrs = []netip.AddrPort{addr}
	if len(c.exchanges) >= 64 {
		c.exchanges = c.exchanges[1:]
	}
	c.exchanges = append(c.exchanges, x)
	return 0
}

// agree puts the offer of a request in force that side sent and a 2xx
// answered.
func (c *Call) agree(e *event, leg *Leg, side Side) {
	for i := range c.offers {
		if c.offers[i].id == (requestID{e.cseq, side}) {
			c.apply(e.at, leg, side, c.offers[i].media)
			return
		}
	}
}

// refuse forgets the offer of a request that failed.
func (c *Call) refuse(e *event, side Side) {
	for i := range c.offers {
		if c.offers[i].id == (requestID{e.cseq, side}) {
			c.offers = append(c.offers[:i], c.offers[i+1:]...)
			return
		}
	}
}

func (c *Call) apply(at time.Time, leg *Leg, owner Side, d direction) {
	if leg == nil {
		if leg = c.anyLeg(); leg == nil {
			return
		}
	}
	if at.Before(leg.media[owner].since) {
		return // a copy of an older one, told late
	}
	d.since = at
	leg.media[owner] = d
	c.mediaFlags(leg)
	if leg.answer.isZero() && !leg.confirmed {
		return
	}
	a, b := leg.media[A], leg.media[B]
	aHeld := a.told && !a.send || b.told && !b.recv
	bHeld := b.told && !b.send || a.told && !a.recv
	leg.hold.set(at, aHeld, bHeld)
	for side, held := range [...]bool{aHeld, bHeld} {
		switch {
		case held && (leg.hold.spoke[side] || c.truncated):
			c.SetFlag("on_hold")
		case !held && a.told && b.told:
			leg.hold.spoke[side] = true
		}
	}
}

// mediaFlags sets what both sides agreed to, or one where the other was not
// heard: an offer alone agrees to nothing.
func (c *Call) mediaFlags(l *Leg) {
	a, b := &l.media[A], &l.media[B]
	agreed := func(is func(*direction) bool) bool {
		return (is(a) || !a.told) && (is(b) || !b.told)
	}
	if agreed(func(d *direction) bool { return d.image }) {
		c.SetFlag("t38")
	}
	if agreed(func(d *direction) bool { return d.video }) {
		c.SetFlag("video")
	}
	if agreed(func(d *direction) bool { return d.srtp }) {
		c.SetFlag("srtp")
	}
}

// Span is the time from one moment to a later one.
type Span struct{ From, To time.Time }

// hold adds up the time in which a side was not expected to send.
type hold struct {
	since [2]time.Time // zero while the side may send
	total [2]time.Duration
	idle  [2][]Span // see Leg.Idle
	// spoke tells that a side could send before: one that never was to, as in
	// a call that is recvonly from its first offer, is not on hold.
	spoke [2]bool
}

func (h *hold) set(at time.Time, held ...bool) {
	for s, is := range held {
		switch {
		case is && h.since[s].IsZero():
			h.since[s] = at
		case !is && !h.since[s].IsZero():
			h.total[s] += max(0, at.Sub(h.since[s]))
			h.keep(Side(s), Span{h.since[s], at})
			h.since[s] = time.Time{}
		}
	}
}

// maxHolds is how many holds of a side are told apart. What lies between
// later ones counts as held, so that nobody is called silent by mistake.
const maxHolds = 64

// keep notes a hold of a side that is over. Who puts the other end on hold
// may play music, and often plays nothing.
func (h *hold) keep(held Side, s Span) {
	if !s.To.After(s.From) {
		return
	}
	h.note(held, s)
	if h.spoke[held] {
		h.note(held.Other(), s)
	}
}

func (h *hold) note(side Side, s Span) {
	if n := len(h.idle[side]); n >= maxHolds {
		h.idle[side][n-1].To = later(h.idle[side][n-1].To, s.To)
		return
	}
	h.idle[side] = append(h.idle[side], s)
}

func (h *hold) end(at time.Time) { h.set(at, false, false) }

func (h *hold) active() bool { return !h.since[A].IsZero() || !h.since[B].IsZero() }

// Payload is what SDP says of a payload type.
func (ep *Endpoint) Payload(pt uint8) (Payload, bool) {
	for _, p := range ep.Payloads {
		if p.PT == pt {
			return p, true
		}
	}
	return Payload{}, false
}

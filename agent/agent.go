// Package agent turns what is on the wire into what a collector takes: SIP
// and RTCP as they are, and in place of RTP a report of each stream every
// five seconds, metered here.
package agent

import (
	"sync/atomic"
	"time"

	"github.com/earshot-voip/earshot/agent/recorder"
	"github.com/earshot-voip/earshot/agent/thin"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

// Options of an Agent.
type Options struct {
	Node    string // its name in every packet
	AgentID uint32
	Domain  string
	// UnwrapHEP are ports whose UDP and TCP payloads are HEP to unwrap, as in
	// a capture taken in front of a collector. Live capture leaves it empty:
	// that HEP reaches its collector by itself.
	UnwrapHEP []uint16
	// IgnorePorts are ports whose traffic is not looked at: the HEP of this
	// process itself.
	IgnorePorts []uint16
	MaxStreams  int // RTP streams metered at once; more are counted, not metered
	MaxAddrs    int // media addresses remembered from SDP
	// StreamIdle ends a stream after this much time without a packet.
	StreamIdle time.Duration
	// NoBuffers runs no jitter-buffer models: late packets count as heard.
	NoBuffers bool
	// Signal decodes the sound of G.711 and G.722 that SDP announced and did not
	// encrypt: level, silence and clipping. Nothing of it is kept.
	Signal bool
	// SharedKeys puts into reports what other servers read of them, too.
	SharedKeys bool
	// Guess meters RTP that no SDP announced, once it looks like a stream.
	Guess bool
	// Recorder takes the headers of what is seen; nil where there is none. Calls
	// of which an interval of a stream has a MOS below FreezeBelow are frozen in
	// it; 0 is never. Speech says how that is scored.
	Recorder    *recorder.Recorder
	FreezeBelow float64
	Speech      media.Speech
	// MemoryFull and CPUFull are set while this process uses more than it may:
	// streams that begin then are not metered. nil is never.
	MemoryFull, CPUFull *atomic.Bool
	// Thin says what is left out, and what is masked, of what leaves.
	Thin thin.Options
}

// Defaults suit one machine.
func Defaults() Options {
	return Options{
		Node: "local", UnwrapHEP: []uint16{9060}, MaxStreams: 200_000, MaxAddrs: 400_000, StreamIdle: 120 * time.Second, Guess: true,
	}
}

// Reasons of an Agent's drops: RTP of streams that are not metered.
const (
	ReasonStreamsFull = "streams_full"
	ReasonMemory      = "memory"
	ReasonCPU         = "cpu"
)

// Counters say what an Agent saw. Packets that it passed on are counted too.
type Counters struct {
	SIP, RTP, RTCP, HEP    uint64
	STUN, DTLS, Other      uint64
	HEPErrors              uint64
	OwnHEP                 uint64 // on IgnorePorts
	RTPUnmetered           uint64 // because MaxStreams were; those that no SDP announced may take half of them
	RTPRefusedMemory       uint64 // because MemoryFull was set
	RTPRefusedCPU          uint64 // because CPUFull was set
	RTPGuessed             uint64 // of streams never announced and never confirmed: not reported
	Streams                uint64 // metered now
	StreamsReported, Addrs uint64 // Addrs are the media addresses remembered now
	AddrsForgotten         uint64 // because MaxAddrs were
	RTCPErrors, KeepAlives uint64
	ZRTP, TURN, UDPTL      uint64
	Thin                   thin.Counters

	Requests  map[string]uint64 // SIP requests by method
	Responses map[int]uint64    // SIP responses by status
}

// countSIP keeps the number of methods bounded: a sender chooses them.
func (c *Counters) countSIP(m *sip.Message) {
	c.SIP++
	if !m.Request {
		if _, ok := c.Responses[m.Status]; ok || len(c.Responses) < 1000 {
			c.Responses[m.Status]++
		}
		return
	}
	if _, ok := c.Requests[string(m.Method)]; ok || len(c.Requests) < 64 {
		c.Requests[string(m.Method)]++
	} else {
		c.Requests["other"]++
	}
}

// Agent classifies packets, meters RTP and passes on the rest. One goroutine
// uses it.
type Agent struct {
	opt      Options
	emit     func(*packet.Packet)
	now      time.Time
	sweepAt  time.Time
	message  sip.Message
	sdp      sip.SDP
	header   media.RTPHeader
	rtcp     media.RTCP
	hep      hep.Decoder
	unwraps  [1 << 16 / 64]uint64 // bit set of ports
	ignores  [1 << 16 / 64]uint64
	streams  streams
	announce announcements
	thin     *thin.Filter  // nil: everything leaves as it is
	reported media.Report  // the latest, used again
	out      packet.Packet // that which carries it
	buf      []byte        // the payload made last
	call     []byte        // the Call-ID that goes with it
	drops    packet.Drops
	Counters Counters
}

// New returns an Agent that hands every packet that leaves to emit, which may
// keep nothing of it.
func New(opt Options, emit func(*packet.Packet)) *Agent {
	a := &Agent{opt: opt, emit: emit, announce: announcements{byAddr: map[addrKey]*announcement{}, max: opt.MaxAddrs}, drops: packet.Drops{Stage: "agent"}}
	a.Counters.Requests, a.Counters.Responses = map[string]uint64{}, map[int]uint64{}
	a.streams.init()
	a.thin = thin.New(opt.Thin)
	for _, p := range opt.UnwrapHEP {
		a.unwraps[p/64] |= 1 << (p % 64)
	}
	for _, p := range opt.IgnorePorts {
		a.ignores[p/64] |= 1 << (p % 64)
	}
	return a
}

func has(set *[1 << 16 / 64]uint64, p *packet.Packet) bool {
	s, d := p.Src.Port(), p.Dst.Port()
	return (set[s/64]>>(s%64)|set[d/64]>>(d%64))&1 != 0
}

// Observe takes one decoded packet.
func (a *Agent) Observe(p *packet.Packet) {
	if p.Time.After(a.now) {
		a.reach(p.Time)
	} else if p.Time.Before(a.now) && a.now.Sub(p.Time) > setBack {
		a.rewind(p.Time)
	}
	p.Node, p.Domain, p.AgentID = a.opt.Node, a.opt.Domain, a.opt.AgentID
	b := p.Payload
	if len(b) >= 8 && b[0]>>6 == 2 && p.Transport == packet.UDP {
		if b[1] >= 192 && b[1] <= 223 && media.LooksLikeRTCP(b) {
			a.observeRTCP(p)
			return
		}
		if a.header.ParseCut(b, int(p.Cut)) {
			a.observeRTP(p)
			return
		}
	}
	a.observeOther(p)
}

func (a *Agent) observeOther(p *packet.Packet) {
	b := p.Payload
	if has(&a.ignores, p) {
		a.Counters.OwnHEP++
		return
	}
	if has(&a.unwraps, p) && isHEP(b) {
		a.unwrap(p)
		return
	}
	if p.Kind == packet.KindSIP || sip.IsSIP(b) {
		p.Kind = packet.KindSIP
		a.observeSIP(p)
		return
	}
	if len(b) <= 4 { // CRLF and other keep-alives (RFC 5626 section 3.5.1)
		a.Counters.KeepAlives++
		return
	}
	switch media.Classify(b) {
	case media.ClassSTUN:
		a.Counters.STUN++
	case media.ClassDTLS:
		a.Counters.DTLS++
		a.announce.seal(p.Src, p.Dst)
	case media.ClassTURN:
		a.Counters.TURN++
	case media.ClassZRTP:
		a.Counters.ZRTP++
		a.announce.seal(p.Src, p.Dst)
	case media.ClassT38:
		a.Counters.UDPTL++
	case media.ClassUnknown, media.ClassRTP, media.ClassRTCP:
		a.Counters.Other++
	}
}

func (a *Agent) observeSIP(p *packet.Packet) {
	read := a.message.Parse(p.Payload)
	if read {
		a.Counters.countSIP(&a.message)
		if body := a.message.SDP(); len(body) > 0 {
			a.sdp.Parse(body)
			a.announce.learn(&a.sdp, a.message.CallID(), p.Time)
			a.Counters.Addrs, a.Counters.AddrsForgotten = uint64(len(a.announce.byAddr)), a.announce.evicted
		}
		if r := a.opt.Recorder; r != nil {
			r.SIP(p, &a.message)
		}
	} else if r := a.opt.Recorder; r != nil {
		r.Counts.SIPUnread.Add(1)
	}
	if a.thin == nil {
		a.emit(p)
		return
	}
	// SDP was read first: it tells which call the media belong to, that they are
	// left out with it.
	m := &a.message
	if !read {
		m = nil
	}
	switch a.thin.Message(p, m) {
	case thin.Kept:
		a.emit(p)
	case thin.Rate: // nobody asked for this very message to be left out
		a.drops.Add("thin_rate", p.Time, 1)
	default:
	}
	a.Counters.Thin = a.thin.Counters
}

// pass hands on what is no SIP.
func (a *Agent) pass(p *packet.Packet) {
	if a.thin == nil {
		a.emit(p)
		return
	}
	if a.thin.Packet(p) == thin.Kept {
		a.emit(p)
	}
	a.Counters.Thin = a.thin.Counters
}

func (a *Agent) observeRTCP(p *packet.Packet) {
	if err := media.ParseRTCP(p.Payload, &a.rtcp); err != nil {
		a.Counters.RTCPErrors++
		if len(a.rtcp.Senders)+len(a.rtcp.Blocks) == 0 {
			return
		}
		// What came before the damage stands: some senders add stray bytes.
	}
	a.Counters.RTCP++
	if r := a.opt.Recorder; r != nil {
		r.RTCP(p)
	}
	p.Kind = packet.KindRTCP
	if call := a.announce.rtcpCall(p.Src, p.Dst); call != "" {
		a.call = append(a.call[:0], call...)
		p.CorrelationID = a.call
	}
	a.buf = media.AppendRTCPJSON(a.buf[:0], &a.rtcp)
	p.Payload = a.buf
	a.pass(p)
}

func isHEP(b []byte) bool {
	return len(b) > 8 && (string(b[:4]) == "HEP3" || b[0] == 1 || b[0] == 2)
}

// unwrap takes the packet out of HEP that was captured on its way.
func (a *Agent) unwrap(outer *packet.Packet) {
	var p packet.Packet
	if err := a.hep.Decode(outer.Payload, &p); err != nil {
		a.Counters.HEPErrors++
		a.drops.Add("hep_malformed", outer.Time, 1)
		return
	}
	a.Counters.HEP++
	if p.Time.IsZero() { // HEP1 carries none
		p.Time = outer.Time
	}
	if p.Node == "" {
		p.Node = hep.NodeName(p.AgentID, outer.Src.Addr())
	}
	if p.Domain == "" {
		p.Domain = a.opt.Domain
	}
	switch p.Kind {
	case packet.KindSIP:
		a.observeSIP(&p)
	case packet.KindRTCP:
		a.Counters.RTCP++
		a.pass(&p)
	case packet.KindRTP:
		if a.header.Parse(p.Payload) {
			a.observeRTP(&p)
		} else {
			a.Counters.Other++
		}
	default:
		a.pass(&p)
	}
}

// Drop tells of frames that never came here: the kernel's, or the capture's.
func (a *Agent) Drop(stage, reason string, from, to time.Time, n uint64) {
	if n == 0 {
		return
	}
	d := packet.Drops{Stage: stage}
	d.Add(reason, from, n)
	d.Add(reason, to, 0)
	for _, p := range d.Flush(to, a.opt.Node, a.opt.Domain) {
		a.emit(&p)
	}
}

// Advance moves the clock while no packet comes.
func (a *Agent) Advance(now time.Time) {
	switch {
	case now.After(a.now):
		a.reach(now)
	case a.now.Sub(now) > setBack:
		a.rewind(now)
	case !a.now.Before(a.sweepAt):
		a.sweep()
	}
}

// reach moves the clock, step by step while there are streams: what they owe
// after a long silence leaves in order of time, as if it had been asked for all
// along. The end of one must not overtake a report of another. Reports are due
// within seconds; after them only ends are, and the steps grow, so that no
// patience with idle streams makes them many.
func (a *Agent) reach(now time.Time) {
	const reports = 30 // steps of a second
	step := 0
	for ; len(a.streams.order) > 0 && a.sweepAt.Before(now); step++ {
		a.now = later(a.now, a.sweepAt)
		a.sweep()
		if step >= reports {
			a.sweepAt = a.now.Add(max(time.Second, a.opt.StreamIdle/60))
		}
	}
	a.now = now
	if step > 0 || !a.now.Before(a.sweepAt) {
		a.sweep()
	}
}

func later(x, y time.Time) time.Time {
	if y.After(x) {
		return y
	}
	return x
}

// setBack is how far packets may go back in time and still be late ones, as
// of two interfaces. Further, a clock was set, or one packet had a wrong time.
const setBack = time.Minute

// rewind follows a clock that was set back: waiting for it to pass the old
// time again would end no stream and give no report until then.
func (a *Agent) rewind(now time.Time) {
	a.now, a.announce.swept = now, now
	a.sweep()
}

func (a *Agent) sweep() {
	a.sweepAt = a.now.Add(time.Second)
	a.sweepStreams()
	a.Counters.Streams = uint64(len(a.streams.order))
	a.announce.sweep(a.now)
	if r := a.opt.Recorder; r != nil {
		r.Advance(a.now, a.announce.addresses)
	}
	a.tell()
}

func (a *Agent) tell() {
	for _, p := range a.drops.Flush(a.now, a.opt.Node, a.opt.Domain) {
		a.emit(&p)
	}
}

// Close ends the input: every stream gives its last report.
func (a *Agent) Close() {
	a.closeStreams()
	a.tell()
}

// Undecoded are the packets that became nothing, and the reports that were left
// out, by reason.
func (c *Counters) Undecoded() map[string]uint64 {
	u := map[string]uint64{
		"stun": c.STUN, "dtls": c.DTLS, "turn": c.TURN, "zrtp": c.ZRTP, "t38": c.UDPTL, "udp_other": c.Other, "keep_alive": c.KeepAlives,
		"hep_malformed": c.HEPErrors, "own_hep": c.OwnHEP, "rtcp_malformed": c.RTCPErrors,
		"rtp_guess_unconfirmed": c.RTPGuessed, ReasonStreamsFull: c.RTPUnmetered,
		ReasonMemory: c.RTPRefusedMemory, ReasonCPU: c.RTPRefusedCPU,
	}
	for _, r := range thin.Reasons() {
		u["thin_"+r.String()] = c.Thin.By[r]
	}
	return u
}

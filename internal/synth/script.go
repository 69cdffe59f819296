package synth

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// script writes a capture down step by step. Its clock is where the next
// message is put; sending moves it by a few milliseconds, wait moves it on.
type script struct {
	r     *run
	rng   *rand.Rand
	now   micros
	items []emission // signalling and all that is no RTP
	sent  []*msg
	flows []*flow
	rtcp  []*reporter
	conns map[[2]netip.AddrPort]*tcpState

	associations map[[2]netip.AddrPort]*association

	ipIDs uint16

	rtcpOff  bool
	mirrored bool

	// The cast. alice calls bob; the others come in where a case needs them.
	alice, bob, carol, dave *party
	proxy, sbc              *party
}

func newScript(r *run, name string, seed int64) *script {
	h := fnv.New64a()
	h.Write([]byte(name))
	s := &script{r: r, rng: rand.New(rand.NewPCG(uint64(seed), h.Sum64())), conns: map[[2]netip.AddrPort]*tcpState{}, associations: map[[2]netip.AddrPort]*association{}}
	s.alice = s.party("+12025550142", "Alice Adams", "198.51.100.20", "Yealink SIP-T46S 66.86.0.15")
	s.bob = s.party("+442079460123", "Bob Brown", "203.0.113.40", "Grandstream GXP2170 1.0.11.79")
	s.carol = s.party("+12025550177", "Carol Clark", "203.0.113.41", "PolycomVVX-VVX_411-UA/5.9.6")
	s.dave = s.party("+442079460155", "Dave Dunn", "198.51.100.23", "Cisco-CP8841/12.8.1")
	s.proxy = s.party("proxy", "", "192.0.2.10", "kamailio (5.7.4 (x86_64/linux))")
	s.sbc = s.party("sbc", "", "192.0.2.30", "Oracle SBC")
	return s
}

func (s *script) party(user, display, addr, agent string) *party {
	a := netip.MustParseAddr(addr)
	return &party{
		user: user, display: display, host: "example.com", agent: agent,
		sip: netip.AddrPortFrom(a, 5060), rtp: netip.AddrPortFrom(a, uint16(16384+2*s.rng.IntN(4000))),
		session: 1700000000 + uint64(s.rng.IntN(99999999)),
	}
}

// front is p as the box `at` presents it on another leg: p's name at the
// box's address, with media ports of its own.
func (s *script) front(p, at *party) *party {
	f := *p
	f.sip, f.agent, f.session = at.sip, at.agent, at.session+uint64(s.rng.IntN(1000))
	f.rtp = netip.AddrPortFrom(at.sip.Addr(), uint16(30000+2*s.rng.IntN(4000)))
	return &f
}

// finish hands everything to the run.
func (s *script) finish() {
	s.r.hops = s.hops()
	if s.mirrored {
		for _, e := range slices.Clone(s.items) {
			e.at += 30
			s.items = append(s.items, e)
		}
	}
	s.r.add(newList(s.items))
	for _, f := range s.flows {
		f.impaired.mirrored = s.mirrored
		s.r.add(f)
	}
	for _, p := range s.rtcp {
		p.copied = s.mirrored
		s.r.add(p)
	}
}

func (s *script) hex(bytes int) string {
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte(s.rng.Uint32())
	}
	return hex.EncodeToString(b)
}

func (s *script) wait(d time.Duration) { s.now += inMicros(d) }

// pings lets the capture go on for a while, with a ping each quarter of it.
func (s *script) pings(d time.Duration) {
	for range 4 {
		s.wait(d / 4)
		s.ping()
	}
}

// at moves the clock to a time, earlier ones included.
func (s *script) at(t micros) { s.now = t }

// put puts m on the wire between its two parties, at the clock.
func (s *script) put(m *msg) {
	m.at = s.now
	s.sent = append(s.sent, m)
	b := m.bytes()
	switch m.transport {
	case packet.TCP, packet.WS:
		s.segments(m, b)
	case packet.SCTP:
		s.userMessage(m, b)
	default:
		s.datagram(emission{src: m.by.sip, dst: m.peer.sip, kind: packet.KindSIP, dscp: 24, callID: m.dialog.callID, payload: b, msg: m})
	}
	s.now += 2000 + micros(s.rng.IntN(3000))
}

// again repeats a message as it was, at the clock.
func (s *script) again(m *msg) *msg {
	m = m.clone()
	s.put(m)
	return m
}

// datagram adds a UDP datagram at the clock, which does not move.
func (s *script) datagram(e emission) {
	s.ipIDs++
	e.at, e.transport, e.ttl, e.ipID = s.now, packet.UDP, 62, s.ipIDs
	s.items = append(s.items, e)
}

// ping is an OPTIONS between two parties that have nothing to do with the
// calls: packet time goes on, whatever else is silent.
func (s *script) ping() {
	d := s.call(s.party("ping", "", "192.0.2.61", "heartbeat"), s.party("ping", "", "192.0.2.62", "heartbeat"))
	d.invited = &msg{}
	d.recordRoute = false
	m := d.build(d.a, "OPTIONS")
	m.set("To", d.b.name())
	d.reply(d.send(m), 200)
}

// tcpState is one direction of a connection.
type tcpState struct {
	seq    uint32
	client bool // it opened the connection
}

// segments sends b over TCP, or in WebSocket over it, on the connection of m's parties; the first
// message opens it.
func (s *script) segments(m *msg, b []byte) {
	there, back := [2]netip.AddrPort{m.by.sip, m.peer.sip}, [2]netip.AddrPort{m.peer.sip, m.by.sip}
	if s.conns[there] == nil {
		s.conns[there], s.conns[back] = &tcpState{s.rng.Uint32(), true}, &tcpState{s.rng.Uint32(), false}
		s.segment(there, tcpSYN, nil, nil, m.dialog.callID)
		s.segment(back, tcpSYN|tcpACK, nil, nil, m.dialog.callID)
		s.segment(there, tcpACK, nil, nil, m.dialog.callID)
		if m.transport == packet.WS {
			s.segment(there, tcpPSH|tcpACK, []byte(upgradeRequest), nil, m.dialog.callID)
			s.segment(back, tcpPSH|tcpACK, []byte(upgradeResponse), nil, m.dialog.callID)
		}
		m.at = s.now
	}
	if m.transport == packet.WS {
		var mask [4]byte
		binary.BigEndian.PutUint32(mask[:], s.rng.Uint32())
		b = webSocketFrame(b, mask, s.conns[there].client)
	}
	const mss = 1448
	for len(b) > 0 {
		n := min(len(b), mss)
		var whole *msg
		if n == len(b) {
			whole = m
			m.at = s.now
		}
		s.segment(there, tcpPSH|tcpACK, b[:n], whole, m.dialog.callID)
		b = b[n:]
	}
	s.segment(back, tcpACK, nil, nil, m.dialog.callID)
}

func (s *script) segment(way [2]netip.AddrPort, flags uint8, b []byte, whole *msg, callID string) {
	from, back := s.conns[way], s.conns[[2]netip.AddrPort{way[1], way[0]}]
	s.ipIDs++
	e := emission{
		at: s.now, src: way[0], dst: way[1], transport: packet.TCP, dscp: 24, ttl: 62, ipID: s.ipIDs, callID: callID,
		payload: b, msg: whole, tcp: &tcpSegment{seq: from.seq, ack: back.seq, flags: flags},
	}
	if flags == tcpSYN {
		e.tcp.ack = 0
	}
	if whole != nil {
		e.kind = packet.KindSIP
	}
	from.seq += uint32(len(b))
	if flags&(tcpSYN|tcpFIN) != 0 {
		from.seq++
	}
	s.items = append(s.items, e)
	s.now += 100
}

func (s *script) newSender(p *party) *sender {
	return &sender{
		ssrc: s.rng.Uint32(), next: s.rng.Uint32() & 0x7fff, ts: s.rng.Uint32(), seed: s.rng.Uint64(),
		cname: p.user + "@" + p.sip.Addr().String(),
	}
}

// naturalWander is how late a packet of an unimpaired scenario stream is at
// most: phones are not exact.
const naturalWander = 400 * time.Microsecond

// audio is n packets' worth of d in codec c.
func audio(c codec, d time.Duration) part {
	return part{kind: audioPart, codec: c, packets: int(d / c.ptime)}
}

// noise is one comfort noise packet and then silence.
func noise(d time.Duration) part { return part{kind: noisePart, codec: comfortNoise, silence: d} }

// digit is an RFC 4733 event of 100 ms.
func digit(d uint8) part { return part{kind: eventPart, codec: telephoneEvent, packets: 5, digit: d} }

// stream sends parts from the clock on, which does not move.
func (s *script) stream(d *dialog, side string, snd *sender, from, to netip.AddrPort, parts ...part) *flow {
	f := newFlow(s.r, snd, from, to, s.now, parts)
	f.wander = inMicros(naturalWander)
	f.labels = streamLabels{direction: side, match: "sdp"}
	if d != nil {
		f.callID, f.owner = d.callID, d
	}
	s.flows = append(s.flows, f)
	return f
}

// matched sets how the stream is expected to meet its dialog.
func (f *flow) matched(how string) *flow {
	f.labels.match = how
	if f.labels.match == "none" {
		f.labels.direction = ""
	}
	f.meter.flow.labels = f.labels
	return f
}

// talk lets both sides of d send media for a while, with RTCP, and waits for
// the end of it.
func (d *dialog) talk(length time.Duration) {
	d.s.wait(20 * time.Millisecond)
	d.speak(length)
	d.s.wait(length + 30*time.Millisecond)
}

// speak is talk from the clock on, which does not move.
func (d *dialog) speak(length time.Duration) (a, b *flow) {
	s := d.s
	a = s.stream(d, "a", d.senderA, d.a.rtp, d.b.rtp, audio(d.codecs[0], length))
	b = s.stream(d, "b", d.senderB, d.b.rtp, d.a.rtp, audio(d.codecs[0], length))
	s.reports(a, b, next(d.a.rtp), next(d.b.rtp), length)
	return a, b
}

// next is the RTCP port beside an RTP port (RFC 3550 11).
func next(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

// reports adds the RTCP of both ends of two opposite flows. One of them may be
// nil: then that side hears only.
func (s *script) reports(a, b *flow, portA, portB netip.AddrPort, length time.Duration) {
	if s.rtcpOff {
		return
	}
	// The tap is 2 ms from alice's side and 18 ms from bob's.
	ra := &reporter{src: portA, dst: portB, away: 2 * time.Millisecond, due: s.now + 1_200_000}
	rb := &reporter{src: portB, dst: portA, away: 18 * time.Millisecond, due: s.now + 1_700_000}
	s.speaks(ra, a, rb)
	s.speaks(rb, b, ra)
	for _, p := range [...]*reporter{ra, rb} {
		p.until = s.now + inMicros(length)
		s.rtcp = append(s.rtcp, p)
	}
}

// speaks says that p sends f and the other hears it, or, without f, that p
// only hears.
func (s *script) speaks(p *reporter, f *flow, other *reporter) {
	p.other = other
	if f == nil {
		p.sender = s.newSender(s.alice) // whose SSRC is in reports alone
		return
	}
	p.own, p.sender, p.callID, other.heard, other.callID = f.meter, f.sender, f.callID, f.meter, f.callID
}

// row states one expected row of calls.
type row struct {
	start, ring, answer, end *msg
	endAt                    micros // instead of end, 0 when not used
	endsWithMedia            bool
	by                       string // hangup_by
	final                    *msg   // whose status counts
	flags                    []string

	challenges, retransmissions, invites, attempts *uint32
	q850, sip                                      *uint16
	diverted                                       string
	text                                           map[string]string // other columns of text, by name
	session                                        *dialog
	mediaSeen                                      string
	unseen                                         bool // media goes on where the tap sees none of it
}

func count(n int) *uint32 { return new(uint32(n)) }

func cause(n int) *uint16 { return new(uint16(n)) }

func (s *script) row(d *dialog, state record.State, w row) {
	when := func(m *msg) *time.Time {
		if m == nil {
			return nil
		}
		return new(s.r.time(m.first().at))
	}
	c := CallTruth{
		CallID: d.callID, FromTag: d.fromTag, Caller: d.a.user, Callee: d.called(d.b).user, State: state,
		StartTime: when(w.start), RingTime: when(w.ring), AnswerTime: when(w.answer), EndTime: when(w.end),
		Challenges: w.challenges, Retransmissions: w.retransmissions, Invites: w.invites, Attempts: w.attempts,
		CauseQ850: w.q850, CauseSIP: w.sip, Text: w.text, Session: d.callID, Flags: append([]string{}, w.flags...),
	}
	slices.Sort(c.Flags)
	if d.a.old {
		c.FromTag = ""
	}
	if w.endAt != 0 {
		c.EndTime = new(s.r.time(w.endAt))
	}
	final := w.final
	if final == nil {
		final = w.answer
	}
	if final != nil {
		c.FinalStatus = new(uint16(final.status))
		_, c.ToTag, _ = strings.Cut(final.get("To"), ";tag=")
	} else if state == record.Answered {
		c.ToTag = d.toTag
	}
	c.endsWithMedia, c.unseen, c.dialog = w.endsWithMedia, w.unseen, d
	if w.by != "" {
		c.HangupBy = new(w.by)
	}
	if w.diverted != "" {
		c.DivertedFrom = new(w.diverted)
	}
	if w.session != nil {
		c.Session = w.session.callID
	}
	if w.mediaSeen != "" {
		c.MediaSeen = new(w.mediaSeen)
	}
	s.r.calls = append(s.r.calls, c)
}

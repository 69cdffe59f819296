// Package dialog follows INVITE transactions and dialogs (RFC 3261) in the
// messages that a passive tap sees, and turns each into the signalling part of
// a record.Call.
//
// A Table belongs to one goroutine. Its clock is packet time: timers move in
// Advance only.
package dialog

import (
	"cmp"
	"container/heap"
	"hash/maphash"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

// Options are the timers and bounds of a Table.
type Options struct {
	// T1 is RFC 3261's round-trip estimate; an INVITE without any response
	// times out after 64 T1.
	T1 time.Duration
	// TimerC ends a call that got a provisional response and nothing after it.
	TimerC time.Duration
	// Grace is how long an ended call waits for stragglers, media reports and
	// a new try (authentication, redirection, next carrier) before its row is
	// written.
	Grace time.Duration
	// NoMedia ends an answered call after this much time without media and
	// signalling, where media was seen before.
	NoMedia time.Duration
	// LongestCall ends an answered call of which nothing more is heard.
	LongestCall time.Duration
	// MaxCalls bounds the table.
	MaxCalls int
	// Emergency are dialled numbers and service URNs of emergency calls.
	Emergency []string
	// Headers are names of INVITE headers to keep in the row.
	Headers []string
}

// Defaults are the timers of RFC 3261 and the bounds that suit one machine.
func Defaults() Options {
	return Options{
		T1:          500 * time.Millisecond,
		TimerC:      180 * time.Second,
		Grace:       15 * time.Second,
		NoMedia:     60 * time.Second,
		LongestCall: 12 * time.Hour,
		MaxCalls:    200_000,
		Emergency:   []string{"urn:service:sos", "112", "911"},
	}
}

// Counters say what a Table did with what it could not follow.
type Counters struct {
	Evicted  uint64 // calls whose row was written early because the table, or their Call-ID, was full
	Late     uint64 // messages of calls whose row was already written
	NoCall   uint64 // in-dialog requests and responses of no known call
	Overflow uint64 // tries, legs and media addresses beyond what one call may hold
}

// Table is the set of calls in progress.
type Table struct {
	opt      Options
	now      time.Time         // where Advance has come to
	groups   map[string]*group // by domain and Call-ID
	deadline deadlines
	written  Recent // domain and Call-ID of calls whose row is written
	repeats  Recent // identities of messages, to tell a repetition
	key      []byte // scratch for group keys
	seq      uint64
	done     []*Call // to be handed out by the next Advance
	bind     func(*Endpoint)

	Counters Counters
}

// group holds the calls of one Call-ID: one, or more where a B2BUA keeps the
// Call-ID on both legs or a client uses it again.
type group struct{ calls []*Call }

// NewTable returns an empty Table. bind is told of every media address that
// SDP announces, and again when its RTCP address changes; it may be nil.
func NewTable(opt Options, bind func(*Endpoint)) *Table {
	if bind == nil {
		bind = func(*Endpoint) {}
	}
	opt.MaxCalls = max(opt.MaxCalls, 1)
	return &Table{
		opt:     opt,
		groups:  map[string]*group{},
		written: NewRecent(128*time.Second, 4*opt.MaxCalls),
		repeats: NewRecent(64*time.Second, 1_000_000),
		bind:    bind,
	}
}

// Len is the number of calls in the table.
func (t *Table) Len() int { return len(t.deadline) }

// Seen is what the table made of one message.
type Seen struct {
	Call           *Call // nil when the message is of no call
	Retransmission bool  // the same message was seen before at the same hop
}

// Observe takes one SIP message. p.Payload is m.Raw.
func (t *Table) Observe(p *packet.Packet, m *sip.Message) Seen {
	e := event{p: p, m: m, at: p.Time, callID: identifier(m.CallID(), maxCallID), from: m.From(), to: m.To(), via: m.Via()}
	e.from.Tag, e.to.Tag, e.via.Branch = identifier(e.from.Tag, maxTag), identifier(e.to.Tag, maxTag), identifier(e.via.Branch, maxBranch)
	e.cseq, e.method = m.CSeq()
	if e.at.IsZero() {
		e.at = t.now // nobody told when: it is known since now
	}
	if m.Request { // which says itself what it is, whatever a broken CSeq says
		e.method = m.Method
	}
	e.repeat = t.repeats.Seen(e.identity(), later(t.now, e.at))
	call := t.follow(&e)
	if call != nil {
		call.sawNode(p.Node)
		if e.repeat {
			call.countRepeat(&e)
		}
		call.arrived(e.at)
		t.schedule(call)
	}
	return Seen{Call: call, Retransmission: e.repeat}
}

func (t *Table) follow(e *event) *Call {
	if len(e.callID) == 0 {
		return nil
	}
	switch string(e.method) {
	case "INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "REFER":
	default:
		return nil // no method that opens, changes or ends a call
	}
	call, leg, side := t.find(e)
	switch {
	case call == nil:
		if call, leg, side = t.open(e); call == nil {
			return nil
		}
	case call.usedAgain(e):
		call, leg, side = t.newCall(e), nil, A
	}
	call.lastSeen = later(call.lastSeen, e.at)
	if e.m.Request {
		t.request(e, call, leg, side)
	} else {
		t.response(e, call, leg, side)
	}
	return call
}

// find returns the call that a message belongs to, its leg where the message
// names one, and the side that sent the request (a response goes the other
// way, with the request's tags).
func (t *Table) find(e *event) (*Call, *Leg, Side) {
	g := t.groups[string(t.groupKey(e))]
	if g == nil {
		return nil, nil, A
	}
	from, to := e.from.Tag, e.to.Tag
	for _, c := range slices.Backward(g.calls) { // the newest use of a Call-ID first
		if len(from) == 0 && len(to) == 0 { // RFC 2543 peers send no tags
			if c.fromTag != "" {
				continue
			}
			if c.callee != c.caller && string(e.from.URI.User) == c.callee && string(e.method) != "INVITE" {
				return c, c.anyLeg(), B
			}
			return c, c.anyLeg(), A
		}
		if string(from) == c.fromTag {
			return c, c.leg(to), A
		}
		if len(to) > 0 && string(to) == c.fromTag {
			return c, c.leg(from), B
		}
		if len(to) == 0 && c.fromTag == "" && string(e.from.URI.User) == c.callee { // RFC 2543 caller, modern callee
			return c, c.anyLeg(), B
		}
		// A capture that began in the call may have met its sides the other way
		// round, and a caller without a tag may be given one later.
		if c.truncated || c.fromTag == "" {
			if l := c.leg(from); l != nil {
				return c, l, B
			}
			if l := c.leg(to); l != nil && c.fromTag == "" {
				return c, l, A
			}
		}
	}
	return nil, nil, A
}

// open makes the call that a message begins, or shows to exist.
func (t *Table) open(e *event) (call *Call, leg *Leg, side Side) {
	method := string(e.method)
	switch {
	case method == "INVITE":
		// A request begins it; a response shows that its INVITE came before
		// the capture or comes out of order.
	case method == "BYE":
		// A call that began before the capture.
	case (method == "UPDATE" || method == "PRACK") && e.m.Request && len(e.to.Tag) > 0:
	default:
		t.Counters.NoCall++
		return nil, nil, A
	}
	initial := e.initialInvite()
	if key := t.groupKey(e); !initial && t.written.has(hash(key)) || initial && t.written.has(inviteHash(key, e.from.Tag, e.cseq)) {
		t.Counters.Late++ // a straggler of a call whose row is written
		return nil, nil, A
	}
	c := t.newCall(e)
	if !initial {
		c.truncated = true
		if len(e.to.Tag) > 0 && (e.m.Request || method != "INVITE") {
			leg = c.addLeg(e.to.Tag)
			leg.confirmed = true // a request with a To tag is sent in a dialog
		}
	}
	return c, leg, A
}

func (t *Table) newCall(e *event) *Call {
	if g := t.groups[string(t.groupKey(e))]; g != nil && len(g.calls) >= maxGroup {
		t.evict(g.calls[0])
	}
	if len(t.deadline) >= t.opt.MaxCalls {
		t.evict(t.deadline[0]) // the one that would be written next: a flood puts itself out first
	}
	t.seq++
	c := &Call{
		table: t, seq: t.seq, index: -1,
		domain: e.p.Domain, callID: string(e.callID), fromTag: string(e.from.Tag),
		firstSeen: e.at, lastSeen: e.at,
		transport: e.p.Transport, vlan: e.p.VLAN,
	}
	c.parties(e)
	c.teller = c.clock(e.p.Node)
	key := string(t.groupKey(e))
	g := t.groups[key]
	if g == nil {
		g = &group{}
		t.groups[key] = g
	}
	g.calls = append(g.calls, c)
	heap.Push(&t.deadline, c)
	return c
}

// Find returns the calls in progress with a Call-ID.
func (t *Table) Find(domain string, callID []byte) []*Call {
	t.key = append(append(append(t.key[:0], domain...), 0), identifier(callID, maxCallID)...)
	if g := t.groups[string(t.key)]; g != nil {
		return g.calls
	}
	return nil
}

func (t *Table) groupKey(e *event) []byte {
	t.key = append(append(append(t.key[:0], e.p.Domain...), 0), e.callID...)
	return t.key
}

// Advance moves the clock to now and returns the calls that are over, each
// with its grace period passed, in the order in which they became so. Their
// rows are theirs to give; the Table has forgotten them.
func (t *Table) Advance(now time.Time) []*Call {
	t.now = later(t.now, now)
	for len(t.deadline) > 0 && !t.deadline[0].deadline.After(now) {
		c := t.deadline[0]
		c.expired = true
		t.finish(c)
	}
	out := t.done
	t.done = nil
	return out
}

// Close ends the input: every call left is returned as it stands.
func (t *Table) Close(now time.Time) []*Call {
	out := t.Advance(now)
	left := slices.Clone(t.deadline)
	slices.SortFunc(left, func(a, b *Call) int { return cmp.Compare(a.seq, b.seq) })
	for _, c := range left { // in order of first appearance, so that output does not depend on timers
		t.finish(c)
	}
	out = append(out, t.done...)
	t.done = nil
	return out
}

func (t *Table) finish(c *Call) {
	heap.Remove(&t.deadline, c.index)
	key := c.domain + "\x00" + c.callID
	if g := t.groups[key]; g != nil {
		if i := slices.Index(g.calls, c); i >= 0 {
			g.calls = slices.Delete(g.calls, i, i+1)
		}
		if len(g.calls) == 0 {
			delete(t.groups, key)
		}
	}
	c.written = true
	now := later(t.now, c.firstSeen)
	t.written.Seen(hash([]byte(key)), now)
	for i, try := range c.tries {
		if i == 0 || try.cseq != c.tries[i-1].cseq {
			t.written.Seen(inviteHash([]byte(key), []byte(c.fromTag), try.cseq), now)
		}
	}
	t.done = append(t.done, c)
}

// evict writes a call early, as it stands.
func (t *Table) evict(c *Call) {
	c.evicted = true
	t.finish(c)
	t.Counters.Evicted++
}

// inviteHash is of one initial INVITE, to tell a straggling copy of it from a
// new use of its Call-ID.
func inviteHash(key, fromTag []byte, cseq uint32) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	h.Write(key)
	h.WriteByte(0)
	h.Write(fromTag)
	h.WriteByte(0)
	number(&h, cseq)
	return h.Sum64()
}

func (t *Table) schedule(c *Call) {
	if at := c.nextDeadline().Add(c.lag); !at.Equal(c.deadline) {
		c.deadline = at
		heap.Fix(&t.deadline, c.index)
	}
}

// deadlines is a heap of calls by the time at which each must be looked at.
type deadlines []*Call

func (d deadlines) Len() int { return len(d) }
func (d deadlines) Less(i, j int) bool {
	if !d[i].deadline.Equal(d[j].deadline) {
		return d[i].deadline.Before(d[j].deadline)
	}
	return d[i].seq < d[j].seq
}

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

func (d *deadlines) Push(x any) {
	c := x.(*Call)
	c.index = len(*d)
	*d = append(*d, c)
}

func (d *deadlines) Pop() any {
	old := *d
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	c.index = -1
	return c
}

package dialog

import (
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Side is one end of a call.
type Side uint8

const (
	A Side = iota // the caller
	B             // the callee
)

// Other is the opposite side.
func (s Side) Other() Side { return s ^ 1 }

func (s Side) String() string {
	if s == A {
		return "a"
	}
	return "b"
}

// Call is what an initial INVITE set going: its tries at every hop, and a Leg
// for each To tag that answered. Each answered Leg becomes one record.Call; a
// call that nobody answered becomes one.
type Call struct {
	table    *Table
	seq      uint64
	index    int // in the heap of deadlines
	deadline time.Time
	lag      time.Duration // how far its messages come behind the table's clock
	written  bool          // handed out by Advance or Close
	expired  bool          // a timer ended it, not the end of the input
	evicted  bool

	// Small ones fill a word: a call is 960 bytes, a size class of the allocator.
	truncated      bool // its beginning was not seen
	cancelRace     bool
	answeredByElse bool  // CANCEL said that another answered
	teller         uint8 // the node by whose clock the call is told: the nearest to the caller that saw the INVITE

	domain, callID, fromTag string
	nodes                   []string
	firstSeen, lastSeen     time.Time

	// Of the first INVITE, or of the first message where it was not seen.
	start                              stamp // zero when the INVITE was not seen
	startHop                           int   // Via headers of the INVITE that the fields below are of
	caller, callerHost, callerDisplay  string
	callee, calleeHost                 string
	requestUser, requestHost           string
	asserted, diverted, digestUsername string
	callerAgent, calleeAgent           string
	headers                            map[string]string
	src, dst                           netip.AddrPort
	transport                          packet.Transport
	vlan                               uint16
	proxies                            []string
	network                            *network // nil where no network says anything

	tries []*try
	legs  []*Leg

	rung        rung
	provisional time.Time // latest provisional response
	trying      stamp     // first 100 to the INVITE
	responded   stamp     // first response to it other than 100

	cancel      stamp // first CANCEL of the call as a whole
	cancelCause cause

	invites       uint32
	challenges    uint32
	inviteSeqs    []requestID
	challengeIDs  []requestID
	repeatCount   uint32
	inviteRepeats uint32 // of repeatCount, INVITE requests
	repeats       []repeat

	Endpoints []*Endpoint // what SDP announced, both sides, in order of appearance
	offers    []offer     // SDP that waits for its answer
	exchanges []exchange

	signalled [2][]netip.Addr // hosts that each side's signalling came from
	reached   [2][]netip.Addr // hosts that the other side's signalling went to
	lastMedia time.Time
	flags     map[string]bool
}

// Leg is the dialog of one To tag.
type Leg struct {
	Tag string

	answer    stamp  // first 2xx to the INVITE
	status    uint16 // of that 2xx
	reason    string
	rung      rung
	confirmed bool // in-dialog requests were seen, so it was answered although the 2xx was not seen
	alleged   bool // confirmed by such a request only, in a call whose INVITE was seen
	acked     bool
	bye       stamp // first BYE
	byeSide   Side
	byeDone   stamp // first final response to that side's BYE
	cause     cause
	agent     string // User-Agent or Server of the callee on this leg

	sessionExpires time.Duration // RFC 4028; 0 is no session timer
	refreshed      time.Time

	media [2]direction // what each side last agreed to
	hold  hold

	referred time.Time // when a REFER was accepted (RFC 3515)
}

// rung is when a target rang.
type rung struct {
	first180, first18x stamp // 180; 18x other than that
}

func (r *rung) by(status int, at time.Time, node, teller uint8) {
	switch {
	case status == 180:
		r.first180.note(at, node, teller)
	case status > 180:
		r.first18x.note(at, node, teller)
	}
}

// first is that of the 180, of another 18x where no 180 came.
func (r *rung) first() stamp {
	if r.first180.isZero() {
		return r.first18x
	}
	return r.first180
}

// requestID tells requests of one method in one dialog apart.
type requestID struct {
	cseq uint32
	side Side
}

// repeat counts how often one message was seen again at one hop. The hop that
// saw it most often tells how often it was sent again.
type repeat struct {
	content, hop uint64
	n            uint32
}

// CallID is the Call-ID of the call.
func (c *Call) CallID() string { return c.callID }

// Domain is the capture domain of the call.
func (c *Call) Domain() string { return c.domain }

// FromTag is the caller's tag.
func (c *Call) FromTag() string { return c.fromTag }

// FirstSeen is the packet time of the first evidence of the call.
func (c *Call) FirstSeen() time.Time { return c.firstSeen }

// LastSeen is the packet time of the latest message of the call.
func (c *Call) LastSeen() time.Time { return c.lastSeen }

// Signalled lists the hosts that a side's signalling came from.
func (c *Call) Signalled(s Side) []netip.Addr { return c.signalled[s] }

// Reached lists the hosts that the other side's signalling went to.
func (c *Call) Reached(s Side) []netip.Addr { return c.reached[s] }

// OnlyNode reports whether no other node than this one saw the call's SIP.
func (c *Call) OnlyNode(node string) bool { return len(c.nodes) == 1 && c.nodes[0] == node }

// Written reports whether the Table has given the call away.
func (c *Call) Written() bool { return c.written }

// TouchMedia tells the call that media of it was seen at a time: media keeps
// an answered call alive.
func (c *Call) TouchMedia(at time.Time) {
	if at.After(c.lastMedia) {
		c.lastMedia = at
		if !c.written {
			c.arrived(at)
			c.table.schedule(c)
		}
	}
}

// lateBy is how far behind the table's clock a message may come without
// standing for an agent that replays what it spooled, or a capture.
const lateBy = 30 * time.Second

// arrived notes how far behind the clock the call lives: its timers are set
// that much later, so that old data played beside live traffic is not over
// before it is told.
func (c *Call) arrived(at time.Time) {
	if c.lag = c.table.now.Sub(at); c.lag < lateBy {
		c.lag = 0
	}
}

// SetFlag sets a flag of the record contract that something other than
// signalling showed.
func (c *Call) SetFlag(name string) {
	if c.flags == nil {
		c.flags = map[string]bool{}
	}
	c.flags[name] = true
}

// AnswerTime is when the call was first answered, and whether it was.
func (c *Call) AnswerTime() (time.Time, bool) {
	var at time.Time
	for _, l := range c.legs {
		at = earlier(at, l.answer.time())
	}
	return at, !at.IsZero()
}

func (c *Call) sawNode(node string) {
	if node != "" && !slices.Contains(c.nodes, node) && len(c.nodes) < 32 {
		c.nodes = append(c.nodes, node)
	}
}

func (c *Call) leg(tag []byte) *Leg {
	if len(tag) == 0 {
		return nil
	}
	for _, l := range c.legs {
		if l.Tag == string(tag) {
			return l
		}
	}
	return nil
}

// anyLeg is the answered leg of a peer that sends no tags.
func (c *Call) anyLeg() *Leg {
	for _, l := range c.legs {
		if !l.answer.isZero() || l.confirmed {
			return l
		}
	}
	if len(c.legs) > 0 {
		return c.legs[0]
	}
	return nil
}

func (c *Call) addLeg(tag []byte) *Leg {
	if l := c.leg(tag); l != nil {
		return l
	}
	if len(tag) == 0 {
		for _, l := range c.legs {
			if l.Tag == "" {
				return l
			}
		}
	}
	l := &Leg{Tag: string(tag)}
	if len(c.legs) < maxLegs {
		c.legs = append(c.legs, l)
		return l
	}
	c.table.Counters.Overflow++
	for i, old := range c.legs { // a target that only rang makes room
		if !old.live() && old.bye.isZero() {
			c.legs = append(slices.Delete(c.legs, i, i+1), l)
			return l
		}
	}
	return c.legs[maxLegs-1]
}

// claim confirms a leg by a request that says to be sent in it.
func (c *Call) claim(l *Leg) {
	if !l.live() {
		l.confirmed, l.alleged = true, !c.truncated
	}
}

// deny takes the word of the other end, which answered 481, that there is no
// such dialog.
func (c *Call) deny(l *Leg) {
	if l.alleged && l.answer.isZero() {
		c.legs = slices.DeleteFunc(c.legs, func(o *Leg) bool { return o == l })
	}
}

// countRepeat counts a message that was seen before at its hop.
func (c *Call) countRepeat(e *event) {
	content, hop := e.content(), e.hop()
	before := uint32(0)
	at := -1
	for i := range c.repeats {
		if c.repeats[i].content == content {
			before = max(before, c.repeats[i].n)
			if c.repeats[i].hop == hop {
				at = i
			}
		}
	}
	if at < 0 {
		if len(c.repeats) >= maxRepeats {
			c.addRepeat(e)
			return
		}
		at = len(c.repeats)
		c.repeats = append(c.repeats, repeat{content: content, hop: hop})
	}
	c.repeats[at].n++
	if c.repeats[at].n > before {
		c.addRepeat(e)
	}
}

// addRepeat adds one to the repetitions.
func (c *Call) addRepeat(e *event) {
	c.repeatCount++
	if e.m.Request && string(e.method) == "INVITE" {
		c.inviteRepeats++
	}
}

// remember adds id to a bounded set and reports whether it was new.
func remember(set *[]requestID, id requestID) bool {
	if slices.Contains(*set, id) {
		return false
	}
	if len(*set) < maxRequests {
		*set = append(*set, id)
	}
	return true
}

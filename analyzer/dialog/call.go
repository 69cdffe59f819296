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

// Bounds of what one call may hold. A caller chooses how many forks,
// re-INVITEs and media moves there are; what exceeds the bounds is still
// counted, but not kept apart.
const (
	maxTries     = 64
	maxLegs      = 32
	maxEndpoints = 128
	maxRepeats   = 64
	maxOffers    = 16
)

// Call is what an initial INVITE set going: its tries at every hop, and a Leg
// for each To tag that answered. Each answered Leg becomes one record.Call; a
// call that nobody answered becomes one.
type Call struct {
	table    *Table
	seq      uint64
	index    int // in the heap of deadlines
	deadline time.Time
	written  bool // handed out by Advance or Close
	expired  bool // a timer ended it, not the end of the input
	evicted  bool

	domain, callID, fromTag string
	nodes                   []string
	firstSeen, lastSeen     time.Time

	// Of the first INVITE, or of the first message where it was not seen.
	start                              time.Time // zero when the INVITE was not seen
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

	tries []*try
	legs  []*Leg

	ring180, ring18x time.Time // first 180; first 101 to 199 other than that
	provisional      time.Time // latest provisional response

	cancel         time.Time // first CANCEL of the call as a whole
	cancelBy       string
	answeredByElse bool // CANCEL said that another answered

	invites      uint32
	inviteSeqs   []requestID
	challenges   uint32
	challengeIDs []requestID
	repeatCount  uint32
	repeats      []repeat
	causeQ850    uint16 // 0 is none: no call ends with cause 0
	causeSIP     uint16

	Endpoints []*Endpoint // what SDP announced, both sides, in order of appearance
	offers    []offer     // SDP that waits for its answer
	exchanges []exchange

	signalled [2][]netip.Addr // hosts that each side's signalling came from
	lastMedia time.Time

	truncated  bool // its beginning was not seen
	cancelRace bool
	flags      map[string]bool
}

// Leg is the dialog of one To tag.
type Leg struct {
	Tag string

	answer           time.Time // first 2xx to the INVITE
	status           uint16    // of that 2xx
	reason           string
	ring180, ring18x time.Time // as those of Call, on this leg
	confirmed        bool      // in-dialog requests were seen, so it was answered although the 2xx was not seen
	acked            bool
	bye              time.Time // first BYE
	byeSide          Side
	byeDone          time.Time // first final response to it
	causeQ850        uint16
	causeSIP         uint16
	agent            string // User-Agent or Server of the callee on this leg

	sessionExpires time.Duration // RFC 4028; 0 is no session timer
	refreshed      time.Time

	media [2]direction // what each side last agreed to
	hold  hold
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

// Written reports whether the Table has given the call away.
func (c *Call) Written() bool { return c.written }

// TouchMedia tells the call that media of it was seen at a time: media keeps
// an answered call alive.
func (c *Call) TouchMedia(at time.Time) {
	if at.After(c.lastMedia) {
		c.lastMedia = at
		if !c.written {
			c.table.schedule(c)
		}
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
		at = earlier(at, l.answer)
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
		if !l.answer.IsZero() || l.confirmed {
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
	if len(c.legs) >= maxLegs {
		return c.legs[maxLegs-1]
	}
	l := &Leg{Tag: string(tag)}
	c.legs = append(c.legs, l)
	return l
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
			c.repeatCount++
			return
		}
		at = len(c.repeats)
		c.repeats = append(c.repeats, repeat{content: content, hop: hop})
	}
	c.repeats[at].n++
	if c.repeats[at].n > before {
		c.repeatCount++
	}
}

// remember adds id to a bounded set and reports whether it was new.
func remember(set *[]requestID, id requestID) bool {
	if slices.Contains(*set, id) {
		return false
	}
	if len(*set) < 256 {
		*set = append(*set, id)
	}
	return true
}

package dialog

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

// try is one INVITE client transaction: an initial INVITE at one hop. Hops of
// one INVITE are ordered by their Via headers: a proxy puts its own on top of
// those it received.
type try struct {
	branch string   // topmost Via branch, or a stand-in for RFC 2543 peers
	self   uint64   // hash of branch
	chain  []uint64 // hashes of the branches below the topmost one
	start  time.Time
	first  int64  // first response, Unix time in us; 0 is never
	host   string // of the Request-URI
	src    netip.AddrPort
	dst    netip.AddrPort
	seen   clocked

	forks []fork // by To tag of provisional and 2xx responses

	reason string
	toTag  string
	final  time.Time

	// Small ones last: a try is 320 bytes, a size class of the allocator.
	cseq      uint32
	status    uint16
	cause     cause
	repeats   uint16 // of the INVITE and its responses, at this hop
	hops      uint8  // Via headers below the topmost one
	transport packet.Transport
	cancelled bool
	hasChild  bool // the same INVITE was seen at a later hop
	hasParent bool // the same INVITE was seen at an earlier hop
	stand     bool // it stands for others, too, that are too many
}

// fork is one early or confirmed dialog of a try: where a proxy that forks is
// upstream of the tap, each To tag is a target of its own.
type fork struct {
	tag  string
	rung rung
	won  time.Time // 2xx
}

// branchOf identifies a transaction at a hop. RFC 2543 peers give no unique
// branch: sent-by and CSeq stand in for it (RFC 3261 section 17.2.3).
// Addresses on the wire do so only where the Via names nobody: such a peer may
// send from one port and be answered at another, that of its Via.
func branchOf(v sip.Via, e *event) string {
	if v.Magic() {
		return string(v.Branch)
	}
	host := clip(v.Host, maxHost)
	cseq := "#" + strconv.FormatUint(uint64(e.cseq), 10) + string(v.Branch)
	if host != "" {
		return host + ":" + strconv.Itoa(int(v.Port)) + cseq
	}
	src, dst := e.p.Src, e.p.Dst
	if !e.m.Request {
		src, dst = dst, src // responses return on the request's path
	}
	return src.String() + ">" + dst.String() + cseq
}

func (c *Call) findTry(branch string, cseq uint32) *try {
	for _, t := range slices.Backward(c.tries) {
		if t.cseq == cseq && t.branch == branch {
			return t
		}
	}
	return nil
}

// addTry notes an initial INVITE at one hop; a repetition gives the try that
// is already there.
func (c *Call) addTry(e *event) *try {
	t := c.tryOf(e)
	node := c.clock(e.p.Node)
	t.seen.note(sent, e.at, node)
	t.repeated(e, node)
	if !t.start.IsZero() {
		t.start = earlier(t.start, e.at)
		return t
	}
	uri, _ := sip.ParseURI(e.m.RequestURI)
	t.start, t.host, t.src, t.dst, t.transport = e.at, clip(uri.Host, maxHost), e.p.Src, e.p.Dst, e.p.Transport
	top := true
	for v := range e.m.Vias() {
		if top {
			top = false
			continue
		}
		t.hops = min(t.hops, 254) + 1
		if len(v.Branch) > 0 && len(t.chain) < 16 {
			t.chain = append(t.chain, hash(identifier(v.Branch, maxBranch)))
		}
	}
	for _, other := range c.tries {
		if other == t || other.cseq != t.cseq {
			continue
		}
		if slices.Contains(t.chain, other.self) {
			other.hasChild, t.hasParent = true, true
		}
		if slices.Contains(other.chain, t.self) {
			t.hasChild, other.hasParent = true, true
		}
	}
	return t
}

// tryOf is the try of a request or response to an initial INVITE. A response
// whose INVITE was not seen, or is not seen yet, has a try without a start.
func (c *Call) tryOf(e *event) *try {
	branch := branchOf(e.via, e)
	if t := c.findTry(branch, e.cseq); t != nil {
		return t
	}
	if len(c.tries) >= maxTries {
		c.table.Counters.Overflow++
		i := slices.IndexFunc(c.tries, func(t *try) bool { return t.status >= 300 && t.cseq < e.cseq })
		if i < 0 {
			c.tries[maxTries-1].stand = true
			return c.tries[maxTries-1]
		}
		c.tries = slices.Delete(c.tries, i, i+1) // one that failed long ago makes room
	}
	t := &try{branch: branch, self: hash([]byte(branch)), cseq: e.cseq}
	c.tries = append(c.tries, t)
	return t
}

func (t *try) fork(tag []byte) *fork {
	for i := range t.forks {
		if t.forks[i].tag == string(tag) {
			return &t.forks[i]
		}
	}
	if len(t.forks) >= maxLegs { // one that only rang makes room
		i := max(slices.IndexFunc(t.forks, func(f fork) bool { return f.won.IsZero() }), 0)
		t.forks = slices.Delete(t.forks, i, i+1)
	}
	t.forks = append(t.forks, fork{tag: string(tag)})
	return &t.forks[len(t.forks)-1]
}

// firstSeen is the first evidence of a try, in whole microseconds.
func (t *try) firstSeen() time.Time {
	if t.first == 0 {
		return micro(t.start)
	}
	return earlier(micro(t.start), time.UnixMicro(t.first).UTC())
}

// attempt reports whether a try counts as one downstream: the hop nearest to the
// target. What came before it is the same INVITE on its way, whether Vias say so
// or a proxy hid them.
func (c *Call) attempt(t *try) bool {
	return !t.hasChild && !slices.ContainsFunc(c.tries, func(o *try) bool { return o != t && !o.hasParent && c.enteredAt(o) == t })
}

// acksAnswer reports whether an ACK is that of a 2xx, which is a transaction
// of its own (RFC 3261 section 13.2.2.4): the ACK of a refusal has the branch
// of its INVITE (section 17.1.1.3).
func (c *Call) acksAnswer(e *event) bool {
	if !e.via.Magic() || c.findTry(branchOf(e.via, e), e.cseq) != nil {
		return false
	}
	return !slices.ContainsFunc(c.tries, func(t *try) bool { return t.status >= 300 && t.toTag == string(e.to.Tag) })
}

// usedAgain reports whether an INVITE is no part of this call, which is over,
// but a new use of its Call-ID and From tag.
func (c *Call) usedAgain(e *event) bool {
	if !e.initialInvite() || e.cseq <= c.lastCSeq() {
		return false
	}
	over, at := c.over()
	return over && (c.answered() || e.at.Sub(at) > c.patience())
}

// pending reports whether a try as the caller made it still waits for its
// final response.
func (c *Call) pending() bool {
	for _, t := range c.tries {
		if !t.hasParent && t.final.IsZero() && t.cseq == c.lastCSeq() {
			return true
		}
	}
	return false
}

func (c *Call) lastCSeq() uint32 {
	var last uint32
	for _, t := range c.tries {
		last = max(last, t.cseq)
	}
	return last
}

// latestTry is the latest INVITE as the caller sent it, nil when none was
// seen.
func (c *Call) latestTry() *try {
	var latest *try
	for _, t := range c.tries {
		if !t.hasParent && (latest == nil || t.cseq >= latest.cseq) {
			latest = t
		}
	}
	return latest
}

// outcome is the try whose final response the caller was left with: at the
// hop nearest to the caller, of the latest CSeq, the latest.
func (c *Call) outcome() *try {
	var best *try
	for _, t := range c.tries {
		if t.final.IsZero() {
			continue
		}
		switch {
		case best == nil,
			best.hasParent && !t.hasParent,
			best.hasParent == t.hasParent && t.cseq > best.cseq,
			best.hasParent == t.hasParent && t.cseq == best.cseq && t.final.After(best.final):
			if best != nil && t.hasParent && !best.hasParent {
				continue
			}
			best = t
		}
	}
	return best
}

package dialog

import (
	"cmp"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// moment is what happens in an INVITE transaction at one hop.
type moment uint8

const (
	sent     moment = iota // the INVITE
	trying                 // first 100
	progress               // first 18x
	ringing                // first 180
	ended                  // final response
	acked                  // first ACK behind it
	moments
)

// clocked is when the moments of a transaction were seen, and by which node:
// two nodes may see one hop, and each has a clock of its own.
type clocked struct {
	at   [moments]int64 // Unix time in us; 0 is never
	node [moments]uint8 // in the order of Call.nodes, from 1; 0 is one too many
}

// note takes the earliest time of the node that saw the INVITE, where that
// one saw the moment; else the first that came.
func (k *clocked) note(m moment, at time.Time, node uint8) {
	us := at.UnixMicro()
	switch known, ours := k.at[m] != 0, node == k.node[sent]; {
	case !known, ours && k.node[m] != node:
		k.at[m], k.node[m] = us, node
	case k.node[m] == node:
		k.at[m] = min(k.at[m], us)
	}
}

// gap is the time from a moment here to one at another hop. It is known where
// one clock saw both, in this order: a capture may swap two packets.
func (k *clocked) gap(from moment, o *clocked, to moment) *float64 {
	us := o.at[to] - k.at[from]
	if k.at[from] == 0 || o.at[to] == 0 || k.node[from] != o.node[to] || k.node[from] == 0 || us < 0 {
		return nil
	}
	return new(float64(us) / 1000)
}

// after is the time from the INVITE to a moment.
func (k *clocked) after(m moment) *float64 { return k.gap(sent, k, m) }

// ahead is how far the clock of this hop is ahead of the one of the hop before,
// and by how much that may be wrong at most, us. No message comes out of a box
// before it went in: the INVITE bounds the offset from above, each response
// that the box passed on from below, and the middle is the estimate, as NTP's
// (RFC 5905 section 8).
func (k *clocked) ahead(before *clocked, answered, alone bool) (offset, most int64, ok bool) {
	bound := func(m moment) (us int64, ok bool) {
		return k.at[m] - before.at[m], k.at[m] != 0 && before.at[m] != 0 && k.node[m] == k.node[sent] && before.node[m] == before.node[sent] && k.node[m] != 0 && before.node[m] != 0
	}
	high, ok := bound(sent)
	low, both := bound(ended)
	if !ok || !both || !answered || low > high {
		return 0, 0, false
	}
	if alone { // else a provisional response may be that of another branch
		for _, m := range [...]moment{progress, ringing} {
			if us, ok := bound(m); ok && us <= high { // else the box made its own
				low = max(low, us)
			}
		}
	}
	return (low + high) / 2, (high - low + 1) / 2, true
}

// shifted are the moments that one node saw, by a clock that is ahead, of
// another node.
func (k *clocked) shifted(us int64, node uint8) *clocked {
	out := &clocked{}
	for m, at := range k.at {
		if at != 0 && k.node[m] == k.node[sent] {
			out.at[m], out.node[m] = at+us, node
		}
	}
	return out
}

// end is when the final response to a try was seen.
func (t *try) end() stamp { return stamp{t.seen.at[ended], t.seen.node[ended]} }

// clock is the number of a node among those that saw the call.
func (c *Call) clock(node string) uint8 {
	c.sawNode(node)
	if node == "" { // a capture that nobody named
		return 255
	}
	return uint8(slices.Index(c.nodes, node) + 1)
}

// noteResponse notes a response to the INVITE of a try.
func (t *try) noteResponse(e *event, node uint8) {
	switch status := e.m.Status; {
	case status == 100:
		t.seen.note(trying, e.at, node)
	case status > 100 && status < 180, status > 189 && status < 200:
	case status < 200:
		t.seen.note(progress, e.at, node)
		if status == 180 {
			t.seen.note(ringing, e.at, node)
		}
	default:
		t.seen.note(ended, e.at, node)
	}
	t.repeated(e, node)
}

// repeated counts what the node that saw the INVITE saw again.
func (t *try) repeated(e *event, node uint8) {
	if e.repeat && node == t.seen.node[sent] && t.repeats < 1<<16-1 {
		t.repeats++
	}
}

// noteACK notes the ACK to a final response. That to a refusal has the branch
// of the INVITE; that to a 2xx has its own (RFC 3261 section 13.2.2.4), and is
// known by the way it takes. One that passes by the proxies is of no hop.
func (c *Call) noteACK(e *event) {
	var t *try
	if t = c.findTry(branchOf(e.via, e), e.cseq); t == nil {
		i := slices.IndexFunc(c.tries, func(t *try) bool {
			return t.cseq == e.cseq && t.status >= 200 && t.status < 300 && t.src.Addr() == e.p.Src.Addr() && t.dst.Addr() == e.p.Dst.Addr()
		})
		if i < 0 {
			return
		}
		t = c.tries[i]
	}
	t.seen.note(acked, e.at, c.clock(e.p.Node))
}

// parentOf is the nearest earlier hop at which the INVITE of a try was seen,
// nil where there is none.
func (c *Call) parentOf(t *try) *try {
	if !t.hasParent {
		return c.enteredAt(t)
	}
	for _, branch := range t.chain { // from the nearest on
		for _, o := range c.tries {
			if o != t && o.cseq == t.cseq && o.self == branch && !o.start.IsZero() && !o.stand {
				return o
			}
		}
	}
	return nil
}

// enteredAt is the hop by which the INVITE of a try came to the host that it
// left from, where no Via says so: a proxy that hides the topology takes the
// Vias out, or writes them anew. It is the latest that came before, by the
// same clock.
func (c *Call) enteredAt(t *try) *try {
	var in *try
	for _, o := range c.tries {
		switch {
		case o == t, o.cseq != t.cseq, o.start.IsZero(), o.stand, slices.Contains(o.chain, t.self):
		case o.dst.Addr() != t.src.Addr(), o.src.Addr() == t.src.Addr() && o.dst != t.src: // the latter: all on one host
		case o.seen.node[sent] != t.seen.node[sent], o.seen.at[sent] >= t.seen.at[sent]:
		case in == nil, o.seen.at[sent] > in.seen.at[sent]:
			in = o
		}
	}
	return in
}

// path is the hop before each, and the hops behind the box at the end of each.
func (c *Call) path() (parents map[*try]*try, branches map[*try][]*try) {
	parents, branches = map[*try]*try{}, map[*try][]*try{}
	for _, t := range c.tries {
		if t.start.IsZero() || t.stand {
			continue // without its INVITE nothing says where it belongs
		}
		if p := c.parentOf(t); p != nil {
			parents[t] = p
			branches[p] = append(branches[p], t)
		}
	}
	return parents, branches
}

// Hops gives a row for each INVITE transaction at each hop, where the call was
// seen at more than one: else its attempts say as much.
func (c *Call) Hops() []*record.Hop {
	if len(c.tries) < 2 {
		return nil
	}
	parents, branches := c.path()
	if len(parents) == 0 {
		return nil
	}
	var out []*record.Hop
	for _, t := range c.tries {
		if t.start.IsZero() || t.stand {
			continue
		}
		h := c.hopRow(t, parents[t], branches[parents[t]])
		if t.hasChild || len(branches[t]) > 0 {
			h.BeyondMs = nil
		}
		// Where Vias are hidden, hops are counted from the one before.
		for p, n := parents[t], 1; p != nil && n < len(c.tries); p, n = parents[p], n+1 {
			h.Hop = max(h.Hop, uint8(min(255, int(p.hops)+n)))
		}
		out = append(out, h)
	}
	slices.SortStableFunc(out, func(x, y *record.Hop) int { return cmp.Compare(x.CSeq, y.CSeq) })
	return out
}

func (c *Call) hopRow(t, parent *try, branches []*try) *record.Hop {
	h := &record.Hop{
		Domain: c.domain, FirstSeen: t.firstSeen(), CallID: c.callID, FromTag: c.fromTag,
		CSeq: t.cseq, Hop: t.hops, Branch: t.branch, SrcIP: t.src.Addr(), SrcPort: t.src.Port(), DstIP: t.dst.Addr(), DstPort: t.dst.Port(),
		Transport: t.transport.String(), StartTime: micro(time.UnixMicro(t.seen.at[sent])), Retransmissions: uint32(t.repeats),
		TryingMs: t.seen.after(trying), ProgressMs: t.seen.after(progress), RingMs: t.seen.after(ringing), FinalMs: t.seen.after(ended), BeyondMs: t.seen.after(ended),
		AckMs: t.seen.gap(ended, &t.seen, acked),
	}
	if n := t.seen.node[sent]; n > 0 && int(n) <= len(c.nodes) {
		h.Node = c.nodes[n-1]
	}
	if t.status != 0 {
		h.Status = new(t.status)
	}
	if parent == nil {
		return h
	}
	h.ParentBranch, h.Clocks = new(parent.branch), new("same")
	answered := answers(t, parent, branches)
	before := &parent.seen // by the clock of t, where that is known
	if t.seen.node[sent] != parent.seen.node[sent] || t.seen.node[sent] == 0 {
		h.Clocks = new("different")
		if off, most, ok := t.seen.ahead(before, answered, len(branches) == 1); ok {
			h.Clocks, h.ClockOffsetMs, h.ClockErrorMs = new("corrected"), new(float64(off)/1000), new(float64(most)/1000)
			before = before.shifted(off, t.seen.node[sent])
		}
	}
	h.ForwardMs = before.gap(sent, &t.seen, sent)
	h.ForwardWaitMs = t.waited(branches, 0, t.seen.at[sent])
	if !answered {
		return h
	}
	h.ReturnMs = t.seen.gap(ended, before, ended)
	switch {
	case t.status < 300: // goes on at once (RFC 3261 section 16.7)
		h.ReturnWaitMs = new(0.)
	case h.ReturnMs != nil:
		h.ReturnWaitMs = t.waited(branches, t.seen.at[ended], before.at[ended])
	}
	// Each of the two times is of one clock, however far apart the clocks are.
	if whole := parent.seen.after(ended); whole != nil && h.FinalMs != nil && *whole >= *h.FinalMs {
		h.PassedMs = new(round(*whole - *h.FinalMs))
	}
	return h
}

// answers reports whether the final response of parent is that of t: the same
// one, or a refusal that the box made of it when no branch was left. A 503 is
// passed on as a 500 (RFC 3261 section 16.7).
func answers(t, parent *try, branches []*try) bool {
	if t.status == 0 || parent.status == 0 {
		return false
	}
	if t.status == parent.status && t.toTag == parent.toTag {
		return true
	}
	if t.status < 300 || parent.status < 300 {
		return false
	}
	return !slices.ContainsFunc(branches, func(o *try) bool {
		return o.status < 300 || o.status == parent.status && o.toTag == parent.toTag || o.seen.at[ended] > t.seen.at[ended]
	})
}

// waited is for how long of a time a box waited for others of its branches:
// one tried before that had not failed yet, or one that had still to end. The
// time is by the clock that saw t; it is unknown where another node saw one of
// the others.
func (t *try) waited(branches []*try, from, to int64) *float64 {
	var pending [][2]int64
	for _, o := range branches {
		if o == t || o.seen.at[sent] >= to || o.start.IsZero() {
			continue
		}
		if o.seen.node[sent] != t.seen.node[sent] {
			return nil
		}
		end := to
		if at := o.seen.at[ended]; at != 0 && o.seen.node[ended] == o.seen.node[sent] {
			end = min(end, at)
		}
		if begin := max(from, o.seen.at[sent]); begin < end {
			pending = append(pending, [2]int64{begin, end})
		}
	}
	slices.SortFunc(pending, func(x, y [2]int64) int { return cmp.Compare(x[0], y[0]) })
	sum := int64(0)
	for _, p := range pending {
		if p[1] > from {
			sum += p[1] - max(from, p[0])
			from = p[1]
		}
	}
	return new(float64(sum) / 1000)
}

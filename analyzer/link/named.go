package link

import (
	"bytes"
	"slices"
	"time"
)

// naming is that one leg names the Call-ID of another one. Whoever knows a Call-ID
// can name it, so that it counts once something else bears it out: the box that has
// both legs, the tags of the dialog, or that it was agreed to.
type naming struct {
	by, named *Leg   // named is nil until it is seen
	name      uint64 // of the Call-ID, among Table.legs
	tags      [2]string
	method    Method
	detail    string
	late      bool // the one that is named was seen after the one that names it
	agreed    bool // it is of a REFER that was accepted
	done      bool
}

const (
	// maxMentions is how many Call-IDs are waited for, and maxMentionsOf those that
	// one leg names.
	maxMentions   = 50_000
	maxMentionsOf = 4
)

// dialogOf reads the dialog that Replaces, Join and Target-Dialog name: its Call-ID
// and two tags, both of which they must have (RFC 3891 section 3, RFC 3911 section
// 4, RFC 4538 section 3).
func dialogOf(v []byte) (callID []byte, tags [2]string) {
	id, params, _ := bytes.Cut(v, []byte(";"))
	for p := range bytes.SplitSeq(params, []byte(";")) {
		name, value, _ := bytes.Cut(p, []byte("="))
		switch string(bytes.ToLower(bytes.TrimSpace(name))) {
		case "to-tag", "local-tag":
			tags[0] = string(bytes.TrimSpace(value))
		case "from-tag", "remote-tag":
			tags[1] = string(bytes.TrimSpace(value))
		}
	}
	return bytes.TrimSpace(id), tags
}

// names says that a leg names the Call-ID of another one. It may do so at several
// hops.
func (t *Table) names(callID []byte, n *naming, at time.Time) {
	l := n.by
	if len(callID) == 0 || string(callID) == l.CallID {
		return
	}
	n.name = hash('i', l.Domain, callID)
	e := l.more()
	if slices.ContainsFunc(e.namings, func(o *naming) bool {
		return o.by == l && o.name == n.name && o.method == n.method && o.detail == n.detail && o.agreed == n.agreed
	}) {
		return
	}
	list := t.mentions[n.name]
	switch n.named = t.legs[n.name]; {
	case len(e.namings) >= maxEvidence, n.named == nil && (len(e.mentions) >= maxMentionsOf || len(list) >= maxSession || t.waiting >= maxMentions):
		t.Counters.Refused++
		return
	case n.named == nil:
		t.mentions[n.name], e.mentions = append(list, n), append(e.mentions, n.name)
		t.waiting++
	case t.uses[n.name] >= maxConstant: // a box fills the header with a constant
		t.Counters.Common++
		return
	case t.before(n.named, l):
		t.use(n.name)
	}
	e.namings = append(e.namings, n)
	if n.named != nil {
		t.settle(n, nil, at)
	}
}

// appeared gives a leg to those that named it before it was seen.
func (t *Table) appeared(l *Leg, name uint64) {
	list := t.mentions[name]
	if list == nil {
		return
	}
	delete(t.mentions, name)
	t.waiting -= len(list)
	e := l.more()
	for _, n := range list {
		n.named, n.late = l, true
		e.namings = append(e.namings, n)
	}
}

// unnamed forgets what a leg waited for.
func (t *Table) unnamed(l *Leg) {
	for _, name := range l.evidence.mentions {
		before := len(t.mentions[name])
		drop(t.mentions, name, func(n *naming) bool { return n.by == l })
		t.waiting -= before - len(t.mentions[name])
	}
}

// settleNamed settles what the leg names, and who names it. Of a leg that is over
// nothing more will be known.
func (t *Table) settleNamed(l *Leg, over bool, at time.Time) {
	var last *Leg
	if over {
		last = l
	}
	if l.evidence == nil {
		return
	}
	for _, n := range l.evidence.namings {
		if n.named != nil && !n.done {
			t.settle(n, last, at)
		}
	}
}

// settle links two legs of which one names the other, as soon as it is known what
// that is worth.
func (t *Table) settle(n *naming, last *Leg, at time.Time) {
	confidence, known := n.worth(last)
	if n.done = known; confidence > 0 {
		t.link(n.by, n.named, n.method, n.detail, confidence, at)
	}
}

// worth is how sure a naming makes it that the legs belong together. Where the
// INVITE comes from the box that the other one went to, it is sure at once. Else who
// was asked must have agreed: a stranger who knows a Call-ID is refused. No such
// dialog (481) is the answer to wrong tags, too (RFC 3891 section 3).
func (n *naming) worth(last *Leg) (confidence float64, known bool) {
	if n.method == Header && (n.by.outOf(n.named) || n.late && n.named.outOf(n.by)) {
		return certain, true
	}
	is := n.by.now()
	agreed := n.agreed || is.answer != 0
	if !agreed && n.by != last && n.by.source != nil {
		return 0, false
	}
	right := n.method == Header || n.named.source != nil && n.named.source.Dialog(n.tags[0], n.tags[1])
	switch {
	case agreed && right:
		return certain, true
	case n.late && !right && n.named != last && n.named.source != nil: // its tags are still to come
		return 0, false
	case is.status == 481 || !right && !agreed:
		return 0, true
	default:
		return even, true
	}
}

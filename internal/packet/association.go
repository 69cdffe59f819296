package packet

import (
	"cmp"
	"container/list"
	"slices"
	"time"
)

const (
	// tsnWindow is how far behind the highest TSN a chunk is known to be a
	// repeat. SIP has some dozens on its way.
	tsnWindow = 1024
	// maxParts is the number of fragments that wait in one association.
	maxParts = 256
)

// associationKey names one direction of an association. Its verification tag
// tells it from others (RFC 9260 section 8.5). The addresses do not: either end
// may have several, and sends again by another path.
type associationKey struct {
	tag              uint32
	srcPort, dstPort uint16
	vlan             uint16
	tunnel           uint64
}

// association is one direction of an SCTP association.
type association struct {
	key    associationKey
	age    *list.Element // in associations.proven or unproven
	proven bool          // it carried SIP
	last   time.Time

	top  uint32                 // highest TSN
	seen [tsnWindow / 64]uint64 // by TSN modulo tsnWindow

	parts   []part        // fragments that wait, by user message and place in it
	bytes   int           // in parts
	waiting *list.Element // in associations.waiting; nil without parts
	since   time.Time     // the parts are looked at GapWait after it
}

// associations is what a Decoder keeps of SCTP.
type associations struct {
	byKey    map[associationKey]*association
	proven   list.List // of *association that carried SIP, least recently used first
	unproven list.List // of all others; evicted first
	waiting  list.List // of *association with parts, oldest since first
	bytes    int       // in the parts of all
}

// association finds the one of a chunk, or begins it at its TSN.
func (d *Decoder) association(k associationKey, tsn uint32) *association {
	a := d.assoc.byKey[k]
	if a == nil {
		if len(d.assoc.byKey) >= d.opt.Streams {
			e := d.assoc.unproven.Front()
			if e == nil {
				e = d.assoc.proven.Front()
			}
			d.stats.TCPEvicted++
			d.forgetAssociation(e.Value.(*association))
		}
		a = &association{key: k, top: tsn}
		a.age = d.assoc.unproven.PushBack(a)
		d.assoc.byKey[k] = a
	}
	a.last = d.at.time
	if a.proven {
		d.assoc.proven.MoveToBack(a.age)
	} else {
		d.assoc.unproven.MoveToBack(a.age)
	}
	return a
}

func (d *Decoder) proveAssociation(a *association) {
	if !a.proven {
		d.assoc.unproven.Remove(a.age)
		a.age, a.proven = d.assoc.proven.PushBack(a), true
	}
}

// repeats tells whether a chunk of this TSN came before, and notes that it did.
func (a *association) repeats(tsn uint32) bool {
	switch ahead := after(tsn, a.top); {
	case ahead >= tsnWindow || ahead < -maxJump: // far ahead, or a tag that is used again
		a.top, a.seen = tsn, [tsnWindow / 64]uint64{}
	case ahead > 0:
		for a.top != tsn {
			a.top++
			a.seen[a.top%tsnWindow/64] &^= 1 << (a.top % 64)
		}
	case ahead <= -tsnWindow:
		return true
	}
	word, bit := &a.seen[tsn%tsnWindow/64], uint64(1)<<(tsn%64)
	if *word&bit != 0 {
		return true
	}
	*word |= bit
	return false
}

// find tells where a part is, or would be.
func (a *association) find(of userMessage, place uint32) (int, bool) {
	return slices.BinarySearchFunc(a.parts, of, func(p part, of userMessage) int {
		return cmp.Or(p.of.compare(of), after(p.place, place))
	})
}

func (m userMessage) compare(o userMessage) int {
	return cmp.Or(cmp.Compare(m.stream, o.stream), cmp.Compare(m.flags, o.flags), cmp.Compare(m.id, o.id))
}

// follows tells whether part i goes on where the one before it ends.
func (a *association) follows(i int) bool {
	p, q := &a.parts[i-1], &a.parts[i]
	return !p.end && !q.begin && p.of == q.of && q.place == p.place+1
}

// row is the end of the parts that follow each other from i on.
func (a *association) row(i int) int {
	for i++; i < len(a.parts) && a.follows(i); i++ {
	}
	return i
}

// concat is the payloads of parts in a row.
func concat(parts []part) []byte {
	var b []byte
	for i := range parts {
		b = append(b, parts[i].Payload...)
	}
	return b
}

// assemble keeps a fragment, and gives the message that it completes.
func (d *Decoder) assemble(a *association, p part) chunkOutcome {
	i, found := a.find(p.of, p.place)
	if found {
		return chunkControl
	}
	p.Packet = p.Clone()
	p.frames, d.at.frames = d.at.frames, 0
	d.stats.Held += uint64(p.frames)
	a.parts = slices.Insert(a.parts, i, p)
	a.bytes += len(p.Payload)
	d.assoc.bytes += len(p.Payload)
	if a.waiting == nil {
		a.since = d.at.time
		a.waiting = d.assoc.waiting.PushBack(a)
		d.nextSweep = min(d.nextSweep, d.stats.Frames+sweepGappedEvery)
	}
	first := i
	for first > 0 && a.follows(first) {
		first--
	}
	last := a.row(first)
	if a.parts[first].begin && a.parts[last-1].end {
		p.Payload = concat(a.parts[first:last])
		outcome, c := d.giveUserMessage(a, p.Packet), &d.stats.Decoded
		if outcome != chunkGiven {
			c = &d.stats.Undecoded[ReasonSCTP]
		}
		d.release(a, first, last, c)
		return outcome
	}
	limit := d.opt.StreamBytes
	if !a.proven {
		limit = min(limit, unprovenBytes)
	}
	if len(a.parts) >= maxParts || a.bytes > limit {
		d.giveUp(a, time.Time{})
	}
	for d.assoc.bytes > d.opt.AllStreamBytes {
		d.giveUp(d.assoc.waiting.Front().Value.(*association), time.Time{})
	}
	return chunkHeld
}

// release lets go of parts whose frames count as c.
func (d *Decoder) release(a *association, first, last int, c *uint64) {
	for i := first; i < last; i++ {
		p := &a.parts[i]
		d.stats.Held -= uint64(p.frames)
		*c += uint64(p.frames)
		a.bytes -= len(p.Payload)
		d.assoc.bytes -= len(p.Payload)
	}
	a.parts = slices.Delete(a.parts, first, last)
	if len(a.parts) == 0 {
		a.parts = nil
		d.assoc.waiting.Remove(a.waiting)
		a.waiting = nil
	}
}

// giveUp lets go of the messages of which a part came before t, of all where t
// is zero. The rest of them was lost, or given up by the sender (RFC 3758). Where
// the headers are whole, the message is given with what there is of its body.
func (d *Decoder) giveUp(a *association, t time.Time) {
	for i := 0; i < len(a.parts); {
		last := a.row(i)
		row := a.parts[i:last]
		if !t.IsZero() && !slices.ContainsFunc(row, func(p part) bool { return p.Time.Before(t) }) {
			i = last
			continue
		}
		c := &d.stats.Undecoded[ReasonSCTPIncomplete]
		if b := concat(row); row[0].begin && wholeHeaders(trimCRLF(b)) {
			p := row[len(row)-1].Packet
			p.Payload = b
			d.stats.Cut++
			d.giveUserMessage(a, p)
			c = &d.stats.Decoded
		}
		d.release(a, i, last, c)
	}
}

// forgetAssociation removes a.
func (d *Decoder) forgetAssociation(a *association) {
	d.giveUp(a, time.Time{})
	if a.proven {
		d.assoc.proven.Remove(a.age)
	} else {
		d.assoc.unproven.Remove(a.age)
	}
	delete(d.assoc.byKey, a.key)
}

// expireAssociations gives up what is too old at packet time t.
func (d *Decoder) expireAssociations(t time.Time) {
	for e := d.assoc.waiting.Front(); e != nil; e = d.assoc.waiting.Front() {
		a := e.Value.(*association)
		if t.Sub(a.since) <= d.opt.GapWait {
			break
		}
		d.giveUp(a, t.Add(-d.opt.GapWait))
		if a.waiting != nil {
			a.since = t
			d.assoc.waiting.MoveToBack(a.waiting)
		}
	}
	for _, age := range []*list.List{&d.assoc.unproven, &d.assoc.proven} {
		for e := age.Front(); e != nil; e = age.Front() {
			a := e.Value.(*association)
			if t.Sub(a.last) <= d.opt.StreamIdle {
				break
			}
			d.forgetAssociation(a)
		}
	}
}

// flushAssociations ends all of them.
func (d *Decoder) flushAssociations() {
	for _, age := range []*list.List{&d.assoc.proven, &d.assoc.unproven} {
		for e := age.Front(); e != nil; e = age.Front() {
			d.forgetAssociation(e.Value.(*association))
		}
	}
}

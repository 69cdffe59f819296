// Package link finds the legs of one end-to-end call. A B2BUA, an SBC or a
// transfer gives one conversation several Call-IDs; what tells that they belong
// together is evidence of different worth: a header that carries one leg's name
// into the other, the same media, the same numbers at the same time. Each piece
// makes a Link with its method and confidence, and those that are sure enough
// join their legs into one session.
//
// A Table belongs to one goroutine, and its clock is packet time.
package link

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"time"
)

// Method is what shows that two legs belong together.
type Method string

// The methods, surest first.
const (
	Dialog  Method = "dialog"  // Replaces, Join or Target-Dialog name the other leg (RFC 3891, 3911, 4538)
	Header  Method = "header"  // a header that configuration names
	Refer   Method = "refer"   // the INVITE that an accepted REFER asked for (RFC 3515)
	Media   Method = "media"   // both legs announce the same pair of media addresses
	SSRC    Method = "ssrc"    // a stream goes out of one leg and into the other at the box between them
	Numbers Method = "numbers" // the same numbers at the same time
	Session Method = "session" // another leg of its session has the link
)

// Link says that a leg belongs to the session of another one, or is likely to.
type Link struct {
	Leg, Other *Leg
	SessionID  string // of Leg, with this link
	Legs       int    // of that session: of two links of a leg the one with more legs is the later
	Method     Method
	Detail     string  // name of the header
	Confidence float64 // 0 to 1, of all that shows that the two belong together
	Merged     bool    // sure enough to join the legs
	// Box is the B2BUA between them, where this link is the first that joins
	// them, or the first of a leg that is likely, and shows one; else invalid.
	Box netip.Addr
	At  time.Time
}

// Options bound a Table.
type Options struct {
	// Off leaves every leg alone.
	Off bool
	// MinConfidence is the least confidence at which legs are joined; what is
	// below is told as likely.
	MinConfidence float64
	// Window is how much later than one leg another may begin that has but its
	// numbers in common with it.
	Window time.Duration
	// Remember is how long a leg can still be linked when its row is written.
	Remember time.Duration
	MaxLegs  int
	Headers  []Rule
}

// Defaults suit one machine.
func Defaults() Options {
	return Options{MinConfidence: 0.8, Window: 5 * time.Second, Remember: time.Minute, MaxLegs: 500_000, Headers: DefaultRules()}
}

// Counters say what a Table did.
type Counters struct {
	Merged  uint64 // links that joined legs
	Likely  uint64 // links that did not
	Common  uint64 // evidence that calls had which are none of one, so that it shows nothing
	Evicted uint64 // legs forgotten because the table was full
	Refused uint64 // evidence that was not kept because there was as much as is kept
}

const (
	// maxConstant is of how many calls, none of them the same, a value is that is
	// looked at no more.
	maxConstant = 16
	// maxSession is how many legs a session may have.
	maxSession = 256
	// maxUses is of how many values it is remembered that they are constants.
	maxUses = 200_000
	// maxEvidence is how many pieces of evidence of a kind a leg has.
	maxEvidence = 32
)

// Confidence of what leaves no doubt, of what only chance could bring about, of
// what may as well be otherwise, and of what is not worth telling.
const (
	certain = 1
	sure    = 0.95
	even    = 0.5
	likely  = 0.4
)

// Leg is one Call-ID: where a box keeps the Call-ID of one leg on the next,
// both are one leg here. There is one of each call in progress, so it is small.
type Leg struct {
	Domain, CallID string
	Began          time.Time

	source   Source // nil when its row is written
	begin    begin
	progress progress // valid when its row is written
	forgetAt int64    // Unix ns
	joined   *session // nil while it is alone
	evidence *evidences
	streams  *stream // chained by sibling

	candidates []candidate // that began at its time with a number of its
	crowd      float64     // how alike those are that were too many
	hops       uint8       // Vias of the INVITE that begin.dst is of
	invited    bool        // its first INVITE was taken
	told       bool        // a row says which session it is of
	forgotten  bool
}

// evidences are what few legs have.
type evidences struct {
	keys     []uint64 // of Table.keys that it is under
	answers  []uint64 // of keys, those that its callee said first
	mentions []uint64 // of Table.mentions
	namings  []*naming
	sharings []*sharing
	path     []uint64 // hosts between begin.src and begin.dst
	links    []shown
}

// shown is a link that a leg has.
type shown struct {
	other      *Leg
	method     Method
	detail     string
	confidence float64
}

// session is the legs of one end-to-end call, that which began first in front.
type session struct{ legs []*Leg }

// SessionID is the Call-ID of the leg of its session that began first.
func (l *Leg) SessionID() string {
	if l.joined == nil {
		return l.CallID
	}
	return l.joined.legs[0].CallID
}

// Legs is how many legs its session has.
func (l *Leg) Legs() int {
	if l.joined == nil {
		return 1
	}
	return len(l.joined.legs)
}

// Sources yields those of the legs of its session whose rows are not written.
func (l *Leg) Sources(yield func(Source) bool) {
	if l.joined == nil {
		return
	}
	for _, o := range l.joined.legs {
		if o != l && o.source != nil && !yield(o.source) {
			return
		}
	}
}

func (l *Leg) with(o *Leg) bool { return l == o || l.joined != nil && l.joined == o.joined }

// Table is the set of legs that can be linked.
type Table struct {
	opt      Options
	emit     func(Link)
	legs     map[uint64]*Leg      // by domain and Call-ID
	mentions map[uint64][]*naming // by the name of a leg that is still to be seen
	waiting  int                  // in mentions
	keys     map[uint64][]*Leg    // by value of a header
	uses     map[uint64]uint16    // how often a value was that of another call, since it was first seen
	streams  map[uint64]*stream   // by domain and SSRC, chained by next
	numbers  map[uint64][]*Leg    // the latest that began under a number
	recent   []numbered           // in order
	old      []*Leg               // whose row is written, in that order
	asked    []asked              // REFERs that wait for their INVITE

	Counters Counters
}

// New returns a Table that tells its links to emit.
func New(opt Options, emit func(Link)) *Table {
	opt.MaxLegs = max(opt.MaxLegs, 1)
	return &Table{
		opt: opt, emit: emit, legs: map[uint64]*Leg{}, mentions: map[uint64][]*naming{}, keys: map[uint64][]*Leg{}, uses: map[uint64]uint16{},
		streams: map[uint64]*stream{}, numbers: map[uint64][]*Leg{},
	}
}

// Len is how many legs the Table remembers.
func (t *Table) Len() int { return len(t.legs) }

// Hashes are compared within one process only, never written: the seed may
// differ from run to run.
var seed = maphash.MakeSeed()

// hash is of what several legs may have in common, by kind.
func hash(kind byte, domain string, parts ...[]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	h.WriteByte(kind)
	h.WriteString(domain)
	for _, p := range parts {
		h.WriteByte(0)
		h.Write(p)
	}
	return h.Sum64()
}

func hashAddr(a netip.Addr) uint64 {
	if !a.IsValid() {
		return 0
	}
	b := a.As16()
	return maphash.Bytes(seed, b[:])
}

// Find is the leg of a Call-ID, nil where there is none.
func (t *Table) Find(domain string, callID []byte) *Leg { return t.legs[hash('i', domain, callID)] }

// Leg is the leg of a Call-ID, made where there is none.
func (t *Table) Leg(domain, callID string, began time.Time, source Source) *Leg {
	name := hash('i', domain, []byte(callID))
	if l := t.legs[name]; l != nil {
		if l.source == nil { // its Call-ID is used again, or is of more than one dialog
			l.source = source
		}
		return l
	}
	for len(t.legs) >= t.opt.MaxLegs && len(t.old) > 0 {
		t.Counters.Evicted++
		t.forget(t.old[0])
		t.old = t.old[1:]
	}
	l := &Leg{Domain: domain, CallID: callID, Began: began, source: source}
	t.legs[name] = l
	t.appeared(l, name)
	return l
}

func (l *Leg) more() *evidences {
	if l.evidence == nil {
		l.evidence = &evidences{}
	}
	return l.evidence
}

// link takes a piece of evidence that two legs belong together. What several
// kinds of evidence show is surer than what each does: they err for reasons of
// their own. What is no surer than even adds nothing: constants and crowds err
// together.
func (t *Table) link(l, o *Leg, method Method, detail string, confidence float64, at time.Time) {
	if later(o, l) { // the later leg has the link
		l, o = o, l
	}
	e := l.more()
	if l == o || l.forgotten || o.forgotten {
		return
	}
	doubt, most := 1., confidence
	if confidence > even {
		doubt -= confidence
	}
	for _, s := range e.links {
		if s.other == o {
			if s.method == method && s.detail == detail {
				return
			}
			most = max(most, s.confidence)
			if s.confidence > even {
				doubt *= 1 - s.confidence
			}
		}
	}
	if len(e.links) >= maxEvidence {
		t.Counters.Refused++
		return
	}
	e.links = append(e.links, shown{o, method, detail, confidence})
	is := Link{Leg: l, Other: o, Method: method, Detail: detail, Confidence: max(most, 1-doubt), At: at}
	if is.Confidence < likely {
		return
	}
	var moved []*Leg
	if is.Merged = is.Confidence >= t.opt.MinConfidence && (l.with(o) || l.Legs()+o.Legs() <= maxSession); is.Merged {
		t.Counters.Merged++
		if !l.with(o) {
			is.Box = box(l, o, method)
		}
		moved = join(l, o)
		l.told = true
	} else {
		t.Counters.Likely++
		if !slices.ContainsFunc(e.links[:len(e.links)-1], func(s shown) bool { return s.confidence >= likely }) {
			is.Box = box(l, o, method)
		}
	}
	is.SessionID, is.Legs = l.SessionID(), l.Legs()
	t.emit(is)
	for _, m := range moved {
		if m != l && (m.source == nil || m.told) { // what was said of it holds no more
			m.told = true
			t.emit(Link{Leg: m, Other: l, SessionID: m.SessionID(), Legs: m.Legs(), Method: Session, Confidence: is.Confidence, Merged: true, At: at})
		}
	}
}

// later reports whether l began after o.
func later(l, o *Leg) bool {
	if !l.Began.Equal(o.Began) {
		return l.Began.After(o.Began)
	}
	return l.CallID > o.CallID
}

// join makes one session of two, and returns the legs whose SessionID changed.
func join(l, o *Leg) (moved []*Leg) {
	if l.with(o) {
		return nil
	}
	for _, x := range [...]*Leg{l, o} {
		if x.joined == nil {
			x.joined = &session{legs: []*Leg{x}}
		}
	}
	a, b := l.joined, o.joined
	if later(a.legs[0], b.legs[0]) {
		a, b = b, a
	}
	for _, m := range b.legs {
		m.joined = a
	}
	a.legs = append(a.legs, b.legs...)
	return b.legs
}

// Written says that the row of a leg is about to be written, so that all of it
// is known. Of what is found later there are links alone.
func (t *Table) Written(l *Leg, now time.Time) {
	if l.source == nil || l.forgotten {
		return
	}
	t.byStreams(l, now)
	t.cameOut(l, now)
	t.byNumbers(l, now)
	t.settleShared(l, now)
	t.settleNamed(l, true, now)
	l.progress, l.source, l.forgetAt = l.now(), nil, now.Add(t.opt.Remember).UnixNano()
	t.old = append(t.old, l)
}

// Advance forgets legs that were written long ago.
func (t *Table) Advance(now time.Time) {
	for len(t.old) > 0 && t.old[0].forgetAt <= now.UnixNano() {
		l := t.old[0]
		t.old[0] = nil
		t.old = t.old[1:]
		if l.source == nil && l.forgetAt <= now.UnixNano() { // else its Call-ID came into use again
			t.forget(l)
		}
	}
	for len(t.asked) > 0 && t.asked[0].until.Before(now) {
		t.asked = t.asked[1:]
	}
	t.age(now)
}

// forget drops a leg and all that leads to it. Its session keeps its name.
func (t *Table) forget(l *Leg) {
	if l.forgotten {
		return
	}
	l.forgotten = true
	delete(t.legs, hash('i', l.Domain, []byte(l.CallID)))
	if e := l.evidence; e != nil {
		for _, k := range e.keys {
			drop(t.keys, k, func(o *Leg) bool { return o == l })
		}
		t.unnamed(l)
	}
	t.forgetStreams(l)
	l.evidence, l.candidates = nil, nil
}

func drop[T any](from map[uint64][]T, key uint64, which func(T) bool) {
	if list := slices.DeleteFunc(from[key], which); len(list) > 0 {
		from[key] = list
	} else {
		delete(from, key)
	}
}

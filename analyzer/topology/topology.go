// Package topology learns what hosts are from what they do: phones, registrars,
// proxies, B2BUAs, media relays, gateways. Names, and what configuration says
// of a host, come before what is learned.
//
// A Table belongs to one goroutine, and its clock is packet time.
package topology

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"
)

// Configured is what configuration says of a host or of all in a network.
type Configured struct {
	Network netip.Prefix
	Name    string
	Class   Class // "" where it is to be learned
}

// Trunk is a network of a carrier.
type Trunk struct {
	Name    string
	Network netip.Prefix
}

// Options bound a Table.
type Options struct {
	Hosts  []Configured
	Trunks []Trunk
	// MaxHosts are remembered; the one that was silent longest makes room.
	MaxHosts int
	// MaxStreams are remembered to find those that are relayed.
	MaxStreams int
	// Every is how often hosts that did something are told of.
	Every time.Duration
}

// Defaults suit one machine: they take about 15 MB.
func Defaults() Options { return Options{MaxHosts: 30_000, MaxStreams: 16_384, Every: time.Hour} }

// sweepEvery is how soon a new class is told.
const sweepEvery = time.Minute

// touchEvery is how exact the order of the list is: to move a host costs more
// than to count what it does.
const touchEvery = time.Second

// Counters say what a Table did.
type Counters struct {
	Evicted uint64 // hosts forgotten because the table was full
}

// Host is one address in its capture domain, and what it was seen to do since
// it was first seen.
type Host struct {
	Domain string
	Addr   netip.Addr
	Agent  string // User-Agent or Server that it sent of itself
	Counts Counts

	users, registered, peers distinct

	// Unix ns: there are many hosts, so they are small.
	first, last, agentSince, moved int64
	configured                     *Configured // nil where nothing is
	trunk                          *Trunk      // nil where it is of none
	// What there is to look at is at the front of the list: both are set when a
	// host moves there.
	unswept, unwritten bool
	told               place // of its class in its last row
	before, behind     *Host
}

// Counts are what a host was seen to do. Repetitions of a message count once.
type Counts struct {
	RequestsSent, RequestsReceived   uint64
	ResponsesSent, ResponsesReceived uint64

	InvitesOriginated uint64 // it sent with no other Via than its own; in a dialog, too
	InvitesForwarded  uint64 // it sent with more
	InvitesReceived   uint64
	InvitesAnswered   uint64 // 2xx that it sent
	AnswersReceived   uint64 // 2xx
	Forwarded         uint64 // requests with more Vias than its own, INVITE among them
	RecordRouted      uint64 // messages that name it in Record-Route
	Bridged           uint64 // pairs of legs that it lies between
	BridgedLikely     uint64 // legs that likely go on from another one there

	RegistersSent       uint64 // with no other Via than its own
	RegistersForwarded  uint64
	RegistersAnswered   uint64 // 2xx that it sent
	RegistersChallenged uint64 // 401 and 407 that it sent
	RegistersAccepted   uint64 // 2xx that it received

	OptionsSent, OptionsAnswered uint64 // answered with whatever

	StreamsSent, StreamsReceived uint64
	StreamsRelayed               uint64 // of those sent: they came in with the same SSRC
}

// First is when it was first seen.
func (h *Host) First() time.Time { return time.Unix(0, h.first) }

// Last is when it last did something.
func (h *Host) Last() time.Time { return time.Unix(0, h.last) }

// Name is that of configuration, "" where it has none.
func (h *Host) Name() string {
	if h.configured == nil {
		return ""
	}
	return h.configured.Name
}

// Trunk is that of configuration, "" where it is of none.
func (h *Host) Trunk() string {
	if h.trunk == nil {
		return ""
	}
	return h.trunk.Name
}

// Users is about how many users it calls as, is called as, or registers.
func (h *Host) Users() uint32 { return h.users.count() }

// Peers is about how many hosts it exchanges media with.
func (h *Host) Peers() uint32 { return h.peers.count() }

// key is plain memory, which a map hashes and compares at once.
type key struct {
	domain uint64 // hash; compared within one process only
	addr   [16]byte
}

var seed = maphash.MakeSeed()

func keyOf(domain string, addr netip.Addr) key {
	return key{maphash.String(seed, domain), addr.As16()}
}

// Table is the set of hosts that were seen.
type Table struct {
	opt   Options
	tell  func(*Host)
	hosts map[key]*Host
	front *Host // the latest to do something
	back  *Host
	// What nobody sends and receives is counted here, and never told.
	nobody Host

	swept, written time.Time
	flows          flows

	Counters Counters
}

// New returns a Table that tells of hosts by tell, when their class is a new
// one and every Options.Every where they did something.
func New(opt Options, tell func(*Host)) *Table {
	opt.MaxHosts = max(opt.MaxHosts, 2) // both ends of a message
	opt.Hosts, opt.Trunks = slices.Clone(opt.Hosts), slices.Clone(opt.Trunks)
	// The narrowest network comes first.
	slices.SortStableFunc(opt.Hosts, func(a, b Configured) int { return cmp.Compare(b.Network.Bits(), a.Network.Bits()) })
	slices.SortStableFunc(opt.Trunks, func(a, b Trunk) int { return cmp.Compare(b.Network.Bits(), a.Network.Bits()) })
	return &Table{opt: opt, tell: tell, hosts: map[key]*Host{}, flows: newFlows(opt.MaxStreams)}
}

// Len is how many hosts the Table remembers.
func (t *Table) Len() int { return len(t.hosts) }

// TrunkOf is the name of the trunk that an address is of, "" where there is
// none.
func (t *Table) TrunkOf(addr netip.Addr) string {
	if trunk := t.trunkOf(addr); trunk != nil {
		return trunk.Name
	}
	return ""
}

func (t *Table) trunkOf(addr netip.Addr) *Trunk {
	for i := range t.opt.Trunks {
		if trunk := &t.opt.Trunks[i]; trunk.Network.Contains(addr) {
			return trunk
		}
	}
	return nil
}

// host is that of an address which did something, made where there is none.
func (t *Table) host(domain string, addr netip.Addr, at time.Time) *Host {
	k := keyOf(domain, addr)
	h := t.hosts[k]
	if h == nil {
		if !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() {
			return &t.nobody
		}
		h = t.add(k, domain, addr, at)
	}
	now := at.UnixNano()
	h.last = max(h.last, now)
	if d := time.Duration(now - h.moved); !h.unswept || d < 0 || d > touchEvery {
		h.moved = now
		t.toFront(h)
	}
	return h
}

func (t *Table) add(k key, domain string, addr netip.Addr, at time.Time) *Host {
	var h *Host
	if len(t.hosts) < t.opt.MaxHosts {
		h = new(Host)
	} else {
		h = t.back // its memory is used again, so that a flood of addresses leaves none behind
		t.evict(h)
	}
	*h = Host{Domain: domain, Addr: addr, first: at.UnixNano(), last: at.UnixNano(), trunk: t.trunkOf(addr)}
	for i := range t.opt.Hosts {
		if c := &t.opt.Hosts[i]; c.Network.Contains(addr) {
			h.configured = c
			break
		}
	}
	t.hosts[k] = h
	return h
}

// evict forgets a host. Of one whose class is unknown there is nothing to
// tell: a flood of made-up addresses makes no rows.
func (t *Table) evict(h *Host) {
	t.Counters.Evicted++
	if h.unwritten && h.Class() != Unknown {
		t.tell(h)
	}
	t.unlink(h)
	delete(t.hosts, keyOf(h.Domain, h.Addr))
}

func (t *Table) toFront(h *Host) {
	h.unswept, h.unwritten = true, true
	if t.front == h {
		return
	}
	t.unlink(h)
	h.behind = t.front
	if t.front != nil {
		t.front.before = h
	}
	t.front = h
	if t.back == nil {
		t.back = h
	}
}

// unlink takes a host out of the list, where it is in it.
func (t *Table) unlink(h *Host) {
	if h.before != nil {
		h.before.behind = h.behind
	} else if t.front == h {
		t.front = h.behind
	}
	if h.behind != nil {
		h.behind.before = h.before
	} else if t.back == h {
		t.back = h.before
	}
	h.before, h.behind = nil, nil
}

// Advance tells of hosts: each minute of those whose class is new, and each
// Options.Every of all that did something since.
func (t *Table) Advance(now time.Time) {
	if t.swept.IsZero() {
		t.swept, t.written = now, now
		return
	}
	if now.Sub(t.swept) < sweepEvery {
		return
	}
	t.swept = now
	if now.Sub(t.written) < t.opt.Every {
		t.write(func(h *Host) bool { return h.unswept }, func(h *Host) bool { c := h.Class(); return c != Unknown && placeOf(c) != h.told })
		return
	}
	t.written = now
	t.Close()
}

// Close tells of all hosts that did something since they were told of.
func (t *Table) Close() {
	t.write(func(h *Host) bool { return h.unwritten }, func(h *Host) bool { h.unwritten = false; return true })
}

// write tells of the hosts at the front of the list that have something to
// tell, in the order of their addresses.
func (t *Table) write(front, worth func(*Host) bool) {
	var out []*Host
	for h := t.front; h != nil && front(h); h = h.behind {
		h.unswept = false
		if worth(h) {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b *Host) int { return cmp.Or(cmp.Compare(a.Domain, b.Domain), a.Addr.Compare(b.Addr)) })
	for _, h := range out {
		h.told = placeOf(h.Class())
		t.tell(h)
	}
}

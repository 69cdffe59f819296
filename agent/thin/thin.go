// Package thin leaves out of what an agent sends what its operator does not
// want to be sent, and makes numbers and bodies in the rest unreadable before
// they leave the host.
package thin

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"regexp"
	"slices"

	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/sip"
)

// Options of a Filter. The zero value leaves nothing out.
type Options struct {
	// Methods of SIP requests to leave out, with their responses: those of CSeq.
	Methods []string
	// Addresses of which everything is left out, be they source or destination.
	Addresses []netip.Prefix
	// Users whose calls are left out: one of these matches the user part of
	// From, To or the Request-URI of a message.
	Users []*regexp.Regexp
	// Sample is how many of 100 calls are kept; 0 is all of them.
	Sample int
	// Rate is how many SIP messages a source address may send in a second, and
	// at once; 0 is any number.
	Rate int
	Mask Mask
	// Keep is how many digits at the end of a number Mask leaves.
	Keep int
	// Key of the hash of MaskHash. Agents with one key make the same of a number.
	Key []byte
	// SDPOnly hides every body, and part of a body, that is no session description.
	SDPOnly bool
}

// Mask says what becomes of the digits of a number.
type Mask string

const (
	MaskNone Mask = ""
	MaskStar Mask = "star" // a star each
	MaskHash Mask = "hash" // other digits, of a keyed hash of the number
)

// Reason is why something was left out.
type Reason uint8

const (
	Kept Reason = iota
	Method
	Address
	User
	Sample
	Rate
	Unmaskable // it may hold numbers, and nobody can tell where
	reasons
)

var reasonNames = [reasons]string{"", "method", "address", "user", "sample", "rate", "unmaskable"}

// String is the name of the reason; "" is that of Kept.
func (r Reason) String() string { return reasonNames[r] }

// Reasons are those to leave something out.
func Reasons() []Reason { return []Reason{Method, Address, User, Sample, Rate, Unmaskable} }

// Counters of a Filter.
type Counters struct {
	By     [reasons]uint64 // messages and reports, by Reason: what was kept, too
	Masked uint64          // messages in which a number was masked
	Hidden uint64          // messages of which a body, or a part of it, was hidden
	// CallUnknown were kept where only some calls are: nothing tells which
	// call they are of.
	CallUnknown uint64
}

// Filter decides about one packet after the other. One goroutine uses it.
type Filter struct {
	Counters Counters
	opt      Options
	left     calls // whose users are left out
	sources  sources
	numbers  numbers
	message  sip.Message // of buf
	buf      []byte
}

// New returns a Filter; nil where there is nothing for it to do.
func New(opt Options) *Filter {
	if len(opt.Methods)+len(opt.Addresses)+len(opt.Users)+opt.Sample+opt.Rate == 0 && opt.Mask == MaskNone && !opt.SDPOnly {
		return nil
	}
	return &Filter{opt: opt, left: newCalls(maxCalls), sources: newSources(opt.Rate, maxSources), numbers: newNumbers(opt)}
}

// Message decides about a packet of SIP. m is the view of its payload, nil
// where that cannot be read. Where something is to be masked or hidden the
// packet has another payload then, valid until the next call.
func (f *Filter) Message(p *packet.Packet, m *sip.Message) Reason {
	r := f.passes(p, m)
	if r == Kept && (f.opt.Mask != MaskNone || f.opt.SDPOnly) {
		r = f.mask(p)
	}
	f.Counters.By[r]++
	return r
}

func (f *Filter) passes(p *packet.Packet, m *sip.Message) Reason {
	switch {
	case f.touches(p):
		return Address
	case m == nil:
	case slices.Contains(f.opt.Methods, string(m.CSeqMethod())):
		return Method
	case f.isLeft(m):
		return User
	case f.opt.Sample != 0 && !f.sampled(m.CallID()):
		return Sample
	}
	if f.opt.Rate != 0 && !f.sources.take(p.Src.Addr(), p.Time) {
		return Rate
	}
	return Kept
}

// Packet decides about a packet that is no SIP: a report, RTCP or what another
// emitter tells. A packet of RTCP may have another payload then, valid until the
// next call.
func (f *Filter) Packet(p *packet.Packet) Reason {
	r := Kept
	switch {
	case f.touches(p):
		r = Address
	case len(f.opt.Users) > 0 && len(p.CorrelationID) > 0 && f.left.has(callHash(p.CorrelationID)):
		r = User
	case f.opt.Sample != 0 && !f.sampled(p.CorrelationID):
		r = Sample
	case f.opt.Mask != MaskNone && p.Kind == packet.KindRTCP:
		r = f.maskRTCP(p)
	case (f.opt.Mask != MaskNone || f.opt.SDPOnly) && !isMeasurement(p.Kind):
		r = Unmaskable
	}
	f.Counters.By[r]++
	return r
}

// isMeasurement says whether payloads of a kind are numbers alone. Those of the
// others are texts that other emitters wrote.
func isMeasurement(k packet.Kind) bool {
	return k == packet.KindRTCP || k == packet.KindRTPStat || k == packet.KindReport
}

func (f *Filter) touches(p *packet.Packet) bool {
	for _, n := range f.opt.Addresses {
		if n.Contains(p.Src.Addr()) || n.Contains(p.Dst.Addr()) {
			return true
		}
	}
	return false
}

// isLeft reports whether a message is of a call that a user in it, or in a
// message before, has left out: the Request-URI is in requests only, and not in
// all of them the same.
func (f *Filter) isLeft(m *sip.Message) bool {
	if len(f.opt.Users) == 0 {
		return false
	}
	id := callHash(m.CallID())
	known := len(m.CallID()) > 0
	if known && f.left.has(id) {
		return true
	}
	uri, _ := sip.ParseURI(m.RequestURI)
	for _, user := range [...][]byte{m.From().URI.User, m.To().URI.User, uri.User} {
		if len(user) > 0 && slices.ContainsFunc(f.opt.Users, func(x *regexp.Regexp) bool { return x.Match(user) }) {
			if known {
				f.left.add(id)
			}
			return true
		}
	}
	return false
}

// sampled reports whether a call is one of those that are kept: the same ones
// at every agent. What is of no known call is kept: it may be of one of them.
func (f *Filter) sampled(callID []byte) bool {
	if len(callID) == 0 {
		f.Counters.CallUnknown++
		return true
	}
	return (callHash(callID)>>32)*100>>32 < uint64(f.opt.Sample)
}

// callHash is the first eight bytes of the SHA-256 of a Call-ID. Everybody can
// tell which calls are sampled, and none is more likely to be than another.
func callHash(callID []byte) uint64 {
	sum := sha256.Sum256(callID)
	return binary.BigEndian.Uint64(sum[:])
}

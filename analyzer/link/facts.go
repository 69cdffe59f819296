package link

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"strings"
	"time"
)

// Source tells what is known of a leg's signalling, as it stands.
type Source interface {
	Facts() Facts
	// Dialog reports whether two tags are those of its caller and of one who
	// rang or answered, whichever way round.
	Dialog(tag, other string) bool
}

// Facts are what is known of a leg's signalling. Times are zero where nothing
// was seen.
type Facts struct {
	Caller, Callee, Target string     // users of From, To and Request-URI
	Calling, Called        string     // what ISUP and P- headers name them; "" where they do not
	Diverted               string     // user that Diversion or History-Info says was called before; "" where they do not
	Src, Dst               netip.Addr // of the first INVITE
	Start, Answer, End     time.Time
	Status                 uint16 // final response to the INVITE; 0 where there was none
	Elsewhere              bool   // its CANCEL said that another one answered
	Node                   string // that saw all of it; "" where several did
}

// begin is what a leg's first INVITE says, as hashes: they are compared only.
// 0 is nothing.
type begin struct {
	caller, callee, target, src, dst uint64
	calling                          uint64 // the caller's number where From has none
	diverted                         uint64
	node                             uint32
	masked                           bool // the caller withholds his number
}

// sameCaller reports whether two legs have one caller. "anonymous" is whoever
// withholds a number: where the network says both, these decide.
func (b *begin) sameCaller(o *begin) bool {
	if b.calling != 0 && o.calling != 0 {
		return b.calling == o.calling
	}
	return alike(b.caller, o.caller) || alike(b.calling, o.caller) || alike(b.caller, o.calling)
}

// sameNode reports whether one clock tells the times of two legs.
func (b *begin) sameNode(o *begin) bool { return b.node != 0 && b.node == o.node }

// sameCallee reports whether two legs go to one number, or the one to what the other
// was diverted from.
func (b *begin) sameCallee(o *begin) bool {
	return alike(b.callee, o.callee) || alike(b.target, o.target) || alike(b.callee, o.target) || alike(b.target, o.callee) ||
		alike(b.callee, o.diverted) || alike(b.target, o.diverted) || alike(b.diverted, o.callee) || alike(b.diverted, o.target)
}

func alike(x, y uint64) bool { return x != 0 && x == y }

// progress is what became of a leg; times in Unix ns, 0 where not seen.
type progress struct {
	answer, end int64
	status      uint16
	elsewhere   bool
}

func (l *Leg) now() progress {
	if l.source == nil {
		return l.progress
	}
	f := l.source.Facts()
	return progress{nanos(f.Answer), nanos(f.End), f.Status, f.Elsewhere}
}

// overBy reports whether the leg was over at a time.
func (l *Leg) overBy(at time.Time) bool {
	end := l.now().end
	return end != 0 && end < at.UnixNano() || end == 0 && l.source == nil
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// digits is what two forms of one number have in common: its last seven
// digits, without prefixes of country and trunk. Of a name it is all of it.
func digits(user string) []byte {
	var d []byte
	for _, c := range []byte(user) {
		switch {
		case c >= '0' && c <= '9':
			d = append(d, c)
		case strings.IndexByte("+-.() ", c) < 0:
			return bytes.ToLower([]byte(user))
		}
	}
	if len(d) > 7 {
		d = d[len(d)-7:]
	}
	return d
}

// number is the hash of a number, 0 where it is none.
func number(domain, user string) uint64 {
	if d := digits(user); len(d) > 1 {
		return hash('n', domain, d)
	}
	return 0
}

// begin takes the names of a leg that another leg is likely to have. From may
// have "anonymous", of which the network says the number. A Request-URI may have a
// routing number or a device's own name for it, and To the same: then the number
// beside them is what legs have in common. Where Request-URI and To are two
// numbers, both are kept.
func (f *Facts) begin(domain string) begin {
	target := f.Target
	if isNumber(f.Called) && (!isNumber(target) || bytes.Equal(digits(target), digits(f.Callee))) {
		target = f.Called
	}
	b := begin{caller: number(domain, f.Caller), callee: number(domain, f.Callee), target: number(domain, target), src: hashAddr(f.Src), dst: hashAddr(f.Dst)}
	b.diverted, b.masked = number(domain, f.Diverted), isMasked(f.Caller)
	if isNumber(f.Calling) && !isNumber(f.Caller) {
		b.calling = number(domain, f.Calling)
	}
	if f.Node != "" {
		b.node = uint32(maphash.String(seed, f.Node)) | 1
	}
	return b
}

// isMasked reports whether a user is what stands for a number that is withheld: of
// those there are many (RFC 3323 section 4.1.1.3).
func isMasked(user string) bool {
	switch strings.ToLower(user) {
	case "anonymous", "unavailable", "unknown", "restricted", "private", "withheld":
		return true
	}
	return false
}

// isNumber reports whether a user is a telephone number.
func isNumber(user string) bool {
	d := digits(user)
	return len(d) > 1 && len(bytes.Trim(d, "0123456789")) == 0
}

package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/internal/sip"
)

// Request asks for a call to be frozen: by its Call-ID, by addresses of its
// media, or both.
type Request struct {
	CallID string
	Addrs  []netip.AddrPort
	// From and To bound it in time; zero is as far back as the ring goes, and
	// until the call ends.
	From, To time.Time
	Why      Why
	Detail   string // for whoever finds it
}

// Why is what had a call frozen.
type Why string

const (
	ByRequest Why = "request"
	ByAlert   Why = "alert"
	ByMOS     Why = "mos" // makes room first
)

// Bounds of what is frozen at a time, and of one call.
const (
	maxFreezes = 64
	maxAddrs   = 256
	// linger is how long after its end a call's last packets come.
	linger = 5 * time.Second
	// quiet ends a freeze that meets no packet any more.
	quiet = 3 * time.Minute
	// longest is how long a call is followed after it was frozen.
	longest = time.Hour
)

// ErrTooMany says that no more calls can be frozen at a time.
var ErrTooMany = fmt.Errorf("%d calls are being frozen already; try again when one of them has ended", maxFreezes)

var errNothing = errors.New("freeze a call: neither a Call-ID nor an address of its media is given")

// freeze is a call that is being frozen: it follows the ring from its oldest
// record on, until the call ends.
type freeze struct {
	Frozen
	subject  string // its Call-ID, else its addresses
	addrs    map[netip.AddrPort]bool
	version  int // of addrs
	from, to int64
	asked    int64 // when, ns of packet time
	at       place
	scanned  chan struct{} // closed once it has all of the past
	passed   bool          // scanned is closed

	began, ended int64 // as its signalling tells; 0 unknown
	answered     bool
	bye          bool  // ended by one
	matched      int64 // latest record
	out          *output
}

func (f *freeze) add(addrs ...netip.AddrPort) {
	for _, a := range addrs {
		if a.IsValid() && !f.addrs[a] && len(f.addrs) < maxAddrs {
			f.addrs[a] = true
			f.version++
		}
	}
}

// Freeze has a call frozen, and is back at once: Run does it. A call that is
// being frozen already is given again; the channel is closed when all that the
// ring had of it is in its file.
func (r *Recorder) Freeze(q Request) (name string, done <-chan struct{}, err error) {
	if q.CallID == "" && len(q.Addrs) == 0 {
		return "", nil, errNothing
	}
	f := &freeze{
		Frozen: Frozen{CallID: q.CallID, Why: q.Why, Detail: q.Detail, At: at(r.clock.Load()), State: Open},
		addrs:  map[netip.AddrPort]bool{}, scanned: make(chan struct{}), asked: r.clock.Load(),
	}
	f.add(q.Addrs...)
	if !q.From.IsZero() {
		f.from = q.From.UnixNano()
	}
	if !q.To.IsZero() {
		f.to = q.To.UnixNano()
	}
	subject := q.CallID
	if subject == "" {
		subject = fmt.Sprint(q.Addrs)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, list := range [...][]*freeze{r.asked, r.freezes} {
		for _, other := range list {
			if other.subject == subject {
				return other.Name, other.scanned, nil
			}
		}
	}
	for _, other := range r.frozen {
		// The other direction of a bad call tells nothing new.
		if q.Why == ByMOS && q.CallID != "" && other.CallID == q.CallID && f.At.Sub(other.At) < r.opt.Span {
			close(f.scanned)
			return other.Name, f.scanned, nil
		}
	}
	f.subject, f.Name = subject, r.freeName(nameOf(f.At, subject))
	if len(r.asked)+len(r.freezes) >= maxFreezes {
		r.Counts.Refused.Add(1)
		return "", nil, ErrTooMany
	}
	r.asked = append(r.asked, f)
	return f.Name, f.scanned, nil
}

// learn takes from a message of the call what tells of its media and its end.
func (f *freeze) learn(m *sip.Message, sdp *sip.SDP, t int64) {
	if body := m.SDP(); len(body) > 0 {
		sdp.Parse(body)
		for i := range sdp.Media {
			md := &sdp.Media[i]
			if md.Placed() {
				f.add(unmap(md.RTP()), unmap(md.RTCP()))
			}
			for j := range md.Candidates {
				if a := md.Candidates[j].Addr; a.Addr().IsValid() && !a.Addr().IsUnspecified() {
					f.add(unmap(a))
				}
			}
		}
	}
	method := string(m.CSeqMethod())
	switch {
	case m.Request && string(m.Method) == "INVITE":
		f.ended, f.bye = 0, false
		if m.To().Tag != nil {
			f.answered = true // a re-INVITE, whose refusal ends nothing
		} else if f.began == 0 || t < f.began {
			f.began = t
		}
	case m.Request && string(m.Method) == "BYE":
		f.ended, f.bye = t, true
	case method == "INVITE" && m.Status >= 200 && m.Status < 300:
		f.answered = true
		if !f.bye { // else it is a late copy
			f.ended = 0
		}
	case method == "INVITE" && m.Status >= 300 && !f.answered:
		f.ended = t // unless another branch, or another INVITE, goes on
	}
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// within is whether whoever asked wants what was at that time.
func (f *freeze) within(t int64) bool { return t >= f.from && (f.to == 0 || t <= f.to) }

// has says whether a record is of the call; m is then the message.
func (f *freeze) has(s *seenFlow, e *entry, m *sip.Message) bool {
	if e.kind == message {
		return f.CallID != "" && bytes.Contains(e.data, []byte(f.CallID)) && m.Parse(e.data) && string(m.CallID()) == f.CallID
	}
	if s.version != f.version {
		s.version, s.wanted = f.version, f.addrs[s.src] || f.addrs[s.dst]
	}
	// Another call may have had the ports before, and another one has them after.
	return s.wanted && e.time >= f.began && (f.ended == 0 || e.time <= f.ended+int64(linger))
}

// survey finds out from the signalling in the ring where the media of the call
// went, and when: media may come before the SDP of its receiver does.
func (r *Recorder) survey(f *freeze, m *sip.Message, sdp *sip.SDP) {
	if f.CallID == "" {
		return
	}
	var p place
	r.walk(&p, func(s *seenFlow, e *entry) bool {
		if e.kind == message && f.has(s, e, m) {
			f.learn(m, sdp, e.time)
		}
		return true
	})
}

// follow writes what came to the ring since the last time, and says whether
// that was the end of it.
func (r *Recorder) follow(f *freeze, m *sip.Message, sdp *sip.SDP) (over bool) {
	if !f.passed {
		r.survey(f, m, sdp)
	}
	// Signalling that is read again says again what it said.
	var err error
	r.walk(&f.at, func(s *seenFlow, e *entry) bool {
		if !f.has(s, e, m) {
			return true
		}
		if e.kind == message {
			f.learn(m, sdp, e.time)
		}
		if !f.within(e.time) {
			return true
		}
		f.matched = max(f.matched, e.time)
		err = r.write(f, s, e)
		return err == nil
	})
	f.Gaps = f.at.gaps
	f.Begun = f.began != 0 && f.within(f.began)
	now := r.clock.Load()
	switch {
	case errors.Is(err, errLimit):
		f.State = Limit
	case err != nil:
		f.State = Failed
		r.fail("a frozen call, which cannot be written", err)
	case f.matched == 0:
		f.State = None // Whoever asked is told now.
	case f.ended != 0 && now > f.ended+int64(linger), f.to != 0 && now > f.to:
		f.State = Whole
	case now > max(f.matched, f.asked)+int64(quiet):
		f.State = Whole
	case now > f.asked+int64(longest):
		f.State = Limit
	}
	return f.State != Open
}

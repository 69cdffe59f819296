package dialog

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// Row is the signalling part of one CDR. Media is joined by whoever holds it.
type Row struct {
	Call *record.Call
	Leg  *Leg // nil when nobody answered
}

// Rows gives the call's CDRs: one for each answered leg, or one.
func (c *Call) Rows() []Row {
	var rows []Row
	for _, l := range c.legs {
		if l.live() {
			rows = append(rows, Row{c.answeredRow(l), l})
		}
	}
	if rows == nil {
		rows = []Row{{c.unansweredRow(), nil}}
	}
	return rows
}

func (c *Call) answeredRow(l *Leg) *record.Call {
	r := c.row()
	r.ToTag, r.State = l.Tag, record.Answered
	answer := c.at(l.answer)
	if !answer.IsZero() {
		answer = later(answer, c.start.time()) // a response captured before its INVITE did not answer before it
		r.FinalStatus, r.FinalReason = new(l.status), text(l.reason)
		r.SetupMs = ms(c.start.time(), answer)
	}
	r.AnswerTime = at(answer)
	if c.liveLegs() > 1 && !l.rung.first().isZero() { // each target rang by itself
		c.ringing(r, &l.rung, answer)
	}
	if l.agent != "" {
		r.CalleeAgent = text(l.agent)
	}
	l.cause.row(r)
	end, noBye := c.legEnd(l)
	switch {
	case !l.bye.isZero():
		if c.sidesKnown() {
			r.HangupBy = new(map[Side]string{A: "caller", B: "callee"}[l.byeSide])
		}
		r.DisconnectMs = ms(c.at(l.bye), c.at(l.byeDone))
	case noBye:
		r.Flags = append(r.Flags, "no_bye")
		if l.sessionExpires > 0 {
			r.HangupBy = new("network")
		}
	default:
		r.State = record.Open
	}
	if !end.IsZero() {
		end = later(end, later(answer, c.start.time()))
	}
	r.EndTime = at(end)
	if !answer.IsZero() {
		r.DurationMs = ms(answer, end)
		if !l.acked && (!end.IsZero() && end.Sub(answer) > c.table.opt.T1) {
			r.Flags = append(r.Flags, "ack_missing")
		}
	}
	if c.cancelRace {
		r.Flags = append(r.Flags, "cancel_race")
	}
	slices.Sort(r.Flags)
	return r
}

// legEnd is when a leg ended, and whether it did so without a BYE.
func (c *Call) legEnd(l *Leg) (end time.Time, noBye bool) {
	switch {
	case !l.bye.isZero():
		return c.at(l.bye), false
	case !c.expired:
		return time.Time{}, false
	case !c.lastMedia.IsZero():
		return later(c.lastMedia, c.at(l.answer)), true
	case l.sessionExpires > 0:
		return l.refreshed.Add(l.sessionExpires), true
	}
	return time.Time{}, true // nobody knows: no media was seen, and the longest call is over
}

func (c *Call) unansweredRow() *record.Call {
	r := c.row()
	out := c.outcome()
	pending := c.pending() || out == nil
	if out != nil {
		r.ToTag = out.toTag
	} else if n := len(c.legs); n > 0 {
		r.ToTag = c.legs[n-1].Tag
	}
	why := c.cancelCause
	if out != nil && !pending {
		why.take(out.cause)
	} else if t := c.latestTry(); t != nil {
		why.take(t.cause)
	}
	earlyBye := false
	for _, l := range c.legs {
		if !l.bye.isZero() {
			earlyBye = true
			r.EndTime, r.HangupBy = at(later(c.at(l.bye), c.start.time())), new(map[Side]string{A: "caller", B: "callee"}[l.byeSide])
			why.take(l.cause)
		}
	}
	why.row(r)
	final := time.Time{}
	if !pending {
		final = later(c.at(out.end()), c.start.time())
	}
	cancelled := !c.cancel.isZero() || c.answeredByElse
	switch {
	case earlyBye:
		r.State = record.Cancelled
	case !pending && (out.status != 487 || !cancelled):
		r.State = stateOf(out.status)
		r.FinalStatus, r.FinalReason, r.EndTime = new(out.status), text(out.reason), at(final)
	case cancelled:
		r.State = record.Cancelled
		r.HangupBy = new("caller")
		if c.answeredByElse { // a box on the way called it off, not the caller
			r.HangupBy = new("network")
			r.Flags = append(r.Flags, "answered_elsewhere")
		}
		r.EndTime = at(later(c.at(c.cancel), c.start.time()))
		if !pending {
			r.FinalStatus, r.FinalReason, r.EndTime = new(out.status), text(out.reason), at(final)
		}
	case c.expired && !c.truncated:
		r.State = record.Timeout
		r.EndTime = at(later(c.silentEnd(), c.start.time()))
	default:
		r.State = record.Open
	}
	slices.Sort(r.Flags)
	return r
}

func stateOf(status uint16) record.State {
	switch {
	case status == 401 || status == 407:
		return record.Unauthenticated
	case status == 487:
		return record.Cancelled
	case status == 486 || status == 600:
		return record.Busy
	case status == 408 || status >= 500 && status < 600:
		return record.Failed
	case status < 400:
		return record.Redirected
	}
	return record.Rejected
}

// sidesKnown reports whether an INVITE or an answer to one told who called
// whom.
func (c *Call) sidesKnown() bool { return len(c.tries) > 0 }

// ringing fills what depends on when the callee rang and answered.
func (c *Call) ringing(r *record.Call, rang *rung, answer time.Time) {
	r.RingTime = atOrAfter(c.at(rang.first()), c.start.time()) // a response captured before its INVITE did not ring before it
	r.PddMs = ms(c.start.time(), c.at(rang.first180))
	r.SrdMs = ms(c.start.time(), earlier(earlier(c.at(rang.first180), c.at(rang.first18x)), answer))
}

func (c *Call) row() *record.Call {
	r := &record.Call{
		Domain: c.domain, FirstSeen: micro(c.firstSeen),
		CallID: c.callID, FromTag: c.fromTag, SessionID: c.callID, Nodes: slices.Sorted(slices.Values(c.nodes)),
		StartTime: at(c.start.time()),
		Caller:    c.caller, Callee: c.callee, CallerHost: c.callerHost, CalleeHost: c.calleeHost,
		CallerDisplay: text(c.callerDisplay),
		RequestUser:   text(c.requestUser), RequestHost: text(c.requestHost),
		AssertedIdentity: text(c.asserted), AssertedNumber: text(c.number()), DivertedFrom: text(c.diverted), DigestUsername: text(c.digestUsername),
		Headers: c.headers, CallerAgent: text(c.callerAgent), CalleeAgent: text(c.calleeAgent),
		Transport: c.transport.String(), Proxies: c.proxies,
		Invites: c.invites, Retransmissions: c.repeatCount, InviteRetransmissions: c.inviteRepeats, Challenges: c.challenges,
		MediaSeen: "unknown",
	}
	c.network.row(r)
	r.TryingMs, r.ResponseMs = ms(c.start.time(), c.at(c.trying)), ms(c.start.time(), c.at(c.responded))
	if c.src.IsValid() {
		r.SrcIP, r.SrcPort = new(c.src.Addr()), new(c.src.Port())
		r.DstIP, r.DstPort = new(c.dst.Addr()), new(c.dst.Port())
	}
	if c.vlan != 0 {
		r.VLAN = new(c.vlan)
	}
	var answer time.Time
	for _, l := range c.legs {
		answer = earlier(answer, c.at(l.answer))
	}
	c.ringing(r, &c.rung, answer)
	for _, t := range c.tries {
		if c.attempt(t) {
			r.Attempts += uint32(max(1, len(t.targets())))
		}
	}
	for f := range c.flags {
		r.Flags = append(r.Flags, f)
	}
	if c.truncated {
		r.Flags = append(r.Flags, "truncated")
	}
	if c.evicted {
		r.Flags = append(r.Flags, "evicted")
	}
	return r
}

// HoldMs is how long a side of the leg was not expected to send, ms.
func (l *Leg) HoldMs(s Side) float64 {
	return round(l.hold.total[s].Seconds() * 1000)
}

// Idle are the spans in which a side had nothing to send: it was not to, or it
// had put the other side on hold. They may overlap. A hold that lasts is not
// among them; see EndHold.
func (l *Leg) Idle(s Side) []Span { return l.hold.idle[s] }

// Referred is when an end agreed to call somebody else, zero where none did:
// from then on the two have nothing more to say to each other.
func (l *Leg) Referred() time.Time { return l.referred }

// EndHold closes a hold that lasts as the row is written.
func (l *Leg) EndHold(at time.Time) { l.hold.end(at) }

// atOrAfter is at, not before start: responses may be captured before their
// request.
func atOrAfter(t, start time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return at(later(t, start))
}

// at is a time of a row: UTC, whole microseconds, nil when it is not known.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(micro(t))
}

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// ms is the time from a to b in ms, nil when one of them is not known; never
// negative, since capture may swap two packets.
func ms(a, b time.Time) *float64 {
	if a.IsZero() || b.IsZero() {
		return nil
	}
	return new(max(0, round(b.Sub(a).Seconds()*1000)))
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func nonzero(n uint16) *uint16 {
	if n == 0 {
		return nil
	}
	return &n
}

// String names the endpoint for logs.
func (ep *Endpoint) String() string {
	return ep.Call.callID + " " + ep.Owner.String() + " " + ep.Addr.String() + " hop " + strconv.Itoa(ep.Hop)
}

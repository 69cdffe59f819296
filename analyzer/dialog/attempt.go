package dialog

import (
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// targets are the forks of a try that rang or answered.
func (t *try) targets() []fork {
	var out []fork
	for _, f := range t.forks {
		if !f.rung.first().isZero() || !f.won.IsZero() {
			out = append(out, f)
		}
	}
	return out
}

// Attempts gives the downstream tries of the call.
func (c *Call) Attempts() []*record.Attempt {
	var out []*record.Attempt
	for _, t := range c.tries {
		if !c.attempt(t) {
			continue
		}
		base := record.Attempt{
			Domain: c.domain, CallID: c.callID, FromTag: c.fromTag, Branch: t.branch,
			FirstSeen:   t.firstSeen(),
			RequestHost: text(t.host), StartTime: at(t.start), EndTime: atOrAfter(t.final, t.start), CauseQ850: nonzero(t.cause.q850),
		}
		if t.dst.IsValid() {
			base.DstIP, base.DstPort = new(t.dst.Addr()), new(t.dst.Port())
		}
		if t.status != 0 {
			base.Status, base.Reason = new(t.status), text(t.reason)
		}
		targets := t.targets()
		if len(targets) <= 1 {
			if len(targets) == 1 {
				base.RingTime = atOrAfter(targets[0].rung.first().time(), t.start)
			}
			base.Won = t.status >= 200 && t.status < 300
			out = append(out, &base)
			continue
		}
		for _, f := range targets { // a proxy forked out of our sight: each To tag is a target
			a := base
			a.RingTime, a.Won = atOrAfter(f.rung.first().time(), t.start), !f.won.IsZero()
			switch {
			case a.Won:
				a.EndTime = atOrAfter(f.won, t.start)
			case f.tag != t.toTag: // how this one ended stayed with the proxy
				a.Status, a.Reason, a.EndTime, a.CauseQ850 = nil, nil, nil, nil
			}
			out = append(out, &a)
		}
	}
	return out
}

// together is by how much later than another one a fork may be sent and still
// be one of those that ring at the same time.
const together = time.Second

// Seizures marks the attempts of a call that count for ASR and NER. rows are
// those of the call. A challenge and a redirection are no outcome, and of a
// call in progress there is none yet. A try that was called off behind the
// answer to another one lost a fork to it; before, it was given up, as a proxy
// does that hunts. One without any final response beside an answer is a fork
// whose end was not seen, unless the one that was answered came later.
func Seizures(attempts []*record.Attempt, rows []Row) {
	elsewhere := false
	for _, r := range rows {
		if r.Call.State == record.Open {
			return
		}
		elsewhere = elsewhere || slices.Contains(r.Call.Flags, "answered_elsewhere")
	}
	var won *record.Attempt
	for _, a := range attempts {
		if a.Won && (won == nil || a.EndTime.Before(*won.EndTime)) {
			won = a
		}
	}
	for _, a := range attempts {
		switch {
		case a.Status == nil:
			a.Seizure = won == nil || !won.FirstSeen.Before(a.FirstSeen.Add(together))
		case *a.Status == 401, *a.Status == 407, *a.Status/100 == 3:
		case *a.Status == 487:
			a.Seizure = !elsewhere && (won == nil || a.EndTime.Before(*won.EndTime))
		default:
			a.Seizure = true
		}
	}
}

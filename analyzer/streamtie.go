package analyzer

import (
	"slices"

	"github.com/earshot-voip/earshot/analyzer/dialog"
)

// tieStream finds the dialog of a stream that has none yet, and gives it the
// intervals that waited.
func (a *Analyzer) tieStream(s *stream) {
	if s.tied {
		if s.tie.call.Written() {
			return
		}
		if s.tie.strength == exactPair {
			return
		}
		// A better tie may come with a later answer.
		if t, ok := a.tieOf(s.key.domain, s.key.src, s.key.dst, s.first); ok && t.call == s.tie.call && t.strength > s.tie.strength {
			s.tie = t
			s.bundled()
		}
		return
	}
	t, ok := a.tieOf(s.key.domain, s.key.src, s.key.dst, s.first)
	if !ok {
		t, ok = a.tieByCallID(s)
	}
	if !ok {
		return
	}
	s.tie, s.tied = t, true
	s.bundled()
	a.keep(s)
	a.linkStream(s)
	a.release(s)
}

// release writes the intervals that waited.
func (a *Analyzer) release(s *stream) {
	for i := range s.pending {
		a.interval(s, &s.pending[i])
	}
	a.waiting -= len(s.pending)
	s.pending = nil
}

// bundled finds the m= line of a stream where several share one address (RFC
// 9143): the one that has its payload type.
func (s *stream) bundled() {
	pt, ok := s.mainPayload()
	if !ok {
		return
	}
	for _, at := range [...]**dialog.Endpoint{&s.tie.to, &s.tie.sender} {
		if *at == nil {
			continue
		}
		if _, ok := (*at).Payload(pt); ok {
			continue
		}
		for _, ep := range s.tie.call.Endpoints {
			if _, ok := ep.Payload(pt); ok && ep.Addr == (*at).Addr && ep.Owner == (*at).Owner {
				*at = ep
				break
			}
		}
	}
}

// tieByCallID takes the agent's word where the addresses say nothing here.
func (a *Analyzer) tieByCallID(s *stream) (tie, bool) {
	if s.callID == "" {
		return tie{}, false
	}
	calls := a.dialogs.Find(s.key.domain, []byte(s.callID))
	if len(calls) != 1 {
		return tie{}, false
	}
	c := calls[0]
	for _, side := range [...]dialog.Side{dialog.A, dialog.B} {
		if slices.Contains(c.Signalled(side), s.key.src.Addr()) && !slices.Contains(c.Signalled(side.Other()), s.key.src.Addr()) {
			return tie{call: c, from: side, match: "callid"}, true
		}
	}
	return tie{}, false
}

package synth

import (
	"net/netip"
	"slices"
	"time"
)

// silentFrom is how long nothing comes before a side is silent, which its
// stream had time to begin and the call to end.
const silentFrom = micros(1_000_000)

// span is a stretch of time.
type span struct{ from, to micros }

// session is what offers and answers said of who sends audio. While it is not
// both sides, nobody is due: one is not to send, and the other may hold in
// silence.
type session struct {
	holds []span // the last one is open while held is set
	held  bool
	fax   bool // the audio gave way to T.38
	moved bool // one of them agreed to call somebody else: they part
}

// part takes the answer to a REFER, at the tap.
func (s *session) part(at micros) {
	if !s.held {
		s.holds = append(s.holds, span{from: at})
	}
	s.held, s.moved = true, true
}

// agree takes an answer, at the tap.
func (s *session) agree(at micros, offer, answer *sdp) {
	held := false
	for _, x := range [...]*sdp{offer, answer} {
		m := x.media[0]
		s.fax = s.fax || m.kind != "audio"
		held = held || m.dir != "sendrecv" || x.conn == netip.IPv4Unspecified()
	}
	switch {
	case s.moved:
		return
	case held && !s.held:
		s.holds = append(s.holds, span{from: at})
	case !held && s.held:
		s.holds[len(s.holds)-1].to = at
	}
	s.held = held
}

// silentMs is the time of c in which both sides' SDP said that they send and
// no packet of this one came, in stretches of more than a second; nil where
// nobody can tell.
func (r *run) silentMs(c *CallTruth, side string) *float64 {
	if c.AnswerTime == nil || c.unseen || c.dialog.sends.fax {
		return nil
	}
	from := r.micros(*c.AnswerTime)
	var last micros
	var streams []*streamMeter
	for _, m := range r.order {
		if m.number == 0 || m.flow.owner != c.dialog || m.flow.labels.direction == "" || m.codec.name == vp8.name {
			continue
		}
		last = max(last, m.last)
		streams = append(streams, m)
	}
	if len(streams) == 0 {
		return nil // the tap sees no media of the call
	}
	until := last
	if c.EndTime != nil {
		until = r.micros(*c.EndTime)
	}
	var covered []span
	for _, h := range c.dialog.sends.holds {
		if h.to == 0 {
			h.to = until
		}
		covered = append(covered, h)
	}
	for _, m := range streams {
		if m.flow.labels.direction != side {
			continue
		}
		at := m.first
		for _, gap := range m.gaps {
			covered = append(covered, span{at, gap.from})
			at = gap.to
		}
		covered = append(covered, span{at, m.last})
	}
	slices.SortFunc(covered, func(a, b span) int { return int(a.from - b.from) })
	var silent micros
	for _, s := range append(covered, span{until, until}) {
		if gap := min(s.from, until) - from; gap > silentFrom {
			silent += gap
		}
		from = max(from, s.to)
	}
	return new(float64(silent) / 1000)
}

func (r *run) micros(t time.Time) micros { return inMicros(t.Sub(r.base)) }

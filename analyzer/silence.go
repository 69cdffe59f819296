package analyzer

import (
	"slices"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/record"
)

// silence is the time of an answered call in which one side was to send and
// sent nothing: loss of which no sequence number tells.
type silence struct {
	known     bool          // false where nobody can tell; then the rest is zero
	due       time.Duration // in which the side was to send
	sent      time.Duration // of that, in which it did
	stretches []span        // without media, in order
	lost      []span        // of those, where sequence numbers tell the loss
	quality   media.Quality // of the stretches
	missing   float64       // packets that were due in them
	gaps      []gap         // those that lie within what was heard
}

const (
	// soon is how long media may be away without being silent: it has had no
	// time to come after the answer, or the call is being torn down.
	soon = time.Second
	// brief is the longest duration of a call that is not called one-way.
	brief = 2 * time.Second
	// maxSilentRows is how many silent intervals of a side have a row: an hour.
	maxSilentRows = 720
)

func (s *span) length() time.Duration { return max(0, s.to.Sub(s.from)) }

func total(spans []span) time.Duration {
	var sum time.Duration
	for i := range spans {
		sum += spans[i].length()
	}
	return sum
}

// without are the parts of spans, which are in order, that no hole covers.
func without(spans, holes []span) []span {
	holes = slices.SortedFunc(slices.Values(holes), func(x, y span) int { return x.from.Compare(y.from) })
	var out []span
	for _, s := range spans {
		for _, h := range holes {
			if !h.from.Before(h.to) {
				continue
			}
			if !h.from.Before(s.to) {
				break
			}
			if h.from.After(s.from) {
				out = append(out, span{s.from, h.from})
			}
			s.from = later(s.from, h.to)
		}
		if s.from.Before(s.to) {
			out = append(out, s)
		}
	}
	return out
}

// spans are when the stream had packets, or said that it was silent.
func (s *stream) spans() []span {
	holes := make([]span, len(s.holes))
	for i, h := range s.holes {
		holes[i] = span{h.From.Add(1), h.To} // one packet alone is media, too
	}
	return without([]span{{s.first, s.last}}, holes)
}

// counted are the holes of streams in which sequence numbers are missing: what
// was lost in them is scored as loss already.
func counted(streams []*stream) []span {
	var out []span
	for _, s := range streams {
		for _, h := range s.holes {
			if h.Lost {
				out = append(out, span{h.From, h.To})
			}
		}
	}
	return out
}

// voices are the streams of a side that are not video, at whatever hop. What a
// stranger sends is not the side's.
func voices(streams []*stream, side dialog.Side) []*stream {
	var out []*stream
	for _, s := range streams {
		if s.tie.from == side && s.counts.Packets > 0 && s.mediaType() != "video" && !s.isForeign {
			out = append(out, s)
		}
	}
	return out
}

func spansOf(streams []*stream) []span {
	var out []span
	for _, s := range streams {
		out = append(out, s.spans()...)
	}
	return out
}

// endOf is when a leg ended, or what was last seen of one that goes on.
func endOf(r *record.Call, c *dialog.Call, streams []*stream) time.Time {
	if r.EndTime != nil {
		return *r.EndTime
	}
	end := c.LastSeen()
	for _, s := range streams {
		end = later(end, s.last)
	}
	return end
}

func later(x, y time.Time) time.Time {
	if y.After(x) {
		return y
	}
	return x
}

// silences finds what each side of a leg left out, and scores it; the leg has
// no hold that lasts any more. It writes the intervals.
func (a *Analyzer) silences(r *record.Call, leg *dialog.Leg, c *dialog.Call, m *callMedia, streams []*stream, flags map[string]bool) [2]silence {
	var out [2]silence
	if leg == nil || r.AnswerTime == nil || flags["t38"] || m.elsewhere || m.dropped {
		return out
	}
	call := span{*r.AnswerTime, endOf(r, c, streams)}
	for side := range out {
		out[side] = a.silenceOf(r, leg, c, m, streams, dialog.Side(side), call)
	}
	for side := range out {
		s, o := &out[side], &out[1-side]
		if s.dead() && !o.dead() && len(voices(streams, dialog.Side(1-side))) > 0 && call.length() > brief {
			flags["one_way_audio"] = true
		}
	}
	return out
}

// dead reports whether a side sent next to nothing of what was to hear.
func (s *silence) dead() bool { return s.known && s.due >= brief && s.sent*20 < s.due }

func (a *Analyzer) silenceOf(r *record.Call, leg *dialog.Leg, c *dialog.Call, m *callMedia, streams []*stream, side dialog.Side, call span) silence {
	var idle []span
	for _, h := range leg.Idle(side) {
		idle = append(idle, span{h.From, h.To})
	}
	if at := leg.Referred(); !at.IsZero() && at.Before(call.to) {
		idle = append(idle, span{at, call.to})
	}
	due := without([]span{call}, idle)
	own, others := voices(streams, side), voices(streams, side.Other())
	sender, receiver := audioOf(c, leg, side), audioOf(c, leg, side.Other())
	if len(due) == 0 || len(sender) == 0 || len(receiver) == 0 {
		return silence{} // it never was to send, or its SDP was not seen
	}
	if len(own) == 0 {
		switch {
		case len(voices(m.streams, side)) > len(voices(streams, side)) && slices.ContainsFunc(m.streams, func(s *stream) bool { return s.tie.from == side && s.tie.leg == nil }):
			return silence{} // the addresses do not tell to which fork it sends
		case len(others) > 0 && !a.coversFlow(c, sender, receiver, others), len(others) == 0 && r.MediaSeen != "none":
			return silence{}
		}
	}
	if slices.ContainsFunc(own, func(s *stream) bool { return s.holesLeft }) {
		return silence{} // there may be more than are remembered
	}
	if len(own) > 0 && !slices.ContainsFunc(own, func(s *stream) bool { return a.awake(s.key.point, call.to) }) {
		return silence{} // whoever saw them sees nothing any more
	}
	missing := without(due, spansOf(own))
	s := silence{known: true, due: total(due), sent: total(due) - total(missing)}
	for _, gap := range missing {
		if gap.length() <= soon {
			continue
		}
		if a.moved(c, own, others, sender, receiver, gap.from) {
			return silence{}
		}
		s.stretches = append(s.stretches, gap)
	}
	s.lost = counted(own)
	a.scoreSilence(&s, r, c, side, own, others, sender, receiver, due)
	return s
}

// audioOf are the addresses that a side of the leg announced for audio.
func audioOf(c *dialog.Call, leg *dialog.Leg, owner dialog.Side) []*dialog.Endpoint {
	var out []*dialog.Endpoint
	for _, ep := range c.Endpoints {
		if ep.Owner == owner && ep.Media == "audio" && (ep.Leg == nil || ep.Leg == leg) {
			out = append(out, ep)
		}
	}
	return out
}

// moved reports whether the media of a side may go on where no agent sees it:
// one of its ends announced another address since it began, as where a PBX
// leaves the media path, and that host is not covered, or both sides left
// together.
func (a *Analyzer) moved(c *dialog.Call, own, others []*stream, sender, receiver []*dialog.Endpoint, when time.Time) bool {
	if len(own) == 0 {
		return false
	}
	begun := own[0].first
	for _, s := range own {
		if s.first.Before(begun) {
			begun = s.first
		}
	}
	stays := slices.ContainsFunc(others, func(s *stream) bool { return s.last.After(when.Add(soon)) })
	for _, end := range [...][]*dialog.Endpoint{sender, receiver} {
		var fresh []*dialog.Endpoint
		used := false
		for _, ep := range end {
			if ep.Since.After(begun.Add(soon)) && !ep.Since.After(when.Add(soon)) {
				fresh = append(fresh, ep)
				used = used || slices.ContainsFunc(own, func(s *stream) bool { return s.key.src == ep.Addr || s.key.dst == ep.Addr })
			}
		}
		if len(fresh) > 0 && !used && !(stays && a.coversHost(c, fresh)) {
			return true
		}
	}
	return false
}

// absent is a stream that should have been: the one that stopped, or what SDP
// agreed on where there was none.
type absent struct {
	key   streamKey
	codec payload
	ptime float64 // ms

	speech media.Speech
}

func (a *Analyzer) absentAt(when time.Time, own, others []*stream, sender, receiver []*dialog.Endpoint) absent {
	var is absent
	var like *stream
	if len(own) > 0 {
		s := own[0]
		for _, o := range own[1:] { // the latest that had begun
			if !o.first.After(when) && (s.first.After(when) || o.last.After(s.last)) {
				s = o
			}
		}
		is.key, like = s.key, s
		if pt, ok := s.mainPayload(); ok {
			is.codec = s.payloadOf(pt)
		}
		is.ptime = s.ptimeMs
		if is.ptime == 0 && is.codec.clock > 0 {
			is.ptime = 1000 * float64(s.tsStep) / float64(is.codec.clock)
		}
	} else {
		is.key = streamKey{point: &point{}, src: sender[0].Addr, dst: receiver[0].Addr}
		if len(others) > 0 {
			is.key.point = others[0].key.point
		}
	}
	if isVoice(is.codec.name) {
		is.speech = a.speech(like, is.codec)
	} else {
		is.codec = agreed(sender, receiver)
		is.speech = a.speechOf(is.codec)
	}
	if is.ptime == 0 {
		is.ptime = receiver[0].PtimeMs
	}
	if is.ptime < 1 || is.ptime > 1000 {
		is.ptime = media.UsualPtimeMs
	}
	return is
}

// agreed is the first voice codec that both sides announced, in the order of
// the callee, whose SDP is most often the answer.
func agreed(sender, receiver []*dialog.Endpoint) payload {
	answer, offer := sender[0], receiver[0]
	if answer.Owner == dialog.A {
		answer, offer = offer, answer
	}
	for _, p := range answer.Payloads {
		if isVoice(p.Name) && slices.ContainsFunc(offer.Payloads, func(o dialog.Payload) bool { return o.Name == p.Name && o.Clock == p.Clock }) {
			return payload{p.Name, p.Clock, p.Fmtp, "audio"}
		}
	}
	return payload{}
}

// silentPart is how much of an interval was silent.
type silentPart struct {
	start  time.Time
	silent time.Duration
}

// silentParts splits stretches by intervals, as far as rows are written; rest
// is what lies behind.
func silentParts(stretches []span) (parts []silentPart, rest time.Duration) {
	for _, s := range stretches {
		for s.from.Before(s.to) {
			start := s.from.Truncate(media.Interval)
			next := start.Add(media.Interval)
			if n := len(parts); n == 0 || !parts[n-1].start.Equal(start) {
				if n >= maxSilentRows {
					rest += s.length()
					break
				}
				parts = append(parts, silentPart{start: start})
			}
			piece := span{s.from, next}
			if s.to.Before(next) {
				piece.to = s.to
			}
			parts[len(parts)-1].silent += piece.length()
			s.from = next
		}
	}
	return parts, rest
}

// scoreSilence writes the silent part of each interval, and scores it with the
// packets that were due as its weight. Its SSRC is 0: it is of no stream, and
// the intervals of a stream still add up to its row. A stretch spoils what was
// heard before and behind it; one at the beginning or end of what was due has
// but its time.
func (a *Analyzer) scoreSilence(s *silence, r *record.Call, c *dialog.Call, side dialog.Side, own, others []*stream, sender, receiver []*dialog.Endpoint, due []span) {
	stretches := without(s.stretches, s.lost)
	for _, g := range stretches {
		if slices.ContainsFunc(due, func(d span) bool { return g.from.Equal(d.from) || g.to.Equal(d.to) }) {
			continue
		}
		is := a.absentAt(g.to, own, others, sender, receiver)
		s.gaps = append(s.gaps, gap{g, g.length().Seconds() * 1000 / is.ptime, is.ptime, is.speech, true})
	}
	add := func(start time.Time, silent time.Duration) (row record.Interval, ok bool) {
		is := a.absentAt(start.Add(media.Interval), own, others, sender, receiver)
		score, ok := media.Floor(is.speech)
		n := uint64(silent.Seconds() * 1000 / is.ptime)
		if !ok || n == 0 {
			return row, false
		}
		score.Silent = true
		s.quality.Add(media.Scored{Score: score, Time: start, LossPct: 100},
			&media.Report{Start: start, Delta: media.Counts{Expected: n, Lost: n}, PtimeMs: is.ptime})
		s.missing += float64(n)
		return record.Interval{
			Domain: r.Domain, FirstSeen: micro(start), Time: micro(start), CallID: new(c.CallID()), Direction: new(side.String()),
			SrcIP: is.key.src.Addr(), SrcPort: is.key.src.Port(), DstIP: is.key.dst.Addr(), DstPort: is.key.dst.Port(), Node: is.key.node,
			Expected: n, Lost: n, Codec: new(is.codec.name), RLQ: rounded(score.R), MosLQ: rounded(score.MOS),
			Model: new(score.Model), Scale: new(score.Scale), RCeiling: rounded(score.Ceiling),
			RCostCodec: rounded(score.CodecCost), RCostLoss: rounded(score.LossCost),
		}, true
	}
	parts, rest := silentParts(stretches)
	for _, p := range parts {
		if row, ok := add(p.start, p.silent); ok {
			a.Counters.Intervals++
			a.emit(&row)
		}
	}
	if rest > 0 {
		if _, ok := add(parts[len(parts)-1].start.Add(media.Interval), rest); ok {
			s.quality.Samples += uint32(min(max(rest/media.Interval-1, 0), 1<<30))
		}
	}
}

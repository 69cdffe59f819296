package analyzer

import (
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/record"
)

// payload is what is known of one payload type of a stream.
type payload struct {
	name  string // encoding name, upper case; "" when it is not known
	clock uint32 // Hz; 0 when it is not known
	fmtp  string
	media string // audio, video; "" when it is not known
}

// payloadOf resolves a payload type: by what the receiver announced, else by
// what the sender did, else by RFC 3551.
func (s *stream) payloadOf(pt uint8) payload {
	p := s.announced(pt)
	if s.mistaken.rate != 0 && s.mistaken.pt == pt {
		p.clock = s.mistaken.rate
	}
	return p
}

func (s *stream) announced(pt uint8) payload {
	if s.tied {
		for _, ep := range [...]*dialog.Endpoint{s.tie.to, s.tie.sender} {
			if ep == nil {
				continue
			}
			if p, ok := ep.Payload(pt); ok && p.Name != "" {
				return payload{p.Name, p.Clock, p.Fmtp, ep.Media}
			}
		}
	}
	if st, ok := media.StaticPayloadType(pt); ok {
		return payload{strings.ToUpper(st.Name), st.ClockRate, "", st.Media}
	}
	return payload{}
}

// interval writes the rows of a report: of its packets, and of each interval
// that its outages lie in.
func (a *Analyzer) interval(s *stream, r *media.Report) {
	rest, parts, _ := outages(r)
	if len(parts) > 0 {
		speech := a.speech(s, s.payloadOf(r.PayloadType))
		for _, h := range holesOf(r) {
			if h.Lost {
				s.gone.spoilt.Add(s.gone.outages.Add(speech, r.PtimeMs, h.From, h.To, float64(h.Missing)))
			}
		}
	}
	for i := range parts {
		a.intervalRow(s, &parts[i])
	}
	a.intervalRow(s, rest)
}

// intervalRow scores one interval of a stream and writes its row.
func (a *Analyzer) intervalRow(s *stream, r *media.Report) {
	if r.Delta.Packets == 0 && r.Delta.Expected == 0 {
		return // only says that the stream ended
	}
	if r.ClockRate != 0 {
		s.mistaken.pt, s.mistaken.rate = r.PayloadType, r.ClockRate
	}
	p := s.payloadOf(r.PayloadType)
	if p.name != "" || s.payload.name == "" {
		s.payload = p
	}
	row := record.Interval{
		Domain: s.key.domain, FirstSeen: micro(r.Start), Time: micro(r.Start), SSRC: r.SSRC,
		SrcIP: s.key.src.Addr(), SrcPort: s.key.src.Port(), DstIP: s.key.dst.Addr(), DstPort: s.key.dst.Port(), Node: s.key.node,
		Packets: r.Delta.Packets, Expected: r.Delta.Expected, Lost: r.Delta.Lost,
	}
	if s.tied {
		row.CallID = new(s.tie.call.CallID())
		row.Direction = new(s.tie.from.String())
	}
	if p.name != "" {
		row.Codec = new(p.name)
	}
	if e, ok := jitterEntry(r.Jitter, p.clock); ok && e.N > 0 {
		row.JitterMs = rounded(e.Sum / float64(e.N))
		s.jitter.add(e)
	}
	if rtt, ok := a.rttOf(s, r.Start.Add(media.Interval)); ok {
		row.RttMs = rounded(rtt)
	}
	if p.media == "audio" && isVoice(p.name) && !slices.Contains(s.codecs, p.name) && len(s.codecs) < 8 {
		s.codecs = append(s.codecs, p.name)
	}
	if r.Heard.Played > 0 {
		d := r.Heard.Discarded
		row.F50Discarded, row.F200Discarded, row.AdaptiveDiscarded = new(d[media.Fixed50]), new(d[media.Fixed200]), new(d[media.Adaptive])
	}
	if !s.srtp() {
		soundRow(&row.Sound, &r.Signal)
	}
	if r.Head != 0 {
		s.head = r.Head
	}
	if speech := r.Delta.Packets - min(r.Delta.Packets, r.Delta.Events+r.Delta.CN); speech >= likeFrom || s.like.Packets == 0 && speech > 0 {
		s.like = media.Like{Packets: r.Delta.Packets, Bytes: r.Delta.Bytes, Events: r.Delta.Events, CN: r.Delta.CN, PtimeMs: r.PtimeMs}
	}
	if score, ok := a.score(s, p, r); ok {
		scored := media.Scored{
			Score: score, Time: r.Start, LossPct: media.LossPct(r.Delta.Lost, r.Delta.Expected), JitterMs: row.JitterMs, RTTMs: row.RttMs,
			DelayMs: a.delayOf(s, r), Ran: s.ran(r),
		}
		s.quality.Add(scored, r)
		// Of three packets one lost is no 33 %: a shorter one is only a part of
		// the stream's score. An outage has none that came.
		if r.Delta.Packets == 0 || r.Length() >= time.Second {
			row.RLQ, row.MosLQ = rounded(score.R), rounded(score.MOS)
			row.Model, row.Scale, row.RCeiling = new(score.Model), new(score.Scale), rounded(score.Ceiling)
			row.RCostCodec, row.RCostLoss, row.RCostDiscard = rounded(score.CodecCost), rounded(score.LossCost), rounded(score.DiscardCost)
			if scored.DelayMs != nil {
				_, _, cost := score.Conversational(*scored.DelayMs)
				row.RCostDelay = rounded(cost)
			}
		}
	}
	a.Counters.Intervals++
	a.emit(&row)
}

// ran is for how long a stream had run at the end of a report, less its holes of
// which no sequence number tells: they are silence, beside it.
func (s *stream) ran(r *media.Report) time.Duration {
	ran := r.Last.Sub(r.First)
	for _, h := range s.holes {
		if !h.Lost && !h.To.After(r.Last) {
			ran -= h.To.Sub(h.From)
		}
	}
	return ran
}

// likeFrom is how many packets of speech tell what those of a stream are like:
// of few the mean size says little.
const likeFrom = 25

// jitterEntry chooses the jitter at the clock rate of the codec; where that is
// not known there is none, unless the agent knew.
func jitterEntry(entries []media.Jitter, clock uint32) (media.Jitter, bool) {
	if clock == 0 && len(entries) == 1 {
		return entries[0], true
	}
	for _, e := range entries {
		if e.ClockRate == clock {
			return e, true
		}
	}
	return media.Jitter{}, false
}

// score scores an interval; there is no score for video and events, nor for a
// codec without impairment factors.
func (a *Analyzer) score(s *stream, p payload, r *media.Report) (media.Score, bool) {
	if p.media == "video" {
		return media.Score{}, false
	}
	if r.Delta.Packets == 0 {
		return media.Floor(a.speech(s, p))
	}
	return media.ScoreOf(a.speech(s, p), r)
}

func (a *Analyzer) speech(s *stream, p payload) media.Speech {
	return media.Speech{Encoding: p.name, Fmtp: p.fmtp, NoPLC: a.opt.NoPLC, Codecs: a.opt.Codecs, Buffer: a.opt.Buffer, SRTP: s.srtp(), Head: s.head, Like: s.like}
}

// speechOf is a codec of which no packet was seen.
func (a *Analyzer) speechOf(p payload) media.Speech {
	return media.Speech{Encoding: p.name, Fmtp: p.fmtp, NoPLC: a.opt.NoPLC, Codecs: a.opt.Codecs}
}

// delayOf is the delay from mouth to ear that RTCP lets us know, ms: half the
// round trips on both sides of the capture point, the packet that is filled
// first, and the buffer that plays it. nil where no round trip is known: a
// delay of 0 would be a claim. Where only one side's is known the other has no
// RTCP or no length, as with an agent on the media server itself.
func (a *Analyzer) delayOf(s *stream, r *media.Report) *float64 {
	at := r.Start.Add(media.Interval)
	rtt, ok := a.rttOf(s, at)
	if s.tied {
		if m := a.calls[s.tie.call]; m != nil {
			for _, o := range m.streams {
				if o.tie.from == s.tie.from {
					continue
				}
				if back, known := a.rttOf(o, at); known {
					rtt, ok = rtt+back, true
					break
				}
			}
		}
	}
	if !ok {
		return nil
	}
	buffer := r.PlayoutMs
	switch a.opt.Buffer {
	case media.Fixed50:
		buffer = 50
	case media.Fixed200:
		buffer = 200
	case media.NoBuffer:
		buffer = 0
	case media.Adaptive:
	}
	return new(rtt/2 + r.PtimeMs + buffer)
}

// isVoice tells speech from what else an audio stream carries.
func isVoice(name string) bool {
	switch name {
	case "", "TELEPHONE-EVENT", "CN", "RED":
		return false
	}
	return true
}

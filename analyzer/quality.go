package analyzer

import (
	"slices"
	"strings"

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

// interval scores one interval of a stream and writes its row.
func (a *Analyzer) interval(s *stream, r *media.Report) {
	if r.Delta.Packets == 0 && r.Delta.Expected == 0 {
		return // only says that the stream ended
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
	if score, ok := a.score(p, r); ok {
		row.RLQ, row.MosLQ = rounded(score.R), rounded(score.MOS)
		row.RCostCodec, row.RCostLoss = rounded(score.CodecCost), rounded(score.LossCost)
		s.quality.Add(media.Scored{
			Score: score, Time: r.Start, LossPct: media.LossPct(r.Delta.Lost, r.Delta.Expected), JitterMs: row.JitterMs, RTTMs: row.RttMs,
		}, r)
	}
	a.Counters.Intervals++
	a.emit(&row)
}

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
func (a *Analyzer) score(p payload, r *media.Report) (media.Score, bool) {
	if p.media == "video" {
		return media.Score{}, false
	}
	return media.ScoreOf(media.Speech{Encoding: p.name, Fmtp: p.fmtp, NoPLC: a.opt.NoPLC}, r)
}

// isVoice tells speech from what else an audio stream carries.
func isVoice(name string) bool {
	switch name {
	case "", "TELEPHONE-EVENT", "CN", "RED":
		return false
	}
	return true
}

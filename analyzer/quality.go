package analyzer

import (
	"slices"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/emodel"
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

// quality adds up the scores of a stream's intervals.
type quality struct {
	scored        uint32 // intervals with a score
	weight        float64
	sumR, sumMOS  float64
	codec         emodel.Codec
	minR, minMOS  float64
	maxMOS        float64
	minTime       time.Time
	minLossPct    float64
	minJitterMs   float64
	minRttMs      *float64
	worst         bool // minMOS comes from an interval long enough to judge by
	lost, expects uint64
}

// judgeable is how much media an interval needs for its score to count as the
// worst or best of a stream: of three packets one lost is no 33 %.
const judgeable = time.Second

func (q *quality) add(codec emodel.Codec, r float64, at time.Time, length time.Duration, expected, lost uint64, jitter *float64, rtt *float64) {
	mos := emodel.ClampedMOS(r)
	w := float64(expected)
	q.codec = codec
	q.weight += w
	q.sumR += r * w
	q.sumMOS += mos * w
	enough := length >= judgeable
	first := q.scored == 0 || enough && !q.worst
	q.scored++
	if !enough && q.worst {
		return
	}
	if first || r < q.minR {
		q.minR, q.minMOS, q.minTime = r, mos, at
		q.minLossPct = lossPct(lost, expected)
		q.minRttMs = rtt
		q.minJitterMs = -1
		if jitter != nil {
			q.minJitterMs = *jitter
		}
	}
	if first {
		q.maxMOS = mos
	}
	q.maxMOS = max(q.maxMOS, mos)
	q.worst = q.worst || enough
}

func (q *quality) r() float64   { return q.sumR / q.weight }
func (q *quality) mos() float64 { return q.sumMOS / q.weight }

func lossPct(lost, expected uint64) float64 {
	if expected == 0 {
		return 0
	}
	return 100 * float64(lost) / float64(expected)
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
	if codec, ok := a.codecOf(p, r); ok && r.Delta.Expected > 0 {
		cost := emodel.RCosts(codec, lossPct(r.Delta.Lost, r.Delta.Expected), 1, 0)
		score := emodel.BaseR - cost.Codec - cost.Loss
		row.RLQ, row.MosLQ = rounded(score), rounded(emodel.ClampedMOS(score))
		row.RCostCodec, row.RCostLoss = rounded(cost.Codec), rounded(cost.Loss)
		length := media.Interval
		if r.PtimeMs > 0 {
			length = time.Duration(float64(r.Delta.Expected) * r.PtimeMs * float64(time.Millisecond))
		}
		s.quality.add(codec, score, r.Start, length, r.Delta.Expected, r.Delta.Lost, row.JitterMs, row.RttMs)
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

// codecOf finds the impairment factors of an interval's codec. There is no
// score for a codec that has none, nor for video and events.
func (a *Analyzer) codecOf(p payload, r *media.Report) (emodel.Codec, bool) {
	if p.name == "" || p.media == "video" {
		return emodel.Codec{}, false
	}
	bytes := 0
	if media := r.Delta.Packets - r.Delta.Events - r.Delta.CN; media > 0 {
		bytes = int(r.Delta.Bytes / media)
	}
	return emodel.Lookup(emodel.Format{Encoding: p.name, Fmtp: p.fmtp, PayloadBytes: bytes, NoPLC: a.opt.NoPLC})
}

// isVoice tells speech from what else an audio stream carries.
func isVoice(name string) bool {
	switch name {
	case "", "TELEPHONE-EVENT", "CN", "RED":
		return false
	}
	return true
}

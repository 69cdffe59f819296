package analyzer

import (
	"cmp"
	"math"
	"slices"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/record"
)

// streamRow is the row of a stream as its sums stand.
func (a *Analyzer) streamRow(s *stream) *record.Stream {
	r := &record.Stream{
		Domain: s.key.domain, FirstSeen: micro(s.first), SSRC: s.key.ssrc,
		SrcIP: s.key.src.Addr(), SrcPort: s.key.src.Port(), DstIP: s.key.dst.Addr(), DstPort: s.key.dst.Port(), Node: s.key.node,
		StartTime: micro(s.first), EndTime: micro(s.last), Match: "none",
		Packets: s.counts.Packets, Bytes: s.counts.Bytes, Expected: s.counts.Expected, Lost: s.counts.Lost,
		Duplicates: s.counts.Duplicates, Reordered: s.counts.Reordered, Restarts: s.counts.Restarts,
		DTMFEvents: s.counts.DTMF, CNPackets: s.counts.CN, SRTP: s.srtp(), Flags: []string{},
	}
	if s.tied {
		c := s.tie.call
		r.CallID, r.FromTag, r.Direction, r.Match = new(c.CallID()), new(c.FromTag()), new(s.tie.from.String()), s.tie.match
		if s.row != nil {
			r.ToTag = new(s.row.ToTag)
		}
		if s.segment != "" {
			r.Segment = new(s.segment)
			a.segmentRow(r, s)
		}
	} else if s.callID != "" {
		r.CallID, r.Match = new(s.callID), "callid"
	}
	if m := s.mediaType(); m != "" {
		r.Media = new(m)
	}
	if pt, ok := s.mainPayload(); ok {
		r.PayloadType = new(pt)
		p := s.payloadOf(pt)
		if p.name != "" {
			r.Codec = new(p.name)
		}
		if p.clock != 0 {
			r.ClockRate = new(p.clock)
		}
		if ms := s.packetTime(); ms > 0 {
			r.PtimeMs = rounded(ms)
		}
	}
	if s.vlan != 0 {
		r.VLAN = new(s.vlan)
	}
	if r.Expected > 0 {
		r.LossPct = rounded(media.LossPct(r.Lost, r.Expected))
	}
	if j := s.jitterSum(); j.n > 0 {
		r.JitterMeanMs, r.JitterMaxMs = rounded(j.sum/float64(j.n)), rounded(j.max)
	}
	if r.Packets > 1 {
		r.DeltaMaxMs = rounded(s.deltaMaxMs)
	}
	if s.ttlMax > 0 {
		r.TTLMin, r.TTLMax, r.DSCP = new(s.ttlMin), new(s.ttlMax), new(s.dscp)
	}
	if m := a.remoteOfStream(s, true); m != nil {
		var side record.Side
		fillRemote(&side, []heard{{m, s.payload.clock, 1}})
		r.RtcpLost, r.RtcpLossPct, r.RtcpJitterMs, r.RttMs = side.RtcpLost, side.RtcpLossPct, side.RtcpJitterMs, side.RttMs
	}
	a.heardRow(r, s)
	framesRow(r, s)
	sum := soundOf([]*stream{s})
	soundRow(&r.Sound, &sum)
	a.scoreRow(r, s)
	if len(s.codecs) > 1 {
		r.Flags = append(r.Flags, "codec_change")
	}
	if a.tookOver(s) {
		r.Flags = append(r.Flags, "ssrc_change")
	}
	if s.sound != nil && s.sound.mute {
		r.Flags = append(r.Flags, "silent_audio")
	}
	if s.mistaken.rate != 0 {
		r.Flags = append(r.Flags, "clock_rate_mismatch")
	}
	if s.counts.Jumps > 0 {
		r.Flags = append(r.Flags, "timestamp_jump")
	}
	if s.isForeign {
		r.Flags = append(r.Flags, "foreign_stream")
	}
	if s.dscpChanged {
		r.Flags = append(r.Flags, "dscp_change")
	}
	if s.ttlMin != s.ttlMax {
		r.Flags = append(r.Flags, "ttl_change")
	}
	if to := s.tie.to; to != nil && to.PtimeMs > 0 && r.PtimeMs != nil && math.Abs(to.PtimeMs-*r.PtimeMs) > 1 && s.mediaType() == "audio" {
		r.Flags = append(r.Flags, "ptime_mismatch")
	}
	slices.Sort(r.Flags)
	return r
}

// heardRow fills what a listener had of the stream beside its loss.
func (a *Analyzer) heardRow(r *record.Stream, s *stream) {
	if r.Expected > 0 {
		told := s.countsBursts()
		if r.Lost > 0 && told {
			r.BurstR = rounded(media.BurstR(r.Lost, s.heard.Runs[0], r.Expected))
		}
		if told {
			r.LossBursts = narrow(s.heard.Bursts[:])
		}
	}
	if s.wrote == nil { // these are counted since the stream began: of a later row they would say too much
		if p95, ok := media.JitterPercentile(s.spread, 0.95); ok && r.JitterMaxMs != nil {
			r.JitterP95Ms = rounded(min(p95, *r.JitterMaxMs))
		}
	}
	if r.PtimeMs != nil && s.wrote == nil {
		if m, ok := s.burstGap.Metrics(*r.PtimeMs); ok {
			r.BurstDensityPct, r.GapDensityPct, r.BurstMs, r.GapMs = rounded(m.BurstDensityPct), rounded(m.GapDensityPct), rounded(m.BurstMs), rounded(m.GapMs)
		}
		if n, ok := s.burstGap.SinceBurst(); ok {
			r.SinceBurstMs = rounded(float64(n) * *r.PtimeMs)
		}
		if s.mediaType() == "video" { // a packet is no frame: its media time is not known
			r.BurstMs, r.GapMs, r.SinceBurstMs = nil, nil, nil
		}
	}
	if s.heard.Played > 0 {
		r.PDV = narrow(s.heard.PDV[:])
		d := s.heard.Discarded
		r.F50Discarded, r.F200Discarded, r.AdaptiveDiscarded = new(d[media.Fixed50]), new(d[media.Fixed200]), new(d[media.Adaptive])
	}
	if ppm, ok := s.skew.ppm(); ok {
		r.ClockSkewPpm = rounded(ppm)
	}
}

// framesRow fills what frames of video did. They are counted since the stream
// began: of a later row of it they would say too much.
func framesRow(r *record.Stream, s *stream) {
	f := s.frames
	if f == nil || s.wrote != nil || s.mediaType() != "video" {
		return
	}
	r.Frames, r.Freezes, r.FreezeMs = new(f.Frames), new(f.Freezes), rounded(f.FreezeMs)
	if fps, ok := f.FPS(); ok {
		r.FPS, r.FrameGapMaxMs = rounded(fps), rounded(f.GapMaxMs)
	}
}

// scoreRow fills R and MOS of the whole stream: of its totals where it had one
// codec, else the mean of its intervals. Without evidence there is none, and a
// flag says why.
func (a *Analyzer) scoreRow(r *record.Stream, s *stream) {
	q := &s.quality
	if why := unscoredFlag(q, []*stream{s}); why != "" {
		r.Flags = append(r.Flags, why)
		return
	}
	if !s.speaks() {
		return
	}
	if q.Mixed() {
		r.Flags = append(r.Flags, "scale_change")
	}
	r.RLQ, r.MosLQ, r.RCeiling = rounded(q.R()), rounded(q.MOS()), rounded(q.Ceiling())
	if is, ok := a.perceptual(s); ok {
		r.RPerceptual, r.MosPerceptual = rounded(is.R), rounded(is.MOS)
	}
	r.Model, r.Scale, r.ModelStatus = new(q.Codec.Model), new(q.Codec.Scale), new(q.Codec.Status)
	r.JitterBuffer = new(media.NoBuffer.String())
	if s.heard.Played > 0 {
		r.JitterBuffer = new(a.opt.Buffer.String())
	}
	if q.Codec.PLCAssumed {
		r.Flags = append(r.Flags, "plc_assumed")
	}
	if q.Codec.Configured {
		r.Flags = append(r.Flags, "codec_configured")
	}
	defer func() {
		if cost, drop, ok := q.DelayCost(); ok {
			r.RCQ, r.MosCQ = rounded(*r.RLQ-cost), rounded(max(1, *r.MosLQ-drop))
		}
	}()
	if score, ok := a.whole(s, a.opt.Buffer); ok && q.Fits(score.Scale, score.Ceiling) {
		r.RLQ, r.MosLQ, r.RCeiling = rounded(score.R), rounded(score.MOS), rounded(score.Ceiling)
	}
	lowest, _ := q.MOSRange(*r.MosLQ)
	r.MosLQMin = rounded(lowest)
	if s.heard.Played == 0 {
		return
	}
	for b, at := range [media.Buffers]struct{ r, mos **float64 }{{&r.F50R, &r.F50Mos}, {&r.F200R, &r.F200Mos}, {&r.AdaptiveR, &r.AdaptiveMos}} {
		if score, ok := a.whole(s, media.Buffer(b)); ok && q.Fits(score.Scale, score.Ceiling) {
			*at.r, *at.mos = rounded(score.R), rounded(score.MOS)
		}
	}
}

// tookOver reports whether the stream began where another SSRC of the same call
// and direction ended. Of a stream of no call the agent has the word.
func (a *Analyzer) tookOver(s *stream) bool {
	if !s.tied {
		return s.ssrcChanged
	}
	m := a.calls[s.tie.call]
	return m != nil && slices.ContainsFunc(m.streams, func(o *stream) bool {
		return o.key.point == s.key.point && o.key.src == s.key.src && o.key.dst == s.key.dst && o.key.ssrc != s.key.ssrc &&
			o.mediaType() == s.mediaType() && o.first.Before(s.first) && o.last.Before(s.first.Add(soon))
	})
}

// countsBursts reports whether the agent told how what was lost lies.
func (s *stream) countsBursts() bool { return s.counts.Lost == 0 || s.heard.Runs[0] > 0 }

// speaks reports whether a score is to be expected of the stream.
func (s *stream) speaks() bool {
	return s.mediaType() != "video" && s.counts.Packets > s.counts.Events
}

// wordless reports whether audio was nothing but telephone events and comfort
// noise.
func (s *stream) wordless() bool {
	return s.mediaType() != "video" && s.counts.Packets > 0 && s.counts.Packets <= s.counts.Events+s.counts.CN
}

// unscoredFlag is the flag that says why streams, of which q is the quality,
// have no score; "" where they have one, and where there is no audio.
func unscoredFlag(q *media.Quality, streams []*stream) string {
	switch {
	case slices.ContainsFunc(streams, func(s *stream) bool { return s.speaks() && !s.wordless() }):
		return noScore(q)
	case slices.ContainsFunc(streams, (*stream).wordless):
		return "mos_no_speech"
	}
	return ""
}

// noScore is the flag that says why there is no score, "" where there is one.
func noScore(q *media.Quality) string {
	switch {
	case q.Samples == 0:
		return "mos_no_codec"
	case !q.Enough():
		return "mos_short"
	}
	return ""
}

func narrow(all []uint64) []uint32 {
	out := make([]uint32, len(all))
	for i, n := range all {
		out[i] = uint32(min(n, math.MaxUint32))
	}
	return out
}

// mainPayload is the payload type of most packets, events and comfort noise
// only where there is nothing else.
func (s *stream) mainPayload() (uint8, bool) {
	type tally struct {
		pt    uint8
		n     uint64
		voice bool
	}
	var all []tally
	for _, c := range s.payloads {
		p := s.payloadOf(c.PT)
		all = append(all, tally{c.PT, c.N, p.name == "" || isVoice(p.name)})
	}
	if len(all) == 0 {
		return 0, false
	}
	best := slices.MaxFunc(all, func(x, y tally) int {
		if x.voice != y.voice {
			if x.voice {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(x.n, y.n), cmp.Compare(y.pt, x.pt))
	})
	return best.pt, true
}

func (s *stream) mediaType() string {
	if s.tie.to != nil {
		return s.tie.to.Media
	}
	if s.tie.sender != nil {
		return s.tie.sender.Media
	}
	return s.payload.media
}

func (s *stream) srtp() bool {
	return s.tie.to != nil && s.tie.to.SRTP || s.tie.sender != nil && s.tie.sender.SRTP
}

package analyzer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/record"
)

// finish writes the rows of a call that is over: itself, its attempts, its hops
// and its streams.
func (a *Analyzer) finish(c *dialog.Call) {
	m := a.calls[c]
	if m == nil {
		m = &callMedia{}
	}
	session := a.sessionOf(c)
	legs := a.legsOf(c, m)
	m.segments(legs)
	attempts, rows := c.Attempts(), c.Rows()
	dialog.Seizures(attempts, rows)
	for i, row := range rows {
		row.Call.SessionID = session
		streams := m.of(row.Leg, i == 0)
		a.trunks(row.Call, attempts)
		a.join(row.Call, row.Leg, c, m, streams)
		for _, s := range streams {
			s.row = row.Call
		}
		a.Counters.Calls++
		a.emit(row.Call)
	}
	for _, at := range attempts {
		a.emit(at)
	}
	hops := c.Hops()
	for _, h := range hops {
		a.emit(h)
	}
	a.clocks = append(clockGaps(hops), m.clockGaps()...)
	a.releaseReports(c, m)
	var told []*record.Stream
	for _, s := range m.streams { // before any of them begins anew
		told = append(told, a.rowOf(s))
	}
	m.passOn(legs)
	for i, s := range m.streams {
		a.emitRow(s, told[i])
		s.kept, s.before = false, nil // what still comes has a row of its own
	}
	m.streams, m.passed, a.clocks = nil, nil, nil
	delete(a.calls, c)
	a.unbind(c)
}

// of are the streams of one leg. Where the addresses do not tell the fork,
// the first leg has them.
func (m *callMedia) of(leg *dialog.Leg, first bool) []*stream {
	var out []*stream
	for _, s := range m.streams {
		if s.tie.leg == leg || s.tie.leg == nil && first || leg == nil {
			out = append(out, s)
		}
	}
	return out
}

// join fills the media part of a call's row.
func (a *Analyzer) join(r *record.Call, leg *dialog.Leg, c *dialog.Call, m *callMedia, streams []*stream) {
	seen := [2]bool{}
	var worse *media.Quality
	var worseSide dialog.Side
	var firstRTP time.Time
	flags := map[string]bool{}
	for _, f := range r.Flags {
		flags[f] = true
	}
	for _, s := range streams {
		if s.counts.Packets == 0 {
			continue
		}
		seen[s.tie.from] = true
		if firstRTP.IsZero() || s.first.Before(firstRTP) {
			firstRTP = s.first
		}
		s.flag(flags, r)
		if s.tie.strength == weakTarget {
			if slices.ContainsFunc(streams, s.foreign) {
				s.isForeign, flags["foreign_stream"] = true, true
			} else {
				flags["source_mismatch"] = true
			}
		}
	}
	a.mediaSeen(r, c, m, leg, seen, flags)
	if leg != nil {
		leg.EndHold(endOf(r, c, streams))
	}
	silent := a.silences(r, leg, c, m, streams, flags)
	for i, sum := range [...]*record.Side{&r.A, &r.B} {
		side := dialog.Side(i)
		chosen := measured(streams, side)
		if leg != nil && (seen[side] || silent[side].known) {
			sum.HoldMs = new(leg.HoldMs(side))
		}
		if silent[side].known {
			sum.SilentMs = rounded(total(silent[side].stretches).Seconds() * 1000)
		}
		q := sideQuality(chosen)
		unscored := q.Samples == 0 && slices.ContainsFunc(chosen, (*stream).speaks)
		if !unscored { // else silence alone would stand for media that nobody can score
			q.Merge(&silent[side].quality)
			a.spoil(&q, chosen, &silent[side])
		}
		if q.Enough() {
			fillScore(sum, &q)
			if is, ok := a.perceptualOfSide(chosen, &silent[side]); ok {
				sum.RPerceptual, sum.MosPerceptual = rounded(is.R), rounded(is.MOS)
			}
			if silent[side].quality.Samples == 0 {
				sum.F50Mos, sum.F200Mos, sum.AdaptiveMos = a.modelMOS(chosen, media.Fixed50), a.modelMOS(chosen, media.Fixed200), a.modelMOS(chosen, media.Adaptive)
			}
			if worse == nil || q.WorseThan(worse) {
				worse, worseSide = &q, side
			}
			if q.Mixed() {
				flags["scale_change"] = true
			}
		} else if why := unscoredFlag(&q, chosen); why != "" {
			flags[why] = true
		}
		if len(chosen) == 0 {
			a.remoteOnly(sum, c, m, leg, side)
			continue
		}
		a.fillSide(sum, chosen, flags)
		sum.LastRtpMs = lastRTP(r, chosen, silent[side].known)
		heard := soundOf(chosen)
		soundRow(&sum.Sound, &heard)
		if mute(r, leg, chosen) {
			flags["silent_audio"] = true
			for _, s := range chosen {
				if s.sound != nil {
					s.sound.mute = true
				}
			}
		}
	}
	for _, s := range streams {
		if s.counts.Packets > 0 && s.key.node != "" && !slices.Contains(r.Nodes, s.key.node) {
			r.Nodes = append(r.Nodes, s.key.node)
		}
	}
	slices.Sort(r.Nodes)
	if !firstRTP.IsZero() {
		r.FirstRTPTime = new(micro(firstRTP))
		if chosen := append(measured(streams, worseSide), streams...); len(chosen) > 0 {
			r.MeasuredAt = new(measuredAt(chosen[0]))
		}
	}
	if worse != nil {
		fillWorse(r, worseSide)
	}
	if a.blind.during(r, c.LastSeen()) {
		flags["capture_loss"] = true
	}
	if m.dropped {
		flags["streams_dropped"] = true
	}
	r.Flags = r.Flags[:0]
	for f := range flags {
		r.Flags = append(r.Flags, f)
	}
	slices.Sort(r.Flags)
}

// natted reports whether a stream shows that NAT stands before an end. Media of
// a host that nobody named may be anybody's: only where its end told a private
// address it has to come from another.
func (s *stream) natted() bool {
	switch {
	case s.tie.match == "symmetric":
		return true
	case s.tie.match != "nat" || s.tie.strength != weakTarget:
		return s.tie.match == "nat"
	}
	return !private(s.key.src.Addr()) && slices.ContainsFunc(s.tie.call.Endpoints, func(ep *dialog.Endpoint) bool {
		return ep.Owner == s.tie.from && ep.Hop == 0 && !ep.NAT && private(ep.Addr.Addr())
	})
}

// shared is the address space of carrier-grade NAT, RFC 6598.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// private reports whether an address is none of the internet's.
func private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

// flag sets what a stream shows of its call.
func (s *stream) flag(flags map[string]bool, r *record.Call) {
	if s.natted() {
		flags["nat"] = true
	}
	if s.srtp() {
		flags["srtp"] = true
	}
	if s.counts.DTMF > 0 {
		flags["dtmf"] = true
	}
	if len(s.codecs) > 1 {
		flags["codec_change"] = true
	}
	if s.mistaken.rate != 0 {
		flags["clock_rate_mismatch"] = true
	}
	if s.quality.Samples > 0 && s.quality.Codec.PLCAssumed {
		flags["plc_assumed"] = true
	}
	if s.quality.Samples > 0 && s.quality.Codec.Configured {
		flags["codec_configured"] = true
	}
	if s.mediaType() == "video" {
		flags["video"] = true
		return
	}
	// Media may overtake the 200 by a moment; before that it is early media.
	if s.tie.from == dialog.B {
		switch {
		case r.AnswerTime != nil && s.first.Before(r.AnswerTime.Add(-100*time.Millisecond)),
			r.AnswerTime == nil && r.State != record.Open && r.State != record.Answered:
			flags["early_media"] = true
		}
	}
}

func sideQuality(streams []*stream) media.Quality {
	var q media.Quality
	for _, s := range streams {
		q.Merge(&s.quality)
	}
	return q
}

// remoteOnly fills what RTCP said of a direction whose media nobody saw, as
// from an emitter that tells signalling and RTCP only. The last word counts.
func (a *Analyzer) remoteOnly(out *record.Side, c *dialog.Call, m *callMedia, leg *dialog.Leg, side dialog.Side) {
	var last []heard
	for _, r := range m.remotes {
		if !r.reported || len(last) > 0 && r.told.Before(last[0].told) ||
			slices.ContainsFunc(m.streams, func(s *stream) bool { return s.key.ssrc == r.ssrc }) { // of another leg's media
			continue
		}
		for _, ep := range c.Endpoints {
			if ep.Owner == side.Other() && ep.Hop == 0 && (ep.Leg == nil || ep.Leg == leg) && (ep.Addr == r.from || ep.RTCP == r.from) {
				h := heard{r, 0, 1}
				if len(ep.Payloads) > 0 {
					h.clock = ep.Payloads[0].Clock
				}
				last = []heard{h}
				break
			}
		}
	}
	fillRemote(out, last)
}

// fillWorse fills what the call has of its worse side.
func fillWorse(r *record.Call, side dialog.Side) {
	s := &r.A
	if side == dialog.B {
		s = &r.B
	}
	r.Scale, r.Model, r.RCeiling, r.RCosts = s.Scale, s.Model, s.RCeiling, s.RCosts
	r.MosLQ, r.MosLQMin, r.MosLQMax, r.MosCQ = s.MosLQ, s.MosLQMin, s.MosLQMax, s.MosCQ
	r.MosMinTime, r.MosMinLossPct, r.MosMinJitterMs, r.MosMinRttMs = s.MosMinTime, s.MosMinLossPct, s.MosMinJitterMs, s.MosMinRttMs
	r.MosMaxTime, r.MosMaxLossPct, r.MosMaxJitterMs, r.MosMaxRttMs = s.MosMaxTime, s.MosMaxLossPct, s.MosMaxJitterMs, s.MosMaxRttMs
	r.MosSamples = s.MosSamples
	var latency, jitter, loss float64
	if s.RttMs != nil {
		latency = *s.RttMs / 2
	}
	if s.JitterMeanMs != nil {
		jitter = *s.JitterMeanMs
	}
	if s.LossPct != nil {
		loss = *s.LossPct
	}
	if s.JitterMeanMs != nil {
		r.MosSimple = rounded(media.SimpleMOS(latency, jitter, loss))
	}
}

package analyzer

import (
	"slices"
	"time"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/record"
)

// fillSide adds up the packets of the streams of one direction.
func (a *Analyzer) fillSide(out *record.Side, streams []*stream, flags map[string]bool) {
	var sum media.Counts
	var j jitterSum
	var most *stream
	var codecs []string
	for _, s := range streams {
		sum.Add(s.counts)
		own := s.jitterSum()
		j.sum += own.sum
		j.n += own.n
		j.max = max(j.max, own.max)
		if !slices.Contains(out.SSRCs, s.key.ssrc) {
			out.SSRCs = append(out.SSRCs, s.key.ssrc)
		}
		if most == nil || s.counts.Packets > most.counts.Packets {
			most = s
		}
		for _, name := range s.codecs {
			if !slices.Contains(codecs, name) {
				codecs = append(codecs, name)
			}
		}
	}
	if len(out.SSRCs) > 1 {
		flags["ssrc_change"] = true
	}
	if len(codecs) > 1 {
		flags["codec_change"] = true
	}
	out.Packets, out.Expected, out.Lost = new(sum.Packets), new(sum.Expected), new(sum.Lost)
	out.Duplicates, out.Reordered = new(sum.Duplicates), new(sum.Reordered)
	if sum.Expected > 0 {
		out.LossPct = rounded(media.LossPct(sum.Lost, sum.Expected))
	}
	if j.n > 0 {
		out.JitterMeanMs, out.JitterMaxMs = rounded(j.sum/float64(j.n)), rounded(j.max)
	}
	if len(most.codecs) > 0 {
		out.Codec = new(most.codecs[len(most.codecs)-1])
	} else if most.payload.name != "" {
		out.Codec = new(most.payload.name)
	}
	out.MediaIP = new(most.key.src.Addr())
	if pt, ok := most.mainPayload(); ok {
		out.PayloadType = new(pt)
	}
	if ms := most.packetTime(); ms > 0 {
		out.PtimeMs = rounded(ms)
	}
	if most.ttlMax > 0 { // where the IP header was seen
		out.DSCP = new(most.dscp)
	}
	fillTTL(out, streams)
	fillHeard(out, streams)
	fillRemote(out, a.heardOf(streams))
}

func fillTTL(out *record.Side, streams []*stream) {
	for _, s := range streams {
		if s.ttlMax == 0 {
			continue
		}
		if out.TTLMin == nil || s.ttlMin < *out.TTLMin {
			out.TTLMin = new(s.ttlMin)
		}
		if out.TTLMax == nil || s.ttlMax > *out.TTLMax {
			out.TTLMax = new(s.ttlMax)
		}
	}
}

// fillHeard adds up bursts and delay variation, where all streams tell them.
func fillHeard(out *record.Side, streams []*stream) {
	var sum media.Heard
	bursts, pdv := true, true
	for _, s := range streams {
		sum.Add(&s.heard)
		bursts = bursts && s.counts.Expected > 0 && s.countsBursts()
		pdv = pdv && s.heard.Played > 0
	}
	if bursts {
		out.LossBursts = narrow(sum.Bursts[:])
	}
	if pdv {
		out.PDV = narrow(sum.PDV[:])
	}
}

// fillScore fills what the intervals of a side say.
func fillScore(out *record.Side, q *media.Quality) {
	worst, best := &q.Worst, &q.Best
	lowest, highest := q.MOSRange(q.MOS())
	out.RLQ, out.MosLQ, out.MosLQMin, out.MosLQMax = rounded(q.R()), rounded(q.MOS()), rounded(lowest), rounded(highest)
	out.Scale, out.Model, out.RCeiling = new(q.Codec.Scale), new(q.Codec.Model), rounded(q.Ceiling())
	costs := q.Costs()
	out.RCostCodec, out.RCostLoss, out.RCostDiscard, out.RCostSilence = rounded(costs.Codec), rounded(costs.Loss), rounded(costs.Discard), rounded(costs.Silence)
	if cost, _, ok := q.DelayCost(); ok {
		out.RCostDelay = rounded(cost)
	}
	if cq, ok := q.MOSCQ(); ok {
		out.MosCQ = rounded(cq)
	}
	out.MosMinTime, out.MosMinLossPct, out.MosMinJitterMs, out.MosMinRttMs = new(micro(worst.Time)), rounded(worst.LossPct), worst.JitterMs, worst.RTTMs
	out.MosMaxTime, out.MosMaxLossPct, out.MosMaxJitterMs, out.MosMaxRttMs = new(micro(best.Time)), rounded(best.LossPct), best.JitterMs, best.RTTMs
	out.MosSamples = new(q.Samples)
}

// modelMOS is the MOS of a side as a jitter-buffer model plays it: that of its
// streams, by their packets. nil where one has none, or they differ in scale.
func (a *Analyzer) modelMOS(streams []*stream, b media.Buffer) *float64 {
	var sum mean
	scale := ""
	for _, s := range streams {
		if !s.speaks() {
			continue
		}
		score, ok := a.whole(s, b)
		if !ok || s.heard.Played == 0 || noScore(&s.quality) != "" || !s.quality.Fits(score.Scale, score.Ceiling) || scale != "" && score.Scale != scale {
			return nil
		}
		scale = score.Scale
		sum.add(score.MOS, float64(s.counts.Expected))
	}
	return sum.value()
}

// lastRTP is the time from the latest packet of the streams to the end of the
// call, ms; 0 where media goes on behind it. nil where the call goes on, and
// where media may have gone on unseen, as where a PBX left its path.
func lastRTP(r *record.Call, streams []*stream, known bool) *float64 {
	if r.EndTime == nil {
		return nil
	}
	var last time.Time
	for _, s := range streams {
		last = later(last, s.last)
	}
	left := r.EndTime.Sub(last)
	if !known && left > soon {
		return nil
	}
	return rounded(max(0, left.Seconds()*1000))
}

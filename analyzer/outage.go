package analyzer

import (
	"slices"

	"github.com/earshot-voip/earshot/internal/media"
)

// holesOf are the holes of a report. They are lost where the numbers missing in
// them stand for most of their time: numbers that came late after all are not
// missing, and a sender that fell silent may lose a packet, too.
func holesOf(r *media.Report) []media.Hole {
	ptime := r.PtimeMs
	if ptime <= 0 {
		ptime = media.UsualPtimeMs
	}
	left := r.Delta.Lost
	out := r.Holes[:0:0]
	for _, h := range r.Holes {
		h.Missing = min(h.Missing, left)
		left -= h.Missing
		h.Lost = h.Missing > 0 && 2*float64(h.Missing)*ptime >= float64(h.To.Sub(h.From))/1e6
		out = append(out, h)
	}
	return out
}

// outages takes the holes of a report in which numbers are missing out of it:
// their packets were due while nothing came, not when the first one behind
// them did. Each part is an interval of its own, without a packet; what is left
// is scored by itself. All parts together count what the report counts.
func outages(r *media.Report) (rest *media.Report, parts []media.Report, g gone) {
	if len(r.Holes) == 0 || r.Delta.Lost == 0 {
		return r, nil, g
	}
	for _, h := range holesOf(r) {
		if !h.Lost || !h.From.Before(h.To) {
			continue
		}
		g.lost, g.holes = g.lost+h.Missing, g.holes+1
		parts = appendOutage(parts, r, h, h.Missing)
	}
	if g.holes == 0 {
		return r, nil, g
	}
	left := *r
	left.Delta, left.Heard = g.without(r.Delta, r.Heard)
	return &left, parts, g
}

// appendOutage spreads the numbers missing in a hole over its intervals.
func appendOutage(parts []media.Report, r *media.Report, h media.Hole, missing uint64) []media.Report {
	spread := uint64(0)
	for i, start := 0, h.From.Truncate(media.Interval); start.Before(h.To); i, start = i+1, start.Add(media.Interval) {
		end := start.Add(media.Interval)
		if i == maxSilentRows-1 {
			end = h.To // the last row stands for the rest
		}
		until := missing
		if end.Before(h.To) {
			until = uint64(float64(missing) * float64(end.Sub(h.From)) / float64(h.To.Sub(h.From)))
		}
		if n := until - spread; n > 0 {
			parts = append(parts, media.Report{
				SSRC: r.SSRC, Start: start, First: r.First, Last: r.Last, PayloadType: r.PayloadType, PtimeMs: r.PtimeMs,
				Delta: media.Counts{Expected: n, Lost: n},
			})
			spread = until
		}
		if until == missing {
			break
		}
	}
	return parts
}

// gone is what a stream lost in its holes.
type gone struct {
	lost, holes uint64
	outages     media.Outages
	spoilt      media.Spoilt
}

// without leaves what was lost in holes out of the counts of a stream.
func (g gone) without(c media.Counts, h media.Heard) (media.Counts, media.Heard) {
	c.Lost -= min(g.lost, c.Lost)
	c.Expected -= min(g.lost, c.Expected)
	for i := range h.Runs {
		h.Runs[i] -= min(g.holes, h.Runs[i])
	}
	return c, h
}

// blend has a score take part for what was heard of a stream and is not spoilt
// by its outages, in which R is 0 and MOS 1.
func (g gone) blend(score media.Score, of media.Counts) media.Score {
	all := float64(max(of.Expected, 1))
	heard := all - float64(min(g.lost, of.Expected))
	score.R *= max(0, heard-g.spoilt.R) / all
	score.MOS = 1 + (score.MOS-1)*max(0, heard-g.spoilt.MOS)/all
	return score
}

// whole scores a stream that had one codec, by its totals, as a jitter-buffer
// model plays it.
func (a *Analyzer) whole(s *stream, b media.Buffer) (media.Score, bool) {
	if len(s.codecs) > 1 {
		return media.Score{}, false
	}
	counts, heard := s.gone.without(s.counts, s.heard)
	score, ok := media.ScoreCounts(a.speech(s, s.payload), &counts, &heard, s.packetTime(), b)
	if !ok { // nothing but holes
		return media.Score{}, false
	}
	return s.gone.blend(score, s.counts), true
}

// gap is an outage of a side: of a stream's packets, or silence.
type gap struct {
	span
	missing float64 // packets
	ptime   float64 // ms
	speech  media.Speech
	silent  bool
}

// spoil has the outages of a side count for what was heard around them: those of
// its streams, and its silence.
func (a *Analyzer) spoil(q *media.Quality, streams []*stream, silent *silence) {
	var spoilt [2]media.Spoilt // lost, silent
	missing := silent.missing
	gaps := silent.gaps
	for _, s := range streams {
		missing += float64(s.gone.lost)
		if s.holesLeft { // which are not remembered
			spoilt[0].Add(s.gone.spoilt)
			continue
		}
		speech := a.speech(s, s.payload)
		for _, h := range s.holes {
			if h.Lost {
				gaps = append(gaps, gap{span{h.From, h.To}, float64(h.Missing), s.packetTime(), speech, false})
			}
		}
	}
	slices.SortStableFunc(gaps, func(x, y gap) int { return x.from.Compare(y.from) })
	var outages media.Outages
	for _, g := range gaps {
		kind := 0
		if g.silent {
			kind = 1
		}
		spoilt[kind].Add(outages.Add(g.speech, g.ptime, g.from, g.to, g.missing))
	}
	q.Spoil(spoilt[0], spoilt[1], missing)
}

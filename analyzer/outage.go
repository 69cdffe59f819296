package analyzer

import (
	"time"

	"github.com/earshot-voip/earshot/internal/media"
)

// outage is the part of one that lies in an interval: numbers missing, and no
// packet.
type outage struct {
	media.Report
	from, to time.Time
}

// outages takes the holes of a report in which numbers are missing out of it:
// their packets were due while nothing came, not when the first one behind
// them did. Each part is an interval of its own, without a packet; what is left
// is scored by itself. All parts together count what the report counts.
func outages(r *media.Report) (rest *media.Report, parts []outage, g gone) {
	for _, h := range r.Holes {
		missing := min(h.Missing, r.Delta.Lost-g.lost)
		if missing == 0 || !h.From.Before(h.To) {
			continue
		}
		g.lost, g.holes = g.lost+missing, g.holes+1
		parts = appendOutage(parts, r, h, missing)
	}
	if g.holes == 0 {
		return r, nil, g
	}
	left := *r
	left.Delta, left.Heard = g.without(r.Delta, r.Heard)
	return &left, parts, g
}

// appendOutage spreads the numbers missing in a hole over its intervals.
func appendOutage(parts []outage, r *media.Report, h media.Hole, missing uint64) []outage {
	spread := uint64(0)
	from := h.From
	for i, start := 0, h.From.Truncate(media.Interval); start.Before(h.To); i, start = i+1, start.Add(media.Interval) {
		end := start.Add(media.Interval)
		if i == maxSilentRows-1 || end.After(h.To) {
			end = h.To // the last row stands for the rest
		}
		until := missing
		if end.Before(h.To) {
			until = uint64(float64(missing) * float64(end.Sub(h.From)) / float64(h.To.Sub(h.From)))
		}
		if n := until - spread; n > 0 {
			parts = append(parts, outage{media.Report{
				SSRC: r.SSRC, Start: start, First: r.First, Last: r.Last, PayloadType: r.PayloadType, PtimeMs: r.PtimeMs,
				Delta: media.Counts{Expected: n, Lost: n},
			}, from, end})
			spread, from = until, end
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
	excess      media.Excess // beyond the time that they took
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

// blend has a score take part for the rest of a stream: in its holes, R is 0
// and MOS 1, and they spoil what is around them.
func (g gone) blend(score media.Score, of media.Counts) media.Score {
	all := float64(max(of.Expected, 1))
	heard := 1 - float64(min(g.lost, of.Expected))/all
	score.R = max(0, score.R*heard-g.excess.R/all)
	score.MOS = max(1, 1+(score.MOS-1)*heard-g.excess.MOS/all)
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

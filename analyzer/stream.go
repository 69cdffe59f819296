package analyzer

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// streamKey is one RTP stream at one capture point.
type streamKey struct {
	*point
	src, dst netip.AddrPort
	ssrc     uint32
}

// point is a capture point: an agent in its domain. There is one value of each.
type point struct {
	pointName
	clock *nodeClock // how far the node has come; nil where there are too many nodes
}

type pointName struct{ domain, node string }

// maxPoints bounds the capture points whose streams are told apart.
const maxPoints = 100_000

// pointOf is the capture point of a packet, nil when there are too many.
func (a *Analyzer) pointOf(p *packet.Packet) *point {
	is := pointName{p.Domain, p.Node}
	known := a.points[is]
	if known == nil {
		if len(a.points) >= maxPoints {
			return nil
		}
		known = &point{pointName: is}
		a.points[is] = known
	}
	known.clock = a.clock.nodes[p.Node] // a node that was silent has a new one
	return known
}

// fewHoles of a stream are remembered in any case, and as many as maxHoles while
// all streams together have fewer than allHoles.
const (
	fewHoles = 64
	maxHoles = 2048
	allHoles = 500_000
)

// maxPending is how many intervals of a stream wait for its dialog: a minute.
// All streams together have no more than maxWaiting that wait.
const (
	maxPending = 12
	maxWaiting = 200_000
)

// stream adds up what the reports of one RTP stream say. Once its row is
// written it begins anew, so that what comes later has a row of its own and
// nothing is counted twice.
type stream struct {
	key       streamKey
	seq       uint64
	tie       tie
	tied      bool
	kept      bool    // on the list of its call
	isForeign bool    // came to the call from a host that nobody named, beside the media of one that was
	callID    string  // as the agent told it
	segment   string  // "1/2": first of two points along the path
	before    *stream // the same packets at the point before; nil where there is none
	copied    uint8   // how many points with the same addresses lie before it
	row       *record.Call
	started   int64         // first packet, Unix ns: tells uses of a key apart
	arrived   int64         // on the clock of the analyzer, of the latest report, Unix ns
	wrote     *media.Counts // what earlier rows of it hold, nil where there is none
	// total is the jitter of the whole stream as its agent told it, kept once
	// reports were lost on the way.
	total []media.Jitter

	pending []media.Report

	counts      media.Counts
	first, last time.Time
	payloads    []media.PayloadCount // in order of appearance
	reports     uint32
	ssrcChanged bool
	deltaMaxMs  float64
	ptimeMs     float64
	head        uint16 // of the latest report that told it
	firstSeq    uint32 // as in media.Report
	like        media.Like
	tsStep      uint32
	ttlMin      uint8
	ttlMax      uint8
	dscp        uint8
	dscpChanged bool
	vlan        uint16
	heard       media.Heard
	burstGap    media.BurstGap
	spread      []media.SpreadCount
	holes       []media.Hole
	holesLeft   bool // there were more than are remembered
	gone        gone
	// mistaken is the clock that the sender uses for a payload type which has
	// another one.
	mistaken struct {
		pt   uint8
		rate uint32 // Hz; 0 where it is right
	}
	skew   skew
	frames *media.Frames // nil while no report told any
	sound  *sound        // nil where nothing was decoded

	quality media.Quality
	jitter  jitterSum
	codecs  []string // voice codecs in order of appearance
	payload payload  // of most packets so far
}

type jitterSum struct {
	sum, max float64 // ms
	n        uint64
}

func (j *jitterSum) add(e media.Jitter) {
	j.sum += e.Sum
	j.n += e.N
	j.max = max(j.max, e.Max)
}

func (a *Analyzer) observeReport(p *packet.Packet) {
	r, err := media.ParseReport(p.Payload)
	if err != nil {
		if !a.reportedByHEP(p) {
			a.Counters.Unread++
		}
		return
	}
	a.Counters.Reports++
	key := streamKey{a.pointOf(p), p.Src, p.Dst, r.SSRC}
	if key.point == nil {
		a.Counters.StreamsEvicted++
		return
	}
	a.covered.add(key.point, p.Src.Addr(), p.Dst.Addr())
	s := a.streams[key]
	begins := false
	if s != nil && s.started != r.First.UnixNano() { // its last report was lost on the way
		a.endStream(s)
		s = nil
	}
	if s == nil {
		if s = a.newStream(key, &r); s == nil {
			return
		}
		begins = true
	}
	if len(p.CorrelationID) > 0 && s.callID == "" {
		s.callID = string(p.CorrelationID)
	}
	s.arrived = a.clock.arrival.UnixNano()
	if !a.add(s, &r) {
		return
	}
	if begins {
		a.hostStream(s)
	}
	a.tieStream(s)
	if s.tied {
		s.tie.call.TouchMedia(r.Last)
		a.interval(s, &r)
	} else {
		s.pending = append(s.pending, r)
		a.waiting++
		if len(s.pending) > maxPending || a.waiting > maxWaiting {
			a.interval(s, &s.pending[0])
			s.pending = slices.Delete(s.pending, 0, 1)
			a.waiting--
		}
	}
	if r.Final {
		a.endStream(s)
	}
}

func (a *Analyzer) newStream(key streamKey, r *media.Report) *stream {
	if len(a.streams) >= a.opt.MaxStreams {
		a.Counters.StreamsEvicted++
		return nil
	}
	a.seq++
	s := &stream{key: key, seq: a.seq, started: r.First.UnixNano()}
	a.streams[key] = s
	return s
}

// add takes one report into the sums, and reports whether it was new: every
// report has the stream's totals, so that one that comes twice is known, and
// what was lost on the way is made up for.
func (a *Analyzer) add(s *stream, r *media.Report) bool {
	have := s.counts.Packets
	if s.wrote != nil {
		have += s.wrote.Packets
	}
	if r.Delta.Packets > 0 && r.Total.Packets <= have {
		a.Counters.ReportsRepeated++
		return false
	}
	if r.Total.Packets > have+r.Delta.Packets {
		a.Counters.ReportsLost++
		s.total = r.TotalJitter
	} else if s.total != nil && len(r.TotalJitter) > 0 {
		s.total = r.TotalJitter
	}
	s.take(r)
	for _, h := range holesOf(r) {
		if len(s.holes) >= fewHoles && (len(s.holes) >= maxHoles || a.holes >= allHoles) {
			s.holesLeft = true
			break
		}
		s.holes = append(s.holes, h)
		a.holes++
	}
	return true
}

func (s *stream) take(r *media.Report) {
	if s.counts.Packets == 0 {
		s.first, s.firstSeq = r.First, r.FirstSeq
		if s.wrote != nil {
			s.first, s.firstSeq = r.Start, 0
		}
	}
	s.last = r.Last
	s.counts = r.Total
	if s.wrote != nil {
		s.counts = minus(r.Total, *s.wrote)
	}
	for _, p := range r.PayloadTypes {
		if i := slices.IndexFunc(s.payloads, func(o media.PayloadCount) bool { return o.PT == p.PT }); i >= 0 {
			s.payloads[i].N += p.N
		} else {
			s.payloads = append(s.payloads, p)
		}
	}
	s.deltaMaxMs = max(s.deltaMaxMs, r.DeltaMaxMs)
	if r.PtimeMs > 0 {
		s.ptimeMs = r.PtimeMs
	}
	if r.TimestampStep > 0 {
		s.tsStep = r.TimestampStep
	}
	if r.TTLMin > 0 && (s.ttlMin == 0 || r.TTLMin < s.ttlMin) {
		s.ttlMin = r.TTLMin
	}
	s.ttlMax = max(s.ttlMax, r.TTLMax)
	s.dscpChanged = s.dscpChanged || s.reports > 0 && s.dscp != r.DSCP
	s.dscp, s.vlan = r.DSCP, r.VLAN
	s.reports++
	s.heard.Add(&r.Heard)
	s.burstGap, s.spread = r.BurstGap, append(s.spread[:0], r.JitterSpread...)
	if r.Frames.Frames > 0 {
		if s.frames == nil {
			s.frames = new(media.Frames)
		}
		*s.frames = r.Frames
	}
	if r.Heard.Played > 0 {
		s.skew.add(r.Start, r.TransitMinMs)
	}
	_, _, lost := outages(r)
	s.gone.lost += lost.lost
	s.gone.holes += lost.holes
	s.hear(r)
	s.ssrcChanged = s.ssrcChanged || r.SSRCChanged
}

// minus is what t counts beyond w; a report that counts less than the one
// before is wrong, and adds nothing.
func minus(t, w media.Counts) media.Counts {
	sub := func(x, y uint64) uint64 { return x - min(x, y) }
	return media.Counts{
		Packets: sub(t.Packets, w.Packets), Bytes: sub(t.Bytes, w.Bytes), Expected: sub(t.Expected, w.Expected), Lost: sub(t.Lost, w.Lost),
		Duplicates: sub(t.Duplicates, w.Duplicates), Reordered: sub(t.Reordered, w.Reordered), Restarts: sub(t.Restarts, w.Restarts), Jumps: sub(t.Jumps, w.Jumps),
		Events: sub(t.Events, w.Events), DTMF: sub(t.DTMF, w.DTMF), CN: sub(t.CN, w.CN),
	}
}

// jitterSum is the jitter over the stream's row: of its intervals, or as its
// agent summed it up where some of those were lost.
func (s *stream) jitterSum() jitterSum {
	if s.wrote == nil {
		if e, ok := jitterEntry(s.total, s.payload.clock); ok {
			return jitterSum{e.Sum, e.Max, e.N}
		}
	}
	return s.jitter
}

// callMedia is the media of one call.
type callMedia struct {
	streams []*stream
	remotes []*remote // what receivers said, in order of their first word
	// elsewhere is whether media between addresses of the call is on the list
	// of another leg of the conversation.
	elsewhere bool
	told      []*record.Report // that named no stream, until all of them are known
	dropped   bool             // it had more streams than maxCallStreams
	// sameID are the media of other dialogs with its Call-ID, which a box kept.
	sameID []*callMedia
	passed []*stream // of legs whose rows are written, as they stood then
}

// maxCallStreams bounds what one call may gather; more are rows of their own.
const maxCallStreams = 64

// mediaOf is the media of a call that is not written yet.
func (a *Analyzer) mediaOf(c *dialog.Call) *callMedia {
	m := a.calls[c]
	if m == nil {
		m = &callMedia{}
		a.calls[c] = m
		for _, o := range a.dialogs.Find(c.Domain(), []byte(c.CallID())) {
			if same := a.calls[o]; same != nil && same != m {
				m.sameID, same.sameID = append(m.sameID, same), append(same.sameID, m)
			}
		}
	}
	return m
}

// keep puts a tied stream on the list of its call.
func (a *Analyzer) keep(s *stream) {
	m := a.mediaOf(s.tie.call)
	if len(m.streams) >= maxCallStreams {
		m.dropped = true
		a.Counters.StreamsDropped++
		return
	}
	m.streams = append(m.streams, s)
	s.kept = true
}

// endStream takes a stream from the table: nothing more of it is to come. One
// that is on the list of a call has its row written with the call's.
func (a *Analyzer) endStream(s *stream) {
	delete(a.streams, s.key)
	if s.kept {
		return
	}
	a.emitStream(s)
}

// emitStream writes the row of a stream and starts its sums anew.
func (a *Analyzer) emitStream(s *stream) { a.emitRow(s, a.rowOf(s)) }

// rowOf is the row of a stream as it stands, nil where it had no packet.
func (a *Analyzer) rowOf(s *stream) *record.Stream {
	a.release(s)
	if s.counts.Packets == 0 {
		return nil
	}
	return a.streamRow(s)
}

// emitRow writes the row of a stream and starts its sums anew.
func (a *Analyzer) emitRow(s *stream, row *record.Stream) {
	if row == nil {
		return
	}
	if row.Match == "none" {
		a.Counters.StreamsUnmatched++
	}
	a.Counters.Streams++
	a.emit(row)
	if s.wrote == nil {
		s.wrote = new(media.Counts)
	}
	s.wrote.Add(s.counts)
	s.counts, s.quality, s.jitter, s.total, s.codecs, s.deltaMaxMs = media.Counts{}, media.Quality{}, jitterSum{}, nil, nil, 0
	s.payloads = nil
	a.holes -= len(s.holes)
	s.heard, s.holes, s.holesLeft, s.gone, s.sound = media.Heard{}, nil, false, gone{}, nil
}

func (a *Analyzer) closeStreams() {
	left := slices.SortedFunc(maps.Values(a.streams), func(x, y *stream) int { return cmp.Compare(x.seq, y.seq) })
	for _, s := range left {
		a.endStream(s)
	}
}

// abandoned is how long after its latest report a stream is taken to have no
// agent any more: agents report every few seconds, and once more when it ends.
const abandoned = 5 * time.Minute

// sweepStreams ends streams whose last report was lost.
func (a *Analyzer) sweepStreams(now time.Time) {
	var left []*stream
	for _, s := range a.streams {
		if time.Duration(now.UnixNano()-s.arrived) > abandoned {
			left = append(left, s)
		}
	}
	slices.SortFunc(left, func(x, y *stream) int { return cmp.Compare(x.seq, y.seq) })
	for _, s := range left {
		a.Counters.StreamsAbandoned++
		a.endStream(s)
	}
}

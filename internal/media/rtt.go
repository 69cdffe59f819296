package media

import "time"

// RTTTracker measures round trips from a passive point (RFC 3550 section
// 6.4.1, seen from between): the time from a sender report passing by to the
// answer in a receiver report, less what the receiver says it waited. It is
// the round trip of the segment from the capture point to the receiver and
// back; that of the whole path is the sum of both segments. It remembers the
// latest capacity sender reports, the oldest making room, and belongs to one
// goroutine.
type RTTTracker struct {
	seen  map[rttKey]int64 // capture time, ns
	order []rttKey         // a ring, by age
	next  int

	// Evicted counts sender reports that made room before they were answered
	// or grew old; Implausible counts answers that would be negative or above
	// MaxRTT.
	Evicted, Implausible uint64
}

// rttKey is a sender report as a receiver report names it. A receiver's
// reference time (RFC 3611 section 4.4) is answered in the same way.
type rttKey struct {
	ssrc   uint32
	middle uint32 // middle 32 bits of its NTP time
}

// MaxRTT is the longest round trip that is believed.
const MaxRTT = 10 * time.Second

// NewRTTTracker returns a tracker that remembers capacity reports.
func NewRTTTracker(capacity int) *RTTTracker {
	capacity = max(capacity, 1)
	return &RTTTracker{seen: make(map[rttKey]int64), order: make([]rttKey, 0, capacity)}
}

// Sent remembers that the report of ssrc with this NTP time passed at t. Its
// repetition (a mirrored copy) keeps the first time.
func (k *RTTTracker) Sent(t time.Time, ssrc uint32, ntp uint64) {
	id := rttKey{ssrc, uint32(ntp >> 16)}
	if id.middle == 0 {
		return // cannot be told from "none came"
	}
	if _, ok := k.seen[id]; ok {
		return
	}
	if len(k.order) < cap(k.order) {
		k.order = append(k.order, id)
	} else {
		delete(k.seen, k.order[k.next])
		k.Evicted++
		k.order[k.next] = id
		k.next = (k.next + 1) % len(k.order)
	}
	k.seen[id] = t.UnixNano()
}

// Answered returns the round trip that a report block (or DLRR sub-block)
// which passed at t tells: of ssrc's report lsr, after waiting dlsr / 65536 s.
// There is none where the receiver had no report (lsr or dlsr 0), where the
// report was not seen here, or where the result is negative or above MaxRTT.
func (k *RTTTracker) Answered(t time.Time, ssrc, lsr, dlsr uint32) (time.Duration, bool) {
	if lsr == 0 || dlsr == 0 {
		return 0, false
	}
	sent, ok := k.seen[rttKey{ssrc, lsr}]
	if !ok {
		return 0, false
	}
	waited := time.Duration(uint64(dlsr) * uint64(time.Second) >> 16)
	rtt := time.Duration(t.UnixNano()-sent) - waited
	if rtt < 0 || rtt > MaxRTT {
		k.Implausible++
		return 0, false
	}
	return rtt, true
}

// Observe takes a whole compound packet that passed at t, and calls each for
// every round trip in it: ssrc is the stream whose report was answered,
// reporter who answered.
func (k *RTTTracker) Observe(t time.Time, r *RTCP, each func(ssrc, reporter uint32, rtt time.Duration)) {
	for _, x := range r.Senders {
		k.Sent(t, x.SSRC, x.NTP)
	}
	for _, x := range r.Reference {
		k.Sent(t, x.Reporter, x.NTP)
	}
	for i := range r.Blocks {
		x := &r.Blocks[i]
		if rtt, ok := k.Answered(t, x.SSRC, x.LSR, x.DLSR); ok {
			each(x.SSRC, x.Reporter, rtt)
		}
	}
	for _, x := range r.DLRR {
		if rtt, ok := k.Answered(t, x.SSRC, x.LRR, x.DLRR); ok {
			each(x.SSRC, x.Reporter, rtt)
		}
	}
}

// Reception is what the other end said by RTCP of one stream that it hears.
// Feed it the stream's report blocks in order of arrival.
type Reception struct {
	Reports uint64
	// Lost is the latest cumulative number, as told: expected minus received,
	// negative where duplicates prevail (RFC 3550 A.3).
	Lost int64
	// Expected is how many packets the highest sequence numbers of first and
	// last report span; 0 with one report.
	Expected uint64
	// LostInSpan is what Lost grew by over that span.
	LostInSpan int64
	// Fraction is the latest interval's loss, 0..1, FractionMax that of the worst.
	Fraction, FractionMax float64

	highest      uint32
	lost         int32
	sum, last    float64 // jitter, RTP clock units
	jitterMax    float64
	lastReporter uint32
}

// Observe takes one report block about the stream. A report that is not newer
// than the one before (a mirrored copy, or late) changes nothing; one that
// starts again (another reporter, or far behind) begins a new span.
func (c *Reception) Observe(b *ReportBlock) {
	if c.Reports > 0 {
		ahead := int32(b.Highest - c.highest)
		same := b.Reporter == c.lastReporter
		switch {
		case same && ahead == 0 && b.Lost == c.lost && b.Jitter == uint32(c.last):
			return
		case same && ahead < 0 && ahead > -maxDropout:
			return
		case same && ahead >= 0 && ahead < 1<<24:
			c.Expected += uint64(ahead)
			c.LostInSpan += int64(b.Lost - c.lost)
		}
	}
	c.Reports++
	c.highest, c.lost, c.lastReporter = b.Highest, b.Lost, b.Reporter
	c.Lost = int64(b.Lost)
	c.Fraction = float64(b.FractionLost) / 256
	c.FractionMax = max(c.FractionMax, c.Fraction)
	c.last = float64(b.Jitter)
	c.sum += c.last
	c.jitterMax = max(c.jitterMax, c.last)
}

// JitterMs returns mean, maximum and latest jitter of the reports in ms by
// the stream's clock rate, and whether there is any.
func (c *Reception) JitterMs(clockRate uint32) (mean, maximum, last float64, ok bool) {
	if c.Reports == 0 || clockRate == 0 {
		return 0, 0, 0, false
	}
	ms := 1000 / float64(clockRate)
	return c.sum / float64(c.Reports) * ms, c.jitterMax * ms, c.last * ms, true
}

// LossPct returns the loss over the reports in percent: cumulative loss by
// expected packets over the span of the reports, or with a single report its
// fraction. Negative loss is 0.
func (c *Reception) LossPct() (float64, bool) {
	switch {
	case c.Reports == 0:
		return 0, false
	case c.Expected == 0:
		return 100 * c.Fraction, true
	}
	return 100 * max(0, float64(c.LostInSpan)) / float64(c.Expected), true
}

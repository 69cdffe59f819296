package analyzer

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// is compares a column with what it must be; NaN is NULL.
func is(t *testing.T, column string, got *float64, want float64) {
	t.Helper()
	switch {
	case got == nil && math.IsNaN(want):
	case got == nil:
		t.Errorf("%s is NULL, want %g", column, want)
	case *got != want:
		t.Errorf("%s is %g, want %g", column, *got, want)
	}
}

var null = math.NaN()

// TestBestAndWorstOfSides: of three intervals of the caller the second is the
// worst and the third the best, and of the callee, who is worse, the first and
// the second.
func TestBestAndWorstOfSides(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	a, b := newTalk(aliceRTP, bobRTP, 1, 1), newTalk(bobRTP, aliceRTP, 2, 1)
	for i, lost := range [...][2]uint64{{10, 50}, {30, 20}, {0, 25}} {
		for k, one := range []*talk{a, b} {
			r := one.next(250-lost[k], lost[k])
			r.TTLMin, r.TTLMax = uint8(60-i), uint8(62+i)
			f.report(5.2+5*float64(i), one, r)
		}
	}
	f.bye(15.5, d)
	f.end()
	r := f.call(t, "one")
	checkInterval := func(column string, when *time.Time, loss, jitter *float64, wantAt, wantLoss, wantJitter float64) {
		t.Helper()
		if when == nil || !when.Equal(at(wantAt)) {
			t.Errorf("%stime is %v, want %v", column, when, at(wantAt))
		}
		is(t, column+"loss_pct", loss, wantLoss)
		is(t, column+"jitter_ms", jitter, wantJitter)
	}
	// Jitter of a talk is 1, 2, 3 ms in its intervals.
	checkInterval("a_mos_min_", r.A.MosMinTime, r.A.MosMinLossPct, r.A.MosMinJitterMs, 5, 12, 2)
	checkInterval("a_mos_max_", r.A.MosMaxTime, r.A.MosMaxLossPct, r.A.MosMaxJitterMs, 10, 0, 3)
	checkInterval("b_mos_min_", r.B.MosMinTime, r.B.MosMinLossPct, r.B.MosMinJitterMs, 0, 20, 1)
	checkInterval("b_mos_max_", r.B.MosMaxTime, r.B.MosMaxLossPct, r.B.MosMaxJitterMs, 5, 8, 2)
	checkInterval("mos_min_", r.MosMinTime, r.MosMinLossPct, r.MosMinJitterMs, 0, 20, 1)
	checkInterval("mos_max_", r.MosMaxTime, r.MosMaxLossPct, r.MosMaxJitterMs, 5, 8, 2)
	for column, n := range map[string]*uint32{"a_mos_samples": r.A.MosSamples, "b_mos_samples": r.B.MosSamples, "mos_samples": r.MosSamples} {
		if n == nil || *n != 3 {
			t.Errorf("%s is %v, want 3", column, n)
		}
	}
	is(t, "a_mos_lq_max", r.A.MosLQMax, 4.409)
	if r.B.MosLQMax != r.MosLQMax || *r.B.MosLQMax >= *r.A.MosLQMax || *r.B.MosLQMin >= *r.B.MosLQMax {
		t.Errorf("b_mos_lq_max is %g, mos_lq_max %g", *r.B.MosLQMax, *r.MosLQMax)
	}
	if *r.A.TTLMin != 58 || *r.A.TTLMax != 64 {
		t.Errorf("a_ttl_min %d, a_ttl_max %d; want 58 and 64", *r.A.TTLMin, *r.A.TTLMax)
	}
	is(t, "a_ptime_ms", r.A.PtimeMs, 20)
	is(t, "a_last_rtp_ms", r.A.LastRtpMs, 600) // at 14.9 s
	is(t, "a_mos_min_rtt_ms", r.A.MosMinRttMs, null)
	is(t, "a_mos_perceptual", r.A.MosPerceptual, null) // the agent counts no bursts
}

// TestSidesWithoutMedia: nothing is known of them.
func TestSidesWithoutMedia(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	f.bye(3, d)
	f.end()
	r := f.call(t, "one")
	for _, got := range []record.Side{r.A, r.B} {
		got.HoldMs = nil
		if d := cmp.Diff(record.Side{}, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("a side without media (-want +got):\n%s", d)
		}
	}
}

// TestReportedExtremes: bob reports of alice's stream twice, with jitter 8 and
// 24 at 8 kHz (1 and 3 ms), 26/256 and 3/256 lost, round trips of 50 ms (behind
// the SR at 5 s at 5.100, 50 ms held) and 200 ms (10 s, 10.250). The second
// report comes twice.
func TestReportedExtremes(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	k := newTalk(aliceRTP, bobRTP, 1, 1)
	f.report(5.2, k, k.next(200, 0))
	tell := func(when float64, from, to *talk, r media.RTCP) {
		f.packet(when, packet.KindRTCP, rtcpOf(from.src), rtcpOf(to.src), media.AppendRTCPJSON(nil, &r))
	}
	b := newTalk(bobRTP, aliceRTP, 2, 1)
	sr := func(when float64) { // whose NTP time is 1,000 s later than the capture's
		tell(when, k, b, media.RTCP{SSRC: 1, Types: []uint8{media.TypeSR}, Senders: []media.SenderReport{{SSRC: 1, NTP: uint64(1000+when) << 32, Packets: 100}}})
	}
	rr := func(when, lsr float64, jitter uint32, fraction uint8, highest uint32) {
		tell(when, b, k, media.RTCP{SSRC: 2, Types: []uint8{media.TypeRR}, Blocks: []media.ReportBlock{{
			Reporter: 2, SSRC: 1, FractionLost: fraction, Lost: 7, Highest: highest, Jitter: jitter, LSR: uint32(1000+lsr) << 16, DLSR: 65536 / 20,
		}}})
	}
	sr(5)
	rr(5.1, 5, 8, 26, 100)
	sr(10)
	rr(10.25, 10, 24, 3, 350)
	rr(10.25002, 10, 24, 3, 350)
	f.report(10.3, k, k.next(250, 0))
	f.bye(11, d)
	f.end()
	r := f.call(t, "one").A
	if r.RtcpReports == nil || *r.RtcpReports != 2 {
		t.Errorf("a_rtcp_reports is %v, want 2", r.RtcpReports)
	}
	is(t, "a_rtcp_loss_pct_max", r.RtcpLossPctMax, 10.156) // 26/256
	is(t, "a_rtcp_jitter_ms", r.RtcpJitterMs, 2)
	is(t, "a_rtcp_jitter_max_ms", r.RtcpJitterMaxMs, 3)
	near := func(column string, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > 0.05 {
			t.Errorf("%s is %v, want %g", column, got, want)
		}
	}
	near("a_rtt_min_ms", r.RttMinMs, 50)
	near("a_rtt_max_ms", r.RttMaxMs, 200)
}

// TestPerceptualOfSides: the counters are those of TestPerceptualByHand, whose R
// is 85.3772. A side of two streams has none, nor one that was silent for long.
func TestPerceptualOfSides(t *testing.T) {
	f := func(name string, second bool, bye, wantSide float64, wantModels bool) {
		t.Helper()
		f := newFeed()
		d := newDialled("one")
		f.connect(0, d)
		k := newTalk(aliceRTP, bobRTP, 1, 0.6)
		r := k.next(167, 4)
		r.BurstGap = media.BurstGap{C11: 150, C13: 2, C14: 1, C23: 1, Packets: 16, Lost: 1, After: 52}
		r.Heard = media.Heard{Played: 167, Runs: [1 + media.Buffers]uint64{4, 4, 4, 4}}
		f.report(5.2, k, r)
		if second {
			over := k.final()
			over.BurstGap, over.Last = r.BurstGap, r.Last
			f.report(5.3, k, over)
			o := newTalk(aliceRTP, bobRTP, 9, 5.1)
			f.report(10.2, o, o.next(240, 0))
		}
		f.bye(bye, d)
		f.end()
		s := f.stream(t, 1)
		is(t, name+": r_perceptual", s.RPerceptual, 85.377)
		is(t, name+": since_burst_ms", s.SinceBurstMs, 1360)
		is(t, name+": a_r_perceptual", f.call(t, "one").A.RPerceptual, wantSide)
		if got := f.call(t, "one").A.F200Mos; (got != nil) != wantModels {
			t.Errorf("%s: a_f200_mos is %v", name, got)
		}
	}
	f("one stream", false, 5.5, 85.377, true)
	f("two streams", true, 10.5, null, false)
	f("silent behind it", false, 15, null, false)
}

// TestSideOfTwoStreams: bursts and delay variation add up, MOS by a model is the
// mean by packets, and what a side has once is that of the stream with most
// packets. Where one stream does not tell, there is none.
func TestSideOfTwoStreams(t *testing.T) {
	play := func(lastTells bool) (record.Side, []*record.Stream) {
		f := newFeed()
		d := newDialled("one")
		f.connect(0, d)
		for i, n := range []uint64{100, 240} {
			k := newTalk(aliceRTP, bobRTP, uint32(1+i), 0.1+5*float64(i))
			k.pt = uint8(8 * i)
			r := k.next(n-10, 10)
			r.DSCP, r.TTLMin, r.TTLMax = uint8(40+i), uint8(60-i), uint8(60-i)
			if lastTells || i == 0 {
				r.Heard = media.Heard{Played: n - 10, Runs: [1 + media.Buffers]uint64{4, 4, 4, 4}, Bursts: [10]uint64{0: 3, 6: 1}, PDV: [7]uint64{2: uint64(5 + i)}}
			}
			f.report(5.2+5*float64(i), k, r)
			over := k.final()
			over.DSCP, over.Last = r.DSCP, r.Last
			f.report(5.3+5*float64(i), k, over)
		}
		f.bye(10.5, d)
		f.end()
		return f.call(t, "one").A, []*record.Stream{f.stream(t, 1), f.stream(t, 2)}
	}
	side, streams := play(true)
	if d := cmp.Diff([]uint32{6, 0, 0, 0, 0, 0, 2, 0, 0, 0}, side.LossBursts); d != "" {
		t.Errorf("a_loss_bursts (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]uint32{0, 0, 11, 0, 0, 0, 0}, side.PDV); d != "" {
		t.Errorf("a_pdv (-want +got):\n%s", d)
	}
	if want := (100**streams[0].F200Mos + 240**streams[1].F200Mos) / 340; side.F200Mos == nil || math.Abs(*side.F200Mos-want) > 0.001 || *streams[0].F200Mos == *streams[1].F200Mos {
		t.Errorf("a_f200_mos is %v, want %g", side.F200Mos, want)
	}
	if *side.PayloadType != 8 || *side.DSCP != 41 || *side.TTLMin != 59 || *side.TTLMax != 60 || *side.MediaIP != aliceRTP.Addr() {
		t.Errorf("payload type %d, DSCP %d, TTL %d to %d, from %s", *side.PayloadType, *side.DSCP, *side.TTLMin, *side.TTLMax, side.MediaIP)
	}
	side, _ = play(false)
	if side.LossBursts != nil || side.PDV != nil || side.F50Mos != nil || side.F200Mos != nil || side.AdaptiveMos != nil {
		t.Errorf("one stream tells nothing, and the side has %v, %v, %v, %v, %v", side.LossBursts, side.PDV, side.F50Mos, side.F200Mos, side.AdaptiveMos)
	}
}

package analyzer

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
)

// TestNoScoreWithoutEvidence: what cannot be scored is NULL in the rows of
// stream and call, and a flag says why.
func TestNoScoreWithoutEvidence(t *testing.T) {
	f := func(name, attributes string, pt uint8, n uint64, end float64, want string) {
		t.Helper()
		s := newFeed()
		d := newDialled("one")
		d.aRTP, d.bRTP = aliceAt+attributes, bobAt+attributes
		s.connect(0, d)
		k := newTalk(addr(aliceAt), addr(bobAt), 1, 0.6)
		k.pt = pt
		s.report(5.1, k, k.next(n, 0))
		s.bye(end, d)
		s.end()
		row, call := s.stream(t, 1), s.call(t, "one")
		for _, got := range []*float64{row.RLQ, row.MosLQ, row.MosLQMin, row.RCQ, row.F50R, row.F200Mos, row.AdaptiveMos, call.A.MosLQ} {
			if (got == nil) != (want != "" || got == row.RCQ || got == row.F50R || got == row.F200Mos || got == row.AdaptiveMos) {
				t.Errorf("%s: a score is %v, want NULL: %v", name, got, want != "")
			}
		}
		for _, flags := range [][]string{row.Flags, call.Flags} {
			for _, flag := range []string{"mos_no_codec", "mos_short"} {
				if slices.Contains(flags, flag) != (flag == want) {
					t.Errorf("%s: flags %v, want %q", name, flags, want)
				}
			}
		}
	}
	const speex = " a=rtpmap:97 speex/16000"
	f("G.711", "", 0, 250, 5.2, "")
	f("half a second", "", 0, 25, 5.2, "mos_short")
	f("a codec without factors", speex, 97, 250, 5.2, "mos_no_codec")
	f("a payload type that nobody named", "", 99, 250, 5.2, "mos_no_codec")
	f("SRTP of it", " a=crypto:1 AES_CM_128_HMAC_SHA1_80", 99, 250, 5.2, "mos_no_codec")
	f("media without a score, and then silence", speex, 97, 250, 20, "mos_no_codec")
}

// TestNoSpeech: of telephone events or comfort noise alone there is no score,
// and a flag says why; not of video.
func TestNoSpeech(t *testing.T) {
	f := func(attributes string, pt uint8, count func(*media.Counts), want bool) {
		t.Helper()
		s := newFeed()
		d := newDialled("one")
		d.aRTP, d.bRTP = aliceAt+attributes, bobAt+attributes
		s.connect(0, d)
		k := newTalk(addr(aliceAt), addr(bobAt), 1, 0.6)
		k.pt = pt
		r := k.next(100, 0)
		count(&r.Delta)
		count(&r.Total)
		s.report(5.1, k, r)
		s.bye(5.2, d)
		s.end()
		row, call := s.stream(t, 1), s.call(t, "one")
		for _, flags := range [][]string{row.Flags, call.Flags} {
			if slices.Contains(flags, "mos_no_speech") != want || want && slices.Contains(flags, "mos_no_codec") {
				t.Errorf("payload type %d: flags %v", pt, flags)
			}
		}
		if want && (row.MosLQ != nil || call.A.MosLQ != nil) {
			t.Errorf("payload type %d has a score", pt)
		}
	}
	f("", 101, func(c *media.Counts) { c.Events, c.DTMF = c.Packets, 4 }, true)
	f("", 13, func(c *media.Counts) { c.CN = c.Packets }, true)
	f("", 13, func(c *media.Counts) { c.CN, c.Events = c.Packets/2, c.Packets/2 }, true)
	f("", 0, func(c *media.Counts) { c.CN = c.Packets / 2 }, false)
	f("", 34, func(*media.Counts) {}, false)
}

// TestScaleChange: the score is of the scale that most packets have, and a flag
// says that there is another.
func TestScaleChange(t *testing.T) {
	const both = " a=rtpmap:9 G722/8000"
	f := func(second uint8, want bool) {
		t.Helper()
		s := newFeed()
		d := newDialled("one")
		d.aRTP, d.bRTP = aliceAt+both, bobAt+both
		s.connect(0, d)
		k := newTalk(addr(aliceAt), addr(bobAt), 1, 0.6)
		s.report(5.1, k, k.next(220, 0))
		k.pt = second
		s.report(10.1, k, k.next(250, 0))
		s.bye(10.2, d)
		s.end()
		row, call := s.stream(t, 1), s.call(t, "one")
		for _, flags := range [][]string{row.Flags, call.Flags} {
			if slices.Contains(flags, "scale_change") != want {
				t.Errorf("payload type %d, then: flags %v", second, flags)
			}
		}
		if want && (*row.Scale != "WB" || *call.A.Scale != "WB" || *call.A.MosSamples != 1) {
			t.Errorf("scales %s and %s", *row.Scale, *call.A.Scale)
		}
	}
	f(0, false)
	f(8, false)
	f(9, true)
}

// TestDroppedStreams: what a call does not gather is told, and has its row.
func TestDroppedStreams(t *testing.T) {
	for _, n := range []uint32{maxCallStreams, maxCallStreams + 3} {
		s := newFeed()
		d := newDialled("one")
		s.connect(0, d)
		for ssrc := range n {
			k := newTalk(aliceRTP, bobRTP, ssrc+1, 0.6)
			s.report(5.1, k, k.next(50, 0))
		}
		s.bye(5.2, d)
		s.end()
		call := s.call(t, "one")
		if over := uint64(n - maxCallStreams); s.Counters.StreamsDropped != over || slices.Contains(call.Flags, "streams_dropped") != (over > 0) {
			t.Errorf("%d streams: %d counted, flags %v", n, s.Counters.StreamsDropped, call.Flags)
		}
		if len(call.A.SSRCs) != maxCallStreams || len(s.streams) != int(n) {
			t.Errorf("%d streams: %d in the call, %d rows", n, len(call.A.SSRCs), len(s.streams))
		}
	}
}

// TestExtremesEncloseTheMean: half a second of bad media is no worst interval,
// but a part of the mean, which the worst one must not exceed. Each score has
// its scale, model and ceiling, and what was lost adds up.
func TestExtremesEncloseTheMean(t *testing.T) {
	s := newFeed()
	d := newDialled("one")
	s.connect(0, d)
	k := newTalk(addr(aliceAt), addr(bobAt), 1, 0.6)
	s.report(5.1, k, k.next(220, 0))
	s.report(10.1, k, k.next(20, 20))
	s.bye(5.8, d)
	s.end()
	call, row := s.call(t, "one"), s.stream(t, 1)
	if *row.MosLQMin > *row.MosLQ {
		t.Errorf("stream: lowest %v, MOS %v", *row.MosLQMin, *row.MosLQ)
	}
	a := call.A
	if *a.MosLQMin > *a.MosLQ || *a.MosLQMax < *a.MosLQ || *a.MosLQMax < 4.4 || *a.MosLQ > 4.39 {
		t.Errorf("side: MOS %v in %v..%v", *a.MosLQ, *a.MosLQMin, *a.MosLQMax)
	}
	if *a.Scale != "NB" || *a.Model != "G.107" || *a.RCeiling != 93.206 || *a.RCostCodec != 0 || *a.RCostSilence != 0 || *a.RCostDiscard != 0 || a.RCostDelay != nil ||
		math.Abs(*a.RCeiling-*a.RCostLoss-*a.RLQ) > 0.002 || *a.RCostLoss < 1 {
		t.Errorf("side: %+v", a)
	}
	if b := call.B; *b.Scale != "NB" || *b.Model != "G.107" || *b.RLQ != 0 || *b.RCostSilence != *b.RCeiling || *b.RCostLoss != 0 || call.RCosts != b.RCosts || *call.Model != "G.107" {
		t.Errorf("the silent side, which the call is as bad as: %+v", b)
	}
	if silent := s.intervals[slices.IndexFunc(s.intervals, func(r *record.Interval) bool { return r.SSRC == 0 })]; *silent.Scale != "NB" || *silent.Model != "G.107" || *silent.RCeiling != 93.206 || *silent.RCostLoss != *silent.RCeiling {
		t.Errorf("its interval: %+v", silent)
	}
	if heard := s.heard(1); *heard[0].Scale != "NB" || *heard[0].Model != "G.107" || *heard[0].RCeiling != 93.206 ||
		heard[1].RLQ != nil || heard[1].Scale != nil || heard[1].Model != nil || heard[1].RCeiling != nil {
		t.Errorf("intervals: %+v, %+v", heard[0], heard[1])
	}
}

const vqBody = "VQSessionReport: CallTerm\r\nCallID: one\r\nLocalAddr:IP=198.51.100.1 PORT=4000 SSRC=1\r\n" +
	"RemoteAddr:IP=203.0.113.1 PORT=6000 SSRC=2\r\nLocalMetrics:\r\nTimestamps:START=2026-01-05T10:00:00Z STOP=2026-01-05T10:00:%02dZ\r\nQualityEst:MOSLQ=3.9\r\n"

func (f *feed) publish(when float64, hop int, body string) {
	f.packet(when, packet.KindSIP, aliceSIP, bobSIP, fmt.Appendf(nil, "PUBLISH sip:collector@example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK%d\r\n"+
		"From: <sip:alice@example.com>;tag=p\r\nTo: <sip:collector@example.com>\r\nCall-ID: publish%d\r\nCSeq: 1 PUBLISH\r\nContent-Type: application/vq-rtcpxr\r\nContent-Length: %d\r\n\r\n%s",
		hop, hop, len(body), body))
}

// TestReportOnce: a report that passes two hops, or is sent again with
// credentials, is one row; the next one is another, and a broken one is
// counted.
func TestReportOnce(t *testing.T) {
	f := newFeed()
	f.publish(1, 1, fmt.Sprintf(vqBody, 10))
	f.publish(1.1, 2, fmt.Sprintf(vqBody, 10))
	f.publish(2, 3, fmt.Sprintf(vqBody, 20))
	f.publish(3, 4, "nonsense")
	if len(f.toldRows) != 2 || f.Counters.Reported != 2 || f.Counters.ReportedAgain != 1 || f.Counters.Unread != 1 {
		t.Fatalf("%d rows, %+v", len(f.toldRows), f.Counters)
	}
	if r := f.toldRows[0]; *r.CallID != "one" || *r.SSRC != 2 || *r.MOSLQ != 3.9 || r.Source != "vq_rtcpxr_publish" || r.ReporterIP != aliceSIP.Addr() {
		t.Errorf("%+v", r)
	}
}

// TestHostileSkew: numbers that no meter gives are no skew, and never
// infinite.
func TestHostileSkew(t *testing.T) {
	for _, ms := range []float64{1e300, -1e300, 1e9, math.MaxFloat32} {
		var k skew
		for i := range 10 {
			k.add(at(float64(5*i)), ms*float64(i))
		}
		if ppm, ok := k.ppm(); ok {
			t.Errorf("transit times up to %g ms make %g ppm", 9*ms, ppm)
		}
	}
	var k skew
	for i := range 10 {
		k.add(at(float64(5*i)), -2.5*float64(i))
	}
	if ppm, ok := k.ppm(); !ok || math.Abs(ppm-500) > 0.01 {
		t.Errorf("2.5 ms in 5 s are %g ppm, %v", ppm, ok)
	}
}

// TestForeignMediaIsNoTalk: what a stranger sends does not hide that the side
// itself fell silent.
func TestForeignMediaIsNoTalk(t *testing.T) {
	f := newFeed()
	f.connect(0, newDialled("one"))
	f.aSpeaks(1, 30)
	f.bSpeaks(1, 16)
	f.speak("192.0.2.99:7000", aliceAt, 3, 3, 29)
	d := newDialled("one")
	d.cseq = 1
	f.bye(30, d)
	f.end()
	r := f.call(t, "one")
	if !slices.Contains(r.Flags, "foreign_stream") || r.B.SilentMs == nil || *r.B.SilentMs < 13_000 {
		t.Errorf("flags %v, b_silent_ms %v", r.Flags, silentMs(r.B.SilentMs))
	}
}

// TestNoScoreAboveItsCeiling: one silence descriptor in a minute of G.723.1 at
// 5.3 kbit/s does not make the stream one of 6.3.
func TestNoScoreAboveItsCeiling(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	k := newTalk(aliceRTP, bobRTP, 7, 1)
	k.pt = 4
	var sum uint64
	for i := range 12 {
		r := k.next(166, 0)
		r.Delta.Bytes = 20 * 166
		if i == 11 {
			r.Delta.Bytes -= 16
		}
		sum += r.Delta.Bytes
		k.total.Bytes = sum
		r.Total, r.PtimeMs, r.Heard.Played = k.total, 30, 166
		f.report(float64(5*i+6), k, r)
	}
	f.bye(61, d)
	f.end()
	s := f.stream(t, 7)
	for name, r := range map[string]*float64{"r_lq": s.RLQ, "r_perceptual": s.RPerceptual, "f50_r": s.F50R, "f200_r": s.F200R, "adaptive_r": s.AdaptiveR} {
		if r != nil && *r > *s.RCeiling {
			t.Errorf("%s is %g, r_ceiling %g", name, *r, *s.RCeiling)
		}
	}
	if s.RLQ == nil || *s.RLQ > 75 {
		t.Errorf("r_lq is %s, want that of ACELP", shown(s.RLQ))
	}
}

// TestEmptyReportBlock: zeros that stand for nothing are not the word of anybody.
func TestEmptyReportBlock(t *testing.T) {
	f := newFeed()
	f.connect(0, newDialled("one"))
	f.packet(5, packet.KindRTCP, rtcpOf(bobRTP), rtcpOf(aliceRTP),
		[]byte(`{"ssrc":2,"type":201,"report_count":1,"report_blocks":[{"source_ssrc":0,"fraction_lost":0,"packets_lost":0}]}`))
	f.end()
	if a := f.call(t, "one").A; a.RtcpReports != nil || a.RtcpLost != nil || a.RtcpLossPct != nil || len(f.toldRows) != 0 {
		t.Errorf("%+v, %d reports", a, len(f.toldRows))
	}
}

// TestOutageParts: what was lost in a hole is counted and scored where it
// lay, and all parts together are the report.
func TestOutageParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Float64Range(0, 100).Draw(t, "from")
		long := rapid.Float64Range(1, 5000).Draw(t, "long")
		missing := rapid.Uint64Range(1, 100_000).Draw(t, "missing")
		lost := rapid.Uint64Range(0, 100_000).Draw(t, "lost")
		r := media.Report{
			Start: at(from + long).Truncate(media.Interval), PtimeMs: 20, Delta: media.Counts{Packets: 100, Expected: lost + 100, Lost: lost},
			Heard: media.Heard{Runs: [1 + media.Buffers]uint64{1}}, Holes: []media.Hole{{From: at(from), To: at(from + long), Lost: true, Missing: missing}},
		}
		rest, parts, g := outages(&r)
		sum := rest.Delta
		for _, p := range parts {
			if p.Delta.Expected != p.Delta.Lost || p.Delta.Lost == 0 || p.Start.After(at(from+long)) || !p.Start.Add(media.Interval).After(at(from)) || p.Start != p.Start.Truncate(media.Interval) {
				t.Fatalf("part %+v", p)
			}
			sum.Add(p.Delta)
		}
		want := min(missing, lost)
		if float64(want)*0.02 < r.Holes[0].To.Sub(r.Holes[0].From).Seconds()/2 { // its sender was silent
			want = 0
		}
		if sum != r.Delta || g.lost != want || len(parts) > maxSilentRows {
			t.Fatalf("%d parts make %+v, want %+v", len(parts), sum, r.Delta)
		}
	})
}

// TestFewPacketsHaveNoScore: packets whose length nothing tells are no five
// seconds of media.
func TestFewPacketsHaveNoScore(t *testing.T) {
	for _, n := range []uint64{1, 3, 30} {
		f := newFeed()
		d := newDialled("one")
		f.connect(0, d)
		k := newTalk(aliceRTP, bobRTP, 7, 1)
		r := k.next(n, 0)
		r.PtimeMs = 0
		f.report(5.2, k, r)
		f.bye(6, d)
		f.end()
		if s := f.stream(t, 7); s.MosLQ != nil || s.RLQ != nil || !slices.Contains(s.Flags, "mos_short") {
			t.Errorf("%d packets: mos_lq %s, flags %v", n, shown(s.MosLQ), s.Flags)
		}
	}
}

package analyzer

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
)

// pause is a time in which a sender's packets are lost, or its sender hangs:
// then the numbers go on behind it.
type pause struct {
	from, to float64
	hung     bool // for longer than a second: what is shorter is delay, and the buffer's
}

// metered plays a stream of PCMU from one second to another through a meter.
func (f *feed) metered(k *talk, from, to float64, pauses ...pause) {
	m := media.NewMeter(k.ssrc, false)
	var r media.Report
	sequence := 0
	for i := range int((to - from) / 0.02) {
		when := from + float64(i)*0.02
		if j := slices.IndexFunc(pauses, func(p pause) bool { return when >= p.from && when < p.to }); j >= 0 {
			if !pauses[j].hung {
				sequence++
			}
			continue
		}
		for now := at(when); m.Due(now.UnixNano()) && m.Report(now.UnixNano(), &r); {
			f.report(when, k, r)
		}
		h := media.RTPHeader{SSRC: k.ssrc, Sequence: uint16(sequence), Timestamp: uint32(160 * sequence), PayloadLen: 160}
		m.Observe(&h, &packet.Packet{Time: at(when), TTL: 64})
		sequence++
	}
	for m.Final(&r) {
		f.report(to, k, r)
	}
}

// scoreOf is R and MOS of a minute's call in which the caller's media pauses.
func scoreOf(t rapid.TB, pauses ...pause) (r, mos float64) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	f.metered(newTalk(aliceRTP, bobRTP, 1, 0.52), 0.52, 60.5, pauses...)
	f.metered(newTalk(bobRTP, aliceRTP, 2, 0.52), 0.52, 60.5)
	f.bye(60.6, d)
	f.end()
	if len(f.calls) != 1 || f.calls[0].A.RLQ == nil {
		t.Fatalf("%d calls", len(f.calls))
	}
	return *f.calls[0].A.RLQ, *f.calls[0].A.MosLQ
}

// TestLongerOutage: a longer outage of a call never has a better score than a
// shorter one from the same time on, whether its packets were lost or never
// sent, and however it lies across the intervals: of a burst of less than a
// second that lies in two of them G.107 takes a little more than in one.
func TestLongerOutage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Float64Range(6, 30).Draw(t, "from")
		short := rapid.OneOf(rapid.Float64Range(0, 1.5), rapid.Float64Range(0, 25)).Draw(t, "short")
		long := short + rapid.OneOf(rapid.Float64Range(0.02, 0.5), rapid.Float64Range(0, 25)).Draw(t, "longer by")
		hung := rapid.Bool().Draw(t, "hung")
		if hung && short < 1.05 {
			short = 0
		}
		r1, mos1 := scoreOf(t, pause{from, from + short, hung})
		r2, mos2 := scoreOf(t, pause{from, from + long, hung})
		if r2 > r1+0.25 || mos2 > mos1+0.03 {
			t.Fatalf("%.2f s from %.2f: R %.3f, MOS %.3f; %.2f s: R %.3f, MOS %.3f", short, from, r1, mos1, long, r2, mos2)
		}
	})
}

// TestAnotherOutage: one more never makes a call better. Behind another one by
// less than 5 s it may seem so by a trifle: what it takes was spoilt already.
func TestAnotherOutage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pauses []pause
		when, trifle := 6., 0.02
		for range rapid.IntRange(1, 6).Draw(t, "outages") {
			apart := rapid.OneOf(rapid.Float64Range(0.2, 5), rapid.Float64Range(5.1, 9)).Draw(t, "apart")
			if apart < 5 {
				trifle = 0.06
			}
			from := when + apart
			when = min(from+rapid.Float64Range(0.02, 4).Draw(t, "long"), 59)
			pauses = append(pauses, pause{from, when, when-from > 1.05 && rapid.Bool().Draw(t, "hung")})
		}
		_, mos1 := scoreOf(t, pauses[:len(pauses)-1]...)
		_, mos2 := scoreOf(t, pauses...)
		if mos2 > mos1+trifle {
			t.Fatalf("%+v: MOS %.3f; without the last %.3f", pauses, mos2, mos1)
		}
	})
}

// TestOutageKinds: what was lost costs as much as what was never sent.
func TestOutageKinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, long := rapid.Float64Range(6, 20).Draw(t, "from"), rapid.Float64Range(1.05, 30).Draw(t, "long")
		r1, mos1 := scoreOf(t, pause{from, from + long, false})
		r2, mos2 := scoreOf(t, pause{from, from + long, true})
		if math.Abs(r1-r2) > 0.7 || math.Abs(mos1-mos2) > 0.03 {
			t.Fatalf("%.2f s from %.2f lost: R %.3f, MOS %.3f; never sent: R %.3f, MOS %.3f", long, from, r1, mos1, r2, mos2)
		}
	})
}

// TestOutageIsABurst: R of an outage in a call that is sound else, by hand: 2 s of
// 60 are 100 packets of 3,000. More than a quarter of 5 s in one burst takes all
// 93.2 points that PCMU has of 250 packets; of 1 s, G.107 with Ppl 20 and BurstR 40
// takes 95 * 20/(20/40 + 25.1) = 74.2 of 250; 10 s cost their own 500.
func TestOutageIsABurst(t *testing.T) {
	for _, c := range []struct{ long, cost float64 }{{1, 95 * 20 / (20./40 + 25.1) * 250}, {2, 93.206 * 250}, {4, 93.206 * 250}, {10, 93.206 * 500}} {
		for _, from := range []float64{11, 14.4} {
			if r, _ := scoreOf(t, pause{from, from + c.long - 0.001, false}); math.Abs(r-(93.206-c.cost/2999)) > 0.04 {
				t.Errorf("%v s from %v: R %.3f, want %.3f", c.long, from, r, 93.206-c.cost/2999)
			}
		}
	}
}

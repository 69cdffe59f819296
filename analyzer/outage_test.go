package analyzer

import (
	"math"
	"math/rand/v2"
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
	if k.codec != "" {
		m.SetPayload(k.pt, k.codec, uint32(50*k.step()))
	}
	var r media.Report
	sequence := 0
	lose := rand.New(rand.NewPCG(uint64(k.ssrc), 1))
	for i := range int((to - from) / 0.02) {
		when := from + float64(i)*0.02
		if i > 0 && lose.Float64() < k.loss { // whatever pauses there are
			sequence++
			continue
		}
		if j := slices.IndexFunc(pauses, func(p pause) bool { return when >= p.from && when < p.to }); j >= 0 {
			if !pauses[j].hung {
				sequence++
			}
			continue
		}
		for now := at(when); m.Due(now.UnixNano()) && m.Report(now.UnixNano(), &r); {
			f.report(when, k, r)
		}
		h := media.RTPHeader{SSRC: k.ssrc, PayloadType: k.pt, Sequence: uint16(sequence), Timestamp: uint32(k.step() * sequence), PayloadLen: k.bytes()}
		m.Observe(&h, &packet.Packet{Time: at(when), TTL: 64, Payload: append([]byte{k.head}, make([]byte, k.bytes())...)})
		sequence++
	}
	for m.Final(&r) {
		f.report(to, k, r)
	}
}

// step is how far the timestamp goes in 20 ms, and bytes what a packet has.
func (k *talk) step() int {
	if k.codec == "OPUS" {
		return 960
	}
	return 160
}

func (k *talk) bytes() int {
	if k.size > 0 {
		return k.size
	}
	return 160
}

// scoreOf is R and MOS of a minute's call in which the caller's media pauses.
func scoreOf(t rapid.TB, pauses ...pause) (r, mos float64) { return scoreWith(t, 0, pauses...) }

// scoreWith is that beside random loss.
func scoreWith(t rapid.TB, loss float64, pauses ...pause) (r, mos float64) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	k := newTalk(aliceRTP, bobRTP, 1, 0.52)
	k.loss = loss
	f.metered(k, 0.52, 60.5, pauses...)
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

// TestLongerOutageOfStream: of the totals of a stream as well, whether its codec
// conceals loss or not.
func TestLongerOutageOfStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Float64Range(6, 30).Draw(t, "from")
		short := rapid.OneOf(rapid.Float64Range(0, 1.5), rapid.Float64Range(0, 25)).Draw(t, "short")
		long := short + rapid.OneOf(rapid.Float64Range(0.02, 0.5), rapid.Float64Range(0, 20)).Draw(t, "longer by")
		bare := rapid.Bool().Draw(t, "without concealment")
		score := func(p pause) (r, mos float64) {
			f := newFeed(func(o *Options) { o.NoPLC = bare })
			f.metered(newTalk(aliceRTP, bobRTP, 1, 0.52), 0.52, 60.5, p)
			f.end()
			return *f.streams[0].RLQ, *f.streams[0].MosLQ
		}
		r1, mos1 := score(pause{from, from + short, false})
		r2, mos2 := score(pause{from, min(from+long, 60), false}) // else nobody tells that it goes on
		if r2 > r1+0.25 || mos2 > mos1+0.03 {
			t.Fatalf("%.2f s from %.2f: R %.3f, MOS %.3f; %.2f s: R %.3f, MOS %.3f", short, from, r1, mos1, long, r2, mos2)
		}
	})
}

// TestLongerOutageBesideLoss: the same beside random loss, which an outage
// takes the place of.
func TestLongerOutageBesideLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, loss := rapid.Float64Range(6, 30).Draw(t, "from"), rapid.Float64Range(0, 0.25).Draw(t, "loss")
		short := rapid.Float64Range(0, 8).Draw(t, "short")
		long := short + rapid.Float64Range(0.1, 8).Draw(t, "longer by")
		r1, mos1 := scoreWith(t, loss, pause{from, from + short, false})
		r2, mos2 := scoreWith(t, loss, pause{from, from + long, false})
		if r2 > r1+0.8 || mos2 > mos1+0.06 {
			t.Fatalf("%.2f s from %.2f: R %.3f, MOS %.3f; %.2f s: R %.3f, MOS %.3f", short, from, r1, mos1, long, r2, mos2)
		}
	})
}

// TestOutageOfBoth: silence and loss in one hole cost their time, whichever
// has more of it, and a packet lost beside silence costs next to nothing.
func TestOutageOfBoth(t *testing.T) {
	want, _ := scoreOf(t, pause{10, 30, true})
	for _, lost := range []float64{0.02, 0.1, 1, 2, 8} {
		r, _ := scoreOf(t, pause{10, 30 - lost, true}, pause{30 - lost, 30, false})
		if math.Abs(r-want) > 2 {
			t.Errorf("20 s, %.2f s of them lost: R %.2f, without loss %.2f", lost, r, want)
		}
	}
}

// TestOutageIsOfItsCodec: what did not come is scored as what came, on its
// scale and under its ceiling.
func TestOutageIsOfItsCodec(t *testing.T) {
	for _, c := range []struct {
		codec string
		size  int
		head  byte // of Opus: SILK wideband, CELT fullband, 20 ms each
		lines string
		scale string
	}{
		{"OPUS", 33, 9 << 3, " a=rtpmap:97~opus/48000/2", "WB"},
		{"OPUS", 160, 31 << 3, " a=rtpmap:97~opus/48000/2", "FB"},
		{"AMR", 14, 0xf0, " a=rtpmap:97~AMR/8000", "NB"},
	} {
		sound := 0.
		for i, p := range [][]pause{{}, {{10, 20, false}}, {{10, 20, true}}, {{40, 70, false}}} {
			f := newFeed()
			d := newDialled("one")
			d.aRTP, d.bRTP = d.aRTP+c.lines, d.bRTP+c.lines
			f.connect(0, d)
			k := newTalk(aliceRTP, bobRTP, 1, 0.52)
			k.pt, k.codec, k.size, k.head = 97, c.codec, c.size, c.head
			f.metered(k, 0.52, 60.5, p...)
			f.bye(60.6, d)
			f.end()
			r := f.call(t, "one").A
			if r.Scale == nil {
				t.Fatalf("%s of %d bytes, pause %v: no score", c.codec, c.size, p)
			}
			if i == 0 {
				sound = *r.RCeiling
			}
			if *r.Scale != c.scale || math.Abs(*r.RCeiling-sound) > 0.01 || *r.RLQ > sound*0.9 && i > 0 || i > 0 && *r.MosLQMin != 1 {
				t.Errorf("%s of %d bytes, pause %v: scale %s, R %s of %s, without pause of %.2f, lowest MOS %s", c.codec, c.size, p, *r.Scale, shown(r.RLQ), shown(r.RCeiling), sound, shown(r.MosLQMin))
			}
		}
	}
}

// TestFlashIsNoMedia: packets that came in no time do not make up for silence.
func TestFlashIsNoMedia(t *testing.T) {
	f := newFeed()
	d := newDialled("one")
	f.connect(0, d)
	k := newTalk(bobRTP, aliceRTP, 2, 0.5)
	r := k.next(900, 0)
	r.Last = at(0.51)
	f.report(5.1, k, r)
	f.metered(newTalk(aliceRTP, bobRTP, 1, 0.52), 0.52, 20)
	f.bye(20.1, d)
	f.end()
	if b := f.call(t, "one").B; b.MosLQ == nil || *b.MosLQ > 1.1 {
		t.Errorf("mos_lq %s", shown(b.MosLQ))
	}
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
				trifle = 0.1
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
			if r, _ := scoreOf(t, pause{from, from + c.long - 0.001, false}); math.Abs(r-(93.206-c.cost/2999)) > 0.1 {
				t.Errorf("%v s from %v: R %.3f, want %.3f", c.long, from, r, 93.206-c.cost/2999)
			}
		}
	}
}

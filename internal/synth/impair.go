package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Impairment is what the network does to a stream before the tap. The zero
// value is a perfect network.
type Impairment struct {
	// LossPct is the share of packets that are lost, in percent.
	LossPct float64
	// Burst is the mean number of packets lost in a row. Up to 1: each packet
	// is lost or not on its own, whatever came before. Above: a two-state
	// Markov chain (the good state loses nothing, the bad one all).
	Burst float64
	// JitterMs delays each packet by an exponentially distributed time of this
	// mean, cut at eight times the mean. The difference of two such delays has
	// this mean too, so RFC 3550 A.8's jitter settles around JitterMs while
	// JitterMs is small beside the packet time. Packets queue: jitter alone
	// never makes one overtake another.
	JitterMs float64
	// UniformMs delays each packet by up to this, every delay as likely as any
	// other, and in order as with JitterMs.
	UniformMs float64
	// ReorderPct is the share of packets, in percent, that arrive just after
	// the packet sent next, or by ReorderMs late where that is given.
	ReorderPct, ReorderMs float64
	// DriftPpm is how many parts in a million the sender's clock is fast, or
	// slow where it is negative.
	DriftPpm float64
	// DuplicatePct is the share of packets, in percent, that arrive twice,
	// the copy 300 us after the packet.
	DuplicatePct float64

	mirrored bool // the tap's switch copies each packet, 30 us later
}

// mostDrift is 1 %, far beyond any quartz.
const mostDrift = 10_000

func (i Impairment) check() error {
	for _, p := range []struct {
		name  string
		value float64
		most  float64
	}{
		{"loss", i.LossPct, 100},
		{"burst", i.Burst, 1e6},
		{"jitter", i.JitterMs, 10000},
		{"uniform jitter", i.UniformMs, 10000},
		{"lateness of reordered packets", i.ReorderMs, 10000},
		{"reorder", i.ReorderPct, 100},
		{"duplicate", i.DuplicatePct, 100},
	} {
		if !(p.value >= 0 && p.value <= p.most) {
			return fmt.Errorf("%s %g is out of range: give 0 to %g", p.name, p.value, p.most)
		}
	}
	if !(math.Abs(i.DriftPpm) <= mostDrift) {
		return fmt.Errorf("drift %g is out of range: give -%d to %d ppm", i.DriftPpm, mostDrift, mostDrift)
	}
	if i.Burst > 1 && i.LossPct < 100 && i.LossPct/(100-i.LossPct) > i.Burst {
		return fmt.Errorf("burst %g is too short for loss %g %%: give at least %.3g", i.Burst, i.LossPct, i.LossPct/(100-i.LossPct))
	}
	return nil
}

// lossModel decides packet by packet, in the order of sending.
type lossModel struct {
	bad, begun bool
}

// lost says whether the next packet is lost.
func (l *lossModel) lost(i *Impairment, rng *rand.Rand) bool {
	share := i.LossPct / 100
	if share <= 0 {
		return false
	}
	if i.Burst <= 1 || share >= 1 {
		return rng.Float64() < share
	}
	// Leave the bad state with q = 1/Burst; enter it with p so that the
	// chain spends share = p/(p+q) of its steps there.
	q := 1 / i.Burst
	p := q * share / (1 - share)
	switch {
	case !l.begun:
		l.begun, l.bad = true, rng.Float64() < share
	case l.bad:
		l.bad = rng.Float64() >= q
	default:
		l.bad = rng.Float64() < p
	}
	return l.bad
}

// impair passes one packet through the network before the tap.
func (f *flow) impair(p rtpPacket) {
	i := &f.impaired
	if f.loss.lost(i, f.rng) {
		return
	}
	if i.JitterMs > 0 {
		p.at += micros(1000 * i.JitterMs * min(f.rng.ExpFloat64(), 8))
	}
	if i.UniformMs > 0 {
		p.at += micros(1000 * i.UniformMs * f.rng.Float64())
	}
	if i.ReorderMs > 0 && f.rng.Float64()*100 < i.ReorderPct {
		p.at += micros(1000 * i.ReorderMs)
		f.reach(p) // others overtake it
		return
	}
	// One microsecond at least between two packets: nothing in a file would
	// tell their order otherwise.
	p.at = max(p.at, f.last+1)
	if !f.holds && i.ReorderPct > 0 && i.ReorderMs == 0 && f.rng.Float64()*100 < i.ReorderPct {
		f.held, f.holds = p, true
		return
	}
	f.deliver(p)
	if f.holds {
		late := f.held
		f.holds = false
		late.at = p.at + 500
		f.deliver(late)
	}
}

// deliver lets p arrive where nothing overtakes it any more.
func (f *flow) deliver(p rtpPacket) {
	f.last = p.at
	f.reach(p)
}

// reach lets p arrive, and its copy where it has one.
func (f *flow) reach(p rtpPacket) {
	f.arrive(p)
	i := &f.impaired
	later := micros(300)
	switch {
	case i.mirrored:
		later = 30
	case i.DuplicatePct <= 0 || f.rng.Float64()*100 >= i.DuplicatePct:
		return
	}
	p.copied = true
	p.at += later
	f.arrive(p)
}

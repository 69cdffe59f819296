package synth

import (
	"math"
	"time"
)

// sound is what the packets of an audio part carry, where the scenario says
// so: a sine from the part's begin on. A peak of 0 is digital silence.
type sound struct {
	hz   float64
	peak float64 // of 16-bit samples, before the codec limits them
}

// tone is a sine of a level in dBov: at full scale it has -3.01.
func tone(hz, dBov float64) *sound {
	return &sound{hz, 32768 * math.Sqrt2 * math.Pow(10, dBov/20)}
}

var hush = &sound{}

// heard is audio that carries a sound.
func heard(c codec, d time.Duration, s *sound) part {
	p := audio(c, d)
	p.sound = s
	return p
}

// sample is the i-th of packet p.
func (x *sound) sample(p *rtpPacket, i int) float64 {
	return x.peak * math.Sin(2*math.Pi*x.hz*float64(p.index*p.part.codec.size+i)/float64(p.part.codec.clock))
}

// append encodes n samples. Of G.722 there is silence only: the codes whose
// difference is 0 (ITU-T G.722 section 3: QM6 and QM2 at the least scale).
func (x *sound) append(dst []byte, p *rtpPacket, n int) []byte {
	for i := range n {
		v := int(math.Round(x.sample(p, i)))
		switch p.part.codec.pt {
		case pcmu.pt:
			dst = append(dst, muLaw(v))
		case pcma.pt:
			dst = append(dst, aLaw(v))
		case g722.pt:
			dst = append(dst, 0xfd)
		}
	}
	return dst
}

// soundMeter adds up what was sounded, from the samples before the codec.
type soundMeter struct {
	n       int     // samples
	loud    int     // of those in packets at -55 dBov and above
	clipped int     // of those in packets with three samples in a row beyond full scale
	energy  float64 // of the loud ones, full scale is 1
}

func (m *soundMeter) hear(p *rtpPacket, n int) {
	energy, run, longest := 0., 0, 0
	most := 8031. / 8192 // the highest sample of mu-law
	if p.part.codec.pt == pcma.pt {
		most = 4032. / 4096
	}
	for i := range n {
		v := p.part.sound.sample(p, i) / 32768
		if math.Abs(v) >= 1 {
			run++
		} else {
			run = 0
		}
		longest = max(longest, run)
		v = min(max(v, -most), most)
		energy += v * v
	}
	m.n += n
	if energy/float64(n) >= math.Pow(10, -5.5) {
		m.loud += n
		m.energy += energy
	}
	if longest >= 3 {
		m.clipped += n
	}
}

// truth says nothing of a stream whose sound no scenario set.
func (m *soundMeter) truth(t *StreamTruth) {
	if m.n == 0 {
		return
	}
	if m.loud > 0 {
		t.LevelDBov = new(10 * math.Log10(m.energy/float64(m.loud)))
	}
	t.SilencePct = new(100 * float64(m.n-m.loud) / float64(m.n))
	t.ClippingPct = new(100 * float64(m.clipped) / float64(m.n))
}

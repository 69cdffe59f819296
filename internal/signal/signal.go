// Package signal measures the sound that RTP payloads carry: how loud it is,
// how much of it is silent, and how much is clipped. It decodes G.711 and the
// lower band of G.722 a packet at a time and keeps nothing of the samples.
//
// Levels are in dBov as in RFC 6464 and RFC 6465: 0 dBov is the level of a
// square wave at full scale, 32768 of a 16-bit sample, so that the loudest
// sine has -3.01 dBov. 0 dBm0 is -6.15 dBov in A-law and -6.18 in mu-law
// (ITU-T G.711: a sine at full scale has 3.14 and 3.17 dBm0).
package signal

import (
	"math"
	"strings"
)

// Codec is a payload format that can be decoded.
type Codec uint8

// The codecs. None is every other.
const (
	None Codec = iota
	PCMU
	PCMA
	G722
)

// CodecOf returns the codec of an encoding name and clock rate as SDP writes
// them (RFC 3551: that of G722 is 8000). Another clock is another format.
func CodecOf(encoding string, clockRate uint32) Codec {
	switch {
	case clockRate != SampleRate:
	case strings.EqualFold(encoding, "PCMU"):
		return PCMU
	case strings.EqualFold(encoding, "PCMA"):
		return PCMA
	case strings.EqualFold(encoding, "G722"):
		return G722
	}
	return None
}

// SampleRate is how many samples a second all codecs give here, one an octet.
const SampleRate = 8000

// fullScale is the square of a sample at full scale.
const fullScale = 1 << 30

// SilenceDBov is the level below which a packet is silent: 29 dB under the
// nominal level of speech (-26 dBov, ITU-T P.56 and P.800), above what a
// circuit adds by itself (ITU-T G.107: Nc -70 dBm0p, Nfor -64 dBmp) and above
// A-law's least sample, -72 dBov, which is its digital silence.
const SilenceDBov = -55

// silent is SilenceDBov as the square of a sample: 10^-5.5 of full scale.
const silent = 3395

// flatTop is how many samples in a row at the codec's highest code of one
// sign make a packet a clipped one: fewer are a peak that just fits.
const flatTop = 3

// A Decoder decodes the packets of one stream in the order in which they
// come. Only G.722 has a state, which forgets what it missed within some ten
// packets' time. The zero value is ready.
type Decoder struct {
	g722 *band
}

// Packet is what one payload carries.
type Packet struct {
	Samples uint32
	Energy  uint64 // sum of the squares of 16-bit samples
	Clipped bool   // never of G.722
}

// Silent reports whether the packet is below SilenceDBov.
func (p *Packet) Silent() bool { return p.Energy < uint64(p.Samples)*silent }

// Measure decodes a payload.
func (d *Decoder) Measure(c Codec, payload []byte) Packet {
	p := Packet{Samples: uint32(len(payload))}
	switch c {
	case PCMU:
		p.Energy, p.Clipped = companded(&muSquares, 0x00, payload)
	case PCMA:
		p.Energy, p.Clipped = companded(&aSquares, 0xaa&0x7f, payload)
	case G722:
		if d.g722 == nil {
			d.g722 = newBand()
		}
		p.Energy = d.g722.energy(payload)
	case None:
		p.Samples = 0
	}
	return p
}

// Sums are the packets of a time added up.
type Sums struct {
	Samples uint64 `json:"n"`       // decoded, SampleRate of them a second
	Silent  uint64 `json:"silent"`  // of Samples those in silent packets
	Blurred uint64 `json:"blurred"` // of Samples those of codecs that do not show clipping
	Clipped uint64 `json:"clipped"` // of the others those in clipped packets
	Signal  uint64 `json:"signal"`  // squares of the samples in packets that are not silent
	Noise   uint64 `json:"noise"`   // squares of those in silent ones
}

// Count adds a packet of a codec.
func (s *Sums) Count(c Codec, p *Packet) {
	n := uint64(p.Samples)
	s.Samples += n
	if p.Silent() {
		s.Silent += n
		s.Noise += p.Energy
	} else {
		s.Signal += p.Energy
	}
	switch {
	case c == G722:
		s.Blurred += n
	case p.Clipped:
		s.Clipped += n
	}
}

// Add adds what others add up to.
func (s *Sums) Add(o *Sums) {
	s.Samples += o.Samples
	s.Silent += o.Silent
	s.Blurred += o.Blurred
	s.Clipped += o.Clipped
	s.Signal += o.Signal
	s.Noise += o.Noise
}

// Plausible reports whether a meter can have counted this; what comes from
// elsewhere may say anything.
func (s *Sums) Plausible() bool {
	const most = 1 << 32 // samples: six days
	return s.Samples <= most && s.Silent <= s.Samples && s.Blurred <= s.Samples && s.Clipped <= s.Samples-s.Blurred &&
		s.Signal <= (s.Samples-s.Silent)*fullScale && s.Noise <= s.Silent*silent
}

// LevelDBov is the mean level of the packets that are not silent, as the
// signal level of RFC 3611 section 4.7.4 is; ok is false where there is none.
func (s *Sums) LevelDBov() (level float64, ok bool) {
	return dBov(s.Signal, s.Samples-s.Silent)
}

// NoiseDBov is the mean level of the silent packets, as the noise level of
// RFC 3611 section 4.7.4 is; ok is false where there is none.
func (s *Sums) NoiseDBov() (level float64, ok bool) { return dBov(s.Noise, s.Silent) }

// SilencePct is the share of the time that is silent, by packets.
func (s *Sums) SilencePct() (pct float64, ok bool) { return share(s.Silent, s.Samples) }

// ClippingPct is the share of the time that is in packets with flat tops;
// nobody can see them in G.722, which codes differences.
func (s *Sums) ClippingPct() (pct float64, ok bool) { return share(s.Clipped, s.Samples-s.Blurred) }

func share(part, of uint64) (pct float64, ok bool) {
	if of == 0 {
		return 0, false
	}
	return 100 * float64(part) / float64(of), true
}

// least is the lowest level that is told, that of digital silence too (RFC
// 6464 section 3).
const least = -127

func dBov(energy, samples uint64) (level float64, ok bool) {
	if samples == 0 {
		return 0, false
	}
	return max(least, 10*math.Log10(float64(energy)/float64(samples)/fullScale)), true
}

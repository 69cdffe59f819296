package media

import "github.com/earshot-voip/earshot/internal/signal"

// sound is what is decoded of a stream. Nothing of the samples is kept.
type sound struct {
	decoder   signal.Decoder
	cur, prev signal.Sums // of the intervals of the same name
	listens   bool
}

// Listen has m decode the sound of the stream's G.711 and G.722, or stop doing
// so. Only who knows that the payload is not encrypted may ask for it: that of
// SRTP decodes to noise.
func (m *Meter) Listen(to bool) {
	if m.sound == nil {
		if !to {
			return
		}
		m.sound = new(sound)
	}
	if m.sound.listens == to {
		return
	}
	m.sound.listens = to
	if m.pt != noPayload {
		if m.codec = signal.None; to {
			m.codec = m.lookup(m.pt).codec
		}
	}
}

func (x *sound) hear(c signal.Codec, h *RTPHeader, packet []byte) {
	end := min(h.PayloadOffset+h.PayloadLen, len(packet))
	if h.PayloadOffset >= end {
		return
	}
	p := x.decoder.Measure(c, packet[h.PayloadOffset:end])
	x.cur.Count(c, &p)
}

// roll follows closeCurrent: what the previous interval held joins the one
// after it, if nobody took it.
func (x *sound) roll(untaken bool) {
	if !untaken {
		x.prev = signal.Sums{}
	}
	x.prev.Add(&x.cur)
	x.cur = signal.Sums{}
}

func appendSignal(dst []byte, s *signal.Sums) []byte {
	dst = appendUint(append(dst, '{'), "n", s.Samples)
	dst = appendRare(dst, "silent", s.Silent)
	dst = appendRare(dst, "blurred", s.Blurred)
	dst = appendRare(dst, "clipped", s.Clipped)
	dst = appendRare(dst, "signal", s.Signal)
	dst = appendRare(dst, "noise", s.Noise)
	return append(dst, '}')
}

func (s *jsonScan) signal() signal.Sums {
	var v signal.Sums
	most := s.most
	s.most = 0 // energies are larger than counts; Plausible judges them
	defer func() { s.most = most }()
	s.object(func(name []byte) {
		switch string(name) {
		case "n":
			v.Samples = s.unsigned()
		case "silent":
			v.Silent = s.unsigned()
		case "blurred":
			v.Blurred = s.unsigned()
		case "clipped":
			v.Clipped = s.unsigned()
		case "signal":
			v.Signal = s.unsigned()
		case "noise":
			v.Noise = s.unsigned()
		}
	})
	return v
}

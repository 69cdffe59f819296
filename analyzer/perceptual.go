package analyzer

import "github.com/earshot-voip/earshot/internal/media"

// packetTime is the media time of one packet, ms; 0 where it is not known.
func (s *stream) packetTime() float64 {
	if s.ptimeMs > 0 {
		return s.ptimeMs
	}
	if pt, ok := s.mainPayload(); ok && s.tsStep > 0 {
		if clock := s.payloadOf(pt).clock; clock > 0 {
			return 1000 * float64(s.tsStep) / float64(clock)
		}
	}
	return 0
}

// perceptual is how a listener remembers the stream. Its bursts are counted
// since it began: there is none for a row that holds a part of it, nor where
// the codec changed on the way.
func (a *Analyzer) perceptual(s *stream) (media.Remembered, bool) {
	if !s.speaks() || noScore(&s.quality) != "" || s.wrote != nil || len(s.codecs) > 1 {
		return media.Remembered{}, false
	}
	is, ok := media.Perceptual(a.speech(s, s.payload), &s.counts, &s.heard, s.burstGap, s.packetTime())
	return is, ok && s.quality.Fits(is.Scale, is.Ceiling)
}

// perceptualOfSide is how a listener remembers a side of a call: that of its
// stream, where it had one only, and no silence that is in no stream.
func (a *Analyzer) perceptualOfSide(streams []*stream, silent *silence) (media.Remembered, bool) {
	if len(streams) != 1 || silent.quality.Samples > 0 {
		return media.Remembered{}, false
	}
	return a.perceptual(streams[0])
}

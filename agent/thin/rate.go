package thin

import (
	"net/netip"
	"time"
)

// maxSources is how many source addresses have a bucket at once.
const maxSources = 1 << 16

// sources holds a token bucket for each source address. It is as deep as a
// second fills it. Time is that of packets.
type sources struct {
	rate    float64 // tokens a second
	max     int
	buckets map[netip.Addr]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// setBack is how far packets go back in time and are still late ones: further,
// a clock was set.
const setBack = time.Minute

func newSources(rate, limit int) sources {
	return sources{rate: float64(rate), max: limit, buckets: map[netip.Addr]bucket{}}
}

// take reports whether a source may send at this time, and takes its token.
func (s *sources) take(src netip.Addr, at time.Time) bool {
	b, ok := s.buckets[src]
	if !ok {
		if len(s.buckets) >= s.max {
			s.forget(at)
		}
		b = bucket{tokens: s.rate, at: at}
	}
	b.fill(s.rate, at)
	may := b.tokens >= 1
	if may {
		b.tokens--
	}
	s.buckets[src] = b
	return may
}

// fill adds what has come since the latest packet. An earlier packet adds
// nothing: the time between the two would be counted again.
func (b *bucket) fill(rate float64, at time.Time) {
	switch since := at.Sub(b.at); {
	case since > 0:
		b.tokens = min(rate, b.tokens+rate*since.Seconds())
		b.at = at
	case since < -setBack:
		b.at = at
	}
}

// forget makes room. A bucket that is full says no more than none does; where
// fewer than half are full, all are forgotten, so that a flood of addresses does
// not have it search each time.
func (s *sources) forget(at time.Time) {
	for src, b := range s.buckets {
		if b.fill(s.rate, at); b.tokens >= s.rate {
			delete(s.buckets, src)
		}
	}
	if len(s.buckets) > s.max/2 {
		clear(s.buckets)
	}
}

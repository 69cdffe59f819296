package media

import "math"

// jitterSpread counts the running jitter by size, for its percentiles: eight
// buckets an octave, from 1/16 ms to 1024 ms.
type jitterSpread struct {
	n [spreadBuckets]uint32
}

const (
	spreadOctaves = 14
	spreadPer     = 8 // buckets an octave: each 12.5 % wide at most
	spreadBuckets = spreadOctaves*spreadPer + 1
	spreadLeast   = 1. / 16
	// spreadEach is of how many packets one is counted: the running value moves
	// by a sixteenth a packet.
	spreadEach = 8
)

// SpreadCount is how many samples fell into a bucket.
type SpreadCount struct {
	Bucket uint8  `json:"b"`
	N      uint32 `json:"n"`
}

func (s *jitterSpread) add(ms float64) {
	i := 0
	if ms >= spreadLeast {
		// The exponent and the first three bits of the fraction of a float are
		// the number of its bucket.
		i = 1 + int(math.Float64bits(ms/spreadLeast)>>49) - 1023<<3
	}
	s.n[min(i, spreadBuckets-1)]++
}

func (s *jitterSpread) appendTo(to []SpreadCount) []SpreadCount {
	for i, n := range s.n {
		if n > 0 {
			to = append(to, SpreadCount{uint8(i), n})
		}
	}
	return to
}

// JitterPercentile is the jitter in ms that a share of the samples does not
// exceed; the middle of its bucket, within 6 %. ok is false without samples.
func JitterPercentile(counts []SpreadCount, share float64) (ms float64, ok bool) {
	var sum, all uint64
	for _, c := range counts {
		all += uint64(c.N)
	}
	if all == 0 {
		return 0, false
	}
	want := uint64(math.Ceil(share * float64(all)))
	for _, c := range counts {
		if sum += uint64(c.N); sum >= want {
			return bucketMs(c.Bucket), true
		}
	}
	return 0, false
}

// bucketMs is the middle of a bucket, 0 of the lowest.
func bucketMs(bucket uint8) float64 {
	if bucket == 0 {
		return 0
	}
	octave, part := (int(bucket)-1)/spreadPer, (int(bucket)-1)%spreadPer
	return spreadLeast * math.Ldexp(1+(float64(part)+0.5)/spreadPer, octave)
}

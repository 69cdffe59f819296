package media

import "math"

// jitterSpread counts the running jitter by size, for its percentiles: four
// buckets an octave, from 1/16 ms to 1024 ms. More would make reports of bad
// streams longer than a datagram may be without fragments.
type jitterSpread struct {
	n [spreadBuckets]uint32
}

const (
	spreadOctaves = 14
	spreadPer     = 4 // buckets an octave: each 25 % wide at most
	spreadBuckets = spreadOctaves*spreadPer + 1
	spreadLeast   = 1. / 16
	// spreadEach is of how many packets one is counted: the running value moves
	// by a sixteenth a packet.
	spreadEach = 8
)

// SpreadCount is a bucket, and how many samples fell into it.
type SpreadCount [2]uint32

func (s *jitterSpread) add(ms float64) {
	i := 0
	if ms >= spreadLeast {
		// The exponent and the first two bits of the fraction of a float are the
		// number of its bucket.
		i = 1 + int(math.Float64bits(ms/spreadLeast)>>50) - 1023<<2
	}
	s.n[min(i, spreadBuckets-1)]++
}

func (s *jitterSpread) appendTo(to []SpreadCount) []SpreadCount {
	for i, n := range s.n {
		if n > 0 {
			to = append(to, SpreadCount{uint32(i), n})
		}
	}
	return to
}

// JitterPercentile is the jitter in ms that a share of the samples does not
// exceed; the middle of its bucket, within 12 %. ok is false without samples.
func JitterPercentile(counts []SpreadCount, share float64) (ms float64, ok bool) {
	var sum, all uint64
	for _, c := range counts {
		all += uint64(c[1])
	}
	if all == 0 {
		return 0, false
	}
	want := uint64(math.Ceil(share * float64(all)))
	for _, c := range counts {
		if sum += uint64(c[1]); sum >= want {
			return bucketMs(c[0]), true
		}
	}
	return 0, false
}

// bucketMs is the middle of a bucket, 0 of the lowest.
func bucketMs(bucket uint32) float64 {
	bucket = min(bucket, spreadBuckets-1)
	if bucket == 0 {
		return 0
	}
	octave, part := (int(bucket)-1)/spreadPer, (int(bucket)-1)%spreadPer
	return spreadLeast * math.Ldexp(1+(float64(part)+0.5)/spreadPer, octave)
}

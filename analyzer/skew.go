package analyzer

import (
	"math"
	"slices"
	"time"
)

// skew finds how much faster the sender's clock runs than that of the capture:
// from the least transit time of each interval, which queues on the way do not
// touch. The median of the slopes between any two of them (Theil and Sen) is
// not moved by a few odd ones, such as a step to another route.
type skew struct {
	points []skewPoint
	every  uint32 // intervals for each point: doubled when there is no room
	seen   uint32
	began  int64 // of the first interval, Unix s
}

type skewPoint struct{ s, ms float32 } // since began; ms are small numbers

const (
	maxSkewPoints = 24
	maxSkewPpm    = 100_000 // no clock runs a tenth too fast: that is another clock rate
	// maxSkewError is up to where a skew is told, ppm: half of what cheap
	// crystals differ by.
	maxSkewError    = 50
	leastSkewPoints = 4 // 20 s: below, a millisecond of jitter is 50 ppm and more
)

func (k *skew) add(at time.Time, transitMs float64) {
	if k.seen == 0 {
		k.every, k.began = 1, at.Unix()
	}
	if k.seen++; (k.seen-1)%k.every != 0 {
		return
	}
	if len(k.points) == maxSkewPoints {
		for i := range maxSkewPoints / 2 {
			k.points[i] = k.points[2*i]
		}
		k.points, k.every = k.points[:maxSkewPoints/2], 2*k.every
	}
	k.points = append(k.points, skewPoint{float32(at.Unix() - k.began), float32(transitMs)})
}

// ppm is the skew in parts per million, positive where the sender's clock is
// fast: then its packets come earlier and earlier. ok is false while there are
// too few intervals to tell.
func (k *skew) ppm() (float64, bool) {
	if len(k.points) < leastSkewPoints {
		return 0, false
	}
	var slopes []float64
	for i, p := range k.points {
		for _, q := range k.points[i+1:] {
			if d := q.s - p.s; d > 0 {
				slopes = append(slopes, float64((q.ms-p.ms)/d*1000))
			}
		}
	}
	if len(slopes) == 0 {
		return 0, false
	}
	slices.Sort(slopes)
	median := slopes[len(slopes)/2]
	if len(slopes)%2 == 0 {
		median = (median + slopes[len(slopes)/2-1]) / 2
	}
	if !(math.Abs(median) <= maxSkewPpm) { // nor NaN
		return 0, false
	}
	if k.errorOf(median) > maxSkewError {
		return 0, false
	}
	return 0 - median, true // not -0
}

// errorOf is three standard errors of a slope, ppm: from the median distance
// of the points to its line, and how far they lie apart in time. Jitter that
// never gives an interval one packet without delay hides the clock.
func (k *skew) errorOf(slope float64) float64 {
	var meanS, spread float64
	rest := make([]float64, len(k.points))
	for i, p := range k.points {
		meanS += float64(p.s) / float64(len(k.points))
		rest[i] = float64(p.ms) - slope/1000*float64(p.s)
	}
	slices.Sort(rest)
	middle := rest[len(rest)/2]
	for i, p := range k.points {
		spread += (float64(p.s) - meanS) * (float64(p.s) - meanS)
		rest[i] = math.Abs(rest[i] - middle)
	}
	slices.Sort(rest)
	const sigma = 1.4826 // standard deviation by median distance, of a normal distribution
	return 3 * sigma * rest[len(rest)/2] / math.Sqrt(spread) * 1000
}

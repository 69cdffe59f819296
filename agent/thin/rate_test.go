package thin

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	s := newSources(10, maxSources)
	f := func(src netip.Addr, at time.Duration, n, want int) {
		t.Helper()
		got := 0
		for range n {
			if s.take(src, began.Add(at)) {
				got++
			}
		}
		if got != want {
			t.Errorf("%s at %s: %d of %d, want %d", src, at, got, n, want)
		}
	}
	f(a, 0, 30, 10)
	f(b, 0, 5, 5) // each source has its own
	f(a, 500*time.Millisecond, 30, 5)
	f(a, 400*time.Millisecond, 30, 0) // late
	f(a, 500*time.Millisecond, 30, 0) // that time is spent
	f(a, time.Hour, 30, 10)           // no more than a second's worth is saved
	f(a, 0, 30, 0)                    // the clock was set back, and goes on from there
	f(a, 100*time.Millisecond, 30, 1)
}

// TestRateIsBounded: a flood of addresses neither grows the table nor frees
// those that are in it while there is room for them.
func TestRateIsBounded(t *testing.T) {
	s := newSources(1, 100)
	addr := func(i int) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(i))))
	}
	known := addr(1 << 30)
	s.take(known, began.Add(98*10*time.Millisecond))
	for i := range 99 {
		s.take(addr(i), began.Add(time.Duration(i)*10*time.Millisecond))
	}
	// The bucket of the first is full again: that one goes, but too few do.
	if s.take(known, began.Add(time.Second)); len(s.buckets) != 100 {
		t.Fatalf("%d buckets", len(s.buckets))
	}
	s.forget(began.Add(1900 * time.Millisecond))
	if len(s.buckets) == 0 || len(s.buckets) > 50 {
		t.Errorf("%d buckets, want those that are not full", len(s.buckets))
	}
	if s.take(known, began.Add(1900*time.Millisecond)) {
		t.Error("a bucket that was not full is forgotten")
	}
	for i := range 10_000 {
		if s.take(addr(i), began.Add(2*time.Second)); len(s.buckets) > 100 {
			t.Fatalf("%d buckets", len(s.buckets))
		}
	}
}

package agent

import (
	"testing"
	"time"
)

// TestClockSetBack: reports go on when the clock is set back, or after one
// packet of another age.
func TestClockSetBack(t *testing.T) {
	x := newTap()
	x.invite(0, "one", alice)
	x.talk(0, alice, bob, 7, 0, 10)
	x.udp(1000*time.Hour, bob, alice, []byte("whatever"))
	x.talk(time.Second, alice, bob, 8, 0, 30)
	x.Advance(began.Add(5 * time.Minute))
	if packets, _ := x.sum(); packets != 40 || len(x.streams.order) != 0 {
		t.Errorf("%d packets reported, %d streams still wait", packets, len(x.streams.order))
	}
}

// TestLongSilence: after a long time without a packet, what streams still owe
// leaves in order of time.
func TestLongSilence(t *testing.T) {
	for _, idle := range []time.Duration{3 * time.Minute, 24 * time.Hour} {
		longSilence(t, idle)
	}
}

func longSilence(t *testing.T, idle time.Duration) {
	t.Helper()
	x := newTap(func(o *Options) { o.StreamIdle = idle })
	x.invite(0, "one", alice)
	x.invite(0, "one", bob)
	for i := range uint16(220) {
		at := time.Duration(i) * 20 * time.Millisecond
		x.udp(at, alice, bob, rtp(7, i, 0))
		x.udp(at+time.Millisecond, bob, alice, rtp(8, i, 0))
	}
	x.invite(idle+10*time.Minute, "two", alice)
	x.Close()
	packets, _ := x.sum()
	finals := 0
	for _, r := range x.reports {
		if r.Final {
			finals++
		}
	}
	if packets != 440 || finals != 2 {
		t.Errorf("%d packets reported, %d streams ended", packets, finals)
	}
	var last time.Time
	for _, p := range x.out {
		if p.Time.Before(last.Add(-time.Second)) {
			t.Errorf("%s comes after %s", p.Time, last)
		}
		last = later(last, p.Time)
	}
}

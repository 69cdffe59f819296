package analyzer

import (
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

func TestWatermark(t *testing.T) {
	type step struct {
		node string // "" is a tick of the collector
		time float64
		want float64
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"one node", []step{{"a", 0, 0}, {"a", 5, 5}, {"a", 4, 5}}},
		{"the slower of two", []step{{"a", 0, 0}, {"b", 0, 0}, {"a", 10, 0}, {"b", 8, 8}, {"b", 12, 10}}},
		{"one that falls silent is left behind", []step{{"a", 0, 0}, {"b", 0, 0}, {"a", 25, 0}, {"a", 31, 31}, {"b", 1, 31}}},
		{"never back", []step{{"a", 100, 100}, {"b", 90, 100}, {"b", 99, 100}}},
		{"ticks alone", []step{{"", 0, 0}, {"", 5, 5}}},
		{"ticks beside a node", []step{{"", 0, 0}, {"a", 0, 0}, {"", 5, 0}, {"a", 5, 5}, {"", 40, 40}}},
		{"a capture of yesterday beside live traffic holds nothing up", []step{{"", 0, 0}, {"a", 0, 0}, {"old", -86400, 0}, {"", 1, 0}, {"a", 1, 1}, {"old", -86000, 1}, {"", 2, 1}, {"a", 2, 2}}},
		{"a node whose clock is ahead does not speak for others", []step{{"", 0, 0}, {"a", 0, 0}, {"fast", 300, 0}, {"", 1, 0}, {"a", 1, 0}, {"fast", 301, 1}}},
		{"one packet of the only node is from the future", []step{{"", 0, 0}, {"a", 0, 0}, {"a", 400, 0}, {"", 1, 0}, {"a", 1, 1}}},
		{"a packet from the future came before the first tick", []step{{"", 5, 5}, {"a", 400, 5}, {"", 6, 5}, {"a", 6, 6}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k clock
			for i, s := range c.steps {
				if s.node == "" {
					k.tick(at(s.time))
				} else {
					k.see(s.node, at(s.time))
				}
				if got := k.watermark().Sub(began).Seconds(); got != s.want {
					t.Fatalf("step %d: watermark is %g, want %g", i, got, s.want)
				}
			}
		})
	}
}

// TestReplayBesideLive: a capture of yesterday is played into a collector that
// runs: its calls are told whole, and live ones end in their time.
func TestReplayBesideLive(t *testing.T) {
	f := newFeed()
	tick := func(when float64) { f.Observe(&packet.Packet{Time: at(when), Kind: packet.KindTick}) }
	tick(0)
	live := newDialled("live")
	f.connect(0, live)
	old := newDialled("old")
	old.aRTP, old.bRTP = "198.51.100.7:4000", "203.0.113.7:6000"
	const yesterday = -86400
	for i := range 5 { // a second of old traffic in a fifth of one
		now := 1 + 0.2*float64(i)
		tick(now)
		f.node = "player"
		switch i {
		case 0:
			f.invite(yesterday, old)
		case 1:
			f.answer(yesterday+1, old)
		case 2:
			k := newTalk(addr(old.aRTP), addr(old.bRTP), 7, yesterday+2)
			f.report(yesterday+5, k, k.next(100, 1))
		case 3:
			f.bye(yesterday+100, old)
		}
		f.node = "tap"
	}
	f.bye(3, live)
	if len(f.calls) != 0 {
		t.Fatalf("%d calls were written early, the first is %s", len(f.calls), f.calls[0].State)
	}
	for now := 2.0; now < 80; now++ {
		tick(now)
	}
	if len(f.calls) != 2 {
		t.Fatalf("%d calls are over", len(f.calls))
	}
	r := f.call(t, "old")
	if r.State != "answered" || *r.DurationMs != 99_000 || r.MediaSeen != "a" || *r.A.Lost != 1 {
		t.Errorf("the old call is %s, media_seen %s", r.State, r.MediaSeen)
	}
	if r := f.call(t, "live"); r.State != "answered" || *r.DurationMs != 2500 {
		t.Errorf("the live call is %s", r.State)
	}
}

// TestTimersWithoutTraffic: ticks alone end what fell silent.
func TestTimersWithoutTraffic(t *testing.T) {
	f := newFeed()
	f.Observe(&packet.Packet{Time: at(0), Kind: packet.KindTick})
	f.invite(0, newDialled("one"))
	for now := 1.0; now < 120 && len(f.calls) == 0; now++ {
		f.Observe(&packet.Packet{Time: at(now), Kind: packet.KindTick})
	}
	if len(f.calls) != 1 || f.calls[0].State != "timeout" {
		t.Fatalf("%d calls", len(f.calls))
	}
}

package topology

import (
	"fmt"
	"hash/maphash"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRelay(t *testing.T) {
	s := newStage(Defaults())
	s.stream(alice, box, 1)
	s.stream(box, bob, 1)
	s.stream(box, alice, 2) // the one that comes in is told of later
	s.stream(bob, box, 2)
	s.is(t, box, Relay)
	s.is(t, alice, Unknown)
	s.stream(box, bob, 1) // at another capture point
	if c := s.seen(box).Counts; c.StreamsSent != 2 || c.StreamsRelayed != 2 || c.StreamsReceived != 2 {
		t.Errorf("%d sent, %d relayed, %d received; want 2 of each", c.StreamsSent, c.StreamsRelayed, c.StreamsReceived)
	}
}

// TestEchoIsNoRelay: a load generator sends back what it gets, SSRC and all.
func TestEchoIsNoRelay(t *testing.T) {
	s := newStage(Defaults())
	for range 5 {
		s.stream(alice, bob, 7)
		s.stream(bob, alice, 7)
		s.at = s.at.Add(time.Minute)
	}
	s.is(t, bob, Unknown)
	if n := s.seen(bob).Counts.StreamsRelayed; n != 0 {
		t.Errorf("%d relayed", n)
	}
}

// TestMixer changes the SSRC, and does nothing but media with many.
func TestMixer(t *testing.T) {
	s := newStage(Defaults())
	for i := range uint32(6) {
		peer := fmt.Sprintf("198.51.100.%d", i+1)
		s.stream(peer, box, 2*i)
		s.stream(box, peer, 2*i+1)
		s.is(t, peer, Unknown) // may be the other address of a phone
	}
	s.is(t, box, Relay)
}

// TestOneAddress: what programs of one host tell each other shows nothing.
func TestOneAddress(t *testing.T) {
	s := newStage(Defaults())
	s.send(box, box, "INVITE", 2)
	s.stream(box, box, 1)
	if s.Len() != 0 {
		t.Errorf("%d hosts", s.Len())
	}
}

// TestSSRCAgain: the same SSRC much later is another stream.
func TestSSRCAgain(t *testing.T) {
	s := newStage(Defaults())
	for range 5 {
		s.stream(alice, box, 1)
		s.at = s.at.Add(time.Minute)
		s.stream(box, bob, 1)
		s.at = s.at.Add(time.Minute)
	}
	s.is(t, box, Unknown)
}

// TestFlowsAreBounded: as many SSRCs as an attacker likes.
func TestFlowsAreBounded(t *testing.T) {
	s := newStage(Defaults())
	for i := range uint32(100_000) {
		s.stream(alice, bob, i)
	}
	for i := range 100 {
		s.at = s.at.Add(time.Minute)
		s.stream(alice, fmt.Sprintf("10.0.0.%d", i), 0)
	}
	if n := len(s.flows.ring); n > s.opt.MaxStreams || len(s.flows.latest) > n {
		t.Errorf("%d streams of %d SSRCs, want at most %d", n, len(s.flows.latest), s.opt.MaxStreams)
	}
	n := 0
	for range s.flows.of(flowKey{maphash.String(seed, "default"), 0}) {
		n++
	}
	if n != maxFlows {
		t.Errorf("%d streams of one SSRC are looked at, want %d", n, maxFlows)
	}
}

// TestFlows compares the ring with a list.
func TestFlows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFlows(rapid.IntRange(1, 6).Draw(t, "most"))
		var all []flow
		for i := range rapid.IntRange(1, 40).Draw(t, "n") {
			is := flow{key: flowKey{1, rapid.Uint32Range(0, 3).Draw(t, "ssrc")}, first: int64(i)}
			f.add(&is)
			all = append(all, is)
			for ssrc := range uint32(4) {
				var got, want []int64
				for o := range f.of(flowKey{1, ssrc}) {
					got = append(got, o.first)
				}
				for _, o := range slices.Backward(all[max(0, len(all)-f.most):]) {
					if o.key.ssrc == ssrc {
						want = append(want, o.first)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("SSRC %d: %v, want %v", ssrc, got, want)
				}
			}
		}
	})
}

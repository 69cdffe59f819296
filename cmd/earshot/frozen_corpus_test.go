package main

import (
	"math"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
)

// TestCorpusFrozen: of real captures, frozen calls have the streams that the
// whole capture's rows tie to them, as they are there.
func TestCorpusFrozen(t *testing.T) {
	dir := corpusDir(t)
	calls, streams := 0, 0
	for _, w := range readTruth(t, dir) {
		t.Run(w.file, func(t *testing.T) {
			path := filepath.Join(dir, w.file)
			whole, _ := readCapture(t, path)
			if whole.summary.HEPPackets > 0 {
				t.Skip("media in HEP are reports, of which the ring has none")
			}
			x := fly(t, openCapture(t, path), func(c *run.Config) {
				c.Agent.Recorder.Memory, c.Agent.Recorder.Minutes, c.Agent.Recorder.Keep = 64<<20, 100*365*24*60, 1<<40
			})
			seen := map[string]bool{}
			for _, call := range whole.calls {
				if seen[call.CallID] || len(seen) >= 5 || call.CallID == "" {
					continue
				}
				seen[call.CallID] = true
				calls++
				streams += compareFrozen(t, call.CallID, whole, x.freeze(t, call.CallID))
			}
		})
	}
	t.Logf("%d calls with %d streams", calls, streams)
	if streams < 100 {
		t.Error("too few to mean anything")
	}
}

// compareFrozen compares the streams of a call, and says how many there were.
func compareFrozen(t *testing.T, callID string, whole *records, frozen string) (n int) {
	t.Helper()
	got, _ := readCapture(t, frozen)
	have := map[streamID]*record.Stream{}
	for _, s := range got.streams {
		have[idOf(s)] = s
	}
	for _, s := range whole.streams {
		if s.CallID == nil || *s.CallID != callID || s.Packets == 0 {
			continue
		}
		n++
		id := idOf(s)
		switch h := have[id]; {
		case h == nil:
			t.Errorf("%s: what is frozen lacks the stream %v of %d packets", callID, id, s.Packets)
		case h.Packets != s.Packets || h.Lost != s.Lost || !sameJitter(h.JitterMeanMs, s.JitterMeanMs):
			t.Errorf("%s: %v has %d packets, %d lost, and frozen %d and %d", callID, id, s.Packets, s.Lost, h.Packets, h.Lost)
		}
	}
	return n
}

type streamID struct {
	src, dst netip.AddrPort
	ssrc     uint32
	start    time.Time
}

func idOf(s *record.Stream) streamID {
	return streamID{netip.AddrPortFrom(s.SrcIP, s.SrcPort), netip.AddrPortFrom(s.DstIP, s.DstPort), s.SSRC, s.StartTime}
}

func sameJitter(a, b *float64) bool {
	return (a == nil) == (b == nil) && (a == nil || math.Abs(*a-*b) < 1e-9)
}

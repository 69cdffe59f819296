package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/synth"
)

// compareHops holds the rows of hops to what the generator sent.
func compareHops(t tester, want []synth.HopTruth, rows []*record.Hop) {
	t.Helper()
	got := []synth.HopTruth{}
	for _, h := range rows {
		got = append(got, synth.HopTruth{
			CallID: h.CallID, CSeq: h.CSeq, Hop: h.Hop, Branch: h.Branch, ParentBranch: h.ParentBranch, StartTime: h.StartTime,
			TryingMs: h.TryingMs, ProgressMs: h.ProgressMs, RingMs: h.RingMs, FinalMs: h.FinalMs, Status: h.Status, ForwardMs: h.ForwardMs, ReturnMs: h.ReturnMs,
		})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("hops (-want +got):\n%s", d)
	}
}

// TestHopsOfScenarios: calls through a proxy have rows of their hops, and all
// others have none.
func TestHopsOfScenarios(t *testing.T) {
	for name, want := range map[string]int{
		"proxy-hops": 2, "proxy-with-media-relay": 2, "spiral": 4, "serial-fork": 3, "parallel-ring-487": 4, "forked-one-answer": 3,
		"answered": 0, "b2bua": 0, "same-call-id-b2bua": 0, "challenged": 0, "mirrored-twice": 0, "rfc2543-peer": 0,
	} {
		got, truth := readScenario(t, name, 3)
		if len(got.hops) != want || len(truth.Hops) != want {
			t.Errorf("%s: %d rows of hops, sent were %d, want %d", name, len(got.hops), len(truth.Hops), want)
		}
	}
}

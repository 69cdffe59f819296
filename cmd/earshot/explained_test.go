package main

import (
	"math"
	"testing"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/synth"
)

// TestScoresAreExplained holds each score of every scenario to what must be
// beside it.
func TestScoresAreExplained(t *testing.T) {
	for _, name := range synth.Scenarios() {
		got, _ := readScenario(t, name, 2)
		checkScores(t, name, got)
	}
}

// checkScores: beside every score are its model, scale and ceiling; the ceiling
// less what was lost is R; and the lowest and highest MOS enclose the mean.
func checkScores(t tester, name string, got *records) {
	t.Helper()
	adds := func(what string, r, ceiling *float64, costs ...*float64) {
		t.Helper()
		left := *ceiling
		for _, c := range costs {
			left -= *c
		}
		if math.Abs(left-*r) > 0.003 { // of five rounded numbers
			t.Errorf("%s: %s: the ceiling less what was lost is %g, R %g", name, what, left, *r)
		}
	}
	for _, c := range got.calls {
		for what, s := range map[string]*record.Side{c.CallID + " a": &c.A, c.CallID + " b": &c.B} {
			known := s.MosLQ != nil
			for _, is := range []bool{s.Model != nil, s.Scale != nil, s.RCeiling != nil, s.RCostCodec != nil, s.RCostLoss != nil, s.RCostDiscard != nil, s.RCostSilence != nil} {
				if is != known {
					t.Errorf("%s: %s: %+v", name, what, s)
				}
			}
			if !known {
				continue
			}
			if *s.MosLQMin > *s.MosLQ || *s.MosLQMax < *s.MosLQ {
				t.Errorf("%s: %s: MOS %g is not in %g..%g", name, what, *s.MosLQ, *s.MosLQMin, *s.MosLQMax)
			}
			adds(what, s.RLQ, s.RCeiling, s.RCostLoss, s.RCostDiscard, s.RCostSilence)
		}
		if (c.MosLQ != nil) != (c.Model != nil) || c.RCosts != c.A.RCosts && c.RCosts != c.B.RCosts {
			t.Errorf("%s: %s: model %v, %+v", name, c.CallID, c.Model, c.RCosts)
		}
	}
	for _, s := range got.streams {
		if s.MosLQ != nil && *s.MosLQMin > *s.MosLQ {
			t.Errorf("%s: stream %d: MOS %g, lowest %g", name, s.SSRC, *s.MosLQ, *s.MosLQMin)
		}
	}
	for _, r := range got.interval {
		if known := r.RLQ != nil; known != (r.Model != nil) || known != (r.Scale != nil) || known != (r.RCeiling != nil) {
			t.Errorf("%s: interval %v of %d: R %v, model %v, scale %v, ceiling %v", name, r.Time, r.SSRC, r.RLQ, r.Model, r.Scale, r.RCeiling)
		} else if known {
			costs := []*float64{r.RCostLoss}
			if r.RCostDiscard != nil { // silence has none
				costs = append(costs, r.RCostDiscard)
			}
			adds(r.Time.String(), r.RLQ, r.RCeiling, costs...)
		}
	}
}

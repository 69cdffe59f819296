package main

import (
	"testing"

	"github.com/earshot-voip/earshot/internal/synth"
)

// TestSeizures: ASR and NER of known cases, by call and by attempt.
func TestSeizures(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	serving(t, nil, "collector", "--data", data)
	for _, c := range []struct {
		scenario         string
		call, leg, tries [3]float64 // seizures, answered, effective
	}{
		{"answered", [3]float64{1, 1, 1}, [3]float64{1, 1, 1}, [3]float64{1, 1, 1}},
		{"busy", [3]float64{1, 0, 1}, [3]float64{1, 0, 1}, [3]float64{1, 0, 1}},
		{"not-found", [3]float64{1, 0, 0}, [3]float64{1, 0, 0}, [3]float64{1, 0, 0}},
		{"declined", [3]float64{1, 0, 1}, [3]float64{1, 0, 1}, [3]float64{1, 0, 1}},
		{"cancelled", [3]float64{1, 0, 1}, [3]float64{1, 0, 1}, [3]float64{1, 0, 1}},
		{"no-answer-at-all", [3]float64{1, 0, 0}, [3]float64{1, 0, 0}, [3]float64{1, 0, 0}},
		{"challenged", [3]float64{1, 1, 1}, [3]float64{1, 1, 1}, [3]float64{1, 1, 1}},
		{"challenge-unanswered", [3]float64{}, [3]float64{}, [3]float64{}},
		{"serial-fork", [3]float64{1, 1, 1}, [3]float64{1, 1, 1}, [3]float64{2, 1, 1}},
		{"parallel-ring-487", [3]float64{2, 2, 2}, [3]float64{2, 2, 2}, [3]float64{2, 2, 2}},
		{"b2bua", [3]float64{1, 1, 1}, [3]float64{2, 2, 2}, [3]float64{2, 2, 2}},
	} {
		all, err := synth.Scenario(c.scenario, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("EARSHOT_AGENT_DOMAIN", c.scenario)
		if code, _, errs := command(t, "read", "--store", engineDSN(t, data), pcapOf(t, c.scenario, all)); code != exitDone {
			t.Fatalf("read: %d %s", code, errs)
		}
		for counted, want := range map[string][3]float64{"call": c.call, "leg": c.leg, "attempt": c.tries} {
			rows := ask(t, data, "SELECT toFloat64(count()) AS n, toFloat64(countIf(answered)) AS a, toFloat64(countIf(effective)) AS e FROM seizures WHERE domain = '"+c.scenario+"' AND counted = '"+counted+"'")
			if got := [3]float64{rows[0]["n"].(float64), rows[0]["a"].(float64), rows[0]["e"].(float64)}; got != want {
				t.Errorf("%s by %s: seizures, answered, effective %v, want %v", c.scenario, counted, got, want)
			}
		}
	}
}

package dialog

import (
	"fmt"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// TestSeizures: which tries of a call count for ASR and NER. Times are seconds.
func TestSeizures(t *testing.T) {
	type tried struct {
		status     uint16
		start, end float64
	}
	begin := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	for _, c := range []struct {
		name  string
		state record.State
		flag  string
		tries []tried
		want  string
	}{
		{"answered", record.Answered, "", []tried{{200, 0, 1}}, "[true]"},
		{"refused", record.Busy, "", []tried{{486, 0, 1}}, "[true]"},
		{"challenged", record.Answered, "", []tried{{407, 0, 0.1}, {401, 0.2, 0.3}, {200, 0.4, 1}}, "[false false true]"},
		{"redirected", record.Answered, "", []tried{{302, 0, 0.1}, {200, 0.2, 1}}, "[false true]"},
		{"serial", record.Answered, "", []tried{{503, 0, 0.1}, {200, 0.2, 1}}, "[true true]"},
		{"called off before the next one", record.Answered, "", []tried{{487, 0, 3}, {200, 3.1, 5}}, "[true true]"},
		{"called off before, its 487 late", record.Answered, "", []tried{{487, 0, 3.5}, {200, 3.1, 5}}, "[true true]"},
		{"a fork that lost", record.Answered, "", []tried{{487, 0, 5.1}, {200, 0, 5}}, "[false true]"},
		{"a fork that failed", record.Answered, "", []tried{{480, 0, 2}, {200, 0, 5}}, "[true true]"},
		{"two answers", record.Answered, "", []tried{{200, 0, 5}, {200, 0, 5.1}, {487, 0, 5.05}}, "[true true false]"},
		{"a fork whose end nobody saw", record.Answered, "", []tried{{0, 0, 0}, {200, 0.01, 5}}, "[false true]"},
		{"never a word, then the next one", record.Answered, "", []tried{{0, 0, 0}, {200, 4, 9}}, "[true true]"},
		{"never a word", record.Timeout, "", []tried{{0, 0, 0}}, "[true]"},
		{"given up by the caller", record.Cancelled, "", []tried{{487, 0, 3}, {487, 0, 3}}, "[true true]"},
		{"picked up elsewhere", record.Cancelled, "answered_elsewhere", []tried{{487, 0, 3}, {486, 0, 1}}, "[false true]"},
		{"in progress", record.Open, "", []tried{{503, 0, 0.1}, {0, 0.2, 0}}, "[false false]"},
	} {
		var attempts []*record.Attempt
		for _, a := range c.tries {
			row := &record.Attempt{FirstSeen: at(a.start), Won: a.status == 200}
			if a.status != 0 {
				row.Status, row.EndTime = new(a.status), new(at(a.end))
			}
			attempts = append(attempts, row)
		}
		Seizures(attempts, []Row{{Call: &record.Call{State: c.state, Flags: []string{c.flag}}}})
		var got []bool
		for _, a := range attempts {
			got = append(got, a.Seizure)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

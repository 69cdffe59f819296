package main

import (
	"cmp"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/store"
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
		{"same-call-id-b2bua", [3]float64{1, 1, 1}, [3]float64{2, 2, 2}, [3]float64{2, 2, 2}},
		{"forked-two-answers", [3]float64{1, 1, 1}, [3]float64{2, 2, 2}, [3]float64{2, 2, 2}},
		{"forked-one-answer", [3]float64{1, 1, 1}, [3]float64{1, 1, 1}, [3]float64{2, 1, 2}},
		{"call-id-reused", [3]float64{2, 2, 2}, [3]float64{2, 2, 2}, [3]float64{2, 2, 2}},
		{"redirected", [3]float64{1, 1, 1}, [3]float64{1, 1, 1}, [3]float64{1, 1, 1}},
		{"mid-call-end", [3]float64{}, [3]float64{}, [3]float64{}},
	} {
		all, err := synth.Scenario(c.scenario, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("EARSHOT_AGENT_DOMAIN", c.scenario)
		if code, _, errs := command(t, "read", "--store", engineDSN(t, data), pcapOf(t, c.scenario, all)); code != exitDone {
			t.Fatalf("read: %d %s", code, errs)
		}
		seized(t, data, c.scenario, map[string][3]float64{"call": c.call, "leg": c.leg, "attempt": c.tries})
	}
}

// seized compares seizures, answered and effective in a domain. That every row says
// yes or no, and none NULL, is part of it: a ratio is a mean.
func seized(t *testing.T, data, domain string, all map[string][3]float64) {
	t.Helper()
	for counted, want := range all {
		rows := ask(t, data, "SELECT toFloat64(count(effective)) AS n, toFloat64(countIf(answered)) AS a, toFloat64(countIf(effective)) AS e FROM seizures WHERE domain = '"+domain+"' AND counted = '"+counted+"'")
		if got := [3]float64{rows[0]["n"].(float64), rows[0]["a"].(float64), rows[0]["e"].(float64)}; got != want {
			t.Errorf("%s by %s: seizures, answered, effective %v, want %v", domain, counted, got, want)
		}
	}
}

// dialled is a call as a row. Times are seconds.
type dialled struct {
	id, tag, session         string
	state                    record.State
	status                   uint16
	start, ring, answer, end float64 // 0 where there was none, but for start
	trunkIn, trunkOut        string
	flags                    []string
	link                     string // a session that it was found to be of when its row was written
}

// TestSeizuresOfRows: what decides whether a leg or a call counts, and what it
// counts as, where no scenario has it.
func TestSeizuresOfRows(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	serving(t, nil, "collector", "--data", data)
	one, none := [3]float64{1, 1, 1}, [3]float64{}
	for _, c := range []struct {
		name      string
		call, leg [3]float64
		rows      []dialled
	}{
		{"hunting with new Call-IDs", one, [3]float64{2, 1, 1}, []dialled{
			{id: "a", state: record.Failed, status: 503, end: 0.2},
			{id: "b", session: "a", state: record.Answered, status: 200, start: 0.3, answer: 1, end: 9},
		}},
		{"hunting in vain: the last word counts", [3]float64{1, 0, 1}, [3]float64{2, 0, 1}, []dialled{
			{id: "a", state: record.Failed, status: 503, end: 0.2},
			{id: "b", session: "a", state: record.Busy, status: 486, start: 0.3, end: 0.9},
		}},
		{"a leg that was linked late", one, [3]float64{2, 1, 1}, []dialled{
			{id: "a", state: record.Failed, status: 503, end: 0.2},
			{id: "b", link: "a", state: record.Answered, status: 200, start: 0.3, answer: 1, end: 9},
		}},
		{"a 302 that is followed with a new Call-ID", one, one, []dialled{
			{id: "a", state: record.Redirected, status: 302, end: 0.2},
			{id: "b", session: "a", state: record.Answered, status: 200, start: 0.3, answer: 1, end: 9},
		}},
		{"a 302 that nobody follows", none, none, []dialled{{id: "a", state: record.Redirected, status: 302, end: 0.2}}},
		{"in progress", none, none, []dialled{{id: "a", state: record.Open}}},
		{"one leg in progress", none, [3]float64{1, 0, 0}, []dialled{
			{id: "a", state: record.Open}, {id: "b", session: "a", state: record.Failed, status: 503, start: 0.1, end: 0.4},
		}},
		{"the row of the first leg is still to come", none, [3]float64{1, 0, 0}, []dialled{{id: "b", session: "a", state: record.Failed, status: 503, end: 0.2}}},
		{"nobody answered a word", [3]float64{1, 0, 0}, [3]float64{1, 0, 0}, []dialled{
			{id: "a", state: record.Timeout, end: 32},
		}},
		{"picked up elsewhere", none, none, []dialled{
			{id: "a", state: record.Cancelled, status: 487, ring: 1, end: 5, flags: []string{"answered_elsewhere"}},
		}},
		{"a Call-ID again after an answered call", [3]float64{2, 2, 2}, [3]float64{2, 2, 2}, []dialled{
			{id: "a", state: record.Answered, status: 200, answer: 1, end: 9},
			{id: "a", state: record.Answered, status: 200, start: 15, answer: 19, end: 25},
		}},
		{"a Call-ID again an hour later, linked only then", [3]float64{2, 1, 1}, [3]float64{3, 2, 2}, []dialled{
			{id: "a", state: record.Failed, status: 503, end: 0.2},
			{id: "b", start: 3600, state: record.Answered, status: 200, answer: 3601, end: 3700},
			{id: "a", start: 3600.1, link: "b", state: record.Answered, status: 200, answer: 3601, end: 3700},
		}},
		{"tried again under one Call-ID", one, [3]float64{2, 1, 1}, []dialled{
			{id: "a", tag: "1", state: record.Failed, status: 503, end: 0.2},
			{id: "a", tag: "2", state: record.Answered, status: 200, start: 0.3, answer: 1, end: 9},
		}},
	} {
		storeDialled(t, data, c.name, c.rows)
		seized(t, data, c.name, map[string][3]float64{"call": c.call, "leg": c.leg})
	}
	storeDialled(t, data, "trunks", []dialled{
		{id: "a", state: record.Answered, status: 200, answer: 1, end: 9, trunkIn: "in"},
		{id: "b", session: "a", state: record.Answered, status: 200, start: 0.2, answer: 1, end: 9, trunkOut: "won"},
		{id: "c", session: "a", state: record.Failed, status: 503, start: 0.3, end: 0.5, trunkOut: "lost"},
	})
	rows := ask(t, data, "SELECT trunk_in, trunk_out FROM seizures WHERE domain = 'trunks' AND counted = 'call'")
	if len(rows) != 1 || rows[0]["trunk_in"] != "in" || rows[0]["trunk_out"] != "won" {
		t.Errorf("trunks of a call: %v", rows)
	}
	// Each use of a Call-ID has the session of its time.
	rows = ask(t, data, "SELECT session_id FROM legs WHERE domain = 'a Call-ID again an hour later, linked only then' AND call_id = 'a' ORDER BY first_seen")
	if len(rows) != 2 || rows[0]["session_id"] != "a" || rows[1]["session_id"] != "b" {
		t.Errorf("sessions of a Call-ID used twice: %v", rows)
	}
}

// storeDialled stores calls and their links in a domain.
func storeDialled(t *testing.T, data, domain string, all []dialled) {
	t.Helper()
	s, err := store.Open(t.Context(), engineDSN(t, data), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := s.NewWriter()
	put := func(row any) {
		if err := w.Append(row); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	known := func(s float64) *time.Time {
		if s == 0 {
			return nil
		}
		return new(at(s))
	}
	final := func(status uint16) *uint16 {
		if status == 0 {
			return nil
		}
		return &status
	}
	name := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	for _, d := range all {
		put(&record.Call{
			Domain: domain, FirstSeen: at(d.start), CallID: d.id, FromTag: d.tag, SessionID: cmp.Or(d.session, d.id), State: d.state, FinalStatus: final(d.status),
			StartTime: new(at(d.start)), RingTime: known(d.ring), AnswerTime: known(d.answer), EndTime: known(d.end), TrunkIn: name(d.trunkIn), TrunkOut: name(d.trunkOut), Flags: d.flags,
		})
		if d.link != "" {
			put(&record.Link{Domain: domain, FirstSeen: at(d.start), Time: at(d.start + 1), CallID: d.id, LinkedCallID: d.link, SessionID: d.link, Legs: 2, Method: "header", Confidence: 1, Merged: true})
		}
	}
	if err := w.Flush(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

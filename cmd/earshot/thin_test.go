package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// thinned reads twenty calls with these options of agent.thin.
func thinned(t *testing.T, bridge string, thin run.Thin) *records {
	t.Helper()
	c, err := synth.Calls(synth.Options{Calls: 20, Seconds: 12, Seed: 5, Bridge: bridge})
	if err != nil {
		t.Fatal(err)
	}
	f := framesOf(c)
	defer f.stop()
	config := run.Default()
	config.Agent.Thin = thin
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	got := readWith(t, &reading{source: f, config: config, node: "local"})
	if got.err != nil {
		t.Fatal(got.err)
	}
	return got
}

// TestSampledRows: of half of the calls there are the rows that there were.
func TestSampledRows(t *testing.T) {
	off := run.Default().Agent.Thin
	whole := thinned(t, "", off)
	calls := map[string]string{} // what a call was like, by Call-ID
	for _, c := range whole.calls {
		calls[c.CallID] = fmt.Sprint(c.State, *c.MosLQ, c.Caller)
	}
	if len(calls) != 20 {
		t.Fatalf("%d calls", len(calls))
	}

	half := off
	half.Sample = 50
	sampled := thinned(t, "", half)
	for _, c := range sampled.calls {
		if got := fmt.Sprint(c.State, *c.MosLQ, c.Caller); got != calls[c.CallID] {
			t.Errorf("%s was %s, sampled it is %s", c.CallID, calls[c.CallID], got)
		}
	}
	if n := len(sampled.calls); n < 5 || n > 15 || len(sampled.streams) != 2*n || sampled.summary.Undecoded["thin_sample"] == 0 {
		t.Errorf("%d calls and %d streams sampled of 20; %v", n, len(sampled.streams), sampled.summary.Undecoded)
	}
}

// TestMaskedRows: hashed numbers leave every row what it was but for the
// numbers, and the legs of a call find each other by them.
func TestMaskedRows(t *testing.T) {
	off := run.Default().Agent.Thin
	hash := off
	hash.Mask, hash.MaskKey, hash.MaskKeep, hash.Bodies = "hash", "a key of the test", 0, "sdp"
	whole, masked := thinned(t, "numbers", off), thinned(t, "numbers", hash)
	if len(whole.calls) != 40 || len(masked.calls) != len(whole.calls) || len(masked.streams) != len(whole.streams) || len(whole.links) == 0 {
		t.Fatalf("%d calls and %d links became %d and %d", len(whole.calls), len(whole.links), len(masked.calls), len(masked.links))
	}
	names := map[string]string{}
	for i, was := range whole.calls {
		is := masked.calls[i]
		if is.CallID != was.CallID || is.State != was.State || !is.FirstSeen.Equal(was.FirstSeen) || !slices.Equal(is.Flags, was.Flags) {
			t.Errorf("%+v became %+v", was, is)
		}
		for _, number := range [...][2]string{{was.Caller, is.Caller}, {was.Callee, is.Callee}} {
			if number[0] == number[1] || len(number[0]) != len(number[1]) || names[number[0]] != "" && names[number[0]] != number[1] {
				t.Errorf("%s became %s, and %s before", number[0], number[1], names[number[0]])
			}
			names[number[0]] = number[1]
		}
	}
	sessions := func(r *records) int {
		ids := map[string]bool{}
		for _, c := range r.calls {
			ids[c.SessionID] = true
		}
		return len(ids)
	}
	if sessions(whole) != 20 || sessions(masked) != 20 {
		t.Errorf("%d sessions became %d", sessions(whole), sessions(masked))
	}
	for _, m := range masked.messages {
		for number := range names {
			if len(number) > 5 && strings.Contains(m.Raw, number) {
				t.Fatalf("%s is in\n%s", number, m.Raw)
			}
		}
	}
}

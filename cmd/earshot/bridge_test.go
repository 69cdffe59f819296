package main

import (
	"os"
	"strconv"
	"testing"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/synth"
)

// TestBridgedCalls: calls through four B2BUAs, with the same few numbers and
// close in time. A header or the same media links all that have them; numbers
// and time alone link what they can, and nothing wrong. EARSHOT_BRIDGED makes
// them more than a thousand.
func TestBridgedCalls(t *testing.T) {
	calls := 1000
	if n, err := strconv.Atoi(os.Getenv("EARSHOT_BRIDGED")); err == nil {
		calls = n
	}
	for _, how := range synth.Bridges() {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c, err := synth.Calls(synth.Options{Calls: calls, Concurrent: 100, Seconds: 2, Bridge: how, Numbers: 20, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			f := framesOf(c)
			defer f.stop()
			got, truth := readAll(t, f), c.Truth()
			session, answered := map[string]string{}, map[string]bool{}
			for _, w := range truth.Calls {
				session[w.CallID], answered[w.CallID] = w.Session, w.State == record.Answered
			}
			if len(got.calls) != 2*calls || len(truth.Calls) != 2*calls {
				t.Fatalf("%d rows, want %d", len(got.calls), 2*calls)
			}
			linked, wrong, seen, heard := 0, 0, 0, 0
			for _, r := range got.calls {
				own := r.CallID == session[r.CallID]
				switch {
				case r.SessionID == session[r.CallID] && !own:
					linked++
				case r.SessionID != r.CallID && r.SessionID != session[r.CallID]:
					wrong++
					t.Errorf("call %s: session_id %s, want %s", r.CallID, r.SessionID, session[r.CallID])
				}
				if !own && answered[r.CallID] {
					seen++ // its media
					if r.SessionID == session[r.CallID] {
						heard++
					}
				}
			}
			// Of every pair there is a link that says how it is known.
			right, false_, likelyRight, likelyFalse := 0, 0, 0, 0
			for _, l := range got.links {
				same := session[l.CallID] == session[l.LinkedCallID]
				switch {
				case l.Merged && same:
					right++
				case l.Merged:
					false_++
				case same:
					likelyRight++
				default:
					likelyFalse++
				}
				if l.Merged != (l.Confidence >= 0.8) {
					t.Errorf("link %+v", l)
				}
			}
			t.Logf("by %s: %d of %d second legs linked (%d of %d that have media), %d wrong; links at 0.8 and above: %d right, %d wrong; below: %d right, %d wrong",
				how, linked, calls, heard, seen, wrong, right, false_, likelyRight, likelyFalse)
			if wrong > 0 || false_ > 0 {
				t.Errorf("%d wrong", max(wrong, false_))
			}
			if how == "header" && linked != calls || how == "media" && heard != seen || how == "numbers" && linked < calls*9/10 {
				t.Errorf("%d of %d second legs are linked, %d of the %d that have media", linked, calls, heard, seen)
			}
		})
	}
}

package main

import (
	"fmt"
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
			o := synth.Options{Calls: calls, Concurrent: 100, Seconds: 2, Bridge: how, Numbers: 20, Seed: 1, Impairment: synth.Impairment{LossPct: 2}}
			if how == "media" {
				o.BoxLossPct = 3
			}
			c, err := synth.Calls(o)
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
			t.Logf("measured: %d of %d second legs linked (%d of %d that have media), %d wrong; links at 80 %% and above: %s; likely ones: %s",
				linked, calls, heard, seen, wrong, precision(right, false_), precision(likelyRight, likelyFalse))
			if wrong > 0 || false_ > 0 {
				t.Errorf("%d wrong", max(wrong, false_))
			}
			if how == "media" {
				comparePath(t, truth.Streams, got.streams, session)
			}
			if how == "header" && linked != calls || how == "media" && heard != seen || how == "numbers" && linked < calls*9/10 {
				t.Errorf("%d of %d second legs are linked, %d of the %d that have media", linked, calls, heard, seen)
			}
		})
	}
}

// precision is the share of links that are right.
func precision(right, wrong int) string {
	if right+wrong == 0 {
		return "none"
	}
	return fmt.Sprintf("precision %.2f %% (%d right, %d wrong)", 100*float64(right)/float64(right+wrong), right, wrong)
}

// comparePath compares what was lost between the two legs of each call: a box
// that passes media on has each direction in both.
func comparePath(t *testing.T, truth []synth.StreamTruth, rows []*record.Stream, session map[string]string) {
	t.Helper()
	type end struct {
		session string
		ssrc    uint32
	}
	in, out := map[end]uint64{}, map[end]uint64{} // numbers that arrived at the box, and that left it
	for _, s := range truth {
		if s.CallID == nil {
			continue
		}
		arrived, e := s.Expected-s.Lost, end{session[*s.CallID], s.SSRC}
		if (*s.Direction == "a") == (*s.CallID == e.session) {
			in[e] = arrived
		} else {
			out[e] = arrived
		}
	}
	compared, differ := 0, 0
	for _, r := range rows {
		if r.CallID == nil {
			continue
		}
		e := end{session[*r.CallID], r.SSRC}
		if _, both := out[e]; !both || in[e] == 0 {
			t.Errorf("stream %d of %s is in one leg alone", r.SSRC, *r.CallID)
			continue
		}
		if (*r.Direction == "a") == (*r.CallID == e.session) {
			if text(r.Segment) != "1/2" || r.SegmentLost != nil {
				t.Errorf("before the box stream %d of %s is segment %s and lost %s", r.SSRC, *r.CallID, text(r.Segment), show(r.SegmentLost))
			}
			continue
		}
		compared++
		want := int64(in[e]) - int64(out[e])
		if want != 0 {
			differ++
		}
		if text(r.Segment) != "2/2" || r.SegmentLost == nil || *r.SegmentLost != want {
			t.Errorf("behind the box stream %d of %s is segment %s and lost %s, want 2/2 and %d", r.SSRC, *r.CallID, text(r.Segment), show(r.SegmentLost), want)
		}
	}
	t.Logf("%d streams compared behind the box, %d lost packets there", compared, differ)
	if differ < compared/2 {
		t.Error("the box lost next to nothing")
	}
}

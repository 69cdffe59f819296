package main

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestScenarios runs every scenario of real networks through the whole
// pipeline: its rows must be what the generator knows of it, and the records
// must be those of the golden file.
func TestScenarios(t *testing.T) {
	for _, name := range synth.Scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, truth := readScenario(t, name, 1)
			if n := truth.SIPMessages; got.summary.SIPMessages != n {
				t.Errorf("%d SIP messages, sent were %d", got.summary.SIPMessages, n)
			}
			compareGolden(t, filepath.Join("testdata", "scenarios", name+".golden.jsonl"), got)
		})
	}
}

// readScenario reads a scenario, whose calls and streams must be what the
// generator knows of them.
func readScenario(t *testing.T, name string, seed int64) (*records, synth.Truth) {
	t.Helper()
	c, err := synth.Scenario(name, seed)
	if err != nil {
		t.Fatal(err)
	}
	f := framesOf(c)
	defer f.stop()
	truth := c.Truth()
	config := run.Default()
	if slices.ContainsFunc(truth.Streams, func(s synth.StreamTruth) bool { return s.SilencePct != nil }) {
		config.Media.Signal = "on" // the scenario says what is to be heard
	}
	got := readWith(t, &reading{source: f, config: config, node: "local"})
	if got.err != nil {
		t.Fatal(got.err)
	}
	compareCalls(t, truth.Calls, got.calls)
	compareStreams(t, truth.Streams, got)
	compareHops(t, truth.Hops, got.hops)
	return got, truth
}

// tester is what a comparison tells of: a test, or one try of a property.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
}

func compareCalls(t tester, want []synth.CallTruth, rows []*record.Call) {
	t.Helper()
	left := slices.Clone(rows)
	for _, w := range want {
		i := slices.IndexFunc(left, func(r *record.Call) bool {
			return r.CallID == w.CallID && r.FromTag == w.FromTag && (r.ToTag == w.ToTag || w.ToTag == "")
		})
		if i < 0 {
			t.Errorf("no row for call %s from-tag %s to-tag %s", w.CallID, w.FromTag, w.ToTag)
			continue
		}
		r := left[i]
		left = slices.Delete(left, i, i+1)
		compareCall(t, w, r)
	}
	for _, r := range left {
		t.Errorf("a row too many: call %s from-tag %s to-tag %s state %s", r.CallID, r.FromTag, r.ToTag, r.State)
	}
}

func compareCall(t tester, w synth.CallTruth, r *record.Call) {
	t.Helper()
	is := func(field string, got, want any) {
		t.Helper()
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); d != "" {
			t.Errorf("call %s: %s (-want +got):\n%s", w.CallID, field, d)
		}
	}
	is("session_id", r.SessionID, w.Session)
	is("caller", r.Caller, w.Caller)
	is("callee", r.Callee, w.Callee)
	is("state", r.State, w.State)
	is("final_status", r.FinalStatus, w.FinalStatus)
	is("hangup_by", r.HangupBy, w.HangupBy)
	is("start_time", r.StartTime, w.StartTime)
	is("ring_time", r.RingTime, w.RingTime)
	is("answer_time", r.AnswerTime, w.AnswerTime)
	is("end_time", r.EndTime, w.EndTime)
	for _, f := range w.Flags {
		if !slices.Contains(r.Flags, f) {
			t.Errorf("call %s: flags %v without %s", w.CallID, r.Flags, f)
		}
	}
	for name, want := range map[string]*uint32{"challenges": w.Challenges, "retransmissions": w.Retransmissions, "invites": w.Invites, "attempts": w.Attempts} {
		if want != nil {
			is(name, map[string]uint32{"challenges": r.Challenges, "retransmissions": r.Retransmissions, "invites": r.Invites, "attempts": r.Attempts}[name], *want)
		}
	}
	if w.CauseQ850 != nil {
		is("cause_q850", r.CauseQ850, w.CauseQ850)
	}
	if w.CauseSIP != nil {
		is("cause_sip", r.CauseSIP, w.CauseSIP)
	}
	if w.DivertedFrom != nil {
		is("diverted_from", r.DivertedFrom, w.DivertedFrom)
	}
	for _, f := range record.Fields(reflect.TypeFor[record.Call]()) {
		if want, ok := w.Text[f.Name]; ok {
			is(f.Name, reflect.ValueOf(r).Elem().FieldByIndex(f.Index).Interface(), &want)
		}
	}
	for name, p := range map[string][2]*float64{"a_silent_ms": {r.A.SilentMs, w.ASilentMs}, "b_silent_ms": {r.B.SilentMs, w.BSilentMs}} {
		within(t, fmt.Sprintf("call %s: %s", w.CallID, name), p[0], p[1], 1)
	}
	if w.MediaSeen != nil {
		is("media_seen", r.MediaSeen, *w.MediaSeen)
	}
}

// compareGolden keeps the records of a capture as they are: calls, attempts,
// hops, streams, intervals, links and hosts whole, of messages how many there are.
func compareGolden(t *testing.T, path string, got *records) {
	t.Helper()
	var b bytes.Buffer
	for line := range bytes.Lines(got.jsonl) {
		for _, kind := range []string{"call", "attempt", "hop", "stream", "interval", "link", "host", "drop", "summary"} {
			if bytes.HasPrefix(line, fmt.Appendf(nil, `{"type":%q,`, kind)) {
				b.Write(line)
			}
		}
	}
	fmt.Fprintf(&b, "{\"type\":\"counts\",\"messages\":%d}\n", len(got.messages))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Errorf("records differ from %s (-want +got):\n%s", path, d)
	}
}

func compareStreams(t tester, want []synth.StreamTruth, got *records) {
	t.Helper()
	left := slices.Clone(got.streams)
	for _, w := range want {
		name := fmt.Sprintf("stream %s -> %s ssrc %d", w.Src, w.Dst, w.SSRC)
		i := slices.IndexFunc(left, func(r *record.Stream) bool {
			return r.SSRC == w.SSRC && r.SrcIP == w.SrcIP && r.SrcPort == w.SrcPort && r.DstIP == w.DstIP && r.DstPort == w.DstPort &&
				!r.StartTime.Before(w.StartTime.Add(-time.Millisecond)) && !r.StartTime.After(w.StartTime.Add(time.Millisecond))
		})
		if i < 0 {
			t.Errorf("no row for %s", name)
			continue
		}
		r := left[i]
		left = slices.Delete(left, i, i+1)
		is := func(field string, got, want any) {
			t.Helper()
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, field, d)
			}
		}
		is("packets", r.Packets, w.Packets)
		is("expected", r.Expected, w.Expected)
		is("lost", r.Lost, w.Lost)
		is("duplicates", r.Duplicates, w.Duplicates)
		is("restarts", r.Restarts, w.Restarts)
		is("reordered", r.Reordered, w.Reordered)
		is("loss_bursts", r.LossBursts, w.LossBursts)
		is("dtmf_events", r.DTMFEvents, w.DTMFEvents)
		is("cn_packets", r.CNPackets, w.CNPackets)
		is("call_id", r.CallID, w.CallID)
		if w.CallID != nil {
			is("direction", r.Direction, w.Direction)
			if !slices.Contains(r.Flags, "codec_change") { // then the row names the codec of most packets, the truth that of the first
				is("codec", text(r.Codec), strings.ToUpper(w.Codec))
			}
			is("media", text(r.Media), w.Media)
			is("srtp", r.SRTP, w.SRTP)
			is("frames", r.Frames, w.Frames)
			is("freezes", r.Freezes, w.Freezes)
			within(t, name+": fps", r.FPS, w.FPS, 0.001)
			within(t, name+": frame_gap_max_ms", r.FrameGapMaxMs, w.FrameGapMaxMs, 0.001)
			within(t, name+": freeze_ms", r.FreezeMs, w.FreezeMs, 0.001)
			near(t, name+": jitter_mean_ms", r.JitterMeanMs, w.JitterMeanMs)
			near(t, name+": jitter_max_ms", r.JitterMaxMs, w.JitterMaxMs)
		}
		if w.Match != "" {
			is("match", r.Match, w.Match)
		}
		compareSound(t, name, w, r)
		if w.RtcpLost != nil {
			is("rtcp_lost", r.RtcpLost, w.RtcpLost)
		}
	}
	for _, r := range left {
		t.Errorf("a row too many: stream %s:%d -> %s:%d ssrc %d match %s packets %d", r.SrcIP, r.SrcPort, r.DstIP, r.DstPort, r.SSRC, r.Match, r.Packets)
	}
}

// near compares two jitters: the generator rounds times to microseconds.
func near(t tester, name string, got, want *float64) {
	t.Helper()
	most := 0.
	if want != nil {
		most = max(0.02, *want*0.005)
	}
	within(t, name, got, want, most)
}

// within compares two numbers that may be unknown.
func within(t tester, name string, got, want *float64, most float64) {
	t.Helper()
	if (got == nil) != (want == nil) || got != nil && math.Abs(*got-*want) > most {
		t.Errorf("%s is %s, want %s", name, show(got), show(want))
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/synth"
)

// TestScenarioRows holds the rows of every scenario to what the reference of
// calls says, beyond what the generator's truth does: one line a call, in
// order of its start, with state, final status, who hung up, media_seen, the
// flags but plc_assumed, and its attempts ("+" is the one that won). It does so
// for several seeds: addresses, ports and times differ, the lines do not.
func TestScenarioRows(t *testing.T) {
	for _, name := range synth.Scenarios() {
		for seed := int64(1); seed <= 4; seed++ {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				t.Parallel()
				got, _ := readScenario(t, name, seed)
				holdTogether(t, got)
				want, ok := scenarioLines[name]
				if !ok {
					t.Fatalf("no lines for scenario %s; they would be\n%s", name, strings.Join(lines(got), "\n"))
				}
				if have := lines(got); !slices.Equal(have, want) {
					t.Errorf("rows are\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
				}
			})
		}
	}
}

// lines are the calls of a reading as TestScenarioRows compares them.
func lines(got *records) []string {
	calls := slices.Clone(got.calls)
	slices.SortStableFunc(calls, func(x, y *record.Call) int { return x.FirstSeen.Compare(y.FirstSeen) })
	var out []string
	for _, r := range calls {
		b := fmt.Sprintf("%s %s by %s, media %s", r.State, show(r.FinalStatus), show(r.HangupBy), r.MediaSeen)
		for _, f := range r.Flags {
			if f != "plc_assumed" {
				b += " " + f
			}
		}
		b += ", attempts"
		for _, a := range got.attempts {
			if a.CallID == r.CallID && a.FromTag == r.FromTag {
				b += " " + show(a.Status)
				if a.Won {
					b += "+"
				}
			}
		}
		out = append(out, b)
	}
	return out
}

func show[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

// holdTogether checks what must be true of the rows of any capture.
func holdTogether(t *testing.T, got *records) {
	t.Helper()
	order := func(r *record.Call, earlier, later *time.Time, names string) {
		t.Helper()
		if earlier != nil && later != nil && later.Before(*earlier) {
			t.Errorf("call %s: %s: %s before %s", r.CallID, names, later, earlier)
		}
	}
	between := func(r *record.Call, name string, got *float64, from, to *time.Time) {
		t.Helper()
		switch {
		case got == nil:
		case from == nil || to == nil:
			t.Errorf("call %s: %s is %v without its times", r.CallID, name, *got)
		case math.Abs(*got-to.Sub(*from).Seconds()*1000) > 0.002:
			t.Errorf("call %s: %s is %v, its times say %v", r.CallID, name, *got, to.Sub(*from))
		}
	}
	for _, r := range got.calls {
		order(r, r.StartTime, r.RingTime, "start, ring")
		order(r, r.StartTime, r.AnswerTime, "start, answer")
		order(r, r.AnswerTime, r.EndTime, "answer, end")
		order(r, r.StartTime, r.EndTime, "start, end")
		between(r, "setup_ms", r.SetupMs, r.StartTime, r.AnswerTime)
		between(r, "duration_ms", r.DurationMs, r.AnswerTime, r.EndTime)
		if !slices.IsSorted(r.Flags) || !slices.IsSorted(r.Nodes) {
			t.Errorf("call %s: flags %v or nodes %v are not sorted", r.CallID, r.Flags, r.Nodes)
		}
		if r.PddMs != nil && (r.SrdMs == nil || *r.SrdMs > *r.PddMs) {
			t.Errorf("call %s: pdd_ms %s, srd_ms %s", r.CallID, show(r.PddMs), show(r.SrdMs))
		}
		attempts, won := uint32(0), false
		for _, a := range got.attempts {
			if a.CallID == r.CallID && a.FromTag == r.FromTag {
				attempts++
				won = won || a.Won
				order(r, a.StartTime, a.RingTime, "attempt's start, ring")
				order(r, a.StartTime, a.EndTime, "attempt's start, end")
			}
		}
		if attempts != r.Attempts {
			t.Errorf("call %s: attempts is %d, there are %d rows", r.CallID, r.Attempts, attempts)
		}
		if won != (r.AnswerTime != nil) {
			t.Errorf("call %s: an attempt won: %v, answer_time %v", r.CallID, won, r.AnswerTime)
		}
		holdMedia(t, got, r)
	}
	for _, s := range got.streams {
		if s.Match == "none" != (s.CallID == nil) {
			t.Errorf("stream %s:%d: match %s, call_id %s", s.SrcIP, s.SrcPort, s.Match, show(s.CallID))
		}
		if s.CallID != nil && !slices.ContainsFunc(got.calls, func(r *record.Call) bool {
			return r.CallID == *s.CallID && (s.FromTag == nil || r.FromTag == *s.FromTag) && (s.ToTag == nil || r.ToTag == *s.ToTag)
		}) {
			t.Errorf("stream %s:%d is of call %s, which has no row", s.SrcIP, s.SrcPort, *s.CallID)
		}
	}
}

// holdMedia checks a call's media against its streams' rows: each direction
// adds up those of one segment.
func holdMedia(t *testing.T, got *records, r *record.Call) {
	t.Helper()
	for direction, side := range map[string]*record.Side{"a": &r.A, "b": &r.B} {
		var packets, lost uint64
		n := 0
		for _, s := range got.streams {
			if s.CallID == nil || *s.CallID != r.CallID || *s.FromTag != r.FromTag || s.ToTag == nil || *s.ToTag != r.ToTag ||
				*s.Direction != direction || *s.Media != "audio" || s.Segment != nil && strings.HasPrefix(*s.Segment, "1/") ||
				slices.Contains(s.Flags, "foreign_stream") {
				continue
			}
			n++
			packets += s.Packets
			lost += s.Lost
		}
		if n == 0 != (side.Packets == nil) {
			t.Errorf("call %s: %s_packets %s, %d streams", r.CallID, direction, show(side.Packets), n)
			continue
		}
		if n > 0 && (*side.Packets != packets || *side.Lost != lost) {
			t.Errorf("call %s: %s_packets %d and %s_lost %d, its streams have %d and %d", r.CallID, direction, *side.Packets, direction, *side.Lost, packets, lost)
		}
		if (r.MediaSeen == "both" || r.MediaSeen == direction) != (n > 0) {
			t.Errorf("call %s: media_seen %s, %d streams of %s", r.CallID, r.MediaSeen, n, direction)
		}
		if m := side.MosLQ; m != nil && (*m < 1 || *m > 4.5 || *m < *side.MosLQMin || r.MosLQ == nil || *r.MosLQ > *m) {
			t.Errorf("call %s: %s_mos_lq %v, min %v, of the worse direction %s", r.CallID, direction, *m, *side.MosLQMin, show(r.MosLQ))
		}
		// Least, mean and greatest are in order, and known together.
		for what, v := range map[string][3]*float64{
			"mos_lq": {side.MosLQMin, side.MosLQ, side.MosLQMax}, "rtt_ms": {side.RttMinMs, side.RttMs, side.RttMaxMs},
			"rtcp_jitter_ms": {side.RtcpJitterMs, side.RtcpJitterMs, side.RtcpJitterMaxMs}, "mos_*_loss_pct": {side.MosMaxLossPct, side.MosMinLossPct, side.MosMinLossPct},
		} {
			if (v[0] == nil) != (v[1] == nil) || (v[1] == nil) != (v[2] == nil) || v[0] != nil && (*v[0] > *v[1] || *v[1] > *v[2]) {
				t.Errorf("call %s: %s of %s: %s, %s, %s", r.CallID, what, direction, show(v[0]), show(v[1]), show(v[2]))
			}
		}
		if (side.MosLQ == nil) != (side.MosSamples == nil) || (side.MosLQ == nil) != (side.MosMinTime == nil) || (side.MosLQ == nil) != (side.MosMaxTime == nil) {
			t.Errorf("call %s: %s_mos_lq %s has %s samples, at %v and %v", r.CallID, direction, show(side.MosLQ), show(side.MosSamples), side.MosMinTime, side.MosMaxTime)
		}
		if side.LastRtpMs != nil && (*side.LastRtpMs < 0 || side.Packets == nil || r.EndTime == nil) {
			t.Errorf("call %s: %s_last_rtp_ms is %v", r.CallID, direction, *side.LastRtpMs)
		}
	}
}

var scenarioLines = map[string][]string{
	"answered":            {"answered 200 by caller, media both, attempts 200+"},
	"answered-no-ringing": {"answered 200 by callee, media both, attempts 200+"},
	"early-media":         {"answered 200 by caller, media both early_media, attempts 200+"},
	"busy":                {"busy 486 by -, media unknown, attempts 486"},
	"declined":            {"rejected 603 by -, media unknown, attempts 603"},
	"not-found":           {"rejected 404 by -, media unknown, attempts 404"},
	"unavailable":         {"rejected 480 by -, media unknown, attempts 480"},
	"server-error":        {"failed 503 by -, media unknown, attempts 503"},
	"timeout-408":         {"failed 408 by -, media unknown, attempts 408"},
	"no-answer-at-all":    {"timeout - by -, media unknown, attempts -"},
	"trying-only":         {"timeout - by -, media unknown, attempts -"},
	"cancelled":           {"cancelled 487 by caller, media unknown, attempts 487"},
	"cancel-race":         {"answered 200 by caller, media unknown cancel_race, attempts 200+"},
	"cancel-unfinished":   {"cancelled - by caller, media unknown, attempts -"},
	"challenged":          {"answered 200 by caller, media both, attempts 407 200+"},
	"challenge-unanswered": {
		"unauthenticated 407 by -, media unknown, attempts 407",
		"unauthenticated 401 by -, media unknown, attempts 401",
	},
	"stale-nonce": {"answered 200 by caller, media both, attempts 407 407 200+"},
	"redirected": {
		"answered 200 by caller, media both, attempts 302 200+",
		"redirected 302 by -, media unknown, attempts 302",
	},
	"forked-one-answer": {"answered 200 by caller, media both, attempts 200+ 480"},
	"forked-two-answers": {
		"answered 200 by caller, media both, attempts 200+ 200+",
		"answered 200 by caller, media unknown, attempts 200+ 200+",
	},
	"parallel-ring-487": {
		"answered 200 by caller, media both, attempts 200+ 487 487",
		"answered 200 by callee, media both, attempts 200+",
		"cancelled 487 by network, media unknown answered_elsewhere, attempts 487",
	},
	"serial-fork":          {"answered 200 by caller, media both, attempts 503 200+"},
	"delayed-offer":        {"answered 200 by callee, media both, attempts 200+"},
	"prack":                {"answered 200 by caller, media both early_media, attempts 200+"},
	"update-before-answer": {"answered 200 by caller, media both early_media, attempts 200+"},
	"hold-resume":          {"answered 200 by caller, media both on_hold, attempts 200+"},
	"moved-media":          {"answered 200 by caller, media both ssrc_change, attempts 200+"},
	"glare":                {"answered 200 by caller, media both, attempts 200+"},
	"session-timer": {
		"answered 200 by network, media unknown no_bye, attempts 422 200+",
		"answered 200 by network, media both no_bye, attempts 422 200+",
	},
	"lost-ack":        {"answered 200 by callee, media both ack_missing, attempts 200+"},
	"lost-bye-answer": {"answered 200 by caller, media both, attempts 200+"},
	"bye-481":         {"answered 200 by caller, media both, attempts 200+"},
	"bye-crossing":    {"answered 200 by callee, media both, attempts 200+"},
	"no-bye": {
		"answered 200 by -, media both no_bye, attempts 200+",
		"open 200 by -, media unknown, attempts 200+",
	},
	"blind-transfer": {
		"answered 200 by callee, media both transferred, attempts 200+",
		"answered 200 by caller, media both, attempts 200+",
	},
	"attended-transfer": {
		"answered 200 by callee, media both on_hold transferred, attempts 200+",
		"answered 200 by callee, media both transferred, attempts 200+",
		"answered 200 by callee, media both, attempts 200+",
	},
	"call-id-reused": {
		"answered 200 by caller, media both, attempts 200+",
		"answered 200 by caller, media both, attempts 200+",
	},
	"proxy-hops":             {"answered 200 by callee, media both, attempts 200+"},
	"proxy-with-media-relay": {"answered 200 by caller, media both, attempts 200+"},
	"spiral":                 {"answered 200 by caller, media both, attempts 200+"},
	"same-call-id-b2bua": {
		"answered 200 by caller, media both, attempts 200+",
		"answered 200 by caller, media both, attempts 200+",
	},
	"mirrored-twice": {"answered 200 by caller, media both, attempts 200+"},
	"b2bua": {
		"answered 200 by caller, media both, attempts 200+",
		"answered 200 by caller, media both, attempts 200+",
	},
	"out-of-order":     {"answered 200 by caller, media both, attempts 200+"},
	"mid-call-start":   {"answered - by -, media both truncated, attempts"},
	"mid-call-end":     {"open 200 by -, media both, attempts 200+"},
	"transport-switch": {"answered 200 by caller, media both, attempts 200+"},
	"over-tcp":         {"answered 200 by caller, media both, attempts 200+"},
	"over-websocket":   {"answered 200 by caller, media both, attempts 200+"},
	"over-sctp":        {"answered 200 by caller, media both, attempts 200+"},
	"shared-media-port": {
		"answered 200 by caller, media both, attempts 200+",
		"answered 200 by caller, media both, attempts 200+",
		"answered 200 by caller, media both, attempts 200+",
	},
	"nat-private-sdp": {"answered 200 by caller, media both nat, attempts 200+"},
	"nat-symmetric":   {"answered 200 by caller, media both nat, attempts 200+"},
	"ice":             {"answered 200 by caller, media both, attempts 200+"},
	"rtcp-mux":        {"answered 200 by caller, media both, attempts 200+"},
	"rtcp-attribute":  {"answered 200 by caller, media both, attempts 200+"},
	"srtp-sdes":       {"answered 200 by caller, media both srtp, attempts 200+"},
	"srtp-dtls":       {"answered 200 by caller, media both srtp, attempts 200+"},
	"codec-change":    {"answered 200 by caller, media both codec_change, attempts 200+"},
	"t38":             {"answered 200 by caller, media both t38, attempts 200+"},
	"video":           {"answered 200 by caller, media both video, attempts 200+"},
	"dtmf-rtp":        {"answered 200 by caller, media both dtmf, attempts 200+"},
	"dtmf-info":       {"answered 200 by caller, media both dtmf, attempts 200+"},
	"isup-body":       {"answered 200 by callee, media both, attempts 200+"},
	"ims": {
		"answered 200 by caller, media both, attempts 200+",
		"answered 200 by caller, media both, attempts 200+",
	},
	"compact-headers": {"answered 200 by caller, media both, attempts 200+"},
	"rfc2543-peer":    {"answered 200 by callee, media both, attempts 200+"},
	"method-storm":    nil,
	"emergency": {
		"answered 200 by callee, media both emergency, attempts 200+",
		"answered 200 by callee, media both emergency, attempts 200+",
		"answered 200 by callee, media both emergency, attempts 200+",
	},
	"direct-media":          {"answered 200 by caller, media both, attempts 200+"},
	"signalling-only":       {"answered 200 by caller, media unknown, attempts 200+"},
	"bundle-turn":           {"answered 200 by caller, media both srtp video, attempts 200+"},
	"failed-reinvite":       {"answered 200 by caller, media both, attempts 200+"},
	"announcement-then-4xx": {"rejected 404 by -, media b early_media, attempts 404"},
	"hold-music":            {"answered 200 by caller, media both on_hold ssrc_change, attempts 200+"},
	"cgnat":                 {"answered 200 by caller, media both nat source_mismatch, attempts 200+"},
	"media-stops-early":     {"answered 200 by caller, media both, attempts 200+"},
	"one-way-media":         {"answered 200 by caller, media b one_way_audio, attempts 200+"},
	"media-hole":            {"answered 200 by caller, media both, attempts 200+"},
	"media-pause":           {"answered 200 by caller, media both, attempts 200+"},
	"late-talk":             {"answered 200 by caller, media both, attempts 200+"},
	"reordered-2pct":        {"answered 200 by caller, media both, attempts 200+"},
	"duplicated-2pct":       {"answered 200 by caller, media both, attempts 200+"},
	"rtp-from-stranger":     {"answered 200 by caller, media both source_mismatch, attempts 200+"},
	"foreign-stream":        {"answered 200 by caller, media both foreign_stream, attempts 200+"},
	"ssrc-change":           {"answered 200 by caller, media both ssrc_change, attempts 200+"},
	"dtx-marker":            {"answered 200 by caller, media both, attempts 200+"},
	"dtx-no-marker":         {"answered 200 by caller, media both, attempts 200+"},
	"clock-drift":           {"answered 200 by caller, media both, attempts 200+"},
	"sequence-restart":      {"answered 200 by caller, media both, attempts 200+"},
	"timestamp-restart":     {"answered 200 by caller, media both, attempts 200+"},
	"timestamp-jumps":       {"answered 200 by caller, media both, attempts 200+"},
	"silent-audio":          {"answered 200 by caller, media both silent_audio, attempts 200+"},
	"silent-audio-g722":     {"answered 200 by caller, media both silent_audio, attempts 200+"},
	"silent-on-hold":        {"answered 200 by caller, media both on_hold, attempts 200+"},
	"tone-level":            {"answered 200 by caller, media both, attempts 200+"},
	"clipped-audio":         {"answered 200 by caller, media both, attempts 200+"},
}

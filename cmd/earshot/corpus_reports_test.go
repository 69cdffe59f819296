package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
)

// TestCorpusReports reads a capture of a phone that publishes RFC 6035
// reports: every PUBLISH gives a row for either end, tied to its call, and
// what the stored message says in its own words is what the rows say.
func TestCorpusReports(t *testing.T) {
	files, source, err := openFiles([]string{filepath.Join(corpusDir(t), "generated", "linphone_vqrtcpxr_publish_loss3_jitter10.pcap")})
	if err != nil {
		t.Fatal(err)
	}
	defer files[0].Close()
	var got records
	r := &reading{source: source, config: run.Default(), node: "local", emit: func(row any) error { got.add(row); return nil }}
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	got.reports = slices.DeleteFunc(got.reports, func(r *record.Report) bool { return r.Source != "vq_rtcpxr_publish" })
	var bodies []string
	for _, m := range got.messages {
		if m.Method == "PUBLISH" && m.Status == nil && !m.Retransmission {
			bodies = append(bodies, m.Raw)
		}
	}
	if len(bodies) != 3 || len(got.reports) != 2*len(bodies) {
		t.Fatalf("%d PUBLISH, %d reports", len(bodies), len(got.reports))
	}
	one := func(body, pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no %s in\n%s", pattern, body)
		}
		return m[1]
	}
	for i, body := range bodies {
		local, remote := got.reports[2*i], got.reports[2*i+1]
		if text(local.Direction) != "b" || text(remote.Direction) != "a" { // the caller publishes
			t.Errorf("directions %s and %s", text(local.Direction), text(remote.Direction))
		}
		for _, r := range []*record.Report{local, remote} {
			if text(r.CallID) != one(body, `(?m)^CallID: ?(\S+)`) || !slices.ContainsFunc(got.calls, func(c *record.Call) bool { return c.CallID == text(r.CallID) }) {
				t.Errorf("call_id %q is no call", text(r.CallID))
			}
			if r.StartTime == nil || r.StartTime.Format(time.RFC3339) != one(body, `START=(\S+)`) || r.StopTime.Format(time.RFC3339) != one(body, `STOP=(\S+)`) {
				t.Errorf("report of %v to %v", r.StartTime, r.StopTime)
			}
			if show(r.PayloadType) != one(body, `\bPT=(\d+)`) || text(r.PayloadDesc) != one(body, `\bPD=(\S+)`) || show(r.SampleRate) != one(body, `\bSR=(\d+)`) {
				t.Errorf("payload type %s, %s, %s", show(r.PayloadType), text(r.PayloadDesc), show(r.SampleRate))
			}
			if text(r.LocalIP) != one(body, `LocalAddr: ?IP=(\S+)`) || show(r.RemoteSSRC) != one(body, `RemoteAddr:.*SSRC=(\d+)`) {
				t.Errorf("local_ip %s, remote_ssrc %s", text(r.LocalIP), show(r.RemoteSSRC))
			}
			if !slices.ContainsFunc(got.streams, func(s *record.Stream) bool { return s.SSRC == *r.SSRC }) {
				t.Errorf("ssrc %d is no stream", *r.SSRC)
			}
		}
		if show(local.MOSLQ) != one(body, `MOSLQ=([0-9.]+)`) || show(local.MOSCQ) != regexp.MustCompile(`\.0$`).ReplaceAllString(one(body, `MOSCQ=([0-9.]+)`), "") {
			t.Errorf("moslq %s, moscq %s", show(local.MOSLQ), show(local.MOSCQ))
		}
	}
}

// TestCorpusRTPStat holds what baresip tells in BYE and its answer to the
// jitter and loss that it printed at the end, and to the streams of the call.
func TestCorpusRTPStat(t *testing.T) {
	dir := filepath.Join(corpusDir(t), "generated")
	for _, name := range []string{"imp_jitter20_pcmu", "imp_loss3_pcmu", "imp_g722_jitter20", "imp_opus_loss3", "imp_video_vp8_loss2"} {
		b, err := os.ReadFile(filepath.Join(dir, name+".TRUTH.json"))
		if err != nil {
			t.Fatal(err)
		}
		type end []struct {
			Audio struct{ Lost, Jitter struct{ RX float64 } }
		}
		var truth struct {
			A end `json:"baresip_A_final_stats"`
			B end `json:"baresip_B_final_stats"`
		}
		if err := json.Unmarshal(b, &truth); err != nil || len(truth.A) == 0 || len(truth.B) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		got, _ := readCapture(t, filepath.Join(dir, name+".pcap"))
		rows := map[string]*record.Report{}
		for _, r := range got.reports {
			if r.Source == "x_rtp_stat" {
				rows[text(r.Direction)] = r
			}
		}
		for direction, e := range map[string]end{"b": truth.A, "a": truth.B} { // each end tells what it heard
			r := rows[direction]
			if r == nil || r.JitterMs == nil || r.PacketsLost == nil || r.SSRC == nil {
				t.Errorf("%s %s: %+v", name, direction, r)
				continue
			}
			// The printed jitter is of a moment later.
			if math.Abs(*r.JitterMs-e[0].Audio.Jitter.RX) > 0.5 || float64(*r.PacketsLost) != e[0].Audio.Lost.RX {
				t.Errorf("%s %s: jitter %v, lost %v; it printed %v, %v", name, direction, *r.JitterMs, *r.PacketsLost, e[0].Audio.Jitter.RX, e[0].Audio.Lost.RX)
			}
			is := func(s *record.Stream) bool {
				return s.SSRC == *r.SSRC && text(s.Direction) == direction && text(s.CallID) == text(r.CallID) && text(s.Media) == "audio"
			}
			if !slices.ContainsFunc(got.streams, is) {
				t.Errorf("%s %s: SSRC %d is no voice stream of call %s in this direction", name, direction, *r.SSRC, text(r.CallID))
			}
		}
	}
}

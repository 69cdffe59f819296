package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/synth"
)

// scenarioFile writes the capture of a scenario, and gives the Call-IDs in it.
func scenarioFile(t *testing.T, name string) (file string, ids []string) {
	t.Helper()
	c, err := synth.Scenario(name, 1)
	if err != nil {
		t.Fatal(err)
	}
	file = pcapOf(t, name, c)
	code, out, errs := command(t, "read", "--format", "jsonl", file)
	if code != exitDone {
		t.Fatalf("read: status %d: %s", code, errs)
	}
	for line := range strings.Lines(out) {
		var row struct {
			Type   string `json:"type"`
			CallID string `json:"call_id"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Type == "call" {
			ids = append(ids, row.CallID)
		}
	}
	return file, ids
}

// TestExplainScenarios explains what was captured, and holds the words to what
// the generator did.
func TestExplainScenarios(t *testing.T) {
	for name, want := range map[string][]string{
		"media-stops-early": {"In short: very bad, worst from caller to callee, for silence", "the caller's media stopped 10.0 s before the BYE", "silence 46.6"},
		"one-way-media":     {"In short: one-way audio: nothing came from the caller."},
		"media-hole":        {"it was missing for 5.0 s in between", "loss took all of it (223 of 223 packets", "10.8        0.1     4.04 (1.00)  loss 10"},
		"signalling-only":   {"Media is unknown: no agent is known", "Nothing is called silent"},
		"busy":              {"failed (busy) with 486 Busy Here", "In short: it was not answered"},
		"serial-fork": {
			"503 Service Unavailable", "200 OK after 1.8 s, which made the call", "In short: good.",
			"192.0.2.10 took 6.6 ms to pass the INVITE on to 203.0.113.81:5060; behind it came 503 after 406 ms, which is not what it passed back.",
			"192.0.2.10 took 14 ms to pass the INVITE on to 203.0.113.82:5060 (beside 406 ms in which it waited for other branches), 4.6 ms to pass the 200 back; behind it 1.8 s.",
		},
		"proxy-hops": {"192.0.2.10 took 3.4 ms to pass the INVITE on, 4.4 ms to pass the 200 back; behind it 2.1 s.", "INVITE at 192.0.2.10: nothing but Max-Forwards, Record-Route, Via"},
		"spiral": {
			"192.0.2.50 took 3.3 ms to pass the INVITE on, 3.5 ms to pass the 200 back.\n",
			"INVITE at 192.0.2.50, beside Max-Forwards, Record-Route, Via\n    - INVITE sip:+442079460123@example.com SIP/2.0\n    + INVITE sip:+442079460199@example.com SIP/2.0\n",
		},
		"parallel-ring-487": {"203.0.113.41:5060 by udp   rang after 214 ms, 487 after 1.7 s", "to pass the INVITE on to 203.0.113.40:5060, 4.6 ms to pass the 200 back; behind it 1.7 s."},
		"forked-one-answer": {"behind it came 480 after 1.8 s, which is not what it passed back."},
		"proxy-with-media-relay": {
			"segment 1/2", "not counted again: 200 packets", "segment 2/2",
			"200 at 192.0.2.10, beside Content-Length, Via\n    - c=IN IP4 203.0.113.40\n    + c=IN IP4 192.0.2.10\n    - m=audio 20516 RTP/AVP 0 101\n    + m=audio 35266 RTP/AVP 0 101\n",
		},
		"no-bye":            {"no BYE was seen"},
		"rtp-from-stranger": {"What counts as the caller's media came from 198.51.100.99, a host that neither SDP nor signalling named"},
		"cgnat":             {"Media of the call came from a host that neither SDP nor signalling named"},
		"ssrc-change":       {"in 2 streams one after the other"},
	} {
		t.Run(name, func(t *testing.T) {
			file, ids := scenarioFile(t, name)
			code, out, errs := command(t, "explain", ids[0][:12], "--read", file)
			if code != exitDone || !strings.HasPrefix(out, "Call "+ids[0]) {
				t.Fatalf("status %d: %s%s", code, out, errs)
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("it does not say %q:\n%s", w, out)
				}
			}
		})
	}
}

// TestExplainCalledOff: a phone of a group that another one of it answered for was
// not given up by its caller.
func TestExplainCalledOff(t *testing.T) {
	file, ids := scenarioFile(t, "parallel-ring-487")
	for _, id := range ids {
		code, out, errs := command(t, "explain", id, "--read", file)
		if code != exitDone {
			t.Fatalf("status %d: %s", code, errs)
		}
		if strings.Contains(out, "Flags: answered_elsewhere") {
			if !strings.Contains(out, "was called off: another phone answered") || strings.Contains(out, "the caller gave up") {
				t.Errorf("it says otherwise:\n%s", out)
			}
			return
		}
	}
	t.Error("no call was answered elsewhere")
}

// TestExplainStored explains calls from the store in the words in which it
// explains them from their capture, with a whole Call-ID and a beginning.
func TestExplainStored(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	c := serving(t, nil, "run", "--data", data)
	for _, name := range []string{"media-stops-early", "serial-fork", "proxy-with-media-relay", "call-id-reused", "forked-two-answers", "spiral"} {
		file, ids := scenarioFile(t, name)
		if code, _, errs := command(t, "read", "--store", engineDSN(t, data), file); code != exitDone {
			t.Fatalf("read --store: status %d: %s", code, errs)
		}
		_, want, _ := command(t, "explain", ids[0], "--read", file)
		for _, id := range []string{ids[0], ids[0][:16]} {
			code, got, errs := command(t, "explain", id, "--data", data)
			if code != exitDone || got != want || want == "" {
				t.Errorf("%s: status %d: %s\nfrom the store:\n%s\nfrom the capture:\n%s", name, code, errs, got, want)
			}
		}
	}
	code, out, errs := command(t, "explain", "nobody", "--data", data)
	if line := complaint(t, errs); code != exitFailed || out != "" || !strings.Contains(line, `begins with "nobody"`) || !strings.Contains(line, "--read FILE") {
		t.Errorf("status %d, %q, %q", code, out, errs)
	}
	// What an older release made lacks tables: that is said.
	if code, _, errs := command(t, "sql", "--data", data, "--write", "DROP TABLE reports SYNC"); code != exitDone {
		t.Fatal(errs)
	}
	_, ids := scenarioFile(t, "serial-fork")
	if code, out, errs := command(t, "explain", ids[0], "--data", data); code != exitDone || !strings.Contains(out, "This store has no table reports") {
		t.Errorf("status %d: %s%s", code, out, errs)
	}
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
}

func TestPick(t *testing.T) {
	var calls []*record.Call
	for _, id := range []string{"ab", "abc", "abd", "x\x1b1", "x\x1b1"} {
		calls = append(calls, &record.Call{CallID: id})
	}
	for _, c := range []struct{ want, id, err string }{
		{"ab", "ab", ""}, {"abc", "abc", ""}, {"x", "x\x1b1", ""}, {"q", "", `begins with "q"; look there`}, {"a", "", `3 Call-IDs begin with "a"; give more`},
	} {
		id, err := pick(c.want, calls, "look there")
		if id != c.id || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %q, %v", c.want, id, err)
		}
	}
	for i := range 30 {
		calls = append(calls, &record.Call{CallID: "m" + strings.Repeat("\x1b", i+1)})
	}
	if _, err := pick("m", calls, ""); err == nil || strings.Contains(err.Error(), "\x1b") || !strings.HasSuffix(err.Error(), "and 10 more") {
		t.Errorf("%v", err)
	}
}

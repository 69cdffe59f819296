package synth

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"github.com/earshot-voip/earshot/internal/record"
)

func scenario(t *testing.T, name string, seed int64) Capture {
	t.Helper()
	c, err := Scenario(name, seed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pcapOf(t *testing.T, c Capture) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WritePcap(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// datagrams reads the whole capture back, and checks its order and form.
func datagrams(t *testing.T, c Capture) []datagram {
	t.Helper()
	var out []datagram
	var r reader
	var last time.Time
	for f := range c.Frames() {
		if f.Time.Before(last) {
			t.Fatalf("frame of %v after one of %v", f.Time, last)
		}
		last = f.Time
		d, err := r.read(f)
		if errors.Is(err, errFragment) {
			continue
		}
		if err != nil {
			t.Fatalf("frame at %v: %v", f.Time, err)
		}
		d.payload = bytes.Clone(d.payload)
		out = append(out, d)
	}
	if len(r.parts) > 0 {
		t.Fatalf("%d datagrams lack fragments", len(r.parts))
	}
	return out
}

func TestScenariosAreWhole(t *testing.T) {
	for _, name := range Scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := scenario(t, name, 1)
			file := pcapOf(t, c)
			if sha256.Sum256(file) != sha256.Sum256(pcapOf(t, scenario(t, name, 1))) {
				t.Error("the same seed gave other bytes")
			}
			if bytes.Equal(file, pcapOf(t, scenario(t, name, 2))) {
				t.Error("another seed gave the same bytes")
			}
			if len(file) > 500_000 {
				t.Errorf("%d bytes: too large for a golden test", len(file))
			}
			checkSIP(t, name, datagrams(t, c), c.Truth())
			checkStreams(t, datagrams(t, c), c.Truth())
			checkRows(t, name, c.Truth())
		})
	}
}

// checkSIP recounts the messages of the truth and has sipgo read each.
func checkSIP(t *testing.T, name string, all []datagram, truth Truth) {
	requests, responses, ids := map[string]uint64{}, map[string]uint64{}, map[string]bool{}
	for _, d := range all {
		if !isSIP(d.payload) {
			continue
		}
		line, rest, _ := bytes.Cut(d.payload, []byte("\r\n"))
		words := strings.Fields(string(line))
		if words[0] == "SIP/2.0" {
			responses[words[1]]++
		} else {
			requests[words[0]]++
		}
		head, body, _ := strings.Cut(string(rest), "\r\n\r\n")
		var id, length string
		for h := range strings.SplitSeq(head, "\r\n") {
			key, value, _ := strings.Cut(h, ": ")
			switch key {
			case "Call-ID", "i":
				id = value
			case "Content-Length", "l":
				length = value
			}
		}
		if ids[id] = true; id == "" {
			t.Errorf("no Call-ID in\n%s", d.payload)
		}
		if length != fmt.Sprint(len(body)) {
			t.Errorf("Content-Length %s of a body of %d bytes", length, len(body))
		}
		if name == "rfc2543-peer" {
			continue // its defects are the point
		}
		m, err := sipgo.ParseMessage(d.payload)
		if err != nil {
			t.Errorf("sipgo: %v in\n%s", err, d.payload)
			continue
		}
		if r, ok := m.(*sipgo.Request); ok && (r.Via() == nil || r.From() == nil || r.To() == nil || r.CSeq() == nil || r.MaxForwards() == nil) {
			t.Errorf("incomplete request\n%s", d.payload)
		}
		if m.CSeq() == nil || m.CallID() == nil {
			t.Errorf("incomplete message\n%s", d.payload)
		}
	}
	if !maps.Equal(requests, truth.SIPRequests) || !maps.Equal(responses, truth.SIPResponses) {
		t.Errorf("the wire has %v %v, the truth says %v %v", requests, responses, truth.SIPRequests, truth.SIPResponses)
	}
	if uint64(len(ids)) != truth.CallIDs {
		t.Errorf("the wire has %d Call-IDs, the truth says %d", len(ids), truth.CallIDs)
	}
}

// checkRows holds what every stated row must hold.
func checkRows(t *testing.T, name string, truth Truth) {
	if (len(truth.Calls) == 0) != (name == "method-storm") {
		t.Errorf("%d rows", len(truth.Calls))
	}
	for _, c := range truth.Calls {
		at := []*time.Time{c.StartTime, c.RingTime, c.AnswerTime, c.EndTime}
		if name == "out-of-order" {
			at = at[1:] // it rings before it begins
		}
		var last time.Time
		for _, p := range at {
			if p != nil {
				if p.Before(last) {
					t.Errorf("times run back: %v before %v", *p, last)
				}
				last = *p
			}
		}
		if c.State == record.Answered && c.EndTime == nil {
			t.Error("an answered row without an end")
		}
		refused := []record.State{record.Busy, record.Rejected, record.Failed, record.Redirected, record.Unauthenticated}
		if slices.Contains(refused, c.State) && (c.FinalStatus == nil || *c.FinalStatus < 300) {
			t.Errorf("state %s with another final_status", c.State)
		}
	}
}

// TestScenarioNumbers pins the numbers that the reference of calls gives.
func TestScenarioNumbers(t *testing.T) {
	for _, want := range []struct {
		name, what string
		n          uint64
		get        func(Truth) uint64
	}{
		{"no-answer-at-all", "INVITE", 7, func(t Truth) uint64 { return t.SIPRequests["INVITE"] }},
		{"no-answer-at-all", "retransmissions", 6, func(t Truth) uint64 { return uint64(*t.Calls[0].Retransmissions) }},
		{"lost-ack", "200", 11 + 1, func(t Truth) uint64 { return t.SIPResponses["200"] }},
		{"lost-ack", "retransmissions", 10, func(t Truth) uint64 { return uint64(*t.Calls[0].Retransmissions) }},
		{"lost-bye-answer", "BYE", 11, func(t Truth) uint64 { return t.SIPRequests["BYE"] }},
		{"challenged", "rows", 1, func(t Truth) uint64 { return uint64(len(t.Calls)) }},
		{"challenged", "407", 1, func(t Truth) uint64 { return t.SIPResponses["407"] }},
		{"stale-nonce", "407", 2, func(t Truth) uint64 { return t.SIPResponses["407"] }},
		{"forked-two-answers", "rows", 2, func(t Truth) uint64 { return uint64(len(t.Calls)) }},
		{"forked-two-answers", "call_ids", 1, func(t Truth) uint64 { return t.CallIDs }},
		{"forked-one-answer", "180", 4, func(t Truth) uint64 { return t.SIPResponses["180"] }},
		{"same-call-id-b2bua", "call_ids", 1, func(t Truth) uint64 { return t.CallIDs }},
		{"b2bua", "call_ids", 2, func(t Truth) uint64 { return t.CallIDs }},
		{"glare", "491", 2, func(t Truth) uint64 { return t.SIPResponses["491"] }},
		{"glare", "INVITE", 5, func(t Truth) uint64 { return t.SIPRequests["INVITE"] }},
		{"mid-call-start", "streams", 2, func(t Truth) uint64 { return uint64(len(t.Streams)) }},
		{"mid-call-start", "180", 0, func(t Truth) uint64 { return t.SIPResponses["180"] }},
		{"mid-call-end", "BYE", 0, func(t Truth) uint64 { return t.SIPRequests["BYE"] }},
		{"mirrored-twice", "INVITE", 2, func(t Truth) uint64 { return t.SIPRequests["INVITE"] }},
		{"mirrored-twice", "duplicates", 150, func(t Truth) uint64 { return t.Streams[0].Duplicates }},
		{"proxy-with-media-relay", "streams", 4, func(t Truth) uint64 { return uint64(len(t.Streams)) }},
		{"moved-media", "streams", 6, func(t Truth) uint64 { return uint64(len(t.Streams)) }},
		{"shared-media-port", "streams", 7, func(t Truth) uint64 { return uint64(len(t.Streams)) }},
		{"dtmf-rtp", "dtmf_events", 4, func(t Truth) uint64 { return t.Streams[0].DTMFEvents + t.Streams[1].DTMFEvents }},
		{"dtmf-rtp", "cn_packets", 2, func(t Truth) uint64 { return t.Streams[0].CNPackets + t.Streams[1].CNPackets }},
		{"signalling-only", "streams", 0, func(t Truth) uint64 { return uint64(len(t.Streams)) }},
		{"emergency", "rows", 3, func(t Truth) uint64 { return uint64(len(t.Calls)) }},
	} {
		if got := want.get(scenario(t, want.name, 5).Truth()); got != want.n {
			t.Errorf("%s: %s %d, want %d", want.name, want.what, got, want.n)
		}
	}
}

// TestTimersPassInPacketTime: where a call ends by a timer, the capture goes
// on until it has fired.
func TestTimersPassInPacketTime(t *testing.T) {
	for name, least := range map[string]time.Duration{
		"no-answer-at-all": 32 * time.Second, "trying-only": 180 * time.Second, "no-bye": 60 * time.Second,
		"session-timer": 180 * time.Second, "cancel-unfinished": 32 * time.Second,
	} {
		c := scenario(t, name, 1)
		all := datagrams(t, c)
		last := all[len(all)-1].at
		for _, row := range c.Truth().Calls {
			end := row.StartTime
			if row.EndTime != nil && row.State != record.Cancelled {
				end = row.EndTime
			}
			if name == "trying-only" || name == "no-answer-at-all" {
				end = row.StartTime
			}
			if last.Sub(*end) < least {
				t.Errorf("%s: the capture ends %v after %v", name, last.Sub(*end), *end)
			}
		}
	}
}

func TestScenarioUnknown(t *testing.T) {
	if _, err := Scenario("nonsense", 1); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error %v does not name the scenario", err)
	}
}

func TestStartingAt(t *testing.T) {
	begin := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	c := scenario(t, "answered", 1)
	shift := begin.Sub(Epoch)
	a, b := datagrams(t, c), datagrams(t, c.StartingAt(begin))
	for i := range a {
		if !a[i].at.Add(shift).Equal(b[i].at) {
			t.Fatalf("packet %d at %v and %v", i, a[i].at, b[i].at)
		}
	}
	if got := c.StartingAt(begin).Truth().Calls[0].StartTime; !got.Equal(c.Truth().Calls[0].StartTime.Add(shift)) {
		t.Errorf("start_time %v", got)
	}
}

package dialog

import (
	"container/heap"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/sip"
)

// checkTable holds the table's own books together.
func checkTable(t interface {
	Helper()
	Fatalf(string, ...any)
}, x *Table,
) {
	t.Helper()
	inGroups := 0
	for key, g := range x.groups {
		if len(g.calls) == 0 || len(g.calls) > maxGroup {
			t.Fatalf("group %q has %d calls", key, len(g.calls))
		}
		for _, c := range g.calls {
			inGroups++
			if c.written || c.index < 0 || c.index >= len(x.deadline) || x.deadline[c.index] != c {
				t.Fatalf("call %s is written, or not where its index says", c.callID)
			}
			if want := c.nextDeadline().Add(c.lag); !want.Equal(c.deadline) {
				t.Fatalf("call %s is due at %s, scheduled for %s", c.callID, want, c.deadline)
			}
			if len(c.legs) > maxLegs || len(c.tries) > maxTries || len(c.Endpoints) > maxEndpoints || len(c.inviteSeqs) > maxRequests {
				t.Fatalf("call %s holds too much", c.callID)
			}
		}
	}
	if inGroups != len(x.deadline) || inGroups > x.opt.MaxCalls {
		t.Fatalf("%d calls by Call-ID, %d by deadline, %d may be", inGroups, len(x.deadline), x.opt.MaxCalls)
	}
	for i := range x.deadline {
		if i > 0 && x.deadline.Less(i, (i-1)/2) {
			t.Fatalf("the heap of deadlines is in disorder at %d", i)
		}
	}
	_ = heap.Interface(&x.deadline)
}

// checkRow holds a row to what is true of every call.
func checkRow(t interface {
	Helper()
	Fatalf(string, ...any)
}, r *record.Call,
) {
	t.Helper()
	after := func(name string, from, to *time.Time) {
		t.Helper()
		if from != nil && to != nil && to.Before(*from) {
			t.Fatalf("%s: %s < 0", brief(r), name)
		}
	}
	after("ring - start", r.StartTime, r.RingTime)
	after("answer - start", r.StartTime, r.AnswerTime)
	after("end - start", r.StartTime, r.EndTime)
	after("end - answer", r.AnswerTime, r.EndTime)
	for name, ms := range map[string]*float64{"srd": r.SrdMs, "pdd": r.PddMs, "setup": r.SetupMs, "duration": r.DurationMs, "disconnect": r.DisconnectMs} {
		if ms != nil && *ms < 0 {
			t.Fatalf("%s: %s is %v", brief(r), name, *ms)
		}
	}
	switch {
	case r.State == "":
		t.Fatalf("%s: no state", brief(r))
	case r.State == record.Answered && r.EndTime == nil && !strings.Contains(brief(r), "no_bye"):
		t.Fatalf("%s: answered and over without an end", brief(r))
	case r.AnswerTime != nil && r.State != record.Answered && r.State != record.Open:
		t.Fatalf("%s: answered, and then %s", brief(r), r.State)
	}
}

// TestTableStates plays random messages, valid ones and others, of a few
// Call-IDs, and holds the table to its invariants all the while.
func TestTableStates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.SampledFrom([]int{1, 3, 1000}).Draw(rt, "most")
		x := newTable(func(o *Options) { o.MaxCalls = most })
		now := began
		invited := map[string]bool{}
		for range rapid.IntRange(1, 80).Draw(rt, "messages") {
			step := rapid.SampledFrom([]time.Duration{0, time.Millisecond, 700 * time.Millisecond, 20 * time.Second, 70 * time.Second, -time.Second, -time.Hour, 13 * time.Hour}).Draw(rt, "step")
			now = now.Add(step)
			id := rapid.SampledFrom([]string{"one", "two", "three"}).Draw(rt, "id")
			from := rapid.SampledFrom([]string{"A", "B", "A2", ""}).Draw(rt, "from")
			to := rapid.SampledFrom([]string{"", "B", "B2", "A"}).Draw(rt, "to")
			way := rapid.SampledFrom([]string{"a>b", "b>a", "a>p", "p>b"}).Draw(rt, "way")
			cseq := rapid.IntRange(1, 3).Draw(rt, "cseq")
			method := rapid.SampledFrom([]string{"INVITE", "INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "PRACK", "INFO", "REFER", "OPTIONS"}).Draw(rt, "method")
			what := rapid.SampledFrom([]string{method, method, "100", "180", "183", "200", "200", "302", "401", "481", "486", "487", "503", "603"}).Draw(rt, "what")
			line := fmt.Sprintf("0 %s %s %s/%s %d%s id=%s", way, what, from, to, cseq, method, id)
			if sdp := rapid.SampledFrom([]string{"", "sendrecv", "sendonly", "none", "video"}).Draw(rt, "sdp"); sdp != "" {
				line += " sdp=" + sdp
			}
			if rapid.Bool().Draw(rt, "timer") {
				line += " h=Session-Expires:_90"
			}
			if rapid.Bool().Draw(rt, "hop") {
				line += " via=y|x"
			}
			s := parse(t, line)[0]
			s.at = now
			if what == "INVITE" || method == "INVITE" && what != "INVITE" {
				invited[id] = true
			}
			x.see(&s)
			if c := x.Find("default", []byte(id)); len(c) > 0 && rapid.IntRange(0, 5).Draw(rt, "media") == 0 {
				c[0].TouchMedia(now)
			}
			checkTable(rt, x.Table)
		}
		var rows []*record.Call
		for _, r := range x.rows(time.Time{}) {
			checkRow(rt, r)
			rows = append(rows, r)
		}
		given := map[*Call]bool{}
		for _, c := range x.over {
			if given[c] {
				rt.Fatalf("call %s was given twice", c.callID)
			}
			given[c] = true
			for _, a := range c.Attempts() {
				if a.StartTime != nil && (a.RingTime != nil && a.RingTime.Before(*a.StartTime) || a.EndTime != nil && a.EndTime.Before(*a.StartTime)) {
					rt.Fatalf("an attempt of %s rings or ends before it starts", c.callID)
				}
			}
			if r := c.Rows()[0].Call; r.Attempts != uint32(len(c.Attempts())) {
				rt.Fatalf("call %s counts %d attempts, has %d", c.callID, r.Attempts, len(c.Attempts()))
			}
		}
		for id := range invited {
			if !containsID(rows, id) {
				rt.Fatalf("no row of %s, which had an INVITE", id)
			}
		}
		if x.Len() != 0 || len(x.groups) != 0 {
			rt.Fatalf("%d calls left, %d groups", x.Len(), len(x.groups))
		}
	})
}

func containsID(rows []*record.Call, id string) bool {
	for _, r := range rows {
		if r.CallID == id {
			return true
		}
	}
	return false
}

// TestSameTwice: the same messages give the same rows.
func TestSameTwice(t *testing.T) {
	script := basic + strings.ReplaceAll(basic, "INVITE A/", "INVITE C/")
	for i := range 20 {
		script += strings.ReplaceAll(strings.TrimSpace(basic), "\n", fmt.Sprintf(" id=other-%d\n", i)) + fmt.Sprintf(" id=other-%d\n", i)
	}
	var first []*record.Call
	for range 3 {
		x := newTable(func(o *Options) { o.MaxCalls = 7 })
		x.play(parse(t, script))
		rows := x.rows(began.Add(time.Hour))
		if first == nil {
			first = rows
		} else if d := cmp.Diff(first, rows, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }), cmp.Comparer(func(a, b record.Call) bool { return brief(&a) == brief(&b) })); d != "" {
			t.Errorf("rows differ:\n%s", d)
		}
	}
}

// FuzzTable plays the bytes of several messages, divided by a line of "--".
func FuzzTable(f *testing.F) {
	join := func(script string) string {
		var b strings.Builder
		for _, s := range parse(f, script) {
			b.Write(s.raw)
			b.WriteString("--\n")
		}
		return b.String()
	}
	f.Add(join(basic))
	f.Add(join(basicWithout("INVITE")))
	f.Add(join("0 a>p INVITE A/ 1 via=x\n0.1 p>b INVITE A/ 1 via=y|x sdp=video\n0.2 p>a 183 A/B 1INVITE via=x sdp=none\n1 a>b CANCEL A/ 1 h=Reason:_SIP;cause=200\n2 b>a 487 A/B 1INVITE"))
	f.Add("INVITE sip:x SIP/2.0\nCall-ID: 1\nCSeq: 1 INVITE\n\n--\nSIP/2.0 200 OK\ni: 1\nCSeq: 1 BYE\n\n--\nBYE x SIP/2.0\ni: 1\nt: <a>;tag=\n\n")
	f.Fuzz(func(t *testing.T, all string) {
		x := newTable(func(o *Options) { o.MaxCalls, o.Headers = 2, []string{"X-*", "Subject"} })
		var m sip.Message
		for i, raw := range strings.Split(all, "--\n") {
			if !m.Parse([]byte(raw)) {
				continue
			}
			s := seen{at: began.Add(time.Duration(i) * 700 * time.Millisecond), raw: m.Raw, path: pathOf(i)}
			x.over = append(x.over, x.Advance(s.at)...)
			x.Observe(packetOf(s), &m)
			checkTable(t, x.Table)
		}
		for _, r := range x.rows(time.Time{}) {
			checkRow(t, r)
		}
	})
}

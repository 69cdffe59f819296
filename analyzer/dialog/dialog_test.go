package dialog

import (
	"strings"
	"testing"
	"time"
)

// basic is a call as most are.
const basic = `
0    a>b INVITE A/  1 sdp=sendrecv
0.05 b>a 100    A/  1INVITE
0.2  b>a 180    A/B 1INVITE
2    b>a 200    A/B 1INVITE sdp=sendrecv
2.1  a>b ACK    A/B 1ACK
9    b>a BYE    B/A 1
9.1  a>b 200    B/A 1BYE
`

const basicRow = "answered 200 B 0 0.2 2 9 callee"

// TestCalls plays short conversations and compares the rows.
func TestCalls(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"basic", basic, basicRow},
		{"repeated at two hops, once each", `
0    a>p INVITE A/  1 via=x
0.01 p>b INVITE A/  1 via=y|x
0.5  a>p INVITE A/  1 via=x
0.51 p>b INVITE A/  1 via=y|x
0.6  b>p 200    A/B 1INVITE via=y|x
0.61 p>a 200    A/B 1INVITE via=x
1.1  b>p 200    A/B 1INVITE via=y|x
1.11 p>a 200    A/B 1INVITE via=x
1.2  a>b ACK    A/B 1ACK
5    a>b BYE    A/B 2
5.1  b>a 200    A/B 2BYE`, "answered 200 B 0 - 0.6 5 caller"},
		{"early dialogs of two forks, one answers", `
0    a>p INVITE A/   1
0.2  p>a 180    A/B1 1INVITE
0.3  p>a 180    A/B2 1INVITE
2    p>a 200    A/B2 1INVITE
2.1  a>b ACK    A/B2 1ACK
4    a>b BYE    A/B2 2
4.1  b>a 200    A/B2 2BYE`, "answered 200 B2 0 0.2 2 4 caller"},
		{"two forks answer", `
0    a>p INVITE A/   1
0.2  p>a 180    A/B1 1INVITE
0.3  p>a 180    A/B2 1INVITE
2    p>a 200    A/B2 1INVITE
2.1  a>b ACK    A/B2 1ACK
2.2  p>a 200    A/B1 1INVITE
2.3  a>b ACK    A/B1 1ACK
2.4  a>b BYE    A/B1 2
2.5  b>a 200    A/B1 2BYE
4    a>b BYE    A/B2 3
4.1  b>a 200    A/B2 3BYE`, "answered 200 B1 0 0.2 2.2 2.4 caller\nanswered 200 B2 0 0.3 2 4 caller"},
		{"Call-ID and tags used again after the BYE", basic + `
12   a>b INVITE A/  2
12.2 b>a 486    A/C 2INVITE
12.3 a>b ACK    A/C 2ACK via=INVITE2A`, basicRow + "\nbusy 486 C 12 - - 12.2 -"},
		{"the next carrier after a failure is the same call", `
0    a>b INVITE A/  1
0.4  b>a 503    A/X 1INVITE h=Reason:_Q.850;cause=34
0.5  a>c INVITE A/  2
1    c>a 200    A/B 2INVITE
1.1  a>c ACK    A/B 2ACK
3    a>c BYE    A/B 3
3.1  c>a 200    A/B 3BYE`, "answered 200 B 0 - 1 3 caller"},
		{"BYE challenged, then sent again", `
0    a>b INVITE A/  1
1    b>a 200    A/B 1INVITE
1.1  a>b ACK    A/B 1ACK
5    a>b BYE    A/B 2
5.1  b>a 401    A/B 2BYE
5.2  a>b BYE    A/B 3
5.4  b>a 200    A/B 3BYE`, "answered 200 B 0 - 1 5 caller"},
		{"re-INVITEs cross", basicWithout("BYE", "200    B/A 1BYE") + `
4    a>b INVITE A/B 2 sdp=sendrecv
4.01 b>a INVITE B/A 1 sdp=sendrecv
4.1  b>a 491    A/B 2INVITE
4.11 a>b 491    B/A 1INVITE
6    b>a INVITE B/A 2 sdp=sendrecv
6.1  a>b 200    B/A 2INVITE sdp=sendrecv
6.2  b>a ACK    B/A 2ACK
9    b>a BYE    B/A 3
9.1  a>b 200    B/A 3BYE`, basicRow},
		{"CANCEL captured after the 200", `
0    a>b INVITE A/  1
0.2  b>a 180    A/B 1INVITE
2    b>a 200    A/B 1INVITE
2.01 a>b CANCEL A/  1
2.02 b>a 200    A/  1CANCEL
2.1  a>b ACK    A/B 1ACK
2.2  a>b BYE    A/B 2
2.3  b>a 200    A/B 2BYE`, "answered 200 B 0 0.2 2 2.2 caller cancel_race"},
		{"CANCEL, but busy all the same", `
0    a>b INVITE A/  1
2    a>b CANCEL A/  1
2.1  b>a 486    A/B 1INVITE`, "busy 486 B 0 - - 2.1 -"},
		{"BYE in an early dialog", `
0    a>b INVITE A/  1
0.2  b>a 183    A/B 1INVITE
2    a>b BYE    A/B 2
2.1  b>a 200    A/B 2BYE
2.2  b>a 487    A/B 1INVITE`, "cancelled - B 0 0.2 - 2 caller"},
		{"a late answer, after the provisional ones stopped", `
0    a>b INVITE A/  1
0.2  b>a 180    A/B 1INVITE
170  b>a 200    A/B 1INVITE
171  a>b ACK    A/B 1ACK
175  a>b BYE    A/B 2
175.1 b>a 200   A/B 2BYE`, "answered 200 B 0 0.2 170 175 caller"},
		{"a spoofed BYE of a dialog that there is not", `
0    a>b INVITE A/  1
0.2  b>a 180    A/B 1INVITE
1    a>b BYE    A/Z 2
1.1  b>a 481    A/Z 2BYE
2    b>a 200    A/B 1INVITE
2.1  a>b ACK    A/B 1ACK
9    b>a BYE    B/A 1
9.1  a>b 200    B/A 1BYE`, basicRow},
		{"the 2xx was lost", `
0    a>b INVITE A/  1
0.2  b>a 180    A/  1INVITE
2.1  a>b ACK    A/B 1ACK via=other
9    a>b BYE    A/B 2
9.1  b>a 200    A/B 2BYE`, "answered - B 0 0.2 - 9 caller"},
		{"only the end was captured", `
9    b>a BYE    B/A 1
9.1  a>b 200    B/A 1BYE`, "answered - A - - - 9 - truncated"},
		{"the refusal was captured before its INVITE", `
0    b>a 404    A/B 1INVITE
0.02 a>b INVITE A/  1
0.1  a>b ACK    A/B 1ACK via=INVITE1A`, "rejected 404 B 0.02 - - 0.02 -"},
		{"the answer was captured before its INVITE", `
0    b>a 200    A/B 1INVITE
0.02 a>b INVITE A/  1
0.1  a>b ACK    A/B 1ACK
1    a>b BYE    A/B 2
1.1  b>a 200    A/B 2BYE`, "answered 200 B 0.02 - 0.02 1 caller"},
		{"no media, no BYE, no longest call yet", `
0    a>b INVITE A/  1
1    b>a 200    A/B 1INVITE
1.1  a>b ACK    A/B 1ACK`, "open 200 B 0 - 1 - -"},
		{"redirected, and nobody follows", `
0    a>b INVITE A/  1
0.1  b>a 302    A/B 1INVITE`, "redirected 302 B 0 - - 0.1 -"},
		{"methods outside of calls", `
0    a>b OPTIONS   A/  1
0.1  b>a 200       A/B 1OPTIONS
1    a>b SUBSCRIBE A/  2 id=s
2    a>b MESSAGE   A/  3 id=m
3    a>b INFO      A/B 4 id=i
4    a>b ACK       A/B 5 id=k
5    a>b CANCEL    A/  6 id=c`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTable()
			x.play(parse(t, c.script))
			if got := briefs(x.rows(began.Add(20 * time.Minute))); got != c.want {
				t.Errorf("rows are\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// basicWithout is the basic call without the lines that hold one of the words.
func basicWithout(words ...string) string {
	var out strings.Builder
	for line := range strings.Lines(basic) {
		keep := true
		for _, w := range words {
			keep = keep && !strings.Contains(line, w)
		}
		if keep {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name, script                                   string
		invites, retransmissions, challenges, attempts uint32
	}{
		{"basic", basic, 1, 0, 0, 1},
		{"one repetition seen at two hops is one", `
0    a>p INVITE A/  1 via=x
0.01 p>b INVITE A/  1 via=y|x
0.5  a>p INVITE A/  1 via=x
0.51 p>b INVITE A/  1 via=y|x`, 1, 1, 0, 1},
		{"a 2xx repeated through a proxy", `
0    a>p INVITE A/  1 via=x
0.01 p>b INVITE A/  1 via=y|x
1    b>p 200    A/B 1INVITE via=y|x
1.01 p>a 200    A/B 1INVITE via=x
1.5  b>p 200    A/B 1INVITE via=y|x
1.51 p>a 200    A/B 1INVITE via=x
2.5  b>p 200    A/B 1INVITE via=y|x
2.51 p>a 200    A/B 1INVITE via=x`, 1, 2, 0, 1},
		{"challenged twice, stale", `
0    a>b INVITE A/  1
0.1  b>a 407    A/X 1INVITE
0.2  a>b INVITE A/  2
0.3  b>a 407    A/Y 2INVITE
0.31 b>a 407    A/Y 2INVITE
0.4  a>b INVITE A/  3
0.5  b>a 200    A/B 3INVITE`, 3, 1, 2, 3},
		{"two carriers behind a proxy", `
0    a>p INVITE A/  1 via=x
0.01 p>b INVITE A/  1 via=y|x
0.1  b>p 503    A/X 1INVITE via=y|x
0.2  p>c INVITE A/  1 via=z|x
1    c>p 200    A/B 1INVITE via=z|x
1.01 p>a 200    A/B 1INVITE via=x`, 1, 0, 0, 2},
		{"two carriers behind a proxy that hides the Vias", `
0    a>p INVITE A/  1 via=x
0.01 p>b INVITE A/  1 via=y
0.1  b>p 503    A/X 1INVITE via=y
0.2  p>c INVITE A/  1 via=z
1    c>p 200    A/B 1INVITE via=z
1.01 p>a 200    A/B 1INVITE via=x`, 1, 0, 0, 2},
		{"forks behind a proxy out of sight", `
0    a>p INVITE A/   1
0.2  p>a 180    A/B1 1INVITE
0.3  p>a 180    A/B2 1INVITE
1    p>a 486    A/B2 1INVITE`, 1, 0, 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTable()
			x.play(parse(t, c.script))
			rows := x.rows(time.Time{})
			if len(rows) != 1 {
				t.Fatalf("rows are\n%s", briefs(rows))
			}
			r := rows[0]
			if got, want := [...]uint32{r.Invites, r.Retransmissions, r.Challenges, r.Attempts}, [...]uint32{c.invites, c.retransmissions, c.challenges, c.attempts}; got != want {
				t.Errorf("invites, retransmissions, challenges, attempts are %v, want %v", got, want)
			}
			if got := len(x.over[0].Attempts()); got != int(c.attempts) {
				t.Errorf("%d attempt rows, want %d", got, c.attempts)
			}
		})
	}
}

func TestAttemptOfAForkThatRefused(t *testing.T) {
	x := newTable()
	x.play(parse(t, `
0    a>p INVITE A/   1
0.2  p>a 183    A/B1 1INVITE
0.25 p>a 180    A/B1 1INVITE
0.3  p>a 180    A/B2 1INVITE
1    p>a 486    A/B2 1INVITE h=Reason:_Q.850;cause=17`))
	x.rows(time.Time{})
	a := x.over[0].Attempts()
	if len(a) != 2 {
		t.Fatalf("%d attempts", len(a))
	}
	if a[0].Status != nil || a[0].CauseQ850 != nil || a[1].Status == nil || *a[1].Status != 486 || *a[1].CauseQ850 != 17 {
		t.Errorf("statuses are %v and %v, want none and 486 with cause 17", a[0].Status, a[1].Status)
	}
	if got := a[0].RingTime.Sub(began); got != 250*time.Millisecond {
		t.Errorf("the first rang at %s, want the time of its 180, 250ms", got)
	}
}

func TestCauses(t *testing.T) {
	q := func(n int) *uint16 { v := uint16(n); return &v }
	for _, c := range []struct {
		name, script string
		q850, sip    *uint16
	}{
		{"of the BYE", basicWithout("BYE") + "9 a>b BYE A/B 2 h=Reason:_Q.850;cause=16", q(16), nil},
		{"of a carrier that failed before another answered: its attempt's, not the call's", `
0    a>b INVITE A/  1
0.4  b>a 503    A/X 1INVITE h=Reason:_Q.850;cause=34
0.5  a>c INVITE A/  2
1    c>a 200    A/B 2INVITE`, nil, nil},
		{"of the refusal that counts", `
0    a>b INVITE A/  1
0.4  b>a 503    A/X 1INVITE h=Reason:_Q.850;cause=34
0.5  a>c INVITE A/  2
1    c>a 486    A/B 2INVITE`, nil, nil},
		{"of an announcement before it", `
0    a>b INVITE A/  1
0.4  b>a 183    A/X 1INVITE h=Reason:_Q.850;cause=1
5    b>a 404    A/X 1INVITE`, q(1), nil},
		{"of the CANCEL", `
0    a>b INVITE A/  1
1    a>b CANCEL A/  1 h=Reason:_SIP;cause=200
1.1  b>a 487    A/X 1INVITE`, nil, q(200)},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTable()
			x.play(parse(t, c.script))
			r := x.rows(time.Time{})[0]
			same := func(a, b *uint16) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
			if !same(r.CauseQ850, c.q850) || !same(r.CauseSIP, c.sip) {
				t.Errorf("cause_q850 %v and cause_sip %v, want %v and %v", r.CauseQ850, r.CauseSIP, c.q850, c.sip)
			}
		})
	}
}

func TestDisconnect(t *testing.T) {
	f := func(script string, want float64) {
		t.Helper()
		x := newTable()
		x.play(parse(t, script))
		r := x.rows(time.Time{})[0]
		if r.DisconnectMs == nil || *r.DisconnectMs != want {
			t.Errorf("disconnect_ms is %v, want %v", r.DisconnectMs, want)
		}
	}
	f(basic, 100)
	// The answer to the other side's BYE does not count.
	f(basicWithout("BYE")+`
9    b>a BYE A/B 2
9.01 a>b BYE B/A 1
9.02 b>a 200 B/A 1BYE
9.3  a>b 200 A/B 2BYE`, 300)
	f(basicWithout("BYE")+`
9    a>b BYE A/B 2
9.1  b>a 401 A/B 2BYE
9.2  a>b BYE A/B 3
9.4  b>a 200 A/B 3BYE`, 400)
}

func TestSessionTimer(t *testing.T) {
	f := func(name, script, want string) {
		t.Helper()
		x := newTable()
		x.play(parse(t, script))
		if got := briefs(x.rows(began.Add(24 * time.Hour))); got != want {
			t.Errorf("%s: row is %s, want %s", name, got, want)
		}
	}
	const up = `
0    a>b INVITE A/  1
1    b>a 200    A/B 1INVITE h=Session-Expires:_90;refresher=uac
1.1  a>b ACK    A/B 1ACK
`
	f("ran out", up, "answered 200 B 0 - 1 91 network no_bye")
	f("refreshed", up+`
40   a>b UPDATE A/B 2
40.1 b>a 200    A/B 2UPDATE h=Session-Expires:_90`, "answered 200 B 0 - 1 130.1 network no_bye")
	f("turned off", up+`
40   a>b UPDATE A/B 2
40.1 b>a 200    A/B 2UPDATE`, "answered 200 B 0 - 1 - - no_bye")
	f("of years", strings.Replace(up, "90;", "2147483647;", 1), "answered 200 B 0 - 1 - - no_bye")
}

// TestSwapped: two adjacent messages of a call that were captured in the wrong
// order, 200 ms apart at most, give the same row.
func TestSwapped(t *testing.T) {
	ordinary := `
0    a>b INVITE A/  1 sdp=sendrecv
0.05 b>a 100    A/  1INVITE
0.2  b>a 180    A/B 1INVITE
0.4  b>a 200    A/B 1INVITE sdp=sendrecv
0.5  a>b ACK    A/B 1ACK
0.7  b>a BYE    B/A 1
0.8  a>b 200    B/A 1BYE
`
	for _, script := range []string{ordinary, strings.ReplaceAll(ordinary, "sdp=sendrecv", "")} {
		all := parse(t, script)
		x := newTable()
		x.play(all)
		want := x.rows(began.Add(time.Hour))[0]
		for i := range len(all) - 1 {
			swapped := append([]seen{}, all...)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			swapped[i].at, swapped[i+1].at = swapped[i+1].at, swapped[i].at
			x := newTable()
			x.play(swapped)
			rows := x.rows(began.Add(time.Hour))
			if len(rows) != 1 {
				t.Errorf("messages %d and %d swapped: rows are\n%s", i, i+1, briefs(rows))
				continue
			}
			got := rows[0]
			for _, r := range [...]**time.Time{&got.StartTime, &got.RingTime, &got.AnswerTime, &got.EndTime} {
				if *r == nil {
					t.Errorf("messages %d and %d swapped: a time is missing in %s", i, i+1, brief(got))
				} else {
					*r = nil
				}
			}
			have, ought := *got, *want
			ought.StartTime, ought.RingTime, ought.AnswerTime, ought.EndTime = nil, nil, nil, nil
			if brief(&have) != brief(&ought) || have.Invites != ought.Invites || have.Attempts != ought.Attempts || have.Retransmissions != ought.Retransmissions {
				t.Errorf("messages %d and %d swapped: row is %s, want %s", i, i+1, brief(&have), brief(&ought))
			}
		}
	}
}

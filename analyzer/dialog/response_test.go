package dialog

import (
	"strconv"
	"testing"
	"time"
)

// TestResponseTimes: from the first INVITE to its first 100, and to the first
// other response, ms.
func TestResponseTimes(t *testing.T) {
	f := func(name, script, want string) {
		t.Helper()
		x := newTable()
		x.play(parse(t, script))
		show := func(v *float64) string {
			if v == nil {
				return "-"
			}
			return strconv.FormatFloat(*v, 'g', -1, 64)
		}
		r := x.rows(time.Time{})[0]
		if got := show(r.TryingMs) + " " + show(r.ResponseMs); got != want {
			t.Errorf("%s: trying_ms and response_ms are %s, want %s", name, got, want)
		}
	}
	f("a call", basic, "50 200")
	f("no 100", basicWithout("100"), "- 200")
	f("only a 100", `
0    a>b INVITE A/  1
0.03 b>a 100    A/  1INVITE`, "30 -")
	f("nothing", `
0    a>b INVITE A/  1`, "- -")
	f("a challenge is a response; the 100 belongs to the second INVITE", `
0    a>b INVITE A/  1
0.02 b>a 407    A/x 1INVITE
0.03 a>b ACK    A/x 1ACK via=INVITE1A
0.04 a>b INVITE A/  2
0.06 b>a 100    A/  2INVITE
1    b>a 200    A/B 2INVITE`, "60 20")
	f("two hops: the first of all", `
0    a>p INVITE A/  1 via=x
0.01 p>a 100    A/  1INVITE via=x
0.02 p>b INVITE A/  1 via=y|x
0.05 b>p 100    A/  1INVITE via=y|x
0.3  b>p 486    A/B 1INVITE via=y|x
0.31 p>a 486    A/B 1INVITE via=x`, "10 300")
	f("retransmitted: from the first", `
0    a>b INVITE A/  1
0.5  a>b INVITE A/  1
0.6  b>a 100    A/  1INVITE
0.9  b>a 404    A/B 1INVITE`, "600 900")
	f("a re-INVITE's responses are none", `
0    a>b INVITE A/  1 sdp=sendrecv
2    b>a 200    A/B 1INVITE sdp=sendrecv
2.1  a>b ACK    A/B 1ACK
4    a>b INVITE A/B 2 sdp=sendrecv
4.1  b>a 100    A/B 2INVITE
4.2  b>a 200    A/B 2INVITE sdp=sendrecv`, "- 2000")
	f("the INVITE was not seen", `
0.05 b>a 100    A/  1INVITE
0.2  b>a 180    A/B 1INVITE`, "- -")
}

// TestRepeatedInvites: of the repetitions those of INVITE requests, once however
// many hops saw them.
func TestRepeatedInvites(t *testing.T) {
	for script, want := range map[string][2]uint32{
		basic: {0, 0},
		`
0    a>p INVITE A/  1 via=x
0.01 p>b INVITE A/  1 via=y|x
0.5  a>p INVITE A/  1 via=x
0.51 p>b INVITE A/  1 via=y|x
1.5  a>p INVITE A/  1 via=x
1.6  b>p 200    A/B 1INVITE via=y|x
1.61 p>a 200    A/B 1INVITE via=x
2.1  b>p 200    A/B 1INVITE via=y|x
2.11 p>a 200    A/B 1INVITE via=x`: {3, 2},
	} {
		x := newTable()
		x.play(parse(t, script))
		r := x.rows(time.Time{})[0]
		if got := [2]uint32{r.Retransmissions, r.InviteRetransmissions}; got != want {
			t.Errorf("retransmissions and those of INVITE are %v, want %v", got, want)
		}
	}
}

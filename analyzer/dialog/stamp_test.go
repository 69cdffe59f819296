package dialog

import (
	"fmt"
	"testing"
	"time"
)

// TestOneClock: the times of a call are by one node's clock, however far apart
// the clocks are. x and y see the two sides of the proxy p, z is behind q.
func TestOneClock(t *testing.T) {
	const through = `
10     a>p INVITE A/  1       via=1    node=x
%[1]s  p>b INVITE A/  1       via=2|1  node=y
%[2]s  b>p 180    A/B 1INVITE via=2|1  node=y
10.106 p>a 180    A/B 1INVITE via=1    node=x
%[3]s  b>p 200    A/B 1INVITE via=2|1  node=y
11.006 p>a 200    A/B 1INVITE via=1    node=x
`
	// One that is told of y is by y's clock less 500 ms, give or take 2.
	const early, late = "start 10, ring 10.106, answer 11.006, end 19; setup 1006, duration 7994", "start 10, ring 10.106, answer 11.006, end 19.002; setup 1006, duration 7996"
	clock := func(ahead float64) string {
		at := func(s float64) string { return fmt.Sprintf("%.3f", s+ahead) }
		return fmt.Sprintf(through, at(10.004), at(10.1), at(11.002))
	}
	for _, c := range []struct{ name, script, want string }{
		{"the same clock", clock(0) + "19 a>p BYE A/B 2 via=3 node=x\n19.004 p>b BYE A/B 2 via=4|3 node=y", early},
		{"the other one is ahead", clock(5) + "19 a>p BYE A/B 2 via=3 node=x\n24.004 p>b BYE A/B 2 via=4|3 node=y", early},
		{"the other one is behind", clock(-0.5) + "19 a>p BYE A/B 2 via=3 node=x\n18.504 p>b BYE A/B 2 via=4|3 node=y", early},
		{"the callee hangs up", clock(-0.5) + "18.498 b>p BYE B/A 2 via=3 node=y\n19 p>a BYE B/A 2 via=4|3 node=x", early},
		{"the farther node saw it first", "9.504 p>b INVITE A/ 1 via=2|1 node=y" + clock(-0.5) + "19 a>p BYE A/B 2 via=3 node=x", early},
		{"the BYE passes by the nearer node", clock(-0.5) + "18.502 a>b BYE A/B 2 via=3 node=y", late},
		{"two hops away", `
10     a>p INVITE A/  1       via=1     node=x
10.502 p>q INVITE A/  1       via=2|1   node=y
8.004  q>b INVITE A/  1       via=3|2|1 node=z
9      b>q 200    A/B 1INVITE via=3|2|1 node=z
11.502 q>p 200    A/B 1INVITE via=2|1   node=y
11.004 p>a 200    A/B 1INVITE via=1     node=x
17.003 a>b BYE    A/B 2       via=4     node=z`, "start 10, ring -, answer 11.004, end 19.003; setup 1004, duration 7999"},
		{"nothing tells how far the clocks are apart", `
10     a>b INVITE A/  1       via=1 node=x
11     b>a 200    A/B 1INVITE via=1 node=x
18.5   a>b BYE    A/B 2       via=4 node=y`, "start 10, ring -, answer 11, end 18.5; setup 1000, duration 7500"},
		{"nobody answers", `
10     a>p INVITE A/  1       via=1    node=x
9.502  p>b INVITE A/  1       via=2|1  node=y
10.4   b>p 486    A/B 1INVITE via=2|1  node=y
10.904 p>a 486    A/B 1INVITE via=1    node=x`, "start 10, ring -, answer -, end 10.904; setup -, duration -"},
	} {
		x := newTable()
		x.play(parse(t, c.script))
		x.over = append(x.over, x.Close(x.now)...)
		if len(x.over) != 1 {
			t.Fatalf("%s: %d calls", c.name, len(x.over))
		}
		r := x.over[0].Rows()[0].Call
		at := func(at *time.Time) string {
			if at == nil {
				return "-"
			}
			return fmt.Sprint(at.Sub(began).Seconds())
		}
		got := fmt.Sprintf("start %s, ring %s, answer %s, end %s; setup %s, duration %s", at(r.StartTime), at(r.RingTime), at(r.AnswerTime), at(r.EndTime), millis(r.SetupMs), millis(r.DurationMs))
		if got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

package dialog

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/record"
)

// hops ends the input and gives the hops of all calls.
func (x *table) hops() []*record.Hop {
	x.over = append(x.over, x.Close(x.now)...)
	var out []*record.Hop
	for _, c := range x.over {
		out = append(out, c.Hops()...)
	}
	return out
}

// millis are times of a row in whole ms, "-" where one is not known.
func millis(times ...*float64) string {
	var out []string
	for _, t := range times {
		if t == nil {
			out = append(out, "-")
		} else {
			out = append(out, strconv.FormatFloat(*t, 'g', 6, 64))
		}
	}
	return strings.Join(out, " ")
}

// briefHop is a row in one line: hop, branch of the INVITE and of the hop
// before, status and final_ms; clocks, forward and its wait, return and its
// wait, passed, beyond.
func briefHop(h *record.Hop) string {
	cut := func(b *string) string {
		if b == nil {
			return "-"
		}
		return strings.TrimPrefix(*b, "z9hG4bK")
	}
	status, clocks := "-", "-"
	if h.Status != nil {
		status = fmt.Sprint(*h.Status)
	}
	if h.Clocks != nil {
		clocks = *h.Clocks
	}
	if h.ClockOffsetMs != nil {
		clocks += fmt.Sprintf(" %g+-%g", *h.ClockOffsetMs, *h.ClockErrorMs)
	}
	return fmt.Sprintf("%d %s<%s %s %s; %s %s", h.Hop, cut(&h.Branch), cut(h.ParentBranch), status, millis(h.FinalMs), clocks,
		millis(h.ForwardMs, h.ForwardWaitMs, h.ReturnMs, h.ReturnWaitMs, h.PassedMs, h.BeyondMs))
}

func briefHops(rows []*record.Hop) string {
	var out []string
	for _, h := range rows {
		out = append(out, briefHop(h))
	}
	return strings.Join(out, "\n")
}

func TestHops(t *testing.T) {
	const through = `
0     a>p INVITE A/  1       via=1
0.004 p>b INVITE A/  1       via=2|1
0.1   b>p 180    A/B 1INVITE via=2|1
0.105 p>a 180    A/B 1INVITE via=1
2     b>p 200    A/B 1INVITE via=2|1
2.002 p>a 200    A/B 1INVITE via=1
2.012 a>p ACK    A/B 1       via=k
2.013 p>b ACK    A/B 1       via=l|k
`
	for _, c := range []struct{ name, script, want string }{
		{"one hop says no more than its attempt", "0 a>b INVITE A/ 1 via=1\n1 b>a 200 A/B 1INVITE via=1", ""},
		{"a proxy", through, "0 1<- 200 2002; - - - - - - -\n1 2<1 200 1996; same 4 0 2 0 6 1996"},
		{"copies count once, the earliest", through + `
2.5   b>p 200    A/B 1INVITE via=2|1
2.502 p>a 200    A/B 1INVITE via=1`, "0 1<- 200 2002; - - - - - - -\n1 2<1 200 1996; same 4 0 2 0 6 1996"},
		{"the later hop is captured first", `
0     p>b INVITE A/  1       via=2|1
0.1   b>p 200    A/B 1INVITE via=2|1
0.001 a>p INVITE A/  1       via=1
0.103 p>a 200    A/B 1INVITE via=1`, "1 2<1 200 100; same - 0 3 0 2 100\n0 1<- 200 102; - - - - - - -"},
		{"a response before its INVITE", `
0.1   b>p 200    A/B 1INVITE via=2|1
0.103 p>a 200    A/B 1INVITE via=1
0     a>p INVITE A/  1       via=1
0.002 p>b INVITE A/  1       via=2|1`, "1 2<1 200 98; same 2 0 3 0 5 98\n0 1<- 200 103; - - - - - - -"},
		{"responses without INVITE", "0.1 b>p 200 A/B 1INVITE via=2|1\n0.103 p>a 200 A/B 1INVITE via=1", ""},
		{"one hop without its INVITE", "0 a>p INVITE A/ 1 via=1\n0.1 b>p 200 A/B 1INVITE via=2|1\n0.103 p>a 200 A/B 1INVITE via=1", ""},
		{"the INVITE of a hop between was not seen", `
0    a>p INVITE A/  1       via=1
0.01 q>b INVITE A/  1       via=3|2|1
1    b>q 200    A/B 1INVITE via=3|2|1
1.02 p>a 200    A/B 1INVITE via=1`, "0 1<- 200 1020; - - - - - - -\n2 3<1 200 990; same 10 0 20 0 30 990"},
		{"carriers one after the other", `
0     a>p INVITE A/  1       via=1
0.005 p>b INVITE A/  1       via=2|1
0.405 b>p 503    A/B 1INVITE via=2|1
0.412 p>c INVITE A/  1       via=3|1
1.412 c>p 200    A/C 1INVITE via=3|1
1.415 p>a 200    A/C 1INVITE via=1`, "0 1<- 200 1415; - - - - - - -\n1 2<1 503 400; same 5 0 - - - 400\n1 3<1 200 1000; same 412 400 3 0 415 1000"},
		{"the best of all refusals, when the last branch has ended", `
0     a>p INVITE A/  1       via=1
0.001 p>b INVITE A/  1       via=2|1
0.001 p>c INVITE A/  1       via=3|1
1     b>p 486    A/B 1INVITE via=2|1
5     c>p 480    A/C 1INVITE via=3|1
5.003 p>a 486    A/B 1INVITE via=1`, "0 1<- 486 5003; - - - - - - -\n1 2<1 486 999; same 1 0 4003 4000 4004 999\n1 3<1 480 4999; same 1 0 - - - 4999"},
		{"a refusal that the proxy makes its own", `
0     a>p INVITE A/  1       via=1
0.001 p>b INVITE A/  1       via=2|1
1     b>p 503    A/B 1INVITE via=2|1
1.002 p>a 500    A/P 1INVITE via=1`, "0 1<- 500 1002; - - - - - - -\n1 2<1 503 999; same 1 0 2 0 3 999"},
		{"the proxy gives up", `
0     a>p INVITE A/  1       via=1
0.001 p>b INVITE A/  1       via=2|1
30    p>a 408    A/P 1INVITE via=1`, "0 1<- 408 30000; - - - - - - -\n1 2<1 - -; same 1 0 - - - -"},
		{"a proxy that takes the Vias out", `
0     a>p INVITE A/  1       via=1
0.004 p>q INVITE A/  1       via=2
0.009 q>b INVITE A/  1       via=3|2
2     b>q 200    A/B 1INVITE via=3|2
2.001 q>p 200    A/B 1INVITE via=2
2.003 p>a 200    A/B 1INVITE via=1`, "0 1<- 200 2003; - - - - - - -\n1 2<1 200 1997; same 4 0 2 0 6 -\n2 3<2 200 1991; same 5 0 1 0 6 1991"},
		{"a proxy that hides the Vias, back to the caller's host, captured too late", `
0.004 p>a INVITE A/  1       via=2|x
0.001 a>p INVITE A/  1       via=1
2     a>p 200    A/B 1INVITE via=2|x
2.003 p>a 200    A/B 1INVITE via=1`, "1 2<1 200 1996; same 3 0 3 0 6 1996\n0 1<- 200 2002; - - - - - - -"},
		{"a caller that tries two proxies", `
0     a>p INVITE A/  1       via=1
0.5   a>q INVITE A/  1       via=2
0.505 q>b INVITE A/  1       via=3|2
1     b>q 200    A/B 1INVITE via=3|2
1.002 q>a 200    A/B 1INVITE via=2`, "0 1<- - -; - - - - - - -\n0 2<- 200 502; - - - - - - -\n1 3<2 200 495; same 5 0 2 0 7 495"},
		{"nodes with clocks of their own: both ways together", `
0     a>p INVITE A/  1       via=1    node=x
7.004 p>b INVITE A/  1       via=2|1  node=y
9     b>p 200    A/B 1INVITE via=2|1  node=y
2.002 p>a 200    A/B 1INVITE via=1    node=x`, "0 1<- 200 2002; - - - - - - -\n1 2<1 200 1996; corrected 7001+-3 3 0 3 0 6 1996"},
		{"an early 180 tells the clocks better, and so who took the time", `
0     a>p INVITE A/  1       via=1    node=x
7.004 p>b INVITE A/  1       via=2|1  node=y
7.5   b>p 180    A/B 1INVITE via=2|1  node=y
0.502 p>a 180    A/B 1INVITE via=1    node=x
9     b>p 200    A/B 1INVITE via=2|1  node=y
2.402 p>a 200    A/B 1INVITE via=1    node=x`, "0 1<- 200 2402; - - - - - - -\n1 2<1 200 1996; corrected 7001+-3 3 0 403 0 406 1996"},
		{"a proxy that rings by itself tells nothing of clocks", `
0     a>p INVITE A/  1       via=1    node=x
0.002 p>a 180    A/P 1INVITE via=1    node=x
7.004 p>b INVITE A/  1       via=2|1  node=y
7.5   b>p 180    A/B 1INVITE via=2|1  node=y
9     b>p 200    A/B 1INVITE via=2|1  node=y
2.002 p>a 200    A/B 1INVITE via=1    node=x`, "0 1<- 200 2002; - - - - - - -\n1 2<1 200 1996; corrected 7001+-3 3 0 3 0 6 1996"},
		{"nobody knows the clocks of nodes that saw no answer pass", `
0     a>p INVITE A/  1       via=1    node=x
7.004 p>b INVITE A/  1       via=2|1  node=y
9     b>p 200    A/B 1INVITE via=2|1  node=y`, "0 1<- - -; - - - - - - -\n1 2<1 200 1996; different - 0 - - - 1996"},
		{"clocks that were set meanwhile", `
0     a>p INVITE A/  1       via=1    node=x
7.004 p>b INVITE A/  1       via=2|1  node=y
19    b>p 200    A/B 1INVITE via=2|1  node=y
2.002 p>a 200    A/B 1INVITE via=1    node=x`, "0 1<- 200 2002; - - - - - - -\n1 2<1 200 11996; different - 0 - 0 - 11996"},
		{"two nodes see one hop: that of its INVITE counts", `
0     a>p INVITE A/  1       via=1    node=x
0.004 p>b INVITE A/  1       via=2|1  node=x
5.004 p>b INVITE A/  1       via=2|1  node=y
1.5   b>p 200    A/B 1INVITE via=2|1  node=y
2     b>p 200    A/B 1INVITE via=2|1  node=x
2.002 p>a 200    A/B 1INVITE via=1    node=x`, "0 1<- 200 2002; - - - - - - -\n1 2<1 200 1996; same 4 0 2 0 6 1996"},
		{"a response that only another node saw", `
0     a>p INVITE A/  1       via=1    node=x
0.004 p>b INVITE A/  1       via=2|1  node=x
1.5   b>p 200    A/B 1INVITE via=2|1  node=y
2.002 p>a 200    A/B 1INVITE via=1    node=x`, "0 1<- 200 2002; - - - - - - -\n1 2<1 200 -; same 4 0 - 0 - -"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTable()
			x.play(parse(t, c.script))
			if d := cmp.Diff(c.want, briefHops(x.hops())); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestHopOfAProxy(t *testing.T) {
	x := newTable()
	x.play(parse(t, `
0     a>p INVITE A/  1       via=1    node=x
0.001 p>a 100    A/  1INVITE via=1    node=x
0.004 p>b INVITE A/  1       via=2|1  node=x
0.5   p>b INVITE A/  1       via=2|1  node=x
0.6   b>p 183    A/B 1INVITE via=2|1  node=x
0.7   b>p 180    A/B 1INVITE via=2|1  node=x
1     b>p 603    A/B 1INVITE via=2|1  node=x
1.02  p>b ACK    A/B 1       via=2|1  node=x
1.5   b>p 603    A/B 1INVITE via=2|1  node=x
1.52  p>b ACK    A/B 1       via=2|1  node=x`))
	rows := x.hops()
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	parent := "z9hG4bK1"
	want := &record.Hop{
		Domain: "default", FirstSeen: began.Add(4 * time.Millisecond), CallID: "call-1", FromTag: "A", CSeq: 1, Hop: 1, Branch: "z9hG4bK2", ParentBranch: &parent, Node: "x",
		SrcIP: hosts["p"].Addr(), SrcPort: 5060, DstIP: hosts["b"].Addr(), DstPort: 5060, Transport: "udp", StartTime: began.Add(4 * time.Millisecond),
		ProgressMs: new(596.), RingMs: new(696.), FinalMs: new(996.), Status: new(uint16(603)), AckMs: new(20.), Retransmissions: 2,
		Clocks: new("same"), ForwardMs: new(4.), ForwardWaitMs: new(0.), BeyondMs: new(996.),
	}
	if d := cmp.Diff(string(record.AppendJSON(nil, want)), string(record.AppendJSON(nil, rows[1]))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := millis(rows[0].TryingMs, rows[0].FinalMs, rows[0].AckMs); got != "1 - -" {
		t.Errorf("the caller's own hop: %s", got)
	}
}

// TestHopsAddUp: along the way of the answer the time of the hop before is what
// the box took both ways and the time of this one, whatever the boxes and the
// order of capture.
func TestHopsAddUp(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		depth := rapid.IntRange(2, 8).Draw(t, "hops")
		nodes := rapid.IntRange(1, 2).Draw(t, "nodes")
		took := rapid.SliceOfN(rapid.IntRange(0, 5_000_000), 2*depth, 2*depth).Draw(t, "microseconds")
		boxes := slices.Clone(took) // what was waited for before each message
		var lines []string
		us := 0
		via := func(i int) string {
			var b []string
			for ; i >= 0; i-- {
				b = append(b, fmt.Sprint("v", i))
			}
			return strings.Join(b, "|")
		}
		line := func(i int, what, tags, cseq string) {
			us += took[0]
			took = took[1:]
			node := i % nodes
			lines = append(lines, fmt.Sprintf("%.6f a>p %s %s %s via=%s node=n%d", float64(us+node*7_000_000)/1e6, what, tags, cseq, via(i), node))
		}
		for i := range depth {
			line(i, "INVITE", "A/", "1")
		}
		for i := depth - 1; i >= 0; i-- {
			line(i, "200", "A/B", "1INVITE")
		}
		all := parse(tb, strings.Join(lines, "\n"))
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		x := newTable()
		for i := range all {
			x.m.Parse(all[i].raw)
			x.Observe(packetOf(all[i]), &x.m)
		}
		rows := x.hops()
		if len(rows) != depth {
			t.Fatalf("%d rows of %d hops:\n%s", len(rows), depth, briefHops(rows))
		}
		slices.SortFunc(rows, func(x, y *record.Hop) int { return int(x.Hop) - int(y.Hop) })
		for i, h := range rows[1:] {
			same := *h.ForwardMs + *h.ReturnMs - *h.PassedMs
			off, most := 0., 0.
			if nodes > 1 {
				off, most = *h.ClockOffsetMs, *h.ClockErrorMs
			}
			if truth := float64(boxes[i+1]) / 1000; math.Abs(*h.ForwardMs-truth) > most+0.0015 {
				t.Fatalf("hop %d was sent on after %g ms:\n%s", h.Hop, truth, briefHops(rows))
			}
			if truth := []float64{-7000, 7000}[h.Hop%2]; nodes > 1 && math.Abs(off-truth) > most+0.0015 {
				t.Fatalf("the clock of hop %d is %g ms ahead:\n%s", h.Hop, truth, briefHops(rows))
			}
			if d := *rows[i].FinalMs - *h.PassedMs - *h.FinalMs; max(d, -d, same, -same) > 0.0015 {
				t.Fatalf("hop %d does not add up:\n%s", h.Hop, briefHops(rows))
			}
		}
		if last := rows[depth-1]; *last.BeyondMs != *last.FinalMs {
			t.Fatal(briefHop(last))
		}
	})
}

// TestManyHops: 64 forks and more than 16 hops are rows of their own, what is
// beyond that is none.
func TestManyHops(t *testing.T) {
	var b strings.Builder
	b.WriteString("0 a>p INVITE A/ 1 via=1\n")
	for i := range 200 {
		fmt.Fprintf(&b, "%.3f p>b INVITE A/ 1 via=f%d|1\n", 0.001*float64(i+1), i)
	}
	for i := range 200 {
		fmt.Fprintf(&b, "%.3f b>p 486 A/B%d 1INVITE via=f%d|1\n", 1+0.001*float64(i), i, i)
	}
	x := newTable()
	x.play(parse(t, b.String()))
	rows := x.hops()
	if len(rows) != maxTries-1 { // the last one stands for all that are too many
		t.Errorf("%d rows", len(rows))
	}
	for _, h := range rows[1:] {
		if *h.ParentBranch != "z9hG4bK1" || *h.FinalMs != 999 {
			t.Fatal(briefHop(h))
		}
	}
	b.Reset()
	via := "0"
	for i := range 60 {
		fmt.Fprintf(&b, "%.3f a>p INVITE A/ 1 via=%s\n", 0.001*float64(i), via)
		via = fmt.Sprintf("%d|%s", i+1, via)
	}
	x = newTable()
	x.play(parse(t, b.String()))
	if rows = x.hops(); len(rows) != 60 || rows[59].Hop != 59 || *rows[59].ForwardMs != 1 || *rows[59].ParentBranch != "z9hG4bK58" {
		t.Errorf("%d rows:\n%s", len(rows), briefHops(rows))
	}
}

// TestSizes: a call and its try take one size class of the allocator each.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Call{}); n > 960 {
		t.Errorf("a call has %d bytes", n)
	}
	if n := unsafe.Sizeof(try{}); n > 320 {
		t.Errorf("a try has %d bytes", n)
	}
}

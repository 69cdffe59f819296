package dialog

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/sip"
)

func TestIdentifier(t *testing.T) {
	if got := identifier([]byte("short"), 32); string(got) != "short" {
		t.Errorf("a short one became %q", got)
	}
	long := strings.Repeat("x", 100)
	a, b := identifier([]byte(long+"1"), 32), identifier([]byte(long+"2"), 32)
	if string(a) == string(b) || len(a) > 32 || len(b) > 32 {
		t.Errorf("%q and %q do not differ, or are longer than 32", a, b)
	}
	if again := identifier([]byte(long+"1"), 32); string(a) != string(again) {
		t.Errorf("not the same twice: %q and %q", a, again)
	}
}

func TestClip(t *testing.T) {
	f := func(in string, most int, want string) {
		t.Helper()
		if got := clip([]byte(in), most); got != want {
			t.Errorf("clip(%q, %d) is %q, want %q", in, most, got, want)
		}
	}
	f("abc", 3, "abc")
	f("abcd", 3, "abc")
	f("ab\u00fcd", 3, "ab") // not half a character
	f("", 0, "")
	f("\xbf\xbf\xbf", 2, "") // no character begins here
}

// TestEndlessWords: identifiers and text of 10 kB and more keep their calls
// apart, and are cut in the row.
func TestEndlessWords(t *testing.T) {
	long := strings.Repeat("y", 10_000)
	x := newTable()
	x.play(parse(t, strings.ReplaceAll(basic, "A", "A"+long)))
	x.play(parse(t, strings.ReplaceAll(strings.ReplaceAll(basic, "A", "A"+long+"2"), "INVITE A"+long+"2/  1", "INVITE A"+long+"2/  1 h=User-Agent:_"+long)))
	rows := x.rows(began.Add(time.Hour))
	if len(rows) != 2 {
		t.Fatalf("rows are\n%.2000s", briefs(rows))
	}
	for _, r := range rows {
		if len(r.FromTag) > maxTag || r.FinalStatus == nil || *r.FinalStatus != 200 {
			t.Errorf("From tag of %d bytes, row %.200s", len(r.FromTag), brief(r))
		}
	}
	if rows[0].FromTag == rows[1].FromTag {
		t.Error("two From tags became one")
	}
	if a := rows[1].CallerAgent; a == nil || len(*a) != maxText {
		t.Error("the User-Agent is not cut")
	}
}

// TestManyTags: thousands of To tags in one call are bounded, the one that
// answers is kept, and what is not is counted.
func TestManyTags(t *testing.T) {
	x := newTable()
	x.play(parse(t, "0 a>b INVITE A/ 1"))
	for i := range 5000 {
		x.play(parse(t, fmt.Sprintf("0.1 b>a 180 A/B%d 1INVITE", i)))
	}
	x.play(parse(t, "1 b>a 200 A/Banswer 1INVITE\n5 a>b BYE A/Banswer 2\n5.1 b>a 200 A/Banswer 2BYE"))
	if got := x.Counters.Overflow; got == 0 {
		t.Error("nothing was counted")
	}
	if got, want := briefs(x.rows(began.Add(time.Hour))), "answered 200 Banswer 0 0.1 1 5 caller ack_missing"; got != want {
		t.Errorf("row is %s, want %s", got, want)
	}
	won := 0
	attempts := x.over[0].Attempts()
	for _, a := range attempts {
		if a.Won {
			won++
		}
	}
	if len(attempts) > maxLegs || won != 1 {
		t.Errorf("%d attempts, %d won", len(attempts), won)
	}
}

// TestManyAnswers: a 2xx of each of many forks gives no more rows than a call
// may have legs.
func TestManyAnswers(t *testing.T) {
	x := newTable()
	x.play(parse(t, "0 a>b INVITE A/ 1"))
	for i := range 200 {
		x.play(parse(t, fmt.Sprintf("0.1 b>a 200 A/B%d 1INVITE", i)))
	}
	if rows := x.rows(time.Time{}); len(rows) != maxLegs {
		t.Errorf("%d rows", len(rows))
	}
}

func TestManyTries(t *testing.T) {
	x := newTable()
	for i := range 500 {
		x.play(parse(t, fmt.Sprintf("%d a>b INVITE A/ %d\n%d.1 b>a 503 A/X %dINVITE", i, i+1, i, i+1)))
	}
	x.play(parse(t, "500 a>b INVITE A/ 501\n501 b>a 200 A/B 501INVITE\n502 a>b ACK A/B 501ACK\n510 a>b BYE A/B 502\n510.1 b>a 200 A/B 502BYE"))
	rows := x.rows(began.Add(time.Hour))
	if len(rows) != 1 || rows[0].Attempts > maxTries || x.Counters.Overflow == 0 {
		t.Fatalf("rows are\n%s\n%d counted", briefs(rows), x.Counters.Overflow)
	}
	if got := string(rows[0].State) + " " + rows[0].ToTag; got != "answered B" {
		t.Errorf("row is %s", brief(rows[0]))
	}
}

// TestManyAddresses: SDP that moves media without end is bounded.
func TestManyAddresses(t *testing.T) {
	x := newTable()
	x.play(parse(t, basicWithout("BYE", "200    B/A")))
	for i := range 2 * maxEndpoints {
		s := parse(t, fmt.Sprintf("3 a>b INVITE A/B %d sdp=sendrecv", i+2))
		s[0].raw = []byte(strings.Replace(string(s[0].raw), "m=audio 4000", fmt.Sprintf("m=audio %d", 5000+2*i), 1))
		x.play(s)
	}
	c := x.deadline[0]
	if len(c.Endpoints) != maxEndpoints || x.Counters.Overflow == 0 || len(c.offers) > maxOffers || len(c.exchanges) > 64 {
		t.Errorf("%d endpoints, %d offers, %d exchanges, %d counted", len(c.Endpoints), len(c.offers), len(c.exchanges), x.Counters.Overflow)
	}
}

func TestFullTable(t *testing.T) {
	x := newTable(func(o *Options) { o.MaxCalls = 3 })
	x.play(parse(t, basicWithout("BYE", "200    B/A"))) // answered: due last
	for i := range 10 {
		x.play(parse(t, fmt.Sprintf("%d a>b INVITE F/ 1 id=flood-%d", 3+i, i)))
	}
	if x.Len() != 3 || x.Counters.Evicted != 8 {
		t.Errorf("%d calls, %d evicted", x.Len(), x.Counters.Evicted)
	}
	if len(x.Find("default", []byte("call-1"))) != 1 {
		t.Error("the flood put out a call that was going on")
	}
	rows := x.rows(time.Time{})
	if len(rows) != 11 {
		t.Errorf("%d rows", len(rows))
	}
	evicted := 0
	for _, r := range rows {
		if strings.Contains(brief(r), "evicted") {
			evicted++
		}
	}
	if evicted != 8 {
		t.Errorf("%d rows with the flag evicted", evicted)
	}
}

// TestOneCallIDForAll: From tags without end on one Call-ID are bounded.
func TestOneCallIDForAll(t *testing.T) {
	x := newTable()
	for i := range 1000 {
		x.play(parse(t, fmt.Sprintf("1 a>b INVITE A%d/ 1", i)))
	}
	if x.Len() != maxGroup || x.Counters.Evicted != 1000-maxGroup {
		t.Errorf("%d calls, %d evicted", x.Len(), x.Counters.Evicted)
	}
	if rows := x.rows(time.Time{}); len(rows) != 1000 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestNoTimes(t *testing.T) {
	x := newTable()
	all := parse(t, basic)
	for i := range all {
		all[i].at = time.Time{}
	}
	x.play(all)
	if rows := x.rows(began); len(rows) != 1 || rows[0].ToTag != "B" {
		t.Errorf("rows are\n%s", briefs(rows))
	}
	x = newTable()
	x.Advance(began)
	x.play(all)
	if got, want := briefs(x.rows(began.Add(time.Hour))), "answered 200 B 0 0 0 0 callee"; got != want {
		t.Errorf("row is %s, want %s: the time at which it was heard", got, want)
	}
}

// TestLate: what comes after its row is written makes no second one.
func TestLate(t *testing.T) {
	x := newTable()
	x.play(parse(t, basic))
	x.over = append(x.over, x.Advance(began.Add(time.Minute))...)
	if len(x.over) != 1 {
		t.Fatal("the call is not over")
	}
	x.play(parse(t, strings.ReplaceAll(basic, "a>b INVITE", "p>b INVITE"))) // another hop's copies, an hour late
	if x.Counters.Late != 6 || x.Counters.NoCall != 1 || x.Len() != 0 {
		t.Errorf("%d late, %d calls", x.Counters.Late, x.Len())
	}
	x.play(parse(t, strings.ReplaceAll(basic, " A/  1", " A/  2")))
	if x.Len() != 1 {
		t.Error("a new INVITE with the Call-ID began no call")
	}
}

// TestReplayBesideLive: calls of yesterday are told whole while the clock
// stands at today, and do not hold today's up.
func TestReplayBesideLive(t *testing.T) {
	x := newTable()
	today := began.Add(24 * time.Hour)
	x.over = append(x.over, x.Advance(today)...)
	all := parse(t, basic)
	for i := range all {
		x.m.Parse(all[i].raw)
		x.Observe(packetOf(all[i]), &x.m)
		x.over = append(x.over, x.Advance(today.Add(time.Duration(i)*time.Second))...)
	}
	if len(x.over) != 0 {
		t.Fatalf("written before it was told: %s", briefs(x.rows(time.Time{})))
	}
	if got := briefs(x.rows(today.Add(time.Minute))); got != basicRow {
		t.Errorf("row is %s, want %s", got, basicRow)
	}
}

// TestMemory: what a call of ordinary size holds.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 20,000 calls")
	}
	const calls = 20_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	x := newTable()
	all := parse(t, basicWithout("BYE", "200    B/A"))
	var m sip.Message
	for i := range calls {
		for _, s := range all {
			s.raw = []byte(strings.Replace(string(s.raw), "call-1", fmt.Sprintf("call-%d@198.51.100.1", i), 1))
			m.Parse(s.raw)
			x.Observe(packetOf(s), &m)
		}
	}
	each := (heap() - before) / calls
	t.Logf("%d bytes a call", each)
	if each > 4096 {
		t.Errorf("%d bytes a call", each)
	}
	if x.Len() != calls {
		t.Errorf("%d calls", x.Len())
	}
}

func TestHeaders(t *testing.T) {
	x := newTable(func(o *Options) { o.Headers = []string{"X-*", "Session-ID", "P-None"} })
	x.play(parse(t, "0 a>b INVITE A/ 1 h=X-Trunk:_north h=x-site:_7 h=X-Trunk:_south h=session-id:_abc h=Xenon:_no h=Subject:_no"))
	x.play(parse(t, "0.5 a>b INVITE A/ 1 h=X-Trunk:_again"))
	got := x.rows(time.Time{})[0].Headers
	want := map[string]string{"X-Trunk": "north", "x-site": "7", "Session-ID": "abc"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("headers (-want +got):\n%s", d)
	}
	many := "0 a>b INVITE A/ 1"
	for i := range 50 {
		many += fmt.Sprintf(" h=X-%d:_v", i)
	}
	x = newTable(func(o *Options) { o.Headers = []string{"X-*"} })
	x.play(parse(t, many))
	if n := len(x.rows(time.Time{})[0].Headers); n != maxHeaders {
		t.Errorf("%d headers kept", n)
	}
}

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/earshot-voip/earshot/internal/record"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// jsonl writes one record a line.
type jsonl struct {
	w   *bufio.Writer
	buf []byte
}

func newJSONL(w io.Writer) *jsonl { return &jsonl{w: bufio.NewWriterSize(w, 1<<16)} }

func (o *jsonl) row(row any) error {
	o.buf = append(record.AppendJSON(o.buf[:0], row), '\n')
	if _, err := o.w.Write(o.buf); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	return nil
}

func (o *jsonl) summary(s *record.Summary) error {
	if err := o.row(s); err != nil {
		return err
	}
	return o.flush()
}

func (o *jsonl) flush() error {
	if err := o.w.Flush(); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	return nil
}

// table shows calls to people: a line each, then what else there was. It keeps
// no more than maxShown calls; the sums are of all.
type table struct {
	w       io.Writer
	calls   []*record.Call
	more    int
	streams map[string]int // unmatched streams by codec
	drops   []*record.Drop
	states  map[record.State]int
	bad     int
	live    bool // each call is shown as it ends
	headed  bool
}

const maxShown = 2000

func newTable(w io.Writer) *table {
	return &table{w: w, streams: map[string]int{}, states: map[record.State]int{}}
}

func (t *table) row(row any) error {
	switch r := row.(type) {
	case *record.Call:
		t.states[r.State]++
		if r.MosLQ != nil && *r.MosLQ < 3.6 {
			t.bad++
		}
		if t.live {
			return t.line(r)
		}
		if len(t.calls) >= maxShown {
			t.more++
			return nil
		}
		t.calls = append(t.calls, r)
	case *record.Stream:
		if r.Match == "none" {
			name := "unknown codec"
			if r.Codec != nil {
				name = *r.Codec
			}
			t.streams[name]++
		}
	case *record.Drop:
		if len(t.drops) < 100 {
			t.drops = append(t.drops, r)
		}
	}
	return nil
}

var columns = []string{"START", "CALLER", "CALLEE", "STATE", "STATUS", "TALK", "CODEC", "LOSS A>B", "LOSS B>A", "JITTER", "MOS", "WORST", "CALL-ID"}

// widths are those of columns where the rows to come are not known.
var widths = []int{19, 14, 14, 9, 6, 7, 9, 8, 8, 7, 4, 5, 0}

func cells(c *record.Call) []string {
	return []string{
		c.FirstSeen.Format("2006-01-02 15:04:05"), clean(c.Caller, 24), clean(c.Callee, 24), string(c.State), number(c.FinalStatus), talk(c.DurationMs),
		codecs(c), percent(c.A.LossPct), percent(c.B.LossPct), jitter(c), mos(c.MosLQ), mos(c.MosLQMin), clean(c.CallID, 40),
	}
}

// line shows a call at once.
func (t *table) line(c *record.Call) error {
	rows := [][]string{columns, cells(c)}
	if t.headed {
		rows = rows[1:]
	}
	t.headed = true
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			fmt.Fprintf(&b, "%-*s  ", widths[i], cell)
		}
		b.WriteString(row[len(row)-1] + "\n")
	}
	if _, err := io.WriteString(t.w, b.String()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func (t *table) summary(s *record.Summary) error {
	out := bufio.NewWriter(t.w)
	slices.SortStableFunc(t.calls, func(a, b *record.Call) int { return a.FirstSeen.Compare(b.FirstSeen) })
	if len(t.calls) > 0 {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, strings.Join(columns, "\t"))
		for _, c := range t.calls {
			fmt.Fprintln(w, strings.Join(cells(c), "\t"))
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
		if t.more > 0 {
			fmt.Fprintf(out, "... and %d more calls; --format jsonl gives all\n", t.more)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "%s frames, %s bytes, %.1f s: %d SIP messages, %d RTP and %d RTCP packets", count(s.Frames), count(s.Bytes), s.SecondsCaptured,
		s.SIPMessages, s.RTPPackets, s.RTCPPackets)
	if s.HEPPackets > 0 {
		fmt.Fprintf(out, ", %d HEP", s.HEPPackets)
	}
	fmt.Fprintf(out, "\n%d calls", s.Calls)
	for i, st := range slices.Sorted(maps.Keys(t.states)) {
		fmt.Fprintf(out, "%s%d %s", []string{": ", ", "}[min(i, 1)], t.states[st], st)
	}
	fmt.Fprintf(out, "; %d streams", s.Streams)
	if t.bad > 0 {
		fmt.Fprintf(out, "; %d calls with MOS below 3.6", t.bad)
	}
	fmt.Fprintln(out)
	if len(t.streams) > 0 {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(t.streams)) {
			parts = append(parts, fmt.Sprintf("%d %s", t.streams[name], name))
		}
		fmt.Fprintf(out, "streams of no call: %s\n", strings.Join(parts, ", "))
	}
	for _, d := range t.drops {
		fmt.Fprintf(out, "dropped by %s: %d %s\n", d.Stage, d.Count, d.Reason)
	}
	if len(s.Undecoded) > 0 {
		type part struct {
			reason string
			n      uint64
		}
		var parts []part
		for reason, n := range s.Undecoded {
			parts = append(parts, part{reason, n})
		}
		slices.SortFunc(parts, func(a, b part) int { return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.reason, b.reason)) })
		var text []string
		for _, p := range parts {
			text = append(text, fmt.Sprintf("%d %s", p.n, p.reason))
		}
		fmt.Fprintf(out, "not looked into: %s\n", strings.Join(text, ", "))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// unknown is what the table shows where nothing is known.
const unknown = "-"

// clean makes text from the wire fit for a terminal.
func clean(s string, most int) string {
	if s == "" {
		return unknown
	}
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xfffd {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func number(n *uint16) string {
	if n == nil {
		return unknown
	}
	return fmt.Sprint(*n)
}

func talk(ms *float64) string {
	if ms == nil {
		return unknown
	}
	d := time.Duration(*ms * float64(time.Millisecond))
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func percent(p *float64) string {
	if p == nil {
		return unknown
	}
	return fmt.Sprintf("%.2f%%", *p)
}

func mos(m *float64) string {
	if m == nil {
		return unknown
	}
	return fmt.Sprintf("%.2f", *m)
}

func codecs(c *record.Call) string {
	a, b := c.A.Codec, c.B.Codec
	switch {
	case a == nil && b == nil:
		return unknown
	case a == nil:
		return *b
	case b == nil || *a == *b:
		return *a
	}
	return *a + "/" + *b
}

// jitter is the mean of the worse direction.
func jitter(c *record.Call) string {
	worst := -1.0
	for _, j := range [...]*float64{c.A.JitterMeanMs, c.B.JitterMeanMs} {
		if j != nil {
			worst = max(worst, *j)
		}
	}
	if worst < 0 {
		return unknown
	}
	return fmt.Sprintf("%.1fms", worst)
}

// count writes a large number with thin gaps.
func count(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

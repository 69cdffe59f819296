// Command bench shows what `go test -bench` writes, and at the end a table of
// what matters: each measurement beside its floor, which was measured in the
// same run on the same machine. Of several runs it takes the median. The exit
// status is 1 when a benchmark failed or nothing was measured.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

const module = "github.com/earshot-voip/earshot/"

// row is one line of the table.
type row struct {
	what      string
	benchmark string // package, a space, and the name without "Benchmark"
	unit      string
	floor     string // of the same package; "" where there is none
	is        string // what the floor does
	goal      string
}

// rows go from the wire to the store.
var rows = []row{
	{"earshot read, three jitter-buffer models", "cmd/earshot Read/earshot", "packets/cpu-s", "Read/loop", "bare loop: decode, RFC 3550 in a map", "2,000,000"},
	{"earshot read, no jitter-buffer model", "cmd/earshot Read/no-buffers", "packets/cpu-s", "Read/loop", "bare loop: decode, RFC 3550 in a map", "5,000,000"},
	{"earshot read, three models and G.711 decoded", "cmd/earshot Read/signal", "packets/cpu-s", "Read/earshot", "nothing decoded", ""},
	{"", "cmd/earshot Read/earshot", "packets/cpu-s", "Read/file", "reading the file only", ""},
	{"earshot read, signalling", "cmd/earshot ReadSIP/earshot", "messages/cpu-s", "", "", ""},
	{"RTP packet out of an AF_PACKET ring, decoded", "agent/capture Capture/decode", "ns/frame", "Capture/floor", "bare walk over the ring", ""},
	{"RTP packet in the agent, 400 streams", "agent ObserveRTP/400", "ns/op", "ObserveRTP/floor", "the meter alone", ""},
	{"RTP packet in the agent with the flight recorder", "agent ObserveRTP/400-recorded", "ns/op", "ObserveRTP/400", "without", ""},
	{"memory of a stream in the agent, 100,000 at a time", "agent Memory", "bytes/stream", "", "", "4,096"},
	{"memory of a stream in the analyzer, 100,000 at a time", "analyzer Memory", "bytes/stream", "", "", "4,096"},
	{"memory of a call with two streams, 50,000 at a time", "analyzer Memory", "bytes/call", "", "", ""},
	{"memory of a leg of its own, links on, 100,000 at a time", "analyzer Links/alone/linked", "bytes/leg", "Links/alone/floor", "links off", "x 1.20"},
	{"memory of a leg of a pair, linked by numbers", "analyzer Links/numbers/linked", "bytes/leg", "Links/numbers/floor", "links off", "x 1.20"},
	{"memory of a leg of a pair, linked by Session-ID", "analyzer Links/session-id/linked", "bytes/leg", "Links/session-id/floor", "links off", "x 1.20"},
	{"a leg of its own, links on, 100,000 at a time", "analyzer Links/alone/linked", "cpu-us/leg", "Links/alone/floor", "links off", "x 1.20"},
	{"a leg of a pair, linked by numbers", "analyzer Links/numbers/linked", "cpu-us/leg", "Links/numbers/floor", "links off", "x 1.20"},
	{"a leg of a pair, linked by Session-ID", "analyzer Links/session-id/linked", "cpu-us/leg", "Links/session-id/floor", "links off", "x 1.20"},
	{"HEP3 decode", "internal/hep Decode/HEP3_12_chunks", "ns/op", "Floor", "copying the bytes", "150, no allocation"},
	{"HEP3 receive on UDP, filter, bus", "cmd/earshot Receive/collector", "packets/cpu-s", "Receive/count", "receiving and counting", ""},
	{"SIP scan of an INVITE", "internal/sip Parse/invite", "ns/op", "Floor", "finding the lines", "1,000, no allocation"},
	{"RTP header", "internal/media ParseRTP", "ns/op", "", "", ""},
	{"20 ms of G.711 decoded", "internal/signal Measure/PCMU", "ns/op", "", "", ""},
	{"20 ms of G.722 decoded", "internal/signal Measure/G722", "ns/op", "", "", ""},
	{"messages into ClickHouse", "internal/store Store/messages/30000", "rows/s", "Store/messages/30000/floor", "sending filled columns", ""},
	{"calls into ClickHouse", "internal/store Store/calls/30000", "rows/s", "Store/calls/30000/floor", "sending filled columns", ""},
}

// measured has the values of one run each, by benchmark and unit.
type measured map[string]map[string][]float64

func main() {
	got, failed, err := read(os.Stdin, os.Stdout)
	if err == nil && len(got) == 0 {
		err = fmt.Errorf("nothing was measured")
	}
	if err == nil {
		err = show(os.Stdout, got)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || failed {
		os.Exit(1)
	}
}

// processors is what the testing package appends to a name.
var processors = regexp.MustCompile(`-\d+$`)

// read passes the lines on and takes the values from them:
//
//	BenchmarkName-2   1000   1234 ns/op   56 B/op   7 allocs/op
func read(in io.Reader, out io.Writer) (got measured, failed bool, err error) {
	got = measured{}
	pkg := ""
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if _, err := fmt.Fprintln(out, line); err != nil {
			return got, failed, fmt.Errorf("write: %w", err)
		}
		if after, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = strings.TrimPrefix(after, module)
		}
		if strings.Contains(line, "--- FAIL") || strings.HasPrefix(line, "FAIL") { // of a benchmark it stands behind the name
			failed = true
		}
		words := strings.Fields(line)
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		name := pkg + " " + processors.ReplaceAllString(strings.TrimPrefix(words[0], "Benchmark"), "")
		for i := 2; i+1 < len(words); i += 2 {
			v, err := strconv.ParseFloat(words[i], 64)
			if err != nil {
				break
			}
			if got[name] == nil {
				got[name] = map[string][]float64{}
			}
			got[name][words[i+1]] = append(got[name][words[i+1]], v)
		}
	}
	if err := lines.Err(); err != nil {
		return got, failed, fmt.Errorf("read: %w", err)
	}
	return got, failed, nil
}

// of is the median of what was measured.
func (m measured) of(benchmark, unit string) (float64, bool) {
	v := slices.Sorted(slices.Values(m[benchmark][unit]))
	if len(v) == 0 {
		return 0, false
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2, true
}

func show(out io.Writer, got measured) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\nWHAT\tMEASURED\tUNIT\tALLOCS/OP\tFLOOR\tCOST OF FLOOR\tTHE FLOOR IS\tGOAL\n")
	for _, r := range rows {
		v, ok := got.of(r.benchmark, r.unit)
		if !ok {
			continue
		}
		allocs, floor, cost := "-", "-", "-"
		if n, ok := got.of(r.benchmark, "allocs/op"); ok && r.unit == "ns/op" {
			allocs = number(n)
		}
		pkg, _, _ := strings.Cut(r.benchmark, " ")
		if f, ok := got.of(pkg+" "+r.floor, r.unit); ok && f > 0 && v > 0 {
			times := v / f
			if strings.HasSuffix(r.unit, "/s") || strings.HasSuffix(r.unit, "/cpu-s") { // more is better
				times = f / v
			}
			floor, cost = number(f), fmt.Sprintf("x %.2f", times)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.what, number(v), r.unit, allocs, floor, cost, r.is, r.goal)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// number groups thousands; below ten it keeps a decimal.
func number(v float64) string {
	if v < 10 && v != float64(int(v)) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

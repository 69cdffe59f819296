// Command count reads what `go test -json` writes, shows it shortly, and ends
// with one line: N passed, N failed, N skipped.
//
// It shows a line for each package, the whole output of what failed, each skipped
// test with its reason, and what a test logs as "measured: ...". It counts tests and subtests that have no
// subtests of their own. A package that does not build or ends on its own is
// one failure. With -add FILE the counts of FILE are added and kept there. The
// exit status is 1 when anything failed, or when there was nothing to count.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

type event struct {
	Action     string
	Package    string
	ImportPath string // of a build's output
	Test       string
	Elapsed    float64
	Output     string
}

type test struct {
	output strings.Builder
	parent bool
	result string
}

type counts struct{ passed, failed, skipped int }

func main() {
	add := flag.String("add", "", "add to the counts in this `file`")
	verbose := flag.Bool("v", false, "show the output of tests that pass, too")
	flag.Parse()
	status, err := run(os.Stdin, os.Stdout, *add, *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "count:", err)
	}
	os.Exit(status)
}

func run(in io.Reader, out io.Writer, add string, verbose bool) (status int, err error) {
	w := bufio.NewWriter(out)
	defer w.Flush()
	var sum counts
	tests := make(map[string]map[string]*test) // of the packages still running
	builds := make(map[string]*strings.Builder)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			// Not of a test: go itself complains.
			fmt.Fprintln(w, lines.Text())
			continue
		}
		switch {
		case e.Action == "build-output":
			if builds[e.ImportPath] == nil {
				builds[e.ImportPath] = new(strings.Builder)
			}
			builds[e.ImportPath].WriteString(e.Output)
		case e.Action == "build-fail":
			fmt.Fprintf(w, "%s", builds[e.ImportPath])
		case e.Test == "":
			if done := packageEnd(w, e, tests, &sum); done {
				delete(tests, e.Package)
				w.Flush()
			} else if e.Action == "output" {
				testOf(tests, e.Package, "").output.WriteString(e.Output)
			}
		default:
			testEvent(w, e, tests, &sum, verbose)
		}
	}
	if err := lines.Err(); err != nil {
		return 1, err
	}
	for p := range tests { // go test itself was ended.
		fmt.Fprintf(w, "FAIL  %s did not end\n", p)
		sum.failed++
	}
	if sum == (counts{}) {
		err = errors.New("no test ran")
		sum.failed++
	}
	if add != "" {
		if e := addTo(add, &sum); e != nil {
			return 1, e
		}
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", sum.passed, sum.failed, sum.skipped)
	if sum.failed > 0 {
		status = 1
	}
	return status, err
}

func testOf(tests map[string]map[string]*test, pkg, name string) *test {
	if tests[pkg] == nil {
		tests[pkg] = make(map[string]*test)
	}
	t := tests[pkg][name]
	if t == nil {
		t = new(test)
		tests[pkg][name] = t
	}
	return t
}

// testEvent takes an event of one test.
func testEvent(w io.Writer, e event, tests map[string]map[string]*test, sum *counts, verbose bool) {
	t := testOf(tests, e.Package, e.Test)
	switch e.Action {
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			testOf(tests, e.Package, e.Test[:i]).parent = true
		}
	case "output":
		line := strings.TrimLeft(e.Output, " ")
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			t.output.WriteString(e.Output)
			if verbose {
				fmt.Fprint(w, e.Output)
			} else if _, what, ok := strings.Cut(line, ".go:"); ok {
				if _, what, ok = strings.Cut(what, ": measured: "); ok {
					fmt.Fprintf(w, "measured  %s %s: %s", strings.TrimPrefix(e.Package, modulePrefix), e.Test, what)
				}
			}
		}
	case "pass", "fail", "skip":
		t.result = e.Action
		name := strings.TrimPrefix(e.Package, modulePrefix) + " " + e.Test
		switch e.Action {
		case "fail":
			fmt.Fprintf(w, "FAIL  %s (%.2fs)\n", name, e.Elapsed)
			if !verbose {
				fmt.Fprint(w, t.output.String())
			}
		case "skip":
			fmt.Fprintf(w, "skip  %s: %s\n", name, strings.TrimSpace(t.output.String()))
		}
		if t.parent {
			// Its own failure, beside its subtests', is still one.
			if e.Action != "fail" || childFailed(tests[e.Package], e.Test) {
				return
			}
		}
		switch e.Action {
		case "pass":
			sum.passed++
		case "fail":
			sum.failed++
		case "skip":
			sum.skipped++
		}
	}
}

const modulePrefix = "github.com/earshot-voip/earshot/"

func childFailed(tests map[string]*test, parent string) bool {
	for name, t := range tests {
		if t.result == "fail" && strings.HasPrefix(name, parent+"/") {
			return true
		}
	}
	return false
}

// packageEnd shows the line of a package that ended, and counts a failure that
// no test tells: it did not build, or a test took the whole process along.
func packageEnd(w io.Writer, e event, tests map[string]map[string]*test, sum *counts) bool {
	name := strings.TrimPrefix(e.Package, modulePrefix)
	switch e.Action {
	case "pass":
		fmt.Fprintf(w, "ok    %s (%.1fs)\n", name, e.Elapsed)
	case "skip":
		// A package without tests.
	case "fail":
		told := false
		for name, t := range tests[e.Package] {
			if name == "" {
				continue
			}
			if t.result == "" { // It was running when the process ended.
				fmt.Fprintf(w, "%s", t.output.String())
			}
			told = told || t.result == "fail"
		}
		if !told {
			sum.failed++
			if t := tests[e.Package][""]; t != nil {
				fmt.Fprint(w, t.output.String())
			}
		}
		fmt.Fprintf(w, "FAIL  %s (%.1fs)\n", name, e.Elapsed)
	default:
		return false
	}
	return true
}

// addTo adds the counts that a file holds, and writes the sum back.
func addTo(file string, sum *counts) error {
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(b) > 0 {
		var old counts
		if _, err := fmt.Sscan(string(b), &old.passed, &old.failed, &old.skipped); err != nil {
			return fmt.Errorf("%s holds no counts: %w", file, err)
		}
		sum.passed += old.passed
		sum.failed += old.failed
		sum.skipped += old.skipped
	}
	return os.WriteFile(file, fmt.Appendln(nil, sum.passed, sum.failed, sum.skipped), 0o644)
}

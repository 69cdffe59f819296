package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// acceptance is one line of testdata/corpus_accepted.tsv: a difference that
// was looked into.
type acceptance struct {
	capture, field, ours, theirs string
	right                        string // ours, theirs, both, neither
	reason                       string
	line                         int
	used                         bool
}

type acceptances []*acceptance

func readAccepted(t testing.TB) acceptances {
	t.Helper()
	path := filepath.Join("testdata", "corpus_accepted.tsv")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all acceptances
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 6 || f[5] == "" {
			t.Fatalf("%s:%d: %d fields; it takes capture, field, ours, theirs, who is right, reason, with tabs between", path, n, len(f))
		}
		switch f[4] {
		case "ours", "theirs", "both", "neither":
		default:
			t.Fatalf("%s:%d: %q is right; it takes ours, theirs, both or neither", path, n, f[4])
		}
		all = append(all, &acceptance{f[0], f[1], f[2], f[3], f[4], f[5], n, false})
	}
	return all
}

// take finds the line of a difference and marks it as used.
func (all acceptances) take(capture, field string) *acceptance {
	for _, a := range all {
		if a.capture == capture && a.field == field {
			a.used = true
			return a
		}
	}
	return nil
}

// rest are the lines that no difference used.
func (all acceptances) rest() acceptances {
	var left acceptances
	for _, a := range all {
		if !a.used {
			left = append(left, a)
		}
	}
	return left
}

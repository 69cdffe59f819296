package sip

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpus is the folder of captures and messages that is not a part of the repository.
func corpus() string {
	if dir := os.Getenv("EARSHOT_CORPUS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared", "corpus")
}

// allDefects parses all there is in b.
func allDefects(m *Message, s *SDP, b []byte) (Defects, bool) {
	ok := m.Parse(b)
	defects := m.Check()
	if body := m.SDP(); body != nil {
		s.Parse(body)
		defects |= s.Defects
	}
	return defects, ok
}

type tortureRow struct{ set, file, source, defects, why string }

func tortureRows(t *testing.T) []tortureRow {
	t.Helper()
	table, err := os.ReadFile(filepath.Join("testdata", "torture_defects.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []tortureRow
	for line := range strings.Lines(string(table)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			t.Fatalf("testdata/torture_defects.tsv: %q has %d columns, want 5", line, len(f))
		}
		rows = append(rows, tortureRow{f[0], f[1], f[2], f[3], f[4]})
	}
	return rows
}

// TestTorture holds the defects of every torture message against the checked-in table.
func TestTorture(t *testing.T) {
	for _, set := range []struct{ name, pattern string }{
		{"own", filepath.Join("testdata", "torture", "*.sip")},
		{"rfc4475", filepath.Join(corpus(), "emiago+sipgo", "*valid", "*.dat")},
		{"rfc5118", filepath.Join(corpus(), "rfc5118", "*.dat")},
	} {
		t.Run(set.name, func(t *testing.T) {
			paths, err := filepath.Glob(set.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if len(paths) == 0 && set.name != "own" {
				t.Skipf("corpus of %s is absent (EARSHOT_CORPUS)", set.name)
			}
			rows := map[string]tortureRow{}
			for _, row := range tortureRows(t) {
				if row.set == set.name {
					rows[row.file] = row
				}
			}
			if len(rows) != len(paths) {
				t.Errorf("%d rows for %d files", len(rows), len(paths))
			}
			var m Message
			var s SDP
			for _, path := range paths {
				file := filepath.Base(path)
				row, ok := rows[file]
				if !ok {
					t.Errorf("%s: no row in torture_defects.tsv", file)
					continue
				}
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				got, ok := allDefects(&m, &s, b)
				if !ok {
					t.Errorf("%s: not recognised as SIP", file)
				}
				text := got.String()
				if text == "" {
					text = "-"
				}
				if text != row.defects {
					t.Errorf("%s: %s, want %s (%s: %s)", file, text, row.defects, row.source, row.why)
				}
				// What an RFC calls valid must not be called malformed, unless the row says how the file differs.
				if strings.HasPrefix(row.why, "valid:") || strings.HasPrefix(row.why, "valid;") || row.why == "valid" ||
					strings.HasPrefix(row.why, "well formed") {
					if bad := got.Malformed(); bad != 0 {
						t.Errorf("%s is %s, but has %v", file, row.why, bad)
					}
				}
			}
		})
	}
}

// TestEveryDefectIsTested sees that each defect comes out of a message of this repository.
func TestEveryDefectIsTested(t *testing.T) {
	var m Message
	var s SDP
	var seen Defects
	paths, _ := filepath.Glob(filepath.Join("testdata", "torture", "*.sip"))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, _ := allDefects(&m, &s, b)
		seen |= d
	}
	f := func(name, message string, want Defects) {
		t.Helper()
		got, ok := allDefects(&m, &s, []byte(message))
		if !ok || got != want {
			t.Errorf("%s: %v, %v, want %v", name, ok, got, want)
		}
		seen |= got
	}
	// These are too long for files.
	field := "Subject: " + strings.Repeat("x", MaxField) + "\r\n"
	f("long field", invite+field+"\r\n", OversizeHeader)
	f("long folded field", invite+"Subject: x\r\n"+strings.Repeat(" "+strings.Repeat("y", 100)+"\r\n", 90)+"\r\n", OversizeHeader)
	f("long message", invite+"\r\n"+strings.Repeat("x", MaxMessage), Oversize)
	f("many fields", invite+strings.Repeat("Subject: x\r\n", MaxFields)+"\r\n", TooManyHeaders)
	many := offer + strings.Repeat("m=audio 4000 RTP/AVP 0\r\n", MaxMedia)
	f("many media", invite+"Content-Type: application/sdp\r\n\r\n"+many, SDPTooMany)
	for i := range defectCount {
		if one := Defects(1) << i; seen&one == 0 {
			t.Errorf("no message has the defect %v", one)
		}
	}
}

func TestDefectNames(t *testing.T) {
	names := map[string]bool{}
	for i := range defectCount {
		name := (Defects(1) << i).String()
		if name == "" || names[name] || strings.ToLower(name) != name {
			t.Errorf("defect %d: name %q", i, name)
		}
		names[name] = true
	}
	d := MissingVia | BareLF
	if got := d.String(); got != "bare_lf,missing_via" {
		t.Errorf("String() = %q", got)
	}
	if !d.Has(BareLF) || d.Has(BareLF|BadURI) || d.Malformed() != MissingVia || Defects(0).Names() != nil {
		t.Errorf("Has, Malformed or Names of %v", d)
	}
}

// TestForeignMessages reads the messages of other projects: no panic, and every one that has a start line is seen.
func TestForeignMessages(t *testing.T) {
	var messages [][]byte
	for _, pattern := range []string{"kamailio+kamailio/*.sip", "resiprocate+resiprocate/*.msg"} {
		paths, _ := filepath.Glob(filepath.Join(corpus(), filepath.FromSlash(pattern)))
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, b)
		}
	}
	if xml, err := os.ReadFile(filepath.Join(corpus(), "usnistgov+jsip", "torture.xml")); err == nil {
		for rest := xml; ; {
			_, after, found := bytes.Cut(rest, []byte("<message>\n<![CDATA["))
			if !found {
				break
			}
			text, more, _ := bytes.Cut(after, []byte("]]>"))
			messages, rest = append(messages, text), more
		}
	}
	if len(messages) == 0 {
		t.Skip("corpus of kamailio, resiprocate and jsip is absent (EARSHOT_CORPUS)")
	}
	var m Message
	var s SDP
	for _, b := range messages {
		// One is a fragment that begins with a header; of one the method and the URI are glued together.
		noStart := bytes.HasPrefix(b, []byte("Via:")) || bytes.Contains(b, []byte("%indeed'~sip:"))
		if _, ok := allDefects(&m, &s, b); ok == noStart || ok != IsSIP(b) {
			t.Errorf("recognised as SIP: Parse %v, IsSIP %v: %.60q", ok, IsSIP(b), b)
		}
		checkViews(t, &m)
	}
	t.Logf("%d messages", len(messages))
}

package run

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReadCodecs(t *testing.T) {
	file := write(t, `# ours
- {encoding: SPEEX, scale: wideband, ie: 20, bpl: 6.5, source: "own tests, 2025"}
- encoding: AMR
  mode: AMR 4.75
  fmtp: mode-set=0
  from_kbps: 4.5
  scale: narrowband
  ie: 1e1
  bpl: 10
  bpl_bursty: 8
  status: derived
`)
	rows, err := ReadCodecs(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []CodecRow{
		{Encoding: "SPEEX", Scale: "wideband", Ie: 20, Bpl: 6.5, Source: "own tests, 2025"},
		{
			Encoding: "AMR", Mode: "AMR 4.75", Fmtp: "mode-set=0", FromKbps: 4.5, Scale: "narrowband",
			Ie: 10, Bpl: 10, BplBursty: 8, Status: "derived",
		},
	}
	if d := cmp.Diff(want, rows, cmpopts.IgnoreUnexported(CodecRow{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for key, line := range map[string]string{"bpl": ":9", "source": ":3"} { // one it has, one it has not
		if got := rows[1].Where(key); got != file+line {
			t.Errorf("%s is at %s", key, got)
		}
	}
	for _, text := range []string{"", "# nothing\n", "null\n", "[]\n"} {
		if rows, err := ReadCodecs(write(t, text)); err != nil || len(rows) != 0 {
			t.Errorf("%q: %v, %v", text, rows, err)
		}
	}
}

func TestReadCodecsErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := decodeCodecs([]byte(text), "c.yaml")
		if err == nil {
			t.Errorf("%q gave no error", text)
			return
		}
		if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
	const rest = "scale: NB, ie: 1, bpl: 1}"
	f("- {encoding: A, sacle: NB, ie: 1, bpl: 1}",
		"c.yaml:1: unknown key sacle; did you mean scale?",
		"c.yaml:1: scale is missing; want it in every codec, such as {encoding: SPEEX, scale: wideband, ie: 20, bpl: 6}")
	f("- {encoding: A, zzzzzzzz: 1, "+rest,
		"c.yaml:1: unknown key zzzzzzzz; a codec has encoding, mode, fmtp, from_kbps, scale, ie, bpl, bpl_bursty, status, source")
	f("- encoding: A\n  scale: NB\n  ie: low\n  bpl:\n  source: [a]",
		`c.yaml:3: ie is "low"; want a number such as 12.5`,
		"c.yaml:4: bpl is empty; want a number such as 12.5",
		"c.yaml:5: source is a list; want text")
	f("- {encoding: A, encoding: B, "+rest, "c.yaml:1: encoding stands here and in line 1; keep one")
	f("- {encoding: A, from_kbps: .nan, "+rest, `c.yaml:1: from_kbps is ".nan"; want a number such as 12.5`)
	f("- {encoding: A, bpl_bursty: NaN, "+rest, `c.yaml:1: bpl_bursty is "NaN"; want a number such as 12.5`)
	f("- A", `c.yaml:1: this is "A"; want a codec such as {encoding: SPEEX, scale: wideband, ie: 20, bpl: 6}`)
	f("codecs: []", "c.yaml:1: this is a group of keys; want a list of codecs such as `earshot codecs` prints")
	f("[", "c.yaml: line 1: did not find expected node content; want a list of codecs such as `earshot codecs` prints")
	f("[]\n---\n[]", "c.yaml: more than one YAML document; keep one")

	if _, err := ReadCodecs(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml: no such file") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := ReadCodecs(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := ReadCodecs(write(t, strings.Repeat("# much\n", 1<<18))); err == nil || !strings.Contains(err.Error(), "is larger than 1MiB") {
		t.Errorf("a large file: %v", err)
	}
}

func FuzzCodecs(f *testing.F) {
	f.Add([]byte("- {encoding: SPEEX, scale: wideband, ie: 20, bpl: 6}\n"))
	f.Add([]byte("- &a {encoding: A, scale: NB, ie: 1, bpl: 1}\n- *a\n- {<<: *a}"))
	f.Add([]byte("&a [*a]"))
	f.Add([]byte("- ? [a]\n  : b\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := decodeCodecs(b, "fuzz")
		if err != nil {
			return
		}
		for i := range rows {
			if r := &rows[i]; r.Where("encoding") == "" || r.Ie != r.Ie || r.Bpl != r.Bpl {
				t.Errorf("%+v", r)
			}
		}
	})
}

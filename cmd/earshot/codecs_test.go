package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/run"
)

// codecsFile writes a file of codecs, and has the configuration name it.
func codecsFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "codecs.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EARSHOT_MEDIA_CODECS", name)
	return name
}

// scored are the columns of a row that the codec table decides.
type scored struct {
	Type        string   `json:"type"`
	Codec       string   `json:"codec"`
	Scale       string   `json:"scale"`
	ModelStatus string   `json:"model_status"`
	RCeiling    float64  `json:"r_ceiling"`
	RLQ         float64  `json:"r_lq"`
	RCostCodec  float64  `json:"r_cost_codec"`
	RCostLoss   float64  `json:"r_cost_loss"`
	SSRC        uint32   `json:"ssrc"`
	Flags       []string `json:"flags"`
}

// scoresOf reads a capture and gives its rows of one type.
func scoresOf(t *testing.T, kind, name string) (rows []scored) {
	t.Helper()
	code, out, errs := command(t, "read", "--format", "jsonl", name)
	if code != exitDone {
		t.Fatalf("status %d: %s", code, errs)
	}
	for line := range strings.Lines(out) {
		var row scored
		if !strings.HasPrefix(line, `{"type":"`+kind+`"`) {
			continue
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("no row of type %s", kind)
	}
	return rows
}

// TestConfiguredCodec: factors of the operator's own make the score, silence
// included, and rows say where they come from.
func TestConfiguredCodec(t *testing.T) {
	capture := filepath.Join(t.TempDir(), "silent.pcap")
	if code, _, errs := command(t, "synth", "--scenario", "media-stops-early", "--pcap", capture); code != exitDone {
		t.Fatal(errs)
	}
	configured := func(flags []string) bool { return slices.Contains(flags, "codec_configured") }
	for _, kind := range []string{"stream", "call"} {
		for _, r := range scoresOf(t, kind, capture) {
			if configured(r.Flags) || !slices.Contains(r.Flags, "plc_assumed") {
				t.Errorf("built in: %+v", r)
			}
		}
	}
	const row = "scale: wideband, ie: 29, bpl: 8, status: derived}\n"
	codecsFile(t, "- {encoding: pcma, "+row+"- {encoding: PCMU, "+row)
	for _, kind := range []string{"stream", "call"} {
		for _, r := range scoresOf(t, kind, capture) {
			if !configured(r.Flags) || slices.Contains(r.Flags, "plc_assumed") || r.Scale != "WB" || r.RCeiling != 100 || kind == "stream" && r.ModelStatus != "derived" {
				t.Errorf("configured: %+v", r)
			}
		}
	}
	silent := 0
	for _, r := range scoresOf(t, "interval", capture) {
		if r.RCostCodec != 29 {
			t.Errorf("interval: %+v", r)
		}
		if r.SSRC == 0 {
			silent++
			if r.RLQ != 0 || r.RCostLoss != 100 {
				t.Errorf("silence: %+v", r)
			}
		}
	}
	if silent == 0 {
		t.Error("no interval of silence")
	}
}

// TestCodecsReadBack: what `earshot codecs` prints is a file that gives the same
// table again, all of it configured.
func TestCodecsReadBack(t *testing.T) {
	code, builtIn, errs := command(t, "codecs")
	if code != exitDone || errs != "" {
		t.Fatalf("status %d: %s", code, errs)
	}
	rows := func(out string) (rows []string) {
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "- ") {
				rows = append(rows, strings.Join(strings.Fields(line), " "))
			}
		}
		return rows
	}
	for _, want := range []string{
		"- {encoding: PCMU, mode: G.711 PLC, scale: narrowband, ie: 0, bpl: 25.1, status: standard, source: G.113 App. I}",
		"- {encoding: EVS, mode: EVS 13.2, scale: fullband, ie: 10.2, bpl: 4.3, status: assumed, source: \"rtpengine, wire-avs\"}",
		"- {encoding: opus, mode: Opus SWB VBR, from_kbps: 22, scale: fullband, ie: 20.22, bpl: 10.5, bpl_bursty: 8.6, status: assumed, source: Opus E-model (Alahmadi)}",
	} {
		if !slices.Contains(rows(builtIn), want) {
			t.Errorf("no row %s in\n%s", want, builtIn)
		}
	}
	name := codecsFile(t, builtIn)
	code, again, errs := command(t, "codecs")
	if code != exitDone {
		t.Fatalf("status %d: %s", code, errs)
	}
	if d := cmp.Diff(rows(builtIn), rows(again)); d != "" {
		t.Errorf("(-built in +read back):\n%s", d)
	}
	if !strings.Contains(again, "# Of \""+name+"\".") {
		t.Errorf("it does not name the file:\n%s", again)
	}

	codecsFile(t, `- {encoding: "X, y", scale: NB, ie: 0.25, bpl: 3, fmtp: "a=b; c={d}", source: "null"}`)
	_, odd, _ := command(t, "codecs")
	if want := `- {encoding: "X, y", fmtp: "a=b; c={d}", scale: narrowband, ie: 0.25, bpl: 3, status: assumed, source: "null"}`; rows(odd)[0] != want {
		t.Errorf("%s, want %s", rows(odd)[0], want)
	}
	codecsFile(t, odd)
	if _, twice, errs := command(t, "codecs"); rows(twice)[0] != rows(odd)[0] || errs != "" {
		t.Errorf("%s: %s", errs, rows(twice)[0])
	}
}

// TestDocumentedCodecs: what the documentation shows is a file of codecs.
func TestDocumentedCodecs(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```yaml\n")
	text, _, ok := strings.Cut(rest, "```\n")
	c := run.Default()
	c.Media.Codecs = codecsFile(t, text)
	codecs, err := loadCodecs(&c)
	if !ok || err != nil {
		t.Fatal(err)
	}
	if overrides, _ := codecs.Rows(); len(overrides) != strings.Count(text, "\n") || len(overrides) == 0 {
		t.Errorf("%d rows of\n%s", len(overrides), text)
	}
}

// TestCodecsReachEveryStage: the table goes to the analyzer of the collector as
// well as to that of a reading.
func TestCodecsReachEveryStage(t *testing.T) {
	c := run.Default()
	c.Media.Codecs = codecsFile(t, "- {encoding: SPEEX, scale: wideband, ie: 20, bpl: 6}\n")
	codecs, err := loadCodecs(&c)
	if err != nil || codecs == nil {
		t.Fatal(err)
	}
	if analyzerOptions(&c, codecs).Codecs != codecs {
		t.Error("the analyzer does not get it")
	}
	a := &app{config: c, codecs: codecs, stderr: run.NewProgress(os.Stderr)}
	if r, err := a.newReading(&input{}, nil); err != nil || r.codecs != codecs {
		t.Errorf("a reading does not get it: %v", err)
	}
}

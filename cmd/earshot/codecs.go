package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/earshot-voip/earshot/internal/emodel"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/run"
)

// loadCodecs is the codec table with what the file that media.codecs names
// changes in it.
func loadCodecs(c *run.Config) (*media.Codecs, error) {
	if c.Media.Codecs == "" {
		return nil, nil
	}
	rows, err := run.ReadCodecs(c.Media.Codecs)
	if err != nil {
		return nil, err
	}
	overrides := make([]emodel.Override, len(rows))
	for i := range rows {
		r := &rows[i]
		overrides[i] = emodel.Override{
			Encoding: r.Encoding, Mode: r.Mode, Fmtp: r.Fmtp, FromKbps: r.FromKbps,
			Scale: r.Scale, Ie: r.Ie, Bpl: r.Bpl, BplBursty: r.BplBursty, Status: r.Status, Source: r.Source, Where: r.Where,
		}
	}
	return emodel.NewTable(overrides)
}

type codecsCommand struct{}

// Help shows examples.
func (codecsCommand) Help() string {
	return `One row a codec and mode: the scale that its scores are on, its impairment factors (Ie without loss,
Bpl against loss), where they come from, and how far they may be relied upon. It is YAML: keep the rows that
you change, and name the file in media.codecs.
Examples:
  earshot codecs
  earshot codecs | grep -i amr >codecs.yaml
  EARSHOT_MEDIA_CODECS=codecs.yaml earshot codecs`
}

func (codecsCommand) Run(a *app) error {
	if err := a.load(); err != nil {
		return err
	}
	overrides, builtIn := a.codecs.Rows()
	var b strings.Builder
	b.WriteString("# The codec table in force. A row stands before the built-in one of its encoding, and of its mode where it\n" +
		"# names one. Keep the rows that you change, and name the file in media.codecs.\n")
	if len(overrides) > 0 {
		fmt.Fprintf(&b, "\n# Of %s.\n", strconv.Quote(a.config.Media.Codecs))
		codecRows(&b, overrides)
	}
	b.WriteString("\n# Built in.\n")
	codecRows(&b, builtIn)
	_, err := fmt.Fprint(a.stdout, b.String())
	return err
}

// codecRows writes rows in the form of the file, their keys below each other.
func codecRows(b *strings.Builder, rows []emodel.Override) {
	lines, widths := make([][]string, len(rows)), [10]int{}
	for i, r := range rows {
		text := func(key, v string) string {
			if v == "" {
				return ""
			}
			return key + ": " + codecText(v) + ", "
		}
		number := func(key string, v float64, always bool) string {
			if v == 0 && !always {
				return ""
			}
			return key + ": " + strconv.FormatFloat(v, 'f', -1, 64) + ", "
		}
		lines[i] = []string{
			text("encoding", r.Encoding), text("mode", r.Mode), text("fmtp", r.Fmtp), number("from_kbps", r.FromKbps, false),
			text("scale", r.Scale), number("ie", r.Ie, true), number("bpl", r.Bpl, true), number("bpl_bursty", r.BplBursty, false),
			text("status", r.Status), "source: " + codecText(r.Source),
		}
		for k, cell := range lines[i] {
			widths[k] = max(widths[k], len(cell))
		}
	}
	for _, cells := range lines {
		b.WriteString("- {")
		for k, cell := range cells {
			if k == len(cells)-1 {
				widths[k] = 0
			}
			fmt.Fprintf(b, "%-*s", widths[k], cell)
		}
		b.WriteString("}\n")
	}
}

// plainText is what YAML takes as it stands, within braces too.
var plainText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ./+()=;_-]*$`)

func codecText(s string) string {
	if plainText.MatchString(s) && !strings.EqualFold(s, "null") && strings.TrimSpace(s) == s {
		return s
	}
	return strconv.Quote(s)
}

// Package earshot has no code: its test keeps the order of the house, who may
// import whom.
package earshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/earshot-voip/earshot"

// allowed says what each package may import of this module. A package that is
// not here may not exist before it is.
var allowed = map[string][]string{
	"internal/tlsview": {},
	"internal/sip":     {},
	"internal/isup":    {},
	"internal/emodel":  {},
	"internal/record":  {},
	"internal/signal":  {},
	"internal/e164":    {},
	"schemas":          {},
	"dashboards":       {},

	// SIP in TLS is found where TCP is put together.
	"internal/packet":   {"internal/tlsview"},
	"internal/hep":      {"internal/packet"},
	"agent/capture":     {"internal/packet"},
	"agent/recorder":    {"agent/capture", "internal/packet", "internal/sip", "internal/media", "internal/scrub"},
	"internal/media":    {"internal/packet", "internal/emodel", "internal/record", "internal/signal"},
	"analyzer/dialog":   {"internal/packet", "internal/sip", "internal/isup", "internal/record"},
	"analyzer/link":     {"internal/sip"},
	"analyzer/topology": {"internal/packet", "internal/sip"},
	"internal/bus":      {"internal/packet", "internal/hep"},
	"internal/scrub":    {"internal/sip"},
	"internal/store":    {"internal/record", "schemas"},

	"analyzer/detect": {"internal/sip", "internal/packet", "analyzer/dialog", "internal/media", "internal/record", "internal/e164"},
	"internal/synth":  {"internal/packet", "internal/hep", "internal/sip", "internal/media", "internal/record", "agent/capture"},
	"agent/status":    {"agent", "agent/capture", "agent/uplink", "internal/packet"},
	"agent/uplink":    {"internal/packet", "internal/hep", "internal/sip", "internal/bus"},
	"agent/thin":      {"internal/packet", "internal/sip"},
	"agent":           {"agent/capture", "agent/recorder", "agent/thin", "internal/packet", "internal/hep", "internal/sip", "internal/media", "internal/record", "internal/bus"},
	"collector":       {"internal/packet", "internal/hep", "internal/sip", "internal/bus", "internal/record"},

	"analyzer": {
		"internal/packet", "internal/bus", "internal/sip", "internal/media", "analyzer/dialog", "analyzer/link", "analyzer/topology", "analyzer/detect", "internal/record",
		"internal/e164", "internal/signal", "internal/scrub",
	},
	"internal/chdb": {},
	"internal/run":  {},

	"internal/explain": {"internal/record"},

	// The main programs wire everything.
	"cmd/earshot": {"*"},
	// This package.
	"": {},
}

// only says where a dependency may be imported, by the beginning of its path:
// what is imported in one place can be replaced in one place.
var only = map[string][]string{
	"github.com/gopacket/":            {"internal/packet", "agent/capture"},
	"github.com/ClickHouse/":          {"internal/store"},
	"github.com/nats-io/":             {"internal/bus"},
	"github.com/ebitengine/purego":    {"internal/chdb", "agent/capture"}, // libpcap's compiler of filters
	"go.etcd.io/bbolt":                {"agent/uplink"},
	"github.com/alecthomas/kong":      {"cmd/earshot"},
	"go.yaml.in/yaml":                 {"internal/run"},
	"C":                               {"agent/capture"}, // libpcap
	"github.com/emiago/sipgo":         {},                // In tests only: an oracle and a user agent.
	"github.com/google/go-cmp":        {},
	"github.com/google/gopacket":      {}, // Its last tag is of 2020; gopacket/gopacket continues it.
	"github.com/pion/interceptor":     {}, // Unfit to measure with.
	"github.com/testcontainers/":      {},
	"go.uber.org/goleak":              {},
	"pgregory.net/rapid":              {},
	"testing":                         {},
	promPath + "/prometheus/promauto": {}, // It registers in a global registry.
}

const promPath = "github.com/prometheus/client_golang"

// apart are stages that may run on different machines: even their tests do not
// import each other. Any other test may import what it needs.
var apart = []string{"agent", "collector", "analyzer"}

type listed struct {
	ImportPath   string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	CgoFiles     []string
}

// list gives the packages of the module as they are built with these tags.
func list(t *testing.T, tags string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json", "-tags="+tags, "./...")
	// cgo files are left out of the list where cgo is off.
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// inModule gives the path of an import below the module.
func inModule(path string) (string, bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

func TestImportDirections(t *testing.T) {
	for _, tags := range []string{"", "libpcap"} {
		for _, p := range list(t, tags) {
			from, _ := inModule(p.ImportPath)
			may, known := allowed[from]
			if !known {
				t.Errorf("%s is in no place of the house; add it to the table here and to the design", from)
				continue
			}
			for _, path := range p.Imports {
				if to, ours := inModule(path); ours && !slices.Contains(may, to) && !slices.Contains(may, "*") {
					t.Errorf("%s imports %s; it may import %q of this module", from, to, may)
				}
				for prefix, where := range only {
					if within(path, prefix) && !slices.Contains(where, from) {
						t.Errorf("%s imports %s; only %q may", from, path, where)
					}
				}
			}
			for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
				to, ours := inModule(path)
				if ours && slices.Contains(apart, from) && slices.Contains(apart, to) && from != to {
					t.Errorf("a test of %s imports %s; they meet only in cmd", from, to)
				}
			}
			if len(p.CgoFiles) > 0 && tags == "" {
				t.Errorf("%s needs cgo without the tag libpcap: %q", from, p.CgoFiles)
			}
		}
	}
}

// within says whether path is prefix or below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

func TestEveryPackageIsExplained(t *testing.T) {
	for _, p := range list(t, "") {
		if len(p.GoFiles) == 0 {
			continue
		}
		from, _ := inModule(p.ImportPath)
		if !strings.HasPrefix(p.Doc, "Package ") && !strings.HasPrefix(p.Doc, "Command ") {
			t.Errorf("%s has no comment above its package clause that begins with Package or Command", from)
		}
	}
}

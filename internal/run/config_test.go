package run

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// Every key of the struct stands in default.yaml, and under it nothing else.
func TestDefaultsAreComplete(t *testing.T) {
	var tree map[string]any
	if err := yaml.Unmarshal(defaultYAML, &tree); err != nil {
		t.Fatal(err)
	}
	var inFile []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if m, ok := v.(map[string]any); ok {
			for k, v := range m {
				walk(joined(path, k), v)
			}
			return
		}
		inFile = append(inFile, path)
	}
	walk("", tree)
	slices.Sort(inFile)
	if d := cmp.Diff(Keys(), inFile); d != "" {
		t.Errorf("keys of Config (-) and of default.yaml (+):\n%s", d)
	}
}

// Every key and group has a comment above it, or shares the one of the group.
func TestDefaultsAreExplained(t *testing.T) {
	var doc yaml.Node
	if err := yaml.Unmarshal(defaultYAML, &doc); err != nil {
		t.Fatal(err)
	}
	shared := []string{"clickhouse.http_port"}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		for i := 0; i < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			full := joined(path, key.Value)
			if value.Kind == yaml.MappingNode {
				walk(full, value)
				continue
			}
			if key.HeadComment == "" && !strings.HasPrefix(full, "store.retention.") && !slices.Contains(shared, full) {
				t.Errorf("%s has no comment in default.yaml", full)
			}
		}
	}
	walk("", doc.Content[0])
}

func TestDefaultIsValid(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if got := time.Duration(c.Dialog.TimerC); got != 180*time.Second {
		t.Errorf("dialog.timer_c is %s; want 180s", got)
	}
	if got := c.Store.Retention.Calls.String(); got != "730d" {
		t.Errorf("store.retention.calls is %s; want 730d", got)
	}
	if c.Capture.Buffer != 16<<20 {
		t.Errorf("capture.buffer is %d; want 16 MiB", int64(c.Capture.Buffer))
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "earshot.yaml")
	if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPrecedence(t *testing.T) {
	file := write(t, "hep:\n  listen: ':1'\n  max_connections: 11\ndialog: {t1: 1s}\nmedia:\n  # idle: 9s\n")
	c, warnings, err := Load(Sources{
		File: file,
		Env: []string{
			"EARSHOT_HEP_LISTEN=:2", "EARSHOT_DIALOG_T1=2s", "EARSHOT_HEP_PORTS=9060, 9061", "PATH=/bin",
			"EARSHOT_SERVICE_HOST=10.0.0.1", "EARSHOT_CORPUS=x",
		},
		Flags: []Setting{{Key: "hep.listen", Value: ":3", Flag: "--hep"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.HEP.Listen, want.HEP.MaxConnections, want.HEP.Ports = ":3", 11, []uint16{9060, 9061}
	want.Dialog.T1 = Duration(2 * time.Second)
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("Load (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"EARSHOT_SERVICE_HOST is no configuration key and is ignored"}, warnings); d != "" {
		t.Errorf("warnings (-want +got):\n%s", d)
	}
}

func TestErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		c := Default()
		err := decodeYAML([]byte(text), "e.yaml", &c)
		if err == nil {
			err = c.Validate()
		}
		if err == nil {
			t.Errorf("%q gave no error", text)
			return
		}
		if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
	f("hep:\n  listne: ':1'", "e.yaml:2: unknown key hep.listne; did you mean hep.listen?")
	f("timer_c: 3m", "e.yaml:1: unknown key timer_c; did you mean dialog.timer_c?")
	f("hep: {zzzzzz: 1}", "e.yaml:1: unknown key hep.zzzzzz; hep has listen, ports, nats, auth_key, max_skew, max_connections, receive_buffer")
	f("kafka: 1", "e.yaml:1: unknown key kafka; there are data, log, http, agent, capture, hep, dialog, links, topology, media, store, clickhouse, privacy")
	f("dialog:\n  t1: soon", `e.yaml:2: dialog.t1 is "soon"; want a duration such as 250ms, 30s, 12h or 90d`)
	f("dialog:\n  t1: 5", `e.yaml:2: dialog.t1 is "5"; want a duration such as 250ms, 30s, 12h or 90d`)
	f("capture: {buffer: 1MegaByte}", `e.yaml:1: capture.buffer is "1MegaByte"; want a size in bytes such as 65535, 64KiB or 2GiB`)
	f("media: {g711_plc: maybe}", `e.yaml:1: media.g711_plc is "maybe"; want true or false`)
	f("media: {g711_plc: }", `e.yaml:1: media.g711_plc is empty; want true or false`)
	f("media: {coverage: [10.0.0.0/40]}", `e.yaml:1: media.coverage[0] is "10.0.0.0/40"; want a network such as 192.0.2.0/24, or an address`)
	f("links: {headers: [X-CID]}", `e.yaml:1: links.headers[0] is "X-CID"; want a header and what it is, such as Session-ID same, or X-CID call-id; behind it response or both where 2xx have it, and a regular expression (RE2) where it is not the whole header`)
	f("links: {headers: [To same]}", `e.yaml:1: links.headers[0] is "To same"; want a header that only the legs of one call have in common; with a regular expression behind it this one may be, such as From same ;call=([0-9a-f]+)`)
	f("links: {headers: ['X-CID same [0-9]*']}", `e.yaml:1: links.headers[0] is "X-CID same [0-9]*"; want a regular expression that does not match an empty value, such as id=([0-9]+)`)
	f("links: {headers: ['X-CID same [']}", `e.yaml:1: links.headers[0] is "X-CID same ["; want a header and what it is, such as Session-ID same, or X-CID call-id; behind it response or both where 2xx have it, and a regular expression (RE2) where it is not the whole header`)
	f("topology: {hosts: [192.0.2.10]}", `e.yaml:1: topology.hosts[0] is "192.0.2.10"; want an address or network, its name and, where it is known, its class (phone, registrar, proxy, b2bua, relay, gateway), such as 192.0.2.10 sbc-1 b2bua`)
	f("topology: {hosts: [192.0.2.10 sbc-1 sbc]}", `e.yaml:1: topology.hosts[0] is "192.0.2.10 sbc-1 sbc"; want an address or network, its name and, where it is known, its class (phone, registrar, proxy, b2bua, relay, gateway), such as 192.0.2.10 sbc-1 b2bua`)
	f("topology: {trunks: [203.0.113.0/28 carrier]}", `e.yaml:1: topology.trunks[0] is "203.0.113.0/28 carrier"; want the name of a trunk and a network or address of it, such as carrier-a 203.0.113.0/28`)
	f("topology: {max_hosts: 1, every: 1s}", "topology.max_hosts is 1; want 2 to 10000000", "topology.every is 1s; want 1m to 24h")
	f("hep: {ports: 9060}", `e.yaml:1: hep.ports is "9060"; want a list such as [9060]`)
	f("hep: {ports: [70000]}", `e.yaml:1: hep.ports[0] is "70000"; want a whole number from 0 to 65535`)
	f("hep: [1]", "e.yaml:1: hep is a list; want the keys listen, ports, nats, auth_key, max_skew, max_connections, receive_buffer below it")
	f("hep: {listen: {a: 1}}", "e.yaml:1: hep.listen is a group of keys; want text")
	f("log: {level: loud}", `e.yaml:1: log.level is "loud"; want debug, info, warn or error`)
	f("log: {format: xml}", `e.yaml:1: log.format is "xml"; want text or json`)
	f("data: a\ndata: b", "e.yaml:2: data stands here and in line 1; keep one")
	f("data: a\n---\ndata: b", "e.yaml: more than one YAML document; keep one")
	f("- a", "e.yaml:1: this is no configuration: want keys such as hep: or store:")
	f("a: [", "e.yaml: line 1: did not find expected node content")
	// Every problem at once.
	f("log: {level: loud}\nhpe: {}\nmedia: {idle: x}",
		`e.yaml:1: log.level is "loud"; want debug, info, warn or error`,
		"e.yaml:2: unknown key hpe; did you mean hep?",
		`e.yaml:3: media.idle is "x"; want a duration such as 250ms, 30s, 12h or 90d`)
	f("http: {listen: 9080}\nhep: {listen: ':99999'}\nagent: {domain: 'a b', collectors: ['http://x']}\nstore: {dsn: 'x:secret@'}",
		`http.listen is "9080"; want an address such as :9060 or 127.0.0.1:9060, or ""`,
		`hep.listen is ":99999"; want an address such as :9060 or 127.0.0.1:9060, or ""`,
		`agent.domain is "a b"; want a name of 1 to 64 bytes without spaces`,
		`agent.collectors[0] is "http://x"; want udp://host:port, tcp://host:port, tls://host:port or nats://host:port`,
		`store.dsn is "xxxxx"; want clickhouse://user:password@host:9000/database`)
	f("dialog: {longest_call: 1m, headers: ['*']}",
		`dialog.longest_call is 1m; want no less than dialog.timer_c (3m)`,
		`dialog.headers[0] is "*"; want a header name such as X-Trunk, or X-*`)
	f("agent: {thin: {users: ['(']}}", `e.yaml:1: agent.thin.users[0] is "("; want a regular expression (RE2) such as ^49301234[0-9]*$`)
	f("agent: {thin: {methods: [options], sample: 0, mask: hash, mask_key: secret, bodies: none}}",
		`agent.thin.methods[0] is "options"; want a method such as OPTIONS, in capitals`,
		`agent.thin.sample is 0; want 1 to 100`,
		`agent.thin.mask_key is "xxxxx"; want a secret of 16 characters or more for agent.thin.mask: hash, the same at every agent`,
		`agent.thin.bodies is "none"; want all or sdp`)
}

func TestEnvAndFlagErrors(t *testing.T) {
	_, _, err := Load(Sources{
		Env:   []string{"EARSHOT_DIALOG_T1=fast", "EARSHOT_HEP_PORTS=1,x"},
		Flags: []Setting{{"capture.buffer", "lots", "--buffer"}, {"hep.lisen", ":1", "--set"}},
	})
	want := []string{
		`EARSHOT_DIALOG_T1 is "fast"; want a duration such as 250ms, 30s, 12h or 90d`,
		`EARSHOT_HEP_PORTS is "1,x"; want a list with commas, each a whole number from 0 to 65535`,
		`--buffer is "lots"; want a size in bytes such as 65535, 64KiB or 2GiB`,
		`--set: unknown key hep.lisen; did you mean hep.listen?`,
	}
	if err == nil {
		t.Fatal("no error")
	}
	if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, _, err := Load(Sources{File: "no/such.yaml"}); err == nil || !strings.Contains(err.Error(), "no/such.yaml") {
		t.Errorf("a missing file gives %v", err)
	}
}

// What YAML prints gives the same configuration again, with every comment.
func TestPrintedConfigurationReadsBack(t *testing.T) {
	for _, change := range []func(*Config){
		func(*Config) {},
		func(c *Config) {
			c.Data, c.Agent.Node = "/var/x y", "true"
			c.HEP.Ports = []uint16{1, 2}
			c.Dialog.Emergency = []string{"110", "a: b"}
			c.Capture.Buffer, c.Store.Retention.Drops = 12345, 0
			c.Privacy.Scrub.DTMF, c.Log.Level = false, 4
			c.Topology.Hosts = []Host{
				{Network{netip.MustParsePrefix("192.0.2.10/32")}, "sbc-1", "b2bua"},
				{Network{netip.MustParsePrefix("2001:db8::/32")}, "x:1,", ""},
			}
			c.Capture.Ports, c.Capture.RTPPorts = []Ports{{5060, 5060}, {5080, 5090}}, []Ports{{10000, 20000}}
			c.Agent.Thin.Users, c.Agent.Thin.Methods = []Pattern{{regexp.MustCompile(`^\+49[0-9]{3,}: x`)}}, []string{"OPTIONS"}
			c.Capture.Hosts = []Network{{netip.MustParsePrefix("192.0.2.0/24")}}
			c.Topology.Trunks = []Trunk{{"carrier-a", Network{netip.MustParsePrefix("203.0.113.0/28")}}, {"b", Network{netip.MustParsePrefix("2001:db8::1/128")}}}
		},
	} {
		want := Default()
		change(&want)
		b, err := want.YAML()
		if err != nil {
			t.Fatal(err)
		}
		got := Default()
		if err := decodeYAML(b, "printed", &got); err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
			t.Errorf("(-want +got):\n%s\n%s", d, b)
		}
		if strings.Contains(string(b), "!!") {
			t.Errorf("a tag is printed:\n%s", b)
		}
		if n, m := strings.Count(string(b), "#"), strings.Count(string(defaultYAML), "#"); n != m {
			t.Errorf("%d comment lines printed, default.yaml has %d:\n%s", n, m, b)
		}
	}
	c := Default()
	c.HEP.AuthKey, c.Store.DSN = "topsecret", "clickhouse://u:topsecret@h:9000/d"
	if b, err := c.YAML(); err != nil || strings.Contains(string(b), "topsecret") || !strings.Contains(string(b), "u:xxxxx@h") {
		t.Errorf("secrets are not hidden (%v):\n%s", err, b)
	}
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "hep:\n  # listen: x\n"} {
		c, _, err := Load(Sources{File: write(t, text)})
		if d := cmp.Diff(Default(), c); err != nil || d != "" {
			t.Errorf("%q: %v\n%s", text, err, d)
		}
	}
}

func TestDurationAndSize(t *testing.T) {
	d := func(in, want string) {
		t.Helper()
		var v Duration
		if err := v.UnmarshalText([]byte(in)); err != nil || v.String() != want {
			t.Errorf("duration %q is %s (%v); want %s", in, v, err, want)
		}
	}
	d("250ms", "250ms")
	d("90s", "1m30s")
	d("600s", "10m")
	d("12h", "12h")
	d("1d", "24h")
	d("1.5d", "36h")
	d("90d", "90d")
	d("0", "0s")
	d("0d", "0s")
	s := func(in, want string, bytes int64) {
		t.Helper()
		var v Size
		if err := v.UnmarshalText([]byte(in)); err != nil || v.String() != want || int64(v) != bytes {
			t.Errorf("size %q is %s, %d (%v); want %s, %d", in, v, int64(v), err, want, bytes)
		}
	}
	s("65535", "65535", 65535)
	s("64KiB", "64KiB", 65536)
	s("64 KiB", "64KiB", 65536)
	s("1.5GiB", "1536MiB", 3<<29)
	s("2GB", "1953125KiB", 2e9)
	s("0", "0", 0)
	for _, in := range []string{"", "d", "-", "1e300d", "NaNd", "5", "1m1d"} {
		var v Duration
		if err := v.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("duration %q is %s; want an error", in, v)
		}
	}
	for _, in := range []string{"", "KiB", "-1", "1e300", "NaN", "9EiB", "1 2"} {
		var v Size
		if err := v.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("size %q is %s; want an error", in, v)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("# c\nlog: {level: warn}\nhep:\n  ports: [1, 2]\ndialog: {t1: 1s}\ncapture: {buffer: 1MiB}\n"))
	f.Add([]byte("hep: &a {listen: ':1'}\nmedia: *a"))
	f.Add([]byte("a: *a"))
	f.Add([]byte("? [a]\n: b"))
	defaults := Default()
	f.Fuzz(func(t *testing.T, b []byte) {
		c := defaults
		if decodeYAML(b, "fuzz", &c) != nil {
			return
		}
		printed, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		c.HEP.AuthKey, c.Store.DSN = "", ""
		again := defaults
		if err := decodeYAML(printed, "printed", &again); err != nil {
			t.Fatalf("%v in\n%s", err, printed)
		}
	})
}

func TestPorts(t *testing.T) {
	for in, want := range map[string]Ports{"5060": {5060, 5060}, "1-65535": {1, 65535}, "7-7": {7, 7}} {
		var p Ports
		if err := p.UnmarshalText([]byte(in)); err != nil || p != want {
			t.Errorf("%q: %v, %v", in, p, err)
		}
	}
	for _, in := range []string{"", "0", "65536", "9-8", "1-", "-1", "1-2-3", "sip", "0-5"} {
		var p Ports
		if err := p.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q was read as %v", in, p)
		}
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.1.2.3/8": "10.0.0.0/8", "192.0.2.1": "192.0.2.1/32", "2001:db8::/32": "2001:db8::/32",
		"::1": "::1/128", "::ffff:192.0.2.1": "192.0.2.1/32",
	} {
		var n Network
		if err := n.UnmarshalText([]byte(in)); err != nil || n.String() != want {
			t.Errorf("network %q is %s (%v); want %s", in, n, err, want)
		}
	}
	for _, in := range []string{"", "10", "10.0.0.0/", "10.0.0.0/33", "fe80::1%eth0", "example.com"} {
		var n Network
		if err := n.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("network %q is %s; want an error", in, n)
		}
	}
}

// TestLinkHeader reads headers of links and prints them again.
func TestLinkHeader(t *testing.T) {
	for text, want := range map[string]LinkHeader{
		"X-CID call-id":               {Name: "X-CID", CallID: true},
		"X-CID call-id response":      {Name: "X-CID", CallID: true, Direction: "response"},
		"X-Call same both id=([0-9])": {Name: "X-Call", Direction: "both", Match: regexp.MustCompile("id=([0-9])")},
		"X-Call same id=both":         {Name: "X-Call", Match: regexp.MustCompile("id=both")},
	} {
		var got LinkHeader
		if err := got.UnmarshalText([]byte(text)); err != nil || !got.Equal(want) || got.Direction != want.Direction || got.String() != text {
			t.Errorf("%s: %v, %+v", text, err, got)
		}
	}
}

package main

import (
	"encoding/json"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBadInput gives the program what it cannot use: each time one clear line
// on standard error that names the thing, and the exit status of the contract.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := file("notes.txt", "dear diary")
	empty := file("empty.pcap", "")
	good := sample(t, 1)
	unknownKey := file("unknown.yaml", "hep:\n  lisen: ':9060'\n")
	badValue := file("value.yaml", "hep:\n  listen: nonsense\n")
	notYAML := file("broken.yaml", "hep: [\n")
	codecs := func(name, row string) string {
		return file(name+".yaml", "media:\n  codecs: "+file(name+"-codecs.yaml", "# ours\n"+row)+"\n")
	}
	missing := filepath.Join(dir, "missing.pcap")

	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	taken := tcp.Addr().String()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	takenUDP := udp.LocalAddr().String()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	nobodyDSN := "clickhouse://u:secret@" + nobody + "/earshot"
	none := []string{"--http", "none", "--data", filepath.Join(dir, "data")}

	for _, c := range []struct {
		name string
		args []string
		code int
		want string // in the line on standard error
	}{
		{"no command", nil, exitUsage, `expected one of`},
		{"unknown command", []string{"frobnicate"}, exitUsage, `frobnicate`},
		{"unknown flag", []string{"read", "--fromat", "jsonl", good}, exitUsage, `unknown flag --fromat, did you mean "--format"`},
		{"unknown format", []string{"read", "--format", "xml", good}, exitUsage, `--format must be one of`},
		{"surplus argument", []string{"run", "now"}, exitUsage, `unexpected argument now`},
		{"log level", []string{"read", "--log-level", "loud", good}, exitUsage, `--log-level is "loud"; want debug, info, warn or error`},

		{"missing file", []string{"read", missing}, exitFailed, `missing.pcap: no such file`},
		{"one of two missing", []string{"read", good, missing}, exitFailed, `missing.pcap: no such file`},
		{"not a capture", []string{"read", text}, exitFailed, `notes.txt: not a capture file`},
		{"empty file", []string{"read", empty}, exitFailed, `empty.pcap: not a capture file: found an empty file`},
		{"folder without captures", []string{"read", dir}, exitFailed, `no capture among`},
		{"read: unreachable store", []string{"read", "--store", nobodyDSN, good}, exitFailed, `cannot reach ClickHouse at ` + nobody},
		{"read: no DSN", []string{"read", "--store", "nonsense", good}, exitFailed, `want clickhouse://`},

		{"unknown key", []string{"run", "--config", unknownKey}, exitUsage, `unknown.yaml:2: unknown key hep.lisen; did you mean hep.listen`},
		{"bad value", []string{"run", "--config", badValue}, exitUsage, `hep.listen is "nonsense"`},
		{"no YAML", []string{"run", "--config", notYAML}, exitUsage, `broken.yaml`},
		{"no configuration file", []string{"run", "--config", filepath.Join(dir, "missing.yaml")}, exitUsage, `missing.yaml: no such file`},
		{"no codecs file", []string{"read", "--config", file("nocodecs.yaml", "media: {codecs: missing.yaml}\n"), good}, exitUsage, `media.codecs: open missing.yaml: no such file or directory; name a file such as`},
		{"codecs: no list", []string{"run", "--config", codecs("list", "speex: 1\n")}, exitUsage, `list-codecs.yaml:2: this is a group of keys; want a list of codecs`},
		{"codecs: key", []string{"collector", "--config", codecs("key", "- {encoding: SPEEX, scale: wideband, ei: 3, ie: 1, bpl: 6}\n")}, exitUsage, `key-codecs.yaml:2: unknown key ei; did you mean ie`},
		{"codecs: value", []string{"check", "config", "--config", codecs("ie", "- encoding: SPEEX\n  scale: narrowband\n  ie: 94\n  bpl: 6\n")}, exitUsage, `ie-codecs.yaml:4: ie is 94; want 0 to 93, the base of narrowband`},
		{"codecs: mode", []string{"codecs", "--config", codecs("mode", "- {encoding: G723, mode: 8, scale: narrowband, ie: 4, bpl: 6}\n")}, exitUsage, `mode-codecs.yaml:2: mode is "8"; want one of G723's: G.723.1 6.3, G.723.1 5.3`},
		{"checked configuration", []string{"check", "config", "--config", unknownKey}, exitUsage, `unknown key hep.lisen`},
		{"no such check", []string{"check", "weather"}, exitUsage, `must be one of`},

		{"HEP port in use", append([]string{"run", "--hep", taken}, none...), exitFailed, `listen for HEP on tcp ` + taken + `: the port is in use`},
		{"HEP port in use on UDP", append([]string{"run", "--hep", takenUDP}, none...), exitFailed, `listen for HEP on udp ` + takenUDP + `: the port is in use`},
		{"HTTP port in use", []string{"run", "--hep", "127.0.0.1:0", "--http", taken}, exitFailed, `listen on tcp ` + taken + ` (http.listen): the port is in use`},
		{"address of another host", append([]string{"run", "--hep", "192.0.2.1:9060"}, none...), exitFailed, `this host does not have that address`},
		{"bad address", append([]string{"run", "--hep", "9060"}, none...), exitUsage, `hep.listen is "9060"; want an address`},
		{"interface", append([]string{"run", "--hep", "none", "--interface", "nosuch0"}, none...), exitFailed, `capture from interface "nosuch0": `},
		{"agent: interface", []string{"agent", "--interface", "nosuch0", "--collector", "udp://" + nobody}, exitFailed, `capture from interface "nosuch0": `},
		{"bus", append([]string{"run", "--bus", "carrier-pigeon"}, none...), exitUsage, `--bus carrier-pigeon`},
		{"run: unreachable store", append([]string{"run", "--hep", "127.0.0.1:0", "--store", nobodyDSN}, none...), exitFailed, `cannot reach ClickHouse at ` + nobody},
		{"collector: unreachable store", append([]string{"collector", "--hep", "127.0.0.1:0", "--store", nobodyDSN}, none...), exitFailed, `cannot reach ClickHouse at ` + nobody},
		{"data is a file", []string{"run", "--hep", "none", "--http", "none", "--data", text}, exitFailed, `not a directory; choose another with --data`},

		{"sql: no store", []string{"sql", "--data", filepath.Join(dir, "nothing"), "SELECT 1"}, exitFailed, `there is no store in`},
		{"sql: unreachable", []string{"sql", "--store", nobodyDSN, "SELECT 1"}, exitFailed, `cannot reach ClickHouse at ` + nobody},
		{"sql: no query", []string{"sql"}, exitUsage, `expected "<query>`},

		{"explain: no store", []string{"explain", "--data", filepath.Join(dir, "nothing"), "a@b"}, exitFailed, `there is no store in`},
		{"explain: unreachable", []string{"explain", "--store", nobodyDSN, "a@b"}, exitFailed, `cannot reach ClickHouse at ` + nobody},
		{"explain: no Call-ID", []string{"explain"}, exitUsage, `expected "<call-id>"`},
		{"explain: empty Call-ID", []string{"explain", "", "--read", good}, exitUsage, `the Call-ID is empty`},
		{"explain: two Call-IDs", []string{"explain", "a@b", "c@d"}, exitUsage, `unexpected argument c@d`},
		{"topology: no store", []string{"topology", "--data", filepath.Join(dir, "nothing")}, exitFailed, `there is no store in`},
		{"topology: two sources", []string{"topology", "--read", good, "--store", nobodyDSN}, exitUsage, `--read and --data or --store: give one of them`},
		{"explain: two sources", []string{"explain", "a@b", "--read", good, "--store", nobodyDSN}, exitUsage, `--read and --data or --store: give one of them`},
		{"explain: missing file", []string{"explain", "a@b", "--read", missing}, exitFailed, `missing.pcap: no such file`},
		{"explain: not a capture", []string{"explain", "a@b", "--read", text}, exitFailed, `notes.txt: not a capture file`},
		{"explain: no such call", []string{"explain", "a@b", "--read", good}, exitFailed, `no call has a Call-ID that is or begins with "a@b"; ` + "`earshot read` lists"},

		{"agent: nothing to capture", []string{"agent", "--collector", "udp://" + nobody}, exitUsage, `nothing to capture: give --interface NAME or --read FILE`},
		{"agent: both", []string{"agent", "--interface", "lo", "--read", good, "--collector", "udp://" + nobody}, exitUsage, `--interface and --read: give one of them`},
		{"agent: follows nothing", []string{"agent", "--interface", "lo", "--follow", "--collector", "udp://" + nobody}, exitUsage, `--follow: name what to follow with --read`},
		{"agent: follows slowly", []string{"agent", "--read", good, "--follow", "--pace", "realtime", "--collector", "udp://" + nobody}, exitUsage, `--follow and --pace realtime`},
		{"read: follows slowly", []string{"read", good, "--follow", "--pace", "realtime"}, exitUsage, `--follow and --pace realtime`},
		{"read: follows standard input", []string{"read", "--follow", "-"}, exitUsage, `standard input goes neither with directories nor with --follow`},
		{"read: follows what is not there", []string{"read", "--follow", missing}, exitFailed, `missing.pcap: no such file`},
		{"agent: no collector", []string{"agent", "--read", good}, exitUsage, `no collector: name one with --collector`},
		{"agent: bad collector", []string{"agent", "--read", good, "--collector", "smoke://signal"}, exitUsage, `is "smoke://signal"; want udp://host:port, tcp://host:port`},
		{"agent: missing file", []string{"agent", "--read", missing, "--collector", "udp://" + nobody}, exitFailed, `missing.pcap: no such file`},
		{"agent: no TCP collector", []string{"agent", "--read", good, "--collector", "tcp://" + nobody}, exitFailed, `collector tcp://` + nobody + `: `},
		{"agent: no UDP collector", []string{"agent", "--read", good, "--collector", "udp://" + nobody}, exitFailed, `collector udp://` + nobody + `: `},

		{"synth: no output", []string{"synth"}, exitUsage, `give one of --pcap FILE and --hep URL`},
		{"synth: codec", []string{"synth", "--codec", "opal", "--pcap", filepath.Join(dir, "x")}, exitUsage, `codec "opal" is not one of`},
		{"synth: loss", []string{"synth", "--loss", "200", "--pcap", filepath.Join(dir, "x")}, exitUsage, `loss 200`},
		{"synth: no call", []string{"synth", "--calls", "0", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--calls 0: give 1 or more`},
		{"synth: calls below 0", []string{"synth", "--calls=-1", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--calls -1: give 1 or more`},
		{"synth: seconds no number", []string{"synth", "--seconds", "nan", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--seconds NaN`},
		{"synth: no seconds", []string{"synth", "--seconds", "0", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--seconds 0: give more than 0`},
		{"synth: seconds without end", []string{"synth", "--seconds", "inf", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--seconds +Inf`},
		{"synth: burst of a half", []string{"synth", "--burst", "0.5", "--loss", "5", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--burst 0.5: give 1 or more`},
		{"synth: burst no number", []string{"synth", "--burst", "nan", "--loss", "5", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--burst NaN`},
		{"synth: burst of nothing", []string{"synth", "--burst", "4", "--pcap", filepath.Join(dir, "x")}, exitUsage, `give --loss PCT too`},
		{"synth: unknown encapsulation", []string{"synth", "--encap", "vxlan,pigeon", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--encap: encapsulation "pigeon": there are erspan1,`},
		{"synth: impossible encapsulation", []string{"synth", "--encap", "gtpu,mpls", "--pcap", filepath.Join(dir, "x")}, exitUsage, `"gtpu" cannot carry "mpls"`},
		{"synth: encapsulated HEP", []string{"synth", "--encap", "vxlan", "--hep", "udp://127.0.0.1:9060"}, exitUsage, `HEP carries no tunnels`},
		{"synth: rate of a capture", []string{"synth", "--rate", "4", "--pcap", filepath.Join(dir, "x")}, exitUsage, `it is for --hep`},
		{"synth: scenario with loss", []string{"synth", "--scenario", "busy", "--loss", "5", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--loss: --scenario busy is what it is`},
		{"synth: scenario with codec", []string{"synth", "--scenario", "busy", "--codec", "G729", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--codec: --scenario busy is what it is`},
		{"synth: scenario with a bridge", []string{"synth", "--scenario", "busy", "--bridge", "media", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--bridge: --scenario busy is what it is`},
		{"synth: scenario with numbers", []string{"synth", "--scenario", "busy", "--numbers", "20", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--numbers: --scenario busy is what it is`},
		{"synth: numbers below 0", []string{"synth", "--numbers=-1", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--numbers -1: give 1 or more`},
		{"synth: scenario", []string{"synth", "--scenario", "peace", "--pcap", filepath.Join(dir, "x")}, exitUsage, `scenario "peace"`},
		{"synth: start", []string{"synth", "--start", "soon", "--pcap", filepath.Join(dir, "x")}, exitUsage, `--start "soon"`},
		{"synth: folder missing", []string{"synth", "--calls", "1", "--pcap", filepath.Join(dir, "no", "x")}, exitFailed, `no such file or directory`},
		{"synth: HEP", []string{"synth", "--calls", "1", "--hep", "carrier://pigeon"}, exitUsage, `--hep "carrier://pigeon"`},
		{"synth: no collector", []string{"synth", "--calls", "1", "--hep", "tcp://" + nobody}, exitFailed, `connection refused`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := command(t, c.args...)
			if code != c.code {
				t.Errorf("status %d, want %d", code, c.code)
			}
			if out != "" {
				t.Errorf("standard output has %q", out)
			}
			line := complaint(t, errs)
			if !strings.Contains(line, c.want) {
				t.Errorf("it says %q, want %q", line, c.want)
			}
			if strings.Contains(errs, "secret") {
				t.Errorf("it tells the password: %s", errs)
			}
		})
	}
}

// logged are lines of the log and the hint after a usage error: what is
// neither is the complaint.
var logged = regexp.MustCompile(`^(time=|Try: earshot )`)

// complaint is the one line on standard error that is no log.
func complaint(t *testing.T, stderr string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(stderr) {
		if line = strings.TrimSpace(line); line != "" && !logged.MatchString(line) {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "earshot: ") {
		t.Errorf("standard error has %d lines beside the log, want one of earshot:\n%s", len(lines), stderr)
		return stderr
	}
	return lines[0]
}

// TestTruncatedCapture cuts a capture inside a record: what precedes the cut
// is given, and the place is named.
func TestTruncatedCapture(t *testing.T) {
	whole, err := os.ReadFile(sample(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.pcap")
	if err := os.WriteFile(cut, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, "read", "--format", "jsonl", cut)
	if code != exitFailed {
		t.Errorf("status %d", code)
	}
	if line := complaint(t, errs); !regexp.MustCompile(`cut\.pcap: truncated: the record at byte \d+ is not whole`).MatchString(line) {
		t.Errorf("it says %q", line)
	}
	types := map[string]int{}
	var last string
	for line := range strings.Lines(out) {
		var row struct{ Type string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		last = row.Type
		types[last]++
	}
	if types["call"] != 1 || types["stream"] != 2 || last != "summary" {
		t.Errorf("it gave %v, and last a %s", types, last)
	}
}

// TestWrongPassword asks a store that wants another one.
func TestWrongPassword(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	c := serving(t, nil, "run", "--data", data)
	u, err := url.Parse(engineDSN(t, data))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("earshot", "guessed")
	good := sample(t, 1)
	for _, args := range [][]string{
		{"sql", "--store", u.String(), "SELECT 1"},
		{"read", "--store", u.String(), good},
		{"collector", "--hep", "127.0.0.1:0", "--http", "none", "--store", u.String()},
	} {
		code, out, errs := command(t, args...)
		line := complaint(t, errs)
		if code != exitFailed || out != "" || !strings.Contains(strings.ToLower(line), "password") || strings.Contains(line, "guessed") {
			t.Errorf("%s: status %d, %q, %q", args[0], code, out, line)
		}
	}
	// Two programs cannot have one data folder.
	code, _, errs := command(t, "run", "--data", data, "--hep", "127.0.0.1:0", "--http", "none")
	if line := complaint(t, errs); code != exitFailed || !strings.Contains(line, "the data directory is in use") {
		t.Errorf("second run: status %d, %q", code, line)
	}
	if n := askNumber(t, data, "SELECT 1"); n != 1 { // and the first is none the worse
		t.Errorf("%v", n)
	}
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
}

// TestStatementErrors asks what the store does not answer.
func TestStatementErrors(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	serving(t, nil, "run", "--data", data)
	for query, want := range map[string]string{
		"SELEC 1":                      "Syntax error",
		"SELECT nothing FROM calls":    "nothing",
		"SELECT 1 FROM nowhere":        "nowhere",
		"DROP TABLE calls":             "--write",
		"INSERT INTO calls SELECT 1":   "--write",
		"SELECT * FROM file('/etc/x')": "",
	} {
		code, out, errs := command(t, "sql", "--data", data, query)
		if line := complaint(t, errs); code != exitFailed || out != "" || !strings.Contains(line, want) {
			t.Errorf("%s: status %d, %q, %q", query, code, out, line)
		}
	}
}

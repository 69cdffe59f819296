package main

import (
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/analyzer/topology"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// rolesOf are the roles of each host by its last row, and its User-Agent.
func rolesOf(hosts []*record.Host) (is, agent map[string]string) {
	is, agent = map[string]string{}, map[string]string{}
	for _, h := range hosts {
		is[h.IP.String()] = roles(h)
		if h.UserAgent != nil {
			agent[h.IP.String()] = *h.UserAgent
		}
	}
	return is, agent
}

// TestScenarioHosts: what hosts are is known of each scenario.
func TestScenarioHosts(t *testing.T) {
	const alice, bob, proxy, b2bua = "198.51.100.20", "203.0.113.40", "192.0.2.10", "192.0.2.30"
	for name, want := range map[string]map[string]string{
		"answered":               {alice: "phone", bob: "phone"},
		"challenged":             {alice: "phone", bob: "phone"},
		"blind-transfer":         {alice: "phone", bob: "phone"},
		"attended-transfer":      {alice: "phone", bob: "phone"},
		"proxy-hops":             {alice: "phone", proxy: "proxy", bob: "phone"},
		"spiral":                 {alice: "phone", proxy: "proxy", "192.0.2.50": "proxy", bob: "phone"},
		"serial-fork":            {alice: "phone", proxy: "proxy", "203.0.113.81": "unknown", "203.0.113.82": "phone"},
		"proxy-with-media-relay": {alice: "phone", proxy: "proxy+relay", bob: "phone"},
		"b2bua":                  {alice: "phone", b2bua: "b2bua", bob: "phone"},
		"same-call-id-b2bua":     {alice: "phone", b2bua: "b2bua", bob: "phone"},
		"not-found":              {alice: "unknown", bob: "unknown"},
		"no-answer-at-all":       {alice: "unknown", bob: "unknown"},
		"cgnat":                  {alice: "phone", "198.51.100.77": "unknown", bob: "phone"},
		"hold-music":             {alice: "phone", bob: "phone"},
		"shared-media-port":      {alice: "phone", bob: "phone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := readScenario(t, name, 1)
			is, _ := rolesOf(got.hosts)
			for ip, class := range want {
				if is[ip] != class {
					t.Errorf("%s is %s, want %s", ip, is[ip], class)
				}
			}
		})
	}
}

// TestBridgedHosts: the B2BUAs of many calls are found, however little ties
// the legs, and the phones are none.
func TestBridgedHosts(t *testing.T) {
	for _, how := range synth.Bridges() {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c, err := synth.Calls(synth.Options{Calls: 200, Concurrent: 20, Seconds: 2, Bridge: how, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			f := framesOf(c)
			defer f.stop()
			got := readAll(t, f)
			boxes := map[netip.Addr]bool{} // an address that a leg goes to and another comes from
			to := map[netip.Addr]bool{}
			for _, r := range got.calls {
				to[*r.DstIP] = true
			}
			for _, r := range got.calls {
				boxes[*r.SrcIP] = boxes[*r.SrcIP] || to[*r.SrcIP]
			}
			last := map[netip.Addr]*record.Host{}
			for _, h := range got.hosts {
				last[h.IP] = h
			}
			n := 0
			for ip, h := range last {
				if boxes[ip] {
					n++
				}
				if boxes[ip] != (h.Class == "b2bua") {
					t.Errorf("%s is %s (%.2f): %s", ip, h.Class, h.Confidence, strings.Join(h.Evidence, "; "))
				}
			}
			t.Logf("%d hosts, %d of them B2BUAs", len(last), n)
			if n == 0 {
				t.Error("no B2BUA")
			}
		})
	}
}

// TestCorpusHosts: captures of real programs whose parts are known.
func TestCorpusHosts(t *testing.T) {
	dir := corpusDir(t)
	for name, want := range map[string]map[string]string{
		// Kamailio and rtpengine on one host, between load generators.
		"generated/kam_hep3_udp__sip_rtp_sll": {"10.88.0.5": "proxy+relay", "10.88.1.2": "gateway", "10.88.2.2": "phone"},
		"generated/kam_hep2_udp__sip_rtp_sll": {"10.88.0.5": "proxy+relay", "10.88.2.2": "phone"},
		// The same proxy by its own HEP, which has no media.
		"generated/kam_hep3_udp__hep_only": {"10.88.0.5": "proxy", "10.88.2.2": "phone"},
		"generated/ben_register":           {"10.88.0.5": "registrar", "10.88.0.1": "phone"},
		"generated/att_tollfraud":          {"10.88.0.66": "unknown"},
		// Asterisk between two phones, of which one side's signalling and media are there.
		"odedshimon+BruteShark/Asterisk_ZFONE_XLITE": {"192.168.10.2": "b2bua+registrar", "192.168.10.41": "phone"},
		// A client and its provider.
		"altanai+kamailioexamples/al1": {"172.16.19.217": "phone", "13.234.177.239": "phone"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := readCapture(t, filepath.Join(dir, name+".pcap"))
			is, agent := rolesOf(got.hosts)
			for ip, class := range want {
				if is[ip] != class {
					t.Errorf("%s is %s, want %s", ip, is[ip], class)
				}
				if strings.HasPrefix(class, "proxy") && !strings.HasPrefix(agent[ip], "kamailio") {
					t.Errorf("%s calls itself %q: that is of another", ip, agent[ip])
				}
			}
		})
	}
}

// TestTrunks: calls and their tries have the trunks that configuration names.
func TestTrunks(t *testing.T) {
	config := run.Default()
	for _, text := range []string{"office 198.51.100.0/24", "carrier-a 203.0.113.81", "carrier-b 203.0.113.82"} {
		var trunk run.Trunk
		if err := trunk.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		config.Topology.Trunks = append(config.Topology.Trunks, trunk)
	}
	var host run.Host
	if err := host.UnmarshalText([]byte("192.0.2.0/24 core proxy")); err != nil {
		t.Fatal(err)
	}
	config.Topology.Hosts = []run.Host{host}
	c, err := synth.Scenario("serial-fork", 1)
	if err != nil {
		t.Fatal(err)
	}
	f := framesOf(c)
	defer f.stop()
	got := readWith(t, &reading{source: f, config: config, node: "local"})
	if len(got.calls) != 1 || len(got.attempts) != 2 {
		t.Fatalf("%d calls and %d attempts, want 1 and 2", len(got.calls), len(got.attempts))
	}
	if r := got.calls[0]; text(r.TrunkIn) != "office" || text(r.TrunkOut) != "carrier-b" {
		t.Errorf("the call came by %s and went by %s, want office and carrier-b, which took it", text(r.TrunkIn), text(r.TrunkOut))
	}
	for i, want := range []string{"carrier-a", "carrier-b"} {
		if is := text(got.attempts[i].TrunkOut); is != want {
			t.Errorf("attempt %d went by %s, want %s", i, is, want)
		}
	}
	for _, h := range got.hosts {
		switch h.IP.String() {
		case "192.0.2.10":
			if text(h.Name) != "core" || h.Class != "proxy" || h.Confidence != 1 {
				t.Errorf("the proxy is %s, %s, %v", text(h.Name), h.Class, h.Confidence)
			}
		case "203.0.113.81":
			if text(h.Trunk) != "carrier-a" || h.Class != "gateway" || h.Confidence != 1 {
				t.Errorf("the carrier is of %s, %s, %v", text(h.Trunk), h.Class, h.Confidence)
			}
		}
	}
}

// TestHostClasses: configuration takes the classes that can be learned, and the
// table prints them all.
func TestHostClasses(t *testing.T) {
	for _, class := range classes {
		var h run.Host
		taken := h.UnmarshalText([]byte("192.0.2.1 x "+class)) == nil
		if taken != topology.IsClass(class) || taken == (class == string(topology.Unknown)) {
			t.Errorf("%s: configuration takes it: %v; it can be learned: %v", class, taken, topology.IsClass(class))
		}
	}
}

// TestTopologyCommand prints the hosts of a capture in all formats.
func TestTopologyCommand(t *testing.T) {
	file, _ := scenarioFile(t, "proxy-with-media-relay")
	earshot := func(args ...string) string {
		t.Helper()
		code, out, errs := command(t, append([]string{"topology", "--read", file}, args...)...)
		if code != exitDone {
			t.Fatalf("status %d: %s", code, errs)
		}
		return out
	}
	lines := strings.Split(earshot(), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], "CLASS ") {
		t.Fatalf("the table is\n%s", strings.Join(lines, "\n"))
	}
	for i, want := range []string{"proxy+relay 192.0.2.10", "phone 198.51.100.20", "phone 203.0.113.40"} {
		if got := strings.Join(strings.Fields(lines[1+i])[:2], " "); got != want {
			t.Errorf("line %d begins with %s, want %s", 1+i, got, want)
		}
	}
	if !strings.Contains(lines[1], "relayed 2 of 2 streams") || !strings.Contains(lines[1], "forwarded") {
		t.Errorf("the proxy's line does not say why: %s", lines[1])
	}
	rows, err := csv.NewReader(strings.NewReader(earshot("--format", "csv"))).ReadAll()
	if err != nil || len(rows) != 4 || rows[1][0] != "proxy" || rows[1][5] != "proxy relay" {
		t.Errorf("csv: %v, %q", err, rows)
	}
	n := 0
	for line := range strings.Lines(earshot("--format", "jsonl")) {
		var row struct{ Type, Class string }
		if err := json.Unmarshal([]byte(line), &row); err != nil || row.Type != "host" || row.Class == "" {
			t.Errorf("%v: %s", err, line)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d JSON lines, want 3", n)
	}
	file = synthFile(t, synth.Options{Calls: 1})
	if b, err := os.ReadFile(file); err != nil || os.WriteFile(file, b[:24], 0o600) != nil { // no packet behind the header
		t.Fatal(err)
	}
	if got := earshot(); got != "no hosts: nobody signals or sends media there\n" {
		t.Errorf("of a capture without packets: %s", got)
	}
}

// TestTopologyStored prints the hosts of a store as those of the capture, each
// by its newest row.
func TestTopologyStored(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	c := serving(t, nil, "run", "--data", data)
	file, _ := scenarioFile(t, "b2bua")
	if code, _, errs := command(t, "read", "--store", engineDSN(t, data), file); code != exitDone {
		t.Fatalf("read --store: status %d: %s", code, errs)
	}
	for _, format := range []string{"table", "csv", "jsonl"} {
		_, want, _ := command(t, "topology", "--format", format, "--read", file)
		code, got, errs := command(t, "topology", "--format", format, "--data", data)
		if code != exitDone || got != want || !strings.Contains(got, "b2bua") {
			t.Errorf("%s: status %d: %s\nfrom the store:\n%s\nfrom the capture:\n%s", format, code, errs, got, want)
		}
	}
	// An older row of a host, which is not the one that stands.
	exec := "INSERT INTO hosts (domain, first_seen, time, since, ip, class) SELECT domain, first_seen - 60, time - 60, since - 60, ip, 'unknown' FROM hosts"
	if code, _, errs := command(t, "sql", "--write", "--data", data, exec); code != exitDone {
		t.Fatalf("status %d: %s", code, errs)
	}
	if n := askNumber(t, data, "SELECT toFloat64(count()) FROM topology WHERE class != 'unknown'"); n != 3 {
		t.Errorf("the view has %v hosts of a class, want 3", n)
	}
	if _, got, _ := command(t, "topology", "--data", data); strings.Contains(got, "unknown") {
		t.Errorf("an old row stands:\n%s", got)
	}
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
}

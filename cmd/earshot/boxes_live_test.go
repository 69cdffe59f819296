package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// network is a network namespace in which a test and all that it starts live.
type network struct {
	t     *testing.T
	data  string
	calls int
}

const insideEnv = "TEST_IN_NAMESPACE"

// inNamespace runs the test in a network namespace of its own, in a process of
// its own: nil there means that it was run, and how it ended was taken over.
func inNamespace(t *testing.T, calls int, programs ...string) *network {
	t.Helper()
	needEngine(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes a network namespace, captures in it, and SIPp plays from raw sockets")
	}
	for _, p := range append(programs, "sipp", "unshare", "ip") {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is absent (make deps-test)", p)
		}
	}
	if os.Getenv(insideEnv) == "" {
		cmd := exec.CommandContext(t.Context(), "unshare", "--net", os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "5m")
		cmd.Env = append(os.Environ(), insideEnv+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Fatalf("in its namespace: %v\n%s", err, out)
		}
		t.Logf("%s", out)
		return nil
	}
	n := &network{t: t, data: t.TempDir(), calls: calls}
	n.run("ip", "link", "set", "lo", "up")
	return n
}

// run runs a short program.
func (n *network) run(name string, args ...string) {
	n.t.Helper()
	if out, err := exec.CommandContext(n.t.Context(), name, args...).CombinedOutput(); err != nil {
		n.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// background starts a program that runs until the test ends.
func (n *network) background(dir, name string, args ...string) {
	n.t.Helper()
	var out lockedBuffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = dir, &out, &out, time.Second
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		ended := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		ended.Stop()
		if n.t.Failed() {
			text := out.String()
			n.t.Logf("%s wrote:\n%s", name, text[max(0, len(text)-4000):])
		}
	})
}

// listen has earshot capture what it is told on the loopback interface.
func (n *network) listen(filter string) *child {
	n.t.Helper()
	config := filepath.Join(n.data, "earshot.yaml")
	if err := os.WriteFile(config, []byte("capture:\n  filter: "+filter+"\n"), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return serving(n.t, nil, "run", "--config", config, "--data", n.data, "--interface", "lo")
}

// sipp prepares SIPp with media at an address.
func (n *network) sipp(scenario, address string, mediaPort int, more ...string) *exec.Cmd {
	n.t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "sipp", scenario))
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.CommandContext(n.t.Context(), "sipp", append([]string{
		"-sf", path, "-i", address, "-mi", address, "-p", "5060", "-mp", strconv.Itoa(mediaPort), "-m", strconv.Itoa(n.calls), "-nostdin",
	}, more...)...)
	cmd.Dir = n.sounds()
	return cmd
}

// sounds is the folder of what SIPp plays: g711a.pcap, which has one SSRC for all
// calls, and sound.raw, which SIPp streams with one for each.
func (n *network) sounds() string {
	n.t.Helper()
	dir := filepath.Join(n.data, "sounds")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		n.t.Fatal(err)
	}
	const debian = "/usr/share/sip-tester/g711a.pcap"
	if err := os.Symlink(debian, filepath.Join(dir, "g711a.pcap")); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sound.raw"), bytes.Repeat([]byte{0xd5}, 8*8000), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return dir
}

// call has SIPp place the calls from 127.99.1.1, by way of a box.
func (n *network) call(scenario, box string, rate int) {
	n.t.Helper()
	if out, err := n.sipp(scenario, "127.99.1.1", 22000, "-s", "+442079460000", "-r", strconv.Itoa(rate), box+":5060").CombinedOutput(); err != nil {
		n.t.Fatalf("sipp: %v\n%s", err, out)
	}
}

// place has SIPp place the calls and answer them at 127.99.1.2; both play eight
// seconds of sound.
func (n *network) place(caller, callee, box string, rate int) {
	n.t.Helper()
	called := n.sipp(callee, "127.99.1.2", 20000)
	if err := called.Start(); err != nil {
		n.t.Fatal(err)
	}
	time.Sleep(time.Second) // until all of them listen
	n.call(caller, box, rate)
	if err := called.Wait(); err != nil {
		n.t.Errorf("sipp of the callee: %v", err)
	}
}

// want asks the store, and compares.
func (n *network) want(questions map[string]float64) {
	n.t.Helper()
	for query, want := range questions {
		if got := askNumber(n.t, n.data, query); got != want {
			n.t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

// hosts compares what boxes are taken for, once earshot has stopped. SIPp is
// none of them.
func (n *network) hosts(want map[string]string) {
	n.t.Helper()
	code, out, errs := command(n.t, "topology", "--data", n.data, "--format", "csv")
	if code != exitDone {
		n.t.Fatalf("topology: status %d: %s", code, errs)
	}
	n.t.Logf("%s", out)
	for line := range strings.Lines(out) {
		is := strings.Split(line, ",")
		if class := want[is[1]]; class != "" && class != is[0] || class == "" && slices.Contains([]string{"proxy", "relay", "b2bua", "registrar"}, is[0]) {
			n.t.Errorf("%s is taken for %s", is[1], is[0])
		}
		delete(want, is[1])
	}
	if len(want) > 0 {
		n.t.Errorf("nothing is said of %v", want)
	}
}

// modules is where Debian keeps the modules of a program.
func modules(t *testing.T, pattern string) string {
	t.Helper()
	found, _ := filepath.Glob(pattern)
	if len(found) == 0 {
		t.Skipf("there are no modules at %s", pattern)
	}
	return filepath.Dir(found[0])
}

// configured copies a file of testdata with the path of modules put in.
func (n *network) configured(name, modules string) string {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		n.t.Fatal(err)
	}
	path := filepath.Join(n.data, filepath.Base(name))
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), "MODULES", modules)), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return path
}

// relay starts Kamailio, rtpengine and earshot; every tenth packet of the callers
// is seen on the way to rtpengine, but never comes in.
func (n *network) relay(module string, more ...string) *child {
	n.t.Helper()
	n.background(n.data, "rtpengine", "--interface=127.99.1.20", "--listen-ng=127.99.1.20:2223", "--table=-1", "--foreground", "--log-stderr", "--log-level=3", "--port-min=30000", "--port-max=34000")
	config := n.configured("kamailio/relay.cfg", modules(n.t, "/usr/lib/*/kamailio/modules/"+module+".so"))
	n.background(n.data, "kamailio", append([]string{"-DD", "-E", "-m", "64", "-M", "8", "-f", config}, more...)...)
	n.run("iptables", "-A", "INPUT", "-s", "127.99.1.1", "-d", "127.99.1.20", "-p", "udp", "-m", "statistic", "--mode", "nth", "--every", "10", "--packet", "5", "-j", "DROP")
	return n.listen("udp and net 127.99.0.0/16 and not port 2223")
}

// whole fails the test where the capture lost packets: then nothing can be said of
// what others lost.
func (n *network) whole() {
	n.t.Helper()
	if dropped := askNumber(n.t, n.data, "SELECT sum(count) FROM drops WHERE stage = 'capture'"); dropped > 0 {
		n.t.Fatalf("the capture lost %v packets: nothing can be said of the relay's", dropped)
	}
}

// TestProxyWithRelay: Kamailio as proxy and rtpengine as media relay, both sides
// seen at one point, and every tenth packet of the callers lost between the
// relay's two sides. Each call is one row and one session; media of each
// direction counts once, and the loss is found in the relay.
func TestProxyWithRelay(t *testing.T) {
	n := inNamespace(t, 100, "kamailio", "rtpengine", "iptables")
	if n == nil {
		return
	}
	c := n.relay("tm")
	n.place("uac_routes.xml", "uas_routes.xml", "127.99.1.10", 20)
	const calls, sound = 100, 236
	awaitNumber(t, n.data, 45*time.Second, "SELECT count() FROM calls", calls)
	n.whole()
	n.want(map[string]float64{
		"SELECT uniqExact(session_id) FROM legs": calls,
		"SELECT count() FROM links":              0,
		"SELECT count() FROM calls WHERE state = 'answered' AND session_id = call_id AND media_seen = 'both'": calls,
		"SELECT count() FROM streams":                                                                         4 * calls,
		"SELECT countIf(segment = '1/2') FROM streams":                                                        2 * calls,
		"SELECT sum(b_packets) FROM calls":                                                                    sound * calls,
		"SELECT sum(a_packets) FROM calls":                                                                    sound * calls * 9 / 10,
		"SELECT sum(lost) FROM streams WHERE segment = '1/2'":                                                 0,
		"SELECT sum(lost) FROM streams WHERE direction = 'b'":                                                 0,
		"SELECT sum(abs(segment_lost)) FROM streams WHERE direction = 'b'":                                    0,
		"SELECT sum(segment_lost) FROM streams WHERE direction = 'a'":                                         sound * calls / 10,
		"SELECT countIf(segment_lost = 236 - packets) FROM streams WHERE direction = 'a' AND segment = '2/2'": calls,
		"SELECT countIf(segment_delay_ms NOT BETWEEN 0 AND 50) FROM streams":                                  0,
		"SELECT countIf(segment_delay_ms >= 0) FROM streams WHERE direction = 'b' AND segment = '2/2'":        calls,
		"SELECT count() FROM messages WHERE method = 'INVITE' AND status IS NULL AND NOT retransmission":      2 * calls,
	})
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
	n.hosts(map[string]string{"127.99.1.10": "proxy", "127.99.1.20": "relay"})
}

// TestHiddenLegs: Kamailio and rtpengine as a B2BUA that passes media on as it is.
// The second leg has a Call-ID of its own and shows nothing of the first one, but
// its media has the same SSRC. Every tenth packet of the callers is lost in the
// relay: between the legs, of which each has each direction once.
func TestHiddenLegs(t *testing.T) {
	n := inNamespace(t, 100, "kamailio", "rtpengine", "iptables")
	if n == nil {
		return
	}
	c := n.relay("topoh", "-A", "HIDE")
	n.place("uac_routes_ssrc.xml", "uas_routes_ssrc.xml", "127.99.1.10", 10)
	const calls, sound = 100, 400
	awaitNumber(t, n.data, 45*time.Second, "SELECT count() FROM calls", 2*calls)
	n.whole()
	n.want(map[string]float64{
		"SELECT count() FROM calls WHERE state = 'answered' AND media_seen = 'both'":                                                               2 * calls,
		"SELECT uniqExact(session_id) FROM legs":                                                                                                   calls,
		"SELECT count() FROM (SELECT session_id FROM legs GROUP BY session_id HAVING count() = 2 AND uniqExact(caller) = 1)":                       calls,
		"SELECT count() FROM links WHERE merged AND method != 'session'":                                                                           calls,
		"SELECT count() FROM links WHERE merged AND method = 'ssrc'":                                                                               calls,
		"SELECT count() FROM streams WHERE match = 'sdp'":                                                                                          4 * calls,
		"SELECT count() FROM calls AS c JOIN (" + eachDirection + ") AS s USING call_id WHERE c.a_packets = s.a AND c.b_packets = s.b AND s.n = 2": 2 * calls,
		"SELECT sum(a_packets) FROM calls WHERE src_ip = toIPv6('127.99.1.1')":                                                                     sound * calls,
		"SELECT sum(a_packets) FROM calls WHERE dst_ip = toIPv6('127.99.1.2')":                                                                     sound * calls * 9 / 10,
		"SELECT sum(b_packets) FROM calls WHERE b_packets = " + strconv.Itoa(sound):                                                                2 * sound * calls,
		"SELECT countIf(segment = '1/2' AND segment_lost IS NULL) FROM streams":                                                                    2 * calls,
		"SELECT countIf(segment = '2/2') FROM streams":                                                                                             2 * calls,
		"SELECT sum(segment_lost) FROM streams WHERE direction = 'a'":                                                                              sound * calls / 10,
		"SELECT countIf(segment_lost != 400 - packets) FROM streams WHERE segment = '2/2'":                                                         0,
		"SELECT countIf(segment_delay_ms NOT BETWEEN 0 AND 50) FROM streams":                                                                       0,
	})
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
	// It still forwards requests and records its route.
	n.hosts(map[string]string{"127.99.1.10": "proxy", "127.99.1.20": "relay"})
}

// eachDirection adds up the streams of each call.
const eachDirection = "SELECT call_id, sumIf(packets, direction = 'a') AS a, sumIf(packets, direction = 'b') AS b, count() AS n FROM streams GROUP BY call_id"

// TestB2BUA: baresip as back-to-back user agent, which decodes media and sends it
// anew. A hundred calls are two hundred rows and a hundred sessions.
func TestB2BUA(t *testing.T) {
	n := inNamespace(t, 100, "baresip")
	if n == nil {
		return
	}
	for _, a := range []string{"127.99.1.1", "127.99.1.2", "127.99.1.30"} {
		n.run("ip", "addr", "add", a+"/32", "dev", "lo")
		// baresip binds its media to no address, and what goes to an address of the
		// host itself leaves with that one unless its route says otherwise.
		n.run("ip", "route", "change", "local", a, "dev", "lo", "src", "127.99.1.30", "table", "local")
	}
	n.configured("baresip/config", modules(t, "/usr/lib/baresip/modules/b2bua.so"))
	n.configured("baresip/accounts", "")
	n.background(n.data, "baresip", "-f", n.data, "-t", "120")
	c := n.listen("udp and net 127.99.0.0/16")
	n.place("uac.xml", "uas.xml", "127.99.1.30", 10)
	const calls, sound = 100, 236
	awaitNumber(t, n.data, 45*time.Second, "SELECT count() FROM calls", 2*calls)
	n.want(map[string]float64{
		"SELECT count() FROM calls WHERE state = 'answered' AND media_seen = 'both'": 2 * calls,
		"SELECT uniqExact(session_id) FROM legs":                                     calls,
		"SELECT count() FROM (SELECT session_id FROM legs GROUP BY session_id HAVING count() = 2 AND min(src_ip) != max(src_ip) AND uniqExact(caller) = 1)": calls,
		"SELECT count() FROM links WHERE merged AND method != 'session'":                                                                                    calls,
		"SELECT count() FROM streams": 4 * calls,
		"SELECT count() FROM streams WHERE call_id IS NOT NULL AND match = 'sdp' AND segment IS NULL": 4 * calls, // it makes new media of what comes
		"SELECT countIf(src_ip = toIPv6('127.99.1.30')) FROM streams":                                 2 * calls,
		// What SIPp sends is known; the box sends for as long as a call is up.
		"SELECT sum(a_packets) FROM calls WHERE src_ip = toIPv6('127.99.1.1')":                                                                     sound * calls,
		"SELECT sum(b_packets) FROM calls WHERE dst_ip = toIPv6('127.99.1.2')":                                                                     sound * calls,
		"SELECT countIf(b_packets BETWEEN 300 AND 450) FROM calls WHERE src_ip = toIPv6('127.99.1.1')":                                             calls,
		"SELECT countIf(a_packets BETWEEN 300 AND 450) FROM calls WHERE dst_ip = toIPv6('127.99.1.2')":                                             calls,
		"SELECT count() FROM calls AS c JOIN (" + eachDirection + ") AS s USING call_id WHERE c.a_packets = s.a AND c.b_packets = s.b AND s.n = 2": 2 * calls,
	})
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
	n.hosts(map[string]string{"127.99.1.30": "b2bua"})
}

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Addresses of the wire between two namespaces.
const (
	vethCaller = "10.99.1.1"
	vethCallee = "10.99.1.2"
)

// wire makes a second network namespace and a pair of virtual network cards
// between the two: veth0 here has vethCaller, veth1 there vethCallee. It gives
// what to put before a command that is to run there.
func (n *network) wire() (there []string) {
	n.t.Helper()
	hold := exec.Command("unshare", "--net", "sleep", "600")
	if err := hold.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = hold.Process.Kill()
		_ = hold.Wait()
	})
	pid := strconv.Itoa(hold.Process.Pid)
	there = []string{"nsenter", "-t", pid, "-n"}
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		n.t.Fatal(err)
	}
	eventually(n.t, 10*time.Second, "the other namespace", func() error {
		other, err := os.Readlink("/proc/" + pid + "/ns/net")
		if err == nil && other == own {
			err = os.ErrNotExist
		}
		return err
	})
	n.run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
	n.run("ip", "link", "set", "veth1", "netns", pid)
	for _, c := range [][]string{
		{"ip", "addr", "add", vethCaller + "/24", "dev", "veth0"},
		{"ip", "link", "set", "veth0", "up"},
		append(there, "ip", "addr", "add", vethCallee+"/24", "dev", "veth1"), append(there, "ip", "link", "set", "veth1", "up"), append(there, "ip", "link", "set", "lo", "up"),
	} {
		n.run(c[0], c[1:]...)
	}
	return there
}

// TestWire: SIPp places a thousand calls between two namespaces. What the agent
// on the wire metered adds up to what the kernel counted, and is, stream by
// stream, what `earshot read` makes of a capture by tcpdump.
func TestWire(t *testing.T) {
	calls, rate := 1000, 25
	if s := os.Getenv("EARSHOT_WIRE_CALLS"); s != "" {
		var err error
		if calls, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	n := inNamespace(t, calls, "nsenter", "tcpdump", "iptables")
	if n == nil {
		return
	}
	there := n.wire()
	n.run("iptables", "-A", "OUTPUT", "-o", "veth0", "-p", "udp", "--dport", "1024:65535", "!", "--sport", "5060")
	n.run("iptables", "-A", "INPUT", "-i", "veth0", "-p", "udp", "--dport", "1024:65535", "!", "--sport", "5060")

	config := filepath.Join(n.data, "earshot.yaml")
	if err := os.WriteFile(config, []byte("agent: {node: edge}\ncapture: {buffer: 64MiB}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startChild(t, nil, "collector", "--data", n.data, "--hep", "127.0.0.1:9060", "--http", "127.0.0.1:0")
	c.find(`(Earshot is listening)`)
	dump := filepath.Join(n.data, "wire.pcap")
	tcpdump := exec.Command("tcpdump", "-i", "veth0", "-w", dump, "-s", "0", "-B", "65536", "--time-stamp-precision=nano", "-U", "udp")
	var said lockedBuffer
	tcpdump.Stderr = &said
	if err := tcpdump.Start(); err != nil {
		t.Fatal(err)
	}
	a := startChild(t, nil, "agent", "--config", config, "--data", filepath.Join(n.data, "agent"), "--interface", "veth0", "--collector", "tcp://127.0.0.1:9060")
	a.find(`(sending to the collector)`)
	eventually(t, 10*time.Second, "tcpdump listens", func() error {
		if !strings.Contains(said.String(), "listening on") {
			return os.ErrNotExist
		}
		return nil
	})

	called := n.sipp("uas.xml", vethCallee, 20000)
	called.Args = append(slices.Clone(there), called.Args...)
	if path, err := exec.LookPath("nsenter"); err != nil {
		t.Fatal(err)
	} else {
		called.Path = path
	}
	if err := called.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // until it listens
	if out, err := n.sipp("uac.xml", vethCaller, 20000, "-s", "+442079460000", "-r", strconv.Itoa(rate), vethCallee+":5060").CombinedOutput(); err != nil {
		t.Fatalf("sipp: %v\n%s", err, out)
	}
	if err := called.Wait(); err != nil {
		t.Errorf("sipp of the callee: %v", err)
	}
	time.Sleep(time.Second) // the last packets
	counted := n.counted()
	if err := tcpdump.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := tcpdump.Wait(); err != nil {
		t.Errorf("tcpdump: %v", err)
	}
	if !strings.Contains(said.String(), "\n0 packets dropped by kernel") {
		t.Fatalf("nothing can be compared: %s", said.String())
	}
	if code := a.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("the agent ended with status %d", code)
	}
	awaitNumber(t, n.data, 45*time.Second, "SELECT count() FROM calls", float64(calls))
	awaitNumber(t, n.data, 45*time.Second, "SELECT count() FROM streams", float64(2*calls))
	if dropped := askNumber(t, n.data, "SELECT sum(count) FROM drops"); dropped > 0 {
		t.Fatalf("%v packets dropped: %v", dropped, ask(t, n.data, "SELECT * FROM drops"))
	}
	if got := askNumber(t, n.data, "SELECT sum(packets) FROM streams"); got != float64(counted) {
		t.Errorf("%v RTP packets in streams, the kernel counted %d", got, counted)
	}

	keys := []string{"call_id", "direction", "codec", "match", "packets", "expected", "lost", "duplicates", "reordered", "jitter_mean_ms", "jitter_max_ms", "start_time", "end_time"}
	live := map[string]map[string]any{}
	for _, r := range ask(t, n.data, "SELECT src_ip, src_port, dst_ip, dst_port, ssrc, "+strings.Join(keys, ", ")+" FROM streams") {
		live[streamName(r)] = r
	}
	code, out, errs := command(t, "read", "--format", "jsonl", dump)
	if code != exitDone {
		t.Fatalf("read: %s", errs)
	}
	compared := 0
	for line := range strings.Lines(out) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r["type"] != "stream" {
			continue
		}
		compared++
		l := live[streamName(r)]
		for _, k := range keys {
			if got, want := likeText(k, l[k]), likeText(k, r[k]); got != want {
				t.Errorf("stream %s: %s is %s, of the capture %s", streamName(r), k, got, want)
			}
		}
		if t.Failed() {
			break
		}
	}
	if compared != 2*calls {
		t.Errorf("%d streams compared, want %d", compared, 2*calls)
	}
	t.Logf("%d calls, %d RTP packets", calls, counted)
}

func streamName(r map[string]any) string {
	return fmt.Sprint(r["src_ip"], r["src_port"], r["dst_ip"], r["dst_port"], r["ssrc"])
}

// likeText makes a value of the store and of JSON comparable: one writes times with
// a space, both to the microsecond.
func likeText(key string, v any) string {
	s := fmt.Sprint(v)
	if strings.HasSuffix(key, "_time") {
		s = strings.TrimSuffix(strings.Replace(s, "T", " ", 1), "Z")
		if whole, part, ok := strings.Cut(s, "."); ok {
			s = whole + "." + strings.TrimRight(part, "0")
		}
	}
	return s
}

// counted is how many packets the rules of iptables counted.
func (n *network) counted() (packets int) {
	n.t.Helper()
	for _, chain := range []string{"INPUT", "OUTPUT"} {
		out, err := exec.CommandContext(n.t.Context(), "iptables", "-L", chain, "-v", "-x", "-n").Output()
		if err != nil {
			n.t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) > 3 && strings.Contains(line, "veth0") {
				p, err := strconv.Atoi(f[0])
				if err != nil {
					n.t.Fatalf("%q: %v", line, err)
				}
				packets += p
			}
		}
	}
	return packets
}

// TestAgentKilled stops the collector, kills the agent while packets wait, and
// starts both again. What is missing passed while nobody listened, and a drop
// says when that was, and how much it may have been.
func TestAgentKilled(t *testing.T) {
	n := inNamespace(t, 0)
	if n == nil {
		return
	}
	collect := func() *child {
		c := startChild(t, nil, "collector", "--data", n.data, "--hep", "127.0.0.1:9060", "--http", "127.0.0.1:0")
		c.find(`(Earshot is listening)`)
		return c
	}
	config := filepath.Join(n.data, "earshot.yaml")
	if err := os.WriteFile(config, []byte("agent: {node: edge}\ncapture: {filter: udp and net 127.99.0.0/16}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	listen := func() *child {
		return startChild(t, nil, "agent", "--config", config, "--data", filepath.Join(n.data, "agent"), "--interface", "lo", "--collector", "tcp://127.0.0.1:9060")
	}
	c, a := collect(), listen()
	time.Sleep(time.Second) // until it listens
	sink, err := net.ListenPacket("udp4", "127.99.1.2:5060")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	from, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.99.1.1:5060")), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.99.1.2:5060")))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	sent := map[string]time.Time{}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		every := time.NewTicker(5 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-stop:
				return
			case <-every.C:
			}
			for range 5 {
				id := strconv.Itoa(len(sent))
				sent[id] = time.Now()
				if _, err := fmt.Fprintf(from, "OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.99.1.1;branch=z9hG4bK%s\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", id, id); err != nil {
					return
				}
			}
		}
	}()
	time.Sleep(3 * time.Second)
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("the collector ended with status %d", code)
	}
	time.Sleep(3 * time.Second)
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-a.exited
	time.Sleep(2 * time.Second)
	a = listen()
	time.Sleep(3 * time.Second)
	c = collect()
	time.Sleep(3 * time.Second)
	close(stop)
	<-done
	time.Sleep(time.Second)
	if code := a.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("the agent ended with status %d", code)
	}
	awaitNumber(t, n.data, 30*time.Second, "SELECT count() FROM drops WHERE reason = 'killed'", 1)
	eventually(t, 30*time.Second, "all is stored", func() error {
		if s := askNumber(t, n.data, "SELECT count() FROM messages WHERE call_id = '"+strconv.Itoa(len(sent)-1)+"'"); s != 1 {
			return fmt.Errorf("%v", s)
		}
		return nil
	})
	drop := ask(t, n.data, "SELECT count, toUnixTimestamp64Micro(from_time) AS since, toUnixTimestamp64Micro(to_time) AS until FROM drops WHERE reason = 'killed'")[0]
	since, until := time.UnixMicro(int64(drop["since"].(float64))), time.UnixMicro(int64(drop["until"].(float64)))
	missing := maps.Clone(sent)
	for _, r := range ask(t, n.data, "SELECT DISTINCT call_id FROM messages") {
		delete(missing, r["call_id"].(string))
	}
	for id, at := range missing {
		if at.Before(since) || at.After(until.Add(200*time.Millisecond)) { // the interface opens a moment after
			t.Errorf("packet %s, sent at %v, is missing; nobody listened from %v to %v", id, at, since, until)
		}
	}
	link := askNumber(t, n.data, "SELECT sum(count) FROM drops WHERE stage = 'link'")
	if len(missing) == 0 || float64(len(missing)) > drop["count"].(float64)+link {
		t.Errorf("%d of %d packets are missing; the drops say %v and %v on the way", len(missing), len(sent), drop["count"], link)
	}
	if twice := askNumber(t, n.data, "SELECT count() - uniqExact(call_id) FROM messages"); twice > 0 {
		t.Errorf("%v packets are there twice", twice)
	}
	t.Logf("%d packets; nobody listened for %v; %d are missing, the drop says at most %v", len(sent), until.Sub(since), len(missing), drop["count"])
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("the collector ended with status %d", code)
	}
}

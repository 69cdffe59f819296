package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// siptrace is what docs/emitters.md tells to write into kamailio.cfg.
const siptrace = `
loadmodule "siptrace.so"
modparam("siptrace", "duplicate_uri", "sip:127.99.1.40:9060")
modparam("siptrace", "hep_mode_on", 1)
modparam("siptrace", "hep_version", 3)
modparam("siptrace", "hep_capture_id", 101)
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "trace_on", 1)
modparam("siptrace", "trace_mode", 1)
request_route {`

// TestEmitters: Kamailio sends SIP and rtpengine sends RTCP, both as HEP, to a
// collector that captures nothing itself. Each call is one row, with what its
// callee reported of it.
func TestEmitters(t *testing.T) {
	n := inNamespace(t, 5, "kamailio", "rtpengine", "baresip")
	if n == nil {
		return
	}
	c := startChild(t, nil, "collector", "--data", n.data, "--hep", "127.99.1.40:9060", "--http", "127.0.0.1:0")
	c.find(`(Earshot is listening)`)
	n.background(n.data, "rtpengine", "--interface=127.99.1.20", "--listen-ng=127.99.1.20:2223", "--table=-1", "--foreground", "--log-stderr", "--log-level=3",
		"--port-min=30000", "--port-max=34000", "--homer=127.99.1.40:9060", "--homer-protocol=udp", "--homer-id=102")
	relay := n.configured("kamailio/relay.cfg", modules(t, "/usr/lib/*/kamailio/modules/siptrace.so"))
	b, err := os.ReadFile(relay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(relay, []byte(strings.Replace(string(b), "request_route {", siptrace, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	n.background(n.data, "kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-f", relay)

	phone := filepath.Join(n.data, "phone") // the callee: it answers, and sends RTCP
	if err := os.Mkdir(phone, 0o750); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(n.configured("baresip/config", modules(t, "/usr/lib/baresip/modules/aubridge.so")))
	if err != nil {
		t.Fatal(err)
	}
	config = []byte(strings.NewReplacer("127.99.1.30", "127.99.1.2", "module_app b2bua.so\n", "").Replace(string(config)))
	for name, text := range map[string]string{
		"config": string(config), "accounts": "<sip:+442079460000@127.99.1.2>;regint=0;answermode=auto;audio_codecs=pcma;ptime=20\n", "contacts": "",
	} {
		if err := os.WriteFile(filepath.Join(phone, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.run("ip", "addr", "add", "127.99.1.2/32", "dev", "lo")
	n.background(phone, "baresip", "-f", phone, "-t", "60")
	time.Sleep(time.Second) // until all of them listen
	n.call("uac_routes.xml", "127.99.1.10", 5)

	const calls = 5
	awaitNumber(t, n.data, 45*time.Second, "SELECT count() FROM calls", calls)
	n.want(map[string]float64{
		"SELECT count() FROM calls WHERE state = 'answered' AND hangup_by = 'caller' AND duration_ms > 8000":  calls,
		"SELECT count() FROM calls WHERE mos_lq IS NULL AND a_packets IS NULL AND NOT has(flags, 'no_media')": calls,
		"SELECT uniqExact(call_id) FROM reports WHERE call_id IN (SELECT call_id FROM calls)":                 calls,
		"SELECT count() FROM messages WHERE method = 'INVITE' AND status IS NULL AND NOT retransmission":      2 * calls,
		"SELECT count() FROM drops": 0,
	})
	if code := c.signal(os.Interrupt, stopLimit); code != exitDone {
		t.Errorf("status %d", code)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, q := range []string{"SELECT * FROM calls LIMIT 1", "SELECT * FROM reports LIMIT 2", "SELECT kind, node, method, status, count() FROM messages GROUP BY ALL", "SELECT * FROM drops"} {
				for _, r := range ask(t, n.data, q) {
					t.Log(r)
				}
			}
		}
	})
}

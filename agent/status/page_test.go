package status

import (
	"flag"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/agent/uplink"
	"github.com/earshot-voip/earshot/internal/packet"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestPage(t *testing.T) {
	sender, err := uplink.New(uplink.Options{Collectors: []string{"tcp://192.0.2.1:9060", "nats://user:secret@192.0.2.2:4222"}, Mode: uplink.All}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	sender.Counts.Sent.Store(4711)
	sender.Counts.Lost.Store(3)
	counters := &agent.Counters{SIP: 100, RTP: 5000, Streams: 2, STUN: 7, RTPUnmetered: 9}
	use := Process{Memory: 45<<20 + 1<<19, CPU: 1300 * time.Millisecond, Ceilings: "CPU 50 % of a core"}
	one, two, other := &agent.Tap{}, &agent.Tap{}, &agent.Tap{}
	one.Seen.Store(&capture.Drops{Received: 600, DroppedKernel: 4})
	two.Seen.Store(&capture.Drops{Received: 400, DroppedInterface: 5})
	one.Decoded.Store(&packet.Stats{Undecoded: packet.Undecoded{packet.ReasonTLS: 11, packet.ReasonGRE: 1}})
	two.Decoded.Store(&packet.Stats{Undecoded: packet.Undecoded{packet.ReasonTLS: 20}})
	start := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	other.Gone.Store(&capture.Outage{Interface: "eth1", From: start.Add(time.Minute)})
	p := &Page{
		Version: "1.2.3", Node: "edge", Agent: func() *agent.Counters { return counters }, Uplink: sender, Process: func() Process { return use },
		Interfaces: []Interface{{"eth0", "AF_PACKET, workers: 2", []*agent.Tap{one, two}}, {"eth1", "AF_PACKET, workers: 1", []*agent.Tap{other}}},
	}
	p.sample(start)
	for s := range 2 * span { // of which the first half is forgotten
		at := start.Add(time.Duration(s+1) * time.Second)
		if s >= span {
			counters.SIP++
			counters.RTP += 50
			use.CPU += 13 * time.Millisecond
			one.Seen.Store(&capture.Drops{Received: one.Seen.Load().Received + 60, DroppedKernel: 4})
		}
		p.sample(at)
	}
	got := string(p.text(start.Add(90 * time.Minute)))
	const golden = "testdata/page.golden.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
	if strings.Contains(got, "secret") {
		t.Error("the page tells a password")
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, nil)
	if !strings.HasPrefix(w.Body.String(), "earshot agent 1.2.3, node edge, since 2026-01-05T12:00:00Z") {
		t.Errorf("served: %s", w.Body)
	}
}

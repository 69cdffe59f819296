package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/analyzer"
	"github.com/earshot-voip/earshot/collector"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// hepPayloads gives the UDP payloads to port 9060 in a capture.
func hepPayloads(t *testing.T, name string) [][]byte {
	t.Helper()
	f, err := capture.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := packet.NewDecoder(packet.Options{})
	var out [][]byte
	for {
		frame, err := f.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range d.Decode(&frame) {
			if p.Transport == packet.UDP && p.Dst.Port() == 9060 {
				out = append(out, slices.Clone(p.Payload))
			}
		}
	}
}

// receive sends datagrams to a live collector and analyses what it passes on.
func receive(t *testing.T, datagrams [][]byte) (*records, *collector.Server) {
	t.Helper()
	config := run.Default()
	config.HEP.Listen = "127.0.0.1:0"
	road := bus.NewMemory(64)
	s := collector.New(collectorOptions(&config), road, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	go func() {
		defer stop()
		conn, err := net.Dial("udp", s.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for _, b := range datagrams {
			if _, err := conn.Write(b); err != nil {
				t.Error(err)
			}
			time.Sleep(50 * time.Microsecond)
		}
		for range 100 {
			if s.Counts.Packets.Load() == uint64(len(datagrams)) {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%d of %d datagrams arrived", s.Counts.Packets.Load(), len(datagrams))
	}()
	var out records
	a := analyzer.New(analyzerOptions(&config, nil), out.add)
	for b := range road.Batches(context.Background()) {
		for i := range b.Packets {
			a.Observe(&b.Packets[i])
		}
	}
	a.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return &out, s
}

// TestCorpusHEPReplayed sends what Kamailio sent to a live collector: it must
// give the calls that the wire gives.
func TestCorpusHEPReplayed(t *testing.T) {
	dir := filepath.Join(corpusDir(t), "generated")
	for name, calls := range map[string]int{"kam_hep2_udp": 5, "kam_hep3_udp": 11} {
		t.Run(name, func(t *testing.T) {
			wire, _ := readCapture(t, filepath.Join(dir, name+"__sip_rtp_sll.pcap"))
			hep, _ := receive(t, hepPayloads(t, filepath.Join(dir, name+"__hep_only.pcap")))
			if len(hep.calls) != calls || len(wire.calls) != calls {
				t.Fatalf("%d calls from HEP, %d from the wire; want %d", len(hep.calls), len(wire.calls), calls)
			}
			for _, w := range wire.calls {
				at := slices.IndexFunc(hep.calls, func(c *record.Call) bool { return c.CallID == w.CallID })
				if at < 0 {
					t.Errorf("call %s is not there", w.CallID)
					continue
				}
				compareWithWire(t, w, hep.calls[at])
			}
			compareAttempts(t, wire.attempts, hep.attempts)
		})
	}
}

// TestHEPThatKillsOthers sends the datagrams that kill other collectors: they
// do nothing worse than a counter, and what follows them is received.
func TestHEPThatKillsOthers(t *testing.T) {
	datagrams := [][]byte{
		{2},
		{2, 0x10, 2, 0x11, 0x13, 0xc4, 0x13, 0xc4},
		[]byte("HEP3\x00\x0c\x00\x00\x00\x01\x00\x06"),
		[]byte("HEP3\x00\x0c\x00\x00\x00\x0b\x00\x06"),
		[]byte("HEP3\x00\x0d\x00\x00\x00\x07\x00\x07\x01"),
		[]byte("HEP3"),
		[]byte("HEP3\x00\x06"),
		[]byte("HEP3\x00\x0c\x00\x00\x00\x01\x00\x00"),
		[]byte("HEP3\x00\x0d\x00\x00\x00\x03\x00\x07\x01"),
		{},
		{0},
		{1},
		[]byte("GET / HTTP/1.1\r\n\r\n"), []byte("\x1f\x8b"),
	}
	out, s := receive(t, datagrams)
	var refused uint64
	for i := range s.Counts.Errors {
		refused += s.Counts.Errors[i].Load()
	}
	var told uint64
	for _, d := range out.drops {
		if d.Stage == "collector" && d.Reason == collector.ReasonUnread {
			told += d.Count
		}
	}
	if want := uint64(len(datagrams)); refused != want || told != want {
		t.Errorf("%d refused, %d told as drops; want %d", refused, told, want)
	}
	if len(out.calls) > 0 {
		t.Errorf("calls from nothing: %v", out.calls)
	}
}

// TestAgentToCollector reads one capture three ways: here, and through an
// agent and a collector, over UDP and over TCP. The rows must be the same.
func TestAgentToCollector(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	c := serving(t, nil, "collector", "--data", data)
	capture := sample(t, 6)
	t.Setenv("EARSHOT_AGENT_NODE", "local")
	t.Setenv("EARSHOT_AGENT_DOMAIN", "wire")
	if code, _, errs := command(t, "read", "--store", engineDSN(t, data), capture); code != exitDone {
		t.Fatalf("read: %d %s", code, errs)
	}
	for _, network := range []string{"udp", "tcp"} {
		t.Setenv("EARSHOT_AGENT_DOMAIN", network)
		if code, _, errs := command(t, "agent", "--read", capture, "--collector", network+"://127.0.0.1:"+c.hepPort()); code != exitDone {
			t.Fatalf("agent: %d %s", code, errs)
		}
	}
	for _, network := range []string{"udp", "tcp"} {
		awaitNumber(t, data, 45*time.Second, fmt.Sprintf("SELECT count() FROM calls WHERE domain = '%s'", network), 6)
		for _, table := range []string{"calls", "streams", "intervals", "messages", "attempts"} {
			here, there := rowsOf(t, data, table, "wire"), rowsOf(t, data, table, network)
			if len(here) == 0 && table != "attempts" {
				t.Errorf("no %s read here", table)
			}
			if !slices.Equal(here, there) {
				t.Errorf("%s over %s: %d rows, read here: %d", table, network, len(there), len(here))
				for i := range min(len(here), len(there)) {
					if here[i] != there[i] {
						t.Errorf("first difference:\nhere  %s\nthere %s", here[i], there[i])
						break
					}
				}
			}
		}
	}
}

// rowsOf gives the rows of a table and domain as sorted text.
func rowsOf(t *testing.T, data, table, domain string) []string {
	t.Helper()
	rows := ask(t, data, fmt.Sprintf("SELECT * EXCEPT(domain, stored_at) FROM %s WHERE domain = '%s'", table, domain))
	var out []string
	for _, r := range rows {
		var fields []string
		for k, v := range r {
			fields = append(fields, fmt.Sprintf("%s=%v", k, v))
		}
		sort.Strings(fields)
		out = append(out, strings.Join(fields, " "))
	}
	sort.Strings(out)
	return out
}

// TestCustomersApart: two customers use the same private addresses and ports at
// the same time, each behind an agent of its own; even their Call-IDs, numbers and
// SSRCs are the same, but the media of one is lossy. What one collector makes of
// both is what is read of each alone: no stream, link or number crosses over.
func TestCustomersApart(t *testing.T) {
	needEngine(t)
	data := t.TempDir()
	c := serving(t, nil, "collector", "--data", data)
	const calls = 20
	captures := map[string]string{}
	for customer, loss := range map[string]float64{"red": 0, "blue": 5} {
		all, err := synth.Calls(synth.Options{Calls: calls, Seconds: 8, Bridge: "media", Numbers: 3, Seed: 1, Private: true, Impairment: synth.Impairment{LossPct: loss}})
		if err != nil {
			t.Fatal(err)
		}
		captures[customer] = pcapOf(t, customer, all)
		// Alone, under another name.
		t.Setenv("EARSHOT_AGENT_NODE", "local")
		t.Setenv("EARSHOT_AGENT_DOMAIN", customer+"-alone")
		if code, _, errs := command(t, "read", "--store", engineDSN(t, data), captures[customer]); code != exitDone {
			t.Fatalf("read: %d %s", code, errs)
		}
	}
	var agents []*child
	for customer, capture := range captures {
		agents = append(agents, startChild(t, []string{"EARSHOT_AGENT_NODE=local", "EARSHOT_AGENT_DOMAIN=" + customer}, "agent", "--read", capture, "--collector", "tcp://127.0.0.1:"+c.hepPort()))
	}
	for _, a := range agents {
		if code := a.wait(30 * time.Second); code != exitDone {
			t.Errorf("agent: status %d", code)
		}
	}
	for customer := range captures {
		awaitNumber(t, data, 60*time.Second, fmt.Sprintf("SELECT count() FROM calls WHERE domain = '%s'", customer), 2*calls)
		// A link that is but likely may be told or not: at the end of a file rows
		// are written at once, without the grace in which more would be known.
		for _, table := range []string{"calls", "streams", "intervals", "attempts", "(SELECT * FROM links WHERE merged)", "hops"} {
			eventually(t, 20*time.Second, table+" of "+customer+" as alone", func() error { // rows of one call come in several batches
				alone, beside := rowsOf(t, data, table, customer+"-alone"), rowsOf(t, data, table, customer)
				for i := range min(len(alone), len(beside)) {
					if alone[i] != beside[i] {
						return fmt.Errorf("%d rows, alone %d; first difference:\nalone  %s\nbeside %s", len(beside), len(alone), alone[i], beside[i])
					}
				}
				if len(alone) != len(beside) {
					return fmt.Errorf("%d rows, alone %d", len(beside), len(alone))
				}
				return nil
			})
		}
	}
	for _, customer := range []string{"red", "blue"} {
		if n := askNumber(t, data, "SELECT uniqExact(session_id) FROM legs WHERE domain = '"+customer+"'"); n != calls {
			t.Errorf("%s has %v sessions, want %d", customer, n, calls)
		}
		if n := askNumber(t, data, "SELECT count() FROM links WHERE merged AND domain = '"+customer+"'"); n < calls {
			t.Errorf("%s has %v links, want one a call", customer, n)
		}
	}
	if red, blue := askNumber(t, data, "SELECT sum(lost) FROM streams WHERE domain = 'red'"), askNumber(t, data, "SELECT sum(lost) FROM streams WHERE domain = 'blue'"); red != 0 || blue == 0 {
		t.Errorf("red lost %v packets and blue %v, want none and some", red, blue)
	}
}

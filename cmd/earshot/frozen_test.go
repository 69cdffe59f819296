package main

import (
	"context"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/agent/recorder"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// flight is an agent with a flight recorder that has seen a capture.
type flight struct {
	*recorder.Recorder
	agent *agent.Agent
	last  time.Time
}

func fly(t *testing.T, source capture.Source, change func(*run.Config)) *flight {
	t.Helper()
	config := run.Default()
	config.Data = t.TempDir()
	if change != nil {
		change(&config)
	}
	x := &flight{}
	x.Recorder = newRecorder(&config, filepath.Join(config.Data, "recorder"), run.NewLogger(io.Discard, nil, "text"))
	options := agentOptions(&config, "local")
	recordWith(&options, &config, nil, x.Recorder)
	x.agent = agent.New(options, func(*packet.Packet) {})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	t.Cleanup(func() {
		x.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	d := packet.NewDecoder(packet.Options{})
	for {
		f, err := source.Next()
		if err != nil { // files may be damaged at their end
			break
		}
		for _, p := range d.Decode(&f) {
			x.agent.Observe(&p)
		}
		if f.Time.After(x.last) {
			x.last = f.Time
		}
	}
	for _, p := range d.Flush() {
		x.agent.Observe(&p)
	}
	return x
}

// freeze freezes a call after the fact, and gives the path of its pcap.
func (x *flight) freeze(t *testing.T, callID string) string {
	t.Helper()
	name, done, err := x.Freeze(recorder.Request{CallID: callID, Why: recorder.ByRequest})
	if err != nil {
		t.Fatal(err)
	}
	x.last = x.last.Add(10 * time.Second)
	x.agent.Advance(x.last) // who asks is heard once a second
	<-done
	return x.Path(&recorder.Frozen{Name: name})
}

// TestFrozenCallIsTheCall: of a call with bad media that is frozen after the
// fact, TShark and earshot find in the pcap the packets, loss and jitter of the
// stream rows of the capture itself; and nothing of other calls.
func TestFrozenCallIsTheCall(t *testing.T) {
	c, err := synth.Calls(synth.Options{
		Calls: 3, Seconds: 20, Codec: "PCMU",
		Impairment: synth.Impairment{LossPct: 6, Burst: 3, JitterMs: 12, ReorderPct: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "calls.pcap")
	if err := writeFile(path, nil, func(w io.Writer) error { return synth.WritePcap(w, c) }); err != nil {
		t.Fatal(err)
	}
	whole, _ := readCapture(t, path)
	x := fly(t, openCapture(t, path), nil)
	for _, call := range whole.calls {
		frozen := x.freeze(t, call.CallID)
		got, _ := readCapture(t, frozen)
		if len(got.calls) != 1 || got.calls[0].CallID != call.CallID || got.calls[0].State != call.State {
			t.Fatalf("%s: the frozen capture has the calls %+v", call.CallID, got.calls)
		}
		want := map[uint32]*record.Stream{}
		for _, s := range whole.streams {
			if s.CallID != nil && *s.CallID == call.CallID {
				want[s.SSRC] = s
			}
		}
		if len(want) != 2 || len(got.streams) != 2 {
			t.Fatalf("%d and %d streams, want 2 of each", len(want), len(got.streams))
		}
		for _, s := range got.streams {
			w := want[s.SSRC]
			if s.Packets != w.Packets || s.Expected != w.Expected || s.Lost != w.Lost || s.Reordered != w.Reordered || *s.JitterMeanMs != *w.JitterMeanMs || *s.MosLQ != *w.MosLQ {
				t.Errorf("frozen %+v\nwhole %+v", s, w)
			}
		}
		streams := tsharkStreams(t, frozen)
		if len(streams) != 2 {
			t.Fatalf("TShark finds %d streams", len(streams))
		}
		for _, s := range streams {
			w := want[s.ssrc]
			if w == nil || s.packets != w.Packets || s.lost != w.Lost || math.Abs(s.jitterMean-*w.JitterMeanMs) > 0.002 || math.Abs(s.jitterMax-*w.JitterMaxMs) > 0.002 {
				t.Errorf("TShark finds %+v, the stream row is %+v", s, w)
			}
		}
	}
}

// tsharkStream is a line of what TShark says of RTP.
type tsharkStream struct {
	ssrc                  uint32
	packets, lost         uint64
	jitterMean, jitterMax float64
}

func tsharkStreams(t *testing.T, path string) (all []tsharkStream) {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	out, err := exec.CommandContext(t.Context(), "tshark", "-n", "-r", path, "-q", "-z", "rtp,streams").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		// Start, end, source and destination with port, SSRC, payload, packets, lost and share, three deltas, three jitters.
		v := strings.Fields(line)
		if len(v) < 16 || !strings.HasPrefix(v[6], "0x") {
			continue
		}
		number := func(i int) float64 {
			n, err := strconv.ParseFloat(v[i], 64)
			if err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			return n
		}
		ssrc, err := strconv.ParseUint(v[6][2:], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tsharkStream{uint32(ssrc), uint64(number(8)), uint64(number(9)), number(15), number(16)})
	}
	return all
}

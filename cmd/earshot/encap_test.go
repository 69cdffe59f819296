package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/synth"
)

// TestEncapsulated reads scenarios in every encapsulation: the rows are those
// of the plain capture, but for the VLAN of those that have one.
func TestEncapsulated(t *testing.T) {
	encapsulations := [][]string{
		{"erspan2", "vxlan"},
		{"vxlan", "gtpu"},
		{"qinq", "pppoe"},
		{"gre", "mpls"},
		{"tzsp", "geneve-options", "erspan3-platform", "vxlan-gpe"},
		{"fragment", "vxlan", "fragment"},
	}
	for _, name := range synth.Encapsulations() {
		encapsulations = append(encapsulations, []string{name})
	}
	for _, scenario := range []string{"answered", "transport-switch", "video", "t38", "srtp-dtls"} {
		c, err := synth.Scenario(scenario, 1)
		if err != nil {
			t.Fatal(err)
		}
		plain := readAll(t, framesOf(c))
		want := withoutWire(plain.jsonl)
		if len(plain.calls) == 0 || len(plain.streams) == 0 || len(plain.messages) == 0 {
			t.Fatalf("%s: %d calls, %d streams, %d messages are too few to compare", scenario, len(plain.calls), len(plain.streams), len(plain.messages))
		}
		for _, names := range encapsulations {
			e, err := c.Encapsulated(names...)
			if err != nil {
				t.Fatal(err)
			}
			got := withoutWire(readAll(t, framesOf(e)).jsonl)
			if vlan := map[string]string{"vlan": "100", "qinq": "200"}[names[0]]; vlan != "" {
				if !bytes.Contains(got, []byte(`"vlan":`+vlan)) {
					t.Errorf("%s in %v: no row has VLAN %s", scenario, names, vlan)
				}
				got = bytes.ReplaceAll(got, []byte(`"vlan":`+vlan), []byte(`"vlan":null`))
			}
			compareBytes(t, fmt.Sprint(scenario, " in ", strings.Join(names, ",")), want, got)
		}
	}
}

// frameCounts are what the summary says of frames, which tunnels make larger
// and fragments more.
var frameCounts = regexp.MustCompile(`"(frames|bytes)":[0-9]+,`)

// withoutWire is rows without the numbers of frames and their bytes.
func withoutWire(jsonl []byte) []byte {
	last := bytes.LastIndexByte(bytes.TrimRight(jsonl, "\n"), '\n') + 1
	return append(jsonl[:last:last], frameCounts.ReplaceAll(jsonl[last:], nil)...)
}

// TestCorpusEncapsulated reads captures that carry the frames of another one in
// a tunnel: every row is the same.
func TestCorpusEncapsulated(t *testing.T) {
	dir := corpusDir(t)
	twin := filepath.Join(dir, "odedshimon+BruteShark", "sip-rtp-g729a.pcap")
	plain, _ := readCapture(t, twin)
	if plain.summary.Frames != 433 || len(plain.calls) != 1 || len(plain.streams) == 0 {
		t.Fatalf("the plain twin has %d frames, %d calls, %d streams", plain.summary.Frames, len(plain.calls), len(plain.streams))
	}
	files, err := filepath.Glob(filepath.Join(dir, "derived_encap", "*.pcap"))
	if err != nil || len(files) < 11 {
		t.Fatalf("%d captures in derived_encap: %v", len(files), err)
	}
	for _, file := range files {
		got := readAll(t, &timedAs{Source: openCapture(t, file), times: openCapture(t, twin)})
		if got.err != nil || got.summary.Frames != plain.summary.Frames {
			t.Errorf("%s: %d frames, %v", file, got.summary.Frames, got.err)
		}
		compareBytes(t, filepath.Base(file), withoutWire(plain.jsonl), withoutWire(got.jsonl))
	}
}

func openCapture(t *testing.T, path string) capture.Source {
	t.Helper()
	f, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// timedAs is a capture with the times of another: those of derived captures
// were rounded differently.
type timedAs struct {
	capture.Source
	times capture.Source
}

func (s *timedAs) Next() (packet.Frame, error) {
	f, err := s.Source.Next()
	if err != nil {
		return f, err
	}
	g, err := s.times.Next()
	if d := f.Time.Sub(g.Time).Abs(); err == nil && d > time.Microsecond {
		err = fmt.Errorf("a frame of %v stands at %v in the plain capture", f.Time, g.Time)
	}
	f.Time = g.Time
	return f, err
}

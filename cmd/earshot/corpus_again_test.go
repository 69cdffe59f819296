package main

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/run"
)

// TestCorpusAgain reads every capture twice, small ones more often, since an
// order that comes from a map is the same most of the time: the same bytes
// must come out.
func TestCorpusAgain(t *testing.T) {
	dir := corpusDir(t)
	for _, w := range readTruth(t, dir) {
		path := filepath.Join(dir, w.file)
		first, _ := readCapture(t, path)
		for range min(5, 1+5_000/(1+w.frames)) {
			again, _ := readCapture(t, path)
			compareBytes(t, w.file, first.jsonl, again.jsonl)
		}
	}
}

// TestCorpusRealTime reads the beginning of captures at the pace of their
// capture, and at full speed: the same bytes must come out.
func TestCorpusRealTime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three seconds, as the captures did")
	}
	dir := corpusDir(t)
	for _, file := range [...]string{"generated/imp_loss10_pcmu.pcap", "generated/sipp_50calls_udp_rtp.pcap", "generated/kam_hep3_udp__hep_only.pcap"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			read := func(pace bool) *records {
				f, err := capture.Open(filepath.Join(dir, file))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				return readWith(t, &reading{source: &until{source: f, span: 3 * time.Second}, config: run.Default(), node: "local", pace: pace})
			}
			start := time.Now()
			paced := read(true)
			took := time.Since(start)
			full := read(false)
			compareBytes(t, file, full.jsonl, paced.jsonl)
			if want := time.Duration(paced.summary.SecondsCaptured * float64(time.Second)); took < want-50*time.Millisecond {
				t.Errorf("%v of capture went by in %v", want, took)
			}
			if full.summary.Frames < 20 || len(full.calls) == 0 {
				t.Errorf("%d frames and %d calls are too few to compare", full.summary.Frames, len(full.calls))
			}
		})
	}
}

// until is the beginning of a capture.
type until struct {
	source capture.Source
	span   time.Duration
	first  time.Time
}

func (u *until) Next() (packet.Frame, error) {
	f, err := u.source.Next()
	if err != nil {
		return f, err
	}
	if u.first.IsZero() {
		u.first = f.Time
	}
	if f.Time.Sub(u.first) > u.span {
		return packet.Frame{}, io.EOF
	}
	return f, nil
}

// compareBytes shows the first line that differs.
func compareBytes(t *testing.T, name string, want, got []byte) {
	t.Helper()
	if bytes.Equal(want, got) {
		return
	}
	a, b := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			t.Errorf("%s: line %d differs:\n%.600s\n%.600s", name, i+1, a[i], b[i])
			return
		}
	}
	t.Errorf("%s: %d lines, then %d", name, len(a), len(b))
}

package main

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/synth"
)

// cutting gives of packets that look like RTP what live capture keeps of them.
type cutting struct {
	source capture.Source
	keep   int // of RTP
	cut    int // frames
}

func (c *cutting) Next() (packet.Frame, error) {
	f, err := c.source.Next()
	b := f.Data
	if err != nil || f.Link != packet.LinkEthernet || len(b) < 44 || b[12] != 8 || b[13] != 0 || b[14] != 0x45 || b[23] != 17 || binary.BigEndian.Uint16(b[20:])&0x3fff != 0 {
		return f, err
	}
	if keep := 42 + c.keep; b[42]>>5 == 4 && (b[43]&0x7f < 64 || b[43]&0x7f > 95) && len(b) > keep {
		f.Data = b[:keep]
		c.cut++
	}
	return f, nil
}

// rowsCut are the rows of frames whose RTP was cut so, without the summary, which
// counts captured bytes.
func rowsCut(t *testing.T, source capture.Source, keep int) (rows []byte, cut int) {
	t.Helper()
	c := &cutting{source: source, keep: keep}
	rows = readWith(t, &reading{source: c, config: run.Default(), node: "local"}).jsonl
	return rows[:bytes.LastIndexByte(rows[:len(rows)-1], '\n')+1], c.cut
}

const whole = 1 << 20

// TestCutRTP: what live capture keeps of RTP is enough for every row.
func TestCutRTP(t *testing.T) {
	keep := int(run.Default().Capture.RTPSnapLen)
	all := 0
	read := func(name string, c synth.Capture) {
		t.Run(name, func(t *testing.T) {
			f, g := framesOf(c), framesOf(c)
			defer f.stop()
			defer g.stop()
			want, _ := rowsCut(t, f, whole)
			got, cut := rowsCut(t, g, keep)
			all += cut
			compareBytes(t, name, want, got)
		})
	}
	for _, codec := range synth.Codecs() {
		c, err := synth.Calls(synth.Options{Calls: 2, Seconds: 12, Codec: codec, Seed: 3, Impairment: synth.Impairment{LossPct: 2}})
		if err != nil {
			t.Fatal(err)
		}
		read(codec, c)
	}
	for _, name := range synth.Scenarios() {
		c, err := synth.Scenario(name, 1)
		if err != nil {
			t.Fatal(err)
		}
		read(name, c)
	}
	if all < 10_000 {
		t.Errorf("%d packets were cut: the test tests little", all)
	}
}

// TestCorpusCutRTP says the same of every capture.
func TestCorpusCutRTP(t *testing.T) {
	dir := corpusDir(t)
	keep := int(run.Default().Capture.RTPSnapLen)
	all := 0
	for _, w := range readTruth(t, dir) {
		read := func(keep int) ([]byte, int) {
			f, err := capture.Open(filepath.Join(dir, w.file))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			return rowsCut(t, f, keep)
		}
		want, _ := read(whole)
		got, cut := read(keep)
		all += cut
		compareBytes(t, w.file, want, got)
	}
	if all < 1000 {
		t.Errorf("%d packets were cut: the test tests little", all)
	}
}

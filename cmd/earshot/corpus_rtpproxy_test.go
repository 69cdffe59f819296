package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
)

// TestCorpusRTPProxy compares recordings of a media relay with what its own
// analyser said of them: packets sent and received, loss and duplicates. It
// leaves copies out of what it received; its jitter is in clock units and
// filtered in another way, so that is not compared.
func TestCorpusRTPProxy(t *testing.T) {
	dir := filepath.Join(corpusDir(t), "sippy+rtpproxy")
	compared := 0
	for _, name := range []string{"DLT_NULL", "G723_1", "c1", "dups", "sess6", "srtp1", "weird"} {
		said, err := os.ReadFile(filepath.Join(dir, name+".output"))
		if err != nil {
			t.Fatal(err)
		}
		byStream := map[uint32]*record.Stream{}
		for _, side := range []string{"a", "o"} {
			path := filepath.Join(dir, name+"."+side+".rtp")
			if _, err := os.Stat(path); err != nil {
				continue
			}
			files, source, err := openFiles([]string{path})
			if err != nil {
				t.Fatal(err)
			}
			r := &reading{source: source, config: run.Default(), node: "local", emit: func(row any) error {
				if s, ok := row.(*record.Stream); ok {
					if before := byStream[s.SSRC]; before != nil { // the same source on another port: one stream to the relay
						s.Packets, s.Expected, s.Lost, s.Duplicates = s.Packets+before.Packets, s.Expected+before.Expected, s.Lost+before.Lost, s.Duplicates+before.Duplicates
					}
					byStream[s.SSRC] = s
				}
				return nil
			}}
			if err := r.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			files[0].Close()
		}
		var ssrc uint32
		var duplicates uint64
		for line := range strings.Lines(string(said)) {
			if _, rest, ok := strings.Cut(line, "ssrc="); ok {
				if _, err := fmt.Sscanf(rest, "0x%x, duplicates=%d", &ssrc, &duplicates); err != nil {
					t.Fatalf("%s: %q: %v", name, line, err)
				}
			}
			var changes, sent, received, lost uint64
			if n, _ := fmt.Sscanf(line, "ssrc_changes=%d, psent=%d, precvd=%d, plost=%d", &changes, &sent, &received, &lost); n != 4 {
				continue
			}
			s := byStream[ssrc]
			if s == nil {
				t.Errorf("%s: no stream of SSRC %08x", name, ssrc)
				continue
			}
			compared++
			if s.Expected != sent || s.Packets-s.Duplicates != received || s.Lost != lost || s.Duplicates != duplicates {
				t.Errorf("%s SSRC %08x: expected %d, received %d, lost %d, duplicates %d; the relay says %d, %d, %d, %d",
					name, ssrc, s.Expected, s.Packets-s.Duplicates, s.Lost, s.Duplicates, sent, received, lost, duplicates)
			}
		}
	}
	if compared != 11 {
		t.Errorf("%d streams compared, want 11", compared)
	}
}

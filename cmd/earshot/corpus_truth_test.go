package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// corpusDir is the folder of captures with their truth; a test that needs it
// is skipped where it is absent.
func corpusDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("EARSHOT_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "TRUTH.tsv")); err != nil {
		t.Skip("the capture corpus is absent: set EARSHOT_CORPUS to the folder that has TRUTH.tsv")
	}
	return dir
}

// truth is what others say of one capture: TShark of nearly everything, an
// independent HEP decoder of HEP, which TShark 4.0 does not look into.
type truth struct {
	file                string
	frames              uint64
	requests, responses map[string]uint64
	calls               *truthCalls // nil where nobody says
	hepPackets          uint64
	streams             []truthStream
}

// truthCalls count Call-IDs, as the end of the record contract says.
type truthCalls struct{ callIDs, invite, answered, completed uint64 }

// truthStream is a row of `tshark -z rtp,streams`, of streams that an SDP set
// up.
type truthStream struct {
	Start       float64 // s after the first frame
	Src, Dst    netip.Addr
	SPort       uint16 `json:"sport"`
	DPort       uint16 `json:"dport"`
	SSRC        hexSSRC
	Packets     uint64
	Lost        int64   // expected - packets: negative where there are duplicates
	MeanJitter  float64 `json:"mean_jitter_ms"`
	MaxJitter   float64 `json:"max_jitter_ms"`
	PayloadName string  `json:"payload"`
}

type hexSSRC uint32

func (s *hexSSRC) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(string(b), "0x"), 16, 32)
	*s = hexSSRC(n)
	return err
}

// readTruth reads what is told of every capture, in the order of TRUTH.tsv.
func readTruth(t testing.TB, dir string) []*truth {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "TRUTH.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	var all []*truth
	for _, line := range lines[1:] {
		get := func(name string) string { return line[column[name]] }
		number := func(name string) uint64 {
			n, err := strconv.ParseUint(get(name), 10, 64)
			if err != nil {
				t.Fatalf("TRUTH.tsv: %s of %s: %v", name, line[0], err)
			}
			return n
		}
		w := &truth{file: get("file"), frames: number("frames"), calls: &truthCalls{
			number("call_ids"), number("invite_calls"), number("answered"), number("completed_calls"),
		}}
		if err := errors.Join(json.Unmarshal([]byte(get("sip_requests")), &w.requests), json.Unmarshal([]byte(get("sip_responses")), &w.responses)); err != nil {
			t.Fatalf("TRUTH.tsv: %s: %v", w.file, err)
		}
		w.addStreams(t, dir)
		w.addHEP(t, dir)
		all = append(all, w)
	}
	return all
}

func (w *truth) path(dir, suffix string) string {
	return filepath.Join(dir, "_truth", strings.ReplaceAll(w.file, "/", "__")+suffix)
}

func (w *truth) addStreams(t testing.TB, dir string) {
	t.Helper()
	var told struct {
		Streams []truthStream `json:"rtp_streams_sdp_only"`
	}
	readJSON(t, w.path(dir, ".json"), &told)
	w.streams = told.Streams
	slices.SortStableFunc(w.streams, func(a, b truthStream) int { return cmp.Compare(a.Start, b.Start) })
}

// addHEP puts what the HEP decoder says in the place of TShark's zeros.
func (w *truth) addHEP(t testing.TB, dir string) {
	t.Helper()
	path := w.path(dir, ".HEP.json")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return
	}
	var told struct {
		Packets []struct {
			Kind  *int   `json:"proto_type"` // none in HEP2, which carries SIP only
			First string `json:"payload_first_line"`
		}
	}
	readJSON(t, path, &told)
	w.calls, w.requests, w.responses = nil, map[string]uint64{}, map[string]uint64{}
	w.hepPackets = uint64(len(told.Packets))
	for _, p := range told.Packets {
		if p.Kind != nil && *p.Kind != 1 {
			continue
		}
		first, rest, _ := strings.Cut(p.First, " ")
		if strings.HasPrefix(first, "SIP/") {
			status, _, _ := strings.Cut(rest, " ")
			w.responses[status]++
		} else {
			w.requests[first]++
		}
	}
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

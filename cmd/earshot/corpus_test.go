package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/run"
)

// Bounds of one capture of the corpus, the race detector included. The
// largest has 7.5 MB; its rows are kept twice here.
const (
	corpusTime   = 60 * time.Second
	corpusMemory = 128 << 20
)

// TestCorpusTShark reads every capture and compares what was found with what
// TShark and the HEP decoder say. What differs must stand in
// testdata/corpus_accepted.tsv with both values, who is right and why.
func TestCorpusTShark(t *testing.T) {
	dir := corpusDir(t)
	accepted := readAccepted(t)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tCAPTURE\tFRAMES\tSIP\tCALL-IDS\tCALLS\tANSWERED\tCOMPLETED\tSTREAMS\tTSHARK'S\tDIFFERENT\tMIB\tMS")
	counts := map[string]int{}
	for _, want := range readTruth(t, dir) {
		got, used := readCapture(t, filepath.Join(dir, want.file))
		if got.err != nil {
			t.Errorf("%s: %v", want.file, got.err)
		}
		checkScores(t, want.file, got)
		differences := compareTruth(want, got)
		verdict := "ok"
		for _, d := range differences {
			a := accepted.take(want.file, d.field)
			switch {
			case a == nil:
				verdict = "DIFFERENT"
				t.Errorf("%s: %s: ours %s, theirs %s", want.file, d.field, d.ours, d.theirs)
			case a.ours != d.ours || a.theirs != d.theirs:
				verdict = "DIFFERENT"
				t.Errorf("%s: %s: ours %s, theirs %s; testdata/corpus_accepted.tsv:%d accepts ours %s, theirs %s", want.file, d.field, d.ours, d.theirs, a.line, a.ours, a.theirs)
			case verdict == "ok":
				verdict = "accepted"
			}
		}
		counts[verdict]++
		c := countCalls(got)
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", verdict, want.file, got.summary.Frames, got.summary.SIPMessages,
			c.callIDs, c.invite, c.answered, c.completed, len(got.streams), len(want.streams), len(differences), used.heap>>20, used.time.Milliseconds())
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("corpus against TShark:\n%s%d ok, %d accepted, %d different", &table, counts["ok"], counts["accepted"], counts["DIFFERENT"])
	for _, a := range accepted.rest() {
		t.Errorf("testdata/corpus_accepted.tsv:%d: %s: %s is no longer different: take the line out", a.line, a.capture, a.field)
	}
}

// usage is what one reading took.
type usage struct {
	time time.Duration
	heap uint64 // bytes, the most that was seen above what was there before
}

// readCapture reads one capture within bounds.
func readCapture(t testing.TB, path string) (*records, usage) {
	t.Helper()
	f, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	runtime.GC()
	before := heap()
	var used usage
	r := &reading{source: f, config: run.Default(), node: "local"}
	r.observe = func(uint64) { used.heap = max(used.heap, heap()) }
	start := time.Now()
	watchdog := time.AfterFunc(corpusTime, func() { panic(fmt.Sprintf("reading %s did not end within %v", path, corpusTime)) })
	got := readWith(t, r)
	watchdog.Stop()
	used.time = time.Since(start)
	used.heap = max(used.heap, heap(), before) - before
	if used.heap > corpusMemory {
		t.Errorf("reading %s took %d MiB, more than %d", path, used.heap>>20, corpusMemory>>20)
	}
	return got, used
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// countCalls counts our rows as the truth does: by Call-ID.
func countCalls(got *records) truthCalls {
	invite, answered, byes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range got.calls {
		invite[c.CallID] = true
		if c.AnswerTime != nil {
			answered[c.CallID] = true
		}
	}
	for _, m := range got.messages {
		if m.Kind == "sip" && m.Method == "BYE" && m.Status == nil {
			byes[m.CallID] = true
		}
	}
	c := truthCalls{callIDs: got.summary.CallIDs, invite: uint64(len(invite)), answered: uint64(len(answered))}
	for id := range answered {
		if byes[id] {
			c.completed++
		}
	}
	return c
}

// difference is one field of one capture on which we and the truth disagree.
type difference struct{ field, ours, theirs string }

type differences []difference

func (d *differences) add(field string, ours, theirs any) {
	if a, b := fmt.Sprint(ours), fmt.Sprint(theirs); a != b {
		*d = append(*d, difference{field, a, b})
	}
}

func compareTruth(want *truth, got *records) differences {
	var d differences
	s := got.summary
	d.add("frames", s.Frames, want.frames)
	if d.nothing(want, got) {
		return d
	}
	compareCounts(&d, "request ", s.SIPRequests, want.requests)
	compareCounts(&d, "response ", s.SIPResponses, want.responses)
	d.add("hep_packets", s.HEPPackets, want.hepPackets)
	if want.calls != nil {
		c := countCalls(got)
		d.add("call_ids", c.callIDs, want.calls.callIDs)
		d.add("invite_calls", c.invite, want.calls.invite)
		d.add("answered", c.answered, want.calls.answered)
		d.add("completed_calls", c.completed, want.calls.completed)
	}
	compareTruthStreams(&d, want.streams, got.streams)
	return d
}

// nothing tells a capture of which we see nothing at all in one difference,
// with what kept us from it.
func (d *differences) nothing(want *truth, got *records) bool {
	s := got.summary
	if s.SIPMessages > 0 || s.RTPPackets > 0 || len(want.requests)+len(want.responses) == 0 {
		return false
	}
	var reasons []string
	for _, r := range slices.Sorted(maps.Keys(s.Undecoded)) {
		reasons = append(reasons, fmt.Sprintf("%s %d", r, s.Undecoded[r]))
	}
	var messages uint64
	for _, n := range want.requests {
		messages += n
	}
	for _, n := range want.responses {
		messages += n
	}
	d.add("everything", "none; "+strings.Join(reasons, ", "), fmt.Sprintf("%d SIP, %d streams", messages, len(want.streams)))
	return true
}

func compareCounts(d *differences, what string, ours, theirs map[string]uint64) {
	all := map[string]bool{}
	for k := range ours {
		all[k] = true
	}
	for k := range theirs {
		all[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		d.add(what+k, ours[k], theirs[k])
	}
}

// compareTruthStreams compares streams in order of time where one address
// pair and SSRC has several.
func compareTruthStreams(d *differences, want []truthStream, got []*record.Stream) {
	type key struct {
		src, dst     string
		sport, dport uint16
		ssrc         uint32
	}
	ours := map[key][]*record.Stream{}
	for _, s := range got {
		k := key{s.SrcIP.String(), s.DstIP.String(), s.SrcPort, s.DstPort, s.SSRC}
		ours[k] = append(ours[k], s)
	}
	for _, list := range ours {
		slices.SortStableFunc(list, func(a, b *record.Stream) int { return a.StartTime.Compare(b.StartTime) })
	}
	seen := map[key]int{}
	for _, w := range want {
		k := key{w.Src.String(), w.Dst.String(), w.SPort, w.DPort, uint32(w.SSRC)}
		seen[k]++
		name := fmt.Sprintf("stream %s:%d>%s:%d %#08x", k.src, k.sport, k.dst, k.dport, k.ssrc)
		if seen[k] > 1 {
			name = fmt.Sprintf("%s/%d", name, seen[k])
		}
		if len(ours[k]) == 0 {
			d.add(name, "none", fmt.Sprintf("%d packets", w.Packets))
			continue
		}
		s := ours[k][0]
		ours[k] = ours[k][1:]
		d.add(name+" packets", s.Packets, w.Packets)
		d.add(name+" expected", s.Expected, int64(w.Packets)+w.Lost)
		d.add(name+" lost", s.Lost, max(0, w.Lost+int64(s.Duplicates)))
		d.addJitter(name+" jitter_mean_ms", s.JitterMeanMs, w.MeanJitter)
		d.addJitter(name+" jitter_max_ms", s.JitterMaxMs, w.MaxJitter)
	}
	// TShark ties by SDP addresses alone; what we tie otherwise is counted.
	var more []string
	otherwise := map[string]int{}
	for k, list := range ours {
		for _, s := range list {
			if s.Match != "sdp" {
				otherwise[s.Match]++
				continue
			}
			more = append(more, fmt.Sprintf("stream %s:%d>%s:%d %#08x at %s\t%d packets, match %s", k.src, k.sport, k.dst, k.dport, k.ssrc, s.StartTime.Format("15:04:05.000"), s.Packets, s.Match))
		}
	}
	slices.Sort(more)
	for _, m := range more {
		name, what, _ := strings.Cut(m, "\t")
		d.add(name, what, "none")
	}
	delete(otherwise, "none")
	for _, match := range slices.Sorted(maps.Keys(otherwise)) {
		d.add("streams tied by "+match, otherwise[match], 0)
	}
}

// addJitter compares within 2 % or 0.05 ms, whichever is more. TShark says 0
// of telephone events, where nothing can be said.
func (d *differences) addJitter(field string, ours *float64, theirs float64) {
	if ours == nil {
		if theirs != 0 {
			d.add(field, "null", fmt.Sprintf("%.3f", theirs))
		}
		return
	}
	if difference := *ours - theirs; max(difference, -difference) > max(0.05, 0.02*theirs) {
		d.add(field, fmt.Sprintf("%.3f", *ours), fmt.Sprintf("%.3f", theirs))
	}
}

package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/record"
)

// bridged is what the bridge that impaired a call did to one stream. The tap
// is behind it for what A sends, before it for what B sends.
type bridged struct {
	Dir       string         `json:"dir"` // a2b, b2a
	Payloads  map[uint8]int  `json:"pt"`
	Received  int            `json:"received_by_bridge"`
	Dropped   []uint16       `json:"dropped_seqs"`
	Duplicate []uint16       `json:"dup_seqs"`
	Delayed   []uint16       `json:"reorder_seqs"`
	src, dst  netip.AddrPort // of the name
	ssrc      uint32         // of the name
	rows      *record.Stream // ours
	arrived   []uint16       // sequence numbers at the tap, as an independent decoder reads them
}

// codecOf is what the generator calls the codec of a capture, by its name.
var codecOf = map[string]string{"pcmu": "PCMU", "gsm": "GSM", "g722": "G722", "opus": "OPUS", "vp8": "VP8", "linphone": "PCMU"}

// TestCorpusImpaired compares the streams of calls that were impaired on the
// way with what the bridge logged of every sequence number, and with the last
// RTCP report as pion reads it.
func TestCorpusImpaired(t *testing.T) {
	dir := corpusDir(t)
	files, err := filepath.Glob(filepath.Join(dir, "generated", "*.TRUTH.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no generated truth in %s: %v", dir, err)
	}
	impaired := 0
	for _, file := range files {
		var told struct {
			Bridge struct{ Streams map[string]*bridged }
		}
		readJSON(t, file, &told)
		if len(told.Bridge.Streams) == 0 {
			continue
		}
		impaired++
		name := strings.TrimSuffix(filepath.Base(file), ".TRUTH.json")
		t.Run(name, func(t *testing.T) {
			path := strings.TrimSuffix(file, ".TRUTH.json") + ".pcap"
			got, _ := readCapture(t, path)
			packets := udpOf(t, path)
			for name, w := range told.Bridge.Streams {
				w.locate(t, name, packets, got)
				w.compare(t)
			}
			compareReported(t, got, packets)
		})
	}
	if impaired != 14 {
		t.Errorf("%d captures with a bridge's log, want the 14 of the corpus", impaired)
	}
}

// TestCorpusLossBesideReport is what the tap sees of a loss on either side of
// it: before it the dropped sequence numbers, behind it nothing but what the
// receiver reports.
func TestCorpusLossBesideReport(t *testing.T) {
	dir := corpusDir(t)
	for name, want := range map[string]struct{ aLost, bLost, aReported, bReported int }{
		"imp_loss3_pcmu":          {61, 0, 55, 68},
		"imp_loss3_b2a_only_pcmu": {0, 0, 0, 52},
	} {
		got, _ := readCapture(t, filepath.Join(dir, "generated", name+".pcap"))
		if len(got.calls) != 1 {
			t.Errorf("%s: %d calls, want 1", name, len(got.calls))
			continue
		}
		c := got.calls[0]
		if c.A.Lost == nil || c.B.Lost == nil || c.A.RtcpLost == nil || c.B.RtcpLost == nil {
			t.Errorf("%s: a loss is unknown: %+v %+v", name, c.A, c.B)
			continue
		}
		if *c.A.Lost != uint64(want.aLost) || *c.B.Lost != uint64(want.bLost) || *c.A.RtcpLost != int64(want.aReported) || *c.B.RtcpLost != int64(want.bReported) {
			t.Errorf("%s: lost a %d, b %d, reported a %d, b %d; want %+v", name, *c.A.Lost, *c.B.Lost, *c.A.RtcpLost, *c.B.RtcpLost, want)
		}
	}
}

// locate finds a stream in the capture and among our rows by its name:
// "10.77.0.1:20030->10.77.0.2:30044 ssrc=0x06636d0e".
func (w *bridged) locate(t *testing.T, name string, packets []udpPacket, got *records) {
	t.Helper()
	addrs, ssrc, _ := strings.Cut(name, " ssrc=0x")
	src, dst, _ := strings.Cut(addrs, "->")
	n, err := strconv.ParseUint(ssrc, 16, 32)
	if err != nil {
		t.Fatalf("stream %q: %v", name, err)
	}
	w.src, w.dst, w.ssrc = netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst), uint32(n)
	for _, p := range packets {
		var h rtp.Header
		if p.src != w.src || p.dst != w.dst || len(p.payload) < 12 || p.payload[1]&0x7f >= 72 && p.payload[1]&0x7f <= 76 {
			continue
		}
		if _, err := h.Unmarshal(p.payload); err == nil && h.Version == 2 && h.SSRC == w.ssrc {
			w.arrived = append(w.arrived, h.SequenceNumber)
		}
	}
	for _, s := range got.streams {
		if s.SSRC == w.ssrc && s.SrcIP == w.src.Addr() && s.DstIP == w.dst.Addr() {
			if w.rows != nil {
				t.Fatalf("stream %s has two rows", name)
			}
			w.rows = s
		}
	}
	if w.rows == nil || len(w.arrived) == 0 {
		t.Fatalf("stream %s: row %v, %d packets in the capture", name, w.rows, len(w.arrived))
	}
}

// compare holds our row to the bridge's log. What it dropped before the first
// or after the last packet that the tap saw is invisible to anyone.
func (w *bridged) compare(t *testing.T) {
	t.Helper()
	s := w.rows
	equal := func(what string, ours uint64, theirs int) {
		t.Helper()
		if ours != uint64(theirs) {
			t.Errorf("%s %s>%s: %s %d, want %d", w.Dir, w.src, w.dst, what, ours, theirs)
		}
	}
	first, last := w.arrived[0], w.arrived[0]
	seen := map[uint16]int{}
	late := 0
	for _, q := range w.arrived {
		if seen[q]++; int16(q-last) > 0 {
			last = q
		} else if seen[q] == 1 && q != last {
			late++
		}
		if int16(q-first) < 0 {
			first = q
		}
	}
	lost, duplicates := 0, 0
	if w.Dir == "a2b" { // impaired before the tap
		for _, q := range w.Dropped {
			if int16(q-first) > 0 && int16(last-q) > 0 {
				lost++
				if seen[q] > 0 {
					t.Errorf("sequence number %d was dropped, and is in the capture", q)
				}
			}
		}
		for _, q := range w.Duplicate {
			if seen[q] == 2 {
				duplicates++
			}
		}
		if duplicates != len(w.Duplicate) {
			t.Errorf("%d of %d duplicated packets are twice in the capture", duplicates, len(w.Duplicate))
		}
		if late > len(w.Delayed) {
			t.Errorf("%d packets are late, the bridge delayed %d", late, len(w.Delayed))
		}
	} else if late > 0 {
		t.Errorf("%d packets are late before the bridge", late)
	}
	equal("packets", s.Packets, len(w.arrived))
	equal("expected", s.Expected, int(last-first)+1)
	equal("lost", s.Lost, lost)
	equal("duplicates", s.Duplicates, duplicates)
	equal("reordered", s.Reordered, late)
	equal("restarts", s.Restarts, 0)
	if want := map[string]string{"a2b": "a", "b2a": "b"}[w.Dir]; s.Direction == nil || *s.Direction != want {
		t.Errorf("direction %s, want %s", text(s.Direction), want)
	}
	if s.Match != "sdp" {
		t.Errorf("match %s, want sdp", s.Match)
	}
	for pt := range w.Payloads {
		if s.PayloadType == nil || *s.PayloadType != pt {
			t.Errorf("payload type %v, want %d", s.PayloadType, pt)
		}
	}
	var codec string
	for part := range strings.SplitSeq(t.Name()[strings.LastIndexByte(t.Name(), '/')+1:], "_") {
		if c, ok := codecOf[part]; ok && (c != "VP8" || s.Media != nil && *s.Media == "video") {
			codec = c
		}
	}
	if codec == "" {
		codec = "PCMU" // the audio beside a video
	}
	if s.Codec == nil || *s.Codec != codec {
		t.Errorf("codec %s, want %s", text(s.Codec), codec)
	}
}

// compareReported holds the loss that the other end told, in the call row
// beside what was measured, to the last report block of each stream.
func compareReported(t *testing.T, got *records, packets []udpPacket) {
	t.Helper()
	last := map[uint32]int64{}
	for _, p := range packets {
		if len(p.payload) < 8 || p.payload[0]>>6 != 2 || p.payload[1] < 200 || p.payload[1] > 207 {
			continue
		}
		all, err := rtcp.Unmarshal(p.payload)
		if err != nil {
			continue
		}
		for _, one := range all {
			var blocks []rtcp.ReceptionReport
			switch r := one.(type) {
			case *rtcp.SenderReport:
				blocks = r.Reports
			case *rtcp.ReceiverReport:
				blocks = r.Reports
			}
			for _, b := range blocks {
				last[b.SSRC] = int64(int32(b.TotalLost<<8)) >> 8 // 24 bits, signed
			}
		}
	}
	if len(got.calls) != 1 {
		t.Fatalf("%d calls, want 1", len(got.calls))
	}
	rows := map[uint32]*record.Report{}
	for _, r := range got.reports {
		if r.Source == "rtcp_rr" {
			rows[*r.SSRC] = r
		}
	}
	for ssrc, want := range last {
		if r := rows[ssrc]; r == nil || *r.PacketsLost != want || text(r.CallID) != got.calls[0].CallID {
			t.Errorf("the last row of report blocks on %d is %+v, want %d lost", ssrc, r, want)
		}
	}
	for i, side := range [...]*record.Side{&got.calls[0].A, &got.calls[0].B} {
		name := [...]string{"a", "b"}[i]
		if len(side.SSRCs) == 0 {
			t.Errorf("%s_ssrcs is empty", name)
			continue
		}
		var want int64
		told := false
		for _, ssrc := range side.SSRCs {
			n, ok := last[ssrc]
			want, told = want+n, told || ok
		}
		switch {
		case !told:
			if side.RtcpLost != nil {
				t.Errorf("%s_rtcp_lost %d, and nobody told it", name, *side.RtcpLost)
			}
		case side.RtcpLost == nil || *side.RtcpLost != want:
			t.Errorf("%s_rtcp_lost %v, the last report says %d", name, side.RtcpLost, want)
		}
	}
}

// udpPacket is a UDP payload as a few lines of our own read it, so that the
// truth does not come from the decoder under test.
type udpPacket struct {
	src, dst netip.AddrPort
	payload  []byte
}

// udpOf reads the UDP packets over IPv4 of an Ethernet capture; it knows
// neither options, fragments nor tunnels, and the impaired captures have none.
func udpOf(t *testing.T, path string) []udpPacket {
	t.Helper()
	f, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []udpPacket
	for {
		fr, err := f.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		b := fr.Data
		if len(b) < 42 || binary.BigEndian.Uint16(b[12:]) != 0x0800 || b[14] != 0x45 || b[23] != 17 {
			continue
		}
		port := func(at int) uint16 { return binary.BigEndian.Uint16(b[at:]) }
		src, _ := netip.AddrFromSlice(b[26:30])
		dst, _ := netip.AddrFromSlice(b[30:34])
		end := min(len(b), 34+int(port(38)))
		all = append(all, udpPacket{netip.AddrPortFrom(src, port(34)), netip.AddrPortFrom(dst, port(36)), slices.Clone(b[42:end])})
	}
}

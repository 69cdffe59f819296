package main

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

// hepTolerance is how far Kamailio's clock readings may be from tcpdump's.
const hepTolerance = 5 * time.Millisecond

// TestCorpusHEP reads what Kamailio and rtpengine told by HEP of the same run
// that tcpdump saw on the wire: the calls must be the same in every field that
// signalling gives, and what only the media tells must be unknown.
func TestCorpusHEP(t *testing.T) {
	dir := filepath.Join(corpusDir(t), "generated")
	for name, want := range map[string]struct{ calls, rtcp int }{
		"kam_hep2_udp": {calls: 5},
		"kam_hep3_udp": {calls: 11, rtcp: 1}, // one of them has RTCP
	} {
		t.Run(name, func(t *testing.T) {
			wire, _ := readCapture(t, filepath.Join(dir, name+"__sip_rtp_sll.pcap"))
			hep, _ := readCapture(t, filepath.Join(dir, name+"__hep_only.pcap"))
			if len(wire.calls) != want.calls || len(hep.calls) != want.calls {
				t.Fatalf("%d calls on the wire, %d in HEP; want %d", len(wire.calls), len(hep.calls), want.calls)
			}
			told := 0
			for _, w := range wire.calls {
				at := slices.IndexFunc(hep.calls, func(c *record.Call) bool { return c.CallID == w.CallID })
				if at < 0 {
					t.Errorf("call %s is not in HEP", w.CallID)
					continue
				}
				compareWithWire(t, w, hep.calls[at])
				if w.A.RtcpLost != nil && w.B.RtcpLost != nil {
					told++
				}
			}
			if told != want.rtcp {
				t.Errorf("%d calls with RTCP, want %d", told, want.rtcp)
			}
			compareAttempts(t, wire.attempts, hep.attempts)
			if len(hep.streams) > 0 {
				t.Errorf("%d streams in HEP, which carried none", len(hep.streams))
			}
		})
	}
}

// compareWithWire compares two rows of one call, field by field.
func compareWithWire(t *testing.T, wire, hep *record.Call) {
	t.Helper()
	if hep.MediaSeen != "unknown" || len(hep.A.SSRCs)+len(hep.B.SSRCs) > 0 {
		t.Errorf("%s: media_seen %s, SSRCs %v %v; want unknown and none", hep.CallID, hep.MediaSeen, hep.A.SSRCs, hep.B.SSRCs)
	}
	w, h := reflect.ValueOf(wire).Elem(), reflect.ValueOf(hep).Elem()
	for _, f := range record.Fields(w.Type()) {
		a, b := w.FieldByIndex(f.Index), h.FieldByIndex(f.Index)
		switch {
		case f.Name == "nodes" || f.Name == "media_seen" || f.Name == "flags" || strings.HasSuffix(f.Name, "_ssrcs"):
		case fromMedia(f.Name):
			if !b.IsNil() {
				t.Errorf("%s: %s is %v from HEP, which carried no media", hep.CallID, f.Name, b.Elem())
			}
		case isTime(a):
			x, y := timeOf(a), timeOf(b)
			if x.IsZero() != y.IsZero() || x.Sub(y).Abs() > hepTolerance {
				t.Errorf("%s: %s %v on the wire, %v from HEP", hep.CallID, f.Name, x, y)
			}
		case strings.HasSuffix(f.Name, "_ms") && !fromRTCP(f.Name):
			x, y := a.Interface().(*float64), b.Interface().(*float64)
			if (x == nil) != (y == nil) || x != nil && max(*x-*y, *y-*x) > 2*float64(hepTolerance/time.Millisecond) {
				t.Errorf("%s: %s %v on the wire, %v from HEP", hep.CallID, f.Name, x, y)
			}
		default:
			if !reflect.DeepEqual(a.Interface(), b.Interface()) {
				t.Errorf("%s: %s %s on the wire, %s from HEP", hep.CallID, f.Name, shown(a), shown(b))
			}
		}
	}
}

// fromMedia tells the fields of a call that only its RTP gives.
func fromMedia(name string) bool {
	switch name {
	case "first_rtp_time", "measured_at", "scale", "model", "mos_lq", "mos_lq_min", "mos_lq_max", "mos_cq", "r_ceiling", "r_cost_codec", "r_cost_loss", "r_cost_discard", "r_cost_delay", "r_cost_silence",
		"mos_min_time", "mos_min_loss_pct", "mos_min_jitter_ms", "mos_min_rtt_ms", "mos_samples", "mos_simple",
		"mos_max_time", "mos_max_loss_pct", "mos_max_jitter_ms", "mos_max_rtt_ms":
		return true
	}
	_, side := sideColumn(name)
	return side && !fromRTCP(name)
}

// fromRTCP tells the fields of a call that its RTCP gives.
func fromRTCP(name string) bool {
	column, side := sideColumn(name)
	return side && (strings.HasPrefix(column, "rtcp_") || strings.HasPrefix(column, "rtt_"))
}

// sideColumn is the name of a side's column without the side.
func sideColumn(name string) (column string, ok bool) {
	if column, ok = strings.CutPrefix(name, "a_"); ok {
		return column, true
	}
	return strings.CutPrefix(name, "b_")
}

func isTime(v reflect.Value) bool {
	return v.Type() == reflect.TypeFor[time.Time]() || v.Type() == reflect.TypeFor[*time.Time]()
}

func timeOf(v reflect.Value) time.Time {
	if at, ok := reflect.TypeAssert[*time.Time](v); ok {
		if at == nil {
			return time.Time{}
		}
		return *at
	}
	return v.Interface().(time.Time)
}

func shown(v reflect.Value) any {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		return v.Elem().Interface()
	}
	return v.Interface()
}

// compareAttempts compares the tries by branch; HEP has each once too.
func compareAttempts(t *testing.T, wire, hep []*record.Attempt) {
	t.Helper()
	type try struct {
		callID, branch, host string
		status               uint16
		won                  bool
	}
	tries := func(rows []*record.Attempt) []try {
		var all []try
		for _, r := range rows {
			one := try{callID: r.CallID, branch: r.Branch, won: r.Won}
			if r.RequestHost != nil {
				one.host = *r.RequestHost
			}
			if r.Status != nil {
				one.status = *r.Status
			}
			all = append(all, one)
		}
		slices.SortFunc(all, func(a, b try) int {
			return strings.Compare(a.callID+" "+a.branch, b.callID+" "+b.branch)
		})
		return all
	}
	if a, b := tries(wire), tries(hep); !slices.Equal(a, b) {
		t.Errorf("attempts on the wire %v, from HEP %v", a, b)
	}
}

package record

import (
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func rows() []any {
	return []any{&Call{}, &Attempt{}, &Stream{}, &Interval{}, &Report{}, &Message{}, &Drop{}, &Link{}, &Hop{}, &Summary{}}
}

func TestEveryFieldHasAUniqueName(t *testing.T) {
	for _, row := range rows() {
		seen := map[string]bool{}
		for _, f := range Fields(reflect.TypeOf(row).Elem()) {
			if f.Name == "" || seen[f.Name] {
				t.Errorf("%T: field %v has the name %q, which is empty or taken", row, f.Index, f.Name)
			}
			seen[f.Name] = true
		}
	}
}

func TestSidesAreFlattened(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Fields(reflect.TypeFor[Call]()) {
		names[f.Name] = true
	}
	for _, want := range []string{"a_packets", "b_mos_lq_min", "a_rtt_ms", "b_ssrcs"} {
		if !names[want] {
			t.Errorf("calls has no column %s", want)
		}
	}
}

func TestEmptyRowsAreJSONWithNulls(t *testing.T) {
	for _, row := range rows() {
		var got map[string]any
		if err := json.Unmarshal(AppendJSON(nil, row), &got); err != nil {
			t.Errorf("%T: %v", row, err)
			continue
		}
		if got["type"] != Type(row) {
			t.Errorf("%T has type %v", row, got["type"])
		}
	}
	var got map[string]any
	if err := json.Unmarshal(AppendJSON(nil, &Call{}), &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mos_lq", "a_lost", "start_time", "src_ip"} {
		if v, ok := got[name]; !ok || v != nil {
			t.Errorf("%s of an empty call is %v, want null", name, v)
		}
	}
}

func TestJSONValues(t *testing.T) {
	m := Message{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC), SrcIP: netip.MustParseAddr("192.0.2.1"),
		DstIP: netip.MustParseAddr("2001:db8::1"), Raw: "a\"\\\r\n\xff", Defects: []string{"bare_lf"}, Status: new(uint16(200)),
	}
	var got map[string]any
	if err := json.Unmarshal(AppendJSON(nil, &m), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"time": "2026-01-02T03:04:05.678901Z", "src_ip": "192.0.2.1", "dst_ip": "2001:db8::1", "raw": "a\"\\\r\n�", "status": 200.0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// TestJSONKinds: the same row gives the same bytes, whatever order its maps
// have, and what JSON has no number for is unknown.
func TestJSONKinds(t *testing.T) {
	f := func(row any, want string) {
		t.Helper()
		if got := string(AppendJSON(nil, row)); !strings.Contains(got, want) {
			t.Errorf("%T has no %s: %s", row, want, got)
		}
	}
	f(&Summary{SIPRequests: map[string]uint64{"INVITE": 2, "ACK": 1, "BYE": 3}}, `"sip_requests":{"ACK":1,"BYE":3,"INVITE":2}`)
	f(&Summary{}, `"sip_requests":{}`)
	f(&Summary{SecondsCaptured: 1e9}, `"seconds_captured":1000000000`)
	f(&Summary{SecondsCaptured: math.Inf(1)}, `"seconds_captured":null`)
	f(&Stream{LossPct: new(math.NaN())}, `"loss_pct":null`)
	f(&Stream{LossPct: new(0.0)}, `"loss_pct":0`)
	f(&Stream{RtcpLost: new(int64(-3))}, `"rtcp_lost":-3`)
	f(&Stream{SRTP: true}, `"srtp":true`)
	f(&Stream{LossBursts: []uint32{4, 0, 1}}, `"loss_bursts":[4,0,1]`)
	f(&Stream{}, `"loss_bursts":[]`)
	f(&Call{State: Busy}, `"state":"busy"`)
}

func TestWhatIsNoRow(t *testing.T) {
	defer func() {
		if got, want := recover(), "record: record.Call is no row"; got != want {
			t.Errorf("Type of a value that is no row: %v, want %v", got, want)
		}
	}()
	Type(Call{}) // rows are pointers
}

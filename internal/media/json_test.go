package media

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/earshot-voip/earshot/internal/signal"
)

func TestReportRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawReport(rt)
		b := r.AppendJSON(nil)
		back, err := ParseReport(b)
		if err != nil {
			rt.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(r, back, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatal(diff)
		}
		// The keys are those of the struct's tags.
		var std Report
		if err := json.Unmarshal(b, &std); err != nil {
			rt.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(r, std, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func TestParseReportRefuses(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if _, err := ParseReport([]byte(s)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
	f(``, "ends too early")
	f(`[]`, "want an object at offset 0")
	f(`{"ssrc":1`, "ends too early")
	f(`{"ssrc":1}`, "SSRC 1 has no start")
	f(`{"start":"yesterday"}`, `time "yesterday"`)
	f(`{"start":"2026-01-01T00:00:00Z","delta":{"expected":1,"lost":2}}`, "lost more packets")
	f(`{"start":"2026-01-01T00:00:00Z","signal":{"n":1,"silent":2}}`, "louder or longer")
	f(`{"start":"2026-01-01T00:00:00Z","signal":{"n":8,"signal":8589934593}}`, "louder or longer")
	f(`{"start":"2026-01-01T00:00:00Z","signal":{"n":4294967297}}`, "louder or longer")
	f(`{"start":"2026-01-01T00:00:00Z"} x`, "want the end at offset 33")
	f(`{"x":`+strings.Repeat("[", 100), "nested deeper")
}

func FuzzReport(f *testing.F) {
	r := Report{Start: start, PayloadTypes: []PayloadCount{{0, 1}}, Jitter: []Jitter{{8000, 1, 1, 1, 1}}}
	f.Add(r.AppendJSON(nil))
	r.Signal = signal.Sums{Samples: 40_000, Silent: 800, Blurred: 160, Clipped: 160, Signal: 1 << 40, Noise: 1 << 20}
	f.Add(r.AppendJSON(nil))
	f.Add([]byte(`{"start":"2026-01-01T00:00:00Z","ssrc":"7","x":[1,{"y":null}],"delta":{"lost":1e3,"expected":2e3}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReport(b)
		if err != nil {
			return
		}
		back, err := ParseReport(r.AppendJSON(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, back, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		r.JitterFor(8000)
	})
}

// emitted are RTCP JSON as emitters write it.
var emitted = []string{
	// rtpengine
	`{ "sender_information":{"ntp_timestamp_sec":4004343761,"ntp_timestamp_usec":854561052,"octets":40000,"rtp_timestamp":76806, "packets":250},"ssrc":571444786,"type":200,"report_count":1,"report_blocks":[{"source_ssrc":1125054335,"highest_seq_no":7596,"fraction_lost":0,"ia_jitter":16,"packets_lost":0,"lsr":1875980754,"dlsr":262}],"sdes_report_count":1,"sdes_information": [ {"sdes_chunk_ssrc":571444786,"type":1,"text":"sip:2001@10.88.1.2"}] }`,
	// a receiver report with strings, empty sender information and XR beside it
	`{"sender_information":{"ntp_timestamp_sec":0,"ntp_timestamp_usec":0,"octets":0,"rtp_timestamp":0,"packets":0},"ssrc":"12","type":"201","report_count":1,"report_blocks":[{"source_ssrc":"34","fraction_lost":26,"packets_lost":16777214,"highest_seq_no":70000,"ia_jitter":"80","lsr":1,"dlsr":65536}],"report_blocks_xr":{"type":7,"id":34,"fraction_lost":3,"fraction_discard":4,"burst_density":5,"gap_density":6,"burst_duration":7,"gap_duration":8,"round_trip_delay":9,"end_system_delay":10}}`,
}

func TestParseEmittedRTCPJSON(t *testing.T) {
	var r RTCP
	if err := ParseRTCPJSON([]byte(emitted[0]), &r); err != nil {
		t.Fatal(err)
	}
	want := RTCP{
		SSRC: 571444786, Types: []uint8{TypeSR},
		Senders: []SenderReport{{571444786, 4004343761<<32 | 854561052, 76806, 250, 40000}},
		Blocks:  []ReportBlock{{571444786, 1125054335, 0, 0, 7596, 16, 1875980754, 262}},
		SDES:    []SDESItem{{571444786, 1, []byte("sip:2001@10.88.1.2")}},
	}
	if diff := cmp.Diff(want, r, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if err := ParseRTCPJSON([]byte(emitted[1]), &r); err != nil {
		t.Fatal(err)
	}
	want = RTCP{
		SSRC: 12, Types: []uint8{TypeRR},
		Blocks: []ReportBlock{{12, 34, 26, -2, 70000, 80, 1, 65536}},
		VoIP: []VoIPMetrics{{
			Reporter: 12, SSRC: 34, LossRate: 3, DiscardRate: 4, BurstDensity: 5, GapDensity: 6,
			BurstDuration: 7, GapDuration: 8, RoundTripDelay: 9, EndSystemDelay: 10,
		}},
	}
	if diff := cmp.Diff(want, r, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestCumulativeLost(t *testing.T) {
	f := func(sent int64, want int32) {
		t.Helper()
		if got := cumulativeLost(sent); got != want {
			t.Errorf("%d is read as %d, want %d", sent, got, want)
		}
	}
	f(0, 0)
	f(58, 58)
	f(-2, -2)
	f(16777214, -2)         // 24 bits, unsigned
	f(4294967294, -2)       // 32 bits, unsigned
	f(0x1a00003a, 58)       // the fraction in front
	f(0x01000000, 65536)    // shifted by 8 bits
	f(0x12345600, 0x123456) // shifted by 8 bits
	f(8388607, 8388607)     // the most there can be
	f(1<<40, 1<<23-1)       // no number of 24 bits
	f(-1<<40, -1<<23)
}

func TestNTPOfEmitters(t *testing.T) {
	if got, want := ntp(1_700_000_000, 500_000), uint64(1_700_000_000+unixToNTP)<<32|1<<31; got != want {
		t.Errorf("Unix seconds and microseconds are read as %x, want %x", got, want)
	}
	if got, want := ntp(4004343761, 854561052), uint64(4004343761)<<32|854561052; got != want {
		t.Errorf("NTP is read as %x, want %x", got, want)
	}
	if ntp(0, 0) != 0 {
		t.Error("no time is a time")
	}
}

func TestParseRTCPJSONRefuses(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		var r RTCP
		if err := ParseRTCPJSON([]byte(s), &r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
	f("", "ends too early")
	f("{}", "none of ssrc")
	f(`{"a":1}`, "none of ssrc")
	f("RTCP", `want an object at offset 0: found 'R'`)
	for i := range emitted[0] {
		f(emitted[0][:i], "parse RTCP JSON")
	}
}

func drawRTCP(rt *rapid.T) RTCP {
	u8, u16, u32 := rapid.Uint8(), rapid.Uint16(), rapid.Uint32()
	draw := func() uint32 { return u32.Draw(rt, "u32") }
	r := RTCP{SSRC: draw(), Types: rapid.SliceOfN(rapid.Uint8Range(192, 223), 1, 4).Draw(rt, "types")}
	for range rapid.IntRange(0, 2).Draw(rt, "senders") {
		r.Senders = append(r.Senders, SenderReport{
			rapid.SampledFrom([]uint32{r.SSRC, draw()}).Draw(rt, "ssrc"), rapid.Uint64().Draw(rt, "ntp"), draw(), draw(), draw(),
		})
	}
	for range rapid.IntRange(0, 3).Draw(rt, "blocks") {
		r.Blocks = append(r.Blocks, ReportBlock{
			rapid.SampledFrom([]uint32{r.SSRC, draw()}).Draw(rt, "reporter"), draw(), u8.Draw(rt, "fraction"),
			rapid.Int32Range(-1<<23, 1<<23-1).Draw(rt, "lost"), draw(), draw(), draw(), draw(),
		})
	}
	for range rapid.IntRange(0, 2).Draw(rt, "sdes") {
		r.SDES = append(r.SDES, SDESItem{draw(), u8.Draw(rt, "type"), rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(rt, "text")})
	}
	for range rapid.IntRange(0, 2).Draw(rt, "xr") {
		r.VoIP = append(r.VoIP, voipMetrics(draw(), rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "voip")))
		r.Reference = append(r.Reference, ReceiverReference{draw(), rapid.Uint64().Draw(rt, "ntp")})
		r.DLRR = append(r.DLRR, DLRR{draw(), draw(), draw(), draw()})
		r.MOS = append(r.MOS, MOSBlock{draw(), draw(), u8.Draw(rt, "i"), draw()})
		r.Bye = append(r.Bye, draw())
		r.Apps = append(r.Apps, App{draw(), u8.Draw(rt, "subtype"), [4]byte{'a', 0, 0xff, '"'}, []byte{1, 2, byte(u16.Draw(rt, "data"))}})
	}
	if rapid.Bool().Draw(rt, "reason") {
		r.ByeReason = rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(rt, "text")
	}
	return r
}

func TestRTCPJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRTCP(rt)
		b := AppendRTCPJSON(nil, &r)
		if !json.Valid(b) {
			rt.Fatalf("no JSON: %s", b)
		}
		var back RTCP
		if err := ParseRTCPJSON(b, &back); err != nil {
			rt.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(r, back, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("%s\n%s", b, diff)
		}
	})
}

func FuzzRTCPJSON(f *testing.F) {
	for _, s := range emitted {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{"ssrc":1,"senders":[{"ntp":1}],"bye":[1],"apps":[{"name_hex":"61"}],"bye_reason_hex":"ff","encrypted":true}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, back RTCP
		if err := ParseRTCPJSON(b, &r); err != nil {
			return
		}
		out := AppendRTCPJSON(nil, &r)
		if err := ParseRTCPJSON(out, &back); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if len(back.Blocks) != len(r.Blocks) || len(back.Senders) != len(r.Senders) || len(back.VoIP) != len(r.VoIP) {
			t.Errorf("%s was read as %+v", out, back)
		}
	})
}

func BenchmarkReportJSON(b *testing.B) {
	f := newFeed()
	jittered(f, 0, 1000, 2, 8, 0)
	text := f.reports[0].AppendJSON(nil)
	b.Run("append", func(b *testing.B) {
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			buf = f.reports[0].AppendJSON(buf[:0])
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := ParseReport(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRTCPJSON(b *testing.B) {
	in := RTCP{
		SSRC: 7, Types: []uint8{200, 202}, Senders: []SenderReport{{SSRC: 7, NTP: 1 << 62, RTPTime: 80_000, Packets: 500, Octets: 80_000}},
		Blocks: []ReportBlock{{Reporter: 7, SSRC: 8, Highest: 70_000, Lost: 3, Jitter: 12, LSR: 1 << 30, DLSR: 1 << 16}},
		SDES:   []SDESItem{{SSRC: 7, Type: 1, Text: []byte("abcdef@192.0.2.1")}},
	}
	text := AppendRTCPJSON(nil, &in)
	b.Run("append", func(b *testing.B) {
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendRTCPJSON(buf[:0], &in)
		}
	})
	b.Run("parse", func(b *testing.B) {
		var r RTCP
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if err := ParseRTCPJSON(text, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestHostileReport: what no meter says is refused, or cut to what one may say;
// a report of a datagram's size keeps no more memory than its own.
func TestHostileReport(t *testing.T) {
	const head = `{"ssrc":1,"start":"2026-01-05T10:00:00Z",`
	for _, b := range []string{
		`{"ssrc":1,"start":"1677-01-05T10:00:00Z"}`, `{"ssrc":1,"start":"9999-01-05T10:00:00Z"}`, head + `"last":"2262-01-05T10:00:00Z"}`,
		head + `"delta_max_ms":1e308}`, head + `"ptime_ms":-1e300}`, head + `"delta":{"packets":18446744073709551615}}`,
		head + `"heard":{"discarded":[0,0,18446744073709551614]}}`, head + `"signal":{"n":18446744073709551615}}`,
	} {
		if r, err := ParseReport([]byte(b)); err == nil {
			t.Errorf("%s: %+v", b, r)
		}
	}
	for _, name := range []string{"pts", "jitter", "total_jitter", "holes", "jitter_spread"} {
		one := map[string]string{"holes": `{"from":"2026-01-05T10:00:00Z","to":"2026-01-05T10:00:00Z"}`, "jitter_spread": "[1,1]"}[name]
		if one == "" {
			one = "{}"
		}
		r, err := ParseReport([]byte(head + `"` + name + `":[` + strings.Repeat(one+",", 20_000) + one + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		if n := cap(r.PayloadTypes) + cap(r.Jitter) + cap(r.TotalJitter) + cap(r.Holes) + cap(r.JitterSpread); n > 128 {
			t.Errorf("%d %s are kept", n, name)
		}
	}
}

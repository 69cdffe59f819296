package media

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pion/rtcp"
)

// compound is a sender report with two blocks, CNAME, BYE and XR, as pion
// writes them.
func compound(t testing.TB) []byte {
	b, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: 1, NTPTime: 0xeeb1_2233_4455_6677, RTPTime: 160, PacketCount: 10, OctetCount: 1600, Reports: []rtcp.ReceptionReport{
			{SSRC: 2, FractionLost: 26, TotalLost: 58, LastSequenceNumber: 70000, Jitter: 80, LastSenderReport: 0x22334455, Delay: 65536},
			{SSRC: 3, TotalLost: 0xfffffe},
		}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "a@b"}, {Type: rtcp.SDESTool, Text: "x"}}}}},
		&rtcp.Goodbye{Sources: []uint32{1}, Reason: "done"},
		&rtcp.ExtendedReport{SenderSSRC: 1, Reports: []rtcp.ReportBlock{
			&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 0x1122_3344_5566_7788},
			&rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{{SSRC: 2, LastRR: 3, DLRR: 4}}},
			&rtcp.VoIPMetricsReportBlock{
				SSRC: 2, LossRate: 1, DiscardRate: 2, BurstDensity: 3, GapDensity: 4, BurstDuration: 5, GapDuration: 6, RoundTripDelay: 7,
				EndSystemDelay: 8, SignalLevel: 236, NoiseLevel: 190, RERL: 127, Gmin: 16, RFactor: 93, ExtRFactor: 127, MOSLQ: 44, MOSCQ: 43,
				RXConfig: 0xb0, JBNominal: 40, JBMaximum: 60, JBAbsMax: 300,
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseRTCP(t *testing.T) {
	r := RTCP{Encrypted: true, Bye: []uint32{9}} // as if used before
	if err := ParseRTCP(compound(t), &r); err != nil {
		t.Fatal(err)
	}
	want := RTCP{
		SSRC: 1, Types: []uint8{TypeSR, TypeSDES, TypeBYE, TypeXR},
		Senders:   []SenderReport{{1, 0xeeb1_2233_4455_6677, 160, 10, 1600}},
		Blocks:    []ReportBlock{{1, 2, 26, 58, 70000, 80, 0x22334455, 65536}, {Reporter: 1, SSRC: 3, Lost: -2}},
		SDES:      []SDESItem{{1, 1, []byte("a@b")}, {1, 6, []byte("x")}},
		Bye:       []uint32{1},
		ByeReason: []byte("done"),
		Reference: []ReceiverReference{{1, 0x1122_3344_5566_7788}},
		DLRR:      []DLRR{{1, 2, 3, 4}},
		VoIP: []VoIPMetrics{{
			Reporter: 1, SSRC: 2, LossRate: 1, DiscardRate: 2, BurstDensity: 3, GapDensity: 4, BurstDuration: 5, GapDuration: 6,
			RoundTripDelay: 7, EndSystemDelay: 8, SignalLevel: -20, NoiseLevel: -66, RERL: 127, Gmin: 16, RFactor: 93, ExtRFactor: 127,
			MOSLQ: 44, MOSCQ: 43, RXConfig: 0xb0, JBNominal: 40, JBMaximum: 60, JBAbsMax: 300,
		}},
	}
	if diff := cmp.Diff(want, r, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestParseRTCPOthers(t *testing.T) {
	var r RTCP
	if err := ParseRTCP(unhex(t, "80 c9 0001 00000001  81 cc 0003 00000001 74657374 01020304"), &r); err != nil || len(r.Apps) != 1 ||
		string(r.Apps[0].Name[:]) != "test" || r.Apps[0].Subtype != 1 || len(r.Apps[0].Data) != 4 {
		t.Errorf("APP: %+v, %v", r, err)
	}
	if err := ParseRTCP(unhex(t, "80 cf 0004 00000001 1d800002 00000002 04081234"), &r); err != nil ||
		len(r.MOS) != 1 || r.MOS[0] != (MOSBlock{1, 2, 2, 0x04081234}) {
		t.Errorf("XR MOS: %+v, %v", r, err)
	}
	if err := ParseRTCP(unhex(t, "80 c9 0001 00000001 81 ce 0002 00000001 00000002"), &r); err != nil || len(r.Types) != 2 {
		t.Errorf("picture loss indication: %+v, %v", r, err)
	}
	if err := ParseRTCP(unhex(t, "a0 c9 0002 00000001 00000004"), &r); err != nil {
		t.Errorf("padding: %v", err)
	}
}

func TestParseRTCPRefuses(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		var r RTCP
		if err := ParseRTCP(unhex(t, s), &r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
	f("", "shorter")
	f("80c9000100", "shorter")
	f("40c90001 00000001", "version")
	f("80000001 00000001", "packet type 0")
	f("80c90002 00000001", "no packet at offset 0 of 8")
	f("81c90001 00000001", "shorter than its count of 1")
	f("80c90001 00000001 80", "no packet at offset 8 of 9")
	f("81ca0003 00000001 01ff4142 00000000", "packet type 202 at offset 0")
	f("80cf0002 00000001 07000008", "packet type 207")
}

// TestSRTCP encrypts by hand: nothing of what looks like a report may be
// believed.
func TestSRTCP(t *testing.T) {
	plain := compound(t)
	f := func(name, trailer string, e bool) {
		t.Helper()
		b := append([]byte(nil), plain...)
		for i := 8; e && i < len(b); i++ {
			b[i] ^= byte(i*37 + 11)
		}
		b = append(b, unhex(t, trailer)...)
		var r RTCP
		if err := ParseRTCP(b, &r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if e && (!r.Encrypted || r.SSRC != 1 || len(r.Senders)+len(r.Blocks)+len(r.SDES) != 0) || !e && len(r.Blocks) != 2 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	f("AES_CM_128_HMAC_SHA1_80", "80000001 0102030405060708090a", true)
	f("a 32-bit tag", "80000001 01020304", true)
	f("AEAD_AES_128_GCM", "0102030405060708090a0b0c0d0e0f10 80000001", true)
	f("authenticated only", "00000001 0102030405060708090a", false)
	// One packet alone: its trailer is what gives it away.
	var r RTCP
	b := unhex(t, "80c90001 00000007 80000002 0102030405060708090a")
	if err := ParseRTCP(b, &r); err != nil || !r.Encrypted || r.SSRC != 7 {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzRTCP(f *testing.F) {
	f.Add(compound(f))
	f.Add(unhex(f, "80c90001 00000007 80000002 0102030405060708090a"))
	f.Add(unhex(f, "80 cf 0004 00000001 1d800002 00000002 04081234"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, back RTCP
		if err := ParseRTCP(b, &r); err != nil {
			return
		}
		if err := ParseRTCPJSON(AppendRTCPJSON(nil, &r), &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, back, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestParseRTCPDoesNotAllocate(t *testing.T) {
	b := compound(t)
	var r RTCP
	if n := testing.AllocsPerRun(1000, func() { _ = ParseRTCP(b, &r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRoundTripTime(t *testing.T) {
	k := NewRTTTracker(4)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	const sent = uint64(0xeeb1_2233_4455_6677)
	k.Sent(at(0), 1, sent)
	k.Sent(at(50), 1, sent) // a mirrored copy keeps the first
	f := func(name string, ms int, ssrc, lsr, dlsr uint32, want time.Duration, ok bool) {
		t.Helper()
		if got, has := k.Answered(at(ms), ssrc, lsr, dlsr); has != ok || (got-want).Abs() > 100*time.Microsecond {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, has, want, ok)
		}
	}
	f("waited 1 s", 1040, 1, 0x22334455, 65536, 40*time.Millisecond, true)
	f("no report came", 1040, 1, 0, 0, 0, false)
	f("no delay told", 1040, 1, 0x22334455, 0, 0, false)
	f("of another source", 1040, 2, 0x22334455, 65536, 0, false)
	f("never seen", 1040, 1, 0x22334456, 65536, 0, false)
	f("negative", 900, 1, 0x22334455, 65536, 0, false)
	f("11 s", 12_000, 1, 0x22334455, 65536, 0, false)
	if k.Implausible != 2 {
		t.Errorf("%d implausible, want 2", k.Implausible)
	}
	for i := range uint64(10) {
		k.Sent(at(100), 9, i<<16|1<<40)
	}
	if len(k.seen) != 4 || k.Evicted != 7 {
		t.Errorf("%d remembered, %d evicted; want 4 and 7", len(k.seen), k.Evicted)
	}
	f("evicted", 1040, 1, 0x22334455, 65536, 0, false)

	k = NewRTTTracker(4)
	k.Observe(at(0), &RTCP{Senders: []SenderReport{{SSRC: 1, NTP: sent}}}, func(uint32, uint32, time.Duration) { t.Error("an answer before a question") })
	var n int
	k.Observe(at(540), &RTCP{Blocks: []ReportBlock{{Reporter: 2, SSRC: 1, LSR: 0x22334455, DLSR: 32768}}}, func(ssrc, reporter uint32, rtt time.Duration) {
		n++
		if ssrc != 1 || reporter != 2 || rtt != 40*time.Millisecond {
			t.Errorf("%d %d %v", ssrc, reporter, rtt)
		}
	})
	if n != 1 {
		t.Errorf("%d answers", n)
	}
}

func TestReception(t *testing.T) {
	var c Reception
	if _, ok := c.LossPct(); ok {
		t.Error("loss before a report")
	}
	c.Observe(&ReportBlock{SSRC: 1, Highest: 1000, Jitter: 80, FractionLost: 64})
	if pct, ok := c.LossPct(); !ok || pct != 25 {
		t.Errorf("one report: %v, %v", pct, ok)
	}
	second := ReportBlock{SSRC: 1, Highest: 1250, Lost: 5, Jitter: 160, FractionLost: 5}
	c.Observe(&second)
	c.Observe(&second) // mirrored
	c.Observe(&ReportBlock{SSRC: 1, Highest: 1000, Jitter: 80})
	if pct, _ := c.LossPct(); pct != 2 || c.Lost != 5 || c.Expected != 250 || c.Reports != 2 {
		t.Errorf("%v %% of %+v", pct, c)
	}
	if mean, highest, last, ok := c.JitterMs(8000); !ok || mean != 15 || highest != 20 || last != 20 {
		t.Errorf("jitter %v %v %v %v", mean, highest, last, ok)
	}
	c.Observe(&ReportBlock{SSRC: 1, Highest: 1300, Lost: -3})
	if pct, _ := c.LossPct(); pct != 0 || c.Lost != -3 {
		t.Errorf("duplicates prevail: %v %% of %+v", pct, c)
	}
}

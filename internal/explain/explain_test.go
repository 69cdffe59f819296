package explain

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	begin = time.Date(2026, 3, 4, 3, 0, 1, 250_000_000, time.UTC)
	alice = netip.MustParseAddr("192.0.2.1")
	bob   = netip.MustParseAddr("198.51.100.2")
	relay = netip.MustParseAddr("203.0.113.9")
)

// after is a time that many seconds after the INVITE.
func after(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }

// answered is a call of Alice with Bob that lasted for s seconds from 2 s after
// the INVITE, with nothing known of its media.
func answered(s float64) *record.Call {
	return &record.Call{
		Domain: "default", FirstSeen: begin, CallID: "a84b4c76@192.0.2.1", SessionID: "a84b4c76@192.0.2.1", FromTag: "f", ToTag: "t", Nodes: []string{"sbc1"},
		StartTime: new(begin), RingTime: new(after(0.4)), AnswerTime: new(after(2)), EndTime: new(after(2 + s)), State: record.Answered,
		FinalStatus: new(uint16(200)), FinalReason: new("OK"), HangupBy: new("callee"), Caller: "alice", Callee: "bob", CallerHost: "example.org", CalleeHost: "example.net",
		CallerDisplay: new("Alice A."), CallerAgent: new("Phone 1.0"), SrcIP: new(alice), SrcPort: new(uint16(5060)), DstIP: new(bob), DstPort: new(uint16(5060)), Transport: "udp",
		PddMs: new(400.), SetupMs: new(2000.), DurationMs: new(s * 1000), MediaSeen: "unknown",
	}
}

// media gives a call the streams and intervals of one direction: an interval
// for each number of lost packets of 250; -1 is silence.
func media(rows *Rows, key, codec string, ceiling float64, lost ...int) {
	c := rows.Calls[0]
	src, dst, side, ssrc := alice, bob, &c.A, uint32(0xa)
	if key == "b" {
		src, dst, side, ssrc = bob, alice, &c.B, 0xb
	}
	start := c.AnswerTime.Truncate(width)
	st := &record.Stream{
		Domain: "default", FirstSeen: *c.AnswerTime, CallID: new(c.CallID), FromTag: new(c.FromTag), ToTag: new(c.ToTag), Direction: new(key), Media: new("audio"), SSRC: ssrc,
		SrcIP: src, SrcPort: 4000, DstIP: dst, DstPort: 4000, Node: "sbc1", Codec: new(codec), PtimeMs: new(20.), StartTime: *c.AnswerTime, JitterP95Ms: new(3.5), Match: "sdp",
	}
	var silent time.Duration
	sum, n, worst := 0., 0., 4.5
	for i, l := range lost {
		it := &record.Interval{
			Domain: "default", FirstSeen: start.Add(time.Duration(i) * width), CallID: new(c.CallID), Direction: new(key), SSRC: ssrc, SrcIP: src, SrcPort: 4000, DstIP: dst, DstPort: 4000, Node: "sbc1",
			Packets: uint64(250 - l), Expected: 250, Lost: uint64(l), Codec: new(codec), JitterMs: new(1.5 + float64(l)/10),
		}
		it.Time = it.FirstSeen
		cost := 1.5 * float64(l)
		if l < 0 {
			it.SSRC, it.Packets, it.Lost, it.JitterMs = 0, 0, 250, nil
			cost = ceiling
			silent += width
		} else {
			st.EndTime = it.Time.Add(width)
			st.Packets += it.Packets
			st.Expected += it.Expected
			st.Lost += it.Lost
		}
		if ceiling > 0 {
			r := ceiling - cost
			mos := 1 + 3.4*r/93.2
			it.RLQ, it.MosLQ, it.RCostCodec, it.RCostLoss, it.RCostDiscard = new(r), new(mos), new(93.2-ceiling), new(cost), new(0.)
			sum, n, worst = sum+r, n+1, min(worst, mos)
		}
		rows.Intervals = append(rows.Intervals, it)
	}
	st.LossPct = new(percentOf(st.Lost, st.Expected))
	side.Packets, side.Expected, side.Lost, side.LossPct = new(st.Packets), new(st.Expected), new(st.Lost), st.LossPct
	side.JitterMeanMs, side.JitterMaxMs, side.Codec, side.SSRCs, side.SilentMs = new(2.), new(9.), new(codec), []uint32{ssrc}, new(ms(silent))
	if ceiling > 0 {
		st.RCeiling, st.RLQ, st.Scale, st.ModelStatus, st.JitterBuffer = new(ceiling), new(sum/n), new("NB"), new("std"), new("adaptive")
		side.RLQ, side.MosLQ, side.MosLQMin = new(sum/n), new(1+3.4*sum/n/93.2), new(worst)
	}
	c.MediaSeen, c.MeasuredAt = "both", new("sbc1/receiver")
	rows.Streams = append(rows.Streams, st)
}

// zeros are intervals without loss.
func zeros(n int) []int { return make([]int, n) }

func bad() *Rows {
	rows := &Rows{Calls: []*record.Call{answered(40)}}
	media(rows, "a", "PCMA", 93.2, 0, 1, 0, 0, 40, 12, 0, 0)
	media(rows, "b", "PCMA", 93.2, zeros(8)...)
	c, st := rows.Calls[0], rows.Streams[0]
	c.Flags = []string{"capture_loss", "dtmf", "plc_assumed"}
	c.MosCQ, c.A.MosCQ = new(3.9), new(3.9)
	c.A.RtcpLost, c.A.RtcpLossPct, c.A.RtcpJitterMs, c.A.RttMs = new(int64(55)), new(2.75), new(2.1), new(61.)
	st.AdaptiveR, st.BurstR, st.LossBursts, st.BurstDensityPct, st.BurstMs, st.GapDensityPct = new(*st.RLQ), new(2.3), []uint32{9, 5, 2, 0, 0, 0, 0, 0, 0, 0}, new(31.), new(420.), new(0.4)
	st.Segment, st.VLAN = new("2/2"), new(uint16(7))
	first := *st // the same media before the relay
	first.DstIP, first.Segment, first.Lost, first.Node = relay, new("1/2"), 3, "edge"
	rows.Streams = append(rows.Streams, &first)
	for i, it := range rows.Intervals[:8] {
		it.AdaptiveDiscarded, it.RCostDelay, it.RttMs = new(uint64(0)), new(4.9), new(61.)
		if i == 4 {
			it.AdaptiveDiscarded, it.RCostDiscard = new(uint64(4)), new(3.)
			*it.RLQ -= 3
		}
	}
	rows.Drops = []*record.Drop{{Domain: "default", Node: "sbc1", Stage: "capture", Reason: "kernel", Count: 12, FromTime: after(10), ToTime: after(11)}}
	rows.Reports = []*record.Report{
		{Domain: "default", Time: after(43), CallID: new(c.CallID), Node: "sbc1", Source: "vq_rtcpxr_publish", Kind: new("session"), Metrics: new("local"), ReporterIP: bob, SSRC: new(uint32(0xa)), MOSLQ: new(3.7), NLRPct: new(2.8), JDRPct: new(0.3), IAJMs: new(3.), RTDMs: new(60.)},
		{Domain: "default", Time: after(44), CallID: new(c.CallID), Node: "sbc1", Source: "rtcp_xr", ReporterIP: alice},
		{Domain: "default", Time: after(40), CallID: new(c.CallID), Node: "sbc1", Source: "x_rtp_stat", Kind: new("session"), Metrics: new("local"), ReporterIP: alice, Direction: new("b"), PacketsReceived: new(uint64(1998)), PacketsLost: new(int64(0)), JitterMs: new(2.5), MOS: new(4.4)},
		{Domain: "default", Time: after(22), CallID: new(c.CallID), Node: "sbc1", Source: "rtcp_rr", ReporterIP: bob, Direction: new("a"), SSRC: new(uint32(0xa)), NLRPct: new(14.5)},
		{Domain: "default", Time: after(27), CallID: new(c.CallID), Node: "sbc1", Source: "rtcp_rr", ReporterIP: bob, Direction: new("a"), SSRC: new(uint32(0xa)), NLRPct: new(4.3)},
	}
	return rows
}

func silent() *Rows {
	rows := &Rows{Calls: []*record.Call{answered(30)}}
	media(rows, "a", "G729", 83.2, zeros(6)...)
	media(rows, "b", "G729", 83.2, 0, 0, 0, 0, -1, -1)
	return rows
}

func unanswered() *Rows {
	c := answered(0)
	c.State, c.AnswerTime, c.SetupMs, c.DurationMs, c.EndTime, c.HangupBy = record.Failed, nil, nil, nil, new(after(3)), nil
	c.FinalStatus, c.FinalReason, c.CauseQ850 = new(uint16(503)), new("Service Unavailable"), new(uint16(38))
	try := func(at float64, ip netip.Addr, status uint16, reason string) *record.Attempt {
		return &record.Attempt{Domain: "default", FirstSeen: after(at), CallID: c.CallID, FromTag: "f", RequestHost: new("example.net"), DstIP: new(ip), DstPort: new(uint16(5060)), StartTime: new(after(at)), EndTime: new(after(at + 1)), Status: new(status), Reason: new(reason)}
	}
	return &Rows{Calls: []*record.Call{c}, Attempts: []*record.Attempt{try(1.5, relay, 503, "Service Unavailable"), try(0.2, bob, 480, "Temporarily Unavailable")}}
}

// trunk is an unanswered call of an SIP-I trunk behind an IMS.
func trunk() *Rows {
	rows := unanswered()
	c := rows.Calls[0]
	c.CauseLocation, c.ISUPCalled, c.ISUPCalling, c.ISUPRedirecting = new("RLN"), new("+442079460123"), new("+12025550142"), new("2079460177")
	c.AssertedNumber, c.OrigIOI, c.ICID = new("+12025550142"), new("home.example.com"), new("bea7\x1bd7")
	c.CallerAccessNetwork, c.CallerCell, c.CalleeAccessNetwork = new("3GPP-NR-FDD"), new("0010100010019b01"), new("DSL")
	return rows
}

func unscored() *Rows {
	rows := &Rows{Calls: []*record.Call{answered(20)}, Lacks: []string{"table reports", "column streams.burst_r"}}
	media(rows, "a", "OPUS", 0, 0, 0, 9, 0)
	media(rows, "b", "OPUS", 0, zeros(4)...)
	for _, st := range rows.Streams {
		st.Flags = []string{"mos_no_codec"}
	}
	rows.Calls[0].A.SilentMs = nil
	return rows
}

func bypassed() *Rows { return &Rows{Calls: []*record.Call{answered(60)}} }

// long is a call of five hours with a bad quarter of an hour in each.
func long() *Rows {
	rows := &Rows{Calls: []*record.Call{answered(5 * 3600)}}
	lost := zeros(5 * 720)
	for i := range lost {
		if i%720 < 180 && i%3 > 0 {
			lost[i] = 5 + i%7
		}
	}
	media(rows, "a", "PCMU", 93.2, zeros(len(lost))...)
	media(rows, "b", "PCMU", 93.2, lost...)
	return rows
}

// twice is a call that two phones answered, and has text that no terminal
// should get.
func twice() *Rows {
	rows := &Rows{Calls: []*record.Call{answered(10)}}
	media(rows, "a", "PCMU", 93.2, 0, 0)
	media(rows, "b", "PCMU", 93.2, 0, 30)
	other := answered(10)
	other.ToTag, other.FirstSeen, other.Caller, other.CallerDisplay, other.State, other.Flags = "t2", begin.Add(time.Millisecond), "\x1b[2Jmallory", new(strings.Repeat("x", 500)), record.Answered, []string{"no_bye"}
	rows.Calls = append(rows.Calls, other)
	return rows
}

// loud is a call whose caller is clipped in two intervals and silent in one,
// and whose callee nobody could decode.
func loud() *Rows {
	rows := &Rows{Calls: []*record.Call{answered(30)}}
	media(rows, "a", "PCMA", 93.2, zeros(6)...)
	media(rows, "b", "OPUS", 0, zeros(6)...)
	rows.Calls[0].A.Sound = record.Sound{LevelDBov: new(-9.8), NoiseDBov: new(-72.2), SilencePct: new(21.4), ClippingPct: new(7.25)}
	for i, it := range rows.Intervals[:6] {
		it.Sound = record.Sound{LevelDBov: new(-9.), SilencePct: new(0.), ClippingPct: new([]float64{0, 9, 30, 0, 0, 0.2}[i])}
	}
	rows.Intervals[3].Sound = record.Sound{NoiseDBov: new(-72.2), SilencePct: new(100.), ClippingPct: new(0.)}
	return rows
}

// mute is a call whose caller's packets carry nothing, and whose callee is faint.
func mute() *Rows {
	rows := &Rows{Calls: []*record.Call{answered(20)}}
	media(rows, "a", "PCMU", 93.2, zeros(4)...)
	media(rows, "b", "PCMA", 93.2, zeros(4)...)
	c := rows.Calls[0]
	c.Flags, rows.Streams[0].Flags = []string{"silent_audio"}, []string{"silent_audio"}
	c.A.Sound = record.Sound{NoiseDBov: new(-127.), SilencePct: new(100.), ClippingPct: new(0.)}
	c.B.Sound = record.Sound{LevelDBov: new(-48.), SilencePct: new(0.)}
	for _, it := range rows.Intervals[:4] {
		it.Sound = c.A.Sound
	}
	return rows
}

func TestText(t *testing.T) {
	for name, rows := range map[string]*Rows{
		"bad": bad(), "silent": silent(), "unanswered": unanswered(), "trunk": trunk(), "unscored": unscored(), "bypassed": bypassed(), "long": long(), "twice": twice(), "loud": loud(), "mute": mute(), "proxied": proxied(),
	} {
		t.Run(name, func(t *testing.T) {
			got := Text(rows)
			path := filepath.Join("testdata", name+".golden.txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("it says\n%s\nwant\n%s", got, want)
			}
			if strings.ContainsAny(got, "\x1b\x00\r") {
				t.Error("it has control characters")
			}
		})
	}
}

// TestBareRows explains rows in which nothing is known but that they are there.
func TestBareRows(t *testing.T) {
	for _, state := range []record.State{"", record.Answered, record.Open, record.Cancelled, record.Busy, record.Timeout} {
		for _, seen := range []string{"", "both", "none", "unknown"} {
			c := &record.Call{CallID: "x", State: state, MediaSeen: seen, AnswerTime: new(begin)}
			rows := &Rows{
				Calls: []*record.Call{c}, Attempts: []*record.Attempt{{}, {}}, Hops: []*record.Hop{{}, {ParentBranch: new("")}, {}}, Messages: []*record.Message{{}, {Status: new(uint16(200)), CSeq: new(uint32(0)), Method: "INVITE", CallID: "x"}}, Drops: []*record.Drop{{}}, Reports: []*record.Report{{}},
				Streams: []*record.Stream{{Direction: new("a")}, {Direction: new("b"), Packets: 1}}, Intervals: []*record.Interval{{Direction: new("a")}, {Direction: new("b")}},
			}
			if text := Text(rows); !strings.HasPrefix(text, "Call x\n") || strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
				t.Errorf("%s, media %q: %s", state, seen, text)
			}
		}
	}
}

// TestConfiguredFactors: whose factors they are is told, also where the
// configuration calls them a standard's.
func TestConfiguredFactors(t *testing.T) {
	for _, status := range []string{"std", "derived"} {
		rows := bad()
		rows.Streams[0].Flags, rows.Streams[0].ModelStatus = []string{"codec_configured"}, new(status)
		rows.Calls[0].Flags = []string{"codec_configured"}
		want := "The impairment factors of PCMA are the configuration's (media.codecs), which calls them " + status + "."
		if text := Text(rows); !strings.Contains(text, want) || strings.Contains(text, "codec_configured") || strings.Contains(text, "no published standard has it") {
			t.Errorf("%s: %s", status, text)
		}
	}
}

func TestFrames(t *testing.T) {
	f := func(st *record.Stream, want string) {
		t.Helper()
		if got := frames(st); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(&record.Stream{}, "")
	f(&record.Stream{FPS: new(24.96), Freezes: new(uint64(0)), FreezeMs: new(0.), FrameGapMaxMs: new(61.4)}, ", 25.0 frames/s, no freeze (longest gap 61 ms)")
	f(&record.Stream{FPS: new(8.0), Freezes: new(uint64(2)), FreezeMs: new(1490.), FrameGapMaxMs: new(900.)}, ", 8.0 frames/s, frozen for 1.5 s in all (2 x, longest gap 0.9 s)")
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{seconds(12), "12 ms"},
		{seconds(1500), "1.5 s"},
		{seconds(200_000), "3 min 20 s"},
		{seconds(3_599_900), "1 h"},
		{seconds(60_000), "1 min"},
		{seconds(5_400_000), "1 h 30 min"},
		{offset(-2 * time.Second), "-0:02"},
		{offset(-time.Millisecond), "-0:01"},
		{offset(999 * time.Millisecond), "+0:00"},
		{offset(65 * time.Second), "+1:05"},
		{offset(3661 * time.Second), "+1:01:01"},
		{clean("a\tb\x7f\u202e\xff"), "a?b???"},
		{sentence(nil), "Nothing is known of how it went."},
		{sentence([]string{"rang", "fell"}), "Rang, fell."},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestScales: a codec that changes its scale leaves the score of the one that
// most packets have, and what no scale allows is not compared.
func TestScales(t *testing.T) {
	rows := &Rows{Calls: []*record.Call{answered(40)}}
	media(rows, "a", "PCMU", 93.2, zeros(8)...)
	for _, it := range rows.Intervals[5:] {
		it.Codec, it.RLQ, it.MosLQ, it.RCostCodec = new("OPUS"), new(137.8), new(4.408), new(10.2)
	}
	text := Text(rows)
	for _, want := range []string{"In short: good.", "scale NB", "R 93.2 of at most 93.2", "the score is of NB alone, without the packets 750 on FB", "\n  03:00:00-03:00:25  +0:00", "\n  03:00:25-03:00:40  +0:21"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}

	for _, it := range rows.Intervals[5:] {
		it.Lost, it.RLQ, it.MosLQ, it.RCostLoss = 50, new(87.8), new(3.), new(50.)
	}
	if want := "In short: very bad, worst from caller to callee, for loss, while its codec was one of the scale FB."; !strings.Contains(Text(rows), want) {
		t.Errorf("no %q in\n%s", want, Text(rows))
	}

	// Without scores of intervals the counts tell.
	whole := bad()
	for _, it := range whole.Intervals {
		it.RLQ, it.MosLQ = nil, nil
	}
	if text := Text(whole); !strings.Contains(text, "worst from caller to callee, for loss.") {
		t.Error(text)
	}
	for _, it := range whole.Intervals {
		it.Lost, it.AdaptiveDiscarded = 0, new(uint64(9))
	}
	if text := Text(whole); !strings.Contains(text, "worst from caller to callee, for packets that came too late.") {
		t.Error(text)
	}

	// What no interval scored was not lost to loss.
	rows.Intervals = rows.Intervals[:5]
	st, a := rows.Streams[0], &rows.Calls[0].A
	st.RCeiling, st.RLQ, a.RLQ = new(93.2), new(80.), new(80.)
	if text := Text(rows); strings.Contains(text, "for loss") || !strings.Contains(text, "In short: impaired, worst from caller to callee, for what no interval tells.") {
		t.Error(text)
	}
	if c := (&cell{n: 2, scale: mixed, weight: 2, scored: 2, mos: 8}); c.columns(20)[2] != "-" || c.columns(20)[3] != "codec changed" {
		t.Errorf("two scales in one line: %v", c.columns(20))
	}
}

package main

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/analyzer"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/synth"
)

// compareHops holds the rows of hops to what the generator sent.
func compareHops(t tester, want []synth.HopTruth, rows []*record.Hop) {
	t.Helper()
	got := []synth.HopTruth{}
	for _, h := range rows {
		got = append(got, synth.HopTruth{
			CallID: h.CallID, CSeq: h.CSeq, Hop: h.Hop, Branch: h.Branch, ParentBranch: h.ParentBranch, StartTime: h.StartTime,
			TryingMs: h.TryingMs, ProgressMs: h.ProgressMs, RingMs: h.RingMs, FinalMs: h.FinalMs, Status: h.Status, ForwardMs: h.ForwardMs, ReturnMs: h.ReturnMs,
		})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("hops (-want +got):\n%s", d)
	}
}

// TestHopsOfScenarios: calls through a proxy have rows of their hops, and all
// others have none.
func TestHopsOfScenarios(t *testing.T) {
	for name, want := range map[string]int{
		"proxy-hops": 2, "proxy-with-media-relay": 2, "spiral": 4, "serial-fork": 3, "parallel-ring-487": 4, "forked-one-answer": 3,
		"answered": 0, "b2bua": 0, "same-call-id-b2bua": 0, "challenged": 0, "mirrored-twice": 0, "rfc2543-peer": 0,
	} {
		got, truth := readScenario(t, name, 3)
		if len(got.hops) != want || len(truth.Hops) != want {
			t.Errorf("%s: %d rows of hops, sent were %d, want %d", name, len(got.hops), len(truth.Hops), want)
		}
	}
}

// TestHopsOfTwoNodes: one agent sees the caller's side of the proxy, another
// one, whose clock is ahead, all that is behind it. No time compares the two
// clocks but by their offset, and that lies within its bound.
func TestHopsOfTwoNodes(t *testing.T) {
	caller := netip.MustParseAddr("198.51.100.20")
	const ahead = 7 * time.Second
	for _, name := range []string{"proxy-hops", "proxy-with-media-relay", "spiral", "serial-fork", "parallel-ring-487", "forked-one-answer"} {
		once, truth := readScenario(t, name, 4)
		var got []*record.Hop
		a := analyzer.New(analyzer.Defaults(), func(row any) {
			if h, ok := row.(*record.Hop); ok {
				got = append(got, h)
			}
		})
		for _, m := range once.messages {
			if m.Kind != "sip" {
				continue
			}
			p := packet.Packet{
				Time: m.Time, Src: netip.AddrPortFrom(m.SrcIP, m.SrcPort), Dst: netip.AddrPortFrom(m.DstIP, m.DstPort), Transport: packet.UDP,
				Kind: packet.KindSIP, Node: "near", Domain: m.Domain, Payload: []byte(m.Raw),
			}
			if m.SrcIP != caller && m.DstIP != caller {
				p.Node, p.Time = "far", p.Time.Add(ahead)
			}
			a.Observe(&p)
		}
		a.Close()
		want := map[string]synth.HopTruth{}
		for _, h := range truth.Hops {
			want[h.Branch] = h
		}
		if len(got) != len(want) || len(got) == 0 {
			t.Errorf("%s: %d rows, want %d", name, len(got), len(want))
		}
		corrected := false
		for _, h := range got {
			w := want[h.Branch]
			within(t, name+": final_ms", h.FinalMs, w.FinalMs, 0.001)
			if h.Hop != 1 {
				within(t, name+": forward_ms", h.ForwardMs, w.ForwardMs, 0.001)
				within(t, name+": return_ms", h.ReturnMs, w.ReturnMs, 0.001)
				continue
			}
			if w.ReturnMs == nil { // what would bound the offset did not pass the proxy
				if *h.Clocks != "different" || h.ForwardMs != nil || h.ReturnMs != nil {
					t.Errorf("%s: clocks are %s, forward_ms %s, return_ms %s", name, *h.Clocks, show(h.ForwardMs), show(h.ReturnMs))
				}
				continue
			}
			corrected = true
			within(t, name+": forward_ms", h.ForwardMs, w.ForwardMs, *h.ClockErrorMs+0.001)
			within(t, name+": return_ms", h.ReturnMs, w.ReturnMs, *h.ClockErrorMs+0.001)
			within(t, name+": passed_ms", h.PassedMs, new(*w.ForwardMs+*w.ReturnMs), 0.001)
			if off := *h.ClockOffsetMs - ahead.Seconds()*1000; *h.Clocks != "corrected" || math.Abs(off) > *h.ClockErrorMs {
				t.Errorf("%s: clocks are %s, wrong by %g ms, at most %g", name, *h.Clocks, off, *h.ClockErrorMs)
			}
		}
		if !corrected {
			t.Errorf("%s: no offset of clocks is known", name)
		}
	}
}

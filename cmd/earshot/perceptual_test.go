package main

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/synth"
)

// arrivedIn are the RTP sequence numbers of each SSRC as the frames of calls
// have them (Ethernet, IPv4, UDP), by how far they lie behind the first. None
// comes out of order here.
func arrivedIn(c synth.Capture) map[uint32][]int {
	out := map[uint32][]int{}
	before := map[uint32]uint16{}
	for f := range c.Frames() {
		b := f.Data
		if len(b) < 54 || b[23] != 17 || b[42] != 0x80 || b[43]&0x7f > 34 {
			continue // neither UDP nor RTP
		}
		seq, ssrc := binary.BigEndian.Uint16(b[44:]), binary.BigEndian.Uint32(b[50:])
		at := 0
		if all := out[ssrc]; all != nil {
			at = all[len(all)-1] + int(seq-before[ssrc])
		}
		out[ssrc], before[ssrc] = append(out[ssrc], at), seq
	}
	return out
}

// perceptualOf is R as remembered of G.711 with concealment (Ie 0, Bpl 25.1) in
// 20 ms packets, and the media behind the last burst, ms (-1 where there was
// none): worked out from which packets arrived, with no counters of RFC 3611.
func perceptualOf(arrived []int) (r, since float64) {
	const r0 = 93.206207723276
	var missing []int
	n := arrived[len(arrived)-1] + 1
	for i, have := 0, 0; i < n; i++ {
		if arrived[have] == i {
			have++
		} else {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return r0, -1
	}
	var bursts, inBursts, lostInBursts, alone, last float64
	for i := 0; i < len(missing); {
		j := i
		for j+1 < len(missing) && missing[j+1]-missing[j] <= 16 {
			j++
		}
		if i == j {
			alone++
		} else {
			bursts++
			inBursts += float64(missing[j] - missing[i] + 1)
			lostInBursts += float64(j - i + 1)
			last = float64(missing[j])
		}
		i = j + 1
	}
	impairment := func(share float64) float64 { return 95 * 100 * share / (100*share + 25.1) }
	inGaps := float64(n) - inBursts
	gap := impairment(alone / inGaps)
	if bursts == 0 {
		return r0 - gap, -1
	}
	burst := impairment(lostInBursts / inBursts)
	b, g := 0.02*inBursts/bursts, 0.02*(inGaps+bursts)/bursts // a gap ends with the number that begins a burst
	// What is felt at the ends of burst and gap settles, whatever it began with.
	felt, left := 0., 0.
	for range 10_000 {
		left = gap + (felt-gap)*math.Exp(-g/15)
		felt = burst - (burst-left)*math.Exp(-b/5)
	}
	mean := (b*burst + g*gap - 5*(burst-left)*(1-math.Exp(-b/5)) + 15*(felt-gap)*(1-math.Exp(-g/15))) / (b + g)
	since = 20 * (float64(n) - 1 - last)
	return r0 - mean - 0.7*(felt-mean)*math.Exp(-since/30_000), since
}

// TestPerceptualOfCalls compares r_perceptual and since_burst_ms of calls with
// what follows from the packets that the generator lost.
func TestPerceptualOfCalls(t *testing.T) {
	for name, i := range map[string]synth.Impairment{
		"clean": {}, "0.3 %": {LossPct: 0.3}, "1 %": {LossPct: 1}, "5 %": {LossPct: 5}, "20 %": {LossPct: 20},
		"0.5 % in bursts": {LossPct: 0.5, Burst: 3}, "2 % in bursts": {LossPct: 2, Burst: 8}, "10 % in bursts": {LossPct: 10, Burst: 4},
		"10 % in long bursts": {LossPct: 10, Burst: 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := synth.Calls(synth.Options{Calls: 4, Seconds: 40, Impairment: i, Seed: 11})
			if err != nil {
				t.Fatal(err)
			}
			f := framesOf(c)
			defer f.stop()
			got := readAll(t, f)
			all := arrivedIn(c)
			if len(got.streams) != 8 || len(all) != 8 {
				t.Fatalf("%d rows of %d streams", len(got.streams), len(all))
			}
			for _, s := range got.streams {
				r, since := perceptualOf(all[s.SSRC])
				if s.RPerceptual == nil || math.Abs(*s.RPerceptual-r) > 0.002 {
					t.Errorf("r_perceptual is %s, want %.3f", show(s.RPerceptual), r)
				}
				if since < 0 != (s.SinceBurstMs == nil) || since >= 0 && math.Abs(*s.SinceBurstMs-since) > 0.001 {
					t.Errorf("since_burst_ms is %s, want %g", show(s.SinceBurstMs), since)
				}
				if i.LossPct == 0 && *s.RPerceptual != *s.RLQ {
					t.Errorf("without loss r_perceptual is %g, r_lq %g", *s.RPerceptual, *s.RLQ)
				}
				r2 := got.calls[slices.IndexFunc(got.calls, func(r *record.Call) bool { return r.CallID == *s.CallID })]
				side := map[string]*record.Side{"a": &r2.A, "b": &r2.B}[*s.Direction]
				if *side.SilentMs > 2500 && side.RPerceptual == nil {
					continue // it lost its first or last seconds, which is in no stream
				}
				if d := cmp.Diff([]any{s.LossBursts, s.PDV, s.F50Mos, s.F200Mos, s.AdaptiveMos, s.PayloadType, s.PtimeMs, s.DSCP, s.TTLMin, s.TTLMax, s.SrcIP.String()},
					[]any{side.LossBursts, side.PDV, side.F50Mos, side.F200Mos, side.AdaptiveMos, side.PayloadType, side.PtimeMs, side.DSCP, side.TTLMin, side.TTLMax, side.MediaIP.String()}); d != "" {
					t.Errorf("side %s (-stream +side):\n%s", *s.Direction, d)
				}
				if show(side.RPerceptual) != show(s.RPerceptual) || show(side.MosPerceptual) != show(s.MosPerceptual) {
					t.Errorf("%s_r_perceptual is %s, that of its stream %s", *s.Direction, show(side.RPerceptual), show(s.RPerceptual))
				}
			}
		})
	}
}

// TestSidesOfScenarios holds what a call's row says of each side to what the
// generator knows: when its last packet came, how long its packets are, their
// TTL (62), and what the other end reported.
func TestSidesOfScenarios(t *testing.T) {
	for _, name := range []string{"answered", "answered-no-ringing", "media-stops-early", "clock-drift", "lost-ack", "reordered-2pct", "bye-crossing", "early-media", "dtx-marker"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, truth := readScenario(t, name, 1)
			r, end := got.calls[0], *truth.Calls[0].EndTime
			for _, w := range truth.Streams {
				side := map[string]*record.Side{"a": &r.A, "b": &r.B}[*w.Direction]
				near := func(column string, got *float64, want, by float64) {
					t.Helper()
					if got == nil || math.Abs(*got-want) > by {
						t.Errorf("%s_%s is %s, want %g", *w.Direction, column, show(got), want)
					}
				}
				near("last_rtp_ms", side.LastRtpMs, end.Sub(w.EndTime).Seconds()*1000, 0.001)
				near("ptime_ms", side.PtimeMs, w.PtimeMs, 0)
				if show(side.TTLMin) != "62" || show(side.TTLMax) != "62" {
					t.Errorf("%s_ttl_min %s, %s_ttl_max %s, want 62", *w.Direction, show(side.TTLMin), *w.Direction, show(side.TTLMax))
				}
				if w.RttMs != nil {
					near("rtt_min_ms", side.RttMinMs, *w.RttMs, 0.05)
					near("rtt_max_ms", side.RttMaxMs, *w.RttMs, 0.05)
				}
				if (w.RtcpLost == nil) != (side.RtcpReports == nil) {
					t.Errorf("%s_rtcp_reports is %s, the truth has %s lost", *w.Direction, show(side.RtcpReports), show(w.RtcpLost))
				}
				if w.RtcpLost != nil && *w.RtcpLost == 0 && name != "reordered-2pct" {
					near("rtcp_loss_pct_max", side.RtcpLossPctMax, 0, 0)
				}
			}
		})
	}
}

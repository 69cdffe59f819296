package synth

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// recount is what can be known of a stream from its packets alone.
type recount struct {
	Packets, Bytes, Expected, Lost, Duplicates, Reordered uint64
	JitterMean, JitterMax                                 float64
}

// recounted meters the streams of a capture from its bytes, in a way of its
// own: sequence numbers unwrapped to the nearest, a map of those seen.
func recounted(t *testing.T, all []datagram, truth Truth) map[streamKey]recount {
	type state struct {
		recount
		seen        map[int64]bool
		low, high   int64
		j, previous float64
		previousTS  uint32
		n, steps    int
	}
	skip := map[streamKey]map[uint8]bool{}
	rate := map[streamKey]float64{}
	for _, s := range truth.Streams {
		k := streamKey{s.Src, s.Dst, s.SSRC}
		rate[k] = float64(s.ClockRate)
		skip[k] = map[uint8]bool{}
		if s.DTMFEvents > 0 {
			skip[k][101] = true
		}
		if s.CNPackets > 0 {
			skip[k][13] = true
		}
	}
	states := map[streamKey]*state{}
	for _, d := range all {
		if d.stream || isSIP(d.payload) || !isRTP(d.payload) {
			continue
		}
		var p rtp.Packet
		if err := p.Unmarshal(d.payload); err != nil {
			t.Fatalf("pion: %v", err)
		}
		k := streamKey{d.src, d.dst, p.SSRC}
		s := states[k]
		if s == nil {
			s = &state{seen: map[int64]bool{}, low: int64(p.SequenceNumber), high: int64(p.SequenceNumber)}
			states[k] = s
		}
		ext := s.high + int64(int16(p.SequenceNumber-uint16(s.high)))
		if ext > s.high+3000 { // RFC 3550 A.1: another run
			s.Expected += uint64(s.high - s.low + 1)
			s.low, s.high = ext, ext
		}
		s.Packets++
		s.Bytes += uint64(len(p.Payload))
		if s.seen[ext] {
			s.Duplicates++
		} else if ext < s.high {
			s.Reordered++
		}
		s.seen[ext] = true
		s.low, s.high = min(s.low, ext), max(s.high, ext)
		if skip[k][p.PayloadType] {
			continue
		}
		now := float64(d.at.Sub(Epoch).Microseconds()) * rate[k] / 1e6
		d := math.Abs(now - s.previous - float64(int32(p.Timestamp-s.previousTS)))
		// A timestamp that jumps by 100 ms and more while packets come in step.
		if step := int32(p.Timestamp - s.previousTS); truth.Scenario == "timestamp-jumps" && (step < -800 || step > 800) {
			d = math.Abs(now - s.previous - 160)
		}
		if restart := d > 10*rate[k]; s.n > 0 && !restart {
			s.j += (d - s.j) / 16
			s.steps++
			s.JitterMean += s.j
			s.JitterMax = max(s.JitterMax, s.j)
		}
		s.n++
		s.previous, s.previousTS = now, p.Timestamp
	}
	out := map[streamKey]recount{}
	for k, s := range states {
		s.Expected += uint64(s.high - s.low + 1)
		s.Lost = s.Expected - uint64(len(s.seen))
		ms := 1000 / rate[k]
		s.JitterMean *= ms / float64(max(s.steps, 1))
		s.JitterMax *= ms
		out[k] = s.recount
	}
	return out
}

// checkStreams compares the truth with a recount of the frames.
func checkStreams(t *testing.T, all []datagram, truth Truth) {
	t.Helper()
	got := recounted(t, all, truth)
	if len(got) != len(truth.Streams) {
		t.Errorf("the wire has %d streams, the truth %d", len(got), len(truth.Streams))
	}
	for _, s := range truth.Streams {
		want := recount{s.Packets, s.Bytes, s.Expected, s.Lost, s.Duplicates, s.Reordered, 0, 0}
		if s.JitterMeanMs != nil {
			want.JitterMean, want.JitterMax = *s.JitterMeanMs, *s.JitterMaxMs
		}
		nearly := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
		if diff := cmp.Diff(want, got[streamKey{s.Src, s.Dst, s.SSRC}], nearly); diff != "" {
			t.Errorf("%v to %v, SSRC %08x: truth and wire differ:\n%s", s.Src, s.Dst, s.SSRC, diff)
		}
		if want := burstsOf(s.LostSeqs); !slices.Equal(s.LossBursts, want) {
			t.Errorf("SSRC %08x: bursts of loss %v, want %v", s.SSRC, s.LossBursts, want)
		}
		if uint64(len(s.LostSeqs)) != s.Lost || s.Lost+s.Packets-s.Duplicates != s.Expected || s.Expected > s.Sent {
			t.Errorf("SSRC %08x: sent %d, expected %d, packets %d, lost %d, duplicates %d do not add up",
				s.SSRC, s.Sent, s.Expected, s.Packets, s.Lost, s.Duplicates)
		}
	}
}

// burstsOf counts runs of lost numbers by length, the plain way.
func burstsOf(lost []uint16) []uint32 {
	out := make([]uint32, 10)
	for i, run := 0, 0; i < len(lost); i++ {
		run++
		if i+1 == len(lost) || lost[i+1] != lost[i]+1 {
			out[min(run, 10)-1]++
			run = 0
		}
	}
	return out
}

func load(t testing.TB, o Options) Capture {
	t.Helper()
	c, err := Calls(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadTruth(t *testing.T) {
	bad := Impairment{LossPct: 4, Burst: 3, JitterMs: 6, ReorderPct: 2, DuplicatePct: 1.5}
	for i, codec := range Codecs() {
		for _, impaired := range []Impairment{{}, bad} {
			t.Run(fmt.Sprintf("%s/%v", codec, impaired.LossPct), func(t *testing.T) {
				o := Options{Calls: 4, Seconds: 12, Concurrent: 2, Codec: codec, Impairment: impaired, Seed: 9, IPv6: i%2 == 1}
				c := load(t, o)
				all, truth := datagrams(t, c), c.Truth()
				checkStreams(t, all, truth)
				checkSIP(t, "calls", all, truth)
				if len(truth.Calls) != 4 || len(truth.Streams) != 8 {
					t.Fatalf("%d calls, %d streams", len(truth.Calls), len(truth.Streams))
				}
				for _, s := range truth.Streams {
					if s.Codec != codec {
						t.Errorf("codec %s", s.Codec)
					}
					if impaired == (Impairment{}) && (s.Lost+s.Duplicates+s.Reordered != 0 || *s.JitterMaxMs > 0.001) {
						t.Errorf("a perfect network did harm: %+v", s)
					}
					if impaired != (Impairment{}) && (s.Lost == 0 || *s.JitterMeanMs < 1) {
						t.Errorf("a bad network did nothing: %+v", s)
					}
				}
			})
		}
	}
}

// TestReportsAgree reads the RTCP back: the last report about each stream
// gives the losses that the truth says it gives, and its round trip.
func TestReportsAgree(t *testing.T) {
	c := load(t, Options{Calls: 2, Seconds: 21, Impairment: Impairment{LossPct: 5, Burst: 2}, Seed: 4})
	last := map[uint32]rtcp.ReceptionReport{}
	senders := map[uint32]rtcp.SenderReport{}
	ntpAt := map[uint32]float64{} // middle of the NTP time -> tap time, s
	rtt := map[uint32]float64{}
	var n uint64
	for _, d := range datagrams(t, c) {
		if isSIP(d.payload) || isRTP(d.payload) {
			continue
		}
		n++
		packets, err := rtcp.Unmarshal(d.payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := rtcp.CompoundPacket(packets).Validate(); err != nil {
			t.Error(err)
		}
		now := d.at.Sub(Epoch).Seconds()
		for _, p := range packets {
			sr, ok := p.(*rtcp.SenderReport)
			if !ok {
				continue
			}
			senders[sr.SSRC] = *sr
			ntpAt[uint32(sr.NTPTime>>16)] = now
			for _, b := range sr.Reports {
				last[b.SSRC] = b
				if sent, ok := ntpAt[b.LastSenderReport]; ok {
					rtt[b.SSRC] = 1000 * (now - sent - float64(b.Delay)/65536)
				}
			}
		}
	}
	truth := c.Truth()
	if n != truth.RTCPPackets || n < 12 {
		t.Errorf("%d RTCP packets, the truth says %d", n, truth.RTCPPackets)
	}
	for _, s := range truth.Streams {
		b := last[s.SSRC]
		if s.RtcpLost == nil || int64(b.TotalLost) != *s.RtcpLost || *s.RtcpLost == 0 || uint64(*s.RtcpLost) > s.Lost {
			t.Errorf("SSRC %08x: report says %d lost, the truth says %v of %d", s.SSRC, b.TotalLost, s.RtcpLost, s.Lost)
		}
		if s.RttMs == nil || math.Abs(rtt[s.SSRC]-*s.RttMs) > 0.05 {
			t.Errorf("SSRC %08x: round trip %v on the wire, the truth says %v", s.SSRC, rtt[s.SSRC], s.RttMs)
		}
		if sr := senders[s.SSRC]; uint64(sr.PacketCount) > s.Sent || uint64(sr.PacketCount) < s.Sent-5*50-2 {
			t.Errorf("SSRC %08x: sender report of %d packets, %d were sent", s.SSRC, sr.PacketCount, s.Sent)
		}
	}
}

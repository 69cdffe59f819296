package main

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/earshot-voip/earshot/internal/record"
)

// TestCorpusGeneratedCalls compares the calls of captures whose generator
// tells how many it placed and what became of them.
func TestCorpusGeneratedCalls(t *testing.T) {
	dir := corpusDir(t)
	for name, want := range map[string]struct {
		answered, rejected int
		media              string  // media_seen of the answered ones
		codec              string  // of the sides that sent
		fromS, toS         float64 // time from answer to BYE
	}{
		"sip_ipv6_udp_rtp":          {answered: 4, media: "a", codec: "PCMA", fromS: 9, toS: 10},
		"sip_tcp":                   {answered: 20, media: "unknown", fromS: 0, toS: 10},
		"sip_udp_fragmented":        {answered: 6, media: "a", fromS: 0, toS: 10},
		"sipp_50calls_udp_rtp":      {answered: 50, media: "both", codec: "PCMA", fromS: 9, toS: 10},
		"sip_websocket":             {answered: 3, media: "unknown", fromS: 0.9, toS: 1.2},
		"stir_shaken_identity":      {answered: 5, media: "unknown", fromS: 0, toS: 10},
		"kam_hep2_udp__sip_rtp_sll": {answered: 3, rejected: 2, media: "both", codec: "PCMA", fromS: 9, toS: 10},
		"kam_hep3_udp__sip_rtp_sll": {answered: 9, rejected: 2, media: "both", fromS: 9, toS: 30},
		"sip_tls_srtp":              {}, // encrypted: nobody sees a call
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "generated", name)
			var told struct{ Calls any }
			readJSON(t, path+".TRUTH.json", &told)
			if n, ok := told.Calls.(float64); ok && want.answered+want.rejected > 0 && int(n) != want.answered+want.rejected {
				t.Fatalf("the generator placed %v calls, this test wants %d", n, want.answered+want.rejected)
			}
			got, _ := readCapture(t, path+".pcap")
			if n := want.answered + want.rejected; len(got.calls) != n {
				t.Errorf("%d calls, want %d", len(got.calls), n)
			}
			states := map[record.State]int{}
			for _, c := range got.calls {
				states[c.State]++
				if c.State != record.Answered {
					continue
				}
				if c.MediaSeen != want.media {
					t.Errorf("%s: media_seen %s, want %s", c.CallID, c.MediaSeen, want.media)
				}
				if c.DurationMs == nil || *c.DurationMs < 1000*want.fromS || *c.DurationMs > 1000*want.toS {
					t.Errorf("%s: duration_ms %v, want %v to %v s", c.CallID, c.DurationMs, want.fromS, want.toS)
				}
				if c.HangupBy == nil || *c.HangupBy != "caller" {
					t.Errorf("%s: hangup_by %s, want caller", c.CallID, text(c.HangupBy))
				}
				for _, side := range [...]record.Side{c.A, c.B} {
					if want.codec != "" && side.Packets != nil && (side.Codec == nil || *side.Codec != want.codec) {
						t.Errorf("%s: codec %s, want %s", c.CallID, text(side.Codec), want.codec)
					}
				}
			}
			if states[record.Answered] != want.answered || states[record.Rejected] != want.rejected {
				t.Errorf("states %v, want %d answered, %d rejected", states, want.answered, want.rejected)
			}
		})
	}
}

// TestCorpusEncrypted is a call of which TLS and SRTP leave only the RTP
// headers: two streams of no call.
func TestCorpusEncrypted(t *testing.T) {
	got, _ := readCapture(t, filepath.Join(corpusDir(t), "generated", "sip_tls_srtp.pcap"))
	if len(got.calls) != 0 || len(got.streams) != 2 {
		t.Fatalf("%d calls, %d streams; want none and 2", len(got.calls), len(got.streams))
	}
	for _, s := range got.streams {
		if s.Match != "none" || s.CallID != nil || s.Packets < 498 || s.Packets > 500 || s.Lost != 0 {
			t.Errorf("stream of %s: match %s, call %s, %d packets, %d lost; want none of all that, of 498 to 500", s.SrcIP, s.Match, text(s.CallID), s.Packets, s.Lost)
		}
	}
	if got.summary.Undecoded["tls"] == 0 {
		t.Errorf("undecoded %v does not tell of TLS", got.summary.Undecoded)
	}
}

// TestCorpusSums holds the rows of every capture to each other: what the
// summary counts are the rows, and intervals add up to their stream.
func TestCorpusSums(t *testing.T) {
	dir := corpusDir(t)
	for _, w := range readTruth(t, dir) {
		got, _ := readCapture(t, filepath.Join(dir, w.file))
		s := got.summary
		if s.Calls != uint64(len(got.calls)) || s.Streams != uint64(len(got.streams)) {
			t.Errorf("%s: summary counts %d calls, %d streams; there are %d and %d rows", w.file, s.Calls, s.Streams, len(got.calls), len(got.streams))
		}
		var requests, responses, sip, rtcp, dropped, rtp uint64
		for _, n := range s.SIPRequests {
			requests += n
		}
		for _, n := range s.SIPResponses {
			responses += n
		}
		for _, m := range got.messages {
			if m.Kind == "sip" {
				sip++
			} else {
				rtcp++
			}
		}
		for _, d := range got.drops {
			dropped += d.Count
		}
		if requests+responses != s.SIPMessages {
			t.Errorf("%s: %d requests and %d responses of %d SIP messages", w.file, requests, responses, s.SIPMessages)
		}
		if sip+rtcp+dropped != s.SIPMessages+s.RTCPPackets {
			t.Errorf("%s: %d SIP and %d RTCP rows, %d dropped, of %d SIP and %d RTCP packets", w.file, sip, rtcp, dropped, s.SIPMessages, s.RTCPPackets)
		}
		type sums struct{ packets, expected, lost uint64 }
		type key struct {
			src, dst string
			ssrc     uint32
		}
		streams, intervals := map[key]sums{}, map[key]sums{}
		add := func(to map[key]sums, k key, packets, expected, lost uint64) {
			v := to[k]
			to[k] = sums{v.packets + packets, v.expected + expected, v.lost + lost}
		}
		for _, r := range got.streams {
			rtp += r.Packets
			add(streams, key{r.SrcIP.String() + string(rune(r.SrcPort)), r.DstIP.String() + string(rune(r.DstPort)), r.SSRC}, r.Packets, r.Expected, r.Lost)
			if distinct := r.Packets - r.Duplicates; r.Expected < r.Lost || r.Expected-r.Lost != distinct {
				t.Errorf("%s: stream of %s: %d packets, %d duplicates, %d expected, %d lost", w.file, r.SrcIP, r.Packets, r.Duplicates, r.Expected, r.Lost)
			}
		}
		for _, r := range got.interval {
			add(intervals, key{r.SrcIP.String() + string(rune(r.SrcPort)), r.DstIP.String() + string(rune(r.DstPort)), r.SSRC}, r.Packets, r.Expected, r.Lost)
		}
		for k, v := range streams {
			if intervals[k] != v {
				t.Errorf("%s: stream %v: rows %+v, intervals %+v", w.file, k, v, intervals[k])
			}
		}
		if rtp != s.RTPPackets {
			t.Errorf("%s: streams have %d packets, the summary %d", w.file, rtp, s.RTPPackets)
		}
		compareSides(t, w.file, got)
	}
}

// compareSides holds each call to its streams: every packet of a side is in a
// stream row of that direction, and no stream is added up twice.
func compareSides(t *testing.T, file string, got *records) {
	t.Helper()
	for _, c := range got.calls {
		for i, side := range [...]*record.Side{&c.A, &c.B} {
			direction := [...]string{"a", "b"}[i]
			var most uint64
			var ssrcs []uint32
			for _, s := range got.streams {
				if s.CallID != nil && *s.CallID == c.CallID && s.FromTag != nil && *s.FromTag == c.FromTag && s.Direction != nil && *s.Direction == direction {
					most += s.Packets
					ssrcs = append(ssrcs, s.SSRC)
				}
			}
			if side.Packets != nil && *side.Packets > most {
				t.Errorf("%s: call %s: side %s has %d packets, its streams %d", file, c.CallID, direction, *side.Packets, most)
			}
			for _, ssrc := range side.SSRCs {
				if !slices.Contains(ssrcs, ssrc) {
					t.Errorf("%s: call %s: side %s names SSRC %#08x, of no stream row", file, c.CallID, direction, ssrc)
				}
			}
		}
	}
}

// TestCorpusSharedMedia is a B2BUA that leaves the media to the two phones:
// both of its legs announce the same addresses. One leg has both directions,
// the other must not be called silent.
func TestCorpusSharedMedia(t *testing.T) {
	got, _ := readCapture(t, filepath.Join(corpusDir(t), "gprshome+wireshark", "sip.pcap"))
	seen := map[string]string{}
	for _, c := range got.calls {
		seen[c.CallID] = c.MediaSeen
		if slices.Contains(c.Flags, "no_media") {
			t.Errorf("call %s is called silent", c.CallID)
		}
	}
	want := map[string]string{"ZTU2MDY4NTY4YjgwOTQ0ZTExMDZiNjdkZjlmZDYxMzg.": "both", "6C6A28903A6222CE7DD2261F034ED940.": "unknown"}
	if !maps.Equal(seen, want) {
		t.Errorf("media_seen %v, want %v", seen, want)
	}
}

// TestCorpusLateCredentials is a phone whose user types the password: the
// retry comes 17 to 51 s after the challenge and is the same call.
func TestCorpusLateCredentials(t *testing.T) {
	got, _ := readCapture(t, filepath.Join(corpusDir(t), "ntop+nDPI", "sip.pcap"))
	var states []record.State
	for _, c := range got.calls {
		states = append(states, c.State)
		if c.State == record.Rejected && (c.Challenges != 1 || c.Attempts != 2 || c.Invites != 2) {
			t.Errorf("call %s: %d challenges, %d attempts, %d invites; want 1, 2 and 2", c.CallID, c.Challenges, c.Attempts, c.Invites)
		}
	}
	if want := []record.State{record.Failed, record.Rejected, record.Rejected, record.Rejected}; !slices.Equal(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
}

// TestCorpusUnknownRelay is media through a relay that no SDP names: what the
// caller sends is seen before and behind it, and counts once, where it is
// nearer to the receiver.
func TestCorpusUnknownRelay(t *testing.T) {
	got, _ := readCapture(t, filepath.Join(corpusDir(t), "odedshimon+BruteShark", "SIP_DTMF2.pcap"))
	for _, c := range got.calls {
		if c.AnswerTime != nil && (c.A.Packets == nil || *c.A.Packets != 666 || len(c.A.SSRCs) != 1 || c.A.SSRCs[0] != 0x5711bf84) {
			t.Errorf("call %s: a_packets %v of SSRCs %#x, want the 666 of 0x5711bf84", c.CallID, c.A.Packets, c.A.SSRCs)
		}
	}
	segments := map[uint32]string{}
	for _, s := range got.streams {
		segments[s.SSRC] = text(s.Segment)
	}
	if len(segments) != 2 || segments[0x5711bf84] != "2/2" {
		t.Errorf("segments %v, want the stream to the receiver to be 2/2", segments)
	}
}

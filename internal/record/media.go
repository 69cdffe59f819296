package record

import (
	"net/netip"
	"time"
)

// Stream is one RTP stream at one capture point: (domain, node, src, dst, SSRC).
type Stream struct {
	Domain    string    `json:"domain"`
	FirstSeen time.Time `json:"first_seen"`
	CallID    *string   `json:"call_id"`   // NULL if it never met its dialog
	FromTag   *string   `json:"from_tag"`  // of that dialog
	ToTag     *string   `json:"to_tag"`    // of that dialog
	Direction *string   `json:"direction"` // a, b
	Media     *string   `json:"media"`     // audio, video ...
	SSRC      uint32    `json:"ssrc"`

	SrcIP   netip.Addr `json:"src_ip"`
	SrcPort uint16     `json:"src_port"`
	DstIP   netip.Addr `json:"dst_ip"`
	DstPort uint16     `json:"dst_port"`
	Node    string     `json:"node"`
	VLAN    *uint16    `json:"vlan"`
	Segment *string    `json:"segment"` // "1/2": the first of two points along the path, through all legs that pass the media on

	// What arose between the point before and this one; NULL at the first point.
	SegmentLost     *int64   `json:"segment_lost"`      // numbers that arrived there and not here; negative where more did
	SegmentJitterMs *float64 `json:"segment_jitter_ms"` // mean jitter here less that there
	SegmentDelayMs  *float64 `json:"segment_delay_ms"`  // of the first packet, where the same node saw it at both or it is known how far the clocks of two are apart

	PayloadType *uint8    `json:"payload_type"`
	Codec       *string   `json:"codec"`
	ClockRate   *uint32   `json:"clock_rate"`
	PtimeMs     *float64  `json:"ptime_ms"`
	StartTime   time.Time `json:"start_time"`
	EndTime     time.Time `json:"end_time"`

	Packets    uint64   `json:"packets"`
	Bytes      uint64   `json:"bytes"`
	Expected   uint64   `json:"expected"`
	Lost       uint64   `json:"lost"`
	LossPct    *float64 `json:"loss_pct"`
	Duplicates uint64   `json:"duplicates"`
	Reordered  uint64   `json:"reordered"`
	Restarts   uint64   `json:"restarts"` // sequence restarts, RFC 3550 A.1

	JitterMeanMs    *float64 `json:"jitter_mean_ms"` // RFC 3550 A.8
	JitterP95Ms     *float64 `json:"jitter_p95_ms"`
	JitterMaxMs     *float64 `json:"jitter_max_ms"`
	DeltaMaxMs      *float64 `json:"delta_max_ms"`
	BurstR          *float64 `json:"burst_r"`
	BurstDensityPct *float64 `json:"burst_density_pct"`
	GapDensityPct   *float64 `json:"gap_density_pct"`
	BurstMs         *float64 `json:"burst_ms"`
	GapMs           *float64 `json:"gap_ms"`
	SinceBurstMs    *float64 `json:"since_burst_ms"` // media behind the last burst, to the end of the stream; NULL where there was none
	LossBursts      []uint32 `json:"loss_bursts"`    // bursts of length 1, 2 ... 10 and more
	PDV             []uint32 `json:"pdv"`
	ClockSkewPpm    *float64 `json:"clock_skew_ppm"`

	RtcpLost     *int64   `json:"rtcp_lost"`
	RtcpLossPct  *float64 `json:"rtcp_loss_pct"`
	RtcpJitterMs *float64 `json:"rtcp_jitter_ms"`
	RttMs        *float64 `json:"rtt_ms"`

	RLQ      *float64 `json:"r_lq"`
	MosLQ    *float64 `json:"mos_lq"`
	MosLQMin *float64 `json:"mos_lq_min"`
	RCQ      *float64 `json:"r_cq"`
	MosCQ    *float64 `json:"mos_cq"`
	RCeiling *float64 `json:"r_ceiling"`
	// RPerceptual and MosPerceptual are listening quality as it is remembered at
	// the end: bursts are felt at once and forgiven slowly (Clark's extension of
	// the E-model), played by the adaptive buffer. NULL where the codec changed.
	RPerceptual   *float64 `json:"r_perceptual"`
	MosPerceptual *float64 `json:"mos_perceptual"`

	// The three jitter-buffer models: fixed 50 ms, fixed 200 ms, adaptive.
	F50Discarded      *uint64  `json:"f50_discarded"`
	F50R              *float64 `json:"f50_r"`
	F50Mos            *float64 `json:"f50_mos"`
	F200Discarded     *uint64  `json:"f200_discarded"`
	F200R             *float64 `json:"f200_r"`
	F200Mos           *float64 `json:"f200_mos"`
	AdaptiveDiscarded *uint64  `json:"adaptive_discarded"`
	AdaptiveR         *float64 `json:"adaptive_r"`
	AdaptiveMos       *float64 `json:"adaptive_mos"`

	Model *string `json:"model"` // G.107, G.107.1, G.107.2
	Scale *string `json:"scale"` // NB, WB, FB
	// ModelStatus is std where the codec's Ie and Bpl are in a published
	// standard, else derived or assumed; with the flag codec_configured, what the
	// configuration calls them. NULL where there is no model.
	ModelStatus *string `json:"model_status"`
	// JitterBuffer is the model that r_lq and mos_lq follow: adaptive, f50, f200;
	// none where what arrived counts as heard. NULL where there is no score.
	JitterBuffer *string `json:"jitter_buffer"`
	Sound        `prefix:""`

	DSCP       *uint8   `json:"dscp"`
	TTLMin     *uint8   `json:"ttl_min"`
	TTLMax     *uint8   `json:"ttl_max"`
	SRTP       bool     `json:"srtp"`
	DTMFEvents uint64   `json:"dtmf_events"`
	CNPackets  uint64   `json:"cn_packets"`
	Match      string   `json:"match"` // callid, sdp, rtcp, nat, symmetric, ice, none
	Flags      []string `json:"flags"`

	// Of video only. A frame is the packets of one timestamp; a freeze is a gap
	// between two as W3C's webrtc-stats counts them.
	Frames        *uint64  `json:"frames"`
	FPS           *float64 `json:"fps"` // mean
	FrameGapMaxMs *float64 `json:"frame_gap_max_ms"`
	Freezes       *uint64  `json:"freezes"`
	FreezeMs      *float64 `json:"freeze_ms"`
}

// Interval is one stream in one interval of 5 s, aligned to multiples of 5 s
// of packet time.
type Interval struct {
	Domain    string     `json:"domain"`
	FirstSeen time.Time  `json:"first_seen"` // equals Time
	CallID    *string    `json:"call_id"`
	Direction *string    `json:"direction"`
	SSRC      uint32     `json:"ssrc"`
	SrcIP     netip.Addr `json:"src_ip"`
	SrcPort   uint16     `json:"src_port"`
	DstIP     netip.Addr `json:"dst_ip"`
	DstPort   uint16     `json:"dst_port"`
	Node      string     `json:"node"`
	Time      time.Time  `json:"time"` // start of the interval

	Packets           uint64   `json:"packets"`
	Expected          uint64   `json:"expected"`
	Lost              uint64   `json:"lost"`
	Codec             *string  `json:"codec"`
	JitterMs          *float64 `json:"jitter_ms"` // mean of the running value
	F50Discarded      *uint64  `json:"f50_discarded"`
	F200Discarded     *uint64  `json:"f200_discarded"`
	AdaptiveDiscarded *uint64  `json:"adaptive_discarded"`
	RLQ               *float64 `json:"r_lq"`
	MosLQ             *float64 `json:"mos_lq"`
	Model             *string  `json:"model"` // G.107, G.107.1, G.107.2; NULL where there is no score
	Scale             *string  `json:"scale"` // NB, WB, FB
	RCeiling          *float64 `json:"r_ceiling"`
	RttMs             *float64 `json:"rtt_ms"`
	RCostCodec        *float64 `json:"r_cost_codec"` // R points lost to the codec
	RCostLoss         *float64 `json:"r_cost_loss"`
	RCostDiscard      *float64 `json:"r_cost_discard"`
	RCostDelay        *float64 `json:"r_cost_delay"`
	Sound             `prefix:""`
}

// Sound is what the packets carried, where it was decoded: NULL where it was
// not, as of SRTP and of codecs that nobody decodes.
type Sound struct {
	LevelDBov   *float64 `json:"level_dbov"`   // of what is not silent; 0 is a square wave at full scale (RFC 6464)
	NoiseDBov   *float64 `json:"noise_dbov"`   // of what is silent, -127 at least
	SilencePct  *float64 `json:"silence_pct"`  // share of the time below -55 dBov, by packets
	ClippingPct *float64 `json:"clipping_pct"` // share of the time in packets with flat tops; NULL of G.722, which shows none
}

// Message is one SIP message, or one RTCP report.
type Message struct {
	Domain    string     `json:"domain"`
	FirstSeen time.Time  `json:"first_seen"` // equals Time
	Time      time.Time  `json:"time"`
	CallID    string     `json:"call_id"` // "" when the packet has none
	Node      string     `json:"node"`
	Kind      string     `json:"kind"`   // sip, rtcp
	Method    string     `json:"method"` // of CSeq
	Status    *uint16    `json:"status"` // NULL for a request
	CSeq      *uint32    `json:"cseq"`
	Branch    string     `json:"branch"`
	FromUser  string     `json:"from_user"`
	ToUser    string     `json:"to_user"`
	SrcIP     netip.Addr `json:"src_ip"`
	SrcPort   uint16     `json:"src_port"`
	DstIP     netip.Addr `json:"dst_ip"`
	DstPort   uint16     `json:"dst_port"`
	Transport string     `json:"transport"`

	AgentHeader    string   `json:"agent_header"` // User-Agent or Server
	Retransmission bool     `json:"retransmission"`
	Defects        []string `json:"defects"`
	Scrubbed       []string `json:"scrubbed"` // what was hidden in Raw: digest, sdes, dtmf, body
	Raw            string   `json:"raw"`
}

// Drop is where the monitor was blind.
type Drop struct {
	Domain    string    `json:"domain"`
	FirstSeen time.Time `json:"first_seen"` // equals Time
	Time      time.Time `json:"time"`
	Node      string    `json:"node"`
	Stage     string    `json:"stage"` // capture, agent, link, collector, bus, analyzer, store
	Reason    string    `json:"reason"`
	Count     uint64    `json:"count"`
	FromTime  time.Time `json:"from_time"`
	ToTime    time.Time `json:"to_time"`
}

// Summary closes the output of `earshot read`. It is JSON only.
type Summary struct {
	Frames          uint64            `json:"frames"`
	Bytes           uint64            `json:"bytes"`
	SIPMessages     uint64            `json:"sip_messages"`
	SIPRequests     map[string]uint64 `json:"sip_requests"`  // by method
	SIPResponses    map[string]uint64 `json:"sip_responses"` // by status
	CallIDs         uint64            `json:"call_ids"`
	RTPPackets      uint64            `json:"rtp_packets"`
	RTCPPackets     uint64            `json:"rtcp_packets"`
	HEPPackets      uint64            `json:"hep_packets"`
	Calls           uint64            `json:"calls"`
	Streams         uint64            `json:"streams"`
	Undecoded       map[string]uint64 `json:"undecoded"`
	SecondsCaptured float64           `json:"seconds_captured"`
}

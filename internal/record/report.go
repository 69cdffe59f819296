package record

import (
	"net/netip"
	"time"
)

// Report is what an endpoint or a switch told of a stream that it heard, under
// the names of RFC 6035. What it did not tell, or told to be unavailable, is
// NULL.
type Report struct {
	Domain     string     `json:"domain"`
	FirstSeen  time.Time  `json:"first_seen"` // equals Time
	Time       time.Time  `json:"time"`
	CallID     *string    `json:"call_id"` // that it names, else of the call that its RTCP belongs to
	Node       string     `json:"node"`
	Source     string     `json:"source"` // vq_rtcpxr_publish, vq_rtcpxr_notify, x_rtp_stat, p_rtp_stat, rtcp_rr, rtcp_xr, rtcp_xr_mos, hep_32, hep_34, hep_35, hep_38
	Kind       *string    `json:"kind"`   // session, interval, alert
	Metrics    *string    `json:"metrics"`
	ReporterIP netip.Addr `json:"reporter_ip"`
	SSRC       *uint32    `json:"ssrc"` // of the stream reported on

	StartTime *time.Time `json:"start_time"`
	StopTime  *time.Time `json:"stop_time"`
	OrigID    *string    `json:"orig_id"`
	LocalID   *string    `json:"local_id"`
	RemoteID  *string    `json:"remote_id"`
	LocalIP   *string    `json:"local_ip"`
	LocalPort *uint16    `json:"local_port"`
	LocalSSRC *uint32    `json:"local_ssrc"`

	RemoteIP    *string `json:"remote_ip"`
	RemotePort  *uint16 `json:"remote_port"`
	RemoteSSRC  *uint32 `json:"remote_ssrc"`
	LocalGroup  *string `json:"local_group"`
	RemoteGroup *string `json:"remote_group"`
	LocalMAC    *string `json:"local_mac"`

	PayloadType        *uint8   `json:"payload_type"`
	PayloadDesc        *string  `json:"payload_desc"`
	SampleRate         *uint32  `json:"sample_rate"`
	FrameDurationMs    *float64 `json:"frame_duration_ms"`
	FrameOctets        *uint32  `json:"frame_octets"`
	FramesPerPacket    *uint32  `json:"frames_per_packet"`
	PacketsPerS        *float64 `json:"packets_per_s"`
	Fmtp               *string  `json:"fmtp"`
	PLC                *uint8   `json:"plc"`
	SilenceSuppression *string  `json:"silence_suppression"`

	JBA   *uint8   `json:"jba"` // jitter buffer: 0 unknown, 2 fixed, 3 adaptive
	JBR   *uint8   `json:"jbr"`
	JBNMs *float64 `json:"jbn_ms"` // nominal, maximum, absolute maximum
	JBMMs *float64 `json:"jbm_ms"`
	JBXMs *float64 `json:"jbx_ms"`

	NLRPct *float64 `json:"nlr_pct"` // lost on the network, discarded by the jitter buffer
	JDRPct *float64 `json:"jdr_pct"`
	BLDPct *float64 `json:"bld_pct"` // burst and gap
	BDMs   *float64 `json:"bd_ms"`
	GLDPct *float64 `json:"gld_pct"`
	GDMs   *float64 `json:"gd_ms"`
	GMIN   *uint8   `json:"gmin"`
	// Round trip, end system, one way, symmetric one way. The round trip of
	// rtcp_rr is of the segment between the capture point and the reporter.
	RTDMs  *float64 `json:"rtd_ms"`
	ESDMs  *float64 `json:"esd_ms"`
	OWDMs  *float64 `json:"owd_ms"`
	SOWDMs *float64 `json:"sowd_ms"`
	IAJMs  *float64 `json:"iaj_ms"` // interarrival jitter, mean absolute jitter
	MAJMs  *float64 `json:"maj_ms"`
	SLDBm  *float64 `json:"sl_dbm"`
	NLDBm  *float64 `json:"nl_dbm"`
	RERLDB *float64 `json:"rerl_db"`

	RLQ   *float64 `json:"rlq"`
	RCQ   *float64 `json:"rcq"`
	ExtRI *float64 `json:"extri"`
	ExtRO *float64 `json:"extro"`
	MOSLQ *float64 `json:"moslq"`
	MOSCQ *float64 `json:"moscq"`

	DialogID *string           `json:"dialog_id"`
	Other    map[string]string `json:"other"` // what has no column: the section and key as told

	Direction       *string  `json:"direction"` // of the stream reported on: a from the caller, b from the callee
	PacketsSent     *uint64  `json:"packets_sent"`
	OctetsSent      *uint64  `json:"octets_sent"`
	PacketsReceived *uint64  `json:"packets_received"`
	PacketsExpected *uint64  `json:"packets_expected"`
	PacketsLost     *int64   `json:"packets_lost"` // of those that the reporter was to receive; duplicates may make it negative
	OctetsReceived  *uint64  `json:"octets_received"`
	JitterMs        *float64 `json:"jitter_ms"` // of which kind, it does not say
	CodecSent       *string  `json:"codec_sent"`
	// What the other end told the reporter of the stream that the reporter sends.
	RemotePacketsLost *int64   `json:"remote_packets_lost"`
	RemoteJitterMs    *float64 `json:"remote_jitter_ms"`
	MOS               *float64 `json:"mos"` // whether of listening or of conversation, it does not say
	R                 *float64 `json:"r"`
}

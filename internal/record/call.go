package record

import (
	"net/netip"
	"time"
)

// State is how a call ended, or that it has not.
type State string

const (
	Answered        State = "answered"
	Cancelled       State = "cancelled"
	Busy            State = "busy"            // 486, 600
	Rejected        State = "rejected"        // other 4xx and 6xx
	Unauthenticated State = "unauthenticated" // last answer 401 or 407, never retried
	Redirected      State = "redirected"      // last answer 3xx
	Failed          State = "failed"          // 5xx, 408, transport
	Timeout         State = "timeout"         // no final response
	Open            State = "open"            // the input ended first, or in progress
)

// Call is one INVITE dialog: a CDR.
type Call struct {
	Domain    string    `json:"domain"`
	FirstSeen time.Time `json:"first_seen"` // packet time of the first evidence
	CallID    string    `json:"call_id"`    // of the dialog-creating INVITE, RFC 3261 section 12
	FromTag   string    `json:"from_tag"`
	ToTag     string    `json:"to_tag"`
	SessionID string    `json:"session_id"` // the same for all legs of one end-to-end call
	Nodes     []string  `json:"nodes"`      // agents that saw it

	StartTime  *time.Time `json:"start_time"`  // first INVITE
	RingTime   *time.Time `json:"ring_time"`   // first 180, or 18x when no 180 came
	AnswerTime *time.Time `json:"answer_time"` // first 2xx to the INVITE
	EndTime    *time.Time `json:"end_time"`

	State       State   `json:"state"`
	FinalStatus *uint16 `json:"final_status"` // of the INVITE that counts; an answered challenge does not
	FinalReason *string `json:"final_reason"`
	CauseQ850   *uint16 `json:"cause_q850"` // Reason headers, RFC 3326, else ISUP
	CauseSIP    *uint16 `json:"cause_sip"`
	// CauseLocation is where cause_q850 comes from: U, LPN, LN, TN, RLN, RPN, INTL,
	// BI ... (RFC 8606, Q.850 2.2.3).
	CauseLocation *string `json:"cause_location"`
	HangupBy      *string `json:"hangup_by"` // caller, callee, network

	Caller           string  `json:"caller"`
	Callee           string  `json:"callee"`
	CallerHost       string  `json:"caller_host"`
	CalleeHost       string  `json:"callee_host"`
	CallerDisplay    *string `json:"caller_display"`
	CallerE164       *string `json:"caller_e164"`
	CalleeE164       *string `json:"callee_e164"`
	CallerCountry    *string `json:"caller_country"`
	CalleeCountry    *string `json:"callee_country"`
	RequestUser      *string `json:"request_user"` // Request-URI of the first INVITE
	RequestHost      *string `json:"request_host"`
	AssertedIdentity *string `json:"asserted_identity"` // P-Asserted-Identity, RFC 3325: the first one
	AssertedNumber   *string `json:"asserted_number"`   // of its tel URI, else of a sip URI whose user is one
	DivertedFrom     *string `json:"diverted_from"`     // Diversion or History-Info
	DigestUsername   *string `json:"digest_username"`

	// What an IMS says (RFC 7315, 3GPP TS 24.229), at the hop that says it first.
	PreferredIdentity   *string `json:"preferred_identity"`    // P-Preferred-Identity: what the device asks to be
	ServedUser          *string `json:"served_user"`           // P-Served-User, RFC 5502
	CalledPartyID       *string `json:"called_party_id"`       // P-Called-Party-ID: the identity that was called
	ICID                *string `json:"icid"`                  // icid-value of P-Charging-Vector
	OrigIOI             *string `json:"orig_ioi"`              // originating operator, of the same
	TermIOI             *string `json:"term_ioi"`              // terminating operator
	VisitedNetwork      *string `json:"visited_network"`       // P-Visited-Network-ID
	CallerAccessNetwork *string `json:"caller_access_network"` // access type of P-Access-Network-Info: 3GPP-E-UTRAN-FDD, IEEE-802.11 ...
	CalleeAccessNetwork *string `json:"callee_access_network"`
	CallerCell          *string `json:"caller_cell"` // of the same: cell, base station, access point or line
	CalleeCell          *string `json:"callee_cell"`

	// What the ISUP of SIP-I says (ITU-T Q.763, RFC 3204): international numbers as
	// +E.164, others as their digits.
	ISUPCalled            *string `json:"isup_called"`
	ISUPCalling           *string `json:"isup_calling"`
	ISUPAdditionalCalling *string `json:"isup_additional_calling"` // generic number that the called party is shown
	ISUPOriginalCalled    *string `json:"isup_original_called"`    // called before any redirection
	ISUPRedirecting       *string `json:"isup_redirecting"`        // that redirected last
	ISUPCategory          *uint8  `json:"isup_category"`           // calling party's category: 10 ordinary, 11 priority, 13 test, 15 payphone ...

	Headers     map[string]string `json:"headers"` // those that configuration names
	CallerAgent *string           `json:"caller_agent"`
	CalleeAgent *string           `json:"callee_agent"`

	SrcIP     *netip.Addr `json:"src_ip"` // signalling path of the first INVITE
	SrcPort   *uint16     `json:"src_port"`
	DstIP     *netip.Addr `json:"dst_ip"`
	DstPort   *uint16     `json:"dst_port"`
	Transport string      `json:"transport"` // udp, tcp, tls, ws, sctp
	VLAN      *uint16     `json:"vlan"`
	Proxies   []string    `json:"proxies"` // hosts of the Via and Record-Route chain

	TrunkIn  *string `json:"trunk_in"`
	TrunkOut *string `json:"trunk_out"`
	Site     *string `json:"site"`

	TryingMs     *float64   `json:"trying_ms"`     // INVITE to first 100
	ResponseMs   *float64   `json:"response_ms"`   // INVITE to its first response other than 100, a challenge included
	SrdMs        *float64   `json:"srd_ms"`        // RFC 6076 session request delay: INVITE to first 18x or 2xx
	PddMs        *float64   `json:"pdd_ms"`        // INVITE to first 180
	SetupMs      *float64   `json:"setup_ms"`      // INVITE to 2xx
	DurationMs   *float64   `json:"duration_ms"`   // 2xx to end, RFC 6076 session duration time
	DisconnectMs *float64   `json:"disconnect_ms"` // BYE to its final response
	FirstRTPTime *time.Time `json:"first_rtp_time"`

	Invites               uint32 `json:"invites"` // re-INVITEs included
	Retransmissions       uint32 `json:"retransmissions"`
	InviteRetransmissions uint32 `json:"invite_retransmissions"` // of those, INVITEs
	Challenges            uint32 `json:"challenges"`             // 401 and 407
	Attempts              uint32 `json:"attempts"`               // downstream tries, see Attempt

	A Side `prefix:"a_"` // media sent by the caller
	B Side `prefix:"b_"` // media sent by the callee

	MeasuredAt *string `json:"measured_at"` // node and side of the measuring point
	MediaSeen  string  `json:"media_seen"`  // both, a, b, none, unknown

	Scale    *string  `json:"scale"` // NB, WB, FB; of the worse direction, as all below
	Model    *string  `json:"model"` // G.107, G.107.1, G.107.2
	MosLQ    *float64 `json:"mos_lq"`
	MosLQMin *float64 `json:"mos_lq_min"`
	MosLQMax *float64 `json:"mos_lq_max"`
	MosCQ    *float64 `json:"mos_cq"`
	RCeiling *float64 `json:"r_ceiling"` // the best R its codec allows
	RCosts   `prefix:""`

	MosMinTime     *time.Time `json:"mos_min_time"` // what the worst interval looked like
	MosMinLossPct  *float64   `json:"mos_min_loss_pct"`
	MosMinJitterMs *float64   `json:"mos_min_jitter_ms"`
	MosMinRttMs    *float64   `json:"mos_min_rtt_ms"`
	MosMaxTime     *time.Time `json:"mos_max_time"` // what the best interval looked like
	MosMaxLossPct  *float64   `json:"mos_max_loss_pct"`
	MosMaxJitterMs *float64   `json:"mos_max_jitter_ms"`
	MosMaxRttMs    *float64   `json:"mos_max_rtt_ms"`
	MosSamples     *uint32    `json:"mos_samples"`
	MosSimple      *float64   `json:"mos_simple"` // the simplified model

	StirAttest *string  `json:"stir_attest"`
	StirResult *string  `json:"stir_result"`
	StirSigner *string  `json:"stir_signer"`
	Flags      []string `json:"flags"` // sorted
}

// Side is the media that one side of a call sent, at the measuring point, and
// what the other end said of it by RTCP.
type Side struct {
	Packets      *uint64  `json:"packets"`
	Expected     *uint64  `json:"expected"`
	Lost         *uint64  `json:"lost"`
	LossPct      *float64 `json:"loss_pct"`
	Duplicates   *uint64  `json:"duplicates"`
	Reordered    *uint64  `json:"reordered"`
	JitterMeanMs *float64 `json:"jitter_mean_ms"`
	JitterMaxMs  *float64 `json:"jitter_max_ms"`
	LossBursts   []uint32 `json:"loss_bursts"` // runs of lost packets of length 1, 2 ... 10 and more; empty where not known
	PDV          []uint32 `json:"pdv"`         // packets by delay variation from 50, 70, 90, 120, 150, 200, 300 ms on; empty where not known
	RLQ          *float64 `json:"r_lq"`
	MosLQ        *float64 `json:"mos_lq"`
	MosLQMin     *float64 `json:"mos_lq_min"`
	MosLQMax     *float64 `json:"mos_lq_max"`
	MosCQ        *float64 `json:"mos_cq"`
	Scale        *string  `json:"scale"`     // NB, WB, FB; NULL where there is no score
	Model        *string  `json:"model"`     // G.107, G.107.1, G.107.2
	RCeiling     *float64 `json:"r_ceiling"` // the best R its codec allows; the mean over the intervals where it changed
	RCosts       `prefix:""`
	// RPerceptual and MosPerceptual are those of the side's stream (see Stream).
	// NULL where it had several, or silence that is in none.
	RPerceptual   *float64 `json:"r_perceptual"`
	MosPerceptual *float64 `json:"mos_perceptual"`
	// MOS of its streams' totals by the jitter-buffer models, mean by packets. NULL
	// where one has none, and beside silence that is in no stream.
	F50Mos      *float64 `json:"f50_mos"`
	F200Mos     *float64 `json:"f200_mos"`
	AdaptiveMos *float64 `json:"adaptive_mos"`

	MosMinTime     *time.Time `json:"mos_min_time"` // what its worst interval looked like: start, percent, ms
	MosMinLossPct  *float64   `json:"mos_min_loss_pct"`
	MosMinJitterMs *float64   `json:"mos_min_jitter_ms"`
	MosMinRttMs    *float64   `json:"mos_min_rtt_ms"`
	MosMaxTime     *time.Time `json:"mos_max_time"` // and its best
	MosMaxLossPct  *float64   `json:"mos_max_loss_pct"`
	MosMaxJitterMs *float64   `json:"mos_max_jitter_ms"`
	MosMaxRttMs    *float64   `json:"mos_max_rtt_ms"`
	MosSamples     *uint32    `json:"mos_samples"` // intervals with a score

	Codec *string `json:"codec"`
	// PayloadType, PtimeMs (media time a packet), MediaIP (its source) and DSCP
	// are those of the stream with most packets.
	PayloadType *uint8      `json:"payload_type"`
	PtimeMs     *float64    `json:"ptime_ms"`
	SSRCs       []uint32    `json:"ssrcs"`
	MediaIP     *netip.Addr `json:"media_ip"`
	DSCP        *uint8      `json:"dscp"`
	TTLMin      *uint8      `json:"ttl_min"` // of the IP headers; NULL where they were not seen
	TTLMax      *uint8      `json:"ttl_max"`
	SilentMs    *float64    `json:"silent_ms"`
	HoldMs      *float64    `json:"hold_ms"`
	LastRtpMs   *float64    `json:"last_rtp_ms"` // last media packet to the end of the call; 0 where media went on; NULL where it may have gone on unseen

	RtcpReports     *uint64  `json:"rtcp_reports"` // report blocks about it, copies left out
	RtcpLost        *int64   `json:"rtcp_lost"`    // signed: RFC 3550 lets it be negative
	RtcpLossPct     *float64 `json:"rtcp_loss_pct"`
	RtcpLossPctMax  *float64 `json:"rtcp_loss_pct_max"` // highest fraction lost of one report, RFC 3550 section 6.4.1
	RtcpJitterMs    *float64 `json:"rtcp_jitter_ms"`
	RtcpJitterMaxMs *float64 `json:"rtcp_jitter_max_ms"`
	RttMs           *float64 `json:"rtt_ms"` // of this segment, mean of the reports
	RttMinMs        *float64 `json:"rtt_min_ms"`
	RttMaxMs        *float64 `json:"rtt_max_ms"`
	Sound           `prefix:""`
}

// RCosts are the R points that a side lost, means of its intervals weighted as
// R is, of the scale of the row: r_ceiling less loss, discard and silence is
// r_lq, which is never below 0. NULL where there is no score.
type RCosts struct {
	RCostCodec   *float64 `json:"r_cost_codec"` // to r_ceiling, from the best that the scale has
	RCostLoss    *float64 `json:"r_cost_loss"`
	RCostDiscard *float64 `json:"r_cost_discard"` // by the jitter buffer that media.jitter_buffer names
	RCostDelay   *float64 `json:"r_cost_delay"`   // beside r_lq; of the intervals whose delay is known, NULL where none is
	RCostSilence *float64 `json:"r_cost_silence"` // media was due and none came, and no sequence number tells: the intervals of SSRC 0
}

// Attempt is one downstream try of a call: a fork, a carrier, a redirect, an
// authentication retry.
type Attempt struct {
	Domain      string      `json:"domain"`
	FirstSeen   time.Time   `json:"first_seen"`
	CallID      string      `json:"call_id"`
	FromTag     string      `json:"from_tag"`
	Branch      string      `json:"branch"`
	RequestHost *string     `json:"request_host"`
	DstIP       *netip.Addr `json:"dst_ip"`
	DstPort     *uint16     `json:"dst_port"`
	TrunkIn     *string     `json:"trunk_in"` // of the call
	TrunkOut    *string     `json:"trunk_out"`
	StartTime   *time.Time  `json:"start_time"`
	RingTime    *time.Time  `json:"ring_time"`
	EndTime     *time.Time  `json:"end_time"`
	Status      *uint16     `json:"status"`
	Reason      *string     `json:"reason"`
	CauseQ850   *uint16     `json:"cause_q850"`
	Won         bool        `json:"won"`     // its 2xx made the call
	Seizure     bool        `json:"seizure"` // it counts for ASR and NER
}

// Link says that a leg (CallID) belongs to the session of another one, or is
// likely to. Rows of calls do not change: what is found when one is written
// already is here alone, and the view `legs` has the last word of both.
type Link struct {
	Domain       string    `json:"domain"`
	FirstSeen    time.Time `json:"first_seen"` // of the leg
	Time         time.Time `json:"time"`       // packet time at which it was found
	CallID       string    `json:"call_id"`
	LinkedCallID string    `json:"linked_call_id"`
	SessionID    string    `json:"session_id"` // of the leg from then on
	Legs         uint32    `json:"legs"`       // of that session; of two rows of a leg the one with more is the later
	Method       string    `json:"method"`     // dialog, header, refer, media, ssrc, numbers; session: by another leg of its session
	Detail       *string   `json:"detail"`     // name of the header
	Confidence   float64   `json:"confidence"` // 0 to 1, of all that shows that the two legs belong together
	Merged       bool      `json:"merged"`     // sure enough: the legs have one session_id; else it is likely
}

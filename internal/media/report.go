// Package media reads RTP and RTCP and meters RTP streams.
package media

import (
	"time"

	"github.com/earshot-voip/earshot/internal/signal"
)

// Interval is the length of a report: reports are aligned to multiples of it
// in packet time.
const Interval = 5 * time.Second

// Report is what one RTP stream did in one interval, and since it began. An
// agent sends it in place of the stream's packets, so it must lose nothing
// that a later stage needs. The stream's addresses are those of the Packet
// that carries the report.
type Report struct {
	SSRC  uint32    `json:"ssrc"`
	Start time.Time `json:"start"` // start of the interval, a multiple of Interval
	First time.Time `json:"first"` // first packet of the stream
	Last  time.Time `json:"last"`  // latest packet of the stream
	// Final is set on a stream's last report: it went idle, its call's
	// addresses were given to another call, or the input ended.
	Final bool `json:"final,omitempty"`
	// Delta counts this interval, Total the stream since First. Deltas of all
	// reports of a stream add up to the Total of its last one.
	Delta Counts `json:"delta"`
	Total Counts `json:"total"`

	PayloadType  uint8          `json:"pt"`  // the one most packets of the interval have; events and comfort noise only when there is nothing else
	PayloadTypes []PayloadCount `json:"pts"` // of the interval, by number
	// Jitter over the interval and over the stream. One entry where the clock
	// rate is known (static payload type, or told by SDP); else one for each
	// of CandidateRates, so that whoever learns the rate later chooses.
	// Empty when no packet of the interval (or stream) carries it.
	Jitter      []Jitter `json:"jitter"`
	TotalJitter []Jitter `json:"total_jitter"`

	// Head is 0x100 and the first payload byte of the latest media packet of a
	// dynamic payload type, which tells the mode of Opus, AMR and EVS; 0 when not
	// known. Of SRTP it means nothing.
	Head uint16 `json:"head,omitempty"`
	// FirstSeq is 0x10000 and the sequence number of the stream's first packet, in
	// its first report; 0 when not known. Points along one path are compared by it.
	FirstSeq uint32 `json:"first_seq,omitempty"`

	DeltaMaxMs float64 `json:"delta_max_ms"` // longest time between two packets, ms
	PtimeMs    float64 `json:"ptime_ms"`     // media time a packet, ms, most frequent; 0 when not known
	// TimestampStep is PtimeMs in RTP clock units, valid where the clock rate is not known; 0 when not known.
	TimestampStep uint32   `json:"ts_step"`
	TTLMin        uint8    `json:"ttl_min"` // 0 when not known
	TTLMax        uint8    `json:"ttl_max"`
	DSCP          uint8    `json:"dscp"`
	VLAN          uint16   `json:"vlan,omitempty"`
	Heard         Heard    `json:"heard"`     // of the interval
	BurstGap      BurstGap `json:"burst_gap"` // since the stream began
	// TransitMinMs is the least transit time of the interval's packets, relative
	// to the first packet of the stream: its slope is the clock skew. PlayoutMs
	// is the adaptive buffer's delay at the end of the interval. Both in ms, and
	// valid iff Heard.Played is not 0.
	TransitMinMs float64 `json:"transit_min_ms"`
	PlayoutMs    float64 `json:"playout_ms"`
	// Holes are times of a second and more without a packet where the sender
	// did not say that it was silent.
	Holes []Hole `json:"holes"`
	// JitterSpread counts the running jitter of every 8th packet since the
	// stream began, by bucket; empty where the clock rate is not known.
	JitterSpread []SpreadCount `json:"jitter_spread"`
	// Frames of video since the stream began; zero of what is no video.
	Frames Frames `json:"frames"`
	// Signal is the sound of the interval's packets, by arrival and without
	// duplicates, where it was decoded; Samples is 0 where it was not.
	Signal signal.Sums `json:"signal"`
	// ClockRate is the clock that the timestamps of PayloadType run at where its
	// sender uses another one than the payload type has, Hz; else 0.
	ClockRate uint32 `json:"clock_rate,omitempty"`
	// SSRCChanged is set when the stream took over from another SSRC on the same address pair.
	SSRCChanged bool `json:"ssrc_changed,omitempty"`
}

// Counts are numbers of packets as records.md defines them.
type Counts struct {
	Packets    uint64 `json:"packets"` // every packet, duplicates and events included
	Bytes      uint64 `json:"bytes"`   // RTP payload bytes, without header, padding and extension
	Expected   uint64 `json:"expected"`
	Lost       uint64 `json:"lost"` // expected minus distinct received; never negative
	Duplicates uint64 `json:"duplicates"`
	Reordered  uint64 `json:"reordered"`
	Restarts   uint64 `json:"restarts"` // sequence restarts (RFC 3550 A.1)
	Jumps      uint64 `json:"jumps"`    // of the RTP timestamp, where packets kept coming; none is known without the clock rate
	Events     uint64 `json:"events"`   // RFC 4733 packets
	DTMF       uint64 `json:"dtmf"`     // distinct RFC 4733 events (by timestamp)
	CN         uint64 `json:"cn"`       // RFC 3389 packets
}

// PayloadCount is how many packets had a payload type.
type PayloadCount struct {
	PT uint8  `json:"pt"`
	N  uint64 `json:"n"`
}

// Jitter is RFC 3550 A.8 in floating point, for one clock rate; ms.
type Jitter struct {
	ClockRate uint32  `json:"clock"`
	Sum       float64 `json:"sum"` // of the running value after each packet; mean = Sum/N
	N         uint64  `json:"n"`
	Max       float64 `json:"max"`
	Last      float64 `json:"last"`
}

// CandidateRates are the clock rates that a stream of unknown payload type is
// metered at: those of every audio codec in the static table and of the
// dynamic ones in use.
var CandidateRates = [...]uint32{8000, 16000, 48000, 90000}

package record

import (
	"net/netip"
	"time"
)

// Hop is one INVITE transaction at one hop of a call that was seen at more than
// one. Between the hop of ParentBranch and this one is a box, at SrcIP: a
// proxy. Times are of packets at the capture points; each is the difference of
// two times of one node's clock, NULL where two nodes whose clocks
// nobody knows would have to be compared, or where the capture had the two in
// the wrong order.
type Hop struct {
	Domain       string     `json:"domain"`
	FirstSeen    time.Time  `json:"first_seen"`
	CallID       string     `json:"call_id"`
	FromTag      string     `json:"from_tag"`
	CSeq         uint32     `json:"cseq"` // another one is a retry, as with credentials
	Hop          uint8      `json:"hop"`  // Via headers below the topmost one, more where they are hidden: 0 is the caller's own
	Branch       string     `json:"branch"`
	ParentBranch *string    `json:"parent_branch"` // of the nearest earlier hop that was seen; hop says how many lie between
	Node         string     `json:"node"`          // that saw the INVITE
	SrcIP        netip.Addr `json:"src_ip"`
	SrcPort      uint16     `json:"src_port"`
	DstIP        netip.Addr `json:"dst_ip"`
	DstPort      uint16     `json:"dst_port"`
	Transport    string     `json:"transport"`

	StartTime       time.Time `json:"start_time"`  // of the INVITE, by the clock of Node
	TryingMs        *float64  `json:"trying_ms"`   // from there to the first 100
	ProgressMs      *float64  `json:"progress_ms"` // to the first 18x
	RingMs          *float64  `json:"ring_ms"`     // to the first 180
	FinalMs         *float64  `json:"final_ms"`    // to the final response
	Status          *uint16   `json:"status"`      // of that
	AckMs           *float64  `json:"ack_ms"`      // from the final response to its ACK on this way
	Retransmissions uint32    `json:"retransmissions"`

	// FinalMs of the hop before is ForwardMs, FinalMs and ReturnMs of this one,
	// where its final response is the one of this hop.
	Clocks        *string  `json:"clocks"`          // same, corrected, different: of the nodes that saw this hop and the one before
	ClockOffsetMs *float64 `json:"clock_offset_ms"` // of corrected ones: how far Node is ahead of the other
	ClockErrorMs  *float64 `json:"clock_error_ms"`  // and by how much that, ForwardMs and ReturnMs may be wrong at most
	ForwardMs     *float64 `json:"forward_ms"`
	ForwardWaitMs *float64 `json:"forward_wait_ms"` // of that, the box waited for branches that it had tried before
	ReturnMs      *float64 `json:"return_ms"`
	ReturnWaitMs  *float64 `json:"return_wait_ms"` // of that, it waited for other branches to end
	PassedMs      *float64 `json:"passed_ms"`      // forward and return together: known with different clocks, too
	BeyondMs      *float64 `json:"beyond_ms"`      // of the last hop that was seen: FinalMs, which is spent behind it
}

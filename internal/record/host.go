package record

import (
	"net/netip"
	"time"
)

// Host is what an address was seen to do from Since to Time, and what it is
// taken for. Rows are written now and then: the newest of an address stands,
// and the view `topology` has it alone. Counts begin anew with the process.
type Host struct {
	Domain    string     `json:"domain"`
	FirstSeen time.Time  `json:"first_seen"` // equals Time
	Time      time.Time  `json:"time"`       // when it last did something
	Since     time.Time  `json:"since"`      // when it was first seen
	IP        netip.Addr `json:"ip"`

	Name       *string  `json:"name"`       // as configuration has it
	Trunk      *string  `json:"trunk"`      // as configuration has it
	Class      string   `json:"class"`      // phone, registrar, proxy, b2bua, relay, gateway, unknown
	Confidence float64  `json:"confidence"` // 0 to 1, of class; 1 where configuration tells
	Roles      []string `json:"roles"`      // all that it behaves as
	Evidence   []string `json:"evidence"`   // in words
	UserAgent  *string  `json:"user_agent"` // User-Agent or Server that it sent of itself

	RequestsSent      uint64 `json:"requests_sent"`
	RequestsReceived  uint64 `json:"requests_received"`
	ResponsesSent     uint64 `json:"responses_sent"`
	ResponsesReceived uint64 `json:"responses_received"`

	InvitesOriginated   uint64 `json:"invites_originated"` // sent with its own Via only
	InvitesForwarded    uint64 `json:"invites_forwarded"`  // sent with more
	InvitesReceived     uint64 `json:"invites_received"`
	InvitesAnswered     uint64 `json:"invites_answered"`   // 2xx that it sent
	AnswersReceived     uint64 `json:"answers_received"`   // 2xx to INVITE
	RequestsForwarded   uint64 `json:"requests_forwarded"` // with more Vias than its own, INVITE among them
	RecordRouted        uint64 `json:"record_routed"`      // messages that name it in Record-Route
	LegsJoined          uint64 `json:"legs_joined"`        // pairs of legs that it lies between
	RegistersSent       uint64 `json:"registers_sent"`
	RegistersForwarded  uint64 `json:"registers_forwarded"`
	RegistersAnswered   uint64 `json:"registers_answered"`   // 2xx that it sent
	RegistersChallenged uint64 `json:"registers_challenged"` // 401 and 407 that it sent
	RegistersAccepted   uint64 `json:"registers_accepted"`   // 2xx that it received
	OptionsSent         uint64 `json:"options_sent"`
	OptionsAnswered     uint64 `json:"options_answered"`

	StreamsSent     uint64 `json:"streams_sent"`
	StreamsReceived uint64 `json:"streams_received"`
	StreamsRelayed  uint64 `json:"streams_relayed"` // of those sent: they came in with the same SSRC
	Users           uint32 `json:"users"`           // about how many it calls as, is called as, registers or accepts
	Peers           uint32 `json:"peers"`           // about how many hosts it exchanges media with
}

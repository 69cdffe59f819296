// Package analyzer joins signalling and media into records: it follows
// dialogs, ties RTP streams and RTCP to them by the addresses that SDP
// announced, and computes R and MOS.
package analyzer

import (
	"math"
	"net/netip"
	"time"

	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/analyzer/link"
	"github.com/earshot-voip/earshot/analyzer/topology"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/record"
	"github.com/earshot-voip/earshot/internal/scrub"
	"github.com/earshot-voip/earshot/internal/sip"
)

// Options of an Analyzer.
type Options struct {
	Dialog dialog.Options
	Link   link.Options
	Hosts  topology.Options
	// NoPLC scores G.711 without packet-loss concealment (Bpl 4.3).
	NoPLC bool
	// Codecs has the impairment factors that configuration gives; nil are the
	// built-in ones.
	Codecs *media.Codecs
	// Buffer is the jitter-buffer model whose discards count as loss in R and MOS.
	Buffer media.Buffer
	// Coverage are the networks whose media agents see both ways, where what
	// they saw so far does not tell.
	Coverage   []netip.Prefix
	Scrub      scrub.Rules // of stored messages
	MaxStreams int
}

// Defaults suit one machine.
func Defaults() Options {
	return Options{Dialog: dialog.Defaults(), Link: link.Defaults(), Hosts: topology.Defaults(), Buffer: media.Adaptive, Scrub: scrub.All(), MaxStreams: 400_000}
}

// Counters say what an Analyzer took in and gave out.
type Counters struct {
	SIP, RTCP, Reports, Drops, Unread uint64
	Calls, Streams, Intervals         uint64
	Reported                          uint64 // rows of what others said of quality
	ReportedAgain                     uint64 // the same report at another hop, or sent again
	StreamsUnmatched                  uint64 // rows of streams that met no dialog
	StreamsEvicted                    uint64 // reports of streams beyond MaxStreams
	StreamsDropped                    uint64 // beyond what one call may gather: not in its sums
	StreamsAbandoned                  uint64 // whose agent fell silent before the last report
	ReportsRepeated                   uint64 // came twice, or after a later one
	ReportsLost                       uint64 // on the way: a later one made up for their totals
	RTCPRefused                       uint64 // said of more streams than are remembered
	BindsRefused                      uint64 // media addresses that too many calls announced
	OpenCalls, OpenStreams            int
	Links                             uint64 // rows that say which legs belong together
	Hosts                             uint64 // rows that say what a host is
	OpenHosts                         int
	Dialog                            dialog.Counters
	Link                              link.Counters
	Topology                          topology.Counters
}

// Analyzer is one shard. One goroutine uses it.
type Analyzer struct {
	opt      Options
	emit     func(row any)
	clock    clock
	advanced time.Time
	swept    time.Time
	dialogs  *dialog.Table
	message  sip.Message
	sdp      sip.SDP
	rtcp     media.RTCP

	binds    map[mediaAddr][]*dialog.Endpoint
	rtcpAddr map[mediaAddr][]*dialog.Endpoint // where RTCP has an address of its own
	points   map[pointName]*point
	streams  map[streamKey]*stream
	seq      uint64
	calls    map[*dialog.Call]*callMedia
	waiting  int        // intervals that wait for their stream's dialog
	holes    int        // that streams remember
	clocks   []clockGap // of the nodes that saw the call whose rows are being written
	reports  map[reportKey]*remote
	ends     [2][]*dialog.Endpoint // scratch
	rtt      *media.RTTTracker
	covered  coverage
	blind    blindness
	legs     *link.Table
	hosts    *topology.Table
	told     dialog.Recent // reports by SIP
	toldLate int           // reports that wait for the streams of their call

	Counters Counters
}

// mediaAddr is a media address in its capture domain: customers reuse private
// addresses.
type mediaAddr struct {
	domain string
	addr   netip.AddrPort
}

// New returns an Analyzer that gives its rows to emit: pointers to the types
// of package record.
func New(opt Options, emit func(row any)) *Analyzer {
	a := &Analyzer{
		opt: opt, emit: emit,
		binds: map[mediaAddr][]*dialog.Endpoint{}, rtcpAddr: map[mediaAddr][]*dialog.Endpoint{},
		points: map[pointName]*point{}, streams: map[streamKey]*stream{}, calls: map[*dialog.Call]*callMedia{},
		reports: map[reportKey]*remote{}, rtt: media.NewRTTTracker(100_000), covered: newCoverage(opt.Coverage), blind: blindness{},
		told: dialog.NewRecent(toldAgain, 100_000),
	}
	a.dialogs = dialog.NewTable(opt.Dialog, a.bind)
	a.legs = link.New(opt.Link, a.linked)
	a.hosts = topology.New(opt.Hosts, a.hostRow)
	return a
}

// Observe takes one packet from the bus.
func (a *Analyzer) Observe(p *packet.Packet) {
	if p.Domain == "" {
		p.Domain = "default"
	}
	if p.Kind == packet.KindTick && p.Node == "" { // the collector's clock, else an agent's heartbeat
		a.clock.tick(p.Time)
		a.advance()
		return
	}
	a.clock.see(p.Node, p.Time)
	a.advance()
	switch p.Kind {
	case packet.KindSIP:
		a.observeSIP(p)
	case packet.KindRTCP:
		a.observeRTCP(p)
	case packet.KindReport:
		a.observeReport(p)
	case packet.KindDrop:
		a.observeDrop(p)
	case packet.KindTick:
	case packet.KindRTPStat, packet.KindXRReport, packet.KindQoS:
		if !a.reportedByHEP(p) {
			a.Counters.Unread++
		}
	case packet.KindUnknown, packet.KindRTP, packet.KindLog:
		a.Counters.Unread++
	default:
		a.Counters.Unread++
	}
}

func (a *Analyzer) observeSIP(p *packet.Packet) {
	m := &a.message
	if !m.Parse(p.Payload) {
		a.Counters.Unread++
		return
	}
	a.Counters.SIP++
	seen := a.dialogs.Observe(p, m)
	a.emitMessage(p, m, seen.Retransmission)
	if !seen.Retransmission {
		a.hostSIP(p, m, seen.Call)
		a.linkSIP(p, m, seen.Call)
		a.reportedBySIP(p, m, seen.Call)
	}
}

func (a *Analyzer) observeDrop(p *packet.Packet) {
	d, err := packet.ParseDrop(p.Payload)
	if err != nil {
		a.Counters.Unread++
		return
	}
	a.Counters.Drops++
	row := record.Drop{
		Domain: p.Domain, FirstSeen: micro(p.Time), Time: micro(p.Time), Node: p.Node,
		Stage: d.Stage, Reason: d.Reason, Count: d.Count, FromTime: micro(d.From), ToTime: micro(d.To),
	}
	a.blind.add(&row)
	a.emit(&row)
}

// advance moves timers, at most every 100 ms of packet time.
func (a *Analyzer) advance() {
	now := a.clock.arrival
	if now.Sub(a.advanced) < 100*time.Millisecond {
		return
	}
	a.advanced = now
	mark := a.clock.watermark()
	for _, c := range a.dialogs.Advance(mark) {
		a.finish(c)
	}
	a.legs.Advance(mark)
	a.hosts.Advance(now)
	if now.Sub(a.swept) > time.Minute {
		a.swept = now
		a.sweepRemote(now)
		a.sweepStreams(now)
	}
}

// Close ends the input: every call and stream gives its row as it stands.
func (a *Analyzer) Close() {
	for _, c := range a.dialogs.Close(a.clock.watermark()) {
		a.finish(c)
	}
	a.closeStreams()
	a.hosts.Close()
}

// Snapshot brings the gauges in Counters up to date.
func (a *Analyzer) Snapshot() Counters {
	a.Counters.OpenCalls, a.Counters.OpenStreams, a.Counters.OpenHosts = a.dialogs.Len(), len(a.streams), a.hosts.Len()
	a.Counters.Dialog, a.Counters.Link, a.Counters.Topology = a.dialogs.Counters, a.legs.Counters, a.hosts.Counters
	return a.Counters
}

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// round keeps three decimals: what is written must not pretend to more.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

func rounded(v float64) *float64 { return new(round(v)) }

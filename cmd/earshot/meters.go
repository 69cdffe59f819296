package main

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/thin"
	"github.com/earshot-voip/earshot/analyzer"
	"github.com/earshot-voip/earshot/collector"
	"github.com/earshot-voip/earshot/internal/hep"
)

// meters shows the counters of the components as metrics. The components own
// their counters; they publish copies.
type meters struct {
	last atomic.Pointer[agent.Counters]
}

func newMeters(reg prometheus.Registerer, h *collector.Server, an *analysis) *meters {
	m := &meters{}
	m.last.Store(&agent.Counters{})
	counter := func(name, help string, labels prometheus.Labels, f func() uint64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(f()) }))
	}
	gauge := func(name, help string, f func() int) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(f()) }))
	}
	counter("earshot_hep_packets_total", "HEP packets received.", nil, h.Counts.Packets.Load)
	counter("earshot_hep_bytes_total", "Bytes of HEP received.", nil, h.Counts.Bytes.Load)
	counter("earshot_hep_clamped_total", "HEP packets whose impossible clock was replaced.", nil, h.Counts.Clamped.Load)
	counter("earshot_hep_refused_total", "HEP packets refused.", prometheus.Labels{"reason": collector.ReasonAuthKey}, h.Counts.AuthKey.Load)
	counter("earshot_hep_connections_refused_total", "HEP connections refused because too many were open.", nil, h.Counts.Connections.Load)
	counter("earshot_hep_socket_overflow_total", "HEP datagrams lost because the socket's buffer was full.", nil, h.Counts.Overflow.Load)
	counter("earshot_hep_link_lost_total", "Packets that agents numbered and that never came.", nil, h.Counts.Lost.Load)
	for _, e := range hep.Errors() {
		counter("earshot_hep_refused_total", "HEP packets refused.", prometheus.Labels{"reason": e.String()}, h.Counts.Errors[e].Load)
	}
	seen := func(kind string, f func(*agent.Counters) uint64) {
		counter("earshot_capture_packets_total", "Packets captured here, by what they are.", prometheus.Labels{"kind": kind},
			func() uint64 { return f(m.last.Load()) })
	}
	seen("sip", func(c *agent.Counters) uint64 { return c.SIP })
	seen("rtp", func(c *agent.Counters) uint64 { return c.RTP })
	seen("rtcp", func(c *agent.Counters) uint64 { return c.RTCP })
	seen("other", func(c *agent.Counters) uint64 {
		return c.Other + c.STUN + c.DTLS + c.TURN + c.ZRTP + c.UDPTL + c.KeepAlives + c.OwnHEP
	})
	seen("unmetered", func(c *agent.Counters) uint64 { return c.RTPUnmetered })
	meterThin(reg, func() *thin.Counters { return &m.last.Load().Thin })
	took := func(kind string, f func(*analyzer.Counters) uint64) {
		counter("earshot_analyzer_packets_total", "Packets analysed, by what they are.", prometheus.Labels{"kind": kind},
			func() uint64 { return f(an.snapshot.Load()) })
	}
	took("sip", func(c *analyzer.Counters) uint64 { return c.SIP })
	took("rtcp", func(c *analyzer.Counters) uint64 { return c.RTCP })
	took("report", func(c *analyzer.Counters) uint64 { return c.Reports })
	took("drop", func(c *analyzer.Counters) uint64 { return c.Drops })
	took("unread", func(c *analyzer.Counters) uint64 { return c.Unread })
	counter("earshot_calls_total", "Calls whose row was written.", nil, func() uint64 { return an.snapshot.Load().Calls })
	counter("earshot_streams_total", "Streams whose row was written.", nil, func() uint64 { return an.snapshot.Load().Streams })
	counter("earshot_reports_total", "Rows of what endpoints told of quality.", nil, func() uint64 { return an.snapshot.Load().Reported })
	counter("earshot_streams_unmatched_total", "Streams that met no call.", nil, func() uint64 { return an.snapshot.Load().StreamsUnmatched })
	counter("earshot_calls_evicted_total", "Calls written early because the table was full.", nil,
		func() uint64 { return an.snapshot.Load().Dialog.Evicted })
	counter("earshot_links_total", "Links between legs of a call, by whether they are sure enough to give them one session.", prometheus.Labels{"merged": "true"},
		func() uint64 { return an.snapshot.Load().Link.Merged })
	counter("earshot_links_total", "Links between legs of a call, by whether they are sure enough to give them one session.", prometheus.Labels{"merged": "false"},
		func() uint64 { return an.snapshot.Load().Link.Likely })
	gauge("earshot_hosts", "Hosts whose doings are remembered.", func() int { return an.snapshot.Load().OpenHosts })
	bound := func(what string, f func(*analyzer.Counters) uint64) {
		counter("earshot_analyzer_bounded_total", "What the analyzer let go, or could not keep, because a table is bounded, or a report was lost or came twice.",
			prometheus.Labels{"what": what}, func() uint64 { return f(an.snapshot.Load()) })
	}
	bound("leg_evicted", func(c *analyzer.Counters) uint64 { return c.Link.Evicted })
	bound("host_evicted", func(c *analyzer.Counters) uint64 { return c.Topology.Evicted })
	bound("leg_evidence_refused", func(c *analyzer.Counters) uint64 { return c.Link.Refused })
	bound("leg_evidence_common", func(c *analyzer.Counters) uint64 { return c.Link.Common })
	bound("stream_refused", func(c *analyzer.Counters) uint64 { return c.StreamsEvicted })
	bound("stream_dropped", func(c *analyzer.Counters) uint64 { return c.StreamsDropped })
	bound("stream_abandoned", func(c *analyzer.Counters) uint64 { return c.StreamsAbandoned })
	bound("report_repeated", func(c *analyzer.Counters) uint64 { return c.ReportsRepeated })
	bound("told_again", func(c *analyzer.Counters) uint64 { return c.ReportedAgain })
	bound("report_lost", func(c *analyzer.Counters) uint64 { return c.ReportsLost })
	bound("rtcp_refused", func(c *analyzer.Counters) uint64 { return c.RTCPRefused })
	bound("address_refused", func(c *analyzer.Counters) uint64 { return c.BindsRefused })
	bound("dialog_overflow", func(c *analyzer.Counters) uint64 { return c.Dialog.Overflow })
	bound("message_late", func(c *analyzer.Counters) uint64 { return c.Dialog.Late })
	counter("earshot_capture_addresses_forgotten_total", "Media addresses of SDP that the agent forgot because its table was full.", nil,
		func() uint64 { return m.last.Load().AddrsForgotten })
	gauge("earshot_calls_open", "Calls being followed.", func() int { return an.snapshot.Load().OpenCalls })
	gauge("earshot_streams_open", "Streams being followed.", func() int { return an.snapshot.Load().OpenStreams })
	gauge("earshot_bus_batches", "Batches waiting for the analyzer.", an.road.Len)
	return m
}

func (m *meters) agent(c agent.Counters) {
	c.Requests, c.Responses = nil, nil // maps stay with their owner
	m.last.Store(&c)
}

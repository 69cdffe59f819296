package main

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/thin"
	"github.com/earshot-voip/earshot/agent/uplink"
	"github.com/earshot-voip/earshot/internal/packet"
)

// agentMeters shows the counters of an agent and of its decoders as metrics.
// They own their counters; they publish copies.
type agentMeters struct {
	last atomic.Pointer[agent.Counters]
}

func meterAgent(reg prometheus.Registerer, taps []tap) *agentMeters {
	m := &agentMeters{}
	m.take(agent.Counters{})
	counter, gauge := exporter{reg}.counter, exporter{reg}.gauge
	seen := func(kind string, f func(*agent.Counters) uint64) {
		counter("earshot_capture_packets_total", "Packets captured here, by what they are.", prometheus.Labels{"kind": kind},
			func() uint64 { return f(m.load()) })
	}
	seen("sip", func(c *agent.Counters) uint64 { return c.SIP })
	seen("rtp", func(c *agent.Counters) uint64 { return c.RTP })
	seen("rtcp", func(c *agent.Counters) uint64 { return c.RTCP })
	seen("other", func(c *agent.Counters) uint64 {
		return c.Other + c.STUN + c.DTLS + c.TURN + c.ZRTP + c.UDPTL + c.KeepAlives + c.OwnHEP
	})
	seen("unmetered", func(c *agent.Counters) uint64 { return c.RTPUnmetered + c.RTPRefusedMemory + c.RTPRefusedCPU })
	gauge("earshot_capture_streams", "RTP streams metered now.", func() int { return int(m.load().Streams) })
	counter("earshot_capture_addresses_forgotten_total", "Media addresses of SDP that the agent forgot because its table was full.", nil,
		func() uint64 { return m.load().AddrsForgotten })
	meterThin(reg, func() *thin.Counters { return &m.load().Thin })
	undecoded := func(reason string, f func() uint64) {
		counter("earshot_capture_undecoded_total", "Frames and packets captured here that became nothing, by the reasons of the summary of earshot read.",
			prometheus.Labels{"reason": reason}, f)
	}
	for reason := range m.load().Undecoded() {
		undecoded(reason, func() uint64 { return m.load().Undecoded()[reason] })
	}
	for reason := range new(packet.Undecoded).All() {
		undecoded(reason.String(), func() (sum uint64) {
			for _, t := range taps {
				if d := t.Decoded.Load(); d != nil {
					sum += d.Undecoded[reason]
				}
			}
			return sum
		})
	}
	return m
}

// take publishes a copy of the counters; only their owner calls it.
func (m *agentMeters) take(c agent.Counters) {
	c.Requests, c.Responses = nil, nil // maps stay with their owner
	m.last.Store(&c)
}

func (m *agentMeters) load() *agent.Counters { return m.last.Load() }

// meterUplink shows the counters of the way to the collectors as metrics.
func meterUplink(reg prometheus.Registerer, u *uplink.Uplink) {
	counter, gauge := exporter{reg}.counter, exporter{reg}.gauge
	counter("earshot_uplink_sent_total", "Packets sent to collectors.", nil, u.Counts.Sent.Load)
	counter("earshot_uplink_lost_total", "Packets that no collector was sent; the table drops has their reasons.", nil, u.Counts.Lost.Load)
	counter("earshot_uplink_spooled_total", "Packets that were written to disk because no collector took them at once.", nil, u.Counts.Spooled.Load)
	counter("earshot_uplink_broken_total", "Lines to collectors that broke or were refused.", nil, u.Counts.Broken.Load)
	gauge("earshot_uplink_waiting", "Packets that wait for a collector, in memory or on disk.", func() int { return int(u.Counts.Waiting.Load()) })
	gauge("earshot_uplink_connected", "Routes that have a line to a collector.", func() int { return int(u.Counts.Connected.Load()) })
	gauge("earshot_uplink_routes", "Routes to collectors: one with agent.send: failover, else one for each collector.", func() int { return len(u.Status()) })
}

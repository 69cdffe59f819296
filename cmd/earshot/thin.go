package main

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/earshot-voip/earshot/agent/thin"
	"github.com/earshot-voip/earshot/internal/run"
)

// thinOptions is what the agent leaves out and masks.
func thinOptions(c *run.Thin) thin.Options {
	o := thin.Options{Methods: c.Methods, Rate: c.Rate, Keep: c.MaskKeep, Key: []byte(c.MaskKey), SDPOnly: c.Bodies == "sdp"}
	for _, n := range c.Addresses {
		o.Addresses = append(o.Addresses, n.Prefix)
	}
	for _, u := range c.Users {
		o.Users = append(o.Users, u.Regexp)
	}
	if c.Sample < 100 {
		o.Sample = c.Sample
	}
	if c.Mask != "off" {
		o.Mask = thin.Mask(c.Mask)
	}
	return o
}

// meterThin shows what an agent left out and masked; last gives a copy of its
// counters.
func meterThin(reg prometheus.Registerer, last func() *thin.Counters) {
	counter := func(name, help string, labels prometheus.Labels, f func(*thin.Counters) uint64) {
		exporter{reg}.counter(name, help, labels, func() uint64 { return f(last()) })
	}
	for _, r := range thin.Reasons() {
		counter("earshot_agent_thinned_total", "Messages and reports that agent.thin left out, by reason.", prometheus.Labels{"reason": r.String()},
			func(c *thin.Counters) uint64 { return c.By[r] })
	}
	const masked = "Messages that agent.thin changed, by what was masked in them."
	counter("earshot_agent_masked_total", masked, prometheus.Labels{"what": "number"}, func(c *thin.Counters) uint64 { return c.Masked })
	counter("earshot_agent_masked_total", masked, prometheus.Labels{"what": "body"}, func(c *thin.Counters) uint64 { return c.Hidden })
	counter("earshot_agent_sample_unknown_total", "Messages and reports that agent.thin.sample kept because nothing tells which call they are of.", nil,
		func(c *thin.Counters) uint64 { return c.CallUnknown })
}

// tellThin logs at the end what an agent left out.
func tellThin(log *slog.Logger, c *thin.Counters) {
	for _, r := range thin.Reasons() {
		if n := c.By[r]; n > 0 {
			log.Info("left out, as agent.thin says", "reason", r.String(), "messages", n)
		}
	}
}

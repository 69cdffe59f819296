package main

import (
	"path/filepath"
	"time"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/analyzer"
	"github.com/earshot-voip/earshot/analyzer/dialog"
	"github.com/earshot-voip/earshot/analyzer/link"
	"github.com/earshot-voip/earshot/analyzer/topology"
	"github.com/earshot-voip/earshot/collector"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/scrub"
)

// agentOptions is the agent's part of the configuration.
func agentOptions(c *run.Config, node string) agent.Options {
	o := agent.Defaults()
	o.Node, o.AgentID, o.Domain = node, c.Agent.ID, c.Agent.Domain
	o.UnwrapHEP = c.HEP.Ports
	o.MaxStreams, o.StreamIdle, o.Guess = c.Media.MaxStreams, time.Duration(c.Media.Idle), c.Media.HeuristicRTP
	o.NoBuffers, o.Signal = c.Media.JitterBuffer == "none", c.Media.Signal == "on"
	o.Thin = thinOptions(&c.Agent.Thin)
	return o
}

// analyzerOptions is the analyzer's part of the configuration, and the codec
// table that it names.
func analyzerOptions(c *run.Config, codecs *media.Codecs) analyzer.Options {
	o := analyzer.Defaults()
	o.Dialog = dialog.Options{
		T1: time.Duration(c.Dialog.T1), TimerC: time.Duration(c.Dialog.TimerC), Grace: time.Duration(c.Dialog.Grace),
		NoMedia: time.Duration(c.Dialog.NoBye), LongestCall: time.Duration(c.Dialog.LongestCall), MaxCalls: c.Dialog.MaxCalls,
		Emergency: c.Dialog.Emergency, Headers: c.Dialog.Headers,
	}
	o.Link.MinConfidence, o.Link.Window, o.Link.Remember = float64(c.Links.MinConfidence)/100, time.Duration(c.Links.Window), time.Duration(c.Links.Remember)
	o.Link.Off = !c.Links.Enabled
	o.Link.MaxLegs, o.Link.Headers = 2*c.Dialog.MaxCalls, nil
	for _, h := range c.Links.Headers {
		o.Link.Headers = append(o.Link.Headers, link.Rule{Name: h.Name, CallID: h.CallID, Direction: directions[h.Direction], Match: h.Match})
	}
	o.Hosts.MaxHosts, o.Hosts.Every = c.Topology.MaxHosts, time.Duration(c.Topology.Every)
	for _, h := range c.Topology.Hosts {
		o.Hosts.Hosts = append(o.Hosts.Hosts, topology.Configured{Network: h.Network.Prefix, Name: h.Name, Class: topology.Class(h.Class)})
	}
	for _, t := range c.Topology.Trunks {
		o.Hosts.Trunks = append(o.Hosts.Trunks, topology.Trunk{Name: t.Name, Network: t.Network.Prefix})
	}
	o.NoPLC, o.Codecs = !c.Media.G711PLC, codecs
	o.Buffer, _ = media.BufferOf(c.Media.JitterBuffer)
	for _, n := range c.Media.Coverage {
		o.Coverage = append(o.Coverage, n.Prefix)
	}
	o.MaxStreams = 2 * c.Media.MaxStreams
	o.Scrub = scrubRules(c)
	return o
}

func scrubRules(c *run.Config) scrub.Rules {
	s := c.Privacy.Scrub
	return scrub.Rules{Digest: s.Digest, SDES: s.SDES, DTMF: s.DTMF, Bodies: s.MessageBodies}
}

// collectorOptions is the collector's part of the configuration.
func collectorOptions(c *run.Config) collector.Options {
	o := collector.Defaults()
	o.Listen, o.AuthKey, o.MaxSkew = c.HEP.Listen, c.HEP.AuthKey, time.Duration(c.HEP.MaxSkew)
	o.ReadBuffer, o.MaxTCP, o.Node = int(c.HEP.ReceiveBuffer), c.HEP.MaxConnections, c.NodeName()
	o.NATS = c.HEP.NATS
	if dir, err := c.DataDir(); err == nil {
		o.State = filepath.Join(dir, "hep-links.json")
	}
	return o
}

// directions are those of links.headers; not given is that of INVITEs.
var directions = map[string]link.Direction{"": link.Requests, "response": link.Responses, "both": link.Both}

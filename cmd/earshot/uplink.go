package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/uplink"
	"github.com/earshot-voip/earshot/internal/run"
)

// uplinkOptions are those of an agent on live interfaces.
func uplinkOptions(c *run.Config) (uplink.Options, error) {
	o := uplink.Options{
		Collectors: c.Agent.Collectors, Mode: uplink.Mode(c.Agent.Send), AuthKey: c.HEP.AuthKey, Compress: c.Agent.Compress, Heartbeat: c.Agent.Heartbeat,
		SpoolBytes: int64(c.Agent.Spool), SpoolDir: c.Agent.SpoolDir, Node: c.NodeName(), Domain: c.Agent.Domain,
	}
	if c.Agent.Spool > 0 && o.SpoolDir == "" {
		data, err := c.DataDir()
		if err != nil {
			return o, err
		}
		o.SpoolDir = filepath.Join(data, "spool")
	}
	if c.Agent.Spool == 0 {
		o.SpoolDir = ""
	}
	var err error
	o.TLS, err = clientTLS(c.Agent.TLS)
	return o, err
}

// fileUplinkOptions are those of an agent that sends what is in a file: it can
// be read again, so nothing waits and nothing is spooled.
func fileUplinkOptions(c *run.Config, realtime bool) (uplink.Options, error) {
	o, err := uplinkOptions(c)
	o.SpoolDir, o.Patient, o.Pace, o.Heartbeat = "", true, !realtime, false
	return o, err
}

// openUplink opens the way from an agent on live interfaces, or on captures that are
// followed: what of them is there already comes faster than any network.
func openUplink(a *app, followed bool) (*uplink.Uplink, error) {
	o, err := uplinkOptions(&a.config)
	o.Pace = followed
	if err != nil {
		return nil, err
	}
	return uplink.New(o, a.log)
}

// sharing are the options of an agent whose reports may go to other collectors
// than Earshot's.
func sharing(o agent.Options, c *run.Config) agent.Options {
	o.SharedKeys = c.Agent.SharedKeys
	return o
}

// clientTLS is the configuration of TLS to collectors.
func clientTLS(c run.AgentTLS) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("agent.tls.ca: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("agent.tls.ca: %s holds no certificate in PEM", c.CA)
		}
	}
	if c.Cert != "" {
		cert, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("agent.tls.cert and agent.tls.key: %w", err)
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}

// lastSend is how long packets may wait for a collector once the process is
// told to stop: it has 10 s for everything.
const lastSend = 5 * time.Second

// sending is an Uplink that ends when its input does, and is given up when
// another context ends than that of its group.
type sending struct {
	*uplink.Uplink
	giveUp context.Context
}

func (s sending) Run(context.Context) error { return s.Uplink.Run(s.giveUp) }

package uplink

import (
	"fmt"
	"net"
	"net/url"
	"slices"
)

// collector is the address of one.
type collector struct {
	url     string // as configured
	network string // udp, tcp, tls
	address string // host:port
}

// defaultPorts are those of HEP without and with TLS.
var defaultPorts = map[string]string{"udp": "9060", "tcp": "9060", "tls": "9061"}

func parseCollector(s string) (collector, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.User != nil || u.RawQuery != "" || defaultPorts[u.Scheme] == "" {
		return collector{}, fmt.Errorf("collector %q: want udp://host:port, tcp://host:port or tls://host:port", s)
	}
	port := u.Port()
	if port == "" {
		port = defaultPorts[u.Scheme]
	}
	return collector{s, u.Scheme, net.JoinHostPort(u.Hostname(), port)}, nil
}

func parseCollectors(urls []string) ([]collector, error) {
	var all []collector
	for _, s := range urls {
		c, err := parseCollector(s)
		if err != nil {
			return nil, err
		}
		if slices.Contains(all, c) {
			return nil, fmt.Errorf("collector %q is there twice", s)
		}
		all = append(all, c)
	}
	return all, nil
}

package uplink

import (
	"fmt"
	"net"
	"net/url"
	"slices"
)

// collector is the address of one.
type collector struct {
	url     string // as configured, without a password
	network string // udp, tcp, tls, nats
	address string // host:port
	user    *url.Userinfo
}

// defaultPorts are those of HEP without and with TLS, and of NATS.
var defaultPorts = map[string]string{"udp": "9060", "tcp": "9060", "tls": "9061", schemeNATS: "4222"}

const schemeNATS = "nats"

func parseCollector(s string) (collector, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.User != nil && u.Scheme != schemeNATS || u.RawQuery != "" || defaultPorts[u.Scheme] == "" {
		return collector{}, fmt.Errorf("collector %q: want udp://host:port, tcp://host:port, tls://host:port or nats://host:port", redacted(u, s))
	}
	port := u.Port()
	if port == "" {
		port = defaultPorts[u.Scheme]
	}
	return collector{u.Redacted(), u.Scheme, net.JoinHostPort(u.Hostname(), port), u.User}, nil
}

func redacted(u *url.URL, s string) string {
	if u == nil {
		return s
	}
	return u.Redacted()
}

func parseCollectors(urls []string) ([]collector, error) {
	var all []collector
	for _, s := range urls {
		c, err := parseCollector(s)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o collector) bool { return o.network == c.network && o.address == c.address }) {
			return nil, fmt.Errorf("collector %q is there twice", c.url)
		}
		all = append(all, c)
	}
	return all, nil
}

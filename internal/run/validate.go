package run

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate tells every value that cannot be used, one a line: the key, its
// value, and what is wanted.
func (c *Config) Validate() error {
	var v validation
	v.listen("http.listen", c.HTTP.Listen)
	v.listen("hep.listen", c.HEP.Listen)

	v.name("agent.domain", c.Agent.Domain)
	if c.Agent.Node != "" {
		v.name("agent.node", c.Agent.Node)
	}
	for i, s := range c.Agent.Collectors {
		v.collector(fmt.Sprintf("agent.collectors[%d]", i), s)
	}
	v.check(slices.Contains([]string{"failover", "all", "hash"}, c.Agent.Send), "agent.send", c.Agent.Send, "failover, all or hash")
	if c.Agent.Spool != 0 {
		v.size("agent.spool", c.Agent.Spool, 1<<20, 1<<44)
	}
	if c.Agent.Memory != 0 {
		v.size("agent.memory", c.Agent.Memory, 64<<20, 1<<44)
	}
	v.number("agent.cpu", c.Agent.CPU, 0, 100_000)
	v.check((c.Agent.TLS.Cert == "") == (c.Agent.TLS.Key == ""), "agent.tls.key", c.Agent.TLS.Key, "a key if there is an agent.tls.cert, and the other way round")
	for i, s := range c.Agent.Thin.Methods {
		v.check(s != "" && s == strings.ToUpper(s) && !strings.ContainsAny(s, " \t\r\n"), fmt.Sprintf("agent.thin.methods[%d]", i), s, "a method such as OPTIONS, in capitals")
	}
	v.number("the number of networks in agent.thin.addresses", len(c.Agent.Thin.Addresses), 0, 1000)
	v.number("the number of expressions in agent.thin.users", len(c.Agent.Thin.Users), 0, 100)
	v.number("agent.thin.sample", c.Agent.Thin.Sample, 1, 100)
	v.number("agent.thin.rate", c.Agent.Thin.Rate, 0, 1_000_000)
	v.check(slices.Contains([]string{"off", "star", "hash"}, c.Agent.Thin.Mask), "agent.thin.mask", c.Agent.Thin.Mask, "off, star or hash")
	v.number("agent.thin.mask_keep", c.Agent.Thin.MaskKeep, 0, 15)
	v.check(c.Agent.Thin.Mask != "hash" || len(c.Agent.Thin.MaskKey) >= 16, "agent.thin.mask_key", redacted(c.Agent.Thin.MaskKey, "true"),
		"a secret of 16 characters or more for agent.thin.mask: hash, the same at every agent")
	v.check(c.Agent.Thin.Bodies == "all" || c.Agent.Thin.Bodies == "sdp", "agent.thin.bodies", c.Agent.Thin.Bodies, "all or sdp")

	if rec := c.Agent.Recorder; rec.Memory > 0 {
		v.size("agent.recorder.memory", rec.Memory, 1<<20, 64<<30)
		v.size("agent.recorder.disk", rec.Disk, 0, 1<<44)
		v.number("agent.recorder.minutes", rec.Minutes, 1, 7*24*60)
		v.size("agent.recorder.keep", rec.Keep, 1<<20, 1<<44)
		v.duration("agent.recorder.keep_for", rec.KeepFor, 0, 100*365*day)
	}

	for i, s := range c.Capture.Interfaces {
		key := fmt.Sprintf("capture.interfaces[%d]", i)
		v.check(s != "", key, s, "the name of a network interface")
		v.check(slices.Index(c.Capture.Interfaces, s) == i, key, s, "each interface once")
	}
	v.check(slices.Contains([]string{"auto", "afpacket", "libpcap"}, c.Capture.Method), "capture.method", c.Capture.Method, "auto, afpacket or libpcap")
	v.number("capture.workers", c.Capture.Workers, 0, 64)
	// The program of the kernel's filter has a size.
	v.number("the number of ranges in capture.ports", len(c.Capture.Ports), 0, 40)
	v.number("the number of ranges in capture.rtp_ports", len(c.Capture.RTPPorts), 0, 40)
	v.number("the number of networks in capture.hosts", len(c.Capture.Hosts), 0, 40)
	v.check(c.Capture.Filter == "" || len(c.Capture.Ports)+len(c.Capture.RTPPorts)+len(c.Capture.Hosts) == 0, "capture.filter", c.Capture.Filter,
		`"" where capture.ports, rtp_ports or hosts say what is captured`)
	v.check(slices.Contains([]string{"auto", "kernel", "hardware"}, c.Capture.Timestamps), "capture.timestamps", c.Capture.Timestamps, "auto, kernel or hardware")
	if c.Capture.RTPSnapLen != 0 {
		v.size("capture.rtp_snaplen", c.Capture.RTPSnapLen, 32, c.Capture.SnapLen)
	}
	// Below 256 bytes not even the headers of a tunnelled RTP packet fit.
	v.size("capture.snaplen", c.Capture.SnapLen, 256, 256<<10)
	v.size("capture.buffer", c.Capture.Buffer, 64<<10, 2<<30-1)

	if c.HEP.NATS != "" {
		u, err := url.Parse(c.HEP.NATS)
		v.check(err == nil && u.Scheme == "nats" && u.Hostname() != "", "hep.nats", redacted(c.HEP.NATS, "dsn"), "nats://host:4222")
	}
	for i, p := range c.HEP.Ports {
		v.check(p != 0, fmt.Sprintf("hep.ports[%d]", i), p, "a port from 1 to 65535")
	}
	v.duration("hep.max_skew", c.HEP.MaxSkew, time.Second, 10*365*day)
	v.number("hep.max_connections", c.HEP.MaxConnections, 1, 1<<20)
	v.size("hep.receive_buffer", c.HEP.ReceiveBuffer, 64<<10, 1<<30)

	v.duration("dialog.t1", c.Dialog.T1, 10*time.Millisecond, time.Minute)
	v.duration("dialog.timer_c", c.Dialog.TimerC, time.Second, day)
	v.duration("dialog.no_bye", c.Dialog.NoBye, time.Second, day)
	v.duration("dialog.longest_call", c.Dialog.LongestCall, time.Minute, 365*day)
	v.check(c.Dialog.LongestCall >= c.Dialog.TimerC, "dialog.longest_call", c.Dialog.LongestCall,
		fmt.Sprintf("no less than dialog.timer_c (%s)", c.Dialog.TimerC))
	// The report of an interval comes up to eleven seconds after it began: a
	// row written sooner would lack the end of its media.
	v.duration("dialog.grace", c.Dialog.Grace, 12*time.Second, time.Hour)
	v.number("dialog.max_calls", c.Dialog.MaxCalls, 1, 100_000_000)
	for i, s := range c.Dialog.Emergency {
		v.check(s != "" && !strings.ContainsAny(s, " \t\r\n"), fmt.Sprintf("dialog.emergency[%d]", i), s,
			"a number such as 112 or a URN such as urn:service:sos")
	}
	for i, s := range c.Dialog.Headers {
		v.check(isHeaderPattern(s), fmt.Sprintf("dialog.headers[%d]", i), s, "a header name such as X-Trunk, or X-*")
	}

	v.number("links.min_confidence", c.Links.MinConfidence, 1, 100)
	v.duration("links.window", c.Links.Window, 100*time.Millisecond, time.Minute)
	v.duration("links.remember", c.Links.Remember, 0, day)
	v.number("the number of headers in links.headers", len(c.Links.Headers), 0, 100)

	v.number("the number of hosts in topology.hosts", len(c.Topology.Hosts), 0, 10_000)
	v.number("the number of networks in topology.trunks", len(c.Topology.Trunks), 0, 1000)
	v.number("topology.max_hosts", c.Topology.MaxHosts, 2, 10_000_000)
	v.duration("topology.every", c.Topology.Every, time.Minute, day)

	v.check(slices.Contains([]string{"f50", "f200", "adaptive", "none"}, c.Media.JitterBuffer), "media.jitter_buffer", c.Media.JitterBuffer, "f50, f200, adaptive or none")
	v.check(c.Media.Signal == "on" || c.Media.Signal == "off", "media.signal", c.Media.Signal, "on or off")
	v.number("the number of networks in media.coverage", len(c.Media.Coverage), 0, 1000)
	v.duration("media.idle", c.Media.Idle, 5*time.Second, day)
	v.number("media.max_streams", c.Media.MaxStreams, 1, 100_000_000)

	if c.Store.DSN != "" {
		v.dsn("store.dsn", c.Store.DSN)
	}
	v.number("store.batch_rows", c.Store.BatchRows, 1, 1_000_000)
	for _, r := range []struct {
		key string
		d   Duration
	}{
		{"calls", c.Store.Retention.Calls},
		{"attempts", c.Store.Retention.Attempts},
		{"streams", c.Store.Retention.Streams},
		{"intervals", c.Store.Retention.Intervals},
		{"reports", c.Store.Retention.Reports},
		{"messages", c.Store.Retention.Messages},
		{"drops", c.Store.Retention.Drops},
		{"links", c.Store.Retention.Links},
		{"hops", c.Store.Retention.Hops},
		{"hosts", c.Store.Retention.Hosts},
	} {
		if r.d != 0 {
			v.duration("store.retention."+r.key, r.d, time.Hour, 100*365*day)
		}
	}

	// Less than this and ClickHouse does not get through its own start.
	v.size("clickhouse.memory", c.ClickHouse.Memory, 512<<20, 1<<44)
	if p := c.ClickHouse.TCPPort; p != 0 {
		v.check(p != c.ClickHouse.HTTPPort, "clickhouse.http_port", p, "another port than clickhouse.tcp_port")
	}
	return errors.Join(v.problems...)
}

func (d Duration) std() time.Duration { return time.Duration(d) }

type validation struct{ problems []error }

func (v *validation) check(ok bool, key string, value any, want string) {
	if !ok {
		if s, isText := value.(string); isText {
			value = strconv.Quote(s)
		}
		v.problems = append(v.problems, fmt.Errorf("%s is %v; want %s", key, value, want))
	}
}

func (v *validation) number(key string, n, low, high int) {
	v.check(n >= low && n <= high, key, n, fmt.Sprintf("%d to %d", low, high))
}

func (v *validation) size(key string, s, low, high Size) {
	v.check(s >= low && s <= high, key, s, fmt.Sprintf("%s to %s", low, high))
}

func (v *validation) duration(key string, d Duration, low, high time.Duration) {
	v.check(d.std() >= low && d.std() <= high, key, d, fmt.Sprintf("%s to %s", Duration(low), Duration(high)))
}

// name takes what is shown in rows and compared in keys.
func (v *validation) name(key, s string) {
	v.check(isName(s), key, s, "a name of 1 to 64 bytes without spaces")
}

func (v *validation) listen(key, addr string) {
	if addr == "" {
		return
	}
	_, port, err := net.SplitHostPort(addr)
	v.check(err == nil && isPort(port, true), key, addr, `an address such as :9060 or 127.0.0.1:9060, or ""`)
}

func (v *validation) collector(key, s string) {
	u, err := url.Parse(s)
	v.check(err == nil && slices.Contains([]string{"udp", "tcp", "tls", "nats"}, u.Scheme) && u.Hostname() != "" && isPort(u.Port(), false) &&
		u.Path == "" && u.RawQuery == "", key, s, "udp://host:port, tcp://host:port, tls://host:port or nats://host:port")
}

// dsn checks the form only, and never shows the text: it holds a password.
func (v *validation) dsn(key, s string) {
	u, err := url.Parse(s)
	v.check(err == nil && slices.Contains([]string{"clickhouse", "tcp", "http", "https"}, u.Scheme) && u.Host != "",
		key, redacted(s, "dsn"), "clickhouse://user:password@host:9000/database")
}

func isPort(s string, zero bool) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && (n > 0 || zero)
}

// isHeaderPattern takes an RFC 3261 token, or a token's beginning and *.
// The * alone would keep every header, secrets included.
func isHeaderPattern(s string) bool {
	s = strings.TrimSuffix(s, "*")
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}*`, r)
	})
}

package main

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/tlsview"
)

// tap is an agent.Tap of a worker of an interface.
type tap struct {
	*agent.Tap
	live   capture.Live
	worker int
}

func agentTaps(taps []tap) []*agent.Tap {
	all := make([]*agent.Tap, len(taps))
	for i, t := range taps {
		all[i] = t.Tap
	}
	return all
}

// openTaps opens every interface. From now on its ring takes what comes.
func openTaps(a *app) ([]tap, error) {
	c := &a.config.Capture
	method := c.Method
	if method == "auto" {
		method = ""
	}
	workers := c.Workers
	if workers == 0 {
		workers = capture.DefaultWorkers(runtime.GOMAXPROCS(0))
	}
	var taps []tap
	for _, name := range c.Interfaces {
		all, err := capture.OpenLive(capture.LiveOptions{
			Interface: name, Method: method, Filter: captureFilter(&a.config, nil), Promiscuous: c.Promiscuous,
			BufferBytes: int(c.Buffer), Workers: workers, Timestamps: c.Timestamps, Log: a.log,
		})
		if err != nil {
			return nil, err
		}
		for i, live := range all {
			taps = append(taps, tap{&agent.Tap{Name: name, Source: live, Options: packet.Options{HEPPorts: []uint16{}}}, live, i})
		}
	}
	if strings.Contains(c.Filter, "vlan") && method != capture.MethodLibpcap {
		a.log.Warn("the kernel takes the outer VLAN tag off before the filter sees a frame: vlan in capture.filter means one behind it", "filter", c.Filter)
	}
	return taps, nil
}

// captureFilter is what configuration asks for, but for the ports of this
// process's own parts.
func captureFilter(c *run.Config, own []uint16) capture.Filter {
	f := capture.Filter{
		Given: c.Capture.Filter, Ports: portRanges(c.Capture.Ports), RTPPorts: portRanges(c.Capture.RTPPorts), Without: own,
		SnapLen: int(c.Capture.SnapLen), RTPSnapLen: int(c.Capture.RTPSnapLen),
	}
	for _, n := range c.Capture.Hosts {
		f.Hosts = append(f.Hosts, n.Prefix)
	}
	if c.Media.Signal == "on" || f.Given != "" {
		f.RTPSnapLen = 0 // sound is needed; a given program says itself what it keeps
	}
	return f
}

func portRanges(ports []run.Ports) []capture.PortRange {
	ranges := make([]capture.PortRange, len(ports))
	for i, p := range ports {
		ranges[i] = capture.PortRange(p)
	}
	return ranges
}

// startTaps adds the taps to a group, without the process's own ports.
func startTaps(a *app, taps []tap, group *run.Group, frames *bus.Memory, own []uint16, health *run.Condition) error {
	var mu sync.Mutex
	var away []string // interfaces
	keys := followKeys(a, group)
	for _, t := range taps {
		t.Options.TLSKeys = keys
		if err := t.live.SetFilter(captureFilter(&a.config, own)); err != nil {
			return err
		}
		t.Out = frames
		t.Away = func(o *capture.Outage) {
			mu.Lock()
			defer mu.Unlock()
			away = slices.DeleteFunc(away, func(name string) bool { return name == o.Interface })
			if o.To.IsZero() {
				away = append(away, o.Interface)
				a.log.Warn("interface is gone; capture goes on when it is back", "interface", o.Interface)
			} else {
				a.log.Info("interface is back", "interface", o.Interface, "away", o.To.Sub(o.From), "missed", o.Missed)
			}
			switch {
			case health == nil:
			case len(away) > 0:
				health.Degraded("gone: " + strings.Join(away, ", "))
			default:
				health.Ready()
			}
		}
		name := "capture " + t.Name
		if t.worker > 0 {
			name += fmt.Sprintf(", worker %d", t.worker)
		}
		group.Add(name, t)
	}
	return nil
}

// takeFilter gives live taps another filter. libpcap empties its ring for that,
// so that there it needs a restart.
func takeFilter(taps []tap, own []uint16) run.Take {
	if runtime.GOOS != "linux" || len(taps) == 0 || taps[0].live.String() == capture.MethodLibpcap {
		return run.Take{}
	}
	return run.Take{
		Keys: []string{"capture.ports", "capture.rtp_ports", "capture.hosts", "capture.filter", "capture.rtp_snaplen"},
		Take: func(c *run.Config) error {
			for _, t := range taps {
				if err := t.live.SetFilter(captureFilter(c, own)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// followCaptures adds a tap of captures that are followed to a group. HEP in them is not
// looked into: it reaches its collector by itself, and some may be this agent's own.
func followCaptures(a *app, name string, s *capture.Series, group *run.Group, frames *bus.Memory) {
	keys := followKeys(a, group)
	if keys == nil {
		keys = tlsview.NewKeys()
	}
	s.OnKeyLog(func(lines []byte) { keys.Add(lines, time.Time{}) })
	group.Add("capture "+name, &agent.Tap{
		Name: name, Source: s, Clock: s.Now, Out: frames, Options: packet.Options{HEPPorts: []uint16{}, TLSKeys: keys},
	})
}

// showTaps says what would be captured, and how.
func showTaps(w io.Writer, a *app, taps []tap, own []uint16) error {
	for _, t := range taps {
		if t.worker > 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s: %s; filter: %s\n", t.Name, t.live, captureFilter(&a.config, own)); err != nil {
			return err
		}
	}
	return nil
}

// meterTaps shows what the kernel counted of each interface.
func meterTaps(reg prometheus.Registerer, taps []tap) {
	byName := map[string][]tap{}
	for _, t := range taps {
		byName[t.Name] = append(byName[t.Name], t)
	}
	for name, workers := range byName {
		counter := func(metric, help, reason string, f func(*capture.Drops) uint64) {
			labels := prometheus.Labels{"interface": name}
			if reason != "" {
				labels["reason"] = reason
			}
			reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: metric, Help: help, ConstLabels: labels}, func() float64 {
				var sum uint64
				for _, t := range workers {
					if d := t.Seen.Load(); d != nil {
						sum += f(d)
					}
				}
				return float64(sum)
			}))
		}
		counter("earshot_capture_frames_total", "Frames that passed the filter, those dropped by the kernel included.", "", func(d *capture.Drops) uint64 { return d.Received })
		counter("earshot_capture_ring_full_total", "Times that a ring was full.", "", func(d *capture.Drops) uint64 { return d.Freezes })
		const help = "Frames dropped before Earshot saw them: by the kernel, whose ring was full, or by the interface."
		counter("earshot_capture_dropped_total", help, "kernel", func(d *capture.Drops) uint64 { return d.DroppedKernel })
		counter("earshot_capture_dropped_total", help, "interface", func(d *capture.Drops) uint64 { return d.DroppedInterface })
	}
}

// ownPorts are those on which this process talks to its own parts: what it
// says there is no traffic to monitor. SIP inside an INSERT would be stored,
// and captured, and stored.
func ownPorts(c *run.Config, dsn string, hep netip.AddrPort) []uint16 {
	ports := slices.Clone(c.HEP.Ports)
	if hep.IsValid() {
		ports = append(ports, hep.Port())
	}
	for _, address := range append([]string{dsn}, c.Agent.Collectors...) {
		u, err := url.Parse(address)
		if err != nil {
			continue
		}
		if p, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
			ports = append(ports, uint16(p))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// liveAgentOptions are those of an agent on a live interface: HEP that it sees
// there reaches its collector by itself.
func liveAgentOptions(c *run.Config, own []uint16) agent.Options {
	o := agentOptions(c, c.NodeName())
	o.UnwrapHEP = nil
	o.IgnorePorts = own
	return o
}

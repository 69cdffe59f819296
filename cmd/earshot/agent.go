package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/agent/uplink"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/run"
)

type agentCommand struct {
	Interface []string `placeholder:"NAME" help:"Listen on this interface; may be given again."`
	Read      string   `placeholder:"PATH" help:"Read a capture, or a directory of them, in place of an interface."`
	Follow    bool     `help:"With --read: go on with what is added to the file, or with new files in the directory, as an agent on an interface does."`
	Collector []string `placeholder:"URL" help:"udp://host:9060, tcp://host:9060, tls://host:9061 or nats://host:4222; agent.send says which of several get what."`
	Data      string   `placeholder:"DIR" help:"Where packets wait while no collector takes them (/var/lib/earshot for root, else a folder of the user's)."`
	HTTP      string   `placeholder:"ADDR" help:"Address of the status page, /healthz and /metrics (:9080); none serves none of them."`
	Pace      string   `enum:"max,realtime" default:"max" help:"With --read: as fast as it goes, or as it was captured."`
	TLSKeyLog string   `name:"tls-keylog" placeholder:"FILE" help:"Secrets of TLS sessions (SSLKEYLOGFILE): SIP in TLS is read."`
	Node      string   `placeholder:"NAME" help:"Name of this agent in the records (the host's name)."`
	Check     bool     `help:"Check configuration and interfaces, then stop."`
}

// Help shows examples.
func (agentCommand) Help() string {
	return `Examples:
  earshot agent --interface eth0 --collector tcp://collector:9060
  earshot agent --read calls.pcap --collector udp://127.0.0.1:9060
  earshot agent --read /var/spool/pcap --follow --collector tcp://collector:9060`
}

func (k *agentCommand) Run(a *app) error {
	if len(k.Interface) > 0 && k.Read != "" {
		return usagef("--interface and --read: give one of them")
	}
	if k.Follow && k.Read == "" {
		return usagef("--follow: name what to follow with --read")
	}
	if k.Follow && k.Pace == "realtime" {
		return usagef("--follow and --pace realtime: give one of them")
	}
	for _, f := range [...]struct{ key, value, flag string }{
		{"capture.interfaces", strings.Join(k.Interface, ","), "--interface"},
		{"agent.collectors", strings.Join(k.Collector, ","), "--collector"},
		{"agent.node", k.Node, "--node"},
		{"data", k.Data, "--data"},
		{"capture.tls_keylog", k.TLSKeyLog, "--tls-keylog"},
	} {
		if f.value != "" {
			a.set(f.key, f.value, f.flag)
		}
	}
	a.setListen("http.listen", k.HTTP, "--http")
	if err := a.load(); err != nil {
		return err
	}
	if k.Read == "" && len(a.config.Capture.Interfaces) == 0 {
		return usagef("nothing to capture: give --interface NAME or --read FILE")
	}
	if len(a.config.Agent.Collectors) == 0 {
		return usagef("no collector: name one with --collector udp://host:9060, tcp://host:9060, tls://host:9061 or nats://host:4222")
	}
	if k.Read != "" && !k.Follow {
		return k.readFile(a)
	}
	if err := dropPrivileges(a); err != nil {
		return err
	}
	web, err := openAgentWeb(a)
	if err != nil {
		return err
	}
	defer web.close()
	var taps []tap
	var series *capture.Series
	if k.Follow {
		series, err = capture.OpenSeries(capture.SeriesOptions{Paths: []string{k.Read}, Follow: true, Log: a.log})
	} else {
		taps, err = openTaps(a)
	}
	if err != nil {
		return err
	}
	own := ownPorts(&a.config, "", netip.AddrPort{})
	sender, err := openUplink(a, k.Follow)
	if err != nil {
		return err
	}
	if k.Check {
		err := showTaps(a.stdout, a, taps, own)
		if err == nil {
			_, err = fmt.Fprintf(a.stdout, "configuration, ports, %s and spool are in order\n", cmp.Or(k.Read, "interfaces"))
		}
		return errors.Join(err, sender.Close())
	}
	group := run.NewGroup(a.log)
	group.Add("systemd", &run.Supervised{Works: agent.Working(agentTaps(taps))})
	frames := bus.NewMemory(64)
	captured := web.health.Component("capture")
	if k.Follow {
		followCaptures(a, k.Read, series, group, frames)
	} else if err := startTaps(a, taps, group, frames, own, captured); err != nil {
		return err
	}
	captured.Ready()
	out := bus.NewPublisher(sender.Input())
	options := sharing(liveAgentOptions(&a.config, own), &a.config)
	flights, err := a.openRecorder(&options)
	if err != nil {
		return err
	}
	ceilings := &run.Ceilings{Memory: a.config.Agent.Memory, CPU: a.config.Agent.CPU, Log: a.log}
	options.MemoryFull, options.CPUFull = &ceilings.MemoryFull, &ceilings.CPUFull
	ag := agent.New(options, func(p *packet.Packet) {
		if err := out.Add(context.Background(), p); err != nil {
			a.log.Error("packet was not sent", "error", err)
		}
	})
	meters := web.show(a, taps, sender, ceilings)
	flights.register(web.server, web.registry)
	giveUp, hurry := context.WithCancel(context.Background())
	defer hurry()
	group.Add("stop", run.Func(func(ctx context.Context) error {
		<-ctx.Done()
		time.AfterFunc(lastSend, hurry)
		return nil
	}))
	if dir := sender.SpoolDir(); dir != "" && !k.Follow { // a file is still there after a kill
		watch := &agent.Watch{Path: filepath.Join(dir, "alive"), Interfaces: a.config.Capture.Interfaces, Settled: sender.Settled}
		if blind, killed := watch.Before(time.Now().UTC()); killed {
			a.log.Warn("the agent before this one was killed: nobody listened until now", "since", blind.From, "frames", blind.Frames)
			ag.Drop("agent", agent.ReasonKilled, blind.From, blind.To, blind.Frames)
		}
		group.Add("watch", watch)
	}
	group.Add("agent", run.Func(func(ctx context.Context) error {
		defer sender.Input().Close() // upon which the sender ends
		defer flights.close()
		defer func() { tellThin(a.log, &ag.Counters.Thin) }()
		return ag.Run(ctx, frames, func() {
			if err := out.Flush(context.Background()); err != nil {
				a.log.Error("packets were not sent", "error", err)
			}
			meters.take(ag.Counters)
		})
	}))
	group.Add("ceilings", ceilings)
	group.Add("reload", &run.Reloader{
		Sources: a.sources(), Config: a.config, Log: a.log, Takes: []run.Take{a.takeLevel(), takeFilter(taps, own)},
	})
	group.Add("sender", sending{sender, giveUp})
	flights.add(group)
	web.serve(a, group, sender)
	return group.Run(a.ctx)
}

// readFile sends what an agent makes of captures, and ends.
func (k *agentCommand) readFile(a *app) error {
	f, err := a.openInput([]string{k.Read}, false)
	if err != nil {
		return err
	}
	defer f.Close()
	o, err := fileUplinkOptions(&a.config, k.Pace == "realtime")
	if err != nil {
		return err
	}
	sender, err := uplink.New(o, a.log)
	if err != nil {
		return err
	}
	if k.Check {
		_, err := fmt.Fprintln(a.stdout, "configuration and capture are in order")
		return err
	}
	keys, err := keysOf(&a.config, f)
	if err != nil {
		return err
	}
	in := sender.Input()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	go func() {
		defer cancel() // nobody takes anything any more
		done <- sender.Run(ctx)
	}()
	out := bus.NewPublisher(in)
	var failed error
	ag := agent.New(sharing(agentOptions(&a.config, a.config.NodeName()), &a.config), func(p *packet.Packet) {
		if failed == nil {
			failed = out.Add(ctx, p)
		}
	})
	decoder := packet.NewDecoder(packet.Options{HEPPorts: a.config.HEP.Ports, TLSKeys: keys})
	observe := func(ps []packet.Packet) {
		for i := range ps {
			ag.Observe(&ps[i])
		}
	}
	pacer := pacer{on: k.Pace == "realtime"}
	var readErr error
	for failed == nil {
		frame, err := f.source.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				readErr = err
			}
			break
		}
		if failed = pacer.wait(ctx, frame.Time, func() error { return out.Flush(ctx) }); failed != nil {
			break
		}
		observe(decoder.Decode(&frame))
	}
	observe(decoder.Flush())
	ag.Close()
	if failed == nil {
		failed = out.Flush(ctx)
	}
	in.Close()
	if a.ctx.Err() != nil {
		failed = errors.New("interrupted: what was read until then is sent")
	} else if errors.Is(failed, context.Canceled) {
		failed = nil // the sender says why
	}
	err = errors.Join(readErr, failed, <-done)
	if err == nil {
		a.log.Info("all sent", "packets", sender.Counts.Sent.Load())
		tellThin(a.log, &ag.Counters.Thin)
	}
	return err
}

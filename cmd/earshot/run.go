package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/collector"
	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/chdb"
	"github.com/earshot-voip/earshot/internal/packet"
	"github.com/earshot-voip/earshot/internal/run"
	"github.com/earshot-voip/earshot/internal/store"
)

// receiving are the flags that run and collector share.
type receiving struct {
	Data string `placeholder:"DIR" help:"Where everything is kept (/var/lib/earshot for root, else a folder of the user's)."`
	HEP  string `placeholder:"ADDR" help:"UDP and TCP address for HEP (:9060); none receives nothing."`
	HTTP string `placeholder:"ADDR" help:"Address of /healthz and /metrics (:9080); none serves neither."`
	Bus  string `placeholder:"URL" default:"memory" help:"How packets travel between stages: memory."`
}

func (r *receiving) settings(a *app) error {
	if r.Bus != "memory" {
		return usagef("--bus %s: only memory is there yet", r.Bus)
	}
	for _, f := range [...]struct{ key, value, flag string }{
		{"data", r.Data, "--data"}, {"hep.listen", r.HEP, "--hep"}, {"http.listen", r.HTTP, "--http"},
	} {
		a.setListen(f.key, f.value, f.flag)
	}
	return nil
}

type runCommand struct {
	receiving
	Interface []string `placeholder:"NAME" help:"Listen on this interface; may be given again. None: only HEP is received."`
	Store     string   `placeholder:"DSN" help:"Write to this ClickHouse in place of the embedded one."`
	Demo      bool     `help:"Begin with sample calls, so that there is something to see."`
	Check     bool     `help:"Check configuration, ports, interfaces and store, then stop."`
}

// Help shows examples.
func (runCommand) Help() string {
	return `Examples:
  earshot run --demo
  earshot run --interface eth0
  earshot run --interface eth0 --store clickhouse://user:password@host:9000/earshot`
}

func (k *runCommand) Run(a *app) error {
	if err := k.settings(a); err != nil {
		return err
	}
	if len(k.Interface) > 0 {
		a.set("capture.interfaces", strings.Join(k.Interface, ","), "--interface")
	}
	if k.Store != "" {
		a.set("store.dsn", k.Store, "--store")
	}
	if err := a.load(); err != nil {
		return err
	}
	return serve(a, k.Demo, k.Check)
}

type collectorCommand struct {
	receiving
	Store string `placeholder:"DSN" help:"ClickHouse to write to; without it the embedded one in --data."`
	Check bool   `help:"Check configuration, ports and store, then stop."`
}

// Help shows examples.
func (collectorCommand) Help() string {
	return `Examples:
  earshot collector
  earshot collector --hep 192.0.2.10:9060 --store clickhouse://user:password@host:9000/earshot`
}

func (k *collectorCommand) Run(a *app) error {
	if err := k.settings(a); err != nil {
		return err
	}
	a.set("capture.interfaces", "", "collector")
	if k.Store != "" {
		a.set("store.dsn", k.Store, "--store")
	}
	if err := a.load(); err != nil {
		return err
	}
	return serve(a, false, k.Check)
}

// serve wires agent, collector, analyzer and store together and runs them
// until it is told to stop. What can fail fails before anything runs.
func serve(a *app, demo, check bool) (err error) {
	c := &a.config
	registry := run.NewRegistry(versionText())
	health := &run.Health{}
	captureHealth, hepHealth, storeHealth := (*run.Condition)(nil), health.Component("hep"), health.Component("store")
	if len(c.Capture.Interfaces) > 0 {
		captureHealth = health.Component("capture")
	}
	group := run.NewGroup(a.log)

	road := bus.NewMemory(64)
	hep := collector.New(collectorOptions(c), road, a.log)
	if err := hep.Listen(a.ctx); err != nil {
		return err
	}
	var web *run.HTTPServer
	if c.HTTP.Listen != "" {
		l, err := run.Listen(a.ctx, "http.listen", c.HTTP.Listen)
		if err != nil {
			return err
		}
		web = run.NewHTTPServer(l, health, registry, a.log)
	}
	taps, err := openTaps(a)
	if err != nil {
		return err
	}
	// From here on /healthz answers: starting the store may take a while.
	server, stopWeb := answering(a.ctx, web)
	defer stopWeb()
	dsn, engine, err := openEngine(a)
	if err != nil {
		return err
	}
	var end time.Time // by which everything has to have stopped; zero before the end has come
	if engine != nil {
		defer func() {
			if end.IsZero() {
				err = errors.Join(err, engine.Close())
				return
			}
			err = errors.Join(err, engine.CloseBefore(end))
		}()
	}
	opt, err := storeOptions(c, a, registry)
	if err != nil {
		return err
	}
	db, err := store.Open(a.ctx, dsn, opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	own := ownPorts(c, dsn, hep.Addr())
	if check {
		if err := showTaps(a.stdout, a, taps, own); err != nil {
			return err
		}
		_, err := fmt.Fprintln(a.stdout, "ready to run: configuration, ports, interfaces and store are in order")
		return err
	}
	if err := db.Migrate(a.ctx); err != nil {
		return err
	}

	analysis := newAnalysis(c, a.codecs, road, db, a.log)
	group.Add("stop", run.Func(func(ctx context.Context) error { // the first that is told
		<-ctx.Done()
		end = time.Now().Add(run.DrainTime - 300*time.Millisecond)
		analysis.stopping()
		return nil
	}))
	meterCollector(registry, hep, analysis)
	agentMeters := meterAgent(registry, taps)
	if len(taps) > 0 {
		frames := bus.NewMemory(64)
		if err := startTaps(a, taps, group, frames, own, captureHealth); err != nil {
			return err
		}
		meterTaps(registry, taps)
		out := bus.NewPublisher(hep.Input())
		options := liveAgentOptions(c, own)
		flights, err := a.openRecorder(&options)
		if err != nil {
			return err
		}
		flights.register(web, registry)
		ag := agent.New(options, func(p *packet.Packet) {
			if err := out.Add(context.Background(), p); err != nil {
				a.log.Error("packet was not passed on", "error", err)
			}
		})
		group.Add("agent", run.Func(func(ctx context.Context) error {
			defer flights.close()
			return ag.Run(ctx, frames, func() {
				if err := out.Flush(context.Background()); err != nil {
					a.log.Error("packets were not passed on", "error", err)
				}
				agentMeters.take(ag.Counters)
			})
		}))
		flights.add(group)
		captureHealth.Ready()
	}
	if demo {
		group.Add("demo", run.Func(func(ctx context.Context) error { return playDemo(ctx, c, hep.Input()) }))
	}
	group.Add("collector", hep)
	group.Add("analyzer", analysis)
	if web != nil {
		group.Add("http", server)
	}
	hepHealth.Ready()
	group.Add("health", run.Func(func(ctx context.Context) error {
		for {
			pctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			if err := analysis.stuck(); err != nil {
				storeHealth.Set(err)
			} else {
				storeHealth.Set(db.Ping(pctx))
			}
			cancel()
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(2 * time.Second):
			}
		}
	}))
	a.greet(hep.Addr(), web, engine, demo, len(taps))
	return group.Run(a.ctx)
}

// answering serves HTTP at once, and gives a component that stands for the
// server in a group. stop ends it where no group does.
func answering(ctx context.Context, web *run.HTTPServer) (c run.Component, stop func()) {
	if web == nil {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- web.Run(ctx) }()
	c = run.Func(func(ctx context.Context) error {
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
		cancel()
		return <-served
	})
	return c, cancel
}

// openEngine gives the address of the store: the configured one, else that of
// the embedded ClickHouse, which it starts.
func openEngine(a *app) (dsn string, engine *chdb.Server, err error) {
	c := &a.config
	if c.Store.DSN != "" {
		return c.Store.DSN, nil, nil
	}
	dir, err := c.DataDir()
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", nil, fmt.Errorf("create the data folder: %w; choose another with --data", err)
	}
	a.log.Info("starting the embedded ClickHouse", "data", filepath.Join(dir, "clickhouse"))
	engine, err = chdb.Start(a.ctx, chdb.Options{
		Dir: dir, Library: c.ClickHouse.Library, MaxMemory: int64(c.ClickHouse.Memory),
		TCPPort: int(c.ClickHouse.TCPPort), HTTPPort: int(c.ClickHouse.HTTPPort), Log: a.log,
	})
	if err != nil {
		return "", nil, err
	}
	return engine.DSN(), engine, nil
}

// hepPlace says where HEP is received; the address where it is not every one.
func hepPlace(hep netip.AddrPort) string {
	if hep.Addr().IsUnspecified() {
		return fmt.Sprintf("port %d", hep.Port())
	}
	return fmt.Sprintf("port %d of %s only", hep.Port(), hep.Addr().Unmap())
}

// webPlace is host and port of URLs for somebody on this machine.
func webPlace(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return address
	}
	if ip := at.Addr().Unmap(); ip.IsUnspecified() || ip == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		return fmt.Sprintf("localhost:%d", at.Port())
	}
	return at.String()
}

// greet says where everything is and what to try next.
func (a *app) greet(hep netip.AddrPort, web *run.HTTPServer, engine *chdb.Server, demo bool, taps int) {
	var b strings.Builder
	b.WriteString("\nEarshot is listening.\n")
	if taps > 0 {
		fmt.Fprintf(&b, "  capture    %s\n", strings.Join(a.config.Capture.Interfaces, ", "))
	}
	if hep.IsValid() {
		fmt.Fprintf(&b, "  HEP        %s, UDP and TCP\n", hepPlace(hep))
	}
	if web != nil {
		at := webPlace(web.Addr().String())
		fmt.Fprintf(&b, "  health     http://%s/healthz   metrics http://%s/metrics\n", at, at)
	}
	sql := "bin/earshot sql"
	if exe, err := os.Executable(); err == nil {
		if _, err := os.Stat("bin/earshot"); err != nil || filepath.Base(filepath.Dir(exe)) != "bin" {
			sql = "earshot sql"
		}
	}
	if a.config.Data != "" {
		sql += " --data " + strconv.Quote(a.config.Data)
	}
	if engine == nil {
		sql += " --store DSN"
	}
	if demo {
		b.WriteString("\nSample calls are being played; their rows are there in a few seconds. ")
	}
	fmt.Fprintf(&b, `
In another terminal, try:
  %[1]s "SELECT start_time, caller, callee, state, a_loss_pct, b_loss_pct, mos_lq FROM calls ORDER BY start_time"
  %[1]s "SELECT codec, count(), round(avg(mos_lq), 2) AS mos, round(avg(loss_pct), 2) AS loss FROM streams GROUP BY codec"
  %[1]s "SELECT time, method, status, src_ip, dst_ip FROM messages WHERE kind = 'sip' ORDER BY time LIMIT 20"
Ctrl-C stops it.

`, sql)
	fmt.Fprint(a.stderr, b.String())
}

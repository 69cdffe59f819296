package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/earshot-voip/earshot/agent/status"
	"github.com/earshot-voip/earshot/agent/uplink"
	"github.com/earshot-voip/earshot/internal/run"
)

// agentWeb is what an agent tells over HTTP: the status page, /healthz and
// /metrics.
type agentWeb struct {
	health   *run.Health
	registry *prometheus.Registry
	server   *run.HTTPServer // nil where http.listen is empty
	page     *status.Page
}

func openAgentWeb(a *app) (*agentWeb, error) {
	w := &agentWeb{health: &run.Health{}, registry: run.NewRegistry(versionText())}
	if a.config.HTTP.Listen == "" {
		return w, nil
	}
	l, err := run.Listen(a.ctx, "http.listen", a.config.HTTP.Listen)
	if err != nil {
		return nil, err
	}
	w.server = run.NewHTTPServer(l, w.health, w.registry, a.log)
	return w, nil
}

// show makes metrics and page of what there is to tell.
func (w *agentWeb) show(a *app, taps []tap, sender *uplink.Uplink, ceilings *run.Ceilings) *agentMeters {
	meters := meterAgent(w.registry, taps)
	meterTaps(w.registry, taps)
	meterUplink(w.registry, sender)
	w.page = &status.Page{
		Version: versionText(), Node: a.config.NodeName(), Agent: meters.load, Uplink: sender,
		Process: func() status.Process {
			return status.Process{Memory: run.Memory(), CPU: run.CPUTime(), Ceilings: ceilings.String()}
		},
	}
	for _, t := range taps {
		if t.worker == 0 {
			w.page.Interfaces = append(w.page.Interfaces, status.Interface{Name: t.Name, How: t.live.String()})
		}
		i := &w.page.Interfaces[len(w.page.Interfaces)-1]
		i.Taps = append(i.Taps, t.Tap)
	}
	return meters
}

// close lets the port go, also where nothing was served.
func (w *agentWeb) close() {
	if w.server != nil {
		w.server.Close()
	}
}

// serve adds to a group what the page needs, and the server.
func (w *agentWeb) serve(a *app, group *run.Group, sender *uplink.Uplink) {
	away := w.health.Component("uplink")
	group.Add("health", run.Func(func(ctx context.Context) error {
		every := time.NewTicker(time.Second)
		defer every.Stop()
		for {
			away.Set(sender.Health())
			select {
			case <-ctx.Done():
				return nil
			case <-every.C:
			}
		}
	}))
	group.Add("status", w.page)
	if w.server == nil {
		return
	}
	w.server.Mux.Handle("GET /{$}", w.page)
	w.server.Mux.Handle("GET /status", w.page)
	group.Add("http", w.server)
	at := webPlace(w.server.Addr().String())
	a.log.Info("telling how it goes", "status", "http://"+at+"/", "health", "http://"+at+"/healthz", "metrics", "http://"+at+"/metrics")
}

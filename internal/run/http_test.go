package run

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// serve runs a server for the test and gives a function that fetches a path.
func serve(t *testing.T, h *Health, reg *prometheus.Registry) func(path string) (status int, body string) {
	t.Helper()
	l, err := Listen(t.Context(), "http.listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewHTTPServer(l, h, reg, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func(path string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
}

func TestHealthz(t *testing.T) {
	var h Health
	get := serve(t, &h, prometheus.NewRegistry())
	f := func(wantStatus int, wantBody string) {
		t.Helper()
		if status, body := get("/healthz"); status != wantStatus || body != wantBody {
			t.Errorf("/healthz is %d %q; want %d %q", status, body, wantStatus, wantBody)
		}
	}
	f(503, "not ready\n")
	hep, store := h.Component("hep"), h.Component("store")
	f(503, "not ready\nhep: starting\nstore: starting\n")
	hep.Ready()
	store.Set(nil)
	f(200, "ready\nhep: ready\nstore: ready\n")
	store.Set(errors.New("cannot reach ClickHouse at\n127.0.0.1:9000"))
	f(503, "not ready\nhep: ready\nstore: cannot reach ClickHouse at 127.0.0.1:9000\n")
	if h.Ready() {
		t.Error("Ready is true with a degraded store")
	}
	store.Ready()
	f(200, "ready\nhep: ready\nstore: ready\n")
}

func TestMetrics(t *testing.T) {
	reg := NewRegistry("v1.2.3")
	get := serve(t, new(Health), reg)
	status, body := get("/metrics")
	if status != 200 || !strings.Contains(body, `version="v1.2.3"`) {
		t.Errorf("/metrics is %d without the version:\n%.500s", status, body)
	}
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "earshot_") {
			t.Errorf("a metric without the prefix earshot_: %s", line)
		}
	}
	for _, want := range []string{"earshot_build_info{", "earshot_go_goroutines ", "earshot_process_resident_memory_bytes "} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Error(err)
	}
	for _, p := range problems {
		// The runtime and the process name their own metrics.
		if !strings.HasPrefix(p.Metric, "earshot_go_") && !strings.HasPrefix(p.Metric, "earshot_process_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if status, _ := get("/nothing"); status != 404 {
		t.Errorf("/nothing is %d; want 404", status)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Listen(t.Context(), "http.listen", l.Addr().String())
	want := "listen on tcp " + l.Addr().String() + " (http.listen): the port is in use by another program; stop it or give another address"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a busy port gives %v; want %s", err, want)
	}
	_, err = Listen(t.Context(), "http.listen", "192.0.2.1:0")
	if err == nil || !strings.Contains(err.Error(), "this host does not have that address") {
		t.Errorf("a foreign address gives %v", err)
	}
}

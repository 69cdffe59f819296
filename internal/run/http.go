package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Listen opens a TCP listener. key is the configuration key of the address: a
// busy or forbidden port gives an error that names it and says what to do.
func Listen(ctx context.Context, key, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, ListenError(key, "tcp", addr, err)
	}
	return l, nil
}

// ListenError says what to do about an address that cannot be listened on.
func ListenError(key, network, addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen on %s %s (%s): the port is in use by another program; stop it or give another address: %w",
			network, addr, key, syscall.EADDRINUSE)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen on %s %s (%s): not allowed; ports below 1024 need root or CAP_NET_BIND_SERVICE: %w",
			network, addr, key, syscall.EACCES)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("listen on %s %s (%s): this host does not have that address: %w",
			network, addr, key, syscall.EADDRNOTAVAIL)
	}
	return fmt.Errorf("listen on %s %s (%s): %w", network, addr, key, err)
}

// HTTPServer serves /healthz and /metrics, and what is added to Mux before
// Run.
type HTTPServer struct {
	Mux      *http.ServeMux
	listener net.Listener
	log      *slog.Logger
}

// NewHTTPServer serves on l, and owns it from now on.
func NewHTTPServer(l net.Listener, health *Health, metrics prometheus.Gatherer, log *slog.Logger) *HTTPServer {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// What can be read is better than nothing.
		ErrorHandling: promhttp.ContinueOnError,
	}))
	return &HTTPServer{Mux: mux, listener: l, log: log}
}

// Addr is the address it listens on.
func (s *HTTPServer) Addr() net.Addr { return s.listener.Addr() }

// Close lets the port go where Run was not called.
func (s *HTTPServer) Close() { _ = s.listener.Close() }

// Run serves until ctx ends, then lets requests finish for up to 2 s.
func (s *HTTPServer) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.Mux,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close() // Somebody reads slowly: cut.
	}
	<-served
	return nil
}

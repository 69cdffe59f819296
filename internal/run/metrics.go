package run

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry gives a registry that holds earshot_build_info and the metrics
// of the Go runtime and of the process. Those are earshot_go_... and
// earshot_process_...: every name that Earshot serves begins with earshot_.
func NewRegistry(version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	prefixed := prometheus.WrapRegistererWithPrefix("earshot_", r)
	prefixed.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "build_info",
			Help: "Always 1. The labels tell which program this is.",
			ConstLabels: prometheus.Labels{
				"version": version, "revision": revision(), "goversion": runtime.Version(),
			},
		}, func() float64 { return 1 }),
	)
	return r
}

// revision is the commit that the program was built from, where the build
// recorded it.
func revision() string {
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

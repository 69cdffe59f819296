package run

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Health knows whether each component does its work.
type Health struct {
	mu         sync.Mutex
	components []*Condition // in the order of registration
}

// Condition is what one component tells of itself. It begins as starting.
type Condition struct {
	health *Health
	name   string
	ready  bool
	reason string // why it is not ready
}

// Component registers a component under the name that /healthz shows.
func (h *Health) Component(name string) *Condition {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &Condition{health: h, name: name, reason: "starting"}
	h.components = append(h.components, c)
	return c
}

// Ready says that the component works.
func (c *Condition) Ready() { c.set(true, "") }

// Degraded says that it does not, or not wholly, and why: one line, for people. Line
// ends in it become spaces.
func (c *Condition) Degraded(reason string) {
	c.set(false, strings.Join(strings.Fields(reason), " "))
}

// Set is Ready when err is nil, else Degraded with its text.
func (c *Condition) Set(err error) {
	if err != nil {
		c.Degraded(err.Error())
		return
	}
	c.Ready()
}

func (c *Condition) set(ready bool, reason string) {
	c.health.mu.Lock()
	defer c.health.mu.Unlock()
	c.ready, c.reason = ready, reason
}

// Ready is true when every component is. Nothing registered is not ready.
func (h *Health) Ready() bool {
	ready, _ := h.snapshot()
	return ready
}

// snapshot gives the state of the whole, and of every component at the same
// moment.
func (h *Health) snapshot() (ready bool, components []Condition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ready = len(h.components) > 0
	for _, c := range h.components {
		ready = ready && c.ready
		components = append(components, *c)
	}
	return ready, components
}

// ServeHTTP answers /healthz: 200 when every component is ready, else 503. The
// body says which is not, and why:
//
//	not ready
//	store: cannot reach clickhouse at 127.0.0.1:9000
//	hep: ready
func (h *Health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	ready, components := h.snapshot()
	status, b := http.StatusOK, []byte("ready\n")
	if !ready {
		status, b = http.StatusServiceUnavailable, []byte("not ready\n")
	}
	for _, c := range components {
		state := "ready"
		if !c.ready {
			state = c.reason
		}
		b = fmt.Appendf(b, "%s: %s\n", c.name, state)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // The client has gone: its loss.
}

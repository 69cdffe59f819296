// Package status tells in text what an agent sees, what of it becomes nothing
// and why, who it sends to, and what it costs.
package status

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/earshot-voip/earshot/agent"
	"github.com/earshot-voip/earshot/agent/uplink"
)

// Interface is one that is captured from.
type Interface struct {
	Name string
	How  string // method, rings and timestamps
	Taps []*agent.Tap
}

// Process is what this process costs.
type Process struct {
	Memory uint64        // resident, bytes
	CPU    time.Duration // used since its start
	// Ceilings says what it may use, and what it does above that; "" is no ceiling.
	Ceilings string
}

// Page is the status page of an agent. What it shows it asks for; all of it may
// be asked at any time.
type Page struct {
	Version, Node string
	Interfaces    []Interface
	Agent         func() *agent.Counters
	Uplink        *uplink.Uplink
	Process       func() Process

	mu      sync.Mutex
	started time.Time
	samples []sample // the oldest first, span seconds at most
}

// span is over how many seconds rates are told.
const span = 10

// sample is what rates are made of.
type sample struct {
	at             time.Time
	frames         []uint64 // by interface
	sip, rtp, rtcp uint64
	cpu            time.Duration
}

// Run takes a sample each second until ctx ends.
func (p *Page) Run(ctx context.Context) error {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for now := time.Now(); ; {
		p.sample(now)
		select {
		case <-ctx.Done():
			return nil
		case now = <-every.C:
		}
	}
}

func (p *Page) sample(now time.Time) {
	c := p.Agent()
	s := sample{at: now, sip: c.SIP, rtp: c.RTP, rtcp: c.RTCP, cpu: p.Process().CPU}
	for _, i := range p.Interfaces {
		s.frames = append(s.frames, i.drops().Received)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started.IsZero() {
		p.started = now
	}
	if p.samples = append(p.samples, s); len(p.samples) > span+1 {
		p.samples = p.samples[1:]
	}
}

// rate is how much per second f grew by over the samples; 0 before there are
// two of them.
func (p *Page) rate(f func(*sample) float64) float64 {
	if len(p.samples) < 2 {
		return 0
	}
	first, last := &p.samples[0], &p.samples[len(p.samples)-1]
	return (f(last) - f(first)) / last.at.Sub(first.at).Seconds()
}

// ServeHTTP answers with the page.
func (p *Page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(p.text(time.Now())) // The client has gone: its loss.
}

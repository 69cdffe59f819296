package status

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/agent/uplink"
)

// text is the page at one moment.
func (p *Page) text(now time.Time) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b bytes.Buffer
	fmt.Fprintf(&b, "earshot agent %s, node %s, since %s (%s)\n", p.Version, p.Node, p.started.UTC().Format(time.RFC3339), now.Sub(p.started).Round(time.Second))
	p.sees(&b, now)
	p.drops(&b)
	p.sends(&b, now)
	p.uses(&b)
	return b.Bytes()
}

// table begins a table of two or more columns, which end with tabs.
func table(b *bytes.Buffer, title string) *tabwriter.Writer {
	fmt.Fprintf(b, "\n%s\n", title)
	return tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
}

func (p *Page) sees(b *bytes.Buffer, now time.Time) {
	t := table(b, fmt.Sprintf("what I see (per second: over the last %d s)", span))
	for n, i := range p.Interfaces {
		fmt.Fprintf(t, "  %s\t%s\n", i.Name, i.How)
		if gone := i.gone(); gone != nil {
			fmt.Fprintf(t, "\tgone since %s (%s); capture goes on when it is back\n", gone.From.Format(time.RFC3339), now.Sub(gone.From).Round(time.Second))
		}
		fmt.Fprintf(t, "\t%.1f frames/s, %d in all\n", p.rate(func(s *sample) float64 { return float64(s.frames[n]) }), i.drops().Received)
	}
	c := p.Agent()
	fmt.Fprintf(t, "  SIP\t%.1f/s, %d in all\n", p.rate(func(s *sample) float64 { return float64(s.sip) }), c.SIP)
	fmt.Fprintf(t, "  RTP\t%.1f/s, %d in all; %d streams metered now\n", p.rate(func(s *sample) float64 { return float64(s.rtp) }), c.RTP, c.Streams)
	fmt.Fprintf(t, "  RTCP\t%.1f/s, %d in all\n", p.rate(func(s *sample) float64 { return float64(s.rtcp) }), c.RTCP)
	_ = t.Flush() // to memory
}

// drops lists every reason, those that never came too: whoever looks for one
// shall see that it is watched.
func (p *Page) drops(b *bytes.Buffer) {
	t := table(b, "what I drop, and why (since the start)")
	undecoded := p.Agent().Undecoded()
	for _, i := range p.Interfaces {
		d := i.drops()
		fmt.Fprintf(t, "  %s kernel\t%d\n  %s interface\t%d\n", i.Name, d.DroppedKernel, i.Name, d.DroppedInterface)
		for _, tap := range i.Taps {
			if decoded := tap.Decoded.Load(); decoded != nil {
				for reason, n := range decoded.Undecoded.All() {
					undecoded[reason.String()] += n
				}
			}
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(undecoded)) {
		fmt.Fprintf(t, "  %s\t%d\n", reason, undecoded[reason])
	}
	fmt.Fprintf(t, "  unsent\t%d\n", p.Uplink.Counts.Lost.Load())
	_ = t.Flush()
}

func (p *Page) sends(b *bytes.Buffer, now time.Time) {
	fmt.Fprintln(b, "\nwho I send to")
	for _, s := range p.Uplink.Status() {
		fmt.Fprintf(b, "  %s\n    %s; %s\n", strings.Join(s.Collectors, ", "), using(s), waiting(s, now))
	}
	c := &p.Uplink.Counts
	fmt.Fprintf(b, "  %d packets sent, %d of them by way of the disk or there now, %d lost, %d lines broken\n", c.Sent.Load(), c.Spooled.Load(), c.Lost.Load(), c.Broken.Load())
}

func using(s uplink.Status) string {
	switch {
	case s.Using != "":
		return "connected to " + s.Using
	case s.Away():
		return "no collector takes anything"
	}
	return "not connected: nothing to send yet"
}

func waiting(s uplink.Status, now time.Time) string {
	if s.Packets == 0 {
		return "nothing waits"
	}
	return fmt.Sprintf("%d packets (%s) wait, the oldest for %s", s.Packets, mebibytes(uint64(s.Bytes)), now.Sub(s.Oldest).Round(time.Second))
}

func (p *Page) uses(b *bytes.Buffer) {
	use := p.Process()
	fmt.Fprintf(b, "\nwhat I use\n  memory %s; CPU %.1f %% of a core, %s in all\n", mebibytes(use.Memory),
		100*p.rate(func(s *sample) float64 { return s.cpu.Seconds() }), use.CPU.Round(10*time.Millisecond))
	if use.Ceilings != "" {
		fmt.Fprintf(b, "  ceilings: %s\n", use.Ceilings)
	}
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// drops is what the kernel counted, over all workers.
func (i *Interface) drops() (sum capture.Drops) {
	for _, t := range i.Taps {
		if d := t.Seen.Load(); d != nil {
			sum.Received += d.Received
			sum.DroppedKernel += d.DroppedKernel
			sum.DroppedInterface += d.DroppedInterface
		}
	}
	return sum
}

func (i *Interface) gone() *capture.Outage {
	for _, t := range i.Taps {
		if o := t.Gone.Load(); o != nil {
			return o
		}
	}
	return nil
}

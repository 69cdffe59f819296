// Package uplink is the way from an agent to its collectors: HEP3 over UDP, TCP,
// TLS or NATS JetStream, to the first collector that answers, to all, or to each its share.
// What no collector takes waits, on disk where there is a spool, and leaves in
// order when one does. It never holds up who gives it packets.
package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// Mode says which collectors get what.
type Mode string

// The modes. Each collector beyond the first one of a mode stands by.
const (
	Failover Mode = "failover" // everything to the first that answers
	All      Mode = "all"      // everything to each
	Hash     Mode = "hash"     // to each its share of the calls; to the others when it does not answer
)

// Modes are all values of Mode.
var Modes = []Mode{Failover, All, Hash}

// Options of an Uplink.
type Options struct {
	Collectors []string // udp://, tcp://, tls:// or nats://host:port
	Mode       Mode     // "" is Failover
	AuthKey    string   // chunk 0x0e
	Compress   bool     // payloads go as zlib (chunk 0x10)
	// Heartbeat sends ticks: for collectors that are Earshot's.
	Heartbeat bool
	// TLS is the configuration of tls:// collectors; nil is the system's.
	TLS   *tls.Config
	Retry time.Duration // between two rounds of trying to connect; 0 is a second
	// Prefer is how often a collector that comes before the one in use is tried
	// again; 0 is 30 seconds.
	Prefer time.Duration
	// SpoolDir is where what no collector takes waits. Empty keeps it in memory.
	SpoolDir string
	// SpoolBytes bounds what waits, of each route. 0 is 64 MiB.
	SpoolBytes int64
	// Node and Domain are whose drops are told here.
	Node, Domain string
	// Pace holds UDP back so that a collector's socket buffer keeps up; for
	// input that comes faster than any network, as a file does.
	Pace bool
	// Patient waits for a slow collector, in place of dropping, and ends with an
	// error when none answers: a file can be read later.
	Patient bool

	log *slog.Logger
}

// Counts are what an Uplink did, over all routes; read them at any time.
type Counts struct {
	Sent      atomic.Uint64 // packets that a line took
	Lost      atomic.Uint64 // packets that left by no line
	Waiting   atomic.Int64  // packets that wait, in memory or on disk
	Spooled   atomic.Uint64 // packets written to disk
	Broken    atomic.Uint64 // lines that broke or were refused
	Connected atomic.Int64  // routes that have a line now
}

// Uplink sends packets to collectors.
type Uplink struct {
	opt    Options
	log    *slog.Logger
	in     *bus.Memory
	routes []*route
	hep    hep.Options
	share  share
	Counts Counts
}

// New checks the addresses and opens the spools; it connects to nothing.
func New(opt Options, log *slog.Logger) (*Uplink, error) {
	if len(opt.Collectors) == 0 {
		return nil, errors.New("no collector: name one with --collector udp://host:9060, tcp://host:9060, tls://host:9061 or nats://host:4222")
	}
	collectors, err := parseCollectors(opt.Collectors)
	if err != nil {
		return nil, err
	}
	if opt.Retry == 0 {
		opt.Retry = time.Second
	}
	if opt.Prefer == 0 {
		opt.Prefer = 30 * time.Second
	}
	if opt.SpoolBytes == 0 {
		opt.SpoolBytes = 64 << 20
	}
	opt.log = log
	u := &Uplink{opt: opt, log: log, in: bus.NewMemory(256)}
	u.hep = hep.Options{AuthKey: opt.AuthKey, Compress: opt.Compress, Room: hep.NumberLen}
	for _, c := range collectors {
		if c.network == "udp" {
			u.hep.Room = hep.NumberLen + maxFrameUDP
		}
	}
	boot := uint64(time.Now().UnixNano())
	add := func(name string, to []collector) {
		u.routes = append(u.routes, newRoute(u, name, to, boot+uint64(len(u.routes))))
	}
	switch opt.Mode {
	case All:
		for _, c := range collectors {
			add(c.fileName(), []collector{c})
		}
	case Hash:
		for i, c := range collectors {
			add(c.fileName(), append(append([]collector{}, collectors[i:]...), collectors[:i]...))
		}
	case Failover, "":
		add("collectors", collectors)
	default:
		return nil, fmt.Errorf("mode %q: want failover, all or hash", opt.Mode)
	}
	return u, u.openSpools()
}

// maxFrameUDP is by how much a frame has to be shorter to fit into a datagram:
// those of IPv4 hold 65,507 bytes.
const maxFrameUDP = 65535 - 65507

func (c collector) fileName() string {
	return c.network + "-" + strings.NewReplacer(":", "-", "[", "", "]", "", "/", "-").Replace(c.address)
}

// openSpools opens the spool of each route, and tells of those that nobody
// reads any more.
func (u *Uplink) openSpools() error {
	if u.opt.SpoolDir == "" {
		return nil
	}
	known := map[string]bool{}
	for _, r := range u.routes {
		path := filepath.Join(u.opt.SpoolDir, r.name+".spool")
		known[path] = true
		if err := r.openSpool(path); err != nil {
			return errors.Join(err, u.Close())
		}
	}
	files, err := filepath.Glob(filepath.Join(u.opt.SpoolDir, "*.spool"))
	for _, f := range files {
		if !known[f] {
			u.log.Warn("this spool belongs to a collector that is not configured any more; name it again, or delete the file", "file", f)
		}
	}
	return err
}

// Close closes the spools of an Uplink that does not run.
func (u *Uplink) Close() error {
	var errs []error
	for _, r := range u.routes {
		if r.disk != nil {
			errs = append(errs, r.disk.close())
			r.disk = nil
		}
	}
	return errors.Join(errs...)
}

// Input is where batches to send are put.
func (u *Uplink) Input() *bus.Memory { return u.in }

// SpoolDir is where packets wait; "" where they wait in memory.
func (u *Uplink) SpoolDir() string { return u.opt.SpoolDir }

// Settled is the packet time up to which everything that was given has left this
// process, for a collector or the disk, or is counted as lost.
func (u *Uplink) Settled() time.Time {
	var least time.Time
	for i, r := range u.routes {
		if at := r.settledAt.Load(); at == nil {
			return time.Time{}
		} else if i == 0 || at.Before(least) {
			least = *at
		}
	}
	return least
}

// Drained says what was sent, for the log.
func (u *Uplink) Drained() string {
	if n := u.Counts.Waiting.Load(); n > 0 {
		return fmt.Sprintf("%d packets sent, %d wait in the spool, %d lost", u.Counts.Sent.Load(), n, u.Counts.Lost.Load())
	}
	return fmt.Sprintf("%d packets sent, %d lost", u.Counts.Sent.Load(), u.Counts.Lost.Load())
}

// Run sends until the input ends and everything is sent or on disk. When ctx
// ends first, what is left in memory is lost, and the error says how much.
func (u *Uplink) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group errgroup.Group
	for _, r := range u.routes {
		group.Go(func() error { return r.run(ctx, cancel) })
	}
	until := context.Background()
	if u.opt.Patient {
		until = ctx // what is left of a file need not be read
	}
	for b := range u.in.Batches(until) {
		for i := range b.Packets {
			u.add(&b.Packets[i])
		}
		for _, r := range u.routes {
			r.flush()
		}
	}
	for _, r := range u.routes {
		r.flush()
		r.in.close()
	}
	return errors.Join(group.Wait(), u.Close())
}

// add encodes a packet for the routes that it takes.
func (u *Uplink) add(p *packet.Packet) {
	if p.Kind == packet.KindTick {
		for _, r := range u.routes {
			r.tick(p.Time)
		}
		if !u.opt.Heartbeat {
			return
		}
	}
	switch {
	case u.opt.Mode == Hash && p.Kind == packet.KindTick, u.opt.Mode == All:
		for _, r := range u.routes {
			r.add(p)
		}
	case u.opt.Mode == Hash:
		u.routes[u.share.of(p, len(u.routes))].add(p)
	default:
		u.routes[0].add(p)
	}
}

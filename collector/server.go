package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
)

// Options of a Server.
type Options struct {
	Listen      string        // host:port of UDP and TCP, both; "" receives nothing
	AuthKey     string        // "" lets everybody in
	MaxSkew     time.Duration // a time further in the future than this is impossible
	ReadBuffer  int           // bytes asked of the kernel for the UDP socket
	MaxTCP      int           // connections at once
	TCPIdle     time.Duration // a connection without a frame for so long is closed
	FlushEvery  time.Duration // how long a packet waits for company, wall clock
	TickEvery   time.Duration
	Node        string
	MaxNodeName int
	// NATS is the server that agents publish to, nats://host:port; "" is none.
	NATS string
	// State is a file that keeps the numbers of agents' packets while the
	// collector is away, so that what they sent meanwhile is known to be lost.
	// "" keeps nothing.
	State string
}

// Defaults are the values that suit one machine.
func Defaults() Options {
	return Options{
		Listen: ":9060", MaxSkew: 5 * time.Minute, ReadBuffer: 16 << 20, MaxTCP: 1024, TCPIdle: 10 * time.Minute,
		FlushEvery: 50 * time.Millisecond, TickEvery: time.Second,
	}
}

// Server receives HEP and passes packets on.
type Server struct {
	opt    Options
	log    *slog.Logger
	out    *bus.Memory
	in     *bus.Memory // what readers and agents give, before the filter
	Counts Counts
	links  links

	udp  *net.UDPConn
	tcp  net.Listener
	nats *bus.Stream

	passed  atomic.Uint64 // packets, to the stage behind
	stopped atomic.Uint64 // passed when the end came
}

// New returns a Server that publishes on out. It opens nothing.
func New(opt Options, out *bus.Memory, log *slog.Logger) *Server {
	return &Server{opt: opt, log: log, out: out, in: bus.NewMemory(64)}
}

// Input is where an agent of the same process puts its batches.
func (s *Server) Input() *bus.Memory { return s.in }

// Listen opens the sockets, and the connection to NATS, so that an address that
// cannot be had is told before anything runs.
func (s *Server) Listen(ctx context.Context) error {
	if s.opt.NATS != "" {
		if err := s.openNATS(ctx); err != nil {
			return err
		}
	}
	if s.opt.Listen == "" {
		return nil
	}
	tcp, err := net.Listen("tcp", s.opt.Listen)
	if err != nil {
		return listenError("tcp", s.opt.Listen, err)
	}
	// Port 0 gives both the same free port.
	addr, err := net.ResolveUDPAddr("udp", tcp.Addr().String())
	if err == nil {
		if host, _, e := net.SplitHostPort(s.opt.Listen); e == nil && host == "" {
			addr = &net.UDPAddr{Port: tcp.Addr().(*net.TCPAddr).Port}
		}
		s.udp, err = net.ListenUDP("udp", addr)
	}
	if err != nil {
		tcp.Close()
		return listenError("udp", s.opt.Listen, err)
	}
	s.tcp = tcp
	switch got, err := prepareUDP(s.udp, s.opt.ReadBuffer); {
	case err != nil:
		s.log.Warn("the HEP socket cannot be prepared: a burst may overflow it unseen", "error", err)
	case got < s.opt.ReadBuffer:
		s.log.Warn("the kernel gives HEP a smaller receive buffer: a burst may overflow it", "asked", s.opt.ReadBuffer, "got", got,
			"remedy", fmt.Sprintf("sysctl -w net.core.rmem_max=%d", s.opt.ReadBuffer))
	default:
		s.log.Debug("HEP receive buffer", "bytes", got)
	}
	return nil
}

// listenError says what to do about an address that cannot be had.
func listenError(network, addr string, err error) error {
	why := err
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = fmt.Errorf("the port is in use by another program: %w", syscall.EADDRINUSE)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		why = fmt.Errorf("this host does not have that address: %w", syscall.EADDRNOTAVAIL)
	case errors.Is(err, syscall.EACCES):
		why = fmt.Errorf("ports below 1024 need root or CAP_NET_BIND_SERVICE: %w", syscall.EACCES)
	}
	return fmt.Errorf("listen for HEP on %s %s: %w; choose another address with --hep", network, addr, why)
}

// Addr is the address of the open sockets, invalid before Listen.
func (s *Server) Addr() netip.AddrPort {
	if s.udp == nil {
		return netip.AddrPort{}
	}
	return s.udp.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Run receives until ctx ends, then passes on what is in flight and closes the
// bus to the next stage.
func (s *Server) Run(ctx context.Context) error {
	if s.opt.State != "" {
		if err := s.links.load(s.opt.State); err != nil {
			s.log.Warn("losses of HEP while this collector was away are not told", "error", err)
		}
	}
	readers, rctx := errgroup.WithContext(ctx)
	if s.udp != nil {
		readers.Go(func() error { return s.readUDP(rctx) })
		readers.Go(func() error { return s.acceptTCP(rctx) })
	}
	if s.nats != nil {
		readers.Go(func() error { return s.readNATS(rctx) })
	}
	readers.Go(func() error { return s.tick(rctx) })
	filtered := make(chan error, 1)
	go func() {
		defer s.out.Close()
		filtered <- s.filter()
	}()
	stop := context.AfterFunc(ctx, func() { s.stopped.Store(s.passed.Load()) })
	defer stop()
	err := readers.Wait()
	w := bus.NewPublisher(s.in)
	s.tellGaps(w, time.Now().UTC(), true)
	err = errors.Join(err, w.Flush(context.Background()))
	s.in.Close()
	if s.opt.State != "" {
		err = errors.Join(err, s.links.save(s.opt.State))
	}
	return errors.Join(err, <-filtered)
}

// Drained says what was passed on after the end had come, for the log.
func (s *Server) Drained() string {
	return fmt.Sprintf("%d packets passed on", s.passed.Load()-s.stopped.Load())
}

// tick gives the stages behind the bus a clock while there is no traffic.
func (s *Server) tick(ctx context.Context) error {
	t := time.NewTicker(s.opt.TickEvery)
	defer t.Stop()
	w := bus.NewPublisher(s.in)
	now := time.Now() // the first tick comes before the first packet: it bounds the clocks of all
	for {
		err := w.Add(ctx, &packet.Packet{Time: now.UTC(), Kind: packet.KindTick})
		if err == nil {
			err = w.Flush(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("tell the time: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case now = <-t.C:
		}
	}
}

// filter is the goroutine that all packets pass, in order.
func (s *Server) filter() error {
	ctx := context.Background() // it ends when the input does
	f := NewFilter(s.opt.Node)
	w := bus.NewPublisher(s.out)
	var now time.Time
	for b := range s.in.Batches(ctx) {
		for i := range b.Packets {
			p := &b.Packets[i]
			own := p.Kind == kindRefused || p.Kind == packet.KindTick && p.Node == ""
			if own && p.Time.After(now) { // the receiver's clock; packets may have any
				now = p.Time
			}
			if p.Kind == kindRefused {
				f.Drop(string(p.Payload), p.Time, 1)
				continue
			}
			if !f.Keep(p) {
				continue
			}
			if err := w.Add(ctx, p); err != nil {
				return fmt.Errorf("pass packets on: %w", err)
			}
			s.passed.Add(1)
		}
		for _, p := range f.Drops(now, false) {
			if err := w.Add(ctx, &p); err != nil {
				return fmt.Errorf("pass packets on: %w", err)
			}
		}
		if s.in.Len() == 0 { // nothing waits: do not let these packets wait either
			if err := w.Flush(ctx); err != nil {
				return fmt.Errorf("pass packets on: %w", err)
			}
		}
	}
	if now.IsZero() {
		now = time.Now().UTC()
	}
	for _, p := range f.Drops(now, true) {
		if err := w.Add(ctx, &p); err != nil {
			return fmt.Errorf("pass packets on: %w", err)
		}
	}
	return w.Flush(ctx)
}

// kindRefused is a packet that says why one was refused; it goes no further
// than the filter, which counts.
const kindRefused packet.Kind = 255

func (s *Server) reader() *Reader {
	return &Reader{opt: &s.opt, counts: &s.Counts, links: &s.links}
}

// accept takes one HEP packet as it came from the network.
func (s *Server) accept(r *Reader, w *bus.Publisher, b []byte, from netip.AddrPort, now time.Time, p *packet.Packet) {
	if reason, ok := r.Decode(b, from, now, p); !ok {
		*p = packet.Packet{Time: now, Kind: kindRefused, Payload: []byte(reason)}
	}
	s.pass(w, p)
}

// pass gives a packet to the filter. It waits while that is busy, even when
// the end has come: what was received is not thrown away.
func (s *Server) pass(w *bus.Publisher, p *packet.Packet) {
	if err := w.Add(context.Background(), p); err != nil {
		s.log.Error("packet was not passed on", "error", err)
	}
}

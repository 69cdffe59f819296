package collector

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
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

	udp *net.UDPConn
	tcp net.Listener
}

// New returns a Server that publishes on out. It opens nothing.
func New(opt Options, out *bus.Memory, log *slog.Logger) *Server {
	return &Server{opt: opt, log: log, out: out, in: bus.NewMemory(64)}
}

// Input is where an agent of the same process puts its batches.
func (s *Server) Input() *bus.Memory { return s.in }

// Listen opens the sockets, so that an address that cannot be had is told
// before anything runs.
func (s *Server) Listen() error {
	if s.opt.Listen == "" {
		return nil
	}
	tcp, err := net.Listen("tcp", s.opt.Listen)
	if err != nil {
		return fmt.Errorf("listen for HEP on tcp %s: %w; choose another address with --hep", s.opt.Listen, err)
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
		return fmt.Errorf("listen for HEP on udp %s: %w; choose another address with --hep", s.opt.Listen, err)
	}
	s.tcp = tcp
	if err := s.udp.SetReadBuffer(s.opt.ReadBuffer); err != nil {
		s.log.Warn("the kernel refused a larger receive buffer", "asked", s.opt.ReadBuffer, "error", err)
	}
	return nil
}

// Addr is the address of the open sockets, invalid before Listen.
func (s *Server) Addr() netip.AddrPort {
	if s.udp == nil {
		return netip.AddrPort{}
	}
	return s.udp.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Run receives until ctx ends, then passes on what is in flight.
func (s *Server) Run(ctx context.Context) error {
	readers, rctx := errgroup.WithContext(ctx)
	if s.udp != nil {
		readers.Go(func() error { return s.readUDP(rctx) })
		readers.Go(func() error { return s.acceptTCP(rctx) })
	}
	readers.Go(func() error { return s.tick(rctx) })
	filtered := make(chan error, 1)
	go func() { filtered <- s.filter() }()
	err := readers.Wait()
	s.in.Close()
	return errors.Join(err, <-filtered)
}

// tick gives the stages behind the bus a clock while there is no traffic.
func (s *Server) tick(ctx context.Context) error {
	t := time.NewTicker(s.opt.TickEvery)
	defer t.Stop()
	w := bus.NewPublisher(s.in)
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			err := w.Add(ctx, &packet.Packet{Time: now.UTC(), Kind: packet.KindTick})
			if err == nil {
				err = w.Flush(ctx)
			}
			if err != nil {
				return nil // the end has come meanwhile
			}
		}
	}
}

// filter is the goroutine that all packets pass, in order.
func (s *Server) filter() error {
	ctx := context.Background() // it ends when the input does
	f := NewFilter(s.opt.Node)
	w := bus.NewPublisher(s.out)
	var now time.Time
	for {
		b, err := s.in.Next(ctx)
		if err != nil {
			break
		}
		for i := range b.Packets {
			p := &b.Packets[i]
			if p.Time.After(now) {
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
		}
		for _, p := range f.Drops(now, false) {
			if err := w.Add(ctx, &p); err != nil {
				return fmt.Errorf("pass packets on: %w", err)
			}
		}
		s.in.Recycle(b)
		if s.in.Len() == 0 { // nothing waits: do not let these packets wait either
			if err := w.Flush(ctx); err != nil {
				return fmt.Errorf("pass packets on: %w", err)
			}
		}
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
	return &Reader{opt: &s.opt, counts: &s.Counts}
}

func (s *Server) readUDP(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.udp.SetReadDeadline(time.Now()) })
	defer stop()
	defer s.udp.Close()
	r, w := s.reader(), bus.NewPublisher(s.in)
	buf := make([]byte, 1<<16)
	var p packet.Packet
	var flushAt time.Time // zero while nothing waits
	for {
		s.udp.SetReadDeadline(flushAt)
		if ctx.Err() != nil {
			return w.Flush(context.Background())
		}
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if ctx.Err() != nil {
				return w.Flush(context.Background())
			}
			if isTimeout(err) {
				flushAt = time.Time{}
				if err := w.Flush(ctx); err != nil && ctx.Err() == nil {
					return err
				}
				continue
			}
			return fmt.Errorf("receive HEP on udp: %w", err)
		}
		s.accept(ctx, r, w, buf[:n], from, &p)
		if flushAt.IsZero() {
			flushAt = time.Now().Add(s.opt.FlushEvery)
		}
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func (s *Server) accept(ctx context.Context, r *Reader, w *bus.Publisher, b []byte, from netip.AddrPort, p *packet.Packet) {
	now := time.Now().UTC()
	if reason, ok := r.Decode(b, from, now, p); !ok {
		*p = packet.Packet{Time: now, Kind: kindRefused, Payload: []byte(reason)}
	}
	if err := w.Add(ctx, p); err != nil && ctx.Err() == nil {
		s.log.Error("packet was not passed on", "error", err)
	}
}

func (s *Server) acceptTCP(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.tcp.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	slots := make(chan struct{}, s.opt.MaxTCP)
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept HEP on tcp: %w", err)
		}
		select {
		case slots <- struct{}{}:
		default:
			s.log.Warn("HEP connection refused: too many", "from", c.RemoteAddr(), "limit", s.opt.MaxTCP)
			c.Close()
			continue
		}
		conns.Go(func() {
			defer func() { <-slots }()
			s.readTCP(ctx, c)
		})
	}
}

// readTCP reads frames back to back. A frame whose length makes no sense ends
// the connection: nothing after it can be found.
func (s *Server) readTCP(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now()) })
	defer stop()
	defer c.Close()
	from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	r, w := s.reader(), bus.NewPublisher(s.in)
	in := bufio.NewReaderSize(c, 1<<17)
	var p packet.Packet
	for ctx.Err() == nil {
		c.SetReadDeadline(time.Now().Add(s.opt.TCPIdle))
		if ctx.Err() != nil {
			break
		}
		frame, err := nextFrame(in)
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				s.log.Warn("HEP connection closed", "from", from, "error", err)
			}
			break
		}
		s.accept(ctx, r, w, frame, from, &p)
		if _, err := in.Discard(len(frame)); err != nil {
			break
		}
		if in.Buffered() == 0 {
			if err := w.Flush(ctx); err != nil {
				break
			}
		}
	}
	if err := w.Flush(context.Background()); err != nil && !errors.Is(err, io.EOF) {
		s.log.Error("packets were not passed on", "from", from, "error", err)
	}
}

func nextFrame(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(6)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n, err := hep.FrameLen(head)
	if err != nil {
		return nil, fmt.Errorf("frame begins with % x: %w", head, err)
	}
	return in.Peek(n)
}

package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// Sender sends packets to a collector as HEP3, over UDP or TCP.
type Sender struct {
	opt SendOptions
	log *slog.Logger
	in  *bus.Memory

	Sent, Failed, Unfit atomic.Uint64 // packets: sent, of these known to be lost, too large for HEP
}

// SendOptions of a Sender.
type SendOptions struct {
	Collectors []string // udp://host:port, tcp://host:port; the first that answers is used
	AuthKey    string
	Retry      time.Duration // between two rounds of trying to connect; 0 is a second
	// Pace holds UDP back so that a collector's socket buffer keeps up; for
	// input that comes faster than any network, as a file does.
	Pace bool
	// GiveUp ends with an error when no collector answers, in place of trying
	// again: a file can be read later.
	GiveUp bool
}

// NewSender checks the addresses; it opens nothing.
func NewSender(opt SendOptions, log *slog.Logger) (*Sender, error) {
	if len(opt.Collectors) == 0 {
		return nil, errors.New("no collector: name one with --collector udp://host:9060 or tcp://host:9060")
	}
	for _, c := range opt.Collectors {
		if _, _, err := splitCollector(c); err != nil {
			return nil, err
		}
	}
	if opt.Retry == 0 {
		opt.Retry = time.Second
	}
	return &Sender{opt: opt, log: log, in: bus.NewMemory(256)}, nil
}

// Input is where batches to send are put.
func (s *Sender) Input() *bus.Memory { return s.in }

func splitCollector(c string) (network, addr string, err error) {
	u, err := url.Parse(c)
	if err == nil && (u.Scheme == "udp" || u.Scheme == "tcp") && u.Host != "" && u.Path == "" {
		if u.Port() == "" {
			return u.Scheme, net.JoinHostPort(u.Hostname(), "9060"), nil
		}
		return u.Scheme, u.Host, nil
	}
	if err == nil && (u.Scheme == "tls" || u.Scheme == "nats") {
		return "", "", fmt.Errorf("collector %q: %s is not there yet; use udp:// or tcp://", c, u.Scheme)
	}
	return "", "", fmt.Errorf("collector %q: want udp://host:port or tcp://host:port", c)
}

// line is the way to a collector.
type line struct {
	conn    net.Conn
	out     *bufio.Writer // of a stream; nil for UDP: a datagram a packet
	waiting int           // packets in out that no write has taken yet
	refused time.Time     // when nobody received the last time
	cut     func() bool   // what ends a write when the sender is given up
}

func (l *line) close() {
	if l.conn != nil {
		l.cut()
		l.conn.Close()
		l.conn, l.out, l.waiting = nil, nil, 0
	}
}

// Run sends until the input ends. When ctx ends first, what is left is lost,
// and the error says how much.
func (s *Sender) Run(ctx context.Context) error {
	var l line
	defer l.close()
	var buf []byte
	options := hep.Options{AuthKey: s.opt.AuthKey, Boot: uint64(time.Now().UnixNano())}
	for b := range s.in.Batches(context.Background()) {
		for i := range b.Packets {
			p := &b.Packets[i]
			if p.Kind == packet.KindTick {
				continue // no other collector knows it, and ours has its own
			}
			options.Sequence++
			var err error
			if buf, err = hep.Append(buf[:0], p, &options); err != nil {
				s.Unfit.Add(1)
				s.log.Warn("packet does not fit into HEP", "bytes", len(p.Payload), "error", err)
				continue
			}
			if err := s.send(ctx, &l, buf); err != nil {
				return s.lose(uint64(len(b.Packets)-i), err)
			}
		}
		if s.in.Len() == 0 {
			s.flush(&l)
		}
	}
	s.flush(&l)
	if n := s.Failed.Load(); n > 0 && s.opt.GiveUp {
		return fmt.Errorf("%d of %d packets were lost on the way to the collector: is one listening there?", n, s.Sent.Load())
	}
	return nil
}

// send writes one frame. Its error is that of connecting: the end.
func (s *Sender) send(ctx context.Context, l *line, frame []byte) error {
	for {
		if l.conn == nil {
			if err := s.connect(ctx, l); err != nil {
				return err
			}
		}
		if l.out == nil {
			s.sendDatagram(l, frame)
			return nil
		}
		if _, err := l.out.Write(frame); err == nil {
			l.waiting++
			s.Sent.Add(1)
			return nil
		} else {
			s.broke(l, err)
		}
	}
}

// sendDatagram sends over UDP, where a failure says nothing about the next
// datagram.
func (s *Sender) sendDatagram(l *line, frame []byte) {
	_, err := l.conn.Write(frame)
	if errors.Is(err, syscall.ECONNREFUSED) {
		// This tells of a datagram before, which nobody received; this one was not
		// sent.
		s.Failed.Add(1)
		s.complain(l, err)
		_, err = l.conn.Write(frame)
	}
	if err != nil {
		s.Failed.Add(1)
		s.complain(l, err)
	}
	if s.Sent.Add(1)%32 == 0 && s.opt.Pace {
		time.Sleep(time.Millisecond)
	}
}

// complain says once in a while that UDP does not get through.
func (s *Sender) complain(l *line, err error) {
	if now := time.Now(); now.Sub(l.refused) > 30*time.Second {
		l.refused = now
		s.log.Warn("HEP does not reach the collector: what is sent there is lost", "collector", l.conn.RemoteAddr(), "lost", s.Failed.Load(), "error", err)
	}
}

func (s *Sender) flush(l *line) {
	if l.out == nil {
		return
	}
	if err := l.out.Flush(); err != nil {
		s.broke(l, err)
	}
	l.waiting = 0
}

func (s *Sender) broke(l *line, err error) {
	s.Failed.Add(uint64(l.waiting))
	s.log.Warn("connection to the collector broke; connecting again", "lost", l.waiting, "error", err)
	l.close()
}

// lose takes what is left in the input, so that the stages before can end.
func (s *Sender) lose(packets uint64, err error) error {
	if s.opt.GiveUp {
		return err
	}
	for b := range s.in.Batches(context.Background()) {
		packets += uint64(len(b.Packets))
	}
	s.Failed.Add(packets)
	return fmt.Errorf("%d packets were not sent: %w", packets, err)
}

// Drained says what was sent, for the log.
func (s *Sender) Drained() string {
	return fmt.Sprintf("%d packets sent, %d lost", s.Sent.Load(), s.Failed.Load())
}

// connect opens the first collector that answers; it tries until ctx ends.
func (s *Sender) connect(ctx context.Context, l *line) error {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	for {
		var errs []error
		for _, c := range s.opt.Collectors {
			network, addr, err := splitCollector(c)
			if err != nil {
				return err
			}
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				errs = append(errs, fmt.Errorf("collector %s: %w", c, err))
				continue
			}
			s.log.Info("sending to the collector", "collector", c)
			l.conn, l.out = conn, nil
			if network != "udp" {
				l.out = bufio.NewWriterSize(conn, 1<<16)
			}
			l.cut = context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Now()) })
			return nil
		}
		if s.opt.GiveUp || ctx.Err() != nil {
			return errors.Join(errs...)
		}
		s.log.Warn("no collector answers; trying again", "error", errors.Join(errs...))
		select {
		case <-time.After(s.opt.Retry):
		case <-ctx.Done():
			return errors.Join(errs...)
		}
	}
}

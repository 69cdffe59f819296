package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
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

	Sent, Failed, Unfit atomic.Uint64 // packets: sent, lost with a connection, too large for HEP
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

// Run sends until the input ends.
func (s *Sender) Run(ctx context.Context) error {
	var conn net.Conn
	var out *bufio.Writer
	var buf []byte
	options := hep.Options{AuthKey: s.opt.AuthKey, Boot: uint64(time.Now().UnixNano())}
	inFlight := 0 // packets in out that no write has taken yet
	closeConn := func() {
		if conn != nil {
			conn.Close()
			conn = nil
		}
	}
	defer closeConn()
	paced := 0
	for {
		b, err := s.in.Next(ctx)
		if err != nil {
			break
		}
		for i := range b.Packets {
			p := &b.Packets[i]
			if p.Kind == packet.KindTick {
				continue // no other collector knows it, and ours has its own
			}
			options.Sequence++
			buf, err = hep.Append(buf[:0], p, &options)
			if err != nil {
				s.Unfit.Add(1)
				s.log.Warn("packet does not fit into HEP", "bytes", len(p.Payload), "error", err)
				continue
			}
			for {
				if conn == nil {
					if conn, out, err = s.connect(ctx); err != nil {
						return err
					}
					inFlight = 0
				}
				if out == nil { // UDP: one datagram a packet
					if _, err = conn.Write(buf); err == nil || isRefused(err) {
						// A refusal tells of an earlier datagram: nobody listens.
						if err != nil {
							s.Failed.Add(1)
							s.log.Warn("collector refuses HEP", "collector", conn.RemoteAddr(), "error", err)
						}
						s.Sent.Add(1)
						if paced++; s.opt.Pace && paced%32 == 0 {
							time.Sleep(time.Millisecond)
						}
						break
					}
				} else if _, err = out.Write(buf); err == nil {
					inFlight++
					s.Sent.Add(1)
					break
				}
				s.Failed.Add(uint64(inFlight))
				s.log.Warn("connection to the collector broke; connecting again", "lost", inFlight, "error", err)
				closeConn()
			}
		}
		s.in.Recycle(b)
		if out != nil && s.in.Len() == 0 {
			if err := out.Flush(); err != nil {
				s.Failed.Add(uint64(inFlight))
				s.log.Warn("connection to the collector broke; connecting again", "lost", inFlight, "error", err)
				closeConn()
			}
			inFlight = 0
		}
	}
	if out != nil && conn != nil {
		if err := out.Flush(); err != nil {
			s.Failed.Add(uint64(inFlight))
			return fmt.Errorf("send the last packets to %s: %w", conn.RemoteAddr(), err)
		}
	}
	if n := s.Failed.Load(); n > 0 && s.opt.GiveUp {
		return fmt.Errorf("%d of %d packets were lost on the way to the collector", n, s.Sent.Load())
	}
	return nil
}

// Drained says what was sent, for the log.
func (s *Sender) Drained() string { return fmt.Sprintf("%d packets sent", s.Sent.Load()) }

func isRefused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "write" && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, net.ErrClosed)
}

// connect opens the first collector that answers; it tries until ctx ends.
func (s *Sender) connect(ctx context.Context) (net.Conn, *bufio.Writer, error) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	for {
		var errs []error
		for _, c := range s.opt.Collectors {
			network, addr, err := splitCollector(c)
			if err != nil {
				return nil, nil, err
			}
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				errs = append(errs, fmt.Errorf("collector %s: %w", c, err))
				continue
			}
			s.log.Info("sending to the collector", "collector", c)
			if network == "udp" {
				return conn, nil, nil
			}
			return conn, bufio.NewWriterSize(conn, 1<<16), nil
		}
		if s.opt.GiveUp || ctx.Err() != nil {
			return nil, nil, errors.Join(errs...)
		}
		s.log.Warn("no collector answers; trying again", "error", errors.Join(errs...))
		select {
		case <-time.After(s.opt.Retry):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

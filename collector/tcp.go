package collector

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// frameHead is how much of a frame tells its length.
const frameHead = 6

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
			if !isTemporary(err) {
				return fmt.Errorf("accept HEP on tcp: %w", err)
			}
			s.log.Error("cannot accept HEP connections for a while", "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			s.Counts.Connections.Add(1)
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

// isTemporary tells errors of one connection, or of a host that has no file
// descriptors left, from those of the listener.
func isTemporary(err error) bool {
	return !errors.Is(err, net.ErrClosed)
}

// readTCP reads frames back to back. A frame whose length makes no sense ends
// the connection: nothing after it can be found.
func (s *Server) readTCP(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now().Add(lastWords)) })
	defer stop()
	defer c.Close()
	from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	r, w := s.reader(), bus.NewPublisher(s.in)
	in := bufio.NewReaderSize(c, 1<<17) // more than the largest frame
	var p packet.Packet
	var none packet.Drops // nothing overflows: the sender waits
	told := time.Now()
	for {
		if ctx.Err() == nil {
			c.SetReadDeadline(time.Now().Add(s.opt.TCPIdle))
			if ctx.Err() != nil { // the end came meanwhile: its deadline counts
				c.SetReadDeadline(time.Now().Add(lastWords))
			}
		}
		frame, err := nextFrame(in)
		if err != nil {
			s.hangUp(ctx, w, from, err)
			break
		}
		now := time.Now().UTC()
		s.accept(r, w, frame, from, now, &p)
		if now.Sub(told) >= tellEvery {
			told = now
			s.tell(&none, w, now)
		}
		if _, err := in.Discard(len(frame)); err != nil {
			break
		}
		if !holdsFrame(in) { // the next read may take long
			if err := w.Flush(context.Background()); err != nil {
				break
			}
		}
	}
	s.tell(&none, w, time.Now().UTC())
	if err := w.Flush(context.Background()); err != nil && !errors.Is(err, io.EOF) {
		s.log.Error("packets were not passed on", "from", from, "error", err)
	}
}

// hangUp says why a connection ends, and counts what was not read because of it.
func (s *Server) hangUp(ctx context.Context, w *bus.Publisher, from netip.AddrPort, err error) {
	var malformed hep.Error
	switch {
	case errors.Is(err, io.EOF):
		return
	case errors.As(err, &malformed):
		s.Counts.refuse(malformed)
	case errors.Is(err, io.ErrUnexpectedEOF):
		s.Counts.refuse(hep.ErrShort)
	case isTimeout(err) && ctx.Err() != nil:
		return
	case isTimeout(err):
		s.log.Info("HEP connection was idle and is closed", "from", from, "limit", s.opt.TCPIdle)
		return
	default: // reset by the peer
		s.log.Info("HEP connection broke", "from", from, "error", err)
		return
	}
	s.pass(w, &packet.Packet{Time: time.Now().UTC(), Kind: kindRefused, Payload: []byte(ReasonUnread)})
	s.log.Warn("HEP connection closed", "from", from, "error", err)
}

// nextFrame lends the next frame; it is valid until the next read. The error
// is io.EOF where a frame would begin, io.ErrUnexpectedEOF inside of one, and
// a hep.Error where none begins.
func nextFrame(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(frameHead)
	n, bad := hep.FrameLen(head)
	if bad != nil && (err == nil || len(head) > 0 && !errors.Is(bad, hep.ErrShort)) {
		return nil, fmt.Errorf("frame begins with % x: %w", head, bad)
	}
	if err == nil {
		head, err = in.Peek(n)
	}
	if len(head) > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return head, err
}

// holdsFrame tells whether the next frame can be had without a read.
func holdsFrame(in *bufio.Reader) bool {
	if in.Buffered() < frameHead {
		return false
	}
	head, err := in.Peek(frameHead)
	if err != nil {
		return false
	}
	n, err := hep.FrameLen(head)
	return err == nil && n <= in.Buffered()
}

package collector

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/packet"
)

const (
	// lastWords is how long what has arrived may still be read after the end
	// has come: datagrams in the socket's buffer were received.
	lastWords = 100 * time.Millisecond
	// tellEvery is how often overflows and gaps become drops, wall clock.
	tellEvery = time.Second
)

// readUDP takes one HEP packet a datagram. What it was lent by the kernel goes
// to the bus in batches; a batch waits FlushEvery for company.
func (s *Server) readUDP(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.udp.SetReadDeadline(time.Now().Add(lastWords)) })
	defer stop()
	defer s.udp.Close()
	r, w := s.reader(), bus.NewPublisher(s.in)
	buf, oob := make([]byte, 1<<16), make([]byte, 64)
	overflow := overflowMeter{drops: packet.Drops{Stage: "collector"}}
	var p packet.Packet
	var told, flushAt time.Time // flushAt is zero while nothing waits
	for {
		if ctx.Err() == nil {
			wake := flushAt
			if wake.IsZero() {
				wake = time.Now().Add(tellEvery)
			}
			s.udp.SetReadDeadline(wake)
			if ctx.Err() != nil { // the end came meanwhile: its deadline counts
				s.udp.SetReadDeadline(time.Now().Add(lastWords))
			}
		}
		n, nOOB, _, from, err := s.udp.ReadMsgUDPAddrPort(buf, oob)
		now := time.Now().UTC()
		switch {
		case err == nil:
			if grew := overflow.see(oob[:nOOB], now); grew > 0 {
				s.Counts.Overflow.Add(grew)
			}
			s.accept(r, w, buf[:n], from, now, &p)
			if flushAt.IsZero() {
				flushAt = now.Add(s.opt.FlushEvery)
			}
		case isTimeout(err) && ctx.Err() == nil:
			flushAt = time.Time{}
			if err := w.Flush(context.Background()); err != nil {
				return fmt.Errorf("pass HEP on: %w", err)
			}
		case isTimeout(err) || errors.Is(err, net.ErrClosed):
			s.tell(&overflow.drops, w, now)
			return w.Flush(context.Background())
		default:
			return fmt.Errorf("receive HEP on udp: %w", err)
		}
		if now.Sub(told) >= tellEvery {
			told = now
			s.tell(&overflow.drops, w, now)
		}
	}
}

// tell passes on where this reader was blind since the last time.
func (s *Server) tell(o *packet.Drops, w *bus.Publisher, now time.Time) {
	for _, p := range o.Flush(now, s.opt.Node, "") {
		s.pass(w, &p)
	}
	s.tellGaps(w, now, false)
}

// tellGaps passes on what agents sent and never arrived.
func (s *Server) tellGaps(w *bus.Publisher, now time.Time, end bool) {
	drops, lost := s.links.gaps(now, end)
	s.Counts.Lost.Add(lost)
	for i := range drops {
		s.pass(w, &drops[i])
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// overflowMeter follows the kernel's count of datagrams that found the
// socket's buffer full. The kernel sends it along with a datagram, as it was
// when that one came in.
type overflowMeter struct {
	count uint32 // of the kernel; it wraps
	seen  time.Time
	drops packet.Drops
}

func (o *overflowMeter) see(oob []byte, now time.Time) (grew uint64) {
	from := o.seen
	o.seen = now
	if len(oob) == 0 { // none since the socket was opened
		return 0
	}
	count, ok := overflowOf(oob)
	if !ok || count == o.count {
		return 0
	}
	grew = uint64(count - o.count)
	o.count = count
	if from.IsZero() {
		from = now
	}
	o.drops.Add(ReasonOverflow, from, grew)
	o.drops.Add(ReasonOverflow, now, 0)
	return grew
}

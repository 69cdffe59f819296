package collector

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// openNATS connects to the server that agents publish to.
func (s *Server) openNATS(ctx context.Context) error {
	stream, err := bus.OpenStream(ctx, bus.StreamOptions{URL: s.opt.NATS, Name: "earshot collector " + s.opt.Node, Lasting: true, Log: s.log})
	if err != nil {
		place := s.opt.NATS
		if u, uerr := url.Parse(place); uerr == nil {
			place = u.Redacted()
		}
		return fmt.Errorf("receive HEP from %s: %w; see hep.nats", place, err)
	}
	s.nats = stream
	return nil
}

// readNATS takes what agents published. A message is acknowledged once its
// packets are passed on; one with a frame that cannot be read is, too: it would
// be no better the next time.
func (s *Server) readNATS(ctx context.Context) error {
	defer s.nats.Close()
	r, w := s.reader(), bus.NewPublisher(s.in)
	var p packet.Packet
	var none packet.Drops
	var told time.Time
	return s.nats.Consume(ctx, func(frames []byte) error {
		now := time.Now().UTC()
		for len(frames) > 0 {
			n, err := hep.FrameLen(frames)
			if err != nil || n > len(frames) {
				n = len(frames) // Decode says what is wrong, and it is counted
			}
			s.accept(r, w, frames[:n], netip.AddrPort{}, now, &p)
			frames = frames[n:]
		}
		if now.Sub(told) >= tellEvery {
			told = now
			s.tell(&none, w, now)
		}
		return w.Flush(context.Background())
	})
}

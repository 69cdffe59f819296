package collector

import (
	"crypto/subtle"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// Reader turns HEP bytes into packets. It has the state of one decoder: one
// goroutine uses it.
type Reader struct {
	decoder hep.Decoder
	opt     *Options
	counts  *Counts
	links   *links
}

// Counts are what all Readers of a Server did; read them at any time.
type Counts struct {
	Packets, Bytes atomic.Uint64
	Clamped        atomic.Uint64
	AuthKey        atomic.Uint64
	Lost           atomic.Uint64 // gaps in the sequence numbers of Earshot agents
	Overflow       atomic.Uint64 // datagrams that found the socket's buffer full
	Connections    atomic.Uint64 // refused: MaxTCP were open
	Errors         [32]atomic.Uint64
}

func (c *Counts) refuse(e hep.Error) {
	if int(e) < len(c.Errors) {
		c.Errors[e].Add(1)
	}
}

// earliest is the first year in which a HEP emitter existed: what an emitter
// calls earlier than that is no time.
var earliest = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)

// Decode reads one HEP datagram or frame into p, which aliases b. now is the
// receiver's clock. It is false when the datagram was refused, which is
// counted, with the reason.
func (r *Reader) Decode(b []byte, from netip.AddrPort, now time.Time, p *packet.Packet) (reason string, ok bool) {
	r.counts.Packets.Add(1)
	r.counts.Bytes.Add(uint64(len(b)))
	if err := r.decoder.Decode(b, p); err != nil {
		if e, ok := errors.AsType[hep.Error](err); ok {
			r.counts.refuse(e)
		}
		return ReasonUnread, false
	}
	if key := r.opt.AuthKey; key != "" && subtle.ConstantTimeCompare(r.decoder.Extra.AuthKey, []byte(key)) != 1 {
		r.counts.AuthKey.Add(1)
		return ReasonAuthKey, false
	}
	if internal(p, r.decoder.Extra.Boot) {
		r.counts.refuse(hep.ErrChunk)
		return ReasonUnread, false
	}
	if p.Time.Before(earliest) || p.Time.Sub(now) > r.opt.MaxSkew {
		// Past times stand: an agent replays what it spooled, or a capture.
		p.Time, _ = hep.Clamp(p.Time, now, r.opt.MaxSkew)
		r.counts.Clamped.Add(1)
	}
	if p.Node == "" { // an emitter without a name is told by its address
		p.Node = hep.NodeName(p.AgentID, from.Addr())
	}
	if boot := r.decoder.Extra.Boot; boot != 0 {
		r.links.follow(boot, r.decoder.Extra.Sequence, p, now)
	}
	return "", true
}

// internal reports whether a packet is of a kind that only Earshot itself may
// give: anybody can send HEP. The drops that an Earshot agent tells are taken,
// and its heartbeats.
func internal(p *packet.Packet, boot uint64) bool {
	switch {
	case p.Kind < packet.KindDrop:
		return false
	case boot == 0:
		return true
	case p.Kind == packet.KindDrop:
		_, err := packet.ParseDrop(p.Payload)
		return err != nil
	}
	return p.Kind != packet.KindTick
}

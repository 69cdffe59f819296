package recorder

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"

	"github.com/earshot-voip/earshot/internal/packet"
)

// chunk is a stretch of the ring, in memory and on disk the same: records one
// behind the other, with the addresses that they name by number before them, so
// that each chunk stands for itself. One goroutine writes it; others may read
// what is published.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|  bytes that are kept          |  number of the flow           |
//	|  bytes of the payload         |  IPv4 identification          |
//	|  TTL          |kind|   DSCP   |  time, ns since 1970          |
//	|               ... 8 bytes of it               |  what is kept |
type chunk struct {
	seq         uint64 // grows by one with each
	buf         []byte
	n           int // bytes written
	published   atomic.Int64
	first, last int64 // times of its records, ns; what is late may be before
	flows       uint16

	sealed, saved bool // nothing is added any more; it is on disk, or can not be (Recorder.mu)
}

type kind uint8

const (
	addresses kind = iota // defines a flow
	message
	rtp
	rtcp
)

const (
	recordLen  = 18
	flowLen    = 8 + 2*16
	flowRecord = recordLen + flowLen
)

// add appends the head of a record of n bytes, and returns their place.
func (c *chunk) add(k kind, id uint16, t int64, p *packet.Packet, n int) []byte {
	b := c.buf[c.n : c.n+recordLen+n]
	c.n += recordLen + n
	h := (*[recordLen]byte)(b)
	binary.LittleEndian.PutUint16(h[0:], uint16(n))
	binary.LittleEndian.PutUint16(h[2:], id)
	binary.LittleEndian.PutUint16(h[4:], uint16(min(len(p.Payload)+int(p.Cut), 1<<16-1)))
	binary.LittleEndian.PutUint16(h[6:], p.IPID)
	h[8], h[9] = p.TTL, uint8(k)<<6|p.DSCP&0x3f
	binary.LittleEndian.PutUint64(h[10:], uint64(t))
	return b[recordLen:]
}

func (c *chunk) publish() { c.published.Store(int64(c.n)) }

// flow is a way that packets go, as a chunk defines it.
type flow struct {
	src, dst  netip.AddrPort
	transport packet.Transport
	vlan      uint16
}

// define gives the number of p's flow in c.
func (r *Recorder) define(c *chunk, p *packet.Packet) uint16 {
	f := flow{p.Src, p.Dst, p.Transport, p.VLAN}
	id, ok := r.flows[f]
	if ok {
		return id
	}
	id = c.flows
	c.flows++
	r.flows[f] = id
	b := c.add(addresses, id, c.last, &packet.Packet{}, flowLen)
	b[0], b[1] = uint8(f.transport), 0
	binary.LittleEndian.PutUint16(b[2:], f.vlan)
	binary.LittleEndian.PutUint16(b[4:], f.src.Port())
	binary.LittleEndian.PutUint16(b[6:], f.dst.Port())
	src, dst := f.src.Addr().As16(), f.dst.Addr().As16()
	copy(b[8:], src[:])
	copy(b[24:], dst[:])
	return id
}

// entry is a record as it is read: valid as long as its chunk is.
type entry struct {
	kind   kind
	flow   int
	time   int64 // ns
	length int   // of the payload, of which data is the beginning
	ipID   uint16
	ttl    uint8
	dscp   uint8
	data   []byte
}

// next reads the record at the beginning of b, and gives what follows it; ok is
// false at the end, and where b is damaged.
func (e *entry) next(b []byte) (rest []byte, ok bool) {
	if len(b) < recordLen {
		return nil, false
	}
	h := (*[recordLen]byte)(b)
	end := recordLen + int(binary.LittleEndian.Uint16(h[0:]))
	if end > len(b) {
		return nil, false
	}
	e.flow = int(binary.LittleEndian.Uint16(h[2:]))
	e.length = int(binary.LittleEndian.Uint16(h[4:]))
	e.ipID = binary.LittleEndian.Uint16(h[6:])
	e.ttl, e.kind, e.dscp = h[8], kind(h[9]>>6), h[9]&0x3f
	e.time = int64(binary.LittleEndian.Uint64(h[10:]))
	e.data = b[recordLen:end]
	return b[end:], true
}

// defines reads the flow that the record defines.
func (e *entry) defines() (flow, bool) {
	b := e.data
	if len(b) != flowLen {
		return flow{}, false
	}
	addr := func(at int) netip.Addr { return netip.AddrFrom16([16]byte(b[at:])).Unmap() }
	return flow{
		src:       netip.AddrPortFrom(addr(8), binary.LittleEndian.Uint16(b[4:])),
		dst:       netip.AddrPortFrom(addr(24), binary.LittleEndian.Uint16(b[6:])),
		transport: packet.Transport(b[0]), vlan: binary.LittleEndian.Uint16(b[2:]),
	}, true
}

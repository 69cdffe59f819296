package uplink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// chunk is HEP3 frames back to back, without numbers: what waits in memory and
// on disk, and what a line sends in one go.
type chunk struct {
	id          uint64    // its place in the order of its route
	frames      []byte    // nobody writes to them
	packets     int       // of frames
	first, last time.Time // of their packets
	tick        time.Time // all that was captured before is in this chunk or in one before
	losses      []loss    // that packets of it tell of, one each; not of what was read from disk
	stored      bool      // it is on disk
}

// headLen is what a stored chunk has before its frames.
const headLen = 4 + 8 + 8

// encode gives the chunk as it is stored.
func (c *chunk) encode() []byte {
	b := make([]byte, headLen, headLen+len(c.frames))
	binary.BigEndian.PutUint32(b, uint32(c.packets))
	binary.BigEndian.PutUint64(b[4:], uint64(c.first.UnixMicro()))
	binary.BigEndian.PutUint64(b[12:], uint64(c.last.UnixMicro()))
	return append(b, c.frames...)
}

// decodeChunk copies b, and proves that it holds frames.
func decodeChunk(id uint64, b []byte) (*chunk, error) {
	if len(b) < headLen {
		return nil, fmt.Errorf("chunk %d has %d bytes", id, len(b))
	}
	c := &chunk{
		id: id, stored: true, packets: int(binary.BigEndian.Uint32(b)), frames: append([]byte(nil), b[headLen:]...),
		first: time.UnixMicro(int64(binary.BigEndian.Uint64(b[4:]))).UTC(), last: time.UnixMicro(int64(binary.BigEndian.Uint64(b[12:]))).UTC(),
	}
	n := 0
	for rest := c.frames; len(rest) > 0; n++ {
		size, err := hep.FrameLen(rest)
		if err != nil || size > len(rest) {
			return nil, fmt.Errorf("chunk %d: %w", id, errors.Join(err, hep.ErrLength))
		}
		rest = rest[size:]
	}
	if n != c.packets {
		return nil, fmt.Errorf("chunk %d has %d frames, not %d", id, n, c.packets)
	}
	return c, nil
}

// after gives what remains of c when its first n frames are sent.
func (c *chunk) after(n int) *chunk {
	rest := *c
	for range n {
		size, err := hep.FrameLen(rest.frames)
		if err != nil {
			break // encode wrote them
		}
		rest.frames = rest.frames[size:]
		rest.packets--
	}
	return &rest
}

// add encodes p.
func (c *chunk) add(p *packet.Packet, o *hep.Options) error {
	frames, err := hep.Append(c.frames, p, o)
	if err != nil {
		return err
	}
	c.frames = frames
	if c.packets == 0 || p.Time.Before(c.first) {
		c.first = p.Time
	}
	if p.Time.After(c.last) {
		c.last = p.Time
	}
	c.packets++
	return nil
}

// join adds the frames of next, which come after those of c, unless that
// becomes too much. Nobody else has either.
func (c *chunk) join(next *chunk) bool {
	if len(c.frames)+len(next.frames) > bus.MaxBytes {
		return false
	}
	c.frames = append(c.frames, next.frames...)
	c.packets += next.packets
	c.losses = append(c.losses, next.losses...)
	if next.first.Before(c.first) {
		c.first = next.first
	}
	if next.last.After(c.last) {
		c.last = next.last
	}
	if next.tick.After(c.tick) {
		c.tick = next.tick
	}
	return true
}

func (c *chunk) full() bool { return c.packets == bus.MaxPackets || len(c.frames) >= bus.MaxBytes }

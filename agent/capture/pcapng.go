package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng).
const (
	blockSection    = 0x0a0d0d0a // reads the same in both byte orders
	blockInterface  = 1
	blockPacket     = 2 // obsolete, still found
	blockSimple     = 3
	blockStatistics = 5
	blockEnhanced   = 6
	blockSecrets    = 10

	byteOrderMagic = 0x1a2b3c4d
)

// secretsTLS says that a decryption secrets block holds a TLS key log.
const secretsTLS = 0x544c534b

// Options of blocks.
const (
	optionEnd         = 0
	optionResolution  = 9  // if_tsresol
	optionTimeOffset  = 14 // if_tsoffset
	optionReceived    = 4  // isb_ifrecv
	optionInterfaceDr = 5  // isb_ifdrop
	optionSystemDrop  = 7  // isb_osdrop
)

// maxInterfaces bounds the interfaces of one section.
const maxInterfaces = 4096

// pcapngFile reads pcapng.
type pcapngFile struct {
	file       *File
	order      binary.ByteOrder
	interfaces []pcapngInterface // of the section
	last       time.Time         // of the latest frame that had one
	lost       Drops             // of the sections before this one
	skipping   int64             // where the block begins that is discarded
}

// pcapngInterface is an interface description block, and what later blocks
// tell of the interface.
type pcapngInterface struct {
	link   packet.LinkType
	snap   uint32
	perSec uint64 // units of a timestamp in a second
	nsUnit uint64 // ns in a unit, 0 if that is no whole number
	offset int64  // s to add
	stats  Drops
}

// open reads the first block, which has to be a section header.
func (p *pcapngFile) open() error {
	_, err := p.block()
	return err
}

// next reads blocks until one holds a frame.
func (p *pcapngFile) next() (packet.Frame, error) {
	for {
		f, err := p.block()
		if err != nil || f.Data != nil {
			return f, err
		}
	}
}

// block reads one block: type, total length, body, total length again. It
// returns a Frame without Data when the block holds none.
func (p *pcapngFile) block() (packet.Frame, error) {
	in := p.file.in
	b, err := in.peek(12)
	start := in.offset
	if in.owed > 0 {
		start = p.skipping
	}
	if err != nil {
		if errors.Is(err, errShort) && len(b) == 0 && in.owed == 0 {
			return packet.Frame{}, io.EOF
		}
		return packet.Frame{}, p.file.fail(err, start)
	}
	if binary.LittleEndian.Uint32(b) == blockSection {
		return packet.Frame{}, p.section(b)
	}
	if p.order == nil {
		return packet.Frame{}, p.damaged(start, "no section header")
	}
	kind, length := p.order.Uint32(b), int64(p.order.Uint32(b[4:]))
	if length < 12 {
		return packet.Frame{}, p.damaged(start, "a block of %d bytes", length)
	}
	length = (length + 3) &^ 3
	switch {
	case kind == blockSecrets && length <= maxRecord: // a longer key log is no one's
	case kind == blockInterface, kind == blockPacket, kind == blockSimple, kind == blockStatistics, kind == blockEnhanced:
	default: // names, comments of others
		p.skipping = start
		if err := in.discard(length); err != nil {
			return packet.Frame{}, p.file.fail(err, start)
		}
		return packet.Frame{}, nil
	}
	if length > maxRecord {
		return packet.Frame{}, p.damaged(start, "a block of %d bytes", length)
	}
	if b, err = in.peek(int(length)); err != nil {
		return packet.Frame{}, p.file.fail(err, start)
	}
	in.skip(int(length))
	body := b[8 : length-4]
	switch kind {
	case blockInterface:
		return packet.Frame{}, p.describe(body, start)
	case blockStatistics:
		p.statistics(body)
		return packet.Frame{}, nil
	case blockSecrets:
		p.secrets(body)
		return packet.Frame{}, nil
	case blockSimple:
		return p.simple(body, start)
	case blockPacket: // interface (2), drops (2), then as the enhanced one
		if len(body) < 4 {
			return packet.Frame{}, p.damaged(start, "a packet block of %d bytes", length)
		}
		return p.enhanced(uint32(p.order.Uint16(body)), body, start)
	}
	if len(body) < 4 {
		return packet.Frame{}, p.damaged(start, "a packet block of %d bytes", length)
	}
	return p.enhanced(p.order.Uint32(body), body, start)
}

func (p *pcapngFile) damaged(offset int64, format string, args ...any) error {
	return &FormatError{Path: p.file.name, Offset: offset, Found: fmt.Sprintf(format, args...)}
}

// section reads a section header: byte order magic, version, section length,
// options. It begins the interfaces anew.
func (p *pcapngFile) section(b []byte) error {
	in := p.file.in
	start := in.offset
	switch magic := b[8:12]; {
	case binary.LittleEndian.Uint32(magic) == byteOrderMagic:
		p.order = binary.LittleEndian
	case binary.BigEndian.Uint32(magic) == byteOrderMagic:
		p.order = binary.BigEndian
	default:
		return p.damaged(start, "the pcapng byte order mark %x", magic)
	}
	length := int64(p.order.Uint32(b[4:]))
	if length < 28 {
		return p.damaged(start, "a section header of %d bytes", length)
	}
	b, err := in.peek(16)
	if err != nil {
		return p.file.fail(err, start)
	}
	if major := p.order.Uint16(b[12:]); major != 1 {
		return p.damaged(start, "pcapng of version %d.%d", major, p.order.Uint16(b[14:]))
	}
	p.lost = p.drops()
	p.interfaces = p.interfaces[:0]
	p.skipping = start
	if err := in.discard((length + 3) &^ 3); err != nil {
		return p.file.fail(err, start)
	}
	return nil
}

// describe reads an interface description: link type (2), reserved (2), snap
// length (4), options.
func (p *pcapngFile) describe(body []byte, start int64) error {
	if len(body) < 8 {
		return p.damaged(start, "an interface description of %d bytes", len(body)+12)
	}
	if len(p.interfaces) == maxInterfaces {
		return p.damaged(start, "more than %d interfaces", maxInterfaces)
	}
	i := pcapngInterface{
		link:   packet.LinkType(p.order.Uint16(body)),
		snap:   p.order.Uint32(body[4:]),
		perSec: 1e6,
	}
	for code, value := range p.options(body[8:]) {
		switch {
		case code == optionResolution && len(value) >= 1:
			var ok bool
			if i.perSec, ok = resolution(value[0]); !ok {
				return p.damaged(start, "the timestamp resolution %#x", value[0])
			}
		case code == optionTimeOffset && len(value) >= 8:
			i.offset = int64(p.order.Uint64(value))
		}
	}
	if 1e9%i.perSec == 0 {
		i.nsUnit = 1e9 / i.perSec
	}
	p.interfaces = append(p.interfaces, i)
	return nil
}

// resolution gives the units in a second: a power of ten, or of two where the
// highest bit is set.
func resolution(v byte) (uint64, bool) {
	if v&0x80 != 0 {
		return 1 << (v & 0x7f), v&0x7f < 64
	}
	n := uint64(1)
	for range v {
		if n > 1e18 {
			return 0, false
		}
		n *= 10
	}
	return n, true
}

// time converts a timestamp of the interface.
func (i *pcapngInterface) time(units uint64) time.Time {
	sec, rest := units/i.perSec, units%i.perSec
	ns := rest * i.nsUnit
	if i.nsUnit == 0 {
		high, low := bits.Mul64(rest, 1e9)
		ns, _ = bits.Div64(high, low, i.perSec)
	}
	return time.Unix(int64(sec)+i.offset, int64(ns)).UTC()
}

// options yields the options of a block until they end or contradict its length.
func (p *pcapngFile) options(b []byte) func(yield func(uint16, []byte) bool) {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			code, n := p.order.Uint16(b), int(p.order.Uint16(b[2:]))
			if code == optionEnd || 4+n > len(b) || !yield(code, b[4:4+n]) {
				return
			}
			b = b[min(len(b), 4+(n+3)&^3):]
		}
	}
}

// enhanced reads a packet: interface (4), timestamp (8), captured length (4),
// length on the wire (4), bytes, options.
func (p *pcapngFile) enhanced(id uint32, body []byte, start int64) (packet.Frame, error) {
	if len(body) < 20 {
		return packet.Frame{}, p.damaged(start, "a packet block of %d bytes", len(body)+12)
	}
	if int64(id) >= int64(len(p.interfaces)) {
		return packet.Frame{}, p.damaged(start, "a packet of interface %d, of which there are %d", id, len(p.interfaces))
	}
	captured, wire := p.order.Uint32(body[12:]), p.order.Uint32(body[16:])
	if int64(captured) > int64(len(body)-20) {
		return packet.Frame{}, p.damaged(start, "a packet of %d bytes in a block of %d", captured, len(body)+12)
	}
	i := &p.interfaces[id]
	p.last = i.time(uint64(p.order.Uint32(body[4:]))<<32 | uint64(p.order.Uint32(body[8:])))
	return packet.Frame{
		Time:    p.last,
		Link:    i.link,
		WireLen: max(int(wire), int(captured)),
		Data:    body[20 : 20+captured],
	}, nil
}

// simple reads a packet that has neither interface nor time: length on the
// wire (4), bytes. It gets the time of the frame before it, or that of 1970.
func (p *pcapngFile) simple(body []byte, start int64) (packet.Frame, error) {
	if len(body) < 4 {
		return packet.Frame{}, p.damaged(start, "a packet block of %d bytes", len(body)+12)
	}
	if len(p.interfaces) == 0 {
		return packet.Frame{}, p.damaged(start, "a packet of interface 0, of which there are 0")
	}
	wire := p.order.Uint32(body)
	captured := wire
	if snap := p.interfaces[0].snap; snap != 0 {
		captured = min(captured, snap)
	}
	if p.last.IsZero() {
		p.last = time.Unix(0, 0).UTC()
	}
	// The block's padding is part of body, so that its length tells only the limit.
	return packet.Frame{
		Time:    p.last,
		Link:    p.interfaces[0].link,
		WireLen: int(wire),
		Data:    body[4 : 4+min(int64(captured), int64(len(body)-4))],
	}, nil
}

// statistics reads an interface's counters: interface (4), timestamp (8),
// options. They count from the begin of the capture; the latest holds.
func (p *pcapngFile) statistics(body []byte) {
	if len(body) < 12 {
		return
	}
	id := p.order.Uint32(body)
	if int64(id) >= int64(len(p.interfaces)) {
		return
	}
	s := &p.interfaces[id].stats
	for code, value := range p.options(body[12:]) {
		if len(value) < 8 {
			continue
		}
		n := p.order.Uint64(value)
		switch code {
		case optionReceived:
			s.Received = n
		case optionInterfaceDr:
			s.DroppedInterface = n
		case optionSystemDrop:
			s.DroppedKernel = n
		}
	}
}

// secrets reads what decrypts later packets: type (4), length (4), secrets.
func (p *pcapngFile) secrets(body []byte) {
	if p.file.keyLog == nil || len(body) < 8 || p.order.Uint32(body) != secretsTLS {
		return
	}
	p.file.keyLog(body[8 : 8+min(uint64(p.order.Uint32(body[4:])), uint64(len(body)-8))])
}

// drops sums the interfaces of all sections up to now.
func (p *pcapngFile) drops() Drops {
	sum := p.lost
	for _, i := range p.interfaces {
		sum.Received += i.stats.Received
		sum.DroppedKernel += i.stats.DroppedKernel
		sum.DroppedInterface += i.stats.DroppedInterface
	}
	return sum
}

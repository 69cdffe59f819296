package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Magic numbers of pcap, in the byte order of who wrote the file.
const (
	magicMicro     = 0xa1b2c3d4
	magicNano      = 0xa1b23c4d
	magicKuznetzov = 0xa1b2cd34 // Alexey Kuznetzov's patched libpcap: longer record headers
)

const (
	pcapHeader = 24
	// commonRecord holds any frame that a network card makes, BIG TCP included.
	commonRecord = 1 << 20
	// maxRecord bounds a record whatever the file says of itself.
	maxRecord = 16 << 20
)

// pcapFile reads the classic format.
type pcapFile struct {
	file    *File
	swapped bool // the file is big-endian
	link    packet.LinkType
	header  int   // bytes of a record header
	unit    int64 // ns of the fraction field
	limit   int   // bytes of a record
	old     bool  // before version 2.3: the two lengths stand the other way round
}

// open reads the file header, whose first 4 bytes are head.
func (p *pcapFile) open(head []byte) error {
	magic := binary.LittleEndian.Uint32(head)
	p.header, p.unit = 16, 1000
	for range 2 {
		switch magic {
		case magicMicro:
			return p.fileHeader()
		case magicNano:
			p.unit = 1
			return p.fileHeader()
		case magicKuznetzov:
			p.header = 24
			return p.fileHeader()
		}
		magic = binary.BigEndian.Uint32(head)
		p.swapped = true
	}
	return &FormatError{Path: p.file.name, Found: describe(head)}
}

//	0                   1                   2                   3
//
// | magic                                                         |
// | major version                 | minor version                 |
// | time zone (never used)        4 bytes                         |
// | accuracy (never used)         4 bytes                         |
// | snap length                                                   |
// | FCS length, if known          | link type                     |
func (p *pcapFile) fileHeader() error {
	in := p.file.in
	b, err := in.peek(pcapHeader)
	if err != nil {
		return p.file.fail(err, 0)
	}
	major, minor := p.u16(b[4:]), p.u16(b[6:])
	if major != 2 {
		return &FormatError{Path: p.file.name, Found: fmt.Sprintf("pcap of version %d.%d", major, minor)}
	}
	p.old = minor < 3
	p.limit = commonRecord
	if snap := p.u32(b[16:]); snap > commonRecord {
		p.limit = int(min(snap, maxRecord))
	}
	p.link = packet.LinkType(p.u32(b[20:]))
	in.skip(pcapHeader)
	return nil
}

func (p *pcapFile) u16(b []byte) uint16 {
	if p.swapped {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (p *pcapFile) u32(b []byte) uint32 {
	if p.swapped {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// next reads one record into f: seconds, fraction, captured length, length on
// the wire (4 bytes each), and in Kuznetzov's format 8 bytes of interface,
// protocol and packet type. It fills f in place, field by field: a frame that
// is copied right after it was written stalls the processor at each copy.
func (p *pcapFile) next(f *packet.Frame) error {
	in := p.file.in
	b := in.buf[in.at:in.end]
	if len(b) < p.header {
		var err error
		if b, err = in.peek(p.header); err != nil {
			return p.end(b, err)
		}
	}
	h := (*[16]byte)(b)
	var sec, fraction, captured, wire uint32
	if p.swapped {
		sec, fraction = binary.BigEndian.Uint32(h[:]), binary.BigEndian.Uint32(h[4:])
		captured, wire = binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
	} else {
		sec, fraction = binary.LittleEndian.Uint32(h[:]), binary.LittleEndian.Uint32(h[4:])
		captured, wire = binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:])
	}
	if p.old {
		captured, wire = wire, captured
	}
	if captured > uint32(p.limit) {
		p.file.err = &FormatError{
			Path: p.file.name, Offset: in.offset,
			Found: fmt.Sprintf("a record of %d bytes", captured),
		}
		return p.file.err
	}
	n := p.header + int(captured)
	if len(b) < n {
		var err error
		if b, err = in.peek(n); err != nil {
			return p.end(b, err)
		}
	}
	in.skip(n)
	f.Time = time.Unix(int64(sec), int64(fraction)*p.unit).UTC()
	f.Link = p.link
	f.WireLen = max(int(wire), int(captured))
	f.Data = b[p.header:n:n]
	return nil
}

// end notes why the file ends here: b is what is left of it.
func (p *pcapFile) end(b []byte, err error) error {
	if errors.Is(err, ErrTimeout) {
		return err
	}
	p.file.err = io.EOF
	if !errors.Is(err, errShort) || len(b) > 0 {
		p.file.err = p.file.fail(err, p.file.in.offset)
	}
	return p.file.err
}

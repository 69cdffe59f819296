package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Writer writes a classic pcap file, little-endian. It writes each record at
// once: give it a buffered writer.
type Writer struct {
	w    io.Writer
	unit time.Duration
	head []byte
}

// NewWriter writes the header of a file whose frames are of one link type, and
// whose times are in microseconds or, which not every old tool reads, in
// nanoseconds.
func NewWriter(w io.Writer, link packet.LinkType, unit time.Duration) (*Writer, error) {
	le := binary.LittleEndian
	magic := uint32(magicMicro)
	if unit == time.Nanosecond {
		magic = magicNano
	}
	head := le.AppendUint32(make([]byte, 0, pcapHeader), magic)
	head = le.AppendUint16(head, 2)
	head = le.AppendUint16(head, 4)
	head = append(head, 0, 0, 0, 0, 0, 0, 0, 0) // zone and accuracy, which nobody uses
	head = le.AppendUint32(head, 1<<18)         // longest frame
	head = le.AppendUint32(head, uint32(link))
	if _, err := w.Write(head); err != nil {
		return nil, fmt.Errorf("write pcap header: %w", err)
	}
	return &Writer{w: w, unit: unit, head: head}, nil
}

// Write writes one frame. Where f.WireLen is more than there is of it, readers
// know that it was cut.
func (w *Writer) Write(f *packet.Frame) error {
	le := binary.LittleEndian
	w.head = le.AppendUint32(w.head[:0], uint32(f.Time.Unix()))
	w.head = le.AppendUint32(w.head, uint32(f.Time.Nanosecond()/int(w.unit)))
	w.head = le.AppendUint32(w.head, uint32(len(f.Data)))
	w.head = le.AppendUint32(w.head, uint32(f.WireLen))
	if _, err := w.w.Write(w.head); err != nil {
		return fmt.Errorf("write pcap record: %w", err)
	}
	if _, err := w.w.Write(f.Data); err != nil {
		return fmt.Errorf("write pcap record: %w", err)
	}
	return nil
}

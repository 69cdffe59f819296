package synth

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// WritePcap writes the capture as a classic pcap file: Ethernet,
// microseconds, little-endian.
func WritePcap(w io.Writer, c Capture) error {
	out := bufio.NewWriterSize(w, 1<<18)
	le := binary.LittleEndian
	head := le.AppendUint32(nil, 0xa1b2c3d4)
	head = le.AppendUint16(head, 2)
	head = le.AppendUint16(head, 4)
	head = append(head, 0, 0, 0, 0, 0, 0, 0, 0) // zone and accuracy, which nobody uses
	head = le.AppendUint32(head, 1<<18)         // longest frame
	head = le.AppendUint32(head, uint32(packet.LinkEthernet))
	if _, err := out.Write(head); err != nil {
		return fmt.Errorf("write pcap header: %w", err)
	}
	for f := range c.Frames() {
		head = le.AppendUint32(head[:0], uint32(f.Time.Unix()))
		head = le.AppendUint32(head, uint32(f.Time.Nanosecond()/int(time.Microsecond)))
		head = le.AppendUint32(head, uint32(len(f.Data)))
		head = le.AppendUint32(head, uint32(f.WireLen))
		if _, err := out.Write(head); err != nil {
			return fmt.Errorf("write pcap record: %w", err)
		}
		if _, err := out.Write(f.Data); err != nil {
			return fmt.Errorf("write pcap record: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write pcap file: %w", err)
	}
	return nil
}

package synth

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/earshot-voip/earshot/agent/capture"
	"github.com/earshot-voip/earshot/internal/packet"
)

// WritePcap writes the capture as a classic pcap file: Ethernet,
// microseconds, little-endian.
func WritePcap(w io.Writer, c Capture) error {
	buffer := bufio.NewWriterSize(w, 1<<18)
	out, err := capture.NewWriter(buffer, packet.LinkEthernet, time.Microsecond)
	if err != nil {
		return err
	}
	for f := range c.Frames() {
		if err := out.Write(&f); err != nil {
			return err
		}
	}
	if err := buffer.Flush(); err != nil {
		return fmt.Errorf("write pcap file: %w", err)
	}
	return nil
}

//go:build !libpcap

package capture

import (
	"fmt"
	"io"

	"github.com/earshot-voip/earshot/internal/packet"
)

// Live stands for a capture by libpcap in a program that was built without it.
type Live struct{}

// OpenLive fails: this program was built without libpcap.
func OpenLive(o LiveOptions) (*Live, error) {
	return nil, fmt.Errorf("capture from interface %q: this program was built without libpcap; build it with: CGO_ENABLED=1 go build -tags libpcap (needs libpcap's headers, Debian's libpcap-dev)", o.Interface)
}

// SetFilter does nothing.
func (l *Live) SetFilter(string) error { return nil }

// Next returns io.EOF.
func (l *Live) Next() (packet.Frame, error) { return packet.Frame{}, io.EOF }

// Drops returns nothing.
func (l *Live) Drops() (Drops, error) { return Drops{}, nil }

// Close does nothing.
func (l *Live) Close() {}

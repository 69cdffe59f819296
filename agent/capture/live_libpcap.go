//go:build libpcap

package capture

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/gopacket/gopacket/pcap"

	"github.com/earshot-voip/earshot/internal/packet"
)

const (
	defaultBufferBytes = 32 << 20
	maxSnapLen         = 262144 // libpcap's MAXIMUM_SNAPLEN; a file may say more, within maxRecord
	// readTimeout is the time after which Next gives up, and the longest that
	// the kernel collects frames before it hands them over.
	readTimeout = 100 * time.Millisecond
)

func (o LiveOptions) withDefaults() LiveOptions {
	if o.SnapLen <= 0 {
		o.SnapLen = maxSnapLen
	}
	if o.BufferBytes <= 0 {
		o.BufferBytes = defaultBufferBytes
	}
	return o
}

// Live captures from a network interface by libpcap. It belongs to one
// goroutine.
type Live struct {
	name   string
	handle *pcap.Handle
	link   packet.LinkType
}

// OpenLive begins to capture. It needs root, or CAP_NET_RAW on the program.
func OpenLive(o LiveOptions) (*Live, error) {
	o = o.withDefaults()
	h, err := activate(o)
	if err != nil {
		return nil, fmt.Errorf("capture from interface %q: %w", o.Interface, explain(o.Interface, err))
	}
	l := &Live{name: o.Interface, handle: h, link: packet.LinkType(h.LinkType())}
	if o.Filter != "" {
		if err := l.SetFilter(o.Filter); err != nil {
			h.Close()
			return nil, err
		}
	}
	return l, nil
}

// SetFilter replaces the capture filter, in the language of pcap-filter(7).
func (l *Live) SetFilter(filter string) error {
	if err := l.handle.SetBPFFilter(filter); err != nil {
		return fmt.Errorf("capture filter %q: %w; see pcap-filter(7)", filter, err)
	}
	return nil
}

func activate(o LiveOptions) (*pcap.Handle, error) {
	h, err := pcap.NewInactiveHandle(o.Interface)
	if err != nil {
		return nil, err
	}
	defer h.CleanUp()
	if err := h.SetSnapLen(o.SnapLen); err != nil {
		return nil, err
	}
	if err := h.SetPromisc(o.Promiscuous); err != nil {
		return nil, err
	}
	if err := h.SetTimeout(readTimeout); err != nil {
		return nil, err
	}
	if err := h.SetBufferSize(o.BufferBytes); err != nil {
		return nil, err
	}
	active, err := h.Activate()
	if err != nil {
		// The reason in words is in the handle only.
		if more := h.Error(); more != nil && more.Error() != "" {
			err = fmt.Errorf("%w: %w", err, more)
		}
		return nil, err
	}
	return active, nil
}

// explain says what to do about a failure that has a known remedy.
func explain(name string, err error) error {
	text := strings.ToLower(err.Error())
	known := interfaces()
	found := name == "any"
	for _, k := range known {
		found = found || k == name
	}
	switch {
	case !found:
		return fmt.Errorf("no such interface; there are %s", strings.Join(known, ", "))
	case errors.Is(err, syscall.EPERM), strings.Contains(text, "permi"):
		return fmt.Errorf("no permission: run as root, or give the program the capability: setcap cap_net_raw,cap_net_admin+ep PATH-OF-EARSHOT (CAP_NET_RAW; %w)", err)
	}
	return err
}

func interfaces() []string {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(list)+1)
	for _, i := range list {
		names = append(names, i.Name)
	}
	return append(names, "any")
}

// Next returns the next frame, or ErrTimeout when none came for a while. Data
// is the kernel's: it is valid until the next call. After Close it returns io.EOF.
func (l *Live) Next() (packet.Frame, error) {
	data, info, err := l.handle.ZeroCopyReadPacketData()
	switch {
	case err == nil:
		return packet.Frame{Time: info.Timestamp.UTC(), Link: l.link, WireLen: info.Length, Data: data}, nil
	case errors.Is(err, pcap.NextErrorTimeoutExpired):
		return packet.Frame{}, ErrTimeout
	case errors.Is(err, io.EOF):
		return packet.Frame{}, io.EOF
	}
	if more := l.handle.Error(); more != nil && more.Error() != "" {
		err = more
	}
	return packet.Frame{}, fmt.Errorf("capture from interface %q: %w", l.name, err)
}

// Drops returns the counters since the capture began. Any goroutine may ask.
func (l *Live) Drops() (Drops, error) {
	s, err := l.handle.Stats()
	if err != nil {
		return Drops{}, fmt.Errorf("drop counters of interface %q: %w", l.name, err)
	}
	return Drops{
		Received:         uint64(s.PacketsReceived),
		DroppedKernel:    uint64(s.PacketsDropped),
		DroppedInterface: uint64(s.PacketsIfDropped),
	}, nil
}

// Close ends the capture.
func (l *Live) Close() { l.handle.Close() }

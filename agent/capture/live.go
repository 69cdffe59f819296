package capture

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Any is the name that stands for every interface of the machine, those that
// come later among them.
const Any = "any"

// Methods of live capture.
const (
	MethodAFPacket = "afpacket" // Linux: TPACKET_V3 rings that the kernel fills
	MethodLibpcap  = "libpcap"  // everywhere else; a program built with the tag libpcap has it
)

// Timestamps that a frame may carry.
const (
	TimestampsAuto     = "auto"     // the network card's where it is set up to stamp every frame, else the kernel's
	TimestampsKernel   = "kernel"   // when the kernel took the frame over
	TimestampsHardware = "hardware" // the card's, which is set up for it
)

// LiveOptions says what to capture. Zero values mean the defaults.
type LiveOptions struct {
	Interface   string
	Method      string // MethodAFPacket or MethodLibpcap; the first on Linux, the other elsewhere
	Filter      Filter
	Promiscuous bool   // frames to other hosts too
	BufferBytes int    // of all rings of the interface; 32 MiB
	Workers     int    // rings, each with part of the flows; 1
	Timestamps  string // TimestampsAuto and so on; auto
	Log         *slog.Logger
}

const (
	defaultBufferBytes = 32 << 20
	maxSnapLen         = 262144 // libpcap's MAXIMUM_SNAPLEN; a file may say more, within maxRecord
)

func (o LiveOptions) withDefaults() LiveOptions {
	if o.Method == "" {
		o.Method = MethodLibpcap
		if runtime.GOOS == "linux" {
			o.Method = MethodAFPacket
		}
	}
	if o.BufferBytes <= 0 {
		o.BufferBytes = defaultBufferBytes
	}
	if o.Workers <= 0 || o.Method == MethodLibpcap { // which has one ring
		o.Workers = 1
	}
	if o.Timestamps == "" {
		o.Timestamps = TimestampsAuto
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// DefaultWorkers is how many rings an interface gets on a machine with this
// many cores. What comes behind them, the agent, is one goroutine, so that a
// quarter of the cores is enough to decode for it; more than eight would split
// the buffer without being read any faster.
func DefaultWorkers(cores int) int { return min(max(cores/4, 1), 8) }

// Live captures from an interface, or that part of its flows which the kernel
// gives to one worker. Next belongs to one goroutine; it may return ErrTimeout
// and *Outage, upon which it is called again, and io.EOF after Close.
type Live interface {
	Source
	// Drops returns the counters since the capture began. Any goroutine may ask.
	Drops() (Drops, error)
	// SetFilter replaces the filter. Any goroutine may do so with AF_PACKET, and
	// no frame that passes both filters is lost; with libpcap only who reads.
	SetFilter(Filter) error
	// Close ends the capture, from any goroutine. Whoever has begun to read
	// reads on until io.EOF: with that the ring is let go.
	Close()
	// String says how it captures.
	String() string
}

// Outage is what Next returns when the interface has gone, and again when it is
// back: no failure, call again.
type Outage struct {
	Interface string
	From, To  time.Time // To is zero while it lasts
	Missed    uint64    // frames that the new interface counted before it was captured from
}

func (o *Outage) Error() string {
	if o.To.IsZero() {
		return fmt.Sprintf("interface %q is gone; capture goes on when it is back", o.Interface)
	}
	return fmt.Sprintf("interface %q is back after %v", o.Interface, o.To.Sub(o.From).Round(time.Millisecond))
}

// OpenLive begins to capture from an interface: one Live for each worker. It
// needs root, or CAP_NET_RAW on the program.
func OpenLive(o LiveOptions) ([]Live, error) {
	o = o.withDefaults()
	var all []Live
	var err error
	switch o.Method {
	case MethodAFPacket:
		all, err = openAFPacket(o)
	case MethodLibpcap:
		all, err = openLibpcap(o)
	default:
		err = fmt.Errorf("method %q; want %s or %s", o.Method, MethodAFPacket, MethodLibpcap)
	}
	if err != nil {
		return nil, fmt.Errorf("capture from interface %q: %w", o.Interface, explain(o.Interface, err))
	}
	if err := o.Filter.set(all); err != nil {
		return nil, err
	}
	return all, nil
}

// set gives a filter to every worker of an interface, or closes them.
func (f Filter) set(all []Live) error {
	for _, l := range all {
		if err := l.SetFilter(f); err != nil {
			for _, l := range all {
				l.Close()
			}
			return err
		}
	}
	return nil
}

// explain says what to do about a failure that has a known remedy.
func explain(name string, err error) error {
	known := interfaces()
	switch {
	case !slices.Contains(known, name):
		return fmt.Errorf("no such interface; there are %s", strings.Join(known, ", "))
	case errors.Is(err, syscall.EPERM), strings.Contains(strings.ToLower(err.Error()), "permi"):
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
	return append(names, Any)
}

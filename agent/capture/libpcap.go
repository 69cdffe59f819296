//go:build libpcap

package capture

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket/pcap"
	"golang.org/x/net/bpf"

	"github.com/earshot-voip/earshot/internal/packet"
)

// readTimeout is the time after which Next gives up, and the longest that
// the kernel collects frames before it hands them over.
const readTimeout = 100 * time.Millisecond

// libpcap captures from a network interface by libpcap.
type libpcap struct {
	name   string
	handle *pcap.Handle
	link   packet.LinkType
}

func openLibpcap(o LiveOptions) ([]Live, error) {
	h, err := activate(o)
	if err != nil {
		return nil, err
	}
	if o.Timestamps == TimestampsHardware {
		o.Log.Warn("no hardware timestamps with libpcap; the kernel's are taken", "interface", o.Interface)
	}
	return []Live{&libpcap{name: o.Interface, handle: h, link: packet.LinkType(h.LinkType())}}, nil
}

// SetFilter replaces the filter.
func (l *libpcap) SetFilter(f Filter) error {
	program, err := f.assemble(l.link, l.compile)
	if err != nil {
		return fmt.Errorf("filter of interface %q: %w", l.name, err)
	}
	instructions := make([]pcap.BPFInstruction, len(program))
	for i, p := range program {
		instructions[i] = pcap.BPFInstruction{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	if err := l.handle.SetBPFInstructionFilter(instructions); err != nil {
		return fmt.Errorf("filter of interface %q: %w", l.name, err)
	}
	return nil
}

func (l *libpcap) compile(filter string, _ packet.LinkType, _ uint32) ([]bpf.RawInstruction, error) {
	if isProgram(filter) {
		return parseProgram(filter)
	}
	compiled, err := l.handle.CompileBPFFilter(filter)
	if err != nil {
		return nil, fmt.Errorf("%w; see pcap-filter(7)", err)
	}
	program := make([]bpf.RawInstruction, len(compiled))
	for i, p := range compiled {
		program[i] = bpf.RawInstruction{Op: p.Code, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	return program, nil
}

func activate(o LiveOptions) (*pcap.Handle, error) {
	h, err := pcap.NewInactiveHandle(o.Interface)
	if err != nil {
		return nil, err
	}
	defer h.CleanUp()
	if err := h.SetSnapLen(int(o.Filter.snapLen())); err != nil {
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

// Next returns the next frame, or ErrTimeout when none came for a while. Data
// is the kernel's: it is valid until the next call. After Close it returns io.EOF.
func (l *libpcap) Next() (packet.Frame, error) {
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
func (l *libpcap) Drops() (Drops, error) {
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
func (l *libpcap) Close() { l.handle.Close() }

// String says how it captures.
func (l *libpcap) String() string { return "libpcap" }

package capture

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/earshot-voip/earshot/internal/packet"
)

// wakeEvery is how long Next waits for frames.
const wakeEvery = 50 * time.Millisecond

// afpacket is one worker of a capture by AF_PACKET.
type afpacket struct {
	o      LiveOptions
	worker int
	group  *fanout // nil where there is one worker

	ring     *ring // nil while the interface is away, and after the end
	wake     int   // eventfd, by which Close ends a wait; -1 after the end
	closed   atomic.Bool
	owned    atomic.Bool // by whoever is first of reader and Close: that one lets the ring go
	reading  bool        // the reader is
	refused  int         // times that the interface was there and could not be captured from
	gone     time.Time   // since when the interface is away; zero while it is there
	alive    time.Time   // when it was last known to be there
	hardware bool        // the card stamps frames
	distrust bool        // its clock is to be looked at

	mu     sync.Mutex // of what Drops and SetFilter share with the reader
	filter Filter
	total  Drops
	missed uint64 // by the interface's own count, when it was asked last
}

func openAFPacket(o LiveOptions) ([]Live, error) {
	group := &fanout{index: -1}
	if o.Workers == 1 {
		group = nil
	}
	var all []Live
	for i := range o.Workers {
		l, err := newAFPacket(o, i, group)
		if err != nil {
			for _, l := range all {
				l.Close()
			}
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// newAFPacket opens a ring that lets nothing pass before SetFilter: no frame
// may come to two workers before both are in the group.
func newAFPacket(o LiveOptions, worker int, group *fanout) (*afpacket, error) {
	l := &afpacket{o: o, worker: worker, group: group, alive: time.Now()}
	var err error
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	if l.ring, err = l.open(); err != nil {
		_ = unix.Close(l.wake)
		return nil, err
	}
	if worker == 0 {
		s, _ := linkStatsOf(o.Interface) // its drops before now are not ours
		l.missed = s.missed
	}
	return l, nil
}

// open makes a ring that is bound to the interface and one of the group.
func (l *afpacket) open() (_ *ring, err error) {
	index := 0
	if l.o.Interface != Any {
		i, err := net.InterfaceByName(l.o.Interface)
		if err != nil {
			return nil, err
		}
		index = i.Index
	}
	r, err := newRing(l.o.BufferBytes / l.o.Workers)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if l.o.Promiscuous && index != 0 {
		m := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return nil, os.NewSyscallError("promiscuous mode", err)
		}
	}
	if err := l.stamp(r, index); err != nil {
		return nil, err
	}
	if err := r.bind(index); err != nil {
		return nil, err
	}
	if l.group == nil {
		return r, nil
	}
	return r, l.group.join(r.fd, index)
}

// Next returns the next frame. Its data lie in the ring, and are valid until the
// next call.
func (l *afpacket) Next() (f packet.Frame, err error) {
	if !l.reading {
		if l.owned.Swap(true) { // by Close
			return f, io.EOF
		}
		l.reading = true
	}
	for {
		if l.ring == nil || l.ring.left == 0 {
			if l.closed.Load() {
				return f, l.end()
			}
			if l.ring == nil {
				return f, l.reopen()
			}
		}
		if h := l.ring.next(); h != nil {
			l.fill(&f, h)
			return f, nil
		}
		if err := l.wait(); err != nil {
			return f, err
		}
	}
}

// wait returns when frames may be there, or says why there are none.
func (l *afpacket) wait() error {
	l.distrust = true
	on := [...]unix.PollFd{{Fd: int32(l.ring.fd), Events: unix.POLLIN | unix.POLLERR}, {Fd: int32(l.wake), Events: unix.POLLIN}}
	n, err := unix.Poll(on[:], int(wakeEvery/time.Millisecond))
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("capture from interface %q: %w", l.o.Interface, os.NewSyscallError("poll", err))
	case on[0].Revents&unix.POLLERR != 0:
		// ENETDOWN: the interface is down. The socket wakes up with it.
		if e, err := unix.GetsockoptInt(l.ring.fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && e != 0 && unix.Errno(e) != unix.ENETDOWN {
			return fmt.Errorf("capture from interface %q: %w", l.o.Interface, unix.Errno(e))
		}
		return ErrTimeout
	case n == 0:
		return l.quiet()
	}
	return nil
}

// quiet looks whether the interface is still there.
func (l *afpacket) quiet() error {
	now := time.Now().UTC()
	if l.o.Interface == Any {
		return ErrTimeout
	}
	if index, _, err := l.ring.bound(); err != nil || index > 0 {
		l.alive = now
		return ErrTimeout
	}
	l.gone = l.alive
	l.letGo()
	return l.tell(&Outage{Interface: l.o.Interface, From: l.gone})
}

// tell has the first worker speak for all of the interface.
func (l *afpacket) tell(o *Outage) error {
	if l.worker != 0 {
		return ErrTimeout
	}
	return o
}

// reopen waits a little and tries to capture again.
func (l *afpacket) reopen() error {
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(l.wake), Events: unix.POLLIN}}, int(wakeEvery/time.Millisecond))
	r, err := l.open()
	if err != nil {
		// It is not there, or another worker has not let go of the one before it.
		var absent *net.OpError
		if l.refused++; errors.As(err, &absent) {
			l.refused = 0
		}
		if l.refused == int(time.Second/wakeEvery) {
			l.o.Log.Error("interface is there and cannot be captured from; trying on", "interface", l.o.Interface, "worker", l.worker, "error", err)
		}
		return ErrTimeout
	}
	l.refused = 0
	l.mu.Lock()
	l.ring = r
	err = l.setFilter(l.filter)
	l.mu.Unlock()
	if err != nil {
		l.letGo()
		return ErrTimeout
	}
	back := &Outage{Interface: l.o.Interface, From: l.gone, To: time.Now().UTC()}
	if s, err := linkStatsOf(l.o.Interface); err == nil {
		back.Missed = s.packets
	}
	l.gone, l.alive = time.Time{}, back.To
	return l.tell(back)
}

// Drops returns the counters since the capture began. Any goroutine may ask.
func (l *afpacket) Drops() (Drops, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ring != nil {
		if err := l.count(); err != nil {
			return Drops{}, fmt.Errorf("drop counters of interface %q: %w", l.o.Interface, err)
		}
		if l.worker == 0 { // the others would count the same again
			l.countMissed()
		}
	}
	return l.total, nil
}

// countMissed adds what the interface dropped since it was asked last. A number
// that fell is that of a new interface, or of fewer ones.
func (l *afpacket) countMissed() {
	s, err := linkStatsOf(l.o.Interface)
	if err != nil {
		return
	}
	if s.missed > l.missed {
		l.total.DroppedInterface += s.missed - l.missed
	}
	l.missed = s.missed
}

// count adds what the kernel counted since it was asked last. Its number of
// packets has the dropped ones in it.
func (l *afpacket) count() error {
	s, err := unix.GetsockoptTpacketStatsV3(l.ring.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return os.NewSyscallError("getsockopt PACKET_STATISTICS", err)
	}
	l.total.Received += uint64(s.Packets)
	l.total.DroppedKernel += uint64(s.Drops)
	l.total.Freezes += uint64(s.Freeze_q_cnt)
	return nil
}

// SetFilter replaces the filter, at once and for every frame that comes: each
// frame meets the one or the other. One that the kernel refuses changes nothing.
func (l *afpacket) SetFilter(f Filter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.setFilter(f); err != nil {
		return err
	}
	l.filter = f
	return nil
}

// setFilter also tells what is wrong with a filter while the interface is away.
func (l *afpacket) setFilter(f Filter) error {
	program, err := l.program(f)
	if err == nil && l.ring != nil {
		err = l.ring.setProgram(program)
	}
	if err != nil {
		return fmt.Errorf("filter of interface %q: %w", l.o.Interface, err)
	}
	return nil
}

// program is the whole of what the kernel runs. Loopback shows each frame as it
// goes out and as it comes in: one of them is enough. On "any" the link type
// is that of each frame's interface.
func (l *afpacket) program(f Filter) ([]bpf.RawInstruction, error) {
	ethernet, err := f.assemble(packet.LinkEthernet, compileGiven)
	if err != nil {
		return nil, err
	}
	raw, err := f.assemble(packet.LinkRaw, compileGiven)
	if err != nil || isProgram(f.Given) { // which speak of Ethernet: the rest is not for them to refuse
		raw = []bpf.RawInstruction{{Op: retNothing.Op, K: f.snapLen()}}
	}
	var p program
	p.add(bpf.LoadExtension{Num: bpf.ExtLinkLayerType})
	p.when(bpf.JumpEqual, arphrdEther, "ethernet")
	p.when(bpf.JumpEqual, arphrdLoopback, "loopback")
	for _, t := range [...]uint32{arphrdNone, arphrdRawIP, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT, unix.ARPHRD_IPGRE, unix.ARPHRD_IP6GRE} {
		p.when(bpf.JumpEqual, t, "raw")
	}
	p.add(bpf.RetConstant{Val: f.snapLen()}) // no filter is made for others: all of them
	p.label("loopback")
	p.add(bpf.LoadExtension{Num: bpf.ExtType})
	p.when(bpf.JumpNotEqual, unix.PACKET_OUTGOING, "ethernet")
	p.add(bpf.RetConstant{})
	p.label("ethernet")
	for _, at := range p.open["raw"] {
		p.code[at] = bpf.Jump{Skip: uint32(len(p.code) + len(ethernet) - at - 1)}
	}
	head, err := bpf.Assemble(p.code)
	return append(append(head, ethernet...), raw...), err
}

// Close ends the capture, from any goroutine.
func (l *afpacket) Close() {
	if l.closed.Swap(true) {
		return
	}
	if !l.owned.Swap(true) {
		_ = l.end()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wake >= 0 { // else the reader has seen it already
		_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// end lets everything go.
func (l *afpacket) end() error {
	l.letGo()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wake >= 0 {
		_ = unix.Close(l.wake)
		l.wake = -1
	}
	return io.EOF
}

func (l *afpacket) letGo() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ring == nil {
		return
	}
	_ = l.count()
	l.ring.close()
	l.ring = nil
}

// String says how it captures.
func (l *afpacket) String() string {
	size, n := blocksFor(l.o.BufferBytes / l.o.Workers)
	stamps := TimestampsKernel
	if l.hardware {
		stamps = TimestampsHardware
	}
	return fmt.Sprintf("AF_PACKET, workers: %d, each with a ring of %d bytes; timestamps: %s", l.o.Workers, size*n, stamps)
}

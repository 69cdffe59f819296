package capture

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ring is a packet socket with a TPACKET_V3 ring (packet(7), and the kernel's
// Documentation/networking/packet_mmap.rst): blocks in memory that is shared with
// the kernel, which fills one after the other with frames and hands each over
// when it is full or blockTimeout old.
//
// The afpacket package of gopacket walks such a ring too, but hides the
// sockaddr_ll of each frame, which alone says the link type on "any", and the
// status bits of timestamps; it binds the socket before a filter can be set,
// allocates where a frame had a VLAN tag, and unmaps a ring that a reader is
// still in. A frame costs the same of both (BenchmarkCapture).
type ring struct {
	fd        int
	mem       []byte
	blockSize int

	block  int            // the block being read, or to be read next
	held   bool           // it is ours
	left   uint32         // frames of it not given yet
	frame  unsafe.Pointer // the next of them
	status *uint32        // of the block
}

const (
	// blockTimeout is the age in ms at which the kernel hands over a block that
	// is not full; a kernel that looks by the clock may take twice as long.
	blockTimeout = 10
	// A block holds the largest frame that loopback and segmentation offload
	// make, 64 KiB, behind its header; a ring of few blocks drops while one is read.
	maxBlockSize, minBlockSize = 256 << 10, 128 << 10
	wantBlocks, minBlocks      = 16, 2
	// slotSize only has to divide the block: TPACKET_V3 packs frames of any size.
	slotSize = 2048
	// vlanTagSize bytes before each frame are kept free for the tag that the
	// kernel took off.
	vlanTagSize = 4

	sizeofHeader = int(unsafe.Sizeof(unix.Tpacket3Hdr{})) // sockaddr_ll is behind it
)

// blocksFor divides a ring of so many bytes.
func blocksFor(bytes int) (size, n int) {
	size = maxBlockSize
	for size > minBlockSize && bytes/size < wantBlocks {
		size /= 2
	}
	return size, max(bytes/size, minBlocks)
}

// newRing opens a socket that takes nothing until it is bound, and lets nothing
// pass until it has another filter.
func newRing(bytes int) (r *ring, err error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	r = &ring{fd: fd}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if err := r.setProgram([]bpf.RawInstruction{retNothing}); err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("TPACKET_V3, which Linux 3.2 and later have: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_RESERVE, vlanTagSize); err != nil {
		return nil, os.NewSyscallError("setsockopt PACKET_RESERVE", err)
	}
	size, n := blocksFor(bytes)
	r.blockSize = size
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
		Block_size: uint32(size), Block_nr: uint32(n), Frame_size: slotSize, Frame_nr: uint32(size / slotSize * n), Retire_blk_tov: blockTimeout,
	}); err != nil {
		return nil, fmt.Errorf("a ring of %d blocks of %d bytes (capture.buffer): %w", n, size, err)
	}
	r.mem, err = unix.Mmap(fd, 0, size*n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return r, os.NewSyscallError("mmap", err)
}

// retNothing is a whole program.
var retNothing = bpf.RawInstruction{Op: 0x06}

func (r *ring) setProgram(program []bpf.RawInstruction) error {
	if len(program) > maxInstructions {
		return fmt.Errorf("a program of %d instructions; the kernel takes %d", len(program), maxInstructions)
	}
	err := unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{
		Len: uint16(len(program)), Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0])), // of the same layout
	})
	switch {
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the kernel refuses this program of %d instructions: %w", len(program), err)
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("a program of %d instructions is more than net.core.optmem_max allows: %w", len(program), err)
	}
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
}

// bind takes the frames of an interface, or of every one with index 0.
func (r *ring) bind(index int) error {
	// The protocol is in network byte order.
	return os.NewSyscallError("bind", unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: hostToNet16(unix.ETH_P_ALL), Ifindex: index}))
}

// bound gives the interface that the socket takes frames of: its index is -1
// once the interface is removed.
func (r *ring) bound() (index int, hatype uint16, err error) {
	sa, err := unix.Getsockname(r.fd)
	if err != nil {
		return 0, 0, os.NewSyscallError("getsockname", err)
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	if !ok {
		return 0, 0, errors.New("getsockname: no packet socket")
	}
	return ll.Ifindex, ll.Hatype, nil
}

// next gives the next frame; nil when the kernel has handed over no more. The
// frame before it is the kernel's again when its block was read.
func (r *ring) next() *unix.Tpacket3Hdr {
	for r.left == 0 {
		if r.held {
			atomic.StoreUint32(r.status, unix.TP_STATUS_KERNEL)
			r.held = false
			if r.block++; r.block*r.blockSize == len(r.mem) {
				r.block = 0
			}
		}
		at := unsafe.Pointer(&r.mem[r.block*r.blockSize])
		h := (*unix.TpacketHdrV1)(unsafe.Add(at, unsafe.Offsetof(unix.TpacketBlockDesc{}.Hdr)))
		// With the status the kernel publishes all that it wrote before.
		if atomic.LoadUint32(&h.Block_status)&unix.TP_STATUS_USER == 0 {
			return nil
		}
		r.status, r.held, r.left = &h.Block_status, true, h.Num_pkts
		r.frame = unsafe.Add(at, h.Offset_to_first_pkt)
	}
	h := (*unix.Tpacket3Hdr)(r.frame)
	if r.left--; r.left > 0 {
		r.frame = unsafe.Add(r.frame, h.Next_offset)
	}
	return h
}

// sockaddr is that of a frame.
func sockaddr(h *unix.Tpacket3Hdr) *unix.RawSockaddrLinklayer {
	return (*unix.RawSockaddrLinklayer)(unsafe.Add(unsafe.Pointer(h), sizeofHeader))
}

// bytesOf gives n bytes that lie so far behind a frame's header.
func bytesOf(h *unix.Tpacket3Hdr, offset, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(h), offset)), n)
}

func (r *ring) close() {
	if r.mem != nil {
		_ = unix.Munmap(r.mem)
	}
	_ = unix.Close(r.fd)
}

// fanout is the group of the rings of one interface, among which the kernel
// divides its frames by a hash over addresses, protocol and ports that is the same
// for both directions. Fragments have no ports in it, so that all of a datagram
// meet in one Decoder: the kernel need not reassemble them (PACKET_FANOUT_FLAG_DEFRAG),
// which it does within bounds of its own, for IPv4 only, and without a word of
// what it gave up. A full ring does not roll over to another
// (PACKET_FANOUT_FLAG_ROLLOVER): that would take flows apart.
type fanout struct {
	mu    sync.Mutex
	index int // of the interface; -1 before there is a group
	id    int
}

// join makes a bound socket one of the group; the first one makes the group.
func (f *fanout) join(fd, index int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	arg := f.id | unix.PACKET_FANOUT_HASH<<16
	if f.index != index {
		arg = (unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_UNIQUEID) << 16
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, arg); err != nil {
		return os.NewSyscallError("setsockopt PACKET_FANOUT", err)
	}
	if f.index == index {
		return nil
	}
	v, err := unix.GetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return os.NewSyscallError("getsockopt PACKET_FANOUT", err)
	}
	f.index, f.id = index, v&0xffff
	return nil
}

var littleEndian = func() bool { x := uint16(1); return *(*byte)(unsafe.Pointer(&x)) == 1 }()

// hostToNet16 changes to network byte order, or back.
func hostToNet16(v uint16) uint16 {
	if littleEndian {
		return bits.ReverseBytes16(v)
	}
	return v
}

package collector

import (
	"encoding/binary"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// prepareUDP asks the kernel for a receive buffer of so many bytes and for its
// count of datagrams that found it full. got is the buffer that it gave.
func prepareUDP(c *net.UDPConn, want int) (got int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		// With CAP_NET_ADMIN the limit net.core.rmem_max does not bind.
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, want) != nil {
			if failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, want); failed != nil {
				return
			}
		}
		if got, failed = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF); failed != nil {
			return
		}
		got /= 2 // the kernel doubles what it is asked for, for its own book-keeping (socket(7))
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	})
	if err == nil && failed != nil {
		err = fmt.Errorf("socket option: %w", failed)
	}
	return got, err
}

// overflowOf finds the kernel's count in the control messages of a datagram:
// struct cmsghdr { size_t len; int level; int type; }, then a u32.
func overflowOf(oob []byte) (uint32, bool) {
	for len(oob) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return 0, false
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(data) >= 4 {
			return binary.NativeEndian.Uint32(data), true
		}
		oob = rest
	}
	return 0, false
}

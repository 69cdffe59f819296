//go:build !linux

package collector

import "net"

// prepareUDP asks for a receive buffer. This system does not tell how many
// datagrams found it full.
func prepareUDP(c *net.UDPConn, want int) (got int, err error) {
	return want, c.SetReadBuffer(want)
}

func overflowOf([]byte) (uint32, bool) { return 0, false }

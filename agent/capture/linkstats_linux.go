package capture

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// linkStats are counters of a network interface.
type linkStats struct {
	packets uint64 // received and sent
	missed  uint64 // that the card or its driver had no room for
}

// linkStatsOf asks by rtnetlink(7), which is of this network namespace as /sys
// need not be. Of Any it gives the sum.
func linkStatsOf(name string) (linkStats, error) {
	rib, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return linkStats{}, os.NewSyscallError("netlink RTM_GETLINK", err)
	}
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return linkStats{}, os.NewSyscallError("netlink RTM_GETLINK", err)
	}
	var sum linkStats
	found := name == Any
	for i := range messages {
		if messages[i].Header.Type != unix.RTM_NEWLINK {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(&messages[i])
		if err != nil {
			return linkStats{}, os.NewSyscallError("netlink RTM_NEWLINK", err)
		}
		var is string
		var s linkStats
		for _, a := range attributes {
			switch a.Attr.Type {
			case unix.IFLA_IFNAME:
				is = strings.TrimRight(string(a.Value), "\x00")
			case unix.IFLA_STATS64:
				s = parseLinkStats(a.Value)
			}
		}
		if name == Any || is == name {
			found = true
			sum.packets += s.packets
			sum.missed += s.missed
		}
	}
	if !found {
		return linkStats{}, fmt.Errorf("no interface %q", name)
	}
	return sum, nil
}

// parseLinkStats reads struct rtnl_link_stats64. rx_dropped is not in it: it
// counts what the kernel had no use for, which a packet socket sees all the same.
func parseLinkStats(b []byte) linkStats {
	const rxPackets, txPackets, rxFIFOErrors, rxMissedErrors = 0, 1, 14, 15
	at := func(i int) uint64 {
		if len(b) < 8*(i+1) {
			return 0
		}
		return binary.NativeEndian.Uint64(b[8*i:])
	}
	return linkStats{packets: at(rxPackets) + at(txPackets), missed: at(rxFIFOErrors) + at(rxMissedErrors)}
}

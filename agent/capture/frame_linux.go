package capture

import (
	"errors"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/earshot-voip/earshot/internal/packet"
)

// ARPHRD types whose frames begin with an Ethernet header, or with IP.
const (
	arphrdEther, arphrdLoopback = unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK
	arphrdNone, arphrdRawIP     = 0xfffe, 519 // tun, WireGuard; mobile data
)

// fill gives a frame as tcpdump would.
func (l *afpacket) fill(f *packet.Frame, h *unix.Tpacket3Hdr) {
	f.Time = time.Unix(int64(h.Sec), int64(h.Nsec)).UTC()
	if h.Status&unix.TP_STATUS_TS_RAW_HARDWARE != 0 {
		f.Time = l.trusted(f.Time)
	}
	f.Link, f.WireLen = packet.LinkEthernet, int(h.Len)
	ll := sockaddr(h)
	mac, kept := int(h.Mac), int(h.Snaplen)
	if ll.Hatype == arphrdEther || ll.Hatype == arphrdLoopback {
		if h.Status&unix.TP_STATUS_VLAN_VALID != 0 && kept >= 12 {
			mac, kept, f.WireLen = mac-vlanTagSize, kept+vlanTagSize, f.WireLen+vlanTagSize
			putTag(bytesOf(h, mac, kept), h)
		}
		f.Data = bytesOf(h, mac, kept)
		return
	}
	// What the link has before IP is its own affair. The kernel says what is
	// behind it.
	before := min(max(int(h.Net)-mac, 0), kept)
	f.WireLen -= before
	protocol := hostToNet16(ll.Protocol)
	if protocol == unix.ETH_P_IP || protocol == unix.ETH_P_IPV6 {
		f.Link, f.Data = packet.LinkRaw, bytesOf(h, mac+before, kept-before)
		return
	}
	// A cooked frame. packet_mmap leaves 16 bytes before the network header
	// where the header of SLL finds room.
	f.Link, f.Data = packet.LinkSLL, bytesOf(h, mac+before-sllSize, kept-before+sllSize)
	f.WireLen += sllSize
	putSLL(f.Data, ll)
}

// putTag writes the tag that the kernel took off where it was, behind the two
// addresses, which move to the front.
func putTag(b []byte, h *unix.Tpacket3Hdr) {
	tpid := uint16(unix.ETH_P_8021Q)
	if h.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = h.Hv1.Vlan_tpid
	}
	copy(b, b[vlanTagSize:vlanTagSize+12])
	b[12], b[13] = byte(tpid>>8), byte(tpid)
	b[14], b[15] = byte(h.Hv1.Vlan_tci>>8), byte(h.Hv1.Vlan_tci)
}

const sllSize = 16

// putSLL writes packet type, ARPHRD_ type, address length, address and protocol.
func putSLL(b []byte, ll *unix.RawSockaddrLinklayer) {
	b[0], b[1] = 0, ll.Pkttype
	b[2], b[3] = byte(ll.Hatype>>8), byte(ll.Hatype)
	b[4], b[5] = 0, ll.Halen
	copy(b[6:14], ll.Addr[:])
	*(*[2]byte)(b[14:]) = *(*[2]byte)(unsafe.Pointer(&ll.Protocol))
}

// maxClockError is how far a network card's clock may be from the machine's:
// one that nobody sets counts from 1970, or is 37 s ahead, on TAI.
const maxClockError = time.Second

// trusted gives the time of a frame that the card has stamped, as long as its
// clock is right.
func (l *afpacket) trusted(stamp time.Time) time.Time {
	now := time.Now().UTC()
	if off := now.Sub(stamp); l.hardware && l.distrust && off.Abs() > maxClockError {
		l.hardware = false
		err := unix.SetsockoptInt(l.ring.fd, unix.SOL_PACKET, unix.PACKET_TIMESTAMP, 0)
		l.o.Log.Warn("the network card's clock is wrong; the kernel's timestamps are taken", "interface", l.o.Interface, "off", off, "error", err)
	}
	l.distrust = false
	if !l.hardware {
		return now
	}
	return stamp
}

// stamp asks the network card for timestamps.
func (l *afpacket) stamp(r *ring, index int) error {
	l.hardware = false
	if l.o.Timestamps == TimestampsKernel || index == 0 && l.o.Timestamps == TimestampsAuto {
		return nil
	}
	if index == 0 {
		l.fallBack(errors.New("of every interface at once"))
		return nil
	}
	is, err := unix.IoctlGetHwTstamp(r.fd, l.o.Interface)
	stamps := err == nil && is.Rx_filter == unix.HWTSTAMP_FILTER_ALL
	if !stamps && l.o.Timestamps == TimestampsAuto {
		return nil
	}
	if !stamps {
		want := unix.HwTstampConfig{Rx_filter: unix.HWTSTAMP_FILTER_ALL}
		if err == nil {
			want.Tx_type = is.Tx_type
		}
		if err := unix.IoctlSetHwTstamp(r.fd, l.o.Interface, &want); err != nil {
			l.fallBack(os.NewSyscallError("ioctl SIOCSHWTSTAMP", err))
			return nil
		}
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_TIMESTAMP, unix.SOF_TIMESTAMPING_RAW_HARDWARE); err != nil {
		return os.NewSyscallError("setsockopt PACKET_TIMESTAMP", err)
	}
	l.hardware = true
	return nil
}

func (l *afpacket) fallBack(why error) {
	if l.worker == 0 {
		l.o.Log.Warn("no hardware timestamps; the kernel's are taken", "interface", l.o.Interface, "error", why)
	}
}

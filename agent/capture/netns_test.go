//go:build linux

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/earshot-voip/earshot/internal/packet"
)

const insideEnv = "TEST_IN_NAMESPACE"

// inNamespace runs the test in a network namespace of its own, in a process of
// its own, with a pair of interfaces, v0 and v1, that are each other's far end. It
// says whether this is that process.
func inNamespace(t *testing.T, programs ...string) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes a network namespace, and captures in it")
	}
	for _, p := range append(programs, "unshare", "ip") {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is absent (make deps-test)", p)
		}
	}
	if os.Getenv(insideEnv) != "" {
		t.Cleanup(func() { goleak.VerifyNone(t) })
		command(t, "ip", "link", "set", "lo", "up")
		addPair(t)
		return true
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", "--net", "true").CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here: %v %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "2m")
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP: "+t.Name()) {
		t.Skipf("%s", out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in its namespace: %v\n%s", err, out)
	}
	return false
}

func command(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// addPair makes v0 and v1, on which the kernel says nothing of its own.
func addPair(t testing.TB) {
	t.Helper()
	command(t, "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
	for _, name := range []string{"v0", "v1"} {
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0)
		command(t, "ip", "link", "set", name, "arp", "off", "up")
	}
}

// wire sends frames as they are.
type wire struct {
	t  testing.TB
	fd int
}

func onWire(t testing.TB, name string) *wire {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
		t.Fatal(err)
	}
	return &wire{t, fd}
}

func (w *wire) send(frame []byte) {
	w.t.Helper()
	for {
		_, err := unix.Write(w.fd, frame)
		if errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return
	}
}

// udpFrame is an Ethernet frame with a datagram.
func udpFrame(src, dst netip.AddrPort, payload []byte) []byte {
	udp := binary.BigEndian.AppendUint16(nil, src.Port())
	udp = binary.BigEndian.AppendUint16(udp, dst.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(payload)))
	return ipFrame(src.Addr(), dst.Addr(), 0, 1, append(append(udp, 0, 0), payload...))
}

// ipFrame has part of a datagram. Its offset and flag are those of RFC 791.
func ipFrame(src, dst netip.Addr, fragment, id uint16, part []byte) []byte {
	b := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1}, 8, 0, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(part)))
	b = binary.BigEndian.AppendUint16(b, id)
	b = binary.BigEndian.AppendUint16(b, fragment)
	b = append(b, 64, 17, 0, 0)
	b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
	return append(b, part...)
}

// ip6Fragment is part of a datagram behind a fragment header (RFC 8200 section 4.5).
func ip6Fragment(src, dst netip.Addr, field uint16, id uint32, part []byte) []byte {
	b := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1}, 0x86, 0xdd, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(part)))
	b = append(append(append(b, 44, 64), src.AsSlice()...), dst.AsSlice()...)
	b = binary.BigEndian.AppendUint16(append(b, 17, 0), field)
	return append(binary.BigEndian.AppendUint32(b, id), part...)
}

func flow(i int) (a, b netip.AddrPort) {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), uint16(10000+2*i)),
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i / 7)}), uint16(20000+2*i))
}

func openTest(t testing.TB, o LiveOptions) []Live {
	t.Helper()
	all, err := OpenLive(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, l := range all {
			l.Close()
			for {
				if _, err := l.Next(); errors.Is(err, io.EOF) {
					break
				}
			}
		}
	})
	return all
}

// readQuiet gives copies of all frames that come until none came for a while.
func readQuiet(t testing.TB, l Live) (all []packet.Frame) {
	t.Helper()
	for quiet := 0; quiet < 4; {
		f, err := l.Next()
		if errors.Is(err, ErrTimeout) {
			quiet++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		quiet = 0
		f.Data = bytes.Clone(f.Data)
		all = append(all, f)
	}
	return all
}

// tagged puts VLAN tags into a frame.
func tagged(frame []byte, tags ...byte) []byte { return slices.Concat(frame[:12], tags, frame[12:]) }

//go:build linux

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// TestFanout sends both ways, whole datagrams and fragments: each frame comes to
// one worker, once, and what belongs together to the same one.
func TestFanout(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	const flows, each = 40, 25
	for _, workers := range []int{1, 4} {
		all := openTest(t, LiveOptions{Interface: "v0", Workers: workers, Promiscuous: true})
		if len(all) != workers {
			t.Fatalf("%d of %d", len(all), workers)
		}
		in, out := onWire(t, "v1"), onWire(t, "v0")
		for n := range each {
			for i := range flows {
				a, b := flow(i)
				in.send(udpFrame(a, b, fmt.Appendf(nil, "in %d", n)))
				out.send(udpFrame(b, a, fmt.Appendf(nil, "out %d", n)))
				whole := udpFrame(a, b, fmt.Appendf(nil, "parts %d %1000d", n, i))[14+20:]
				in.send(ipFrame(a.Addr(), b.Addr(), 0x2000, uint16(n), whole[:512]))
				in.send(ipFrame(a.Addr(), b.Addr(), 512/8, uint16(n), whole[512:]))
			}
		}
		seen := map[string]int{}
		at := map[string]int{}   // the worker of each flow
		used := map[int]bool{}   // workers
		frames, inFrames := 0, 0 // read, and by the kernel's count
		for w, l := range all {
			d := packet.NewDecoder(packet.Options{})
			for _, f := range readQuiet(t, l) {
				frames++
				if time.Since(f.Time).Abs() > time.Minute || f.WireLen != len(f.Data) {
					t.Fatalf("%+v", f)
				}
				for _, p := range d.Decode(&f) {
					a, b := p.Src, p.Dst
					if b.Port() < a.Port() {
						a, b = b, a
					}
					key := a.String() + " " + b.String()
					if strings.HasPrefix(string(p.Payload), "parts") {
						key += " in fragments"
					}
					if was, ok := at[key]; ok && was != w {
						t.Fatalf("flow %s is with workers %d and %d", key, was, w)
					}
					at[key], used[w] = w, true
					seen[fmt.Sprintf("%s %s %.40s", p.Src, p.Dst, p.Payload)]++
				}
			}
			if s := d.Stats(); s.FragmentsHeld != 0 || s.Undecoded.Total() != 0 {
				t.Errorf("worker %d: %+v", w, s)
			}
			drops, err := l.Drops()
			if err != nil || drops.DroppedKernel != 0 {
				t.Errorf("worker %d: %+v, %v", w, drops, err)
			}
			inFrames += int(drops.Received)
		}
		if frames != 4*flows*each || inFrames != frames || len(seen) != 3*flows*each {
			t.Errorf("%d workers: %d frames read, %d received, %d datagrams; want %d, as many, %d", workers, frames, inFrames, len(seen), 4*flows*each, 3*flows*each)
		}
		for k, n := range seen {
			if n != 1 {
				t.Errorf("%q came %d times", k, n)
			}
		}
		if workers > 1 && len(used) < 2 {
			t.Errorf("of %d workers %d had something to do", workers, len(used))
		}
		for _, l := range all {
			l.Close()
		}
	}
}

// tagged puts VLAN tags into a frame.
func tagged(frame []byte, tags ...byte) []byte { return slices.Concat(frame[:12], tags, frame[12:]) }

// TestVLAN puts the tag back that the kernel takes off each frame that it
// receives, and leaves that behind it.
func TestVLAN(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := openTest(t, LiveOptions{Interface: "v0"})[0]
	w := onWire(t, "v1")
	a, b := flow(1)
	frame := udpFrame(a, b, []byte("tagged"))
	sent := [][]byte{frame, tagged(frame, 0x81, 0, 0x60, 7), tagged(frame, 0x88, 0xa8, 0, 8, 0x81, 0, 0, 9)}
	for _, port := range []uint16{a.Port(), 1} { // the filter sees what the kernel left
		if err := l.SetFilter(Filter{Ports: []PortRange{{port, port}}}); err != nil {
			t.Fatal(err)
		}
		for _, frame := range sent {
			w.send(frame)
		}
		got := readQuiet(t, l)
		if port == 1 {
			if len(got) != 1 || !bytes.Equal(got[0].Data, sent[2]) {
				t.Errorf("%d frames, want the one with a second tag", len(got))
			}
			break
		}
		if len(got) != len(sent) {
			t.Fatalf("%d frames, want %d", len(got), len(sent))
		}
		for i, f := range got {
			if !bytes.Equal(f.Data, sent[i]) || f.WireLen != len(sent[i]) {
				t.Errorf("%x (%d bytes)\nwant %x", f.Data, f.WireLen, sent[i])
			}
			p := packet.NewDecoder(packet.Options{}).Decode(&f)
			if len(p) != 1 || p[0].VLAN != [...]uint16{0, 7, 8}[i] || string(p[0].Payload) != "tagged" {
				t.Errorf("%+v", p)
			}
		}
	}
}

// TestRingDrops stops the reader: what was sent is what was read and what the
// kernel says it dropped, to the frame.
func TestRingDrops(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := openTest(t, LiveOptions{Interface: "v0", BufferBytes: 1})[0]
	w := onWire(t, "v1")
	a, b := flow(1)
	frame := udpFrame(a, b, make([]byte, 1000))
	const sent = 3000
	for range sent {
		w.send(frame)
	}
	read := len(readQuiet(t, l))
	d, err := l.Drops()
	if err != nil || d.Received != sent || uint64(read)+d.DroppedKernel != sent || d.DroppedKernel == 0 || d.Freezes == 0 {
		t.Errorf("%d sent, %d read, %+v, %v", sent, read, d, err)
	}
	w.send(frame)
	if n := len(readQuiet(t, l)); n != 1 {
		t.Errorf("%d frames after the drops, want 1", n)
	}
	if d, err := l.Drops(); err != nil || d.Received != sent+1 {
		t.Errorf("the counters do not go on: %+v, %v", d, err)
	}
}

// TestAny captures from a pair, from loopback, where each frame goes out and
// comes in, and from an interface without link layer.
func TestAny(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	all := openTest(t, LiveOptions{Interface: Any, Workers: 2, Promiscuous: true, Filter: Filter{Ports: []PortRange{{10000, 30000}}}})
	a, b := flow(1)
	onWire(t, "v1").send(udpFrame(a, b, []byte("pair")))
	at, err := net.ListenPacket("udp4", "127.0.0.1:20000")
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	if _, err := at.WriteTo([]byte("loopback"), at.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"pair": 2, "loopback": 1} // out of v1 and into v0
	if tun, err := openTun("tun0"); err != nil {
		t.Logf("without tun: %v", err)
	} else {
		defer tun.Close()
		command(t, "ip", "link", "set", "tun0", "up")
		want["tun"] = 1
		if _, err := tun.Write(udpFrame(a, b, []byte("tun"))[14:]); err != nil {
			t.Fatal(err)
		}
		other := udpFrame(netip.AddrPortFrom(a.Addr(), 1), netip.AddrPortFrom(b.Addr(), 2), []byte("other"))
		if _, err := tun.Write(other[14:]); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int{}
	for _, l := range all {
		d := packet.NewDecoder(packet.Options{})
		for _, f := range readQuiet(t, l) {
			for _, p := range d.Decode(&f) {
				got[string(p.Payload)]++
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func openTun(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	r, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// TestInterfaceReturns removes the interface and makes another of its name.
func TestInterfaceReturns(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	all := openTest(t, LiveOptions{Interface: "v0", Workers: 2, Promiscuous: true, Filter: Filter{Ports: []PortRange{{10000, 10002}}}})
	send := func() {
		a, b := flow(1)
		w := onWire(t, "v1")
		w.send(udpFrame(a, b, []byte("x")))
		w.send(udpFrame(netip.AddrPortFrom(a.Addr(), 1), netip.AddrPortFrom(b.Addr(), 2), []byte("filtered")))
	}
	// Until so many outages were told, by the first worker; how many frames came.
	await := func(outages int) (frames int, told []*Outage) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && len(told) < outages; {
			for _, l := range all {
				_, err := l.Next()
				var o *Outage
				switch {
				case err == nil:
					frames++
				case errors.As(err, &o):
					told = append(told, o)
				case !errors.Is(err, ErrTimeout):
					t.Fatal(err)
				}
			}
		}
		if len(told) != outages {
			t.Fatalf("%d outages told, want %d", len(told), outages)
		}
		return frames, told
	}
	send()
	command(t, "ip", "link", "set", "v0", "down")
	command(t, "ip", "link", "set", "v0", "up") // no outage of ours
	time.Sleep(100 * time.Millisecond)
	send()
	began := time.Now()
	command(t, "ip", "link", "del", "v0")
	frames, told := await(1)
	if frames != 2 || !told[0].To.IsZero() || told[0].From.Sub(began).Abs() > 2*time.Second {
		t.Errorf("%d frames before it was gone, want 2; %+v", frames, told[0])
	}
	addPair(t)
	a, b := flow(2)
	onWire(t, "v1").send(udpFrame(a, b, []byte("missed")))
	frames, told = await(1)
	if frames != 0 || told[0].To.Before(told[0].From) || told[0].Missed != 1 {
		t.Errorf("%d frames, %+v", frames, told[0])
	}
	send()
	if n := len(readQuiet(t, all[0])) + len(readQuiet(t, all[1])); n != 1 {
		t.Errorf("%d frames after it is back, want 1", n)
	}
	if d0, err := all[0].Drops(); err != nil || d0.DroppedKernel != 0 {
		t.Errorf("%+v, %v", d0, err)
	}
}

// TestAgreesWithTcpdump captures what tcpdump does, packet by packet: bytes,
// lengths, and times, which both have of the kernel.
func TestAgreesWithTcpdump(t *testing.T) {
	if !inNamespace(t, "tcpdump") {
		return
	}
	path := filepath.Join(t.TempDir(), "tcpdump.pcap")
	tcpdump := exec.CommandContext(t.Context(), "tcpdump", "-i", "v0", "-U", "--immediate-mode", "-s", "200", "-Z", "root", "--time-stamp-precision=nano", "-w", path)
	var said bytes.Buffer
	tcpdump.Stderr = &said
	if err := tcpdump.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if i, err := os.Stat(path); err == nil && i.Size() >= 24 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("tcpdump does not begin: %s", said.String())
		}
	}
	l := openTest(t, LiveOptions{Interface: "v0", Promiscuous: true, Filter: Filter{SnapLen: 200}})[0]
	w, out := onWire(t, "v1"), onWire(t, "v0")
	for i := range 300 {
		a, b := flow(i % 50)
		w.send(udpFrame(a, b, make([]byte, i)))
		w.send(tagged(udpFrame(a, b, make([]byte, 3*i)), 0x81, 0, 0, 7))
		out.send(udpFrame(b, a, make([]byte, 2*i)))
		w.send(ipFrame(a.Addr(), b.Addr(), 0x2000, uint16(i), make([]byte, 64)))
		w.send(append(make([]byte, 12), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)) // ARP
	}
	got := readQuiet(t, l)
	_ = tcpdump.Process.Signal(os.Interrupt)
	if err := tcpdump.Wait(); err != nil {
		t.Fatalf("tcpdump: %v\n%s", err, said.String())
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for ; ; n++ {
		want, err := f.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || n == len(got) {
			t.Fatalf("tcpdump has more than our %d: %v\n%s", len(got), err, said.String())
		}
		is := got[n]
		is.Data = is.Data[:min(len(is.Data), 200)] // tcpdump counts the tag among the bytes it keeps, we do not
		if !is.Time.Equal(want.Time) || is.WireLen != want.WireLen || !bytes.Equal(is.Data, want.Data) {
			t.Fatalf("frame %d: %v, %d of %d bytes\n%x\ntcpdump: %v, %d of %d bytes\n%x", n, is.Time, len(is.Data), is.WireLen, is.Data, want.Time, len(want.Data), want.WireLen, want.Data)
		}
	}
	if n != len(got) || n != 1500 {
		t.Errorf("we have %d frames, tcpdump %d, sent were 1500", len(got), n)
	}
}

// TestKernelFilter runs generated filters and given ones in the kernel, which
// checks them by rules of its own.
func TestKernelFilter(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	w := onWire(t, "v1")
	l := openTest(t, LiveOptions{Interface: "v0", Promiscuous: true})[0]
	filters := []Filter{
		{},
		{SnapLen: 60},
		{Ports: []PortRange{{10000, 10010}}},
		{RTPPorts: []PortRange{{10000, 10010}}, RTPSnapLen: 12},
		{Hosts: []netip.Prefix{netip.MustParsePrefix("192.0.2.8/29"), netip.MustParsePrefix("2001:db8::/32")}},
		{RTPSnapLen: 12},
	}
	if _, err := loadPcap(); err == nil {
		filters = append(filters, Filter{Given: "udp portrange 10000-10010", SnapLen: 500})
	}
	for _, f := range filters {
		f.Without = []uint16{10004}
		if err := l.SetFilter(f); err != nil {
			t.Fatal(err)
		}
		var want []int
		for i := range 20 {
			a, b := flow(i)
			b0 := udpFrame(a, b, append([]byte{0x80, 0}, make([]byte, 100)...))
			w.send(b0)
			kept := passes(&f, packet.LinkEthernet, b0)
			if f.Given != "" {
				kept = passes(&Filter{Ports: []PortRange{{10000, 10010}}}, packet.LinkEthernet, b0)
			}
			if a.Port() != 10004 && kept > 0 {
				want = append(want, min(kept, len(b0)))
			}
		}
		var got []int
		for _, f := range readQuiet(t, l) {
			got = append(got, len(f.Data))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: bytes kept %v, want %v", f, got, want)
		}
	}
}

// TestRingAllocatesNothing has frames in the ring already.
func TestRingAllocatesNothing(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := openTest(t, LiveOptions{Interface: "v0"})[0]
	w := onWire(t, "v1")
	a, b := flow(1)
	for range 1000 {
		w.send(tagged(udpFrame(a, b, make([]byte, 100)), 0x81, 0, 0, 7))
	}
	time.Sleep(4 * blockTimeout * time.Millisecond)
	if n := testing.AllocsPerRun(900, func() {
		if _, err := l.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// TestClose ends captures that wait, that are read, and that nobody reads.
func TestClose(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	a, b := flow(1)
	frame := udpFrame(a, b, make([]byte, 500))
	w := onWire(t, "v1")
	var sending sync.WaitGroup
	stop := make(chan struct{})
	for _, busy := range []bool{false, true} {
		all := openTest(t, LiveOptions{Interface: "v0", Workers: 2})
		idle := openTest(t, LiveOptions{Interface: "v0"})
		if busy {
			sending.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						w.send(frame)
					}
				}
			})
		}
		var readers sync.WaitGroup
		for _, l := range all {
			readers.Go(func() {
				sum := 0
				for {
					f, err := l.Next()
					if errors.Is(err, io.EOF) {
						return
					}
					for _, c := range f.Data { // that the ring is still there
						sum += int(c)
					}
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		for _, l := range append(all, idle...) {
			l.Close()
			l.Close()
			_, _ = l.Drops()
		}
		readers.Wait()
		if _, err := idle[0].Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after Close: %v", err)
		}
	}
	close(stop)
	sending.Wait()
}

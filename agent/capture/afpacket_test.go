//go:build linux

package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

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
				a6, b6 := netip.AddrFrom16([16]byte{0xfd, 15: byte(i)}), netip.AddrFrom16([16]byte{0xfd, 14: 1, 15: byte(i)})
				in.send(ip6Fragment(a6, b6, 1, uint32(n), whole[:512]))
				in.send(ip6Fragment(a6, b6, 512, uint32(n), whole[512:]))
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
		if frames != 6*flows*each || inFrames != frames || len(seen) != 4*flows*each {
			t.Errorf("%d workers: %d frames read, %d received, %d datagrams; want %d, as many, %d", workers, frames, inFrames, len(seen), 6*flows*each, 4*flows*each)
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

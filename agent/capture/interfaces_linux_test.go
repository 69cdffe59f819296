package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/earshot-voip/earshot/internal/packet"
)

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

// TestLinkStats counts as the kernel does, of one interface and of all.
func TestLinkStats(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	w := onWire(t, "v1")
	before, err := linkStatsOf("v0")
	if err != nil {
		t.Fatal(err)
	}
	all, err := linkStatsOf(Any)
	if err != nil {
		t.Fatal(err)
	}
	a, b := flow(1)
	for range 10 {
		w.send(udpFrame(a, b, nil))
	}
	after, err := linkStatsOf("v0")
	if err != nil || after.packets != before.packets+10 || after.missed != 0 {
		t.Errorf("%+v, then %+v, %v", before, after, err)
	}
	if s, err := linkStatsOf(Any); err != nil || s.packets != all.packets+20 {
		t.Errorf("%+v, then %+v, %v", all, s, err)
	}
	if _, err := linkStatsOf("nosuch0"); err == nil {
		t.Error("counters of an interface that is not there")
	}
	stats := make([]byte, 8*24) // struct rtnl_link_stats64
	for i := range 24 {
		binary.NativeEndian.PutUint64(stats[8*i:], 1<<i)
	}
	if s := parseLinkStats(stats); s.packets != 1<<0+1<<1 || s.missed != 1<<14+1<<15 {
		t.Errorf("%+v", s)
	}
	if s := parseLinkStats(nil); s != (linkStats{}) {
		t.Errorf("%+v", s)
	}
}

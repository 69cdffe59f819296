package capture

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/earshot-voip/earshot/internal/packet"
)

// TestFilterReplaced while frames come: none that passes both filters is lost,
// and none passes that passes neither.
func TestFilterReplaced(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	const frames = 20_000
	one, other := Filter{Ports: []PortRange{{10002, 10002}}}, Filter{Ports: []PortRange{{20002, 20002}}, Hosts: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	all := openTest(t, LiveOptions{Interface: "v0", Workers: 2, Filter: one, Promiscuous: true})
	stop, replaced := make(chan struct{}), make(chan int, 1)
	go func() {
		n := 0
		defer func() { replaced <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			f := one
			if n%2 == 0 {
				f = other
			}
			for _, l := range all {
				if err := l.SetFilter(f); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	w := onWire(t, "v1")
	a, b := flow(1)
	c, d := flow(2)
	for i := range frames {
		w.send(udpFrame(a, b, []byte("both")))
		if i%10 == 0 {
			w.send(udpFrame(c, d, []byte("neither")))
		}
	}
	close(stop)
	n := <-replaced
	seen := map[string]int{}
	for _, l := range all {
		decoder := packet.NewDecoder(packet.Options{})
		for _, f := range readQuiet(t, l) {
			for _, p := range decoder.Decode(&f) {
				seen[string(p.Payload)]++
			}
		}
		if drops, err := l.Drops(); err != nil || drops.DroppedKernel > 0 {
			t.Fatalf("nothing can be said: %+v, %v", drops, err)
		}
	}
	if n < 20 || seen["both"] != frames || seen["neither"] > 0 {
		t.Errorf("filters replaced %d times: %v; want %d of both", n, seen, frames)
	}
	t.Logf("replaced %d times during %d frames", n, frames)

	// What the kernel refuses leaves the filter before in force.
	if err := all[0].SetFilter(Filter{Given: "1,255 0 0 0"}); err == nil || !strings.Contains(err.Error(), "refuses") {
		t.Errorf("a bad program: %v", err)
	}
	for range 10 {
		w.send(udpFrame(a, b, []byte("after")))
	}
	left := 0
	for _, l := range all {
		left += len(readQuiet(t, l))
	}
	if left != 10 {
		t.Errorf("%d of 10 frames after a bad program", left)
	}
}

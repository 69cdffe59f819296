package capture

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/packet"
)

// eachMethod runs a test with every way to capture that this program has.
func eachMethod(t *testing.T, f func(t *testing.T, method string)) {
	for _, method := range []string{MethodAFPacket, MethodLibpcap} {
		t.Run(method, func(t *testing.T) {
			absent := method == MethodAFPacket && runtime.GOOS != "linux"
			if method == MethodLibpcap {
				_, err := openLibpcap(LiveOptions{Interface: "nosuch0"}.withDefaults())
				absent = strings.Contains(err.Error(), "built without")
			}
			if absent {
				t.Skip(method + " is not in this program")
			}
			f(t, method)
		})
	}
}

// TestLive captures datagrams to itself on the loopback interface, each of them
// once.
func TestLive(t *testing.T) { eachMethod(t, testLive) }

func testLive(t *testing.T, method string) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	to, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	port := uint16(to.LocalAddr().(*net.UDPAddr).Port)
	generated := Filter{Ports: []PortRange{{port, port}}, Hosts: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	for _, c := range []struct {
		on     string
		filter Filter
	}{{"lo", Filter{Given: "udp"}}, {"lo", generated}, {Any, generated}, {Any, Filter{Given: "udp"}}} {
		all, err := OpenLive(LiveOptions{Interface: c.on, Method: method, Filter: c.filter})
		if err != nil {
			t.Fatal(err)
		}
		l := all[0]
		from, err := net.Dial("udp4", to.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := from.Write([]byte("earshot live test")); err != nil {
				t.Fatal(err)
			}
		}
		from.Close()
		d := packet.NewDecoder(packet.Options{})
		got := 0
		for quiet := 0; quiet < 3; {
			f, err := l.Next()
			if errors.Is(err, ErrTimeout) {
				quiet++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range d.Decode(&f) {
				if p.Dst.Port() == port && bytes.Equal(p.Payload, []byte("earshot live test")) && time.Since(p.Time).Abs() < time.Minute {
					got++
				}
			}
		}
		if got != 10 {
			t.Errorf("on %s, %v: captured %d of 10 datagrams", c.on, c.filter, got)
		}
		drops, err := l.Drops()
		if err != nil || drops.Received < 10 {
			t.Errorf("%+v, %v", drops, err)
		}
		l.Close()
	}
}

// TestLiveTimeout has an interface on which nothing comes.
func TestLiveTimeout(t *testing.T) { eachMethod(t, testLiveTimeout) }

func testLiveTimeout(t *testing.T, method string) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	all, err := OpenLive(LiveOptions{Interface: "lo", Method: method, Filter: Filter{Given: "udp and host 127.99.98.97"}})
	if err != nil {
		t.Fatal(err)
	}
	l := all[0]
	for range 3 {
		begin := time.Now()
		// The limit leaves room for a busy machine; the timeout is readTimeout.
		if _, err := l.Next(); !errors.Is(err, ErrTimeout) || time.Since(begin) > 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	}
	l.Close()
	if _, err := l.Next(); err == nil || errors.Is(err, ErrTimeout) {
		t.Errorf("after Close: %v", err)
	}
}

func TestLiveErrors(t *testing.T) { eachMethod(t, testLiveErrors) }

func testLiveErrors(t *testing.T, method string) {
	_, err := OpenLive(LiveOptions{Interface: "nosuch0", Method: method})
	if err == nil || !strings.Contains(err.Error(), `"nosuch0": no such interface; there are`) || !strings.Contains(err.Error(), "lo") {
		t.Errorf("%v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	_, err = OpenLive(LiveOptions{Interface: "lo", Method: method, Filter: Filter{Given: "not a filter ("}})
	if err == nil || !strings.Contains(err.Error(), "capture filter") {
		t.Errorf("%v", err)
	}
}

func TestExplainPermission(t *testing.T) {
	err := explain("lo", errors.New("socket: Operation not permitted"))
	if s := err.Error(); !strings.Contains(s, "setcap") || !strings.Contains(s, "root") || !strings.Contains(s, "CAP_NET_RAW") {
		t.Error(s)
	}
}

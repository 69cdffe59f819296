package capture

import (
	"bytes"
	"errors"
	"net"
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

// TestLive captures datagrams to itself on the loopback interface.
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
	port := to.LocalAddr().(*net.UDPAddr).Port
	all, err := OpenLive(LiveOptions{Interface: "lo", Method: method, Filter: Filter{Given: "udp"}})
	if err != nil {
		t.Fatal(err)
	}
	l := all[0]
	defer l.Close()

	from, err := net.Dial("udp4", to.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	for range 10 {
		if _, err := from.Write([]byte("earshot live test")); err != nil {
			t.Fatal(err)
		}
	}
	d := packet.NewDecoder(packet.Options{})
	got, quiet := 0, 0
	for quiet < 20 && got < 10 {
		f, err := l.Next()
		if errors.Is(err, ErrTimeout) {
			quiet++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range d.Decode(&f) {
			if int(p.Dst.Port()) == port && bytes.Equal(p.Payload, []byte("earshot live test")) && time.Since(p.Time).Abs() < time.Minute {
				got++
			}
		}
	}
	if got != 10 {
		t.Errorf("captured %d of 10 datagrams", got)
	}
	drops, err := l.Drops()
	if err != nil || drops.Received < 10 {
		t.Errorf("%+v, %v", drops, err)
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

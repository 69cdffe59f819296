package uplink

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/earshot-voip/earshot/internal/bus"
	"github.com/earshot-voip/earshot/internal/hep"
	"github.com/earshot-voip/earshot/internal/packet"
)

// drain is a collector: it notes what arrives, over TCP.
type drain struct {
	net.Listener
	mu    sync.Mutex
	got   []string // sequence number and payload
	drops []packet.Drop
	conns []net.Conn
	all   sync.WaitGroup
}

// listen opens a collector; an empty address takes a free port.
func listen(t *testing.T, addr string) *drain {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	d := serve(l)
	t.Cleanup(d.kill)
	return d
}

func serve(l net.Listener) *drain {
	d := &drain{Listener: l}
	d.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns = append(d.conns, c)
			d.mu.Unlock()
			d.all.Go(func() { d.read(c) })
		}
	})
	return d
}

func (d *drain) read(c net.Conn) {
	defer c.Close()
	readFrames(c, func(sequence uint64, p *packet.Packet) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if p.Kind == packet.KindDrop {
			if drop, err := packet.ParseDrop(p.Payload); err == nil {
				d.drops = append(d.drops, drop)
			}
			return
		}
		d.got = append(d.got, fmt.Sprintf("%d %s", sequence, p.Payload))
	})
}

// kill ends the collector as if it had died.
func (d *drain) kill() {
	d.Close()
	d.mu.Lock()
	for _, c := range d.conns {
		c.Close()
	}
	d.mu.Unlock()
	d.all.Wait()
}

func (d *drain) url() string { return "tcp://" + d.Addr().String() }

func (d *drain) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.got)
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

// started runs an Uplink; stop ends its input and waits for it.
func started(t *testing.T, o Options) (u *Uplink, stop func()) {
	t.Helper()
	if o.Retry == 0 {
		o.Retry = time.Millisecond
	}
	it := newUplink(t, o)
	done := make(chan error, 1)
	go func() { done <- it.Run(t.Context()) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			it.Input().Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return it, stop
}

func TestAllGetsEverythingEverywhere(t *testing.T) {
	x, y := listen(t, ""), listen(t, "")
	u, stop := started(t, Options{Collectors: []string{x.url(), y.url()}, Mode: All})
	give(t, u, 0, 1000)
	stop()
	for _, d := range []*drain{x, y} {
		eventually(t, "1000 packets at each", func() bool { return d.count() == 1000 })
		for i, got := range d.got {
			if want := fmt.Sprintf("%d OPTIONS %d", i+1, i); got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
	}
}

// TestAllIsHeldUpByNone: a collector that is away does not keep packets from
// the other one.
func TestAllIsHeldUpByNone(t *testing.T) {
	x, away := listen(t, ""), listen(t, "")
	away.kill()
	u, _ := started(t, Options{Collectors: []string{away.url(), x.url()}, Mode: All, SpoolDir: t.TempDir()})
	give(t, u, 0, 1000)
	eventually(t, "1000 packets at the one that is there", func() bool { return x.count() == 1000 })
	eventually(t, "1000 packets in the spool of the other", func() bool { return u.Counts.Waiting.Load() == 1000 })
}

func call(id, i int) *packet.Packet {
	p := options(i)
	p.Payload = fmt.Appendf(nil, "OPTIONS sip:a SIP/2.0\r\nCall-ID: %d\r\nCSeq: %d OPTIONS\r\n\r\n", id, i)
	return p
}

// TestHashKeepsCallsTogether: each Call-ID at one collector, and when one dies
// the others take its share.
func TestHashKeepsCallsTogether(t *testing.T) {
	ds := []*drain{listen(t, ""), listen(t, ""), listen(t, "")}
	var urls []string
	for _, d := range ds {
		urls = append(urls, d.url())
	}
	u, stop := started(t, Options{Collectors: urls, Mode: Hash})
	w := bus.NewPublisher(u.Input())
	send := func(id, i int) {
		if err := w.Add(t.Context(), call(id, i)); err != nil {
			t.Fatal(err)
		}
	}
	for id := range 300 {
		for i := range 3 {
			send(id, i)
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	total := func() (n int) {
		for _, d := range ds {
			n += d.count()
		}
		return n
	}
	eventually(t, "900 packets in all", func() bool { return total() == 900 })
	at := map[string]int{}
	for i, d := range ds {
		if n := d.count(); n < 200 || n > 400 {
			t.Errorf("collector %d has %d of 900 packets", i, n)
		}
		for _, got := range d.got {
			_, id, _ := strings.Cut(got, "Call-ID: ")
			id, _, _ = strings.Cut(id, "\r")
			if before, ok := at[id]; ok && before != i {
				t.Errorf("call %s is at collectors %d and %d", id, before, i)
			}
			at[id] = i
		}
	}
	ds[0].kill()
	time.Sleep(50 * time.Millisecond) // its end is seen
	for id := range 300 {
		send(id, 9)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the share of the dead one at the others", func() bool { return total() == 1200 })
	stop()
}

// TestFailoverComesBack uses the stand-by while the first is away, and the
// first again once it is back.
func TestFailoverComesBack(t *testing.T) {
	first, second := listen(t, ""), listen(t, "")
	addr := first.Addr().String()
	u, stop := started(t, Options{Collectors: []string{first.url(), second.url()}, Prefer: 10 * time.Millisecond})
	give(t, u, 0, 1)
	eventually(t, "a packet at the first", func() bool { return first.count() == 1 })
	first.kill()
	time.Sleep(20 * time.Millisecond)
	give(t, u, 1, 2)
	eventually(t, "a packet at the second", func() bool { return second.count() == 1 })
	first = listen(t, addr)
	n := 2
	eventually(t, "packets at the first again", func() bool {
		give(t, u, n, n+1)
		n++
		return first.count() > 0
	})
	stop()
	eventually(t, "all packets at either", func() bool { return 1+first.count()+second.count() == n })
	if got := first.got[0]; !strings.HasPrefix(got, "2 ") {
		t.Errorf("the first sees number %q after 1: those that the second got are no gap", got)
	}
}

// TestStalledCollector takes nothing: it holds up nobody.
func TestStalledCollector(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := t.Context()
	u := newUplink(t, Options{Collectors: []string{"tcp://" + l.Addr().String()}, SpoolDir: t.TempDir(), SpoolBytes: 1 << 30})
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	w := bus.NewPublisher(u.Input())
	p := options(0)
	p.Payload = make([]byte, 1400)
	const packets = 30_000 // 42 MB, more than sockets hold
	began := time.Now()
	for range packets {
		if err := w.Add(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packets were taken in %v", packets, time.Since(began))
	eventually(t, "all is sent, waits or is lost", func() bool {
		c := &u.Counts
		n := int64(c.Sent.Load()+c.Lost.Load()) + c.Waiting.Load()
		return n >= packets && n < packets+10 && u.Input().Len() == 0 // what tells of losses counts, too
	})
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	d := &drain{}
	d.all.Go(func() { d.read(c) })
	eventually(t, "what waited arrives", func() bool { return d.count() == packets-int(u.Counts.Lost.Load()) })
	u.Input().Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	c.Close()
	d.all.Wait()
}

// TestTooLarge: what fits into no HEP packet is counted and told.
func TestTooLarge(t *testing.T) {
	d := listen(t, "")
	u, stop := started(t, Options{Collectors: []string{d.url()}})
	w := bus.NewPublisher(u.Input())
	p := options(0)
	p.Payload = make([]byte, 70_000)
	for i := range p.Payload {
		p.Payload[i] = byte(i * i >> 3 * 7919 >> 2) // does not compress
	}
	for i := range p.Payload {
		p.Payload[i] ^= byte((i * 2654435761) >> 13)
	}
	if err := w.Add(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	eventually(t, "the loss is told", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.drops) == 1 && d.drops[0].Reason == ReasonTooLarge && d.drops[0].Count == 1
	})
	if u.Counts.Lost.Load() != 1 {
		t.Error(u.Drained())
	}
}

// TestUDPBatches sends more datagrams than one call to the kernel takes.
func TestUDPBatches(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		l, err := net.ListenPacket("udp", host+":0")
		if err != nil {
			t.Skip(err)
		}
		if err := l.(*net.UDPConn).SetReadBuffer(4 << 20); err != nil {
			t.Fatal(err)
		}
		u, stop := started(t, Options{Collectors: []string{"udp://" + l.LocalAddr().String()}, Compress: true, AuthKey: "key"})
		give(t, u, 0, 200)
		stop()
		var dec hep.Decoder
		buf := make([]byte, 1<<16)
		for i := range 200 {
			if err := l.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, _, err := l.ReadFrom(buf)
			if err != nil {
				t.Fatalf("packet %d: %v", i, err)
			}
			var p packet.Packet
			if err := dec.Decode(buf[:n], &p); err != nil || string(p.Payload) != fmt.Sprint("OPTIONS ", i) || string(dec.Extra.AuthKey) != "key" {
				t.Fatalf("packet %d: %q, key %q, %v", i, p.Payload, dec.Extra.AuthKey, err)
			}
		}
		l.Close()
	}
}
